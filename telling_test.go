package audit_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/gormtrail/audit"
)

func fieldsOf(changes []audit.Change) (list []string) {
	for _, c := range changes {
		list = append(list, c.Field)
	}
	return list
}

func TestTellingChanges(t *testing.T) {
	c := audit.NewCatalogue(nil, nil)
	c.SetAutomatic("", "etag")
	for _, want := range []struct {
		action        string
		fields, shown []string
	}{
		{"update", nil, nil},
		{"update", []string{"updated_at", "port", "name"}, []string{"port", "name"}},
		{"update", []string{"updated_at"}, []string{"updated_at"}},
		{"update", []string{"updatedAt", "etag"}, []string{"updatedAt", "etag"}},
		{"update", []string{"profile.updated_at", "updated_at"}, []string{"profile.updated_at"}},
		{"create", []string{"id", "created_at", "owner_id", "port", "email", "name"}, []string{"name", "email", "port", "owner_id", "id"}},
		{"destroy", []string{"ID", "orgId", "amount", "Number"}, []string{"Number", "amount", "orgId", "ID"}},
		{"create", []string{"uuid", "slug", "created_at", "first_name"}, []string{"slug", "first_name", "uuid"}},
		{"create", []string{"id"}, []string{"id"}},
		{"LOGIN", []string{"id", "name"}, []string{"id", "name"}},
	} {
		e := audit.Entry{Action: want.action}
		for _, f := range want.fields {
			e.Changes = append(e.Changes, audit.Change{Field: f})
		}
		assert.Equal(t, want.shown, fieldsOf(c.Telling(e)), want.fields)
		assert.Equal(t, want.fields, fieldsOf(e.Changes), "the entry is left as it is")
		assert.Equal(t, want.shown != nil, c.Telling(e) != nil)
	}
	assert.Equal(t, []string{"name"}, fieldsOf((*audit.Catalogue)(nil).Telling(audit.Entry{Changes: []audit.Change{{Field: "name"}, {Field: "updated_at"}}})))
}
