package capturetest

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"sync"
	"testing"

	"gorm.io/gorm"

	"github.com/gormtrail/audit/internal/capturetest/dbtest"
	"github.com/gormtrail/audit/internal/capturetest/judge"
)

// rowCase changes rows of tables that it makes itself. They have no triggers:
// the entries are replayed on the rows before, which must give the rows after.
// Each case names tables of its own, since a table that another one left with
// other columns is what case_deployments.go is about.
type rowCase struct {
	name string
	// only names the databases that have this; all if empty.
	only []string
	// tables are dropped, last one first, and made again by ddl.
	tables []string
	ddl    func(e *env) []string
	run    func(e *env, db *gorm.DB)
	// watched has the judge's triggers see the tables instead, which also tells
	// rows without a key apart.
	watched bool
	// parts says that run calls replayed itself, for what it does in parts.
	parts bool
	// after checks e.entries further.
	after func(e *env)
}

func runRowCases(t *testing.T, cases ...rowCase) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			for _, name := range dbtest.Names {
				if len(c.only) > 0 && !slices.Contains(c.only, name) {
					continue
				}
				t.Run(name, func(t *testing.T) { c.runOn(t, rowsEnvFor(t, name)) })
			}
		})
	}
}

// runOn runs the case on an environment, without capture and with it.
func (c rowCase) runOn(t *testing.T, e *env) {
	t.Helper()
	wrong := judgeCase(c.kase(), e)
	if n := e.inUse(); n > 0 {
		wrong = append(wrong, fmt.Sprintf("%d connections are still in use", n))
		rowsEnvs.drop(e)
	} else if s := recovered(func() { e.dropTables(c.tables) }); s != "" {
		wrong = append(wrong, s)
		rowsEnvs.drop(e)
	}
	verdict(t, wrong)
}

func (c rowCase) kase() kase {
	return kase{
		name: c.name,
		before: func(e *env, db *gorm.DB) {
			e.remake(c)
			if c.watched {
				e.watchAgain(c.tables...)
			}
		},
		run: func(e *env, db *gorm.DB) {
			if c.watched {
				c.run(e, db)
				return
			}
			e.unjudged = slices.Clone(c.tables) // by triggers
			if c.parts {
				c.run(e, db)
				return
			}
			e.replayed(db, c.tables, func() { c.run(e, db) })
		},
		after: c.after,
	}
}

// dropTables drops tables, the last one first. The plugin sees them go: what
// another process does to a table is not each case's subject.
func (e *env) dropTables(names []string) {
	for _, name := range slices.Backward(names) {
		e.ok(e.db.Exec("DROP TABLE IF EXISTS " + e.quoted(name) + e.by("", " CASCADE", "")))
	}
}

// remake drops the case's tables and makes them again.
func (e *env) remake(c rowCase) {
	e.dropTables(c.tables)
	for _, q := range c.ddl(e) {
		e.ok(e.plain.Exec(q))
	}
}

// by picks what is for the environment's database.
func (e *env) by(sqlite, postgres, mariadb string) string {
	return map[string]string{"sqlite": sqlite, "postgres": postgres, "mariadb": mariadb}[e.name]
}

// seeCode notes what a host sees of a statement that may be wrong in itself: the
// rows, or what kind of error. The text of a syntax error may quote more than
// the host wrote.
func (e *env) seeCode(tx *gorm.DB) {
	e.seen = append(e.seen, fmt.Sprintf("%d rows, error %s", tx.RowsAffected, errorKind(tx.Error)))
}

var (
	malformed = regexp.MustCompile(`42601|Error 1064|argument|syntax error|incomplete input|API misuse`)
	errorCode = regexp.MustCompile(`Error \d+|SQLSTATE \w+|\(\d+\)`)
)

func errorKind(err error) string {
	switch {
	case err == nil:
		return "none"
	case malformed.MatchString(err.Error()):
		return "malformed"
	case errorCode.MatchString(err.Error()):
		return errorCode.FindString(err.Error())
	}
	return err.Error()
}

// captures reports whether a handle uses the plugin.
func captures(db *gorm.DB) bool { return len(db.Config.Plugins) > 0 }

// everywhere is DDL that is the same on every database.
func everywhere(statements ...string) func(*env) []string {
	return func(*env) []string { return statements }
}

// rowsEnvs are environments of one small model, shared by all row cases.
// testMain closes them.
var rowsEnvs = rowsEnvPool{open: map[string]*env{}}

type rowsEnvPool struct {
	sync.Mutex
	open map[string]*env
}

// drop has the next case open another environment.
func (p *rowsEnvPool) drop(e *env) {
	p.Lock()
	defer p.Unlock()
	if p.open[e.name] == e {
		delete(p.open, e.name)
	}
}

// forget leaves the environments to envs, which closes them.
func (p *rowsEnvPool) forget() {
	p.Lock()
	defer p.Unlock()
	clear(p.open)
}

func rowsEnvFor(t *testing.T, name string) *env {
	t.Helper()
	rowsEnvs.Lock()
	defer rowsEnvs.Unlock()
	if e := rowsEnvs.open[name]; e != nil {
		return e
	}
	e, err := newEnv(name, nil, &Note{})
	if err != nil {
		dbtest.Missing(t, err)
	}
	rowsEnvs.open[name] = e
	envs.Lock()
	defer envs.Unlock()
	envs.old = append(envs.old, e)
	return e
}

// watchAgain puts the judge's triggers on tables that a case made, for cases
// that need the order in which rows changed.
func (e *env) watchAgain(tables ...string) {
	for _, name := range tables {
		e.no(e.judge.Watch(context.Background(), &judge.Table{Name: name}))
	}
}
