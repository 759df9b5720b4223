package gormstore

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/gormstore/internal/row"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqlgen"
)

// Tail returns at most limit entries that match f and were committed after a position,
// and the position to go on from. See audit.Tailer.
//
// What was committed before a call comes before what was committed after it. Among
// entries committed between two calls, the order is that of commits on SQLite, of the
// transactions' numbers on PostgreSQL, and of the rows' numbers on MySQL.
//
// On MySQL and MariaDB, a number that a statement has drawn and whose row doesn't exist
// yet is waited for two minutes, twice as long as InnoDB lets a statement wait for a
// lock by default.
//
// A position that isn't one of this table's is a *audit.QueryError that unwraps to
// audit.ErrBadCursor.
func (s *Store) Tail(ctx context.Context, f audit.Filter, after string, limit int) (entries []audit.Tailed, next string, err error) {
	return s.TailUntil(ctx, f, after, "", limit)
}

// TailUntil is Tail of what was committed up to another position. See audit.Tailer.
func (s *Store) TailUntil(ctx context.Context, f audit.Filter, after, until string, limit int) (entries []audit.Tailed, next string, err error) {
	if err := f.Validate(); err != nil {
		return nil, "", err
	}
	if s, err = s.ready(ctx, s.db); err != nil {
		return nil, "", err
	}
	t, err := s.feed.tail(ctx, s, selection{filter: f, limit: max(limit, 0)}, after, until)
	if err != nil {
		return nil, "", s.translate(ctx, err)
	}
	for _, positions := range t.positions {
		for _, p := range positions() {
			entries = append(entries, audit.Tailed{Entry: t.entries[len(entries)], Position: p})
		}
	}
	return entries, t.next, nil
}

// Head returns the position behind the newest committed entry.
func (s *Store) Head(ctx context.Context) (string, error) {
	s, err := s.ready(ctx, s.db)
	if err != nil {
		return "", err
	}
	position, err := s.feed.head(ctx, s)
	return position, s.translate(ctx, err)
}

// feedReader reads the feed of one database.
type feedReader interface {
	// tail reads entries behind a position, and up to another one; "" is what is
	// committed now.
	tail(ctx context.Context, s *Store, sel selection, after, until string) (tailed, error)
	head(ctx context.Context, s *Store) (string, error)
	// untilNow writes a condition that selects what is committed now, and nothing
	// that is committed later.
	untilNow(ctx context.Context, s *Store) (func(*sqlgen.Builder), error)
	// longReads reports whether a statement may be read slowly without keeping
	// others from writing.
	longReads(ctx context.Context, s *Store) (bool, error)
}

func feedOf(database string) feedReader {
	switch database {
	case "postgres":
		return postgresFeed{}
	case "mysql":
		return mysqlFeed{}
	}
	return sqliteFeed{}
}

// tailed is an answer of the feed.
type tailed struct {
	entries   []audit.Entry
	positions []func() []string // of all entries: most callers need only next
	next      string
}

func (t *tailed) add(entries []audit.Entry, positions func() []string) {
	if len(entries) > 0 {
		t.entries, t.positions = append(t.entries, entries...), append(t.positions, positions)
	}
}

// tail reads entries behind a position, and returns the next one.
func (s *Store) tail(ctx context.Context, sel selection, after string) ([]audit.Entry, string, error) {
	t, err := s.feed.tail(ctx, s, sel, after, "")
	return t.entries, t.next, err
}

func badPosition(position string) error {
	return &audit.QueryError{Param: "cursor", Reason: fmt.Sprintf("%.60q is no position of this table", position), Err: audit.ErrBadCursor}
}

// indexed are entries and the feed's keys that they were read with.
type indexed[K any] struct {
	entries []audit.Entry
	keys    []K
}

// add adds what comes behind.
func (a *indexed[K]) add(more indexed[K]) {
	a.entries, a.keys = append(a.entries, more.entries...), append(a.keys, more.keys...)
}

// readIndexed reads rows of the selection's names followed by the columns of a key.
func readIndexed[K any](rows *sql.Rows, sel selection, key *K, dest ...any) (indexed[K], error) {
	defer rows.Close()
	var got indexed[K]
	sc := row.NewScanner(sel.names(), dest...)
	for rows.Next() {
		e, err := sc.Scan(rows)
		if err != nil {
			return got, err
		}
		got.entries, got.keys = append(got.entries, e), append(got.keys, *key)
	}
	return got, rows.Err()
}

// positions are the texts of the cursors behind each of the keys.
func positions[K any, C fmt.Stringer](keys []K, behind func(K) C) []string {
	list := make([]string, len(keys))
	for i, k := range keys {
		list[i] = behind(k).String()
	}
	return list
}
