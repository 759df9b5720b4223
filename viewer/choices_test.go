package viewer

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
)

func TestChoicesThatTakeLongAreRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c choices
		asked := 0
		of := func(takes time.Duration, tenants ...string) string {
			f, err := c.of(t.Context(), audit.Filter{Tenants: tenants}, func(context.Context) (audit.Facets, error) {
				asked++
				time.Sleep(takes)
				return audit.Facets{Users: append([]string{"of"}, tenants...)}, nil
			})
			require.NoError(t, err)
			return f.Users[len(f.Users)-1]
		}
		for range 3 {
			require.Equal(t, "quick", of(10*time.Millisecond, "quick"))
		}
		require.Equal(t, 3, asked, "what is quick is always fresh")
		for range 3 {
			require.Equal(t, "slow", of(time.Second, "slow"))
		}
		require.Equal(t, 4, asked)
		require.Equal(t, "other", of(time.Second, "other"), "a scope has its own")
		time.Sleep(20 * time.Second)
		of(time.Second, "slow")
		require.Equal(t, 6, asked)
		of(time.Hour, "ages")
		time.Sleep(choicesMost)
		of(time.Hour, "ages")
		require.Equal(t, 8, asked)
	})
}

// TestWhoWaitsForChoicesSharesThem: a hundred readers at once are two questions.
func TestWhoWaitsForChoicesSharesThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c choices
		var asked atomic.Int64
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				_, err := c.of(t.Context(), audit.Filter{}, func(context.Context) (audit.Facets, error) {
					asked.Add(1)
					time.Sleep(20 * time.Millisecond)
					return audit.Facets{}, nil
				})
				require.NoError(t, err)
			})
			time.Sleep(time.Microsecond)
		}
		all.Wait()
		require.EqualValues(t, 2, asked.Load())
	})
}

func TestChoicesThatFailAreNotRemembered(t *testing.T) {
	var c choices
	_, err := c.of(t.Context(), audit.Filter{}, func(context.Context) (audit.Facets, error) { return audit.Facets{}, errors.New("away") })
	require.Error(t, err)
	_, err = c.of(t.Context(), audit.Filter{}, func(context.Context) (audit.Facets, error) { return audit.Facets{}, nil })
	require.NoError(t, err)
}

// TestScopesAreToldApart, however they were put together.
func TestScopesAreToldApart(t *testing.T) {
	a, b := audit.Filter{Tenants: []string{"a"}}, audit.Filter{Tenants: []string{"b"}}
	from := audit.Filter{From: time.Unix(1, 0)}
	seen := map[string]int{}
	list := []audit.Filter{
		{}, a, b, a.And(b), {Tenants: []string{"a", "b"}}, {Tenants: []string{"a&tenant=b"}}, {Tenants: []string{""}}, {Tenants: []string{`""`}}, {Projects: []string{"a"}}, from, a.And(from),
		{Not: []audit.Filter{a}}, {Not: []audit.Filter{b}}, {Not: []audit.Filter{a, b}}, {Not: []audit.Filter{a.And(b)}}, {Not: []audit.Filter{a.And(from)}}, {Not: []audit.Filter{{Not: []audit.Filter{a}}}},
		{Keyword: "a"}, {Fields: []string{"a"}}, {TransactionID: "a"}, {RequestID: "a"}, {Outcomes: []audit.Outcome{"failure"}}, {To: time.Unix(1, 0)},
	}
	for i, f := range list {
		j, twice := seen[scopeKey(f)]
		require.False(t, twice, "%d and %d have one key: %s", i, j, scopeKey(f))
		seen[scopeKey(f)] = i
	}
	var c choices
	for i := range 500 {
		c.place(audit.Filter{Tenants: []string{string(rune('a' + i))}})
	}
	require.LessOrEqual(t, len(c.scopes), choicesScope)
}
