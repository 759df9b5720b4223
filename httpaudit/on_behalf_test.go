package httpaudit_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/httpaudit"
	"github.com/gormtrail/audit/storage/memstore"
)

// What OnBehalfOf says is on the entries of the request: nobody leaves the context as it
// is, and an error is on the trail instead of an entry that looks as if nobody was meant.
func TestOnBehalfOfReachesTheEntries(t *testing.T) {
	ben := audit.Actor{Type: "user", ID: "9", Email: "ben@example.com"}
	for name, c := range map[string]struct {
		find func(*http.Request) (audit.Actor, error)
		want *audit.Actor
		said string
	}{
		"default": {nil, nil, ""},
		"nobody":  {func(*http.Request) (audit.Actor, error) { return audit.Actor{}, nil }, nil, ""},
		"someone": {func(*http.Request) (audit.Actor, error) { return ben, nil }, &ben, ""},
		"error":   {func(*http.Request) (audit.Actor, error) { return audit.Actor{ID: "9"}, errors.New("no session store") }, &audit.Actor{Type: "unknown", ID: "9"}, "no session store"},
	} {
		trail, err := audit.New(memstore.New(), nil)
		require.NoError(t, err)
		r := httpaudit.Annotate(httptest.NewRequest("GET", "/", nil), &httpaudit.Options{OnBehalfOf: c.find})
		require.NoError(t, trail.Record(r.Context(), audit.Entry{Action: "login"}))
		page, err := trail.Query(t.Context(), audit.Query{})
		require.NoError(t, err)
		e := page.Entries[0]
		assert.Equal(t, c.want, e.OnBehalfOf, name)
		said, _ := e.Metadata[httpaudit.OnBehalfOfErrorKey].(string)
		assert.Equal(t, c.said, said, name)
		assert.True(t, e.Actor.IsZero(), name)
	}
}
