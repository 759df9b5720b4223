package search_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/search"
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

func TestParse(t *testing.T) {
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
		"is:failure,Denied":                   {Outcomes: []audit.Outcome{audit.Failure, audit.Denied}},
		"is:failed IS:succeeded":              {Outcomes: []audit.Outcome{audit.Failure, audit.Success}},
		"email:ada@example.com user:bob":      {Users: list{"ada@example.com", "bob"}},
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
		got, err := search.Parse(s, searchCatalogue, nil)
		require.NoError(t, err, s)
		assert.Equal(t, want, got, s)
	}
}

// A line that has nearly everything, and what it selects.
func TestTheWholeLine(t *testing.T) {
	f, err := search.Parse(`actor:alice action:update,destroy -ip:10.0.0.0/8 object:"API Key" field:role created:>=2026-01-01 outcome:failure free words`, searchCatalogue, nil)
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

// What can't be read is said in words that help to type it, and where it is.
func TestParseSaysWhereAndWhy(t *testing.T) {
	for s, want := range map[string]string{
		"acter:alice":                    `1 “acter:” is not a filter. Did you mean actor:? `,
		"free acter:alice":               `6 “acter:” is not a filter. Did you mean actor:? `,
		"😀é -acter:alice":                `5 “acter:” is not a filter. Did you mean actor:? `,
		"http://x":                       `1 “http:” is not a filter. To search for text with a colon, put it in quotes`,
		"actor:":                         `7 “actor:” needs a value, such as actor:ada@example.com`,
		"EMAIL: alice":                   `7 “email:” needs a value, such as user:ada@example.com`,
		"action:a,":                      `10 “action:” needs a value after the comma`,
		"action:a,,b":                    `10 “action:” needs a value after the comma`,
		"action:,b":                      `8 “action:” needs a value, such as action:update,destroy`,
		`x "unclosed`:                    `3 The closing quote is missing`,
		`object:"unclosed`:               `8 The closing quote is missing`,
		`"a\"`:                           `1 The closing quote is missing`,
		`"a"b`:                           `4 Leave a space after the closing quote`,
		`object:"a"b`:                    `11 Leave a space after the closing quote`,
		`""`:                             `1 There is nothing between the quotes`,
		`-""`:                            `2 There is nothing between the quotes`,
		"ip:10.0.0.0/33":                 `4 “ip:” needs an IP address such as 10.1.2.3, or a network such as 10.0.0.0/8, not “10.0.0.0/33”`,
		"ip:::1,x":                       `8 “ip:” needs an IP address`,
		`ip:""`:                          `4 “ip:” needs an IP address`,
		"outcome:ok":                     `9 “outcome:” can be success, failure, denied or read, not “ok”`,
		"is:open":                        `4 “is:” can be success, failure, denied or read, not “open”`,
		`outcome:""`:                     `9 “outcome:” can be success`,
		`request:""`:                     `9 “request:” needs a value, such as request:req_7d1f`,
		"before:soon":                    `8 “before:” needs a date such as 2026-01-31, or today, yesterday or 7d, not “soon”`,
		"date:31.1.2026":                 `6 “date:” needs a date such as 2026-01-31, or 7d, 24h, today or yesterday, not “31.1.2026”`,
		"since:0d":                       `7 “since:” needs a date`,
		"since:99999d":                   `7 “since:” needs a date`,
		"created:>=7d":                   `11 “created:” needs a date`,
		"created:>=2026-02-30":           `11 “created:” needs a date`,
		"created:2026-01-01..soon":       `21 “created:” needs a date`,
		"created:..2026-01-01":           `9 “created:” needs a date`,
		"created:2026-02-01..2026-01-31": `21 The range of “created:” ends before it begins`,
		"created:2026-01-01,2026-01-02":  `20 “created:” takes one date or range`,
		"created:<2026-01-01 created:>2026-01-01":  `29 The dates exclude each other, so nothing can match`,
		"before:2026-01-01 since:2026-01-01":       `25 The dates exclude each other`,
		"created:10000-01-01":                      `9 “created:” needs a date`,
		strings.Repeat("x ", 65):                   `129 A search has at most 64 words and filters`,
		strings.Repeat("x", 1025):                  `0 A search has at most 1024 bytes, and this one has 1025`,
		"action:" + strings.Repeat("x", 500) + ",": `509 `,
		"outcome:" + strings.Repeat("é", 300):      `…”`,
	} {
		_, err := search.Parse(s, nil, nil)
		var qe *audit.QueryError
		if assert.ErrorAs(t, err, &qe, s) {
			assert.Equal(t, "q", qe.Param)
			assert.Contains(t, fmt.Sprint(qe.Column, " ", qe.Reason), want, s)
			assert.NotContains(t, qe.Reason, "column", s)
			assert.Less(t, len(qe.Reason), 400)
			assert.ErrorIs(t, err, audit.ErrInvalidQuery)
		}
	}
}

// A slip is answered with what was probably meant, and only then.
func TestUnknownQualifiersSuggestTheNearest(t *testing.T) {
	for typed, want := range map[string]string{
		"acter": "actor", "ator": "actor", "atcor": "actor", "usr": "user", "users": "user", "act": "actor", "fields": "field", "trans": "transaction", "outcom": "outcome",
		"befor": "before", "emial": "email", "dates": "date", "creatd": "created", "http": "", "note": "", "x": "", "C": "", "zz": "", "comment": "",
	} {
		_, err := search.Parse(typed+":x", nil, nil)
		require.Error(t, err, typed)
		if want == "" {
			assert.NotContains(t, err.Error(), "Did you mean", typed)
		} else {
			assert.Contains(t, err.Error(), "Did you mean "+want+":?", typed)
		}
	}
}

// The help lists what can be typed: each example and each value is read, under each
// spelling, and no spelling has two meanings.
func TestQualifiersCanBeTyped(t *testing.T) {
	seen := map[string]bool{}
	for _, q := range search.Qualifiers() {
		require.True(t, strings.HasPrefix(q.Example, q.Name+":"), q.Name)
		require.NotEmpty(t, q.Explanation)
		for _, spelling := range append([]string{q.Name}, q.Aliases...) {
			require.False(t, seen[spelling], spelling)
			seen[spelling] = true
			for _, text := range append([]string{strings.TrimPrefix(q.Example, q.Name+":")}, q.Values...) {
				f, err := search.Parse(spelling+":"+text, nil, nil)
				require.NoError(t, err)
				require.NotEqual(t, "", f.Values().Encode()+fmt.Sprint(f.Not), spelling)
			}
		}
		if q.Facet != "" {
			require.NoError(t, audit.FacetQuery{Name: q.Facet, Limit: 1}.Validate())
		}
	}
	search.Qualifiers()[0].Aliases[0] = "mine"
	require.NotEqual(t, "mine", search.Qualifiers()[0].Aliases[0])
}

// Days are days of the zone, whose first moment isn't always midnight, and neither
// overlap nor leave a gap.
func TestDaysAreDaysOfTheZone(t *testing.T) {
	in := func(zone, s string) audit.Filter {
		l, err := time.LoadLocation(zone)
		require.NoError(t, err)
		f, err := search.Parse(s, nil, l)
		require.NoError(t, err, s)
		return f
	}
	for s, want := range map[string]audit.Filter{
		"created:2026-01-31":                       {From: day("2026-01-30T23:00:00Z"), To: day("2026-01-31T23:00:00Z")},
		"before:2026-01-31":                        {To: day("2026-01-30T23:00:00Z")},
		"after:2026-01-31":                         {From: day("2026-01-31T23:00:00Z")},
		"since:2026-01-31":                         {From: day("2026-01-30T23:00:00Z")},
		"until:2026-01-31":                         {To: day("2026-01-31T23:00:00Z")},
		"since:2026-01-31T13:59":                   {From: day("2026-01-31T12:59:00Z")},
		"until:2026-01-31T13:59Z":                  {To: day("2026-01-31T14:00:00Z")},
		"since:2026-01-01 before:2026-02-01":       {From: day("2025-12-31T23:00:00Z"), To: day("2026-01-31T23:00:00Z")},
		"created:2026-03-29":                       {From: day("2026-03-28T23:00:00Z"), To: day("2026-03-29T22:00:00Z")},
		"created:2026-03-28..2026-03-29":           {From: day("2026-03-27T23:00:00Z"), To: day("2026-03-29T22:00:00Z")},
		"created:2026-01-31T13:59:24.000001+02:00": {From: day("2026-01-31T11:59:24.000001Z"), To: day("2026-01-31T11:59:24.000002Z")},
	} {
		assert.Equal(t, want, in("Europe/Berlin", s), s)
	}
	for zone, date := range map[string]string{ // clocks were changed at midnight
		"America/Sao_Paulo": "2018-11-04", "Asia/Beirut": "2022-03-27", "America/Havana": "2024-03-10", "Atlantic/Azores": "2024-10-27", "Africa/Cairo": "2023-11-03",
	} {
		l, err := time.LoadLocation(zone)
		require.NoError(t, err)
		on := day(date)
		for i := -2; i <= 2; i++ {
			d := on.AddDate(0, 0, i)
			f := in(zone, "created:"+d.Format(time.DateOnly))
			next := in(zone, "since:"+d.AddDate(0, 0, 1).Format(time.DateOnly))
			assert.Equal(t, f.To, next.From, zone, d)
			assert.Equal(t, d.Format(time.DateOnly), f.From.In(l).Format(time.DateOnly), zone)
			assert.NotEqual(t, d.Format(time.DateOnly), f.From.Add(-1).In(l).Format(time.DateOnly), zone)
			assert.Equal(t, d.Format(time.DateOnly), f.To.Add(-1).In(l).Format(time.DateOnly), zone)
		}
	}
}

// Times that move with the clock, and cursors that don't depend on them.
func TestSearchByWhatIsRecent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // it is 2000-01-01, midnight in UTC
		now := time.Now().UTC()
		berlin, err := time.LoadLocation("Europe/Berlin")
		require.NoError(t, err)
		for s, want := range map[string][2]time.Time{
			"created:7d": {now.AddDate(0, 0, -7), {}}, "created:24H": {now.Add(-24 * time.Hour), {}}, "since:2w": {now.AddDate(0, 0, -14), {}}, "after:15m": {now.Add(-15 * time.Minute), {}},
			"before:30d": {{}, now.AddDate(0, 0, -30)}, "until:1h": {{}, now.Add(-time.Hour)},
			"created:today": {now.Add(-time.Hour), now.Add(23 * time.Hour)}, "created:yesterday": {now.Add(-25 * time.Hour), now.Add(-time.Hour)}, "since:Yesterday": {now.Add(-25 * time.Hour), {}},
			"before:today": {{}, now.Add(-time.Hour)}, "created:yesterday..today": {now.Add(-25 * time.Hour), now.Add(23 * time.Hour)}, "created:>=today": {now.Add(-time.Hour), {}},
		} {
			f, err := search.Parse(s, nil, berlin)
			require.NoError(t, err, s)
			assert.Equal(t, want, [2]time.Time{f.From, f.To}, s)
		}

		trail, err := audit.New(memstore.New(), nil)
		require.NoError(t, err)
		for range 3 {
			require.NoError(t, trail.Record(t.Context(), audit.Entry{Action: "login"}))
		}
		page := func(q, cursor string) (*audit.Page, error) {
			f, err := search.Expand(audit.Filter{Keyword: q}, nil, nil)
			require.NoError(t, err)
			return trail.Query(t.Context(), audit.Query{Filter: f, Limit: 2, Cursor: cursor})
		}
		for _, q := range []string{"created:7d", "-before:7d", "since:yesterday"} {
			first, err := page(q, "")
			require.NoError(t, err)
			time.Sleep(time.Minute)
			second, err := page(q, first.Next)
			require.NoError(t, err, q)
			require.Len(t, second.Entries, 1, q)
			_, err = page(q+" x", first.Next)
			require.ErrorIs(t, err, audit.ErrBadCursor)
		}
	})
}

func TestExpand(t *testing.T) {
	f, err := search.Expand(audit.Filter{Keyword: "user:ada,bob two words", Users: []string{"bob"}, Tenants: []string{"acme"}}, nil, nil)
	require.NoError(t, err)
	e := audit.Entry{Tenant: "acme", Actor: audit.Actor{Name: "bob"}, Object: audit.Object{Name: "words, two"}}
	assert.True(t, f.Match(e))
	e.Actor.Name = "ada"
	assert.False(t, f.Match(e), "what the keyword says is and-ed under the rest")
	assert.Empty(t, f.Keyword)
	plain := audit.Filter{Tenants: []string{"acme"}}
	f, err = search.Expand(plain, nil, nil)
	require.NoError(t, err)
	for _, tenant := range []string{"acme", "globex"} {
		assert.Equal(t, plain.Match(audit.Entry{Tenant: tenant}), f.Match(audit.Entry{Tenant: tenant}))
	}
	_, err = search.Expand(audit.Filter{Keyword: "ip:x"}, nil, nil)
	assert.ErrorIs(t, err, audit.ErrInvalidQuery)
}

// Through a scope a search shows only what the scope allows, whatever is typed.
func TestSearchCannotWidenAScope(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		trail, err := audit.New(memstore.New(), nil)
		require.NoError(t, err)
		require.NoError(t, trail.Record(t.Context(), rapid.SliceOfN(anyEntry(), 1, 15).Draw(t, "entries")...))
		limit, allows := anySearch(t)
		f, _ := anySearch(t)
		for _, f := range []audit.Filter{f, {Not: []audit.Filter{f}}} {
			for e, err := range trail.Scope(limit).All(t.Context(), audit.Query{Filter: f}) {
				require.NoError(t, err)
				require.True(t, allows(e))
			}
		}
	})
}

// anySearch draws a search that can be read, and what it means.
func anySearch(t *rapid.T) (audit.Filter, func(audit.Entry) bool) {
	for {
		text, means := searchText(t)
		if f, err := search.Parse(text, nil, nil); err == nil {
			return f, means
		}
	}
}

// anyEntry draws entries whose texts are few, so that searches find them.
func anyEntry() *rapid.Generator[audit.Entry] {
	text := rapid.SampledFrom([]string{"", "a", "A", "b", `"`, "é", "a b"})
	return rapid.Custom(func(t *rapid.T) audit.Entry {
		e := audit.Entry{
			Time: day(rapid.SampledFrom(dates).Draw(t, "date")).Add(rapid.SampledFrom(aroundDays).Draw(t, "time")), Tenant: text.Draw(t, "tenant"), Project: text.Draw(t, "project"),
			Actor:   audit.Actor{Type: text.Draw(t, "actor type"), ID: text.Draw(t, "actor id"), Name: text.Draw(t, "name"), Email: text.Draw(t, "email")},
			Action:  rapid.SampledFrom([]string{"a", "A", "update"}).Draw(t, "action"),
			Outcome: rapid.SampledFrom([]audit.Outcome{audit.Success, audit.Failure, audit.Denied}).Draw(t, "outcome"),
			Object:  audit.Object{Type: text.Draw(t, "type"), ID: text.Draw(t, "id"), Name: text.Draw(t, "object"), Product: text.Draw(t, "product")},
			Request: audit.Request{IP: rapid.SampledFrom([]string{"", "10.0.0.1", "::1", "x"}).Draw(t, "ip"), ID: text.Draw(t, "request")},

			TransactionID: text.Draw(t, "transaction"), Error: text.Draw(t, "error"), Comment: text.Draw(t, "comment"),
		}
		if behalf := text.Draw(t, "on behalf of"); behalf != "" {
			e.OnBehalfOf = &audit.Actor{ID: behalf, Name: text.Draw(t, "for name"), Email: text.Draw(t, "for email")}
		}
		for _, field := range rapid.SliceOfN(rapid.SampledFrom([]string{"a", "a.b", "a[0]", "b"}), 0, 2).Draw(t, "fields") {
			e.Changes = append(e.Changes, audit.Change{Field: field, Op: audit.OpReplace})
		}
		return e
	})
}

var dates = []string{"1970-01-01", "2026-01-31", "5000-06-01"}

// aroundDays are the moments around both ends of a day.
var aroundDays = []time.Duration{-time.Microsecond, 0, 24*time.Hour - time.Microsecond, 24 * time.Hour}

// searchText draws a search, and what it means: a predicate of its own.
func searchText(t *rapid.T) (string, func(audit.Entry) bool) {
	texts := rapid.SampledFrom([]string{"a", "A", "b", "é", "a b", "B_a-", "FAIL", "denied", "a-failed", "[0]", "0.0.1", "019", `"`, `\`, "-a", "a,b", ":", "user:a"})
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
				v = rapid.SampledFrom([]string{">", ">=", "<", "<=", ""}).Draw(t, "bound") + rapid.SampledFrom(dates).Draw(t, "date")
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
	if user == "" {
		user = e.Actor.ID
	}
	switch name {
	case "":
		return shows(e, v)
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

// shows reports whether a text that the page shows of an entry has the word, in any case.
// Words of names may be parted by other signs than the search parts them by.
func shows(e audit.Entry, word string) bool {
	texts := []string{
		e.ID, e.Action, e.TransactionID, e.Error, e.Comment, e.Actor.ID, e.Actor.Name, e.Actor.Email,
		e.Object.Type, e.Object.ID, e.Object.Name, e.Request.ID, e.Request.IP,
	}
	if e.OnBehalfOf != nil {
		texts = append(texts, e.OnBehalfOf.ID, e.OnBehalfOf.Name, e.OnBehalfOf.Email)
	}
	for _, c := range e.Changes {
		texts = append(texts, c.Field)
	}
	ending := map[audit.Outcome]string{audit.Failure: "failed", audit.Denied: "denied"}[e.Outcome]
	texts = append(texts, ending)
	has := func(s string, word string) bool { return strings.Contains(strings.ToUpper(s), strings.ToUpper(word)) }
	if slices.ContainsFunc(texts, func(s string) bool { return has(s, word) }) {
		return true
	}
	joined := func(s string) string {
		return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(" _-.", r) }), "")
	}
	together := joined(word)
	return together != "" && together != word && (has(joined(e.Action)+ending, together) || has(joined(e.Object.Type), together))
}

// A search selects what its words say, whatever they are.
func TestSearchMeansWhatItSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, means := searchText(t)
		f, err := search.Parse(s, nil, nil)
		if err != nil {
			require.ErrorContains(t, err, "exclude each other", s)
			return
		}
		for range 5 {
			e := anyEntry().Draw(t, "entry")
			require.Equal(t, means(e), f.Match(e), "%s", s)
		}
	})
}

// A type is found by its label, by its name, and by the plural.
func TestATypeIsFoundByItsLabel(t *testing.T) {
	c := audit.NewCatalogue(nil, []audit.ObjectType{{Name: "people", Label: "Staff"}})
	for label, name := range map[string]string{
		"Security group": "security_groups", "security group": "security_groups", "Security groups": "security_groups", "security_groups": "security_groups",
		"Category": "categories", "Address": "addresses", "Child": "children", "News": "news", "Analysis": "analyses", "Database": "databases", "Staff": "people", "Invoice": "invoices",
	} {
		f, err := search.Parse(`type:"`+label+`"`, c, nil)
		require.NoError(t, err)
		assert.Contains(t, f.ObjectTypes, name, label)
		assert.LessOrEqual(t, len(f.ObjectTypes), 4, label)
	}
	f, err := search.Parse("type:Person", c, nil)
	require.NoError(t, err)
	assert.NotContains(t, f.ObjectTypes, "people", "the catalogue calls it Staff")
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		`actor:alice action:update,destroy -ip:10.0.0.0/8 object:"API Key" field:role created:>=2026-01-01 outcome:failure free words`, `"`, `\`, `-`, `--`, `a:b`, `:`, `"\"`, `ip:`, `created:..`,
		"created:*..*", "-created:*..*", "é\xff\x00:", "id:1,2,\"3\"", "created:>=0001-01-01T00:00:00+23:59", "created:9999-12-31..*", "\u2028actor:x", "ACTOR:x", "actor:\"\"",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := search.Parse(s, searchCatalogue, nil)
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
			require.Equal(t, got.Values(), again.Values())
		}
	})
}

func ExampleParse() {
	f, err := search.Parse(`user:ada action:update,destroy -ip:10.0.0.0/8 created:>=2026-01-01 vpn`, nil, nil)
	fmt.Println(f.Values().Encode(), err)
	_, err = search.Parse("acter:ada", nil, nil)
	fmt.Println(err)
	// Output:
	// action=update&action=destroy&from=2026-01-01T00%3A00%3A00Z&not=ip%3D10.0.0.0%252F8&q=vpn&user=ada <nil>
	// audit: invalid query: q: “acter:” is not a filter. Did you mean actor:? To search for text with a colon, put it in quotes
}

func ExampleQualifiers() {
	for _, q := range search.Qualifiers()[:3] {
		fmt.Printf("%s: %s, such as %s\n", q.Name, q.Explanation, q.Example)
	}
	// Output:
	// actor: Who did it: email, name or ID, such as actor:ada@example.com
	// action: What was done: the action or its label, such as action:update,destroy
	// type: On what type of record: the type or its label, such as type:api_keys
}

func ExampleParse_zone() {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		panic(err)
	}
	f, err := search.Parse("before:2026-01-31", nil, berlin)
	fmt.Println(f.To, err)
	// Output: 2026-01-30 23:00:00 +0000 UTC <nil>
}
