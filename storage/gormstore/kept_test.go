package gormstore_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorm.io/gorm"
	"pgregory.net/rapid"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/gormstore"
)

// naiveFacets is what facets mean: the values of the entries that there are.
func naiveFacets(entries []audit.Entry, scope audit.Filter) audit.Facets {
	var lists [9][]string
	for _, e := range entries {
		if !scope.Match(e) {
			continue
		}
		for i, v := range []string{e.Tenant, e.Project, e.Action, string(e.Outcome), e.Object.Type, e.Object.Product, e.Actor.Type, e.Actor.User(), e.OnBehalfOfUser()} {
			if v != "" {
				lists[i] = append(lists[i], v)
			}
		}
	}
	for i := range lists {
		slices.Sort(lists[i])
		lists[i] = append([]string{}, slices.Compact(lists[i])...)
	}
	return audit.Facets{Tenants: lists[0], Projects: lists[1], Actions: lists[2], Outcomes: lists[3], ObjectTypes: lists[4], Products: lists[5], ActorTypes: lists[6], Users: lists[7], OnBehalfOf: lists[8]}
}

// keptMachine is a trail under random use by three processes, of which one does
// without the kept values, and what must be on it.
type keptMachine struct {
	db      *gorm.DB
	stores  []*gormstore.Store
	entries []audit.Entry
	next    int
}

func (m *keptMachine) some(t *rapid.T) []audit.Entry {
	list := make([]audit.Entry, rapid.IntRange(1, 12).Draw(t, "entries"))
	for i := range list {
		e := full(m.next)
		m.next++
		pick := func(name string, n int) string {
			k := rapid.IntRange(0, n).Draw(t, name)
			if k == 0 {
				return ""
			}
			return fmt.Sprintf("%s %d", name, k)
		}
		e.Tenant, e.Project, e.Object.Product, e.Actor.Type = pick("tenant", 3), pick("project", 2), pick("product", 2), pick("kind", 2)
		e.Action, e.Object.Type = pick("action", 4)+"!", pick("type", 4)+"!"
		e.Actor.Name, e.Actor.Email, e.Actor.ID = pick("user", 9), "", ""
		if e.OnBehalfOf = nil; rapid.Bool().Draw(t, "stood in") {
			e.OnBehalfOf = &audit.Actor{Name: pick("user", 4)}
		}
		e.Outcome = rapid.SampledFrom([]audit.Outcome{audit.Success, audit.Failure, audit.Denied}).Draw(t, "outcome")
		list[i] = e
	}
	return list
}

func (m *keptMachine) Append(t *rapid.T) {
	list := m.some(t)
	require.NoError(t, rapid.SampledFrom(m.stores).Draw(t, "store").Append(context.Background(), list...))
	m.entries = append(m.entries, list...)
}

func (m *keptMachine) AppendTx(t *rapid.T) {
	list := m.some(t)
	tx := m.db.Begin()
	require.NoError(t, rapid.SampledFrom(m.stores).Draw(t, "store").AppendTx(context.Background(), tx.Statement.ConnPool, list...))
	if rapid.Bool().Draw(t, "commit") {
		require.NoError(t, tx.Commit().Error)
		m.entries = append(m.entries, list...)
		return
	}
	require.NoError(t, tx.Rollback().Error)
}

func (m *keptMachine) Purge(t *rapid.T) {
	f := rapid.SampledFrom([]audit.Filter{{}, {Tenants: []string{"tenant 1"}}, {Users: []string{"user 1", "user 2"}}, {Not: []audit.Filter{{Outcomes: []audit.Outcome{audit.Success}}}}}).Draw(t, "filter")
	limit := rapid.SampledFrom([]int{1, 7, 1000}).Draw(t, "limit")
	removed, err := rapid.SampledFrom(m.stores).Draw(t, "store").Purge(context.Background(), f, limit)
	require.NoError(t, err)
	n := 0
	m.entries = slices.DeleteFunc(m.entries, func(e audit.Entry) bool { // their times ascend
		gone := n < limit && f.Match(e)
		if gone {
			n++
		}
		return gone
	})
	require.Equal(t, n, removed)
}

func (m *keptMachine) Remove(t *rapid.T) {
	if len(m.entries) == 0 {
		return
	}
	i := rapid.IntRange(0, len(m.entries)-1).Draw(t, "from")
	j := min(len(m.entries), i+rapid.IntRange(1, 150).Draw(t, "many"))
	ids := []string{full(1 << 40).ID}
	for _, e := range m.entries[i:j] {
		ids = append(ids, e.ID)
	}
	require.NoError(t, rapid.SampledFrom(m.stores).Draw(t, "store").Remove(context.Background(), ids...))
	m.entries = slices.Delete(m.entries, i, j)
}

// Restored is what a place looks like that is none of this database's.
func (m *keptMachine) Restored(t *rapid.T) {
	require.NoError(t, m.db.Exec("UPDATE audit_entries_checkpoints SET position = 'sqlite:99999999', version = version + 1 WHERE name = 'gormstore/facets'").Error)
}

func (m *keptMachine) Check(t *rapid.T) {
	scope := rapid.SampledFrom([]audit.Filter{
		{}, {}, {Tenants: []string{"tenant 1"}}, {Tenants: []string{"tenant 2", "tenant 1", "none"}}, {Tenants: []string{""}}, {Projects: []string{"project 1"}},
		audit.Filter{Tenants: []string{"tenant 1", "tenant 2"}}.And(audit.Filter{Tenants: []string{"tenant 2", "tenant 3"}}),
		audit.Filter{}.And(audit.Filter{Users: []string{"user 3", "user 4"}}),
		audit.Filter{Projects: []string{"project 2"}}.And(audit.Filter{Not: []audit.Filter{{Actions: []string{"action 1!"}}}}),
		audit.Filter{Tenants: []string{"tenant 3"}}.And(audit.Filter{Fields: []string{"name"}}),
	}).Draw(t, "scope")
	for i, store := range m.stores {
		want := naiveFacets(m.entries, scope)
		if rapid.Bool().Draw(t, "find") { // which may bring nothing up to date
			q := audit.FacetQuery{Filter: scope, Name: rapid.SampledFrom([]string{"", "user", "outcome", "project"}).Draw(t, "facet"), Find: rapid.SampledFrom([]string{"", "1", "USER", "!"}).Draw(t, "text"), Limit: 1000}
			got, err := store.FindFacets(context.Background(), q)
			require.NoError(t, err)
			require.Equal(t, fmt.Sprint(q.Of(want)), fmt.Sprint(got), "store %d, %+v", i, q)
		}
		got, err := store.Facets(context.Background(), scope)
		require.NoError(t, err)
		require.Equal(t, want, got, "store %d, %s", i, scope.Values().Encode())
	}
}

// A menu asks for some values: no more are found than asked for, whether they are
// kept or have to be looked for, and one that is typed is found among all.
func TestSomeFacetsAreFound(t *testing.T) {
	db := openSQLite(t, nil)
	store := gormstore.Short(gormstore.Folding(migrated(t, db, nil), 5, 10), 1)
	ctx := t.Context()
	for i := range 60 {
		e := full(i)
		e.Tenant, e.Actor.Email = fmt.Sprintf("tenant %d", i%3), fmt.Sprintf("User%02d@acme.example", i)
		require.NoError(t, store.Append(ctx, e))
	}
	check := func() {
		t.Helper()
		for _, scope := range []audit.Filter{{}, {Tenants: []string{"tenant 1"}}, {Tenants: []string{"tenant 1", "tenant 2"}}, audit.Filter{}.And(audit.Filter{Not: []audit.Filter{{Actions: []string{"nothing"}}}})} {
			some, err := store.FindFacets(ctx, audit.FacetQuery{Filter: scope, Limit: 7})
			require.NoError(t, err)
			require.Len(t, some.Users, 7)
			require.NotEmpty(t, some.Outcomes)
			one, err := store.FindFacets(ctx, audit.FacetQuery{Filter: scope, Name: "user", Find: "SER59", Limit: 7})
			require.NoError(t, err)
			found := []string{}
			if len(scope.Tenants) != 1 { // it is of tenant 2
				found = []string{"User59@acme.example"}
			}
			require.Equal(t, found, one.Users)
			require.Empty(t, one.Actions)
		}
	}
	check()
	rows, _ := keptRows(t, db)
	require.Zero(t, rows, "a menu doesn't wait for the table")
	require.NoError(t, store.Refresh(ctx))
	check()
	_, err := store.FindFacets(ctx, audit.FacetQuery{Limit: 0})
	require.ErrorIs(t, err, audit.ErrInvalidQuery)
	_, err = store.FindFacets(ctx, audit.FacetQuery{Name: "colour", Limit: 1})
	require.ErrorIs(t, err, audit.ErrInvalidQuery)
}

// Whatever is appended, rolled back, purged and removed, by whichever process: the
// facets are those of the entries that there are.
func TestKeptValuesAreThoseOfTheEntries(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		db := openSQLite(t, nil)
		pool, err := db.DB()
		require.NoError(rt, err)
		defer pool.Close()
		m := &keptMachine{db: db}
		for _, of := range []struct{ fold, behind int }{{1, 40}, {20, 1000}, {5, 10}} {
			m.stores = append(m.stores, gormstore.Folding(migrated(t, db, nil), of.fold, of.behind))
		}
		m.stores = append(m.stores, migrated(t, db, &gormstore.Options{Without: gormstore.Lean()}))
		rt.Repeat(map[string]func(*rapid.T){"append": m.Append, "append in a transaction": m.AppendTx, "purge": m.Purge, "remove": m.Remove, "restored": m.Restored, "check": m.Check, "": func(*rapid.T) {}})
		m.Check(rt)
	})
}

// keptRows are the values that are kept, and whether anything is.
func keptRows(t *testing.T, db *gorm.DB) (rows int, position string) {
	t.Helper()
	require.NoError(t, db.Raw("SELECT count(*) FROM audit_entries_facets").Scan(&rows).Error)
	require.NoError(t, db.Raw("SELECT position FROM audit_entries_checkpoints WHERE name = 'gormstore/facets'").Scan(&position).Error)
	return rows, position
}

// A new trail is kept from its first entry on, an old one from the first question
// about all of it.
func TestWhenValuesAreKept(t *testing.T) {
	ctx := context.Background()
	db := openSQLite(t, nil)
	store := gormstore.Folding(migrated(t, db, nil), 2, 10)
	_, position := keptRows(t, db)
	assert.Equal(t, "sqlite:0", position)
	ask := func(f audit.Filter) { _, err := store.Facets(ctx, f); require.NoError(t, err) }
	require.NoError(t, store.Append(ctx, full(0)))
	ask(audit.Filter{})
	rows, position := keptRows(t, db)
	assert.Zero(t, rows, "one entry is read again each time")
	assert.Equal(t, "sqlite:0", position)
	require.NoError(t, store.Append(ctx, full(1)))
	ask(audit.Filter{Tenants: []string{"elsewhere"}})
	rows, position = keptRows(t, db)
	assert.Equal(t, 9, rows)
	assert.Equal(t, "sqlite:2", position)

	for i := range 20 {
		require.NoError(t, store.Append(ctx, full(2+i)))
	}
	ask(audit.Filter{Tenants: []string{"acme"}})
	_, position = keptRows(t, db)
	assert.Equal(t, "sqlite:2", position, "so far behind it is looked for, and one tenant says nothing about the others")
	ask(audit.Filter{})
	_, position = keptRows(t, db)
	assert.Equal(t, "sqlite:22", position)

	require.NoError(t, store.Append(ctx, full(22), full(23), full(24)))
	_, err := store.Purge(ctx, audit.Filter{Users: []string{"nobody"}}, 10)
	require.NoError(t, err)
	_, position = keptRows(t, db)
	assert.Equal(t, "sqlite:25", position, "retention keeps it up to date")

	old := openSQLite(t, nil)
	require.NoError(t, migrated(t, old, &gormstore.Options{Without: gormstore.Lean()}).Append(ctx, full(0)))
	store = migrated(t, old, nil)
	_, position = keptRows(t, old)
	assert.Empty(t, position)
	ask(audit.Filter{})
	rows, position = keptRows(t, old)
	assert.Equal(t, 9, rows)
	assert.Equal(t, "sqlite:1", position)
	for range 2 {
		require.NoError(t, store.Migrate(ctx))
	}
	again, _ := keptRows(t, old)
	assert.Equal(t, rows, again)
}

// Who asks waits for no writer, and is answered all the same.
func TestFacetsWaitForNoWriter(t *testing.T) {
	ctx := context.Background()
	db := openSQLite(t, nil)
	store := gormstore.Folding(migrated(t, db, nil), 1, 10)
	require.NoError(t, store.Append(ctx, full(0)))
	tx := db.Begin()
	require.NoError(t, store.AppendTx(ctx, tx.Statement.ConnPool, full(1)))
	facets, err := store.Facets(ctx, audit.Filter{})
	require.NoError(t, err)
	assert.Equal(t, naiveFacets([]audit.Entry{full(0)}, audit.Filter{}), facets)
	rows, _ := keptRows(t, db)
	assert.Zero(t, rows)
	require.NoError(t, tx.Commit().Error)
	_, err = store.Facets(ctx, audit.Filter{})
	require.NoError(t, err)
	rows, _ = keptRows(t, db)
	assert.NotZero(t, rows)
}
