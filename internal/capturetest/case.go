package capturetest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"gorm.io/gorm"

	"github.com/gormtrail/audit/internal/capturetest/dbtest"
)

// kase is one way of changing rows, judged on every database.
type kase struct {
	name string
	// only names the databases that have this way; all if empty.
	only []string
	// needs reports whether the case can run; nil if it always can.
	needs func() bool
	// before prepares rows, unseen.
	before func(e *env, db *gorm.DB)
	run    func(e *env, db *gorm.DB)
	// after looks at what the judge doesn't: e.entries holds the trail's.
	after func(e *env)
	// known names a defect that is not mended yet, by database or for "all".
	// The case must then still fail, so that the note can't outlive it.
	known map[string]string
}

func runCases(t *testing.T, cases []kase) {
	for _, k := range cases {
		if k.needs != nil && !k.needs() {
			continue
		}
		t.Run(k.name, func(t *testing.T) {
			for _, name := range dbtest.Names {
				if len(k.only) > 0 && !slices.Contains(k.only, name) {
					continue
				}
				t.Run(name, func(t *testing.T) { runCase(t, k, envFor(t, name)) })
			}
		})
	}
}

func runCase(t *testing.T, k kase, e *env) {
	wrong := judgeCase(k, e)
	if n := e.inUse(); n > 0 {
		wrong = append(wrong, fmt.Sprintf("%d connections are still in use", n))
		envs.drop(e)
	}
	note := k.known[e.name] + k.known["all"]
	switch {
	case note != "" && len(wrong) == 0:
		t.Errorf("the known defect %q is gone: strike the note", note)
	case note != "":
		t.Logf("known: %s\n%s", note, strings.Join(wrong, "\n"))
	case len(wrong) > 0:
		t.Errorf("the trail is not what happened:\n%s", strings.Join(wrong, "\n"))
	}
}

// judgeCase runs the case without capture first: what fails there is no defect
// of capture's, but of the case.
func judgeCase(k kase, e *env) []string {
	e.seen = nil
	if s := recovered(func() { k.prepare(e); k.run(e, e.plain.WithContext(context.Background())) }); s != "" {
		return []string{"without capture: " + s}
	}
	without := e.seen
	e.seen = nil
	if s := recovered(e.reset); s != "" {
		return []string{s}
	}
	if s := recovered(func() { k.prepare(e) }); s != "" {
		return []string{"before: " + s}
	}
	wrong := e.judged(func(db *gorm.DB) { k.run(e, db) })
	if !slices.Equal(without, e.seen) {
		wrong = append(wrong, fmt.Sprintf("NOTICED: %v without capture, %v with", without, e.seen))
	}
	if k.after != nil && len(wrong) == 0 {
		if s := recovered(func() { k.after(e) }); s != "" {
			wrong = append(wrong, s)
		}
	}
	return wrong
}

func (k kase) prepare(e *env) {
	if k.before != nil {
		k.before(e, e.plain)
	}
}
