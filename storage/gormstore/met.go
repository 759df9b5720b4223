package gormstore

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/gormstore/internal/row"
	"github.com/gormtrail/audit/storage/gormstore/internal/schema"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqldb"
)

// appending is the entries of one call on their way into a transaction.
type appending struct {
	store *Store
	tx    sqldb.Execer
	fresh []uuid.UUID // the entries that it has inserted
}

// insert inserts the rows, except those of entries that are stored. After a
// *audit.ConflictError some rows may be inserted: the transaction must be rolled back,
// or undo called.
func (a *appending) insert(ctx context.Context, rows []row.Row) error {
	for len(rows) > 0 {
		n := a.store.fit(rows)
		if err := a.insertChunk(ctx, rows[:n]); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}

// insertChunk inserts rows by one statement. Only if that meets a stored ID, what is
// stored is read and compared.
func (a *appending) insertChunk(ctx context.Context, rows []row.Row) error {
	met, err := a.store.put(ctx, a.tx, rows, !a.store.traits.CountsInserted)
	if err != nil {
		return err
	}
	if !met {
		for i := range rows {
			a.fresh = append(a.fresh, rows[i].ID)
		}
		return nil
	}
	for range maxTries {
		left, err := a.compare(ctx, rows)
		if err != nil || len(left) == 0 {
			return err
		}
		if _, err := a.store.put(ctx, a.tx, left, !a.store.traits.CountsInserted); err != nil {
			return err
		}
	}
	return errors.New("gormstore: the entries that were met are removed again and again")
}

// put runs one INSERT of the rows, and reports whether it met an ID that is stored or
// that two of the rows have. If it is strict, it has inserted nothing then.
func (s *Store) put(ctx context.Context, tx sqldb.Execer, rows []row.Row, strict bool) (met bool, err error) {
	statement, args := s.dialect.insert(rows, strict)
	result, err := tx.ExecContext(ctx, statement, args...)
	if err != nil {
		if strict && s.engine.IsDuplicate(err) {
			return true, nil
		}
		return false, s.translate(ctx, err)
	}
	if strict {
		return false, nil
	}
	n, err := result.RowsAffected()
	return err != nil || n != int64(len(rows)), nil // if it can't be told, the rows are compared
}

// compare looks at what is stored under the IDs of the rows, and returns the rows that
// are to be inserted yet, each ID once.
func (a *appending) compare(ctx context.Context, rows []row.Row) (left []row.Row, err error) {
	stored, err := a.store.stored(ctx, a.tx, rows)
	if err != nil {
		return nil, err
	}
	c := row.Compare(rows, stored)
	if len(c.Missing) == 0 || len(c.Conflicts) > 0 {
		a.fresh = append(a.fresh, c.Own...)
	}
	if len(c.Conflicts) > 0 {
		return nil, &audit.ConflictError{IDs: c.Conflicts}
	}
	return c.Missing, nil
}

// undo takes the rows out again that were inserted, if err is a conflict, so that a
// transaction of the host's that commits all the same has none of the call's entries.
func (a *appending) undo(ctx context.Context, err error) error {
	if !errors.Is(err, audit.ErrConflict) {
		return err
	}
	for _, id := range a.fresh {
		b := a.store.newBuilder()
		a.store.rows.DeleteID(b, id)
		if _, undoErr := a.tx.ExecContext(ctx, b.String(), b.Args...); undoErr != nil {
			return errors.Join(err, a.store.translate(ctx, undoErr))
		}
	}
	return err
}

// stored reads the rows that are stored under the IDs of others.
func (s *Store) stored(ctx context.Context, tx sqldb.Execer, rows []row.Row) (map[uuid.UUID]row.Stored, error) {
	q, ok := tx.(sqldb.Queryer)
	if !ok {
		return nil, fmt.Errorf("gormstore: an ID is already stored, and a %T can't be asked what with", tx)
	}
	found := make(map[uuid.UUID]row.Stored, len(rows))
	for some := range slices.Chunk(rows, removeBatch) {
		if err := s.readStored(ctx, q, some, found); err != nil {
			return nil, err
		}
	}
	return found, nil
}

func (s *Store) readStored(ctx context.Context, q sqldb.Queryer, rows []row.Row, found map[uuid.UUID]row.Stored) error {
	ids := make([]uuid.UUID, len(rows))
	for i := range rows {
		ids[i] = rows[i].ID
	}
	b := s.newBuilder()
	b.List(schema.ReadNames, "SELECT ", "e.")
	b.WriteString(", e.salt")
	s.rows.ByIDs(b, ids)
	b.WriteString(s.traits.LastCommitted)
	result, err := q.QueryContext(ctx, b.String(), b.Args...)
	if err != nil {
		return s.translate(ctx, err)
	}
	var salt []byte
	sc := row.NewScanner(schema.ReadNames, &salt)
	defer result.Close()
	for result.Next() {
		e, err := sc.Scan(result)
		if err != nil {
			return err
		}
		id, err := row.ParseID(e.ID)
		if err != nil {
			return fmt.Errorf("gormstore: what was found by an ID has none: %w", err)
		}
		stored := row.Stored{Entry: e}
		copy(stored.Salt[:], salt)
		found[id] = stored
	}
	return s.translate(ctx, result.Err())
}
