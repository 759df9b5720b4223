package audit_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/memstore"
)

func day(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s+"T00:00:00Z")
	if err != nil {
		t, err = time.Parse(time.RFC3339Nano, s)
	}
	if err != nil {
		panic(err)
	}
	return t.UTC()
}

var searchCatalogue = audit.NewCatalogue([]audit.Action{{Name: "ISSUE_TOKEN", Label: "Token issued"}}, []audit.ObjectType{{Name: "api_keys", Label: "API Key"}, {Name: "api_keys_v2", Label: "API key"}})

func TestParseKeyword(t *testing.T) {
	type list = []string
	not := func(f ...audit.Filter) audit.Filter { return audit.Filter{Not: f} }
	oneOf := func(f ...audit.Filter) audit.Filter { return not(not(f...)) }
	for s, want := range map[string]audit.Filter{
		"": {}, "  \t\r\n\u00a0 ": {},
		"free":                                {Keyword: "free"},
		"free words":                          audit.Filter{Keyword: "free"}.And(audit.Filter{Keyword: "words"}),
		`"free words"`:                        {Keyword: "free words"},
		`"say \"hi\" \\ \n"`:                  {Keyword: `say "hi" \ \n`},
		`it"s`:                                {Keyword: `it"s`},
		"-draft":                              not(audit.Filter{Keyword: "draft"}),
		`-"two words" -x`:                     not(audit.Filter{Keyword: "two words"}, audit.Filter{Keyword: "x"}),
		"-":                                   {Keyword: "-"},
		"- -":                                 audit.Filter{Keyword: "-"}.And(audit.Filter{Keyword: "-"}),
		"--x":                                 not(audit.Filter{Keyword: "-x"}),
		`"-x"`:                                {Keyword: "-x"},
		"a,b 100% _ \\":                       audit.Filter{Keyword: "a,b"}.And(audit.Filter{Keyword: "100%"}).And(audit.Filter{Keyword: "_"}).And(audit.Filter{Keyword: `\`}),
		"2001:db8::1":                         {Keyword: "2001:db8::1"},
		":x":                                  {Keyword: ":x"},
		`"http://x"`:                          {Keyword: "http://x"},
		"user:ada@example.com":                {Users: list{"ada@example.com"}},
		"USER:ada User:bob":                   {Users: list{"ada", "bob"}},
		`user:""`:                             {Users: list{""}},
		"actor:alice":                         oneOf(audit.Filter{Users: list{"alice"}}, audit.Filter{ActorIDs: list{"alice"}}),
		"actor:b,a actor:a":                   oneOf(audit.Filter{Users: list{"a", "b"}}, audit.Filter{ActorIDs: list{"a", "b"}}),
		"-actor:alice":                        not(audit.Filter{Users: list{"alice"}}, audit.Filter{ActorIDs: list{"alice"}}),
		"behalf:ben,eve on_behalf_of:\"\"":    {OnBehalfOf: list{"ben", "eve", ""}},
		"-behalf:ben":                         not(audit.Filter{OnBehalfOf: list{"ben"}}),
		"actor_type:apiKey":                   {ActorTypes: list{"apiKey"}},
		"action:update,destroy action:x":      {Actions: list{"update", "destroy", "x"}},
		"-action:update,destroy -action:x":    not(audit.Filter{Actions: list{"update", "destroy"}}, audit.Filter{Actions: list{"x"}}),
		`action:"Token issued"`:               {Actions: list{"Token issued", "ISSUE_TOKEN"}},
		"action:issue_token":                  {Actions: list{"issue_token", "ISSUE_TOKEN"}},
		`action:"logged in"`:                  {Actions: list{"logged in", "login"}},
		`object:"api KEY"`:                    {ObjectTypes: list{"api KEY", "api_keys", "api_keys_v2"}},
		"type:api_keys":                       {ObjectTypes: list{"api_keys"}},
		`type:"Security groups"`:              {ObjectTypes: list{"Security groups", "security_groups"}},
		`record:7,"tenant_id=1,code=de" id:8`: {ObjectIDs: list{"7", "tenant_id=1,code=de", "8"}},
		"ip:10.0.0.0/8,::1":                   {IPs: list{"10.0.0.0/8", "::1"}},
		"-ip:10.0.0.0/8":                      not(audit.Filter{IPs: list{"10.0.0.0/8"}}),
		"ip:2001:db8::/32":                    {IPs: list{"2001:db8::/32"}},
		"field:role,settings.theme":           {Fields: list{"role", "settings.theme"}},
		"tenant:acme project:web product:VPN": {Tenants: list{"acme"}, Projects: list{"web"}, Products: list{"VPN"}},
		"outcome:failure,DENIED":              {Outcomes: []audit.Outcome{audit.Failure, audit.Denied}},
		"-outcome:success":                    not(audit.Filter{Outcomes: []audit.Outcome{audit.Success}}),
		"transaction:t request:r":             {TransactionID: "t", RequestID: "r"},
		"transaction:t transaction:t":         {TransactionID: "t"},
		"request:a,b":                         oneOf(audit.Filter{RequestID: "a"}, audit.Filter{RequestID: "b"}),
		"-transaction:a,b":                    not(audit.Filter{TransactionID: "a"}, audit.Filter{TransactionID: "b"}),

		"created:2026-01-31":                             {From: day("2026-01-31"), To: day("2026-02-01")},
		"created:>=2026-01-31":                           {From: day("2026-01-31")},
		"created:>2026-01-31":                            {From: day("2026-02-01")},
		"created:<=2026-01-31":                           {To: day("2026-02-01")},
		"created:<2026-01-31":                            {To: day("2026-01-31")},
		"created:2026-01-01..2026-01-31":                 {From: day("2026-01-01"), To: day("2026-02-01")},
		"created:2026-01-01..*":                          {From: day("2026-01-01")},
		"created:*..2026-01-31":                          {To: day("2026-02-01")},
		"created:>=2026-01-01 created:<2026-02-01":       {From: day("2026-01-01"), To: day("2026-02-01")},
		"created:>=2026-01-01 created:>2026-01-05":       {From: day("2026-01-06")},
		"-created:2026-01-31":                            not(audit.Filter{From: day("2026-01-31"), To: day("2026-02-01")}),
		"created:2026-01-31T13:59":                       {From: day("2026-01-31T13:59:00Z"), To: day("2026-01-31T14:00:00Z")},
		"created:2026-01-31T13:59:24":                    {From: day("2026-01-31T13:59:24Z"), To: day("2026-01-31T13:59:25Z")},
		"created:>2026-01-31T13:59:24+02:00":             {From: day("2026-01-31T11:59:25Z")},
		"created:2026-01-31T13:59:24.000001Z":            {From: day("2026-01-31T13:59:24.000001Z"), To: day("2026-01-31T13:59:24.000002Z")},
		"created:<=9999-12-31":                           {To: day("9999-12-31T23:59:59.999999999Z")},
		"created:2026-01-31T10:00Z..2026-01-31T11:00:00": {From: day("2026-01-31T10:00:00Z"), To: day("2026-01-31T11:00:01Z")},
	} {
		got, err := audit.ParseKeyword(s, searchCatalogue)
		require.NoError(t, err, s)
		assert.Equal(t, want, got, s)
	}
}

// A line that has nearly everything, and what it selects.
func TestTheWholeLine(t *testing.T) {
	f, err := audit.ParseKeyword(`actor:alice action:update,destroy -ip:10.0.0.0/8 object:"API Key" field:role created:>=2026-01-01 outcome:failure free words`, searchCatalogue)
	require.NoError(t, err)
	e := audit.Entry{
		Time: day("2026-01-01"), Actor: audit.Actor{Name: "alice", ID: "7"}, Action: "destroy", Outcome: audit.Failure, Request: audit.Request{IP: "192.0.2.1"},
		Object: audit.Object{Type: "api_keys", Name: "WORDS are free"}, Changes: []audit.Change{{Field: "role.name"}},
	}
	assert.True(t, f.Match(e))
	for name, spoil := range map[string]func(*audit.Entry){
		"actor": func(e *audit.Entry) { e.Actor.Name = "bob" }, "action": func(e *audit.Entry) { e.Action = "create" }, "ip": func(e *audit.Entry) { e.Request.IP = "10.1.1.1" },
		"object": func(e *audit.Entry) { e.Object.Type = "users" }, "field": func(e *audit.Entry) { e.Changes = nil }, "created": func(e *audit.Entry) { e.Time = e.Time.Add(-1) },
		"outcome": func(e *audit.Entry) { e.Outcome = audit.Success }, "free": func(e *audit.Entry) { e.Object.Name = "words" }, "words": func(e *audit.Entry) { e.Object.Name = "free" },
	} {
		other := e
		spoil(&other)
		assert.False(t, f.Match(other), name)
	}
	byID := e
	byID.Actor = audit.Actor{ID: "alice", Email: "x@example.com"}
	assert.True(t, f.Match(byID))
}

func TestParseKeywordSaysWhereAndWhy(t *testing.T) {
	for s, want := range map[string]string{
		"acter:alice":                    `column 1: expected one of action, actor, `,
		"free acter:alice":               `column 6: expected one of `,
		"😀é -acter:alice":                `column 5: expected one of `,
		"http://x":                       `put text that holds a colon in quotes`,
		"actor:":                         `column 7: expected a value right after the colon`,
		"actor: alice":                   `column 7: expected a value right after the colon`,
		"action:a,":                      `column 10: expected a value right after the comma`,
		"action:a,,b":                    `column 10: expected a value right after the comma`,
		"action:,b":                      `column 8: expected a value right after the colon`,
		`x "unclosed`:                    `column 3: expected a closing quote for the one that opens here`,
		`object:"unclosed`:               `column 8: expected a closing quote`,
		`"a\"`:                           `column 1: expected a closing quote`,
		`"a"b`:                           `column 4: expected a blank after the closing quote`,
		`object:"a"b`:                    `column 11: expected a comma or a blank after the closing quote`,
		`""`:                             `column 1: expected a word between the quotes`,
		`-""`:                            `column 2: expected a word between the quotes`,
		"ip:10.0.0.0/33":                 `column 4: expected an address or a CIDR prefix (10.0.0.0/8), got "10.0.0.0/33"`,
		"ip:::1,x":                       `column 8: expected an address`,
		`ip:""`:                          `column 4: expected an address`,
		"outcome:ok":                     `column 9: expected success, failure or denied, got "ok"`,
		`outcome:""`:                     `column 9: expected success`,
		`request:""`:                     `column 9: expected a value that is not empty`,
		"created:yesterday":              `column 9: expected a date (2026-01-31) or a time (2026-01-31T13:59:24Z), got "yesterday"`,
		"created:>=2026-02-30":           `column 11: expected a date`,
		"created:2026-01-01..soon":       `column 21: expected a date`,
		"created:..2026-01-01":           `column 9: expected a date`,
		"created:2026-02-01..2026-01-31": `column 21: the range ends before it begins`,
		"created:2026-01-01,2026-01-02":  `column 20: expected one time or range`,
		"created:<2026-01-01 created:>2026-01-01":  `column 29: no time is in this range and in those before it`,
		"created:10000-01-01":                      `column 9: expected a date`,
		strings.Repeat("x ", 65):                   `column 129: expected the end: more than 64 words`,
		strings.Repeat("x", 1025):                  `has 1025 bytes, at most 1024 are possible`,
		"action:" + strings.Repeat("x", 500) + ",": `column 509: `,
		"outcome:" + strings.Repeat("é", 300):      `…"`,
	} {
		_, err := audit.ParseKeyword(s, nil)
		var qe *audit.QueryError
		if assert.ErrorAs(t, err, &qe, s) {
			assert.Equal(t, "q", qe.Param)
			assert.Contains(t, qe.Reason, want, s)
			assert.Less(t, len(qe.Reason), 400)
			assert.ErrorIs(t, err, audit.ErrInvalidQuery)
		}
	}
}

func TestExpand(t *testing.T) {
	f, err := audit.Filter{Keyword: "user:ada,bob two words", Users: []string{"bob"}, Tenants: []string{"acme"}}.Expand(nil)
	require.NoError(t, err)
	e := audit.Entry{Tenant: "acme", Actor: audit.Actor{Name: "bob"}, Object: audit.Object{Name: "words, two"}}
	assert.True(t, f.Match(e))
	e.Actor.Name = "ada"
	assert.False(t, f.Match(e), "what the keyword says is and-ed under the rest")
	assert.Empty(t, f.Keyword)
	plain := audit.Filter{Tenants: []string{"acme"}}
	f, err = plain.Expand(nil)
	require.NoError(t, err)
	for _, tenant := range []string{"acme", "globex"} {
		assert.Equal(t, plain.Match(audit.Entry{Tenant: tenant}), f.Match(audit.Entry{Tenant: tenant}))
	}
	_, err = audit.Filter{Keyword: "ip:x"}.Expand(nil)
	assert.ErrorIs(t, err, audit.ErrInvalidQuery)
}

// Through a scope a search shows only what the scope allows, whatever is typed.
func TestSearchCannotWidenAScope(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		trail := newScopeTrail(t, memstore.New(), false)
		require.NoError(t, trail.Record(t.Context(), rapid.SliceOfN(anyEntry(), 1, 15).Draw(t, "entries")...))
		limit := anyFilter(1).Draw(t, "limit")
		s, _ := searchText(t)
		f, err := audit.ParseKeyword(s, nil)
		if err != nil {
			return
		}
		for _, f := range []audit.Filter{f, {Not: []audit.Filter{f}}} {
			for _, e := range gatherAll(t, trail.Scope(limit), audit.Query{Filter: f}) {
				require.True(t, limit.Match(e))
			}
		}
	})
}

// searchText draws a search, and what it means: a predicate of its own.
func searchText(t *rapid.T) (string, func(audit.Entry) bool) {
	texts := rapid.SampledFrom([]string{"a", "A", "b", "é", "a b", `"`, `\`, "-a", "a,b", ":", "user:a"})
	anyOf := map[string][]func(audit.Entry) bool{} // by qualifier
	var all []func(audit.Entry) bool
	var parts []string
	for range rapid.IntRange(0, 5).Draw(t, "terms") {
		name := rapid.SampledFrom([]string{"", "", "actor", "user", "behalf", "actor_type", "action", "type", "object", "id", "record", "tenant", "project", "product", "field", "ip", "outcome", "transaction", "request", "created"}).Draw(t, "qualifier")
		var values, written []string
		for range rapid.IntRange(1, 3).Draw(t, "values") {
			v := texts.Draw(t, "value")
			switch name {
			case "ip":
				v = rapid.SampledFrom([]string{"10.0.0.0/8", "::1", "0.0.0.0/0"}).Draw(t, "ip")
			case "outcome":
				v = rapid.SampledFrom([]string{"success", "failure", "denied"}).Draw(t, "outcome")
			case "created":
				v = rapid.SampledFrom([]string{">", ">=", "<", "<=", ""}).Draw(t, "bound") + rapid.SampledFrom([]string{"1970-01-01", "2026-01-31", "5000-06-01"}).Draw(t, "date")
			}
			values, written = append(values, v), append(written, quoted(t, v))
			if name == "" || name == "created" {
				break
			}
		}
		meets := func(e audit.Entry) bool {
			return slices.ContainsFunc(values, func(v string) bool { return meaning(name, v, e) })
		}
		part := written[0]
		if name != "" {
			part = name + ":" + strings.Join(written, ",")
		}
		switch {
		case rapid.Bool().Draw(t, "negated"):
			part = "-" + part
			all = append(all, func(e audit.Entry) bool { return !meets(e) })
		case name == "" || name == "created":
			all = append(all, meets)
		default:
			key := map[string]string{"object": "type", "record": "id"}[name]
			if key == "" {
				key = name
			}
			anyOf[key] = append(anyOf[key], meets)
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, rapid.SampledFrom([]string{" ", "  ", "\t", "\r\n"}).Draw(t, "blank")), func(e audit.Entry) bool {
		for _, any := range anyOf {
			if !slices.ContainsFunc(any, func(meets func(audit.Entry) bool) bool { return meets(e) }) {
				return false
			}
		}
		return !slices.ContainsFunc(all, func(meets func(audit.Entry) bool) bool { return !meets(e) })
	}
}

// quoted writes a value, bare where that is possible and chance wants it.
func quoted(t *rapid.T, v string) string {
	if !strings.ContainsAny(v, " ,\":-") && rapid.Bool().Draw(t, "bare") {
		return v
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(v) + `"`
}

// meaning is what one value of a qualifier says of an entry, in other words
// than the library's.
func meaning(name, v string, e audit.Entry) bool {
	user := e.Actor.Email
	if user == "" {
		user = e.Actor.Name
	}
	switch name {
	case "":
		for _, s := range []string{e.Actor.Name, e.Actor.Email, e.Object.Name, e.Object.ID, e.Action} {
			if strings.Contains(strings.ToUpper(s), strings.ToUpper(v)) {
				return true
			}
		}
		return false
	case "actor":
		return v == user || v == e.Actor.ID
	case "field":
		return slices.ContainsFunc(e.Changes, func(c audit.Change) bool {
			return c.Field == v || strings.HasPrefix(c.Field, v+".") || strings.HasPrefix(c.Field, v+"[")
		})
	case "ip":
		a, err := netip.ParseAddr(e.Request.IP)
		if p, perr := netip.ParsePrefix(v); perr == nil {
			return err == nil && p.Contains(a)
		}
		return err == nil && a.String() == v
	case "created":
		date := e.Time.Format(time.DateOnly)
		bound := strings.TrimLeft(v, "<>=")
		switch strings.TrimSuffix(v, bound) {
		case ">":
			return date > bound
		case ">=":
			return date >= bound
		case "<":
			return date < bound
		case "<=":
			return date <= bound
		}
		return date == bound
	}
	return v == map[string]string{
		"user": user, "behalf": e.OnBehalfOfUser(), "actor_type": e.Actor.Type, "action": e.Action, "type": e.Object.Type, "object": e.Object.Type, "id": e.Object.ID, "record": e.Object.ID, "tenant": e.Tenant,
		"project": e.Project, "product": e.Object.Product, "outcome": string(e.Outcome), "transaction": e.TransactionID, "request": e.Request.ID,
	}[name]
}

// A search selects what its words say, whatever they are.
func TestSearchMeansWhatItSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, means := searchText(t)
		f, err := audit.ParseKeyword(s, nil)
		if err != nil {
			require.ErrorContains(t, err, "no time is in this range", s)
			return
		}
		for range 5 {
			e := anyEntry().Draw(t, "entry")
			require.Equal(t, means(e), f.Match(e), "%s", s)
		}
	})
}

func FuzzParseKeyword(f *testing.F) {
	for _, s := range []string{
		`actor:alice action:update,destroy -ip:10.0.0.0/8 object:"API Key" field:role created:>=2026-01-01 outcome:failure free words`, `"`, `\`, `-`, `--`, `a:b`, `:`, `"\"`, `ip:`, `created:..`,
		"created:*..*", "-created:*..*", "é\xff\x00:", "id:1,2,\"3\"", "created:>=0001-01-01T00:00:00+23:59", "created:9999-12-31..*", "\u2028actor:x", "ACTOR:x", "actor:\"\"",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := audit.ParseKeyword(s, searchCatalogue)
		if err != nil {
			var qe *audit.QueryError
			require.ErrorAs(t, err, &qe)
			require.Equal(t, "q", qe.Param)
			require.Less(t, len(qe.Reason), 500)
			return
		}
		require.NoError(t, got.Validate())
		got.Match(audit.Entry{Time: time.Unix(0, 0), Action: "x"})
		if terms := got.Terms(); len(terms) == 1 {
			again, err := audit.ParseFilter(got.Values())
			require.NoError(t, err)
			require.Equal(t, got, again)
		}
	})
}

func ExampleParseKeyword() {
	f, err := audit.ParseKeyword(`user:ada action:update,destroy -ip:10.0.0.0/8 created:>=2026-01-01 vpn`, nil)
	fmt.Println(f.Values().Encode(), err)
	_, err = audit.ParseKeyword("action:update ip:localhost", nil)
	fmt.Println(err)
	// Output:
	// action=update&action=destroy&from=2026-01-01T00%3A00%3A00Z&not=ip%3D10.0.0.0%252F8&q=vpn&user=ada <nil>
	// audit: invalid query: q: column 18: expected an address or a CIDR prefix (10.0.0.0/8), got "localhost"
}
