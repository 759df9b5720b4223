package audit

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestTypesAreLabelledInTheSingular(t *testing.T) {
	c := NewCatalogue(nil, []ObjectType{{Name: "api_keys", Label: "API Keys"}, {Name: "vat_rates"}})
	for name, want := range map[string]string{
		"security_groups": "Security group", "SecurityGroups": "Security group", "users": "User", "news": "News", "news_items": "News item", "status": "Status", "order_statuses": "Order status",
		"addresses": "Address", "billing_address": "Billing address", "people": "Person", "companies": "Company", "categories": "Category", "movies": "Movie", "boxes": "Box",
		"databases": "Database", "licenses": "License", "invoices": "Invoice", "houses": "House", "responses": "Response", "purchases": "Purchase", "branches": "Branch", "caches": "Cache",
		"processes": "Process", "classes": "Class", "buses": "Bus", "analyses": "Analysis", "series": "Series", "policies": "Policy", "archives": "Archive", "shelves": "Shelf", "children": "Child",
		"data": "Data", "media": "Media", "queries": "Query", "apis": "Api", "menus": "Menu", "settings": "Settings", "indexes": "Index", "indices": "Index", "keys": "Key", "days": "Day", "heroes": "Hero",
		"files": "File", "sms": "Sms", "vpns": "Vpn", "ids": "Ids", "regimen": "Regimen", "audit_trail": "Audit trail", "": "", "s": "S", "ÜBER": "Über", "vat_rates": "Vat rate", "api_keys": "API Keys",
		"sizes": "Size", "quizzes": "Quiz", "prizes": "Prize", "aliases": "Alias", "diseases": "Disease", "causes": "Cause", "viruses": "Virus", "cookies": "Cookie", "access": "Access", "basis": "Basis",
	} {
		assert.Equal(t, want, c.ObjectType(name).Label, name)
	}
}

// TestATypeIsFoundByItsLabel, as by its name and by the plural that was its label once.
func TestATypeIsFoundByItsLabel(t *testing.T) {
	c := NewCatalogue(nil, []ObjectType{{Name: "people", Label: "Staff"}})
	for label, name := range map[string]string{
		"Security group": "security_groups", "security group": "security_groups", "Security groups": "security_groups", "security_groups": "security_groups",
		"Category": "categories", "Address": "addresses", "Child": "children", "News": "news", "Analysis": "analyses", "Database": "databases", "Staff": "people", "Invoice": "invoices",
	} {
		f, err := ParseKeyword(`type:"`+label+`"`, c)
		assert.NoError(t, err)
		assert.Contains(t, f.ObjectTypes, name, label)
		assert.LessOrEqual(t, len(f.ObjectTypes), 4, label)
	}
	f, err := ParseKeyword("type:Person", c)
	assert.NoError(t, err)
	assert.NotContains(t, f.ObjectTypes, "people", "that is called Staff")
	for text, found := range map[string]bool{"category": true, `categor`: true, "ies": true, "tegory x": false, "dog": false} {
		e := Entry{Action: "create", Object: Object{Type: "categories"}}
		trail := &Trail{catalogue: c}
		assert.Equal(t, found, trail.searching(Filter{Keyword: text}).Match(e), text)
	}
	assert.Nil(t, c.labelled("invoice"), "the type's name has it")
}
