package gormstore

import (
	"context"
	"database/sql"
	"errors"
	"slices"

	"github.com/gormtrail/audit/storage/gormstore/internal/row"
	"github.com/gormtrail/audit/storage/gormstore/internal/schema"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqldb"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqlgen"
)

// removing runs fn in a transaction that removes entries, and after it takes what
// only those had out of what is kept. It begins with the lock that keeps other
// writers of that away, and on SQLite all others: what fn reads it may then write.
func (s *Store) removing(ctx context.Context, fn func(tx *sql.Tx, gone *keptValues) error) error {
	tx, err := s.db.BeginTx(ctx, s.engine.RemoveOptions)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	if err := s.lockFacets(ctx, tx); err != nil {
		return err
	}
	texts, err := s.lockTerms(ctx, tx)
	if err != nil {
		return err
	}
	gone := keptValues{values: map[keptValue]struct{}{}}
	if err := fn(tx, &gone); err != nil {
		return err
	}
	if s.schema.Values {
		if err := s.forget(ctx, tx, gone); err != nil {
			return err
		}
	}
	if texts {
		if err := s.forgetTexts(ctx, tx, gone); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// lockFacets counts the version up, so that nothing is written that was read before.
// A store that keeps no values can't tell which are gone.
func (s *Store) lockFacets(ctx context.Context, tx *sql.Tx) error {
	if s.schema.Values {
		return s.lockCheckpoint(ctx, tx, facetsProjection)
	}
	if err := s.lockWrites(ctx, tx); err != nil {
		return err
	}
	return s.discardFacets(ctx, tx)
}

// lockWrites takes the lock that a transaction needs that reads before it writes.
func (s *Store) lockWrites(ctx context.Context, tx sqldb.Execer) error {
	if !s.traits.InProcess {
		return nil
	}
	// It changes nothing. Behind a read SQLite doesn't wait for another writer, but fails.
	_, err := tx.ExecContext(ctx, "UPDATE "+s.table.QuotedVersions(s.traits.Quote)+" SET version = version WHERE 0")
	return err
}

// discardFacets forgets all that any store keeps. The next question about all of the
// trail finds it anew.
func (s *Store) discardFacets(ctx context.Context, m sqldb.Conn) error {
	there, err := has(ctx, m, s.schema.HasFacets())
	if err != nil || !there {
		return err
	}
	if err := s.resetCheckpoint(ctx, m, facetsProjection); err != nil {
		return err
	}
	return sqldb.ExecAll(ctx, m, "DELETE FROM "+s.quotedFacets())
}

// removeRows removes the entries that a SELECT's conditions find, and notes their
// values. It returns how many there were.
func (s *Store) removeRows(ctx context.Context, tx *sql.Tx, gone *keptValues, where func(*sqlgen.Builder) error) (int, error) {
	b := s.newBuilder()
	key := s.traits.RowKey
	b.Add("SELECT ", key[len(key)-1])
	for _, f := range facets {
		b.Add(", ", f.column)
	}
	b.Add(", ", schema.ColObject, " FROM ", s.quoted, " WHERE ")
	if err := where(b); err != nil {
		return 0, err
	}
	keys, err := gone.readRows(ctx, tx, b)
	if err != nil || len(keys) == 0 {
		return 0, err
	}
	b = s.newBuilder()
	s.rows.DeleteKeys(b, keys)
	result, err := tx.ExecContext(ctx, b.String(), b.Args...)
	if err != nil {
		return 0, err
	}
	n, err := result.RowsAffected()
	return int(n), err
}

// readRows reads rows of a key, the columns of facets and the object's.
func (v *keptValues) readRows(ctx context.Context, q sqldb.Queryer, b *sqlgen.Builder) (keys []string, err error) {
	rows, err := q.QueryContext(ctx, b.String(), b.Args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var key, object string
	var values [facetCount]row.TextColumn
	dest := []any{&key}
	for i := range values {
		dest = append(dest, &values[i])
	}
	for dest = append(dest, &object); rows.Next(); {
		if err := rows.Scan(dest...); err != nil {
			return nil, err
		}
		keys = append(keys, key)
		for i, f := range facets {
			v.values[keptValue{f.column, string(values[0]), string(values[i])}] = struct{}{}
		}
		v.values[keptValue{schema.ColObject, string(values[0]), object}] = struct{}{}
	}
	return keys, rows.Err()
}

// of are those in a column.
func (v *keptValues) of(column string) (list []keptValue) {
	for k := range v.values {
		if k.facet == column {
			list = append(list, k)
		}
	}
	return list
}

// forget removes those values from what is kept that no entry has any more. An
// entry that it can't see yet is not told either up to the kept place: its values
// are news.
func (s *Store) forget(ctx context.Context, tx *sql.Tx, gone keptValues) error {
	some, err := sqldb.Number(ctx, tx, "SELECT count(*) FROM (SELECT 1 FROM "+s.quotedFacets()+" LIMIT 1) one")
	if err != nil || some == 0 {
		return err
	}
	if settings := s.engine.SkipScanSettings; settings != "" {
		if _, err := tx.ExecContext(ctx, settings); err != nil {
			return err
		}
	}
	for _, f := range facets {
		for some := range slices.Chunk(gone.of(f.column), s.traits.TableRows) {
			dead, err := s.unused(ctx, tx, f, some)
			if err != nil {
				return err
			}
			if err := s.deleteKept(ctx, tx, dead); err != nil {
				return err
			}
		}
	}
	return nil
}

// unused are those of a facet's values that no entry has.
func (s *Store) unused(ctx context.Context, q sqldb.Queryer, f facet, list []keptValue) ([]keptValue, error) {
	b := s.newBuilder()
	b.Add("SELECT '", f.column, "', k.value, k.tenant FROM ")
	valueTable(b, list)
	b.Add(" WHERE (SELECT 1 FROM ", s.quoted, " e WHERE e.tenant = k.tenant AND e.", f.column, " = k.value", f.partial("e."), " LIMIT 1) IS NULL")
	dead := keptValues{values: map[keptValue]struct{}{}}
	if err := dead.read(ctx, q, b); err != nil {
		return nil, err
	}
	return dead.without(keptValues{}), nil
}

// valueTable writes a table k of values and tenants.
func valueTable(b *sqlgen.Builder, list []keptValue) {
	rows := make([][]string, len(list))
	for i, k := range list {
		rows[i] = []string{k.value, k.tenant}
	}
	b.Table("k", []string{"value", "tenant"}, rows)
}

// withdrawn is what was kept before a month was dropped.
type withdrawn struct {
	store *Store
	checkpoint
	gone keptValues
}

// withdrawKept notes the values of a partition that tx drops, and takes back the
// place: while the table is locked nobody could wait until each value is looked for
// in all other months. That is done by restore, after tx is committed. Until then,
// or if it comes to nothing, values are looked for among the entries.
func (s *Store) withdrawKept(ctx context.Context, tx *sql.Tx, part string) (w withdrawn, err error) {
	if err := s.lockFacets(ctx, tx); err != nil || !s.schema.Values {
		return w, err
	}
	of := " WHERE name = '" + facetsProjection + "'"
	rows, err := tx.QueryContext(ctx, "UPDATE "+s.quotedCheckpoints()+" c SET position = '' FROM (SELECT position FROM "+s.quotedCheckpoints()+of+") was"+of+" RETURNING c.version, was.position, coalesce(nullif(c.state, ''), '0')::bigint")
	if err != nil {
		return w, err
	}
	defer rows.Close()
	if !rows.Next() {
		return w, rows.Err()
	}
	if err := rows.Scan(&w.version, &w.position, &w.appended); err != nil || w.position == "" {
		return w, err
	}
	if err := rows.Close(); err != nil {
		return w, err
	}
	if _, err := tx.ExecContext(ctx, s.engine.SkipScanSettings); err != nil {
		return w, err
	}
	w.store, w.name = s, facetsProjection
	w.gone.values = map[keptValue]struct{}{}
	if err := s.everyValue(ctx, tx, part, w.gone); err != nil {
		return w, err
	}
	// What follows is no walk: with these settings it would take minutes.
	return w, sqldb.ExecAll(ctx, tx, "SET LOCAL jit TO DEFAULT", "SET LOCAL enable_seqscan TO DEFAULT")
}

// restore takes what only the dropped month had out of what is kept, and puts back
// the place, unless somebody has kept something else since.
func (w withdrawn) restore(ctx context.Context) error {
	if w.store == nil {
		return nil
	}
	s := w.store
	tx, err := s.db.BeginTx(ctx, s.engine.RemoveOptions)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	if err := s.takeCheckpoint(ctx, tx, w.checkpoint, true); err != nil {
		if errors.Is(err, errOutrun) {
			return nil
		}
		return err
	}
	if err := s.forget(ctx, tx, w.gone); err != nil {
		return err
	}
	return tx.Commit()
}
