package row

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage"
)

// separated draws texts in which the separator and the characters of its code are
// frequent.
var separated = rapid.StringOfN(rapid.RuneFrom([]rune("ab.[\x1c\x1d\x1e\x1f")), 0, 6, -1)

// A substring search of the search column finds what it finds in the single terms:
// never across two, never inside the code of a character.
func TestSearchColumnKeepsTermsApart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := audit.Entry{
			Action: separated.Draw(t, "action"),
			Actor:  audit.Actor{Name: separated.Draw(t, "name"), Email: separated.Draw(t, "email")},
			Object: audit.Object{ID: separated.Draw(t, "id"), Name: separated.Draw(t, "object")},
		}
		keyword := separated.Filter(func(s string) bool { return s != "" }).Draw(t, "keyword")
		terms := SearchTerms(&e)
		found := strings.Contains(string(AppendSeparated(nil, terms[:])), Guard(storage.Fold(keyword)))
		want := false
		for _, text := range []string{e.Actor.Name, e.Actor.Email, e.Object.Name, e.Object.ID, e.Action} {
			want = want || strings.Contains(strings.ToUpper(text), strings.ToUpper(keyword))
		}
		assert.Equal(t, want, found)
	})
}

func TestFieldsColumnAgreesWithMatch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := audit.Entry{}
		for _, f := range rapid.SliceOfN(separated, 0, 3).Draw(t, "fields") {
			e.Changes = append(e.Changes, audit.Change{Field: f})
		}
		field := separated.Draw(t, "field")
		found := strings.Contains(string(appendFieldTokens(nil, e.Changes)), FieldToken(field))
		assert.Equal(t, audit.Filter{Fields: []string{field}}.Match(e), found)
	})
}
