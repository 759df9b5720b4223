package gormstore

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/gormstore/internal/schema"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqldb"
)

// knownTexts are texts that were written while many entries are folded in, so that
// those of everyday aren't again and again. What another one has written since may
// have removed some: they are good for one version.
type knownTexts struct {
	texts   map[string]struct{}
	of      map[textOf]struct{}
	version int64
}

// mostKnown is how many they may be.
const mostKnown = 500_000

// at leaves what is known at a version.
func (k *knownTexts) at(version int64) {
	if k.of == nil || k.version != version || len(k.of) > mostKnown {
		*k = knownTexts{texts: map[string]struct{}{}, of: map[textOf]struct{}{}, version: version}
	}
}

func (k *knownTexts) add(pairs []textOf) {
	for _, p := range pairs {
		k.texts[p.id], k.of[p] = struct{}{}, struct{}{}
	}
}

// buildTexts folds in all that there is, once, where nothing is kept yet.
func (s *Store) buildTexts(ctx context.Context) error {
	if s.index == nil {
		return nil
	}
	k, _, err := s.readCheckpoint(ctx, termsProjection)
	if err != nil || k.position != "" {
		return err
	}
	return s.catchUp(ctx)
}

// foldTries is how often a fold is tried while others write.
const foldTries = 100

// catchUp folds in all that is behind the place.
func (s *Store) catchUp(ctx context.Context) error {
	var known knownTexts
	for try := 1; ; {
		rest, err := s.foldBehind(ctx, &known)
		switch {
		case err == nil && !rest:
			return nil
		case err == nil:
			try = 1
			continue
		case !s.outrun(err) || try == foldTries:
			return err
		}
		if err := sqldb.Pause(ctx, min(4*try, 40)); err != nil {
			return err
		}
		try++
	}
}

// outrun reports whether what failed is right to be tried again, since another one
// was writing: on SQLite any writer.
func (s *Store) outrun(err error) bool {
	return errors.Is(err, errOutrun) || sqldb.IsBusy(err) || s.engine.IsDeadlock(err)
}

// foldBehind folds in the entries behind the place, no more than one may wait for, but
// for what is known already. rest says that there are more.
func (s *Store) foldBehind(ctx context.Context, known *knownTexts) (rest bool, err error) {
	k, ok, err := s.readCheckpoint(ctx, termsProjection)
	if err != nil || !ok {
		return false, err
	}
	known.at(k.version)
	news, next := newTexts(), k
	sel := selection{limit: min(tailStep, s.mostBehind), brief: true}
	for rest = true; rest && news.entries < s.mostBehind; {
		entries, position, err := s.tail(ctx, sel, next.position)
		if errors.Is(err, audit.ErrBadCursor) { // the database was restored, or is another one
			return true, s.resetCheckpoint(ctx, s.db, termsProjection) // extra terms are harmless, and readers may still need them
		}
		if err != nil {
			return false, err
		}
		for i := range entries {
			news.add(&entries[i])
		}
		next.position, rest = position, len(entries) == sel.limit
	}
	if next.position == k.position {
		return false, nil
	}
	if rest {
		next.appended = k.entries + news.entries
	}
	pairs := news.pairs(known.of)
	if err := s.foldTexts(ctx, next, news.texts, pairs, known); err != nil {
		return false, err
	}
	return rest, nil
}

// foldTexts writes texts and the place up to which they are, as fold does.
func (s *Store) foldTexts(ctx context.Context, k checkpoint, texts map[string]keptText, pairs []textOf, known *knownTexts) error {
	for last := false; !last; {
		some := pairs[:min(len(pairs), foldStep)]
		pairs = pairs[len(some):]
		last = len(pairs) == 0
		err := s.engine.InNoWaitTx(ctx, s.db, func(m sqldb.Conn) error {
			if err := s.takeCheckpoint(ctx, m, k, last); err != nil {
				return err
			}
			return s.insertTexts(ctx, m, texts, some, known)
		})
		if err != nil {
			return err
		}
		known.add(some)
		k.version++
		known.version = k.version
	}
	return nil
}

func (s *Store) insertTexts(ctx context.Context, m sqldb.Conn, texts map[string]keptText, pairs []textOf, known *knownTexts) error {
	var rows, of [][]string
	for i, p := range pairs {
		if _, ok := known.texts[p.id]; !ok && (i == 0 || pairs[i-1].id != p.id) {
			t := texts[p.id]
			rows = append(rows, []string{p.id, t.column, t.value, t.search})
		}
		of = append(of, []string{p.id, p.tenant})
	}
	if err := s.insertRows(ctx, m, s.quotedTerms(), []string{"id", "kind", "value", "search"}, rows); err != nil {
		return err
	}
	return s.insertRows(ctx, m, s.quotedTermsOf(), []string{"id", "tenant"}, of)
}

// textKinds are the columns by whose values texts lead to entries.
var textKinds = []string{schema.ColUser, schema.ColObject, schema.ColAction}

// forgetTexts removes those texts of these values from what is kept that none of the
// tenant's entries has any more, and texts that no tenant has. What it can't see yet
// is not told either up to the kept place: it is news.
func (s *Store) forgetTexts(ctx context.Context, m sqldb.Conn, gone keptValues) error {
	if settings := s.engine.SkipScanSettings; settings != "" && len(gone.values) > 0 {
		if _, err := m.ExecContext(ctx, settings); err != nil {
			return err
		}
	}
	for _, column := range textKinds {
		for some := range slices.Chunk(gone.of(column), s.traits.TableRows) {
			dead, err := s.unusedTexts(ctx, m, column, some)
			if err != nil {
				return err
			}
			if err := s.deleteTexts(ctx, m, dead); err != nil {
				return err
			}
		}
	}
	return nil
}

// lockTerms is lockFacets of texts; false if no store keeps any.
func (s *Store) lockTerms(ctx context.Context, tx *sql.Tx) (bool, error) {
	there, err := s.hasTerms(ctx, tx)
	if err != nil || !there {
		return false, err
	}
	return true, s.lockCheckpoint(ctx, tx, termsProjection)
}

// textValuesOf are the values by which the entries of a table have texts, for
// forgetDropped, nil where no store keeps any.
func (s *Store) textValuesOf(ctx context.Context, q sqldb.Queryer, part string) (*keptValues, error) {
	there, err := s.hasTerms(ctx, q)
	if err != nil || !there {
		return nil, err
	}
	rows, err := q.QueryContext(ctx, "SELECT DISTINCT tenant, "+strings.Join(textKinds, ", ")+" FROM "+part)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	gone := keptValues{values: map[keptValue]struct{}{}}
	var tenant string
	var values [3]string
	for rows.Next() {
		if err := rows.Scan(&tenant, &values[0], &values[1], &values[2]); err != nil {
			return nil, err
		}
		for i, v := range values {
			gone.values[keptValue{textKinds[i], tenant, v}] = struct{}{}
		}
	}
	return &gone, rows.Err()
}

// forgetDropped is forgetTexts after a table was dropped.
func (s *Store) forgetDropped(ctx context.Context, gone *keptValues) error {
	if gone == nil {
		return nil
	}
	tx, err := s.db.BeginTx(ctx, s.engine.RemoveOptions)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	if _, err := s.lockTerms(ctx, tx); err != nil {
		return err
	}
	if err := s.forgetTexts(ctx, tx, *gone); err != nil {
		return err
	}
	return tx.Commit()
}

// unusedTexts are those of a column's values that lie in no entry.
func (s *Store) unusedTexts(ctx context.Context, q sqldb.Queryer, column string, list []keptValue) (dead []textOf, err error) {
	b := s.newBuilder()
	b.WriteString("SELECT o.id, o.tenant FROM ")
	valueTable(b, list)
	b.Add(" CROSS JOIN ", s.quotedTerms(), " x CROSS JOIN ", s.quotedTermsOf(), " o WHERE x.kind = '", column, "' AND x.value = k.value AND o.id = x.id AND o.tenant = k.tenant AND (SELECT 1 FROM ",
		s.quoted, " e WHERE e.tenant = k.tenant AND e.", column, " = k.value AND ", s.dialect.keywordIndex().position(), "(e.search, x.search) > 0 LIMIT 1) IS NULL")
	found, err := q.QueryContext(ctx, b.String(), b.Args...)
	if err != nil {
		return nil, err
	}
	defer found.Close()
	for found.Next() {
		var p textOf
		if err := found.Scan(&p.id, &p.tenant); err != nil {
			return nil, err
		}
		dead = append(dead, p)
	}
	return dead, found.Err()
}

func (s *Store) deleteTexts(ctx context.Context, m sqldb.Execer, dead []textOf) error {
	rows := make([][]string, len(dead))
	for i, p := range dead {
		rows[i] = []string{p.id, p.tenant}
	}
	if err := s.deleteRows(ctx, m, s.quotedTermsOf(), []string{"id", "tenant"}, rows); err != nil {
		return err
	}
	for some := range slices.Chunk(dead, keptRows) {
		ids := make([]string, len(some))
		for i, p := range some {
			ids[i] = p.id
		}
		b := s.newBuilder()
		b.Add("DELETE FROM ", s.quotedTerms(), " WHERE id IN ")
		b.ArgList(ids)
		b.Add(" AND NOT EXISTS (SELECT 1 FROM ", s.quotedTermsOf(), " o WHERE o.id = ", s.quotedTerms(), ".id)")
		if _, err := m.ExecContext(ctx, b.String(), b.Args...); err != nil {
			return err
		}
	}
	return nil
}
