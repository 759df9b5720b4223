package access_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/access"
)

// A scope that rules an action out, in whichever way, hides it; every other shows it.
func TestShowsAction(t *testing.T) {
	type f = audit.Filter
	payroll := f{Actions: []string{"payroll_run", "payroll_view"}}
	for i, c := range []struct {
		scope       f
		login, runs bool
	}{
		{f{}, true, true},
		{payroll, false, true},
		{f{Not: []f{payroll}}, true, false},
		{f{}.And(f{Actions: []string{"login"}}), true, false},
		{f{}.And(f{Not: []f{{Actions: []string{"payroll_run"}}}}), true, false},
		{f{Not: []f{{Actions: []string{"payroll_run"}, Outcomes: []audit.Outcome{audit.Success}}}}, true, true}, // failed ones are shown
		{f{Not: []f{{Not: []f{payroll}}}}, false, true},                                                         // none but payroll
		{f{Not: []f{{Not: []f{{Actions: []string{"login"}, ActorIDs: []string{"7"}}, payroll}}}}, true, true},
		{f{Actions: []string{}}, false, false},
		{f{Severities: []audit.Severity{audit.Alarm}}, false, true},
		{f{Not: []f{{Severities: []audit.Severity{audit.Alarm, audit.Notice}}}}, true, false},
		{f{Not: []f{{}}}, false, false},
		{f{ObjectTypes: []string{"users"}}, true, true},
	} {
		catalogue := audit.NewCatalogue([]audit.Action{{Name: "payroll_run", Severity: audit.Alarm}}, nil)
		for _, g := range []access.Grant{{Everything: true, Scope: c.scope}, {Scope: f{Tenants: []string{"acme"}}.And(c.scope)}} {
			assert.Equal(t, c.login, g.ShowsAction(catalogue, "login"), i)
			assert.Equal(t, c.runs, g.ShowsAction(catalogue, "payroll_run"), i)
		}
	}
	assert.False(t, access.Grant{}.ShowsAction(nil, "login"), "a grant that shows nothing")
}

func ExampleGrant_ShowsAction() {
	g := access.Grant{Scope: audit.Filter{Tenants: []string{"acme"}, Not: []audit.Filter{{Actions: []string{"payroll_run"}}}}}
	fmt.Println(g.ShowsAction(nil, "login"), g.ShowsAction(nil, "payroll_run"))
	// Output: true false
}
