package gormstore

import (
	"bytes"
	"context"
	"slices"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/gormstore/internal/row"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqldb"
)

// Append stores the entries in a transaction of its own, all or none. When it
// returns nil they are committed. An entry that is already stored is passed over.
//
// With SQLite it waits for the writer that holds the lock as long as the
// connection's busy_timeout says, so a caller that has a transaction of its own
// open must use AppendTx.
//
// Errors: *audit.ConflictError for an ID that is stored with other content;
// *audit.EntryError for an ID that is no UUID, an entry that was read damaged, or one
// that is larger than what the server takes in a statement; audit.ErrNotMigrated, the
// context's, the database's.
func (s *Store) Append(ctx context.Context, entries ...audit.Entry) error {
	if len(entries) == 0 {
		return ctx.Err()
	}
	rows, err := row.New(entries)
	if err != nil {
		return err
	}
	if s, err = s.ready(ctx, s.db); err != nil {
		return err
	}
	s.tables.Prepare(ctx, s.db, rows)
	for try := 1; ; try++ {
		err := s.append(ctx, rows)
		if err == nil {
			s.known.appendedHere(len(rows), s.foldAfter)
		}
		if err == nil || try == maxTries || !s.engine.IsDeadlock(err) {
			return err
		}
		// Who waits for IDs in their order waits for nobody who waits for him.
		slices.SortStableFunc(rows, func(a, b row.Row) int { return bytes.Compare(a.ID[:], b.ID[:]) })
		if err := sqldb.Pause(ctx, try); err != nil {
			return err
		}
	}
}

// maxTries: who appends the same IDs at the same time can meet a deadlock, which
// ends one of the two without a trace.
const maxTries = 20

func (s *Store) append(ctx context.Context, rows []row.Row) error {
	if err := s.checkSizes(ctx, s.db, rows); err != nil {
		return err
	}
	if s.fit(rows) == len(rows) {
		// One statement is a transaction. If it meets a stored ID it stores nothing.
		if met, err := s.put(ctx, s.db, rows, true); !met {
			return err
		}
	}
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return s.translate(ctx, err)
	}
	if err := (&appending{store: s, tx: tx}).insert(ctx, rows); err != nil {
		_ = tx.Rollback() // the first error is the one to tell
		return err
	}
	return s.translate(ctx, tx.Commit())
}

// AppendTx stores the entries through tx, in one statement where they are few:
// nothing but that statement is sent. They are durable when, and only when, the
// transaction that tx belongs to commits.
//
// After a *audit.ConflictError the transaction has none of the entries, and goes on;
// tx must have QueryContext for that. Errors that are found before the statement,
// audit.ErrNotMigrated among them, leave the transaction as it was. Any other error is
// the statement's; on PostgreSQL the transaction can then only be rolled back.
func (s *Store) AppendTx(ctx context.Context, tx audit.Execer, entries ...audit.Entry) error {
	if len(entries) == 0 {
		return nil
	}
	if parts := row.Split(entries); len(parts) > 1 {
		return s.appendParts(ctx, tx, parts)
	}
	rows, err := row.New(entries)
	if err != nil {
		return err
	}
	if s, err = s.readyIn(ctx, tx); err != nil {
		return err
	}
	if err := s.checkSizes(ctx, tx, rows); err != nil {
		return err
	}
	a := &appending{store: s, tx: tx}
	err = a.undo(ctx, a.insert(ctx, rows))
	if err == nil {
		s.known.appendedHere(len(rows), s.foldAfter)
	}
	return err
}
