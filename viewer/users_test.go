package viewer_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"log/slog"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/access"
	"github.com/gormtrail/audit/storage/memstore"
	"github.com/gormtrail/audit/viewer"
)

var userOption = regexp.MustCompile(`name="user" value="([^"]*)"(?: checked)?><span class="ol"><bdi>([^<]*)</bdi>(?: <small><bdi>([^<]*)</bdi></small>)?`)

// usersIn are the choices of the user menu: value, label and name.
func usersIn(page string) (list []string) {
	for _, m := range userOption.FindAllStringSubmatch(page, -1) {
		list = append(list, strings.TrimRight(html.UnescapeString(strings.Join(m[1:], "|")), "|"))
	}
	return list
}

func granted(g access.Grant) access.Authorize {
	return func(*http.Request) (access.Grant, error) { return g, nil }
}

// acted is a trail on which ada and a key without a name did something, and its log.
func acted(t *testing.T) (*audit.Trail, func() string) {
	t.Helper()
	var mu sync.Mutex
	var log bytes.Buffer
	trail, err := audit.New(memstore.New(), &audit.Options{Logger: slog.New(slog.NewTextHandler(lockedWriter{&mu, &log}, nil))})
	require.NoError(t, err)
	for _, a := range []audit.Actor{{Type: "user", ID: "1", Name: "Ada Byron", Email: "ada@acme.example"}, {Type: "apiKey", ID: "key-7"}} {
		require.NoError(t, trail.Record(t.Context(), audit.Entry{Tenant: "acme", Actor: a, Action: "login", Object: audit.Object{Type: "users", ID: "1"}}))
	}
	return trail, func() string {
		mu.Lock()
		defer mu.Unlock()
		return log.String()
	}
}

type lockedWriter struct {
	mu *sync.Mutex
	w  *bytes.Buffer
}

func (l lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

var staff = []audit.Actor{
	{Type: "user", ID: "1", Name: "Ada Byron", Email: "ada@acme.example"}, {Type: "user", ID: "2", Name: "Zoe Quiet", Email: "zoe@acme.example"},
	{Type: "user", ID: "3", Name: "Bo"}, {Type: "user", ID: "key-7"}, {Type: "user", ID: "2", Name: "Zoe Quiet", Email: "zoe@acme.example"}, {},
}

func TestTheUserMenuHasWhoDidNothing(t *testing.T) {
	trail, log := acted(t)
	h := newViewer(t, trail, &viewer.Options{Authorize: granted(access.Grant{Scope: audit.Filter{Tenants: []string{"acme"}}, Personal: true}),
		Users: func(context.Context, []string, string) ([]audit.Actor, error) { return staff, nil }})
	require.Equal(t, []string{"ada@acme.example|Ada Byron|ada@acme.example", "Bo|Bo", "key-7|key-7", "zoe@acme.example|Zoe Quiet|zoe@acme.example"}, usersIn(body(t, h, "")))
	contains(t, body(t, h, "?user=zoe%40acme.example"), `name="user" value="zoe@acme.example" checked`)
	require.Len(t, usersIn(get(h, "?ip=x").Body.String()), 4, "beside an error too")
	require.Equal(t, 1, rowsIn(body(t, h, "?user=ada%40acme.example")))
	page := body(t, h, "?facet=user&find=QUIET")
	contains(t, page, `href="?user=zoe%40acme.example"><bdi>Zoe Quiet</bdi> <small><bdi>zoe@acme.example</bdi></small></a><a class="not" href="?not=user%3Dzoe%2540acme.example">Without this<span class="vh"> Zoe Quiet</span></a>`)
	lacks(t, page, "ada@acme.example", "what the function returned too much is left out")
	contains(t, body(t, h, "?facet=user&find=QUIET&not=user%3DBo"), `class="not" href="?not=user%3DBo&amp;not=user%3Dzoe%2540acme.example"`)
	contains(t, body(t, h, "?facet=action"), `class="not" href="?not=action%3Dlogin">Without this`)
	lacks(t, body(t, h, "?facet=outcome"), `class="not"`)
	var api struct {
		Values []string
		Labels map[string]string
	}
	require.NoError(t, json.Unmarshal(get(h, "?facet=user&find=e&format=json").Body.Bytes(), &api))
	require.Equal(t, []string{"ada@acme.example", "key-7", "zoe@acme.example"}, api.Values)
	require.Equal(t, map[string]string{"ada@acme.example": "Ada Byron", "zoe@acme.example": "Zoe Quiet"}, api.Labels)
	require.Empty(t, log())
}

// TestUsersAreAskedForWhatTheReaderMaySee: tenants, actors that the scope leaves out, and
// nothing for readers without Personal.
func TestUsersAreAskedForWhatTheReaderMaySee(t *testing.T) {
	trail, _ := acted(t)
	both := audit.Filter{Tenants: []string{"b", "a"}}
	for name, c := range map[string]struct {
		grant access.Grant
		asked string
		users int
	}{
		"tenants":               {access.Grant{Scope: both, Personal: true}, "[a b]", 4},
		"twice limited":         {access.Grant{Scope: both.And(audit.Filter{Tenants: []string{"b", "c"}}), Personal: true}, "[b]", 4},
		"without one":           {access.Grant{Scope: audit.Filter{Tenants: []string{"a", "b"}, Not: []audit.Filter{{Tenants: []string{"a"}}}}, Personal: true}, "[b]", 4},
		"without a part":        {access.Grant{Scope: audit.Filter{Tenants: []string{"a", "b"}, Not: []audit.Filter{{Tenants: []string{"a"}, Actions: []string{"x"}}}}, Personal: true}, "[a b]", 4},
		"everything":            {access.Grant{Everything: true, Personal: true}, "[] true", 4},
		"everything but one":    {access.Grant{Everything: true, Personal: true, Scope: audit.Filter{Not: []audit.Filter{{Tenants: []string{"a"}}}}}, "", 2},
		"nothing in common":     {access.Grant{Scope: both.And(audit.Filter{Tenants: []string{"c"}}), Personal: true}, "", 0},
		"masked":                {access.Grant{Scope: both}, "", 0},
		"their own":             {access.Grant{Everything: true, Personal: true, Scope: audit.Filter{Users: []string{"zoe@acme.example"}}}, "[] true", 1},
		"their own ID":          {access.Grant{Everything: true, Personal: true, Scope: audit.Filter{ActorIDs: []string{"3"}}}, "[] true", 1},
		"all but administrator": {access.Grant{Everything: true, Personal: true, Scope: audit.Filter{Not: []audit.Filter{{Users: []string{"zoe@acme.example"}}}}}, "[] true", 3},
	} {
		asked := ""
		h := newViewer(t, trail, &viewer.Options{Authorize: granted(c.grant), Users: func(_ context.Context, tenants []string, find string) ([]audit.Actor, error) {
			if asked = fmt.Sprint(tenants); tenants == nil {
				asked += " true"
			}
			return slices.Clone(staff), nil
		}})
		page := body(t, h, "")
		require.Equal(t, c.asked, asked, name)
		require.Len(t, usersIn(page), c.users, name)
		asked = ""
		get(h, "?facet=user&format=json&find=zoe")
		require.Equal(t, c.asked, asked, name)
	}
}

func TestUsersThatDontComeLeaveWhoActed(t *testing.T) {
	some := []string{"ada@acme.example|ada@acme.example", "key-7|key-7"}
	all := access.Grant{Everything: true, Personal: true}
	for name, c := range map[string]struct {
		users func(context.Context, []string, string) ([]audit.Actor, error)
		says  string
	}{
		"fails": {func(context.Context, []string, string) ([]audit.Actor, error) {
			return staff, errors.New("no database")
		}, "no database"},
		"panics":  {func(context.Context, []string, string) ([]audit.Actor, error) { panic("index out of range") }, "panicked: index out of range"},
		"nothing": {func(context.Context, []string, string) ([]audit.Actor, error) { return nil, nil }, ""},
	} {
		trail, log := acted(t)
		h := newViewer(t, trail, &viewer.Options{Authorize: granted(all), Users: c.users})
		require.Equal(t, some, usersIn(body(t, h, "")), name)
		require.Equal(t, c.says == "", log() == "", log())
		require.Contains(t, log(), c.says)
	}
	synctest.Test(t, func(t *testing.T) {
		trail, log := acted(t)
		var calls atomic.Int64
		stuck := make(chan struct{})
		h := newViewer(t, trail, &viewer.Options{Authorize: granted(all), Users: func(context.Context, []string, string) ([]audit.Actor, error) {
			calls.Add(1)
			<-stuck // whatever its context says
			return staff, nil
		}})
		began := time.Now()
		require.Equal(t, some, usersIn(body(t, h, "")))
		require.Equal(t, 500*time.Millisecond, time.Since(began))
		require.Contains(t, log(), "longer than half a second")
		for range 50 {
			require.Equal(t, some, usersIn(body(t, h, "")))
		}
		require.EqualValues(t, 32, calls.Load(), "calls that hang don't pile up")
		require.Contains(t, log(), "haven't returned")
		close(stuck)
		synctest.Wait()
		require.Len(t, usersIn(body(t, h, "")), 4, "and are made again once they are back")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		r, w := newRequest(ctx)
		h.ServeHTTP(w, r)
		require.NoError(t, trail.Close(t.Context()))
	})
}

func TestManyUsersAreBounded(t *testing.T) {
	trail, _ := acted(t)
	var many []audit.Actor
	for i := range 5000 {
		many = append(many, audit.Actor{Email: fmt.Sprintf("user%04d@acme.example", i)})
	}
	h := newViewer(t, trail, &viewer.Options{Users: func(_ context.Context, _ []string, find string) ([]audit.Actor, error) {
		return slices.DeleteFunc(slices.Clone(many), func(a audit.Actor) bool { return !strings.Contains(a.Email, find) }), nil
	}})
	page := body(t, h, "")
	require.Len(t, usersIn(page), 200)
	contains(t, html.UnescapeString(page), "Search all 1,000+")
	contains(t, body(t, h, "?facet=user&find=user4999"), "user4999@acme.example")
	contains(t, body(t, h, "?user=user4999%40acme.example"), `value="user4999@acme.example" checked`)
}

// TestMenusLeaveValuesOut: a menu shows labels, has the code on hover, and a button that
// leaves the value out. Enter in a field presses none of these.
func TestMenusLeaveValuesOut(t *testing.T) {
	trail := newTrail(t, demo(60)...)
	h := newViewer(t, trail, nil)
	page := body(t, h, "?type=invoices")
	contains(t, page, `<div class="opt" title="update"><label><input type="checkbox" name="action" value="update"><span class="ol"><bdi>Updated</bdi></span></label>`)
	contains(t, page, `title="customers"><label><input type="checkbox" name="type" value="customers"><span class="ol"><bdi>Customer</bdi></span></label>`)
	contains(t, page, `<button name="not" value="action=update">Without this</button>`)
	contains(t, page, `<button name="not" value="user=hannah.weiss%40lumen.example">`)
	lacks(t, page, `value="outcome=success"`)
	without := body(t, h, "?per=200&not=action%3Dupdate")
	require.Less(t, rowsIn(without), rowsIn(body(t, h, "?per=200")))
	form := page[strings.Index(page, `<form class="filters"`):]
	first := form[strings.Index(form, "<button"):]
	require.True(t, strings.HasPrefix(first, `<button class="vh" tabindex="-1" aria-hidden="true">Apply`), "the form's default button")
	twins := audit.NewCatalogue([]audit.Action{{Name: "sign_in", Label: "Logged in"}}, nil)
	trail, err := audit.New(memstore.New(), &audit.Options{Catalogue: twins})
	require.NoError(t, err)
	require.NoError(t, trail.Record(t.Context(), audit.Entry{Action: "sign_in"}, audit.Entry{Action: "login"}))
	contains(t, body(t, newViewer(t, trail, nil), ""), `<bdi>Logged in</bdi> <small><bdi>sign_in</bdi></small>`, "two of one label are told apart")
}
