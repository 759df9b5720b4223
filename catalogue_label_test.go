package audit

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// A keyword finds types by labels that are derived from their names.
func TestAKeywordFindsTypesByTheirLabel(t *testing.T) {
	c := NewCatalogue(nil, []ObjectType{{Name: "people", Label: "Staff"}})
	for text, found := range map[string]bool{"category": true, `categor`: true, "ies": true, "tegory x": false, "dog": false} {
		e := Entry{Action: "create", Object: Object{Type: "categories"}}
		trail := &Trail{catalogue: c}
		assert.Equal(t, found, trail.searching(Filter{Keyword: text}).Match(e), text)
	}
	assert.Nil(t, c.labelled("invoice"), "the type's name has it")
}
