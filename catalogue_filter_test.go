package audit_test

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/search"
	"github.com/gormtrail/audit/storage/memstore"
)

var rankedCatalogue = audit.NewCatalogue([]audit.Action{
	{Name: "wipe", Severity: audit.Alarm}, {Name: "peek", Read: true}, {Name: "login", Severity: audit.Warning}, {Name: "login", Read: true}, {Name: "odd", Severity: "critical"},
}, nil)

// A trail selects by its own catalogue, whichever way a filter is written, in Not and in
// a scope too; what the catalogue doesn't know is Info and no read.
func TestSeveritiesAndReadsAreTheCatalogues(t *testing.T) {
	trail, err := audit.New(memstore.New(), &audit.Options{Catalogue: rankedCatalogue})
	require.NoError(t, err)
	for _, action := range []string{"wipe", "peek", "login", "odd", "unknown", "view", "destroy"} {
		require.NoError(t, trail.Record(t.Context(), audit.Entry{Action: action}))
	}
	for name, want := range map[string][]string{
		"severity=info":                            {"peek", "unknown", "view"},
		"severity=notice":                          {"destroy"},
		"severity=warning&severity=alarm":          {"wipe", "login"},
		"severity=warning&severity=info":           {"peek", "login", "unknown", "view"},
		"severity=alarm&action=login":              nil,
		"severity=alarm&action=login&action=wipe":  {"wipe"},
		"reads=hide":                               {"wipe", "login", "odd", "unknown", "destroy"},
		"reads=show&action=view":                   {"view"},
		"reads=hide&severity=info":                 {"unknown"},
		"not=severity%3Dinfo":                      {"wipe", "login", "odd", "destroy"},
		"not=reads%3Dhide":                         {"peek", "view"},
		"q=is:read":                                {"peek", "view"},
		"q=-is:read":                               {"wipe", "login", "odd", "unknown", "destroy"},
		"q=-is:read,success":                       nil,
		"q=is:read,denied":                         {"peek", "view"},
		"q=is:READ+-severity:info":                 nil,
		"q=severity:Alarm,warning":                 {"wipe", "login"},
		"q=-severity:alarm+-severity:info":         {"login", "odd", "destroy"},
		"not=not%3Dreads%253Dhide":                 {"wipe", "login", "odd", "unknown", "destroy"},
		"severity=notice&severity=&severity=alarm": {"wipe", "destroy"},
	} {
		values, err := url.ParseQuery(name)
		require.NoError(t, err)
		f, err := audit.ParseFilter(values)
		require.NoError(t, err, name)
		again, err := audit.ParseFilter(f.Values())
		require.NoError(t, err)
		require.Equal(t, f, again, name)
		f, err = search.Expand(f, rankedCatalogue, nil)
		require.NoError(t, err, name)
		assert.ElementsMatch(t, want, actionsOf(t, trail, f), name)
		assert.ElementsMatch(t, want, actionsOf(t, trail.Scope(f), audit.Filter{}), name)
		n, _, err := trail.Count(t.Context(), f, 100)
		require.NoError(t, err)
		assert.Equal(t, len(want), n, name)
		joined := trail.Joined(f)
		assert.Equal(t, joined, trail.Joined(joined), name)
	}
}

func actionsOf(t *testing.T, r audit.Reader, f audit.Filter) (list []string) {
	t.Helper()
	for e, err := range r.All(context.Background(), audit.Query{Filter: f}) {
		require.NoError(t, err)
		list = append(list, e.Action)
	}
	return list
}

// Without a trail the common catalogue says what Match and Resolve go by, and they agree.
func TestMatchGoesByTheCommonCatalogue(t *testing.T) {
	for _, severity := range []audit.Severity{audit.Info, audit.Notice, audit.Warning, audit.Alarm} {
		for _, f := range []audit.Filter{
			{Severities: []audit.Severity{severity}}, {WithoutReads: true}, {Severities: []audit.Severity{severity, audit.Notice}, WithoutReads: true},
			{Not: []audit.Filter{{Severities: []audit.Severity{severity}}}}, audit.Filter{}.And(audit.Filter{Severities: []audit.Severity{severity}}),
		} {
			resolved := (*audit.Catalogue)(nil).Resolve(f)
			for _, action := range []string{"update", "destroy", "view", "export", "impersonate", "ISSUE_TOKEN"} {
				assert.Equal(t, f.Match(audit.Entry{Action: action}), resolved.Match(audit.Entry{Action: action}), "%v %s", f, action)
			}
		}
	}
	assert.True(t, audit.Filter{Severities: []audit.Severity{audit.Info}}.Match(audit.Entry{Action: "view"}))
	assert.False(t, audit.Filter{WithoutReads: true}.Match(audit.Entry{Action: "view"}))
	assert.False(t, audit.Filter{}.And(audit.Filter{Severities: []audit.Severity{}}).Match(audit.Entry{Action: "view"}), "an empty list in a limit selects nothing")
}

// A catalogue may have more actions than a filter may name.
func TestSeverityOfAVeryLargeCatalogue(t *testing.T) {
	var actions []audit.Action
	for i := range 2500 {
		actions = append(actions, audit.Action{Name: fmt.Sprint("a", i), Severity: []audit.Severity{audit.Info, audit.Alarm}[i%2]})
	}
	c := audit.NewCatalogue(actions, nil)
	for _, severity := range []audit.Severity{audit.Info, audit.Alarm} {
		f := c.Resolve(audit.Filter{Severities: []audit.Severity{severity}})
		require.NoError(t, f.Validate())
		for _, i := range []int{0, 1, 2498, 2499} {
			assert.Equal(t, actions[i].Severity == severity, f.Match(audit.Entry{Action: actions[i].Name}))
		}
	}
}

func TestBadSeveritiesAndReads(t *testing.T) {
	for query, param := range map[string]string{
		"severity=critical": "severity", "reads=no": "reads", "reads=hide&reads=show": "reads", "severety=info": "severety", "q=severity:high": "q", "q=is:change": "q",
		"not=not%3Dnot%253Dnot%25253Dreads%2525253Dhide": "not",
	} {
		values, err := url.ParseQuery(query)
		require.NoError(t, err)
		f, err := audit.ParseFilter(values)
		if err == nil {
			_, err = search.Expand(f, nil, nil)
		}
		var bad *audit.QueryError
		require.ErrorAs(t, err, &bad, query)
		assert.Equal(t, param, bad.Param, query)
	}
	list := slices.Repeat([]audit.Severity{audit.Info}, audit.MaxFilterValues+1)
	require.ErrorContains(t, audit.Filter{Severities: list}.Validate(), "severity")
}

func ExampleCatalogue_Resolve() {
	c := audit.NewCatalogue([]audit.Action{{Name: "wipe", Severity: audit.Alarm}}, nil)
	f := c.Resolve(audit.Filter{Severities: []audit.Severity{audit.Alarm}, WithoutReads: true})
	fmt.Println(f.Values().Encode())
	// Output: action=wipe&not=action%3Dview%26action%3Dexport
}

func ExampleSeverities() {
	for _, s := range audit.Severities() {
		fmt.Println(s, s.Label())
	}
	// Output:
	// info Info
	// notice Notice
	// warning Warning
	// alarm Alarm
}
