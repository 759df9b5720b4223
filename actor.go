package audit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// Actor is who did something.
type Actor struct {
	Type  string // "user", "apiKey", "service", "system", …
	ID    string
	Name  string
	Email string
}

// User is how an actor is named in filters, facets, orders and columns: the email,
// else the name, else the ID.
func (a Actor) User() string { return cmp.Or(a.Email, a.Name, a.ID) }

// IsZero reports whether nothing is known of the actor.
func (a Actor) IsZero() bool { return a == Actor{} }

// ActorPolicy says what happens to an entry that names no actor, under a context
// without one.
type ActorPolicy int

const (
	// ActorOptional records it.
	ActorOptional ActorPolicy = iota
	// ActorWarn records it, and warns the Trail's logger once for each place in
	// the application that wrote without an actor, for at most 20 places.
	ActorWarn
	// ActorRefuse fails with ErrNoActor: Record records nothing, and a captured
	// change is rolled back.
	ActorRefuse
)

// ErrNoActor is what the *EntryError of an entry without an actor unwraps to,
// under ActorRefuse.
var ErrNoActor = errors.New("audit: entry without an actor")

// actorGuide is the section that the logger refers to.
const actorGuide = "docs/capture.md#get-the-actor-into-the-context"

// A Trail whose first entries lack actors so often says so once, whatever its
// policy.
const (
	firstEntries  = 1000
	tooManyLack   = 500
	maxActorSites = 20
)

// actorCheck is what a Trail knows about entries without an actor.
type actorCheck struct {
	policy ActorPolicy
	logger *slog.Logger

	counted atomic.Int64 // entries, up to firstEntries
	lacking atomic.Int64 // of them

	mu    sync.Mutex
	sites map[string]struct{} // places that were warned about
}

func (p ActorPolicy) validate() error {
	if p < ActorOptional || p > ActorRefuse {
		return fmt.Errorf("audit: Options.RequireActor is %d, which is not one of ActorOptional, ActorWarn and ActorRefuse", p)
	}
	return nil
}

// refuses returns the error of an entry that may not be recorded.
func (a *actorCheck) refuses(e *Entry) *EntryError {
	if a.policy != ActorRefuse || !e.Actor.IsZero() {
		return nil
	}
	return &EntryError{Field: "actor", Reason: "is missing; see " + actorGuide, Err: ErrNoActor}
}

// note counts and warns about entries that are complete.
func (a *actorCheck) note(ctx context.Context, entries []Entry) {
	warned := false
	for i := range entries {
		e := &entries[i]
		lacks := e.Actor.IsZero()
		a.count(ctx, lacks)
		if lacks && !warned && a.policy == ActorWarn {
			a.warn(ctx, e)
			warned = true
		}
	}
}

func (a *actorCheck) count(ctx context.Context, lacks bool) {
	if a.counted.Load() >= firstEntries || a.counted.Add(1) > firstEntries || !lacks {
		return
	}
	if a.lacking.Add(1) == tooManyLack {
		a.logger.WarnContext(ctx, fmt.Sprintf("audit: %d of the first %d entries have no actor, so the audit log can't say who made these changes; see %s",
			tooManyLack, firstEntries, actorGuide))
	}
}

// warn tells of the place in the application that wrote an entry, once.
func (a *actorCheck) warn(ctx context.Context, e *Entry) {
	a.mu.Lock()
	full := len(a.sites) >= maxActorSites
	a.mu.Unlock()
	if full {
		return
	}
	place := callSite()
	a.mu.Lock()
	_, known := a.sites[place]
	n := len(a.sites)
	if !known && n < maxActorSites {
		if a.sites == nil {
			a.sites = map[string]struct{}{}
		}
		a.sites[place] = struct{}{}
	}
	a.mu.Unlock()
	if known || n >= maxActorSites {
		return
	}
	attrs := []any{"at", place, "action", e.Action, "type", e.Object.Type, "see", actorGuide}
	if n+1 == maxActorSites {
		attrs = append(attrs, "note", "no further places are reported")
	}
	a.logger.WarnContext(ctx, "audit: entry without an actor", attrs...)
}

// callSite is the file and line of the application that is the nearest caller
// outside of this module and GORM; "unknown" if there is none.
func callSite() string {
	var pcs [64]uintptr
	for skip := 2; ; skip += len(pcs) {
		n := runtime.Callers(skip, pcs[:])
		frames := runtime.CallersFrames(pcs[:n])
		for more := n > 0; more; {
			var f runtime.Frame
			f, more = frames.Next()
			if isApplication(f) {
				return fmt.Sprintf("%s:%d", f.File, f.Line)
			}
		}
		if n < len(pcs) {
			return "unknown"
		}
	}
}

// between are the beginnings of functions, beside this module's, that may stand
// between the application and the Trail.
var between = []string{"gorm.io/", "database/sql.", "net/http.", "runtime."}

// isApplication tells the application's frames from those of this module and of
// GORM. This module's tests and examples stand for an application.
func isApplication(f runtime.Frame) bool {
	const module = "github.com/gormtrail/audit"
	name := f.Function
	switch {
	case name == "", slices.ContainsFunc(between, func(p string) bool { return strings.HasPrefix(name, p) }):
		return false
	case strings.HasSuffix(f.File, "_test.go"), strings.HasPrefix(name, module+"/examples/"):
		return true
	}
	rest, ours := strings.CutPrefix(name, module)
	return !ours || !strings.HasPrefix(rest, ".") && !strings.HasPrefix(rest, "/")
}
