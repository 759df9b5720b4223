package row

import (
	"github.com/google/uuid"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage"
)

// Stored is what the table has under an ID.
type Stored struct {
	Entry audit.Entry
	Salt  [16]byte
}

// Comparison is what an append finds when some of its IDs are stored.
type Comparison struct {
	Missing   []Row       // not stored; each ID once
	Own       []uuid.UUID // stored by this append: they have its salt
	Conflicts []string    // stored with other content
}

// Compare compares rows with what is stored under their IDs. An entry that another
// append stored with the same content is in none of the lists.
func Compare(rows []Row, stored map[uuid.UUID]Stored) (c Comparison) {
	missing := map[uuid.UUID]bool{}
	for i := range rows {
		r := &rows[i]
		found, ok := stored[r.ID]
		switch {
		case !ok && !missing[r.ID]:
			missing[r.ID] = true
			c.Missing = append(c.Missing, *r)
		case !ok:
		case found.Salt == r.Salt:
			c.Own = append(c.Own, r.ID)
		case !storage.SameEntry(found.Entry, *r.Entry):
			c.Conflicts = append(c.Conflicts, r.Entry.ID)
		}
	}
	return c
}
