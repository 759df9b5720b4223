package gormstore

import (
	"context"
	"database/sql"
	"slices"
	"strconv"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage"
	"github.com/gormtrail/audit/storage/gormstore/internal/row"
	"github.com/gormtrail/audit/storage/gormstore/internal/schema"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqldb"
)

// Replace puts masked entries in the place of those that are as old says, and forgets
// the texts of Options.KeywordIndex that only the old ones had, in one transaction.
//
// Errors: *audit.EntryError for entries that differ in more than masking changes;
// audit.ErrNotMigrated, the context's, the database's.
func (s *Store) Replace(ctx context.Context, old, masked []audit.Entry) (int, error) {
	if err := storage.CheckReplacement(old, masked); err != nil {
		return 0, err
	}
	if len(old) == 0 {
		return 0, ctx.Err()
	}
	rows, err := row.New(masked)
	if err != nil {
		return 0, err
	}
	if s, err = s.ready(ctx, s.db); err != nil {
		return 0, err
	}
	for try := 1; ; try++ {
		n, err := s.replace(ctx, old, rows)
		if err == nil || try == maxTries || !s.engine.IsDeadlock(err) {
			return n, s.translate(ctx, err)
		}
		if err := sqldb.Pause(ctx, try); err != nil {
			return 0, err
		}
	}
}

func (s *Store) replace(ctx context.Context, old []audit.Entry, rows []row.Row) (n int, err error) {
	tx, err := s.db.BeginTx(ctx, s.engine.RemoveOptions)
	if err != nil {
		return 0, err
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	if err := s.lockWrites(ctx, tx); err != nil {
		return 0, err
	}
	texts, err := s.lockTerms(ctx, tx)
	if err != nil {
		return 0, err
	}
	gone, news := keptValues{values: map[keptValue]struct{}{}}, newTexts()
	for some := range slices.Chunk(old, removeBatch) {
		stored, err := s.lockEntries(ctx, tx, some)
		if err != nil {
			return 0, err
		}
		for i, e := range some {
			if was, there := stored[e.ID]; !there || !storage.Identical(was, e) {
				continue
			}
			if err := s.update(ctx, tx, &rows[i]); err != nil {
				return 0, err
			}
			gone.values[keptValue{schema.ColObject, e.Tenant, storage.ObjectIDKey(e.Object.ID)}] = struct{}{}
			news.add(rows[i].Entry)
			n++
		}
		rows = rows[len(some):]
	}
	if texts && n > 0 {
		if err := s.insertTexts(ctx, tx, news.texts, news.pairs(nil), &knownTexts{}); err != nil {
			return 0, err
		}
		if err := s.forgetTexts(ctx, tx, gone); err != nil {
			return 0, err
		}
	}
	return n, tx.Commit()
}

// lockEntries reads the stored entries with these IDs, by ID, and locks them.
func (s *Store) lockEntries(ctx context.Context, tx *sql.Tx, list []audit.Entry) (map[string]audit.Entry, error) {
	rows, err := row.New(list)
	if err != nil {
		return nil, err
	}
	b := s.newBuilder()
	b.List(schema.ReadNames, "SELECT ", "")
	b.Add(" FROM ", s.quoted, " WHERE ")
	b.AnyOf(len(rows), func(i int) { s.rows.IsRow(b, rows[i].ID, rows[i].Time) })
	b.WriteString(s.traits.RowLock)
	found, err := tx.QueryContext(ctx, b.String(), b.Args...)
	if err != nil {
		return nil, err
	}
	defer found.Close()
	stored := make(map[string]audit.Entry, len(list))
	for sc := row.NewScanner(schema.ReadNames); found.Next(); {
		e, err := sc.Scan(found)
		if err != nil {
			return nil, err
		}
		stored[e.ID] = e
	}
	return stored, found.Err()
}

// update writes what masking may change.
func (s *Store) update(ctx context.Context, tx sqldb.Execer, r *row.Row) error {
	b := s.newBuilder()
	b.Add("UPDATE ", s.quoted, " SET form = ", strconv.Itoa(row.FormVersion))
	texts := r.Texts()
	for _, name := range row.MaskedNames {
		b.Add(", ", name, " = ")
		b.Arg(texts.Text(name))
	}
	b.WriteString(" WHERE ")
	s.rows.IsRow(b, r.ID, r.Time)
	_, err := tx.ExecContext(ctx, b.String(), b.Args...)
	return err
}
