package capturetest

import (
	"flag"
	"os"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/gormtrail/audit/internal/capturetest/dbtest"
)

// Programs runs random programs, n of each workload on each database, or as many
// as CAPTURE_PROGRAMS says. CAPTURE_SEED gives them another seed.
//
// CAPTURE_WORKLOADS names workloads ("upserts", "all") or their parts ("upserts/partial
// index"), separated by commas: then these run alone, those of notYet too. With
// CAPTURE_PARTS each part has programs of its own.
func Programs(t *testing.T, n int) {
	seed(t)
	for _, name := range dbtest.Names {
		t.Run(name, func(t *testing.T) {
			for _, w := range workloads() {
				if parts := w.chosen(name); len(parts) > 0 {
					t.Run(w.name, func(t *testing.T) {
						setFlag(t, "rapid.checks", programs(t, n, w))
						runWorkload(t, newRig(t, name, w), parts)
					})
				}
			}
		})
	}
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

// programs is how many programs of a workload run.
func programs(t *testing.T, n int, w *workload) string {
	t.Helper()
	s := os.Getenv("CAPTURE_PROGRAMS")
	if s == "" {
		return strconv.Itoa(max(2, n/max(1, w.share)))
	}
	if _, err := strconv.Atoi(s); err != nil {
		t.Fatalf("CAPTURE_PROGRAMS is %q, not a number", s)
	}
	return s
}

// seed has the programs begin with CAPTURE_SEED, or with the same seed each time: a
// landing must not fail by chance of a defect that a longer search by hand is for.
func seed(t *testing.T) {
	t.Helper()
	setFlag(t, "rapid.nofailfile", "true")
	from := os.Getenv("CAPTURE_SEED")
	if from == "" {
		from = "20261130"
	}
	f := flag.Lookup("rapid.seed")
	old := f.Value.String()
	if err := f.Value.Set(from); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Value.Set(old) })
	t.Logf("CAPTURE_SEED=%s", from)
}

// setFlag sets one of rapid's flags for a test, unless it was given.
func setFlag(t *testing.T, name, value string) {
	t.Helper()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == name })
	if given {
		return
	}
	f := flag.Lookup(name)
	old := f.Value.String()
	if err := f.Value.Set(value); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Value.Set(old) })
}
