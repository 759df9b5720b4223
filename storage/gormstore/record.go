package gormstore

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/gormtrail/audit"
)

// record is an entry as a row: what the columns hold, in each database's own
// types only where it builds its parameters.
type record struct {
	id        [16]byte
	time      int64 // Unix microseconds
	entry     *audit.Entry
	user      string // SortUser
	objectKey string // SortObjectID
	ipKey     string // SortIP
	behalf    string // JSON, "" for none
	fields    string // what a filter's Fields are looked for in
	search    string // what a keyword is looked for in
	salt      [16]byte
	changes   string // JSON, "" for none
	metadata  string // JSON, "" for none
}

// newRecords makes rows of entries. Random salt is read once for all of them,
// and what a text is written into first is used for all.
func newRecords(entries []audit.Entry) ([]record, error) {
	rows := make([]record, len(entries))
	salt := make([]byte, 16*len(entries))
	_, _ = rand.Read(salt) // never fails (crypto/rand)
	var buffer []byte
	for i := range entries {
		var before *record
		if i > 0 {
			before = &rows[i-1]
		}
		var err *audit.EntryError
		if buffer, err = rows[i].fill(&entries[i], before, buffer); err != nil {
			err.Index = i
			return nil, err
		}
		copy(rows[i].salt[:], salt[16*i:])
	}
	return rows, nil
}

// fill makes the row of an entry; before is the row before it, if any.
func (r *record) fill(e *audit.Entry, before *record, buffer []byte) ([]byte, *audit.EntryError) {
	id, err := uuid.Parse(e.ID)
	if err != nil || len(e.ID) != 36 {
		return buffer, &audit.EntryError{Field: "id", Reason: fmt.Sprintf("%q is not a UUID", e.ID)}
	}
	if e.Damaged != "" {
		return buffer, &audit.EntryError{Field: "damaged", Reason: "was not read whole"}
	}
	r.entry, r.id, r.time = e, id, e.Time.UnixMicro()
	if y := e.Time.UTC().Year(); y < 1 || y > 9999 {
		return buffer, &audit.EntryError{Field: "time", Reason: fmt.Sprintf("the year %d is not one of 1 to 9999", y)}
	}
	r.user, r.objectKey, r.ipKey = e.Actor.User(), audit.ObjectIDKey(e.Object.ID), audit.IPKey(e.Request.IP)
	buffer = appendSearchText(buffer[:0], *e)
	r.search = string(buffer)
	if before != nil && sameFields(before.entry.Changes, e.Changes) {
		r.fields = before.fields // as of rows that one statement made
	} else {
		buffer = appendFieldTokens(buffer[:0], e.Changes)
		r.fields = string(buffer)
	}
	if len(e.Changes) > 0 {
		buffer = audit.AppendChanges(buffer[:0], e.Changes)
		r.changes = string(buffer)
	}
	return buffer, r.fillJSON(e)
}

func sameFields(a, b []audit.Change) bool {
	return slices.EqualFunc(a, b, func(x, y audit.Change) bool { return x.Field == y.Field })
}

// fillJSON is for what most entries don't have.
func (r *record) fillJSON(e *audit.Entry) *audit.EntryError {
	if a := e.OnBehalfOf; a != nil {
		raw, err := json.Marshal(behalfForm(*a))
		if err != nil {
			return &audit.EntryError{Field: "on_behalf_of", Reason: err.Error()}
		}
		r.behalf = string(raw)
	}
	if len(e.Metadata) > 0 {
		raw, err := json.Marshal(e.Metadata)
		if err != nil {
			return &audit.EntryError{Field: "metadata", Reason: err.Error()}
		}
		r.metadata = string(raw)
	}
	return nil
}

// behalfForm is Entry.OnBehalfOf as its column holds it, the same as in the
// entry's JSON form.
type behalfForm struct {
	Type  string `json:"type,omitempty"`
	ID    string `json:"id,omitempty"`
	Name  string `json:"name,omitempty"`
	Email string `json:"email,omitempty"`
}

// outcome is never "".
func (r *record) outcome() string {
	if r.entry.Outcome == "" {
		return string(audit.Success)
	}
	return string(r.entry.Outcome)
}

// size is about what the row weighs in a statement, in bytes.
func (r *record) size() int {
	size := rowOverhead
	for _, text := range r.texts() {
		size += len(text)
	}
	return size
}

// rowOverhead is what a row has beside its texts: numbers, the frame of each
// parameter, its place in the statement.
const rowOverhead = 512

// mark stands before, between and after the texts of a column that is searched.
const mark = "\x1f"

// guard writes a text so that a search in a marked column finds it where it is,
// and never across a mark. The three control characters that it replaces make a
// comma-free code: none of its words begins inside of two others, and the mark
// between a word's last and first character makes no word.
var guard = strings.NewReplacer("\x1d", "\x1d\x1d\x1e", "\x1e", "\x1d\x1e\x1e", "\x1f", "\x1d\x1f\x1e").Replace

func guarded(s string) string {
	if strings.ContainsAny(s, "\x1d\x1e\x1f") {
		return guard(s)
	}
	return s
}

// searchTexts are the texts of the column search: of those that a keyword is looked for
// in (builder.keyword) the first that there were.
func searchTexts(e *audit.Entry) [5]string {
	return [...]string{audit.Fold(e.Actor.Name), audit.Fold(e.Actor.Email), audit.Fold(e.Object.Name), audit.Fold(e.Object.ID), audit.Fold(e.Action)}
}

func appendSearchText(b []byte, e audit.Entry) []byte {
	texts := searchTexts(&e)
	return appendMarked(b, texts[:])
}

// appendMarked writes texts, without empty ones.
func appendMarked(b []byte, texts []string) []byte {
	b = append(b, mark...)
	for _, s := range texts {
		if s != "" {
			b = append(append(b, guarded(s)...), mark...)
		}
	}
	return b
}

// appendFieldTokens writes each field that changed and each that it lies inside
// of, so that one substring answers Filter.Fields: "tags[2].x" is found as
// "tags", "tags[2]" and "tags[2].x".
func appendFieldTokens(b []byte, changes []audit.Change) []byte {
	if len(changes) == 0 {
		return b
	}
	b = append(b, mark...)
	var seen map[string]bool // of paths inside of fields; most entries have none
	for _, c := range changes {
		for i := range len(c.Field) {
			if p := c.Field[:i]; (c.Field[i] == '.' || c.Field[i] == '[') && !seen[p] {
				if seen == nil {
					seen = make(map[string]bool)
				}
				seen[p] = true
				b = append(append(b, guarded(p)...), mark...)
			}
		}
		b = append(append(b, guarded(c.Field)...), mark...)
	}
	return b
}
