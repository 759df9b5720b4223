package gormstore

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gormtrail/audit/storage/gormstore/internal/row"
	"github.com/gormtrail/audit/storage/gormstore/internal/schema"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqldb"
)

// monthsAhead is how many months have a partition before they begin: so long may
// a process run that neither migrates nor purges nor appends but by AppendTx.
const monthsAhead = 3

// mostMonths is how many partitions are made by themselves. What is in none of
// them is in the default partition, which serves as well, only slower.
const mostMonths = 600

// months are the partitions that are known to be there. What another process
// makes or drops is not known at once, which harms nothing: a partition that is
// there isn't made again, and an entry without one goes to the default partition.
type months struct {
	mu    sync.Mutex
	known map[string]time.Time // by suffix
	again time.Time            // when to try again what has failed
}

const monthForm = "p200601"

// partition is the name of a partition in SQL.
func (d *partitioned) partition(suffix string) string { return d.t.SchemaIndex(suffix, `"`) }

// missing are the months of these rows and those ahead that have no partition.
func (m *months) missing(rows []row.Row, now time.Time) []time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	if now.Before(m.again) {
		return nil
	}
	var list []time.Time
	want := func(month time.Time) {
		if _, ok := m.known[month.Format(monthForm)]; !ok && !slices.Contains(list, month) {
			list = append(list, month)
		}
	}
	for i := range monthsAhead + 1 {
		want(monthOf(now).AddDate(0, i, 0))
	}
	oldest, newest := now.AddDate(-30, 0, 0), now.AddDate(1, 0, 0)
	for i := range rows {
		if at := rows[i].Entry.Time; at.After(oldest) && at.Before(newest) {
			want(monthOf(at))
		}
	}
	return list[:min(len(list), max(0, mostMonths-len(m.known)))]
}

// list are the months that are known, oldest first.
func (m *months) list() []time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.SortedFunc(maps.Values(m.known), time.Time.Compare)
}

// monthAfter is the end of the n months that begin at t, or with the first
// partition.
func (d *partitioned) monthAfter(t time.Time, n int) time.Time {
	if known := d.months.list(); t.IsZero() && len(known) > 0 {
		t = known[0]
	} else if t.IsZero() {
		t = time.Now()
	}
	return monthOf(t).AddDate(0, n, 0)
}

// makeAhead makes the partitions of the coming months and those that rows want.
// Nothing fails for want of them, so an error only means that they are tried
// again in a minute.
func (d *partitioned) makeAhead(ctx context.Context, db *sql.DB, rows []row.Row) {
	now := time.Now()
	list := d.months.missing(rows, now)
	if len(list) == 0 {
		return
	}
	if err := d.makeMonths(ctx, db, list, false); err != nil && ctx.Err() == nil {
		d.months.mu.Lock()
		d.months.again = now.Add(time.Minute)
		d.months.mu.Unlock()
	}
}

// afterMigrate makes the partitions ahead, and moves what lies in the default
// partition to partitions of its months. Who finds another process at it leaves
// it to that.
func (d *partitioned) afterMigrate(ctx context.Context, db *sql.DB) error {
	if err := d.makeMonths(ctx, db, d.months.missing(nil, time.Now()), true); err != nil && !isLocked(err) {
		return err
	}
	return nil
}

// isLocked: lock_not_available. Someone reads for long; the default partition
// serves until the next try.
func isLocked(err error) bool { return sqldb.HasState(err, "55P03") }

// makeMonths makes partitions for these months, and with sort for those of the
// default partition's entries, each in a transaction: others have to wait for one
// of them at most, and no longer than lockTimeout for a lock that it waits for.
func (d *partitioned) makeMonths(ctx context.Context, db *sql.DB, list []time.Time, sort bool) error {
	known, err := d.readMonths(ctx, db)
	if err != nil {
		return err
	}
	if sort {
		strays, err := d.strays(ctx, db)
		if err != nil {
			return err
		}
		list = append(list, strays...)
	}
	for _, month := range list {
		if _, ok := known[month.Format(monthForm)]; ok || len(known) >= mostMonths {
			continue
		}
		if err := sqldb.InTx(ctx, db, sqldb.Postgres.RemoveOptions, func(m sqldb.Conn) error { return d.makeMonth(ctx, m, month) }); err != nil {
			return err
		}
		known[month.Format(monthForm)] = month
	}
	d.months.set(known)
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
func (d *partitioned) makeMonth(ctx context.Context, m sqldb.Conn, month time.Time) error {
	const form = "2006-01-02 15:04:05+00"
	t, part, rest := d.t.Quoted(`"`), d.partition(month.Format(monthForm)), d.partition("default")
	from, to := "'"+month.Format(form)+"'", "'"+month.AddDate(0, 1, 0).Format(form)+"'"
	of := " WHERE time >= " + from + " AND time < " + to
	if err := sqldb.ExecAll(ctx, m, "SET LOCAL lock_timeout = '"+lockTimeout+"'", d.t.PostgresLock()); err != nil {
		return err
	}
	there, err := sqldb.Number(ctx, m, "SELECT count(*) FROM pg_class WHERE oid = to_regclass("+schema.Literal(part)+")")
	if err != nil || there > 0 {
		return err
	}
	n, err := sqldb.Number(ctx, m, "SELECT count(*) FROM (SELECT 1 FROM "+rest+of+" LIMIT "+strconv.Itoa(mostMoved+1)+") bounded")
	if err != nil || n > mostMoved {
		return err
	}
	if n > 0 || !month.After(time.Now()) {
		// A statement that was planned before would look for what is moved where it
		// was, and one that adds to the month would be refused by the default partition.
		if err := sqldb.ExecAll(ctx, m, "LOCK TABLE ONLY "+t+" IN ACCESS EXCLUSIVE MODE"); err != nil {
			return err
		}
	}
	return sqldb.ExecAll(ctx, m,
		"LOCK TABLE "+rest+" IN SHARE ROW EXCLUSIVE MODE",
		"CREATE TABLE "+part+" (LIKE "+t+" INCLUDING DEFAULTS)",
		"WITH moved AS (DELETE FROM "+rest+of+" RETURNING *) INSERT INTO "+part+" SELECT * FROM moved",
		"ALTER TABLE "+t+" ATTACH PARTITION "+part+" FOR VALUES FROM ("+from+") TO ("+to+")",
	)
}

// read learns which partitions there are.
func (m *months) read(ctx context.Context, q sqldb.Queryer, d *partitioned) error {
	known, err := d.readMonths(ctx, q)
	if err == nil {
		m.set(known)
	}
	return err
}

func (m *months) set(known map[string]time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.known = known
}

// readMonths asks which partitions there are.
func (d *partitioned) readMonths(ctx context.Context, q sqldb.Queryer) (map[string]time.Time, error) {
	names, err := sqldb.Strings(ctx, q, "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = to_regclass($1)", d.t.Quoted(`"`))
	known := map[string]time.Time{}
	for _, name := range names {
		suffix, _ := strings.CutPrefix(name, d.t.Base+"_")
		if month, err := time.Parse(monthForm, suffix); err == nil {
			known[suffix] = month
		}
	}
	return known, err
}

// strays are the months of the entries in the default partition.
func (d *partitioned) strays(ctx context.Context, q sqldb.Queryer) ([]time.Time, error) {
	names, err := sqldb.Strings(ctx, q, "SELECT DISTINCT to_char(time AT TIME ZONE 'UTC', '\"p\"YYYYMM') FROM "+d.partition("default")+
		" WHERE time >= now() - interval '30 years' AND time < now() + interval '1 year'")
	var list []time.Time
	for _, name := range names {
		month, parseErr := time.Parse(monthForm, name)
		err = errors.Join(err, parseErr)
		list = append(list, month)
	}
	return list, err
}
