package viewer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/access"
	"github.com/gormtrail/audit/internal/cleantext"
	"github.com/gormtrail/audit/internal/words"
)

const (
	// usersWait is how long Options.Users may take.
	usersWait = 500 * time.Millisecond
	// usersCalls is the number of its calls that may run at a time, including those that
	// run past their deadline.
	usersCalls = 32
)

var (
	errUsersSlow = errors.New("viewer: Options.Users took longer than half a second")
	errUsersBusy = errors.New("viewer: Options.Users has too many calls that haven't returned")
)

// tenantsOf returns the tenants that a grant shows; nil means all. ok is false if there are
// none or the scope doesn't tell.
func tenantsOf(g access.Grant) (tenants []string, ok bool) {
	listed := false
	var hidden []string
	for _, term := range g.Scope.Terms() {
		switch {
		case term.Tenants == nil:
		case listed:
			tenants = slices.DeleteFunc(tenants, func(t string) bool { return !slices.Contains(term.Tenants, t) })
		default:
			tenants, listed = slices.Clone(term.Tenants), true
		}
		for _, not := range term.Not {
			if only(not, audit.Filter{Tenants: not.Tenants}) {
				hidden = append(hidden, not.Tenants...)
			}
		}
	}
	if !listed {
		return nil, g.Everything && hidden == nil
	}
	slices.Sort(tenants)
	tenants = slices.Compact(slices.DeleteFunc(tenants, func(t string) bool { return t == "" || slices.Contains(hidden, t) }))
	return tenants, len(tenants) > 0
}

// only reports whether a filter has no conditions except those of part.
func only(f, part audit.Filter) bool {
	return len(f.Terms()) == 1 && f.Values().Encode() == part.Values().Encode()
}

// personsOf returns the conditions of a scope on actors.
func personsOf(scope audit.Filter) (persons audit.Filter) {
	of := func(f audit.Filter) audit.Filter {
		return audit.Filter{ActorTypes: f.ActorTypes, ActorIDs: f.ActorIDs, Users: f.Users}
	}
	for _, term := range scope.Terms() {
		p := of(term)
		for _, not := range term.Not {
			if only(not, of(not)) {
				p.Not = append(p.Not, of(not))
			}
		}
		persons = persons.And(p)
	}
	return persons
}

// askUsers starts a call of Options.Users. The returned function waits for its result, at
// most usersWait from now. It returns no users if the reader may not see them or the call
// fails.
func (s *visit) askUsers(ctx context.Context, find string) (users func() []audit.Actor) {
	none := func() []audit.Actor { return nil }
	tenants, ok := tenantsOf(s.grant)
	if s.opts.Users == nil || !s.grant.Personal || !ok {
		return none
	}
	failed := func(err error) []audit.Actor {
		s.trail.Logger().WarnContext(ctx, "audit viewer: users", "error", err)
		return nil
	}
	select {
	case s.asking <- struct{}{}:
	default:
		return func() []audit.Actor { return failed(errUsersBusy) }
	}
	type answer struct {
		users []audit.Actor
		err   error
	}
	waiting, cancel := context.WithTimeoutCause(ctx, usersWait, errUsersSlow)
	came := make(chan answer, 1)
	go func() {
		defer func() { <-s.asking }()
		defer cancel()
		users, err := s.callUsers(waiting, tenants, find)
		came <- answer{users, err}
	}()
	return func() []audit.Actor {
		defer cancel()
		var a answer
		select {
		case a = <-came:
		case <-waiting.Done():
			select {
			case a = <-came: // the call has returned
			default:
				a.err = context.Cause(waiting)
			}
		}
		switch {
		case a.err == nil:
			return s.shownUsers(a.users)
		case ctx.Err() != nil: // the reader has gone
			return nil
		}
		return failed(a.err)
	}
}

// callUsers calls Options.Users and turns a panic into an error.
func (s *visit) callUsers(ctx context.Context, tenants []string, find string) (users []audit.Actor, err error) {
	defer func() {
		if r := recover(); r != nil {
			users, err = nil, fmt.Errorf("viewer: Options.Users panicked: %v", r)
		}
	}()
	return s.opts.Users(ctx, tenants, find)
}

// shownUsers returns the users that the reader's scope may show.
func (s *visit) shownUsers(users []audit.Actor) []audit.Actor {
	persons := personsOf(s.grant.Scope)
	var list []audit.Actor
	for _, u := range users[:min(len(users), facetsAsked)] {
		if u.User() != "" && persons.Match(audit.Entry{Actor: u}) {
			list = append(list, u)
		}
	}
	return list
}

// withUsers merges the application's users into the values of the user facet, each once and
// sorted by what the menu shows, and keeps their names.
func (s *visit) withUsers(values []string, users []audit.Actor) []string {
	if len(users) == 0 {
		return values
	}
	if s.names == nil {
		s.names = map[string]string{}
	}
	all := map[string]bool{}
	for _, v := range values {
		all[v] = true
	}
	for _, u := range users {
		v := cleantext.Name(u.User())
		if all[v] = true; u.Name != "" && u.Name != v {
			s.names[v] = cleantext.Name(u.Name)
		}
	}
	list := slices.SortedFunc(maps.Keys(all), func(a, b string) int {
		return cmp.Or(strings.Compare(words.Fold(s.facetLabel("user", a)), words.Fold(s.facetLabel("user", b))), strings.Compare(a, b))
	})
	return list[:min(len(list), facetsAsked)]
}

// matchesUser reports whether a user's name, email or ID contains a folded text.
func matchesUser(u audit.Actor, needle string) bool {
	return slices.ContainsFunc([]string{u.Name, u.Email, u.ID}, func(s string) bool { return strings.Contains(words.Fold(s), needle) })
}
