package gormstore

import (
	"context"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"time"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqldb"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqlgen"
)

// dropTries is how often a partition is tried to be dropped while others read.
const dropTries = 5

// purgeMonths drops the partitions of whole months, oldest first, as long as f
// selects all that is in them and no more than limit. What it leaves is for
// others to delete row by row: a part of a month, a filter of more than an end,
// what is older than the oldest partition, a partition that is read for long.
func (d *partitioned) purgeMonths(ctx context.Context, s *Store, f audit.Filter, limit int) (removed int, err error) {
	end, ok := onlyEnd(f)
	if !ok {
		return 0, nil
	}
	known, err := d.readMonths(ctx, s.db)
	if err != nil {
		return 0, err
	}
	for _, suffix := range slices.Sorted(maps.Keys(known)) { // the names sort as the months
		next := known[suffix].AddDate(0, 1, 0)
		if next.After(end) || !next.Before(time.Now()) {
			break
		}
		n, dropped, err := d.dropMonth(ctx, s, suffix, known[suffix], limit-removed)
		if err != nil || !dropped {
			return removed, err
		}
		removed += n
	}
	return removed, nil
}

// monthly cuts a selection, oldest first, so that each statement concerns one
// month, or what is before, between and behind those that have a partition.
func (d *partitioned) monthly(sel selection) []selection {
	var cuts []time.Time
	for _, month := range d.months.list() {
		cuts = append(cuts, month, month.AddDate(0, 1, 0))
	}
	cuts = slices.CompactFunc(cuts, time.Time.Equal)
	var list []selection
	rest := sel.times()
	for _, cut := range append(cuts, rest.To) {
		part := sel
		part.window = rest
		part.window.Narrow(sqlgen.Window{To: cut})
		if !part.window.Empty() {
			list = append(list, part)
			rest.Narrow(sqlgen.Window{From: cut})
		}
	}
	return list
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
func (d *partitioned) dropMonth(ctx context.Context, s *Store, suffix string, month time.Time, limit int) (n int, dropped bool, err error) {
	for try := 1; ; try++ {
		n, dropped, err = d.tryDropMonth(ctx, s, suffix, month, limit)
		if err == nil || !isLocked(err) && !sqldb.Postgres.IsDeadlock(err) {
			return n, dropped, err
		}
		if try == dropTries {
			return 0, false, nil
		}
		if err := pause(ctx, 10*try); err != nil {
			return 0, false, err
		}
	}
}

func (d *partitioned) tryDropMonth(ctx context.Context, s *Store, suffix string, month time.Time, limit int) (int, bool, error) {
	tx, err := s.db.BeginTx(ctx, sqldb.Postgres.RemoveOptions)
	if err != nil {
		return 0, false, err
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	part := d.partition(suffix)
	for _, statement := range []string{
		"SET LOCAL lock_timeout = '" + lockTimeout + "'",
		"LOCK TABLE " + part + " IN SHARE MODE", // what is counted is what is dropped
	} {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return 0, false, err
		}
	}
	older, err := sqldb.Number(ctx, tx, "SELECT count(*) FROM (SELECT 1 FROM "+d.partition("default")+" WHERE time < $1::timestamptz LIMIT 1) older", sqlgen.PostgresTraits.Format.TimeArg(month.UnixMicro()))
	if err != nil || older > 0 {
		return 0, false, err
	}
	n, err := sqldb.Number(ctx, tx, "SELECT count(*) FROM (SELECT 1 FROM "+part+" LIMIT "+strconv.Itoa(limit+1)+") bounded")
	if err != nil || n > limit {
		return 0, false, err
	}
	texts, err := s.textValuesOf(ctx, tx, part)
	if err != nil {
		return 0, false, err
	}
	withdrawn, err := s.withdrawKept(ctx, tx, part)
	if err != nil {
		return 0, false, err
	}
	for _, statement := range []string{
		// Whether the lock can be had now, before the work that it is needed behind.
		"SAVEPOINT probe",
		"LOCK TABLE ONLY " + d.t.Quoted(`"`) + " IN ACCESS EXCLUSIVE MODE",
		"LOCK TABLE " + part + " IN ACCESS EXCLUSIVE MODE",
		"ROLLBACK TO SAVEPOINT probe",
		"DELETE FROM " + d.ids + " WHERE id IN (SELECT id FROM " + part + ")",
		"DROP TABLE " + part,
	} {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return 0, false, err
		}
	}
	if err := tx.Commit(); err != nil {
		return 0, false, err
	}
	d.months.mu.Lock()
	delete(d.months.known, suffix)
	d.months.mu.Unlock()
	return n, true, errors.Join(withdrawn.restore(ctx), s.forgetDropped(ctx, texts))
}
