package layout

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/gormtrail/audit/storage/gormstore/internal/row"
	"github.com/gormtrail/audit/storage/gormstore/internal/schema"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqldb"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqlgen"
)

// Prepare makes partitions for the coming months and for rows. After an error it tries
// again in a minute.
func (m *Monthly) Prepare(ctx context.Context, db *sql.DB, rows []row.Row) {
	now := time.Now()
	list := m.months.missing(rows, now)
	if len(list) == 0 {
		return
	}
	if err := m.makeMonths(ctx, db, list, false); err != nil && ctx.Err() == nil {
		m.months.postpone(now)
	}
}

// Settle makes partitions for the coming months, and moves entries of the default
// partition to partitions of their months. If another process is doing that, it returns
// nil.
func (m *Monthly) Settle(ctx context.Context, db *sql.DB) error {
	if err := m.makeMonths(ctx, db, m.months.missing(nil, time.Now()), true); err != nil && !isLocked(err) {
		return err
	}
	return nil
}

// Pages implements Tables.
func (m *Monthly) Pages(times sqlgen.Window, descending bool) []sqlgen.Window {
	return m.months.pages(times, descending, time.Now())
}

// Purges implements Tables.
func (m *Monthly) Purges(times sqlgen.Window) []sqlgen.Window { return m.months.each(times) }

// isLocked: lock_not_available. Someone reads for long; the default partition
// serves until the next try.
func isLocked(err error) bool { return sqldb.HasState(err, "55P03") }

// makeMonths makes partitions for these months, and with sort for those of the
// default partition's entries, each in a transaction: others have to wait for one
// of them at most, and no longer than lockTimeout for a lock that it waits for.
func (m *Monthly) makeMonths(ctx context.Context, db *sql.DB, list []time.Time, sort bool) error {
	known, err := m.readMonths(ctx, db)
	if err != nil {
		return err
	}
	if sort {
		strays, err := m.strays(ctx, db)
		if err != nil {
			return err
		}
		list = append(list, strays...)
	}
	for _, month := range list {
		if _, ok := known[suffixOf(month)]; ok || len(known) >= maxMonths {
			continue
		}
		if err := sqldb.InTx(ctx, db, sqldb.Postgres.RemoveOptions, func(tx sqldb.Conn) error { return m.makeMonth(ctx, tx, month) }); err != nil {
			return err
		}
		known[suffixOf(month)] = month
	}
	m.months.set(known)
	return nil
}

// lockTimeout is how long readers and writers may have to queue behind a
// statement that wants a lock of its own.
const lockTimeout = "500ms"

// mostMoved is how many entries are moved out of the default partition at once,
// while nobody can read or write the trail. Where a month has more, they stay.
const mostMoved = 20_000

// makeMonth makes a table by itself and then attaches it, which keeps others away
// for a shorter time than PARTITION OF.
func (m *Monthly) makeMonth(ctx context.Context, tx sqldb.Conn, month time.Time) error {
	const form = "2006-01-02 15:04:05+00"
	t, part, rest := m.table, m.Partition(suffixOf(month)), m.Partition("default")
	from, to := "'"+month.Format(form)+"'", "'"+month.AddDate(0, 1, 0).Format(form)+"'"
	of := " WHERE time >= " + from + " AND time < " + to
	if err := sqldb.ExecAll(ctx, tx, "SET LOCAL lock_timeout = '"+lockTimeout+"'", m.t.PostgresLock()); err != nil {
		return err
	}
	there, err := sqldb.Number(ctx, tx, "SELECT count(*) FROM pg_class WHERE oid = to_regclass("+schema.Literal(part)+")")
	if err != nil || there > 0 {
		return err
	}
	n, err := sqldb.Number(ctx, tx, "SELECT count(*) FROM (SELECT 1 FROM "+rest+of+" LIMIT "+strconv.Itoa(mostMoved+1)+") bounded")
	if err != nil || n > mostMoved {
		return err
	}
	if n > 0 || !month.After(time.Now()) {
		// A statement that was planned before would look for what is moved where it
		// was, and one that adds to the month would be refused by the default partition.
		if err := sqldb.ExecAll(ctx, tx, "LOCK TABLE ONLY "+t+" IN ACCESS EXCLUSIVE MODE"); err != nil {
			return err
		}
	}
	return sqldb.ExecAll(ctx, tx,
		"LOCK TABLE "+rest+" IN SHARE ROW EXCLUSIVE MODE",
		"CREATE TABLE "+part+" (LIKE "+t+" INCLUDING DEFAULTS)",
		"WITH moved AS (DELETE FROM "+rest+of+" RETURNING *) INSERT INTO "+part+" SELECT * FROM moved",
		"ALTER TABLE "+t+" ATTACH PARTITION "+part+" FOR VALUES FROM ("+from+") TO ("+to+")",
	)
}

// Learn implements Tables.
func (m *Monthly) Learn(ctx context.Context, q sqldb.Queryer) error {
	known, err := m.readMonths(ctx, q)
	if err == nil {
		m.months.set(known)
	}
	return err
}

// readMonths asks which partitions there are.
func (m *Monthly) readMonths(ctx context.Context, q sqldb.Queryer) (map[string]time.Time, error) {
	names, err := sqldb.Strings(ctx, q, "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = to_regclass($1)", m.table)
	return parsePartitions(m.t.Base, names), err
}

// strays are the months of the entries in the default partition.
func (m *Monthly) strays(ctx context.Context, q sqldb.Queryer) ([]time.Time, error) {
	names, err := sqldb.Strings(ctx, q, "SELECT DISTINCT to_char(time AT TIME ZONE 'UTC', '\"p\"YYYYMM') FROM "+m.Partition("default")+
		" WHERE time >= now() - interval '30 years' AND time < now() + interval '1 year'")
	var list []time.Time
	for _, name := range names {
		month, parseErr := time.Parse(suffixForm, name)
		err = errors.Join(err, parseErr)
		list = append(list, month)
	}
	return list, err
}

// Each has a lock, so that entries moved meanwhile are where the snapshot has them, and no
// partition is dropped.
func (m *Monthly) Each(ctx context.Context, db *sql.DB, fn func(q sqldb.Queryer, table string) error) error {
	return sqldb.ReadTx(ctx, db, sqldb.Postgres.SnapshotOptions, func(tx sqldb.Conn) error {
		if err := sqldb.ExecAll(ctx, tx, "LOCK TABLE "+m.table+" IN ACCESS SHARE MODE", sqldb.Postgres.SkipScanSettings); err != nil {
			return err
		}
		known, err := m.readMonths(ctx, tx)
		if err != nil {
			return err
		}
		for _, suffix := range append(slices.Sorted(maps.Keys(known)), "default") {
			if err := fn(tx, m.Partition(suffix)); err != nil {
				return err
			}
		}
		return nil
	})
}
