package gormstore_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/search"
	"github.com/gormtrail/audit/storage/gormstore"
)

// Few tenants, and more tenants and pairs of tenants and values than a page is
// merged of: what is found is the same, whichever way it is read.
func TestPagesOfTenants(t *testing.T) {
	if testing.Short() {
		t.Skip("minutes under the race detector, for one goroutine")
	}
	for _, of := range []struct {
		name    string
		without []gormstore.Index
		tenants int
	}{{"many", nil, 300}, {"few", nil, 6}, {"many, lean", gormstore.Lean(), 300}, {"few, some indexes", []gormstore.Index{gormstore.IndexUser, gormstore.IndexIP}, 6}} {
		t.Run(of.name, func(t *testing.T) {
			t.Parallel()
			pagesOfTenants(t, migrated(t, openSQLite(t, nil), &gormstore.Options{Without: of.without}), of.tenants)
		})
	}
	for _, short := range []int{0, 70} {
		t.Run(fmt.Sprintf("streams of %d are short", short), func(t *testing.T) {
			t.Parallel()
			pagesOfTenants(t, gormstore.Short(migrated(t, openSQLite(t, nil), nil), short), 6)
		})
	}
}

// read is a filter as a person types it.
func read(t *testing.T, keyword string) audit.Filter {
	f, err := search.Parse(keyword, nil, nil)
	require.NoError(t, err)
	return f
}

func pagesOfTenants(t *testing.T, store *gormstore.Store, tenants int) {
	ctx := context.Background()
	const n = 480
	var entries []audit.Entry
	var some []string
	for i := range n {
		e := full(i)
		e.Tenant, e.Action = fmt.Sprintf("tenant %d", i%tenants), fmt.Sprintf("action %d", i%7)
		e.Time, e.Object.ID, e.Actor.Email = start.Add(time.Duration(i*7919%n)*time.Microsecond), fmt.Sprint(i%11), ""
		e.Actor.Name, e.Actor.ID = fmt.Sprintf("user %d", i%13), []string{"", "1", "2", "user 3", "4"}[i%5]
		e.Project, e.TransactionID, e.Request.ID = []string{"", "big", "big", "big", fmt.Sprintf("small %d", i%40)}[i%5], fmt.Sprintf("tx %d", i/4), fmt.Sprintf("r %d", i%50)
		entries = append(entries, e)
		if i < 150 {
			some = append(some, e.Tenant, e.Tenant) // twice is once
		}
	}
	require.NoError(t, store.Append(ctx, entries...))
	for i, f := range []audit.Filter{
		{}, {ObjectIDs: []string{"3", "5", "3"}}, {Users: []string{"user 1", "user 2"}}, {Actions: []string{"action 1"}, Users: []string{"user 3"}},
		{Tenants: some}, {Tenants: some, Actions: []string{"action 1", "action 2"}}, {Tenants: some[:20], ObjectIDs: []string{"1", "2", "3"}},
		audit.Filter{Tenants: some, Users: []string{"user 5"}}.And(audit.Filter{Tenants: some[100:], Users: []string{"user 4", "user 5"}}),
		{Tenants: []string{"nobody"}}, {IPs: []string{"10.1.2.3", "::ffff:10.1.2.3"}, Tenants: some}, {IPs: []string{"10.0.0.0/8"}, Not: []audit.Filter{{Tenants: some}}},
		{ActorIDs: []string{"2", "4", "2"}}, {ActorIDs: []string{"2", ""}}, {ActorIDs: []string{""}, Tenants: some[:9]}, {ActorIDs: []string{"4"}, Users: []string{"user 4"}},
		{Projects: []string{"big"}}, {Projects: []string{"big"}, Actions: []string{"action 1"}}, {Projects: []string{"small 4"}, Actions: []string{"action 2"}, Tenants: some},
		{Projects: []string{"", "small 9"}}, {Projects: []string{"nothing"}, Tenants: some[:5]}, audit.Filter{Users: []string{"user 4"}}.And(audit.Filter{Projects: []string{"small 4", "big"}}),
		read(t, `actor:"user 3",2,user`), read(t, `actor:"user 3" action:"action 1"`), read(t, `-actor:"user 3",1`), read(t, `actor:"" outcome:success`), read(t, `actor:"user 3"`).And(audit.Filter{Tenants: some[10:14]}),
		read(t, `transaction:"tx 5","tx 7"`), read(t, `request:"r 1","r 2"`), read(t, `transaction:"tx 5","tx 7",nothing request:"r 20","r 21"`), read(t, `-transaction:"tx 5","tx 7"`),
		either(audit.Filter{Users: []string{"user 3"}}, audit.Filter{Users: []string{"user 4"}, Actions: []string{"action 1"}}), either(audit.Filter{ObjectIDs: []string{"1"}}, audit.Filter{IPs: []string{"10.1.2.3"}, Users: []string{"user 7"}}, audit.Filter{Projects: []string{"small 4"}}),
		{Not: []audit.Filter{{Actions: []string{"action 1"}, Not: []audit.Filter{{Users: []string{"user 3"}}}}, audit.Filter{Not: []audit.Filter{{Users: []string{"user 4"}}}}.And(audit.Filter{Projects: []string{"big"}})}},
		either(audit.Filter{ObjectIDs: []string{"1"}}, audit.Filter{Keyword: "user 2"}), either(audit.Filter{}, audit.Filter{Users: []string{"nobody"}}), either(audit.Filter{Users: []string{"user 1"}}.And(audit.Filter{ActorIDs: []string{"1"}}), either(audit.Filter{ActorIDs: []string{"4"}}, audit.Filter{TransactionID: "tx 9"})),
	} {
		sorts := []audit.Sort{audit.Newest, audit.SortUser, audit.SortTime, "-record"} // two of them with each filter
		bounded := audit.SortKeys()[8+i%22]
		require.True(t, bounded.Bounded())
		for _, sort := range append(sorts[i%2*2:i%2*2+2:i%2*2+2], bounded, "tenant") {
			want := naive(entries, f, sort)
			var got []string
			q := audit.Query{Filter: f, Sort: sort, Limit: 160}
			for {
				page, err := store.Query(ctx, q)
				require.NoError(t, err)
				for _, e := range page.Entries {
					got = append(got, e.ID)
				}
				if q.Cursor = page.Next; q.Cursor == "" {
					break
				}
			}
			require.Equal(t, want, got, "%s by %s", f.Values().Encode(), sort)
		}
		count, more, err := store.Count(ctx, f, n)
		require.NoError(t, err)
		assert.Equal(t, len(naive(entries, f, audit.SortTime)), count)
		assert.False(t, more)
		var all []string
		for e, err := range store.All(ctx, audit.Query{Filter: f}) {
			require.NoError(t, err)
			all = append(all, e.ID)
		}
		assert.Equal(t, naive(entries, f, audit.Newest), all)
		facets, err := store.Facets(ctx, audit.Filter{}.And(f))
		require.NoError(t, err)
		assert.Equal(t, naiveFacets(entries, audit.Filter{}.And(f)), facets, "%s", f.Values().Encode())
	}
}

// either is the filter of what one of several selects.
func either(any ...audit.Filter) audit.Filter {
	return audit.Filter{Not: []audit.Filter{{Not: any}}}
}

// A filter as long as Filter.Validate lets it be: SQLite refuses expressions that
// are more than 1,000 deep.
func TestTheLongestFilter(t *testing.T) {
	store := migrated(t, openSQLite(t, nil), nil)
	ctx := context.Background()
	require.NoError(t, store.Append(ctx, full(1)))
	var f audit.Filter
	for i := range audit.MaxFilterValues {
		f.Not = append(f.Not, audit.Filter{Actions: []string{fmt.Sprint(i)}})
		f.IPs = append(f.IPs, fmt.Sprintf("10.%d.%d.0/24", i/256, i%256))
		f.Fields = append(f.Fields, fmt.Sprint("field ", i))
		f.ObjectIDs = append(f.ObjectIDs, fmt.Sprint(i))
		f.Actions = append(f.Actions, fmt.Sprint("action ", i))
	}
	f.Fields[0], f.Actions[0] = "settings", "update"
	require.NoError(t, f.Validate())
	page, err := store.Query(ctx, audit.Query{Filter: f})
	require.NoError(t, err)
	assert.Len(t, page.Entries, 1)
	_, _, err = store.Count(ctx, f.And(f), 10)
	require.NoError(t, err)

	for i := range f.Not {
		f.Not[i] = audit.Filter{IPs: f.IPs[:100]}
	}
	_, err = store.Query(ctx, audit.Query{Filter: f})
	assert.ErrorIs(t, err, audit.ErrInvalidQuery, "more parameters than a statement may have")
}

// naive are the IDs of what a filter selects, by the definitions.
func naive(entries []audit.Entry, f audit.Filter, sort audit.Sort) []string {
	var some []audit.Entry
	for _, e := range entries {
		if f.Match(e) {
			some = append(some, e)
		}
	}
	slices.SortFunc(some, func(a, b audit.Entry) int {
		c := cmp.Or(cmp.Compare(sort.KeyOf(a), sort.KeyOf(b)), a.Time.Compare(b.Time), cmp.Compare(a.ID, b.ID))
		if sort.Descending() {
			return -c
		}
		return c
	})
	var ids []string
	for _, e := range some {
		ids = append(ids, e.ID)
	}
	return ids
}
