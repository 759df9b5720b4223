package gormstore

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/gormstore/internal/row"
)

// Tail returns at most limit entries that match f and were committed after the
// position, and the position behind what was looked at: entries that don't match
// are not looked at again. "" is the beginning.
//
// Every entry is told once, and none is lost because its transaction committed
// late. The order is that of commits as far as the calls see it: what was
// committed before a call comes before what was committed after it. Among what
// is committed between two calls, SQLite's order is that of commits, PostgreSQL's
// that of the transactions' numbers, MySQL's that of the rows' numbers.
//
// On MySQL and MariaDB, a number that a statement has drawn and whose row is not
// there yet is waited for two minutes, twice as long as InnoDB lets a statement
// wait for a lock by default.
//
// A position that is none of this table's is a *audit.QueryError that unwraps
// to audit.ErrBadCursor.
func (s *Store) Tail(ctx context.Context, f audit.Filter, after string, limit int) (entries []audit.Entry, next string, err error) {
	if err := f.Validate(); err != nil {
		return nil, "", err
	}
	if s, err = s.ready(ctx, s.db); err != nil {
		return nil, "", err
	}
	entries, next, err = s.dialect.tail(ctx, s, selection{filter: f, limit: max(limit, 0)}, after)
	if err != nil {
		return nil, "", s.translate(ctx, err)
	}
	return entries, next, nil
}

// Head returns the position behind the newest committed entry.
func (s *Store) Head(ctx context.Context) (string, error) {
	s, err := s.ready(ctx, s.db)
	if err != nil {
		return "", err
	}
	position, err := s.dialect.head(ctx, s)
	return position, s.translate(ctx, err)
}

func badPosition(position string) error {
	return &audit.QueryError{Param: "cursor", Reason: fmt.Sprintf("%.60q is no position of this table", position), Err: audit.ErrBadCursor}
}

// placed are entries read together with their place in the feed.
type placed[P any] struct {
	entries []audit.Entry
	last    P // the place of the last
}

// add adds what comes behind.
func (p *placed[P]) add(more placed[P]) {
	if len(more.entries) > 0 {
		p.entries, p.last = append(p.entries, more.entries...), more.last
	}
}

// readPlaced reads rows of the selection's names followed by the columns of a place.
func readPlaced[P any](rows *sql.Rows, sel selection, place *P, dest ...any) (placed[P], error) {
	defer rows.Close()
	var got placed[P]
	sc := row.NewScanner(sel.names(), dest...)
	for rows.Next() {
		e, err := sc.Scan(rows)
		if err != nil {
			return got, err
		}
		got.entries, got.last = append(got.entries, e), *place
	}
	return got, rows.Err()
}
