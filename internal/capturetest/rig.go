package capturetest

import (
	"context"
	"fmt"
	"sort"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/gormtrail/audit/hooks"
	"github.com/gormtrail/audit/internal/capturetest/dbtest"
)

// rig is a database in two copies, one with capture and one without, on which
// the same programs run, so that also the keys they give stay equal.
type rig struct {
	workload *workload
	hosts    [2]*host // without, with
	dbs      [2]map[string]*gorm.DB
}

// handle is a way in which hosts open GORM.
type handle struct {
	gorm.Config
	// before and after are plugins that a host uses beside capture.
	before, after func(e *env) gorm.Plugin
}

var handles = map[string]handle{
	"defaults":               {},
	"SkipDefaultTransaction": {Config: gorm.Config{SkipDefaultTransaction: true}},
	"PrepareStmt":            {Config: gorm.Config{PrepareStmt: true}},
	"both":                   {Config: gorm.Config{SkipDefaultTransaction: true, PrepareStmt: true}},
}

func newRig(t *testing.T, name string, w *workload) *rig {
	t.Helper()
	r := &rig{workload: w}
	for i := range r.hosts {
		e, err := openEnv(name, nil, w.world)
		if err != nil {
			dbtest.Missing(t, err)
		}
		t.Cleanup(func() { _ = e.base.Close() })
		h := &host{e: e, now: at(1)}
		r.hosts[i], r.dbs[i] = h, map[string]*gorm.DB{}
		for _, way := range keysOf(w.ways()) {
			if r.dbs[i][way], err = h.open(w.ways()[way], i == 1); err != nil {
				t.Fatal(err)
			}
			// Every table is met once before, so that each program finds the same.
			e.reset()
			if s := recovered(func() { w.begin(e, r.dbs[i][way]); w.world.meet(e, r.dbs[i][way]) }); s != "" {
				t.Fatal(s)
			}
		}
	}
	return r
}

func (h *host) open(way handle, captures bool) (*gorm.DB, error) {
	c := config()
	c.SkipDefaultTransaction, c.PrepareStmt = way.SkipDefaultTransaction, way.PrepareStmt
	c.NowFunc = func() time.Time { return h.now }
	db, err := gorm.Open(h.e.base.Dialector(), c)
	if err != nil {
		return nil, err
	}
	var plugins []gorm.Plugin
	if way.before != nil {
		plugins = append(plugins, way.before(h.e))
	}
	if captures {
		plugins = append(plugins, hooks.New(h.e.trail, nil))
	}
	if way.after != nil {
		plugins = append(plugins, way.after(h.e))
	}
	for _, p := range plugins {
		if err := db.Use(p); err != nil {
			return nil, err
		}
	}
	return db, h.e.settles(db)
}

// play runs the program on both copies, on a handle that was opened in that
// way, and says what is wrong.
func (r *rig) play(program []op, way string) []string {
	var wrong []string
	for i, h := range r.hosts {
		if h.e.world.fresh {
			h.e.world.rebuild(h.e)
		}
		h.e.reset()
		h.seen, h.now = nil, at(1)
		h.e.no(h.e.plain.Transaction(func(tx *gorm.DB) error { r.workload.begin(h.e, tx); return nil }))
		run := func(db *gorm.DB) {
			for _, o := range program {
				h.now = h.now.Add(time.Second)
				o.run(h, db)
			}
		}
		if i == 0 {
			if s := recovered(func() { run(r.dbs[0][way].WithContext(context.Background())) }); s != "" {
				wrong = append(wrong, "without capture: "+s)
			}
			continue
		}
		handle := h.e.db
		h.e.db = r.dbs[1][way]
		wrong = append(wrong, h.e.judged(run)...)
		h.e.db = handle
		if n := h.e.inUse(); n > 0 {
			wrong = append(wrong, fmt.Sprintf("%d connections are still in use", n))
		}
	}
	return append(wrong, r.compare()...)
}

// compare says what a host can see of capture: what statements answer, and the
// rows that remain. Of statements that choose rows by chance, it is their errors.
func (r *rig) compare() []string {
	var wrong []string
	a, b := r.hosts[0], r.hosts[1]
	for i := range max(len(a.seen), len(b.seen)) {
		x, y := nth(a.seen, i), nth(b.seen, i)
		if pgxBroke(x) || pgxBroke(y) || staleType(x) && !staleType(y) {
			return wrong // what fails from here on depends on what each connection has prepared
		}
		if r.workload.byChance {
			x, y = errorIn(x), errorIn(y)
		}
		if x != y && !(cannotRun(x) && cannotRun(y)) {
			wrong = append(wrong, fmt.Sprintf("NOTICED:\n\twithout %s\n\twith    %s", x, y))
		}
	}
	if r.workload.byChance {
		return wrong
	}
	for name := range a.e.tables {
		x, y := a.e.dump(name), b.e.dump(name)
		if x != y {
			wrong = append(wrong, fmt.Sprintf("NOTICED: %s ends as\n%s\nwithout, and as\n%s\nwith", name, x, y))
		}
	}
	return wrong
}

// pgxBroke reports whether pgx broke the connection itself: after a statement of
// more than 10,000 bytes that can't be prepared, as in an aborted transaction, it
// closes that by its text, which the server refuses to read.
func pgxBroke(seen string) bool {
	return strings.Contains(seen, "failed to deallocate previously failed statement") || strings.Contains(seen, "broken connection")
}

// staleType reports whether a statement that PostgreSQL prepared earlier sends a
// parameter of the type that the column had then. Capture has more texts of a
// statement than the host, so that with it fewer of them are prepared.
func staleType(seen string) bool { return strings.Contains(seen, "(SQLSTATE 42804)") }

// cannotRun reports whether a statement failed before it could do anything: what
// a driver refuses by itself where a statement is prepared already, the server of
// an aborted transaction refuses with the transaction.
func cannotRun(seen string) bool {
	return strings.Contains(seen, "syntax error") || strings.Contains(seen, "(SQLSTATE 25P02)")
}

// errorIn is the error of what a host saw.
func errorIn(seen string) string {
	_, text, _ := strings.Cut(seen, "error ")
	text, _, _ = strings.Cut(text, ";")
	return text
}

func nth(list []string, i int) string {
	if i < len(list) {
		return list[i]
	}
	return "nothing"
}

// dump is a table's content as text.
func (e *env) dump(table string) string {
	// Another text each time: a cached plan would have the columns of before.
	e.dumps++
	query := fmt.Sprintf("SELECT * FROM %s /* %d */", e.quoted(table), e.dumps)
	rows, err := e.base.SQL.Query(query)
	if err != nil {
		// After a statement of more than 10,000 bytes that can't be prepared, the next
		// use of a connection breaks it: pgx closes the statement by its text.
		rows, err = e.base.SQL.Query(query)
	}
	e.no(err)
	defer func() { _ = rows.Close() }()
	columns, err := rows.Columns()
	e.no(err)
	var lines []string
	for rows.Next() {
		values := make([]any, len(columns))
		for i := range values {
			values[i] = new(any)
		}
		e.no(rows.Scan(values...))
		line := ""
		for i, c := range columns {
			if c == "row_start" || c == "row_end" { // times of MariaDB's own
				continue
			}
			v := *values[i].(*any)
			if t, ok := v.(time.Time); ok {
				v = t.UTC()
			}
			line += fmt.Sprintf(" %s=%v", c, v)
		}
		lines = append(lines, line)
	}
	e.no(rows.Err())
	sort.Strings(lines)
	return strings.Join(lines, "\n")
}

// resync has the next program begin from equal copies, whatever this one did.
func (r *rig) resync(t *testing.T) {
	for _, h := range r.hosts {
		if h.e.inUse() > 0 || recovered(h.e.restart) != "" {
			*r = *newRig(t, h.e.name, r.workload)
			return
		}
	}
}

// restart has all tables begin to count anew.
func (e *env) restart() {
	e.reset()
	switch e.name {
	case "sqlite":
		e.ok(e.plain.Exec("DELETE FROM sqlite_sequence"))
	case "postgres":
		e.ok(e.plain.Exec("SELECT setval(c.oid, 1, false) FROM pg_class c WHERE relkind = 'S' AND relnamespace = 'public'::regnamespace"))
	default:
		var names []string
		e.ok(e.plain.Raw("SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() AND auto_increment > 1 AND table_name <> 'judge_truth'").Scan(&names))
		for _, n := range names {
			e.ok(e.plain.Exec("ALTER TABLE " + e.quoted(n) + " AUTO_INCREMENT = 1"))
		}
	}
}
