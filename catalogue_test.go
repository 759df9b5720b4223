package audit_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/gormtrail/audit"
)

func TestCatalogue(t *testing.T) {
	c := audit.NewCatalogue(
		[]audit.Action{{Name: "ISSUE_TOKEN", Explanation: "A token was made."}, {Name: "login", Label: "Signed in", Severity: audit.Notice}},
		[]audit.ObjectType{{Name: "api_keys", Label: "API Key"}, {Name: "vpn_users"}})
	assert.Equal(t, audit.Action{Name: "ISSUE_TOKEN", Label: "Issue token", Explanation: "A token was made.", Severity: audit.Info, Noun: "Issue token"}, c.Action("ISSUE_TOKEN"))
	assert.Equal(t, "Signed in", c.Action("login").Label, "the host's own replaces the common one")
	assert.Equal(t, audit.Warning, c.Action(audit.ActionSkip).Severity)
	assert.Equal(t, audit.Action{Name: "frobnicateWidget", Label: "Frobnicate widget", Severity: audit.Info, Noun: "Frobnicate widget"}, c.Action("frobnicateWidget"))
	assert.Equal(t, "API Key", c.ObjectType("api_keys").Label)
	assert.Equal(t, "Vpn user", c.ObjectType("vpn_users").Label, "a type without label is labelled by its name, as an action is")
	assert.Equal(t, audit.ObjectType{Name: "security_groups", Label: "Security group"}, c.ObjectType("security_groups"))
	for _, name := range []string{"", "_", "Ünïcode", "日本"} {
		assert.Equal(t, name, c.Action(name).Name)
	}

	names := map[string]int{}
	for _, a := range c.Actions() {
		names[a.Name]++
		assert.NotEmpty(t, a.Name)
	}
	assert.Equal(t, 1, names["login"])
	assert.Equal(t, 1, names[audit.ActionCreate])
	c.Actions()[0].Label, c.ObjectTypes()[0].Label = "spoiled", "spoiled"
	assert.Equal(t, "API Key", c.ObjectType("api_keys").Label, "a catalogue is never changed")
	for _, a := range audit.NewCatalogue(nil, nil).Actions() {
		assert.NotEmpty(t, a.Label, a.Name)
		assert.NotEmpty(t, a.Explanation, a.Name)
		assert.NotEmpty(t, a.Severity, a.Name)
		assert.NotEmpty(t, a.Group, a.Name)
		assert.NotEmpty(t, a.Noun, a.Name)
		assert.NotEmpty(t, a.Verb, a.Name)
	}
}

// What was denied or failed isn't said to have happened.
func TestWhatFailedIsNotSaidToHaveHappened(t *testing.T) {
	c := audit.NewCatalogue([]audit.Action{{Name: "deploy", Label: "Deployed", Explanation: "A version went live."}}, nil)
	for _, want := range []struct {
		action             string
		outcome            audit.Outcome
		label, explanation string
	}{
		{"destroy", audit.Denied, "Delete denied", "Tried to delete a record, but was denied."},
		{"login", audit.Failure, "Login failed", "Tried to log in, but failed."},
		{"login", "", "Logged in", "A user logged in."},
		{"deploy", audit.Success, "Deployed", "A version went live."},
		{"deploy", audit.Failure, "Deploy failed", "The attempt failed."},
		{"ISSUE_TOKEN", audit.Denied, "Issue token denied", "The attempt was denied."},
	} {
		a := c.Action(want.action)
		format, words := a.LabelOf(want.outcome)
		assert.Equal(t, want.label, fmt.Sprintf(format, words), want.action)
		format, words = a.ExplanationOf(want.outcome)
		assert.Equal(t, want.explanation, strings.ReplaceAll(format, "%s", words), want.action)
	}
}

func TestObjectTypesAreLabelledInTheSingular(t *testing.T) {
	c := audit.NewCatalogue(nil, []audit.ObjectType{{Name: "api_keys", Label: "API Keys"}, {Name: "vat_rates"}})
	for name, want := range map[string]string{"api_keys": "API Keys", "vat_rates": "Vat rate", "SecurityGroups": "Security group"} {
		assert.Equal(t, want, c.ObjectType(name).Label, name)
	}
}
