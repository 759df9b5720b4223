package capturetest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/hooks"
	"github.com/gormtrail/audit/internal/capturetest/dbtest"
	"github.com/gormtrail/audit/internal/capturetest/judge"
	"github.com/gormtrail/audit/storage/gormstore"
)

// env is one database with all models, triggers on every table, and two
// handles: one that captures, one that doesn't.
type env struct {
	name    string // of dbtest.Names
	base    *dbtest.Database
	plain   *gorm.DB
	db      *gorm.DB // captures
	trail   *audit.Trail
	judge   *judge.Judge
	tables  map[string]*judge.Table
	models  []any
	world   world
	dumps   int
	reader  *sql.DB
	entries []audit.Entry // of the last judged run
	cut     []span        // steps that are not judged one by one
	// summed takes entries that stand for many rows out of the judge's hands:
	// the case looks at them.
	summed bool
	// unjudged are the types of which the case looks at the entries itself.
	unjudged []string
	// seen is what a host sees of a case's statements: the same with capture as
	// without.
	seen []string
	// elsewhere is the trail that a case uses instead of the database's own.
	elsewhere *audit.Trail
}

func config() *gorm.Config {
	return &gorm.Config{
		DisableForeignKeyConstraintWhenMigrating: true,
		// What fails on purpose is not printed: the cases look at the errors.
		Logger: logger.Discard,
	}
}

// newEnv opens an environment of the given models, of all if none is given.
func newEnv(name string, opts *hooks.Options, of ...any) (*env, error) {
	if len(of) == 0 {
		of = models()
	}
	return openEnv(name, opts, world{models: of})
}

func openEnv(name string, opts *hooks.Options, w world) (*env, error) {
	base, err := dbtest.Open(name, w.settings[name])
	if err != nil {
		return nil, err
	}
	e := &env{name: name, base: base, tables: map[string]*judge.Table{}, models: w.models, world: w}
	if err := e.prepare(opts); err != nil {
		return nil, errors.Join(err, base.Close())
	}
	return e, nil
}

func (e *env) prepare(opts *hooks.Options) error {
	ctx := context.Background()
	var err error
	if e.plain, err = gorm.Open(e.base.Dialector(), config()); err != nil {
		return err
	}
	if err := e.migrate(e.plain); err != nil {
		return err
	}
	store, err := gormstore.New(e.plain, nil)
	if err != nil {
		return err
	}
	if err := store.Migrate(ctx); err != nil {
		return err
	}
	if e.trail, err = audit.New(store, nil); err != nil {
		return err
	}
	if e.judge, err = judge.New(ctx, e.base.SQL, e.base.Dialect()); err != nil {
		return err
	}
	if err := errors.Join(e.watchModels(ctx), e.world.build(e)); err != nil {
		return err
	}
	if err := e.settles(e.plain); err != nil {
		return err
	}
	e.db, err = e.open(config(), opts)
	return err
}

// open makes another handle that captures, on the same connections.
func (e *env) open(c *gorm.Config, opts *hooks.Options) (*gorm.DB, error) {
	db, err := gorm.Open(e.base.Dialector(), c)
	if err != nil {
		return nil, err
	}
	return db, errors.Join(db.Use(hooks.New(e.trail, opts)), e.settles(db))
}

func (e *env) watchModels(ctx context.Context) error {
	for _, m := range e.models {
		stmt := &gorm.Statement{DB: e.plain}
		if err := stmt.Parse(m); err != nil {
			return err
		}
		t := judge.FromSchema(stmt.Schema)
		t.Cascades = isEstate(m)
		if err := e.watch(ctx, t); err != nil {
			return err
		}
		for _, r := range stmt.Schema.Relationships.Relations {
			if r.JoinTable != nil && e.tables[r.JoinTable.Table] == nil {
				if err := e.watch(ctx, judge.FromSchema(r.JoinTable)); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (e *env) watch(ctx context.Context, t *judge.Table) error {
	if known := e.tables[t.Name]; known != nil && known.SoftDelete != "" {
		t.SoftDelete = known.SoftDelete
	}
	e.tables[t.Name] = t
	return e.judge.Watch(ctx, t)
}

// reset empties the tables, unseen by the trail, and the trail.
func (e *env) reset() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	e.no(e.plain.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		list, err := e.emptying(tx)
		if err != nil {
			return err
		}
		for _, s := range append(list, "DELETE FROM audit_entries") {
			if err := tx.Exec(s).Error; err != nil {
				return err
			}
		}
		return e.judge.Forget(ctx, tx.Statement.ConnPool)
	}))
}

// emptying are the statements that empty the tables: those that have rows, since
// the judge's triggers make preparing a DELETE costly.
func (e *env) emptying(tx *gorm.DB) ([]string, error) {
	if e.world.empty != nil {
		return e.world.empty(e.name), nil
	}
	if len(e.tables) == 0 {
		return nil, nil
	}
	var asks, filled, list []string
	for name := range e.tables {
		asks = append(asks, "SELECT DISTINCT '"+name+"' FROM "+e.quoted(name))
	}
	err := tx.Raw(strings.Join(asks, " UNION ALL ")).Scan(&filled).Error
	for _, name := range filled {
		list = append(list, "DELETE FROM "+e.quoted(name))
		if name == "leases" { // they keep their owners
			list = slices.Insert(list[:len(list)-1], 0, list[len(list)-1])
		}
	}
	return list, err
}

// reading is a pool that reads while the handles' own may be in a transaction:
// SQLite's has one connection.
func (e *env) reading() *sql.DB {
	if e.name != "sqlite" {
		return e.base.SQL
	}
	if e.reader == nil {
		var err error
		e.reader, err = e.base.Another()
		e.no(err)
	}
	return e.reader
}

// inUse is how many connections were left in use, which somebody then waits for.
func (e *env) inUse() int {
	for range 50 { // a cancelled transaction is rolled back a little later
		if e.base.SQL.Stats().InUse == 0 {
			return 0
		}
		time.Sleep(10 * time.Millisecond)
	}
	return e.base.SQL.Stats().InUse
}

func (e *env) quoted(table string) string {
	q := `"`
	if e.name == "mariadb" {
		q = "`"
	}
	return q + strings.ReplaceAll(table, ".", q+"."+q) + q
}

// failure is what a case panics with when something other than the trail is
// wrong.
type failure string

// ok ends the case unless the statement succeeded.
func (e *env) ok(tx *gorm.DB) *gorm.DB {
	if tx.Error != nil {
		panic(failure(fmt.Sprintf("the statement failed: %v", tx.Error)))
	}
	return tx
}

func (e *env) no(err error) {
	if err != nil {
		panic(failure(fmt.Sprintf("failed: %v", err)))
	}
}

// want ends the case unless the condition holds.
func (e *env) want(holds bool, format string, args ...any) {
	if !holds {
		panic(failure(fmt.Sprintf(format, args...)))
	}
}

// rows ends the case unless the statement succeeded and affected n rows.
func (e *env) rows(n int64, tx *gorm.DB) {
	e.ok(tx)
	e.want(tx.RowsAffected == n, "RowsAffected is %d, it should be %d", tx.RowsAffected, n)
}

// some is rows, save on MariaDB, where an upsert counts what it passed over.
func (e *env) some(n int64, tx *gorm.DB) {
	if e.name == "mariadb" {
		e.ok(tx)
		return
	}
	e.rows(n, tx)
}

// see notes what a host sees of a statement that may fail.
func (e *env) see(tx *gorm.DB) {
	e.seen = append(e.seen, fmt.Sprintf("%d rows, error %v", tx.RowsAffected, tx.Error))
}

// span are the steps after the first number, up to the second.
type span struct {
	after, upTo int64
	executed    int // the number of a statement that capture may not see, or 0
}

// aside runs what the triggers see and callbacks can't: it is judged elsewhere.
func (e *env) aside(tx *gorm.DB, run func()) { e.cutOut(tx, 0, run) }

// executes runs a statement whose rows capture may not see: one entry with the
// action execute may stand for them.
func (e *env) executes(tx *gorm.DB, run func()) { e.cutOut(tx, len(e.cut)+1, run) }

func (e *env) cutOut(tx *gorm.DB, executed int, run func()) {
	q := tx.Statement.ConnPool
	before, err := e.judge.Mark(context.Background(), q)
	if err != nil { // an aborted transaction, in which nothing can happen
		run()
		return
	}
	run()
	after, err := e.judge.Mark(context.Background(), q)
	if err == nil {
		e.cut = append(e.cut, span{before, after, executed})
	}
}

// judged runs what changes rows, and says what the trail gets wrong about it.
func (e *env) judged(run func(db *gorm.DB)) (wrong []string) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	mark, err := e.judge.Mark(ctx, e.base.SQL)
	if err != nil {
		return []string{err.Error()}
	}
	e.cut, e.entries, e.summed, e.elsewhere, e.unjudged = nil, nil, false, nil, nil
	since := time.Now()
	if s := recovered(func() { run(e.db.WithContext(audit.WithActor(ctx, tester))) }); s != "" {
		wrong = append(wrong, s)
	}
	return append(wrong, e.verdict(mark, since)...)
}

var tester = audit.Actor{Type: "user", ID: "7", Name: "Tess Ter"}

func (e *env) verdict(mark int64, since time.Time) []string {
	ctx := context.Background()
	steps, err := e.judge.Steps(ctx, mark)
	if err != nil {
		return []string{err.Error()}
	}
	var owed []judge.Step
	executed := map[int64]int{}
	for _, s := range steps {
		c, cut := e.cutAt(s.Seq)
		executed[s.Seq] = c.executed
		if (!cut || c.executed > 0) && !slices.Contains(e.unjudged, s.Table.ObjectType()) {
			owed = append(owed, s)
		}
	}
	trail := e.trail
	if e.elsewhere != nil {
		trail = e.elsewhere
	}
	if e.entries, err = judge.Entries(ctx, trail, since); err != nil {
		return []string{err.Error()}
	}
	single := e.entries
	if e.summed {
		single = slices.DeleteFunc(slices.Clone(single), isSummary)
	}
	single = slices.DeleteFunc(slices.Clone(single), func(x audit.Entry) bool { return slices.Contains(e.unjudged, x.Object.Type) })
	expected := judge.Expect(owed)
	for i := range expected {
		expected[i].Executed = executed[expected[i].Seq]
	}
	return judge.Compare(expected, single)
}

// isSummary: an entry that stands for all rows of a statement.
func isSummary(x audit.Entry) bool { return x.Object.ID == "" && len(x.Changes) == 0 }

func (e *env) cutAt(seq int64) (span, bool) {
	for _, c := range e.cut {
		if seq > c.after && seq <= c.upTo {
			return c, true
		}
	}
	return span{}, false
}

// recovered is what a run panicked with, "" if it didn't.
func recovered(run func()) (s string) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case failure:
			s = "FAILED: " + string(r)
		default:
			s = fmt.Sprintf("PANIC: %v\n%s", r, debug.Stack())
		}
	}()
	run()
	return ""
}

// action returns the entries of an action of the last judged run.
func (e *env) action(action string) []audit.Entry {
	var list []audit.Entry
	for _, x := range e.entries {
		if x.Action == action {
			list = append(list, x)
		}
	}
	return list
}

func (e *env) plugin() gorm.Plugin { return hooks.New(e.trail, nil) }
