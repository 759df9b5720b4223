package capturetest

import (
	"os"
	"slices"
	"strings"

	"gorm.io/gorm"
	"pgregory.net/rapid"
)

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
	alone bool
	// share is the part of n that runs by default: one in so many. 0 is 1.
	share   int
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
		w.prologue(e, db.Session(&gorm.Session{NowFunc: at1}))
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
