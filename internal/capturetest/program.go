package capturetest

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"
	"pgregory.net/rapid"

	"github.com/gormtrail/audit/internal/capturetest/dbtest"
)

// host runs a program, and notes all that a host can see of it.
type host struct {
	e    *env
	now  time.Time
	seen []string
}

// see notes what a host sees.
func (h *host) see(what string, tx *gorm.DB, values ...any) {
	h.note(what, tx.Error, tx.RowsAffected, values...)
}

func (h *host) note(what string, err error, rows int64, values ...any) {
	text := fmt.Sprintf("%s: %d rows, error %v", what, rows, err)
	for _, v := range values {
		raw, merr := json.Marshal(v)
		text += fmt.Sprintf("; %s %v", raw, merr)
	}
	// MariaDB names the database, which is another one in each copy.
	h.seen = append(h.seen, databaseName.ReplaceAllString(text, "database"))
}

var databaseName = regexp.MustCompile(`capture_[0-9a-f]{12}`)

// op is a step of a program. It must do the same whenever it runs on the same
// rows: all that is random in it was drawn before.
type op struct {
	name string
	run  func(h *host, db *gorm.DB)
}

// rig is a database in two copies, one with capture and one without, on which
// the same programs run, so that also the keys they give stay equal.
type rig struct {
	hosts [2]*host // without, with
	dbs   [2]map[string]*gorm.DB
}

// handles are the ways in which hosts open GORM.
var handles = map[string]gorm.Config{
	"defaults":               {},
	"SkipDefaultTransaction": {SkipDefaultTransaction: true},
	"PrepareStmt":            {PrepareStmt: true},
	"both":                   {SkipDefaultTransaction: true, PrepareStmt: true},
}

func newRig(t *testing.T, name string) *rig {
	t.Helper()
	r := &rig{}
	for i := range r.hosts {
		e, err := newEnv(name, nil)
		if err != nil {
			dbtest.Missing(t, err)
		}
		t.Cleanup(func() { _ = e.base.Close() })
		h := &host{e: e, now: at(1)}
		r.hosts[i], r.dbs[i] = h, map[string]*gorm.DB{}
		for way := range handles {
			if r.dbs[i][way], err = h.open(way, i == 1); err != nil {
				t.Fatal(err)
			}
		}
		// Every table is met once before, so that each program finds the same.
		for _, way := range keysOf(handles) {
			e.reset()
			if s := recovered(func() { prologue(e, r.dbs[i][way]) }); s != "" {
				t.Fatal(s)
			}
		}
	}
	return r
}

func (h *host) open(way string, captures bool) (*gorm.DB, error) {
	c := config()
	c.SkipDefaultTransaction, c.PrepareStmt = handles[way].SkipDefaultTransaction, handles[way].PrepareStmt
	c.NowFunc = func() time.Time { return h.now }
	if !captures {
		db, err := gorm.Open(h.e.base.Dialector(), c)
		if err != nil {
			return nil, err
		}
		return db, h.e.settles(db)
	}
	return h.e.open(c, nil)
}

// play runs the program on both copies, on a handle that was opened in that
// way, and says what is wrong.
func (r *rig) play(program []op, way string) []string {
	var wrong []string
	for i, h := range r.hosts {
		h.e.reset()
		h.seen, h.now = nil, at(1)
		h.e.no(h.e.plain.Transaction(func(tx *gorm.DB) error { prologue(h.e, tx); return nil }))
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

func (r *rig) compare() []string {
	var wrong []string
	a, b := r.hosts[0], r.hosts[1]
	for i := range max(len(a.seen), len(b.seen)) {
		x, y := nth(a.seen, i), nth(b.seen, i)
		if x != y {
			wrong = append(wrong, fmt.Sprintf("NOTICED:\n\twithout %s\n\twith    %s", x, y))
		}
	}
	for name := range a.e.tables {
		x, y := a.e.dump(name), b.e.dump(name)
		if x != y {
			wrong = append(wrong, fmt.Sprintf("NOTICED: %s ends as\n%s\nwithout, and as\n%s\nwith", name, x, y))
		}
	}
	return wrong
}

func nth(list []string, i int) string {
	if i < len(list) {
		return list[i]
	}
	return "nothing"
}

// dump is a table's content as text.
func (e *env) dump(table string) string {
	rows, err := e.base.SQL.Query("SELECT * FROM " + e.quoted(table))
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

// Programs runs random programs, n of each kind on each database, or as many as
// CAPTURE_PROGRAMS says. The seed is printed; -rapid.seed runs it again.
func Programs(t *testing.T, n int) {
	setChecks(t, n)
	for _, name := range dbtest.Names {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, name)
			t.Run("mixed", func(t *testing.T) { runPrograms(t, r, drawProgram) })
			t.Run("cascades", func(t *testing.T) { runPrograms(t, r, drawCascades) })
		})
	}
}

// drawCascades draws nothing but what foreign keys pass on.
func drawCascades(t *rapid.T, _ string) []op {
	statement := func(t *rapid.T) op {
		if rapid.IntRange(0, 4).Draw(t, "transaction") == 0 {
			return drawTransactionOf(t, drawEstate)
		}
		return drawEstate(t)
	}
	return rapid.SliceOfN(rapid.Custom(statement), 1, 12).Draw(t, "program")
}

func runPrograms(t *testing.T, r *rig, draw func(*rapid.T, string) []op) {
	t.Helper()
	name := r.hosts[0].e.name
	var programs, steps, refused, entries int
	rapid.Check(t, func(rt *rapid.T) {
		program := draw(rt, name)
		way := rapid.SampledFrom(keysOf(handles)).Draw(rt, "handle")
		wrong := r.play(program, way)
		programs, entries, steps = programs+1, entries+len(r.hosts[1].e.entries), steps+len(r.hosts[1].seen)
		for _, s := range r.hosts[1].seen {
			if !strings.Contains(s, "error <nil>") {
				refused++
			}
		}
		if len(wrong) > 0 {
			r.resync(t, name)
			rt.Fatalf("%s\n\non a handle with %s:\n%s", strings.Join(wrong, "\n"), way, names(program))
		}
	})
	t.Logf("%d programs, %d statements of which %d failed, %d entries", programs, steps, refused, entries)
}

// prologue makes the rows that every program begins with, times and all.
func prologue(e *env, db *gorm.DB) {
	db = db.Session(&gorm.Session{NowFunc: func() time.Time { return at(1) }})
	list := people(3)
	e.ok(db.Create(&list))
	e.ok(db.Create(&[]Doc{{Title: "a", Settings: map[string]any{"a": 1, "b": []any{1, 2}}, Tags: []string{"x"}, State: map[string]int{"n": 1}, Seen: 1, Extra: JSON{"a": nil}}, {Title: "b", Seen: 2}}))
	e.ok(db.Create(&[]Product{{Code: "k1", Title: "a", Price: 1}, {Code: "k2", Title: "b", Price: 2}, {Code: "k3", Price: 3}}))
	e.ok(db.Create(&[]Place{{TenantID: 1, Code: "k1", Title: "a"}, {TenantID: 1, Code: "k2"}, {TenantID: 2, Code: "k1"}}))
	e.ok(db.Create(&[]LogLine{{Source: "k1", Line: "1"}, {Source: "k1", Line: "2"}, {Source: "k1", Line: "2"}, {Source: "k2", Line: "3", Count: 1}}))
	e.ok(db.Create(&[]Ticket{{ID: "k1", Title: "a", Status: "k1"}, {ID: "k2", Status: "k2"}}))
	e.ok(db.Create(&[]Hooked{{Title: "a"}, {Title: "b"}}))
	e.ok(db.Create(&[]Versioned{{Title: "a", Version: 1}, {Title: "b", Version: 1}}))
	e.ok(db.Create(&[]SoftStd{{Title: "a"}, {Title: "b"}, {Title: "a", DeletedAt: gorm.DeletedAt{Time: at(1), Valid: true}}}))
	e.ok(db.Create(&[]SoftFlag{{Title: "a"}, {Title: "b", Removed: 1}}))
	e.ok(db.Create(&[]SoftUnix{{Title: "a"}, {Title: "b", Removed: 1}}))
	e.ok(db.Create(&[]SoftMilli{{Title: "a"}, {Title: "b", Removed: 1}}))
	e.ok(db.Create(&[]Money{{Amount: "1.5"}, {Amount: "2", Rate: ptr(Decimal("3"))}}))
	e.ok(db.Create(&[]Moment{{Second: at(1), Micro: at(1), Day: at(1)}}))
	e.ok(db.Create(&[]Branch{{Title: "a", Head: Address{Street: "s"}}}))
	e.ok(db.Create(&[]Permitted{{Title: "a", OnlyNew: "n"}}))
	u := boss()
	e.ok(db.Create(&u))
	estatePrologue(e, db)
	e.ok(db.Create(&Student{Name: "sue", Courses: []Course{{Title: "math"}, {Title: "art"}}}))
}

// resync has the next program begin from equal copies, whatever this one did.
func (r *rig) resync(t *testing.T, name string) {
	for _, h := range r.hosts {
		if h.e.inUse() > 0 || recovered(h.e.restart) != "" {
			*r = *newRig(t, name)
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

func names(program []op) string {
	var b strings.Builder
	for i, o := range program {
		fmt.Fprintf(&b, "%3d %s\n", i+1, o.name)
	}
	return b.String()
}

var errUndo = errors.New("undo")

func drawProgram(t *rapid.T, database string) []op {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) op { return drawOp(t, database, 2) }), 1, 20).Draw(t, "program")
}

// drawOp draws a statement or, while depth lasts, a transaction of them.
func drawOp(t *rapid.T, database string, depth int) op {
	kind := rapid.IntRange(0, 99).Draw(t, "kind")
	switch {
	case depth > 0 && kind >= 80:
		return drawTransaction(t, database, depth)
	case kind >= 75:
		return drawSession(t, database, depth)
	case kind >= 73:
		return drawRaw(t)
	case kind >= 68:
		return drawEnrolment(t)
	case kind >= 52:
		return drawAssociation(t)
	case kind >= 40:
		return drawEstate(t)
	}
	s := drawSpecies(t)
	return s.statement(t, database)
}

// drawTransaction draws a transaction that commits, fails or panics; inside of
// another one it is a savepoint.
func drawTransaction(t *rapid.T, database string, depth int) op {
	return drawTransactionOf(t, func(t *rapid.T) op { return drawOp(t, database, depth-1) })
}

func drawTransactionOf(t *rapid.T, inner func(*rapid.T) op) op {
	body := rapid.SliceOfN(rapid.Custom(inner), 1, 5).Draw(t, "body")
	end := rapid.SampledFrom([]string{"commit", "commit", "commit", "error", "panic", "by hand", "by hand, undone"}).Draw(t, "end")
	name := "transaction, " + end + ":"
	for _, o := range body {
		name += "\n        " + strings.ReplaceAll(o.name, "\n", "\n    ")
	}
	return op{name, func(h *host, db *gorm.DB) {
		if strings.HasPrefix(end, "by hand") {
			h.byHand(db, body, end == "by hand")
			return
		}
		err := h.transaction(db, body, end)
		h.note("transaction", err, 0)
	}}
}

func (h *host) transaction(db *gorm.DB, body []op, end string) (err error) {
	defer func() {
		if r := recover(); r != nil {
			if r != any("on purpose") {
				panic(r)
			}
			err = errors.New("panicked on purpose")
		}
	}()
	return db.Transaction(func(tx *gorm.DB) error {
		for _, o := range body {
			o.run(h, tx)
		}
		switch end {
		case "error":
			return errUndo
		case "panic":
			panic("on purpose")
		}
		return nil
	})
}

// byHand begins and ends a transaction, or a savepoint inside of one, by hand.
func (h *host) byHand(db *gorm.DB, body []op, keep bool) {
	if _, inside := db.Statement.ConnPool.(gorm.TxCommitter); inside {
		h.see("savepoint", db.SavePoint("sp1"))
		for _, o := range body {
			o.run(h, db)
		}
		if !keep {
			h.see("rollback to", db.RollbackTo("sp1"))
		}
		return
	}
	tx := db.Begin()
	h.see("begin", tx)
	for _, o := range body {
		o.run(h, tx)
	}
	if keep {
		h.see("commit", tx.Commit())
	} else {
		h.see("rollback", tx.Rollback())
	}
}

// drawSession draws a statement under the flags of a session.
func drawSession(t *rapid.T, database string, depth int) op {
	inner := drawOp(t, database, depth-1)
	flag := rapid.SampledFrom([]string{"PrepareStmt", "SkipDefaultTransaction", "SkipHooks", "FullSaveAssociations", "CreateBatchSize", "NewDB", "QueryFields", "DryRun"}).Draw(t, "flag")
	return op{flag + ": " + inner.name, func(h *host, db *gorm.DB) {
		s := &gorm.Session{}
		switch flag {
		case "PrepareStmt":
			s.PrepareStmt = true
		case "SkipDefaultTransaction":
			s.SkipDefaultTransaction = true
		case "SkipHooks":
			s.SkipHooks = true
		case "FullSaveAssociations":
			s.FullSaveAssociations = true
		case "CreateBatchSize":
			s.CreateBatchSize = 2
		case "NewDB":
			s.NewDB, s.Context = true, db.Statement.Context
		case "QueryFields":
			s.QueryFields = true
		case "DryRun":
			s.DryRun = true
		}
		inner.run(h, db.Session(s))
	}}
}

// setChecks bounds rapid and prints its seed, unless its own flags were given. It
// keeps no files: the seed is enough.
func setChecks(t *testing.T, n int) {
	t.Helper()
	checks, seed := strconv.Itoa(n), strconv.FormatUint(rand.Uint64(), 10)
	if s := os.Getenv("CAPTURE_PROGRAMS"); s != "" {
		if _, err := strconv.Atoi(s); err != nil {
			t.Fatalf("CAPTURE_PROGRAMS is %q, not a number", s)
		}
		checks = s
	}
	given := map[string]bool{}
	flag.Visit(func(f *flag.Flag) { given[f.Name] = true })
	for name, value := range map[string]string{"rapid.checks": checks, "rapid.nofailfile": "true", "rapid.seed": seed} {
		f := flag.Lookup(name)
		old := f.Value.String()
		if !given[name] {
			if err := f.Value.Set(value); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = f.Value.Set(old) })
		}
	}
	t.Logf("-rapid.seed=%s", flag.Lookup("rapid.seed").Value)
}
