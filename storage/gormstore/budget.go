package gormstore

import "github.com/gormtrail/audit"

// budget bounds the bytes of a page's entries (audit.Query.MaxBytes). nil bounds
// nothing.
type budget struct {
	most, used int
	full       bool // an entry had no room
}

func newBudget(q audit.Query) *budget {
	if q.MaxBytes == 0 {
		return nil
	}
	return &budget{most: q.MaxBytes}
}

// takes reports whether the entry has room. The first one always has.
func (b *budget) takes(e *audit.Entry) bool {
	if b == nil {
		return true
	}
	size := e.Size()
	if b.full = b.used > 0 && b.used+size > b.most; b.full {
		return false
	}
	b.used += size
	return true
}

// spent reports whether an entry had no room.
func (b *budget) spent() bool { return b != nil && b.full }

// restart is for entries that are read a second time.
func (b *budget) restart() {
	if b != nil {
		b.used, b.full = 0, false
	}
}
