package access

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
)

var reachDay = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

func tenants(list ...string) Grant { return Grant{Scope: audit.Filter{Tenants: list}} }

func TestReachWithin(t *testing.T) {
	scoped := func(f audit.Filter) Grant { return Grant{Everything: true, Scope: f} }
	everything := Grant{Everything: true}
	for name, c := range map[string]struct {
		then, now Grant
		want      bool
	}{
		"the same":                 {tenants("a"), tenants("a"), true},
		"more tenants":             {tenants("a"), tenants("b", "a"), true},
		"fewer tenants":            {tenants("a", "b"), tenants("a"), false},
		"another tenant":           {tenants("a"), tenants("b"), false},
		"everything":               {tenants("a"), everything, true},
		"no longer everything":     {everything, tenants("a"), false},
		"a project less":           {tenants("a"), Grant{Scope: audit.Filter{Tenants: []string{"a"}, Projects: []string{"p"}}}, false},
		"a project more":           {Grant{Scope: audit.Filter{Tenants: []string{"a"}, Projects: []string{"p"}}}, tenants("a"), true},
		"and-ed":                   {tenants("a"), scoped(audit.Filter{Tenants: []string{"a", "b"}}.And(audit.Filter{Tenants: []string{"a", "c"}})), true},
		"and-ed, one misses it":    {tenants("a"), scoped(audit.Filter{Tenants: []string{"a", "b"}}.And(audit.Filter{Tenants: []string{"c"}})), false},
		"nothing at all":           {tenants("a"), scoped(audit.Filter{Tenants: []string{}}), false},
		"from nothing":             {scoped(audit.Filter{Tenants: []string{}}), scoped(audit.Filter{Tenants: []string{}}), true},
		"an exclusion more":        {tenants("a"), Grant{Scope: audit.Filter{Tenants: []string{"a"}, Not: []audit.Filter{{Actions: []string{"x"}}}}}, false},
		"an exclusion less":        {Grant{Scope: audit.Filter{Tenants: []string{"a"}, Not: []audit.Filter{{Actions: []string{"x"}}}}}, tenants("a"), true},
		"an exclusion became more": {scoped(audit.Filter{Not: []audit.Filter{audit.Filter{Actions: []string{"x"}}.And(audit.Filter{Projects: []string{"p"}})}}), scoped(audit.Filter{Not: []audit.Filter{{Actions: []string{"x"}}}}), false},
		"a window moves":           {scoped(audit.Filter{From: reachDay}), scoped(audit.Filter{From: reachDay.Add(time.Hour)}), true},
		"a window shrank":          {scoped(audit.Filter{From: reachDay}), scoped(audit.Filter{From: reachDay.Add(2 * time.Hour)}), false},
		"a window opened":          {everything, scoped(audit.Filter{From: reachDay}), false},
		"an end came nearer":       {scoped(audit.Filter{To: reachDay}), scoped(audit.Filter{To: reachDay.Add(-1)}), false},
		"an end moved on":          {scoped(audit.Filter{To: reachDay}), scoped(audit.Filter{To: reachDay.Add(1)}), true},
		"no personal data now":     {Grant{Everything: true, Personal: true}, everything, false},
		"personal data now":        {everything, Grant{Everything: true, Personal: true}, true},
		"hidden now":               {everything, Grant{Everything: true, Hidden: []string{"salary"}}, false},
		"no longer hidden":         {Grant{Everything: true, Hidden: []string{"salary"}}, everything, true},
		"still hidden":             {Grant{Everything: true, Hidden: []string{"iban", "salary"}}, Grant{Everything: true, Hidden: []string{"salary"}}, true},
		"a grant of nothing":       {tenants("a"), Grant{}, false},
	} {
		require.Equal(t, c.want, c.then.Reach().Within(c.now, time.Hour), name)
		stored, err := json.Marshal(c.then.Reach())
		require.NoError(t, err)
		var read Reach
		require.NoError(t, json.Unmarshal(stored, &read))
		require.Equal(t, c.want, read.Within(c.now, time.Hour), "%s, stored", name)
	}
	require.True(t, tenants("a").Reach().TenantsWithin(Grant{Scope: audit.Filter{Tenants: []string{"a"}, Projects: []string{"p"}}, Hidden: []string{"x"}}))
	require.False(t, tenants("a", "b").Reach().TenantsWithin(tenants("b")))
	require.False(t, Grant{Everything: true}.Reach().TenantsWithin(tenants("b")))
	require.False(t, Reach{Conditions: []string{"%zz"}}.Within(Grant{Everything: true}, 0), "a damaged form shows nothing")
}

// TestReachNeverClaimsTooMuch: of random scopes, what was shown then is shown now
// wherever Within says so. Filter.Match is the judge.
func TestReachNeverClaimsTooMuch(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	pick := func() []string {
		switch rnd.IntN(6) {
		case 0:
			return []string{}
		case 1, 2:
			return nil
		}
		list := []string{"a", "b", "c"}
		rnd.Shuffle(3, func(i, j int) { list[i], list[j] = list[j], list[i] })
		return list[:1+rnd.IntN(3)]
	}
	var filter func(depth int) audit.Filter
	filter = func(depth int) audit.Filter {
		f := audit.Filter{Tenants: pick()}
		if rnd.IntN(2) == 0 {
			f.Actions = pick()
		}
		if rnd.IntN(4) == 0 {
			f.From = reachDay.Add(time.Duration(rnd.IntN(3)) * time.Hour)
		}
		if rnd.IntN(4) == 0 {
			f.To = reachDay.Add(time.Duration(3+rnd.IntN(3)) * time.Hour)
		}
		for range rnd.IntN(3) * (1 - depth) {
			f.Not = append(f.Not, filter(depth+1))
		}
		if rnd.IntN(3) == 0 {
			f = f.And(audit.Filter{Actions: pick(), Projects: pick()})
		}
		return f
	}
	var entries []audit.Entry
	for i := range 3 * 3 * 3 * 5 {
		at := func(n int) string { return fmt.Sprintf("%c", 'a'+n%3) }
		entries = append(entries, audit.Entry{Tenant: at(i), Action: at(i / 3), Project: at(i / 9), Time: reachDay.Add(time.Duration(i/27) * time.Hour)})
	}
	claims := 0
	for range 400 {
		then, now := Grant{Everything: true, Scope: filter(0)}, Grant{Everything: true, Scope: filter(0)}
		if rnd.IntN(2) == 0 { // related scopes, or few are within another
			then.Scope = now.Scope.And(then.Scope)
		}
		if !then.Reach().Within(now, 0) {
			continue
		}
		shown, was, is := 0, then.ownScope(), now.ownScope()
		for _, e := range entries {
			if was.Match(e) {
				shown++
				if !is.Match(e) {
					t.Fatalf("%+v\n%+v\n%+v", was.Terms(), is.Terms(), e)
				}
			}
		}
		if shown > 0 {
			claims++
		}
	}
	require.Greater(t, claims, 20)
}

func TestMayWrite(t *testing.T) {
	operates := Grant{Everything: true, Operate: true}
	for _, c := range []struct {
		method string
		header [2]string
		grant  Grant
		want   bool
	}{
		{"POST", [2]string{"Sec-Fetch-Site", "same-origin"}, operates, true},
		{"POST", [2]string{"Origin", "https://example.com"}, operates, true},
		{"POST", [2]string{"X-Of", "a program"}, operates, true},
		{"POST", [2]string{"Sec-Fetch-Site", "cross-site"}, operates, false},
		{"POST", [2]string{"Sec-Fetch-Site", "same-site"}, operates, false},
		{"POST", [2]string{"Origin", "https://evil.example"}, operates, false},
		{"POST", [2]string{"Origin", "null"}, operates, false},
		{"POST", [2]string{"Sec-Fetch-Site", "same-origin"}, Grant{Everything: true, Export: true, Personal: true}, false},
		{"GET", [2]string{"Sec-Fetch-Site", "same-origin"}, operates, false},
		{"HEAD", [2]string{"Sec-Fetch-Site", "same-origin"}, operates, false},
		{"PUT", [2]string{"Sec-Fetch-Site", "same-origin"}, operates, false},
	} {
		r := httptest.NewRequest(c.method, "https://example.com/audit", http.NoBody)
		r.Header.Set(c.header[0], c.header[1])
		require.Equal(t, c.want, c.grant.MayWrite(r), "%+v", c)
	}
}
