package capturetest

import (
	"flag"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"gorm.io/gorm"
	"pgregory.net/rapid"

	"github.com/gormtrail/audit/internal/capturetest/dbtest"
)

// Programs runs random programs, n of each workload on each database, or as many
// as CAPTURE_PROGRAMS says. The seed is printed; -rapid.seed runs it again.
//
// CAPTURE_WORKLOADS names workloads ("upserts", "all") or their parts ("upserts/partial
// index"), separated by commas: then these run alone, those of notYet too. With
// CAPTURE_PARTS each part has programs of its own.
func Programs(t *testing.T, n int) {
	setChecks(t, n)
	for _, name := range dbtest.Names {
		t.Run(name, func(t *testing.T) {
			for _, w := range workloads() {
				if parts := w.chosen(name); len(parts) > 0 {
					t.Run(w.name, func(t *testing.T) { runWorkload(t, newRig(t, name, w), parts) })
				}
			}
		})
	}
}

// workload is a kind of programs.
type workload struct {
	name  string
	only  []string // databases; all if empty
	world world
	// prologue makes the rows that programs begin with, beside those of world.
	prologue func(e *env, db *gorm.DB)
	parts    []part
	// byChance: statements choose rows by chance or by the clock, so that two runs
	// differ.
	byChance bool
	// alone: each statement is one of a part, outside of transactions.
	alone   bool
	handles map[string]handle
	needs   func() bool
}

// part is a kind of statements.
type part struct {
	name string
	only []string // databases; all if empty
	draw func(t *rapid.T, database string) op
}

func (w *workload) ways() map[string]handle {
	if w.handles != nil {
		return w.handles
	}
	return handles
}

func (w *workload) begin(e *env, db *gorm.DB) {
	if w.world.rows != nil {
		for _, s := range w.world.rows(e.name) {
			e.ok(db.Exec(s))
		}
	}
	if w.prologue != nil {
		w.prologue(e, db)
	}
}

// chosen are the parts that run on a database.
func (w *workload) chosen(database string) []part {
	if len(w.only) > 0 && !slices.Contains(w.only, database) || w.needs != nil && !w.needs() {
		return nil
	}
	wanted := strings.Split(os.Getenv("CAPTURE_WORKLOADS"), ",")
	chosen := func(name string) bool { return slices.Contains(wanted, name) || slices.Contains(wanted, "all") }
	var list []part
	for _, p := range w.parts {
		full := w.name + "/" + p.name
		switch {
		case len(p.only) > 0 && !slices.Contains(p.only, database):
		case chosen(w.name), chosen(full), wanted[0] == "" && !isNotYet(full, database):
			list = append(list, p)
		}
	}
	return list
}

// draw draws a program of some parts.
func (w *workload) draw(t *rapid.T, parts []part, database string) []op {
	statement := func(t *rapid.T) op { return rapid.SampledFrom(parts).Draw(t, "part").draw(t, database) }
	one := func(t *rapid.T) op {
		if !w.alone && rapid.IntRange(0, 4).Draw(t, "transaction") == 0 {
			return drawTransactionOf(t, statement)
		}
		return statement(t)
	}
	return rapid.SliceOfN(rapid.Custom(one), 1, 15).Draw(t, "program")
}

func runWorkload(t *testing.T, r *rig, parts []part) {
	if os.Getenv("CAPTURE_PARTS") == "" {
		runPrograms(t, r, parts)
		return
	}
	for _, p := range parts {
		t.Run(p.name, func(t *testing.T) { runPrograms(t, r, []part{p}) })
	}
}

func runPrograms(t *testing.T, r *rig, parts []part) {
	t.Helper()
	name := r.hosts[0].e.name
	var programs, steps, refused, entries int
	rapid.Check(t, func(rt *rapid.T) {
		program := r.workload.draw(rt, parts, name)
		way := rapid.SampledFrom(keysOf(r.workload.ways())).Draw(rt, "handle")
		wrong := r.play(program, way)
		programs, entries, steps = programs+1, entries+len(r.hosts[1].e.entries), steps+len(r.hosts[1].seen)
		for _, s := range r.hosts[1].seen {
			if !strings.Contains(s, "error <nil>") {
				refused++
			}
		}
		if len(wrong) > 0 {
			r.resync(t)
			rt.Fatalf("%s\n\non a handle with %s:\n%s", strings.Join(wrong, "\n"), way, names(program))
		}
	})
	t.Logf("%d programs, %d statements of which %d failed, %d entries", programs, steps, refused, entries)
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
