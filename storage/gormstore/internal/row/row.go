package row

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage"
)

// FormVersion is the form in which New encodes entries, the value of column form.
const FormVersion = audit.FormVersion

// Row is an entry as the table holds it.
type Row struct {
	ID    uuid.UUID
	Time  int64 // Unix microseconds
	Entry *audit.Entry
	Salt  [16]byte // random: an append recognizes its own rows by it

	user      string // SortUser
	objectKey string // SortObjectID
	ipKey     string // SortIP
	behalf    string // JSON; "": none
	fields    string // FieldTokens of the changes
	search    string // SearchTerms
	changes   string // JSON; "": none
	metadata  string // JSON; "": none
}

// New encodes entries. It returns a *audit.EntryError for an entry that can't be
// stored. The rows refer to the entries, which must not change while they are in use.
func New(entries []audit.Entry) ([]Row, error) {
	rows := make([]Row, len(entries))
	salt := make([]byte, 16*len(entries)) // read once for all rows
	_, _ = rand.Read(salt)                // never fails (crypto/rand)
	var buffer []byte                     // reused by all rows
	for i := range entries {
		var before *Row
		if i > 0 {
			before = &rows[i-1]
		}
		var err *audit.EntryError
		if buffer, err = rows[i].fill(&entries[i], before, buffer); err != nil {
			err.Index = i
			return nil, err
		}
		copy(rows[i].Salt[:], salt[16*i:])
	}
	return rows, nil
}

// fill encodes an entry. before is the preceding row, nil for the first one.
func (r *Row) fill(e *audit.Entry, before *Row, buffer []byte) ([]byte, *audit.EntryError) {
	id, err := ParseID(e.ID)
	if err != nil {
		return buffer, &audit.EntryError{Field: "id", Reason: fmt.Sprintf("%q is not a UUID", e.ID)}
	}
	if e.Damaged != "" {
		return buffer, &audit.EntryError{Field: "damaged", Reason: "was not read whole"}
	}
	r.Entry, r.ID, r.Time = e, id, e.Time.UnixMicro()
	if y := e.Time.UTC().Year(); y < 1 || y > 9999 {
		return buffer, &audit.EntryError{Field: "time", Reason: fmt.Sprintf("the year %d is not one of 1 to 9999", y)}
	}
	r.user, r.objectKey, r.ipKey = e.Actor.User(), storage.ObjectIDKey(e.Object.ID), storage.IPKey(e.Request.IP)
	terms := SearchTerms(e)
	buffer = AppendSeparated(buffer[:0], terms[:])
	r.search = string(buffer)
	if before != nil && sameFields(before.Entry.Changes, e.Changes) {
		r.fields = before.fields // rows of one statement change the same fields
	} else {
		buffer = appendFieldTokens(buffer[:0], e.Changes)
		r.fields = string(buffer)
	}
	if len(e.Changes) > 0 {
		buffer = storage.AppendChanges(buffer[:0], e.Changes)
		r.changes = string(buffer)
	}
	return buffer, r.fillJSON(e)
}

func sameFields(a, b []audit.Change) bool {
	return slices.EqualFunc(a, b, func(x, y audit.Change) bool { return x.Field == y.Field })
}

// fillJSON encodes what most entries don't have.
func (r *Row) fillJSON(e *audit.Entry) *audit.EntryError {
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

// behalfForm is Entry.OnBehalfOf as its column holds it, as in the entry's JSON form.
type behalfForm struct {
	Type  string `json:"type,omitempty"`
	ID    string `json:"id,omitempty"`
	Name  string `json:"name,omitempty"`
	Email string `json:"email,omitempty"`
}

// outcome is never "".
func (r *Row) outcome() string {
	if r.Entry.Outcome == "" {
		return string(audit.Success)
	}
	return string(r.Entry.Outcome)
}

// ParseID parses an entry's ID, which has 36 characters. The error for any other
// text is audit.ErrNotFound.
func ParseID(s string) (uuid.UUID, error) {
	if len(s) != 36 {
		return uuid.UUID{}, audit.ErrNotFound
	}
	return uuid.Parse(s)
}

// Distinct returns the first row of each ID.
func Distinct(rows []Row) []Row {
	seen := make(map[uuid.UUID]bool, len(rows))
	first := make([]Row, 0, len(rows))
	for _, r := range rows {
		if !seen[r.ID] {
			seen[r.ID] = true
			first = append(first, r)
		}
	}
	return first
}
