package hooks

import (
	"context"
	"errors"

	"gorm.io/gorm"

	"github.com/gormtrail/audit/hooks/internal/sqltext"
)

// Transaction control that a host writes by hand (SAVEPOINT, ROLLBACK TO, COMMIT)
// is followed: what was captured goes with the savepoint, and is in the database
// before a COMMIT.

// controlsOf reads the transaction control in a text; nil for nearly every text.
func (p *Plugin) controlsOf(query string) []sqltext.Control {
	return sqltext.ControlsOf(query, p.dialect.sql())
}

// beforeControls prepares for a text that begins or ends transactions. trails:
// something stands behind its first statement. An error means that it must not run.
func (u *unit) beforeControls(ctx context.Context, list []sqltext.Control, trails bool) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, c := range list {
		ends := c.Verb == "COMMIT" || c.Verb == "BEGIN" || c.ReadOnly || trails && c.EndsByRollback()
		switch {
		case c.Verb == "SAVEPOINT":
			u.appendEarly(ctx)
		case c.Verb == "COMMIT" && u.failed != nil:
			return u.failed
		case ends && u.inTx:
			if err := u.append(ctx, 0); err != nil {
				return err
			}
		}
	}
	return nil
}

// appendEarly appends what would otherwise be held for as long as a savepoint lasts. A
// few entries may wait: nested transactions set savepoints all the time.
func (u *unit) appendEarly(ctx context.Context) {
	if u.inTx && len(u.pending)-u.held() >= maxHeld {
		_ = u.append(ctx, u.held()) // a failure stops the commit
	}
}

// afterControls follows a text that ran.
func (u *unit) afterControls(list []sqltext.Control) error {
	var err error
	for _, c := range list {
		switch {
		case c.Verb == "COMMIT":
			err = u.committed()
		case c.EndsByRollback():
			u.discard()
			u.endedByHand()
		case c.Verb == "LOCK" || c.Verb == "UNLOCK":
			u.locked.Store(c.Verb == "LOCK")
		case c.Verb == "BEGIN" || c.Verb == "SET":
			u.locked.Store(false)
			u.readOnly.Store(c.ReadOnly)
		default:
			u.savepoint(c)
		}
	}
	return err
}

// afterFailedControls follows a text that failed: which of its statements ran is
// not known.
func (u *unit) afterFailedControls(list []sqltext.Control) {
	for _, c := range list {
		if c.Verb == "COMMIT" || c.EndsByRollback() {
			u.endedByHand()
		}
	}
}

// endedByHand has entries appended with each statement from here on, since
// nothing tells of the end of what comes next.
func (u *unit) endedByHand() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.marks = nil
	u.ended = true
	u.checked.Clear()
	u.readOnly.Store(false)
}

// errLocked: the log's tables are not among those that were locked.
var errLocked = errors.New("hooks: after LOCK TABLES no entry can be written, and so no row: use UNLOCK TABLES first")

// lockedOut returns errLocked in a transaction that MySQL's LOCK TABLES ended.
func (p *Plugin) lockedOut(c gorm.ConnPool) error {
	if p.dialect.name == "mysql" && inTransaction(c) && p.unitOf(c).locked.Load() {
		return errLocked
	}
	return nil
}

// committed follows a COMMIT by hand.
func (u *unit) committed() error {
	u.endedByHand()
	u.mu.Lock()
	u.outside = append(u.outside, u.pending...)
	u.keep(0)
	u.mu.Unlock()
	return u.afterCommit()
}

// savepoint follows SAVEPOINT, ROLLBACK TO and RELEASE: what was captured since
// a savepoint goes with it.
func (u *unit) savepoint(c sqltext.Control) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if c.Verb == "ROLLBACK" {
		u.checked.Clear() // the locks on tables go, too
	}
	switch i := u.markAt(c.Savepoint); {
	case c.Verb == "SAVEPOINT":
		u.marks = append(u.marks, mark{name: c.Savepoint, pending: len(u.pending), skips: len(u.skips), failed: u.failed})
	case i < 0:
	case c.Verb == "ROLLBACK":
		m := u.marks[i]
		u.keep(min(m.pending, len(u.pending)))
		u.skips = u.skips[:min(m.skips, len(u.skips))]
		u.failed = m.failed
		u.marks = u.marks[:i+1]
	case c.Verb == "RELEASE":
		u.marks = u.marks[:i]
	}
}
