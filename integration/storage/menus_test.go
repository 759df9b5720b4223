package storage

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/history"
	"github.com/gormtrail/audit/storage/gormstore"
)

// A menu reads some values, even if the table of values has to be rebuilt: the walk
// through the entries stops, and the pool still works.
func TestMenusStopTheWalk(t *testing.T) {
	onEachStore(t, func(t *testing.T, db *gorm.DB, opts gormstore.Options) {
		store, err := gormstore.New(db, &opts)
		require.NoError(t, err)
		require.NoError(t, store.Migrate(t.Context()))
		trail, err := audit.New(store, nil)
		require.NoError(t, err)
		for i := range 6 {
			var list []audit.Entry
			for j := range 1000 {
				list = append(list, audit.Entry{Tenant: fmt.Sprint("tenant ", j%2), Action: "update", Actor: audit.Actor{Email: fmt.Sprintf("User%04d@acme.example", i*1000+j)}})
			}
			require.NoError(t, trail.Record(t.Context(), list...))
		}
		require.NoError(t, db.Exec("UPDATE "+store.Tables()[0]+"_checkpoints SET version = version + 1, position = '' WHERE name = 'gormstore/facets'").Error)
		check := func() {
			t.Helper()
			for range 3 {
				for _, f := range []audit.Filter{{}, {Tenants: []string{"tenant 1"}}, audit.Filter{}.And(audit.Filter{Not: []audit.Filter{{Actions: []string{"destroy"}}}})} {
					some, err := store.FindFacets(t.Context(), audit.FacetQuery{Filter: f, Limit: 7})
					require.NoError(t, err)
					require.Len(t, some.Users, 7)
					require.Equal(t, []string{"update"}, some.Actions)
					found, err := store.FindFacets(t.Context(), audit.FacetQuery{Filter: f, Name: "user", Find: "SER5999", Limit: 7})
					require.NoError(t, err)
					require.Equal(t, []string{"User5999@acme.example"}, found.Users)
				}
			}
		}
		check()
		require.NoError(t, store.Refresh(t.Context()))
		check()
		require.NoError(t, trail.Record(t.Context(), audit.Entry{Action: "after"}))
	})
}

// With one connection, a record's entries are read by their keys, in the order of
// recording.
func TestRecordedEntriesOverOneConnection(t *testing.T) {
	onEachStore(t, func(t *testing.T, db *gorm.DB, opts gormstore.Options) {
		store, err := gormstore.New(db, &opts)
		require.NoError(t, err)
		require.NoError(t, store.Migrate(t.Context()))
		trail, err := audit.New(store, nil)
		require.NoError(t, err)
		pool(t, db).SetMaxOpenConns(1)
		var list []audit.Entry
		for i := range 2500 {
			list = append(list, audit.Entry{Tenant: "a", Action: "update", Object: audit.Object{Type: "users", ID: "1"}, Comment: fmt.Sprint(i)})
		}
		require.NoError(t, trail.Record(t.Context(), list...))
		next := 0
		for e, err := range history.Of(t.Context(), trail, audit.Object{Type: "users", ID: "1"}) {
			require.NoError(t, err)
			require.Equal(t, fmt.Sprint(next), e.Comment)
			next++
		}
		require.Equal(t, 2500, next)
	})
}
