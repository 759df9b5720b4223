package audit_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/gormtrail/audit"
)

func TestCatalogue(t *testing.T) {
	c := audit.NewCatalogue(
		[]audit.Action{{Name: "ISSUE_TOKEN", Explanation: "A token was made."}, {Name: "login", Label: "Signed in", Severity: audit.Notice}},
		[]audit.ObjectType{{Name: "api_keys", Label: "API Key"}, {Name: "vpn_users"}})
	assert.Equal(t, audit.Action{Name: "ISSUE_TOKEN", Label: "Issue token", Explanation: "A token was made.", Severity: audit.Info}, c.Action("ISSUE_TOKEN"))
	assert.Equal(t, "Signed in", c.Action("login").Label, "the host's own replaces the common one")
	assert.Equal(t, audit.Warning, c.Action(audit.ActionSkip).Severity)
	assert.Equal(t, audit.Action{Name: "frobnicateWidget", Label: "Frobnicate widget", Severity: audit.Info}, c.Action("frobnicateWidget"))
	assert.Equal(t, "API Key", c.ObjectType("api_keys").Label)
	assert.Equal(t, "Vpn users", c.ObjectType("vpn_users").Label, "a type without label is labelled by its name, as an action is")
	assert.Equal(t, audit.ObjectType{Name: "security_groups", Label: "Security groups"}, c.ObjectType("security_groups"))
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
	}
}
