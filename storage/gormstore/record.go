package gormstore

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
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

// newRecords makes rows of entries. Random salt is read once for all of them.
func newRecords(entries []audit.Entry) ([]record, error) {
	rows := make([]record, len(entries))
	salt := make([]byte, 16*len(entries))
	_, _ = rand.Read(salt) // never fails (crypto/rand)
	for i := range entries {
		if err := rows[i].fill(&entries[i]); err != nil {
			err.Index = i
			return nil, err
		}
		copy(rows[i].salt[:], salt[16*i:])
	}
	return rows, nil
}

func (r *record) fill(e *audit.Entry) *audit.EntryError {
	id, err := uuid.Parse(e.ID)
	if err != nil || len(e.ID) != 36 {
		return &audit.EntryError{Field: "id", Reason: fmt.Sprintf("%q is not a UUID", e.ID)}
	}
	r.entry, r.id, r.time = e, id, e.Time.UnixMicro()
	if y := e.Time.UTC().Year(); y < 1 || y > 9999 {
		return &audit.EntryError{Field: "time", Reason: fmt.Sprintf("the year %d is not one of 1 to 9999", y)}
	}
	r.user, r.objectKey, r.ipKey = e.Actor.User(), audit.ObjectIDKey(e.Object.ID), audit.IPKey(e.Request.IP)
	r.fields, r.search = fieldTokens(e.Changes), searchText(*e)
	return r.fillJSON(e)
}

func (r *record) fillJSON(e *audit.Entry) *audit.EntryError {
	if a := e.OnBehalfOf; a != nil {
		raw, err := json.Marshal(behalfForm(*a))
		if err != nil {
			return &audit.EntryError{Field: "on_behalf_of", Reason: err.Error()}
		}
		r.behalf = string(raw)
	}
	if len(e.Changes) > 0 {
		r.changes = string(audit.AppendChanges(nil, e.Changes))
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
	e := r.entry
	return len(r.changes) + len(r.metadata) + len(r.fields) + len(r.search) + len(e.Error) + len(e.Comment) +
		len(e.Object.Name) + len(e.Request.UserAgent) + len(e.Request.Path) + 512
}

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

// searchText holds the texts that a keyword is looked for in.
func searchText(e audit.Entry) string {
	var b strings.Builder
	b.WriteString(mark)
	for _, s := range audit.SearchTexts(e) {
		if s != "" {
			b.WriteString(guarded(s))
			b.WriteString(mark)
		}
	}
	return b.String()
}

// fieldTokens holds each field that changed and each that it lies inside of, so
// that one substring answers Filter.Fields: "tags[2].x" is found as "tags",
// "tags[2]" and "tags[2].x".
func fieldTokens(changes []audit.Change) string {
	if len(changes) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString(mark)
	seen := make(map[string]bool) // of paths inside of fields; most entries have none
	for _, c := range changes {
		for i := range len(c.Field) {
			if p := c.Field[:i]; (c.Field[i] == '.' || c.Field[i] == '[') && !seen[p] {
				seen[p] = true
				b.WriteString(guarded(p))
				b.WriteString(mark)
			}
		}
		b.WriteString(guarded(c.Field))
		b.WriteString(mark)
	}
	return b.String()
}
