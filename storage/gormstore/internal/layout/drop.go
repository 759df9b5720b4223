package layout

import (
	"context"
	"database/sql"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"time"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/gormstore/internal/row"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqldb"
)

// dropTries is how often a partition is tried to be dropped while others read.
const dropTries = 5

// Drop leaves to be deleted row by row: a part of a month, everything if f has more than
// an end, entries older than the oldest partition, a partition that is being read for
// long.
func (m *Monthly) Drop(ctx context.Context, db *sql.DB, f audit.Filter, limit int, before BeforeDrop) (removed int, err error) {
	end, ok := onlyEnd(f)
	if !ok {
		return 0, nil
	}
	known, err := m.readMonths(ctx, db)
	if err != nil {
		return 0, err
	}
	for _, suffix := range slices.Sorted(maps.Keys(known)) { // the names sort as the months
		next := known[suffix].AddDate(0, 1, 0)
		if next.After(end) || !next.Before(time.Now()) {
			break
		}
		n, dropped, err := m.dropMonth(ctx, db, suffix, known[suffix], limit-removed, before)
		if err != nil || !dropped {
			return removed, err
		}
		removed += n
	}
	return removed, nil
}

// onlyEnd reports whether f asks for everything before a time.
func onlyEnd(f audit.Filter) (time.Time, bool) {
	terms := f.Terms()
	end := terms[0].To
	terms[0].To = time.Time{}
	return end, !end.IsZero() && len(terms) == 1 && reflect.ValueOf(terms[0]).IsZero()
}

// dropMonth drops a partition of at most limit entries. Others wait for it only
// as long as the lock on the whole table is held or waited for: a moment, at most
// lockTimeout.
func (m *Monthly) dropMonth(ctx context.Context, db *sql.DB, suffix string, month time.Time, limit int, before BeforeDrop) (n int, dropped bool, err error) {
	for try := 1; ; try++ {
		n, dropped, err = m.tryDropMonth(ctx, db, suffix, month, limit, before)
		if err == nil || !isLocked(err) && !sqldb.Postgres.IsDeadlock(err) {
			return n, dropped, err
		}
		if try == dropTries {
			return 0, false, nil
		}
		if err := sqldb.Pause(ctx, 10*try); err != nil {
			return 0, false, err
		}
	}
}

func (m *Monthly) tryDropMonth(ctx context.Context, db *sql.DB, suffix string, month time.Time, limit int, before BeforeDrop) (int, bool, error) {
	tx, err := db.BeginTx(ctx, sqldb.Postgres.RemoveOptions)
	if err != nil {
		return 0, false, err
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	part := m.Partition(suffix)
	for _, statement := range []string{
		"SET LOCAL lock_timeout = '" + lockTimeout + "'",
		"LOCK TABLE " + part + " IN SHARE MODE", // what is counted is what is dropped
	} {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return 0, false, err
		}
	}
	older, err := sqldb.Number(ctx, tx, "SELECT count(*) FROM (SELECT 1 FROM "+m.Partition("default")+" WHERE time < $1::timestamptz LIMIT 1) older", row.Postgres.TimeArg(month.UnixMicro()))
	if err != nil || older > 0 {
		return 0, false, err
	}
	n, err := sqldb.Number(ctx, tx, "SELECT count(*) FROM (SELECT 1 FROM "+part+" LIMIT "+strconv.Itoa(limit+1)+") bounded")
	if err != nil || n > limit {
		return 0, false, err
	}
	after, err := before(ctx, tx, part)
	if err != nil {
		return 0, false, err
	}
	for _, statement := range []string{
		// Whether the lock can be had now, before the work that it is needed behind.
		"SAVEPOINT probe",
		"LOCK TABLE ONLY " + m.table + " IN ACCESS EXCLUSIVE MODE",
		"LOCK TABLE " + part + " IN ACCESS EXCLUSIVE MODE",
		"ROLLBACK TO SAVEPOINT probe",
		"DELETE FROM " + m.IDs + " WHERE id IN (SELECT id FROM " + part + ")",
		"DROP TABLE " + part,
	} {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return 0, false, err
		}
	}
	if err := tx.Commit(); err != nil {
		return 0, false, err
	}
	m.months.remove(suffix)
	return n, true, after(ctx)
}
