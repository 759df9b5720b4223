package storage

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/gormstore"
	"github.com/gormtrail/audit/storage/storagetest"
)

var monthly = gormstore.Options{Partitions: gormstore.Monthly}

// With a table for each month, everything that is promised holds as without.
func TestConformsMonthly(t *testing.T) {
	db := open(t, createPostgres(t))
	storagetest.Run(t, func(t *testing.T) audit.Store { return emptied(t, db, monthly) })
}

func TestConformsMonthlyInTransactions(t *testing.T) {
	db := open(t, createPostgres(t))
	storagetest.RunTx(t, func(t *testing.T) (audit.Store, *sql.DB) { return emptied(t, db, monthly), pool(t, db) }, nil)
}

// partitions are the partitions that have entries, each with how many.
func partitions(t testing.TB, db *gorm.DB) map[string]int {
	t.Helper()
	var rows []struct {
		Part string
		N    int
	}
	require.NoError(t, db.Raw("SELECT tableoid::regclass::text AS part, count(*) AS n FROM audit_entries GROUP BY 1").Scan(&rows).Error)
	found := map[string]int{}
	for _, r := range rows {
		found[r.Part] = r.N
	}
	return found
}

// overYears are entries of five years up to now, one each month at least, in any
// order of capture; some have the time of a whole month's beginning.
func overYears(n int) []audit.Entry {
	g := newGenerator(9)
	list := g.entries(n)
	first := time.Date(time.Now().Year()-5, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range list {
		at := first.AddDate(0, i%60, g.IntN(28)).Add(time.Duration(g.IntN(86_400)) * time.Second)
		if i%7 == 0 {
			at = first.AddDate(0, i%60, 0)
		}
		list[i].Time = at
	}
	return list
}

// Pages, walks and counts over sixty months are those of a naive evaluation,
// whichever windows they are read in, with bounds inside of months, at their
// beginnings, and none.
func TestMonthlyPagesAreThoseOfOneTable(t *testing.T) {
	db := open(t, createPostgres(t))
	store := migrated(t, db, &monthly)
	ctx := context.Background()
	entries := overYears(700)
	require.NoError(t, store.Append(ctx, entries[:400]...))
	tx := db.Begin() // which makes no partition
	require.NoError(t, store.AppendTx(ctx, tx.Statement.ConnPool, entries[400:]...))
	require.NoError(t, tx.Commit().Error)
	assert.Len(t, partitions(t, db), 60)

	seed := uint64(time.Now().UnixNano())
	r := rand.New(rand.NewPCG(seed, 0))
	moment := func() time.Time {
		at := entries[r.IntN(len(entries))].Time
		if r.IntN(2) == 0 {
			at = time.Date(at.Year(), at.Month(), 1, 0, 0, 0, 0, time.UTC)
		}
		return at.Add(time.Duration(r.IntN(3)-1) * time.Microsecond)
	}
	for range 25 {
		f := audit.Filter{}
		if r.IntN(2) == 0 {
			f.From = moment()
		}
		if r.IntN(2) == 0 {
			f.To = moment()
		}
		if !f.From.IsZero() && !f.To.IsZero() && f.To.Before(f.From) {
			f.From, f.To = f.To, f.From
		}
		switch r.IntN(4) {
		case 0:
			f.Tenants = []string{tenantName(0)}
		case 1:
			f.Tenants = []string{tenantName(1), tenantName(2), tenantName(3)}
		case 2:
			f.Users = []string{userName(0), userName(1)}
		}
		sort := []audit.Sort{audit.Newest, audit.SortTime, audit.SortUser, "-record", audit.SortOutcome, "-changes"}[r.IntN(6)]
		want := naively(entries, f, sort)
		q := audit.Query{Filter: f, Sort: sort, Limit: 1 + r.IntN(120)}
		what := fmt.Sprintf("seed %d: %s by %s, %d a page", seed, f.Values().Encode(), sort, q.Limit)
		got := []string{}
		var last *audit.Page
		for {
			page, err := store.Query(ctx, q)
			require.NoError(t, err, what)
			got, last = append(got, ids(page.Entries)...), page
			if q.Cursor = page.Next; q.Cursor == "" {
				break
			}
		}
		require.Equal(t, want, got, what)
		back := ids(last.Entries)
		for last.Prev != "" {
			q.Cursor = last.Prev
			page, err := store.Query(ctx, q)
			require.NoError(t, err, what)
			back, last = append(ids(page.Entries), back...), page
		}
		require.Equal(t, want, back, "backwards, "+what)
		bound := 1 + r.IntN(200)
		n, more, err := store.Count(ctx, f, bound)
		require.NoError(t, err)
		assert.Equal(t, []any{min(len(want), bound), len(want) > bound}, []any{n, more}, what)
		all := []string{}
		for e, err := range store.All(ctx, audit.Query{Filter: f, Sort: sort}) {
			require.NoError(t, err)
			all = append(all, e.ID)
		}
		require.Equal(t, want, all, "all, "+what)
	}
	for _, e := range entries {
		got, err := store.Get(ctx, e.ID)
		require.NoError(t, err)
		require.Equal(t, e, got)
	}
	told, _, err := tailEntries(ctx, store, audit.Filter{}, "", 1000)
	require.NoError(t, err)
	assert.Len(t, told, len(entries))
	rare := audit.Filter{Users: []string{entries[699].Actor.Email}, Tenants: []string{entries[699].Tenant}}
	told, _, err = tailEntries(ctx, store, rare, "", 1000)
	require.NoError(t, err)
	assert.ElementsMatch(t, naively(entries, rare, audit.Newest), ids(told))
}

func naively(entries []audit.Entry, f audit.Filter, sort audit.Sort) []string {
	var some []audit.Entry
	for _, e := range entries {
		if f.Match(e) {
			some = append(some, e)
		}
	}
	slices.SortFunc(some, func(a, b audit.Entry) int {
		c := compare(sort.KeyOf(a), sort.KeyOf(b))
		if c == 0 {
			c = a.Time.Compare(b.Time)
		}
		if c == 0 {
			c = compare(a.ID, b.ID)
		}
		if sort.Descending() {
			return -c
		}
		return c
	})
	return ids(some)
}

func compare(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// An ID is stored once, whatever its time, which is what the table is partitioned by:
// in one call, in several, in transactions that are open at the same time.
func TestMonthlyKeepsAnIDOnce(t *testing.T) {
	db := open(t, createPostgres(t))
	store := migrated(t, db, &monthly)
	ctx := context.Background()
	at := time.Now().UTC().Truncate(time.Microsecond)
	moved := func(e audit.Entry, months int) audit.Entry {
		e.Time = at.AddDate(0, -months, 0)
		return e
	}
	g := newGenerator(1)
	e := g.entry()
	require.ErrorIs(t, store.Append(ctx, moved(e, 3), moved(e, 0), g.entry(), moved(e, 3)), audit.ErrConflict)
	require.NoError(t, store.Append(ctx, moved(e, 3), g.entry(), moved(e, 3)))
	require.ErrorIs(t, store.Append(ctx, moved(e, 7)), audit.ErrConflict)
	got, err := store.Get(ctx, e.ID)
	require.NoError(t, err)
	assert.Equal(t, moved(e, 3), got)

	for _, commit := range []bool{true, false} {
		e := g.entry()
		first := db.Begin()
		require.NoError(t, store.AppendTx(ctx, first.Statement.ConnPool, moved(e, 1)))
		second := make(chan error)
		go func() { second <- store.Append(ctx, moved(e, 2), g.entry()) }()
		select {
		case err := <-second:
			t.Fatalf("it didn't wait: %v", err)
		case <-time.After(100 * time.Millisecond):
		}
		want := moved(e, 1)
		if commit {
			require.NoError(t, first.Commit().Error)
			require.ErrorIs(t, <-second, audit.ErrConflict)
		} else {
			require.NoError(t, first.Rollback().Error)
			require.NoError(t, <-second)
			want = moved(e, 2)
		}
		got, err := store.Get(ctx, e.ID)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
	var rows, keys int
	require.NoError(t, db.Raw("SELECT count(*) FROM audit_entries").Scan(&rows).Error)
	require.NoError(t, db.Raw("SELECT count(*) FROM audit_entries_ids").Scan(&keys).Error)
	assert.Equal(t, []int{5, 5}, []int{rows, keys})
}

// An append never fails for want of a partition, and Migrate moves what lies in
// the default one.
func TestMonthlyMovesStraysToTheirMonths(t *testing.T) {
	db := open(t, createPostgres(t))
	store := migrated(t, db, &monthly)
	ctx := context.Background()
	entries := overYears(120)
	odd := newGenerator(3).entry()
	odd.Time = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)
	require.NoError(t, store.AppendTx(ctx, pool(t, db), append(entries, odd)...))
	position, err := store.Head(ctx)
	require.NoError(t, err)
	assert.Equal(t, map[string]int{"audit_entries_default": 121}, partitions(t, db))
	for range 2 {
		require.NoError(t, store.Migrate(ctx))
		found := partitions(t, db)
		assert.Len(t, found, 61)
		assert.Equal(t, 1, found["audit_entries_default"], "a year that no month is made for")
	}
	told, _, err := tailEntries(ctx, store, audit.Filter{}, "", 1000)
	require.NoError(t, err)
	assert.Len(t, told, 121)
	told, _, err = tailEntries(ctx, store, audit.Filter{}, position, 1000)
	require.NoError(t, err)
	assert.Empty(t, told, "moving tells nothing again")
	page, err := store.Query(ctx, audit.Query{Limit: 1000})
	require.NoError(t, err)
	assert.Equal(t, naively(append(entries, odd), audit.Filter{}, audit.Newest), ids(page.Entries))
}

// While someone reads all for hours, who appends waits for nobody: the
// partitions are made another time.
func TestMonthlyAppendWaitsForNoReader(t *testing.T) {
	db := open(t, createPostgres(t))
	migrated(t, db, &monthly)
	ctx := context.Background()
	require.NoError(t, db.Exec("DROP TABLE audit_entries_"+thisMonth().AddDate(0, 2, 0).Format("p200601")).Error)
	reader := db.Begin()
	var n int
	require.NoError(t, reader.Raw("SELECT count(*) FROM audit_entries").Scan(&n).Error)

	fresh, err := gormstore.New(db, &monthly)
	require.NoError(t, err)
	g := newGenerator(1)
	began := time.Now()
	for range 20 {
		require.NoError(t, fresh.Append(ctx, g.entry()))
	}
	require.NoError(t, fresh.Migrate(ctx))
	assert.Less(t, time.Since(began), 20*time.Second, "each try would have waited for half a second")
	require.NoError(t, reader.Rollback().Error)
	require.NoError(t, fresh.Migrate(ctx))
	require.NoError(t, db.Raw("SELECT count(*) FROM pg_inherits WHERE inhparent = 'audit_entries'::regclass").Scan(&n).Error)
	assert.GreaterOrEqual(t, n, 5)
}

// Whole months go as tables, the rest row by row, oldest first, and never more
// than is asked for.
func TestMonthlyPurgeDropsMonths(t *testing.T) {
	db := open(t, createPostgres(t))
	store := migrated(t, db, &monthly)
	ctx := context.Background()
	entries := overYears(600) // ten in each month
	require.NoError(t, store.Append(ctx, entries...))
	left := naively(entries, audit.Filter{}, audit.SortTime)
	names := func() int {
		var n int
		require.NoError(t, db.Raw("SELECT count(*) FROM pg_inherits WHERE inhparent = 'audit_entries'::regclass").Scan(&n).Error)
		return n
	}
	purge := func(f audit.Filter, limit, want int) {
		t.Helper()
		n, err := store.Purge(ctx, f, limit)
		require.NoError(t, err)
		assert.Equal(t, want, n)
		left = left[want:]
		page, err := store.Query(ctx, audit.Query{Sort: audit.SortTime, Limit: 1000})
		require.NoError(t, err)
		require.Equal(t, left, ids(page.Entries))
		var keys int
		require.NoError(t, db.Raw("SELECT count(*) FROM audit_entries_ids").Scan(&keys).Error)
		require.Equal(t, len(left), keys)
	}
	had := names()
	first := time.Date(time.Now().Year()-5, 1, 1, 0, 0, 0, 0, time.UTC)
	end := audit.Filter{To: first.AddDate(0, 3, 0)}
	purge(end, 25, 25)
	assert.Equal(t, had-2, names(), "two months and a half")
	purge(end, 1000, 5)
	assert.Equal(t, had-3, names(), "the third was empty but for these")
	purge(audit.Filter{To: first.AddDate(0, 5, 0).Add(-time.Microsecond)}, 1000, len(naively(entries, audit.Filter{From: first.AddDate(0, 3, 0), To: first.AddDate(0, 5, 0).Add(-time.Microsecond)}, audit.SortTime)))
	assert.Equal(t, had-4, names(), "a part of a month is rows")

	again := entries[0] // what is purged may come again, as without partitions
	require.NoError(t, store.Append(ctx, again))
	left = append([]string{again.ID}, left...)
	purge(audit.Filter{To: first.AddDate(0, 1, 0)}, 1000, 1)

	reader := db.Begin() // who reads for long keeps no one from purging
	var n int
	require.NoError(t, reader.Raw("SELECT count(*) FROM audit_entries").Scan(&n).Error)
	purge(audit.Filter{To: first.AddDate(0, 6, 0)}, 1000, 10)
	require.NoError(t, reader.Rollback().Error)

	purge(audit.Filter{Tenants: []string{"nobody"}, To: time.Now()}, 1000, 0)
	purge(audit.Filter{To: time.Now().AddDate(10, 0, 0)}, 1000, len(left))
}

// A table that isn't as the option says is left alone, and said.
func TestPartitionsAreNoSilentConversion(t *testing.T) {
	ctx := context.Background()
	for what, opts := range map[string][2]gormstore.Options{
		"one table, option Monthly": {{}, monthly}, "partitioned, option not set": {monthly, {}},
	} {
		t.Run(what, func(t *testing.T) {
			db := open(t, createPostgres(t))
			was := migrated(t, db, &opts[0])
			e := newGenerator(1).entry()
			require.NoError(t, was.Append(ctx, e))
			store, err := gormstore.New(db, &opts[1])
			require.NoError(t, err)
			assert.ErrorIs(t, store.Migrate(ctx), gormstore.ErrPartitions)
			assert.ErrorIs(t, store.Append(ctx, e), gormstore.ErrPartitions)
			tx := db.Begin()
			assert.ErrorIs(t, store.AppendTx(ctx, tx.Statement.ConnPool, e), gormstore.ErrPartitions)
			assert.NoError(t, tx.Exec("SELECT 1").Error, "the transaction is as it was")
			assert.NoError(t, tx.Rollback().Error)
			_, err = store.Query(ctx, audit.Query{})
			assert.ErrorIs(t, err, gormstore.ErrPartitions)
			got, err := was.Get(ctx, e.ID)
			require.NoError(t, err)
			assert.Equal(t, e, got)
		})
	}
}

// moving is the SQL that the documentation gives.
func moving(t testing.TB) string {
	t.Helper()
	page, err := os.ReadFile("../../docs/storage.md")
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(page), "\n## Partition by month (PostgreSQL)\n")
	require.True(t, found)
	_, rest, found = strings.Cut(rest, "```sql\n")
	require.True(t, found)
	sql, _, found := strings.Cut(rest, "```")
	require.True(t, found)
	return sql
}

// What the documentation says of moving a trail keeps all of it: the entries,
// their salts, and the feed's positions.
func TestMovingToMonths(t *testing.T) {
	db := open(t, createPostgres(t))
	ctx := context.Background()
	old := migrated(t, db, nil)
	entries := overYears(200)
	require.NoError(t, old.Append(ctx, entries[:150]...))
	position, err := old.Head(ctx)
	require.NoError(t, err)
	require.NoError(t, old.Append(ctx, entries[150:]...))
	opts := monthly
	opts.Table = "audit_trail"
	store := migrated(t, db, &opts)
	_, err = pool(t, db).Exec(moving(t))
	require.NoError(t, err)

	page, err := store.Query(ctx, audit.Query{Limit: 1000})
	require.NoError(t, err)
	assert.Equal(t, naively(entries, audit.Filter{}, audit.Newest), ids(page.Entries))
	told, _, err := tailEntries(ctx, store, audit.Filter{}, position, 1000)
	require.NoError(t, err)
	assert.Equal(t, entries[150:], told)
	var differ, strays int
	require.NoError(t, db.Raw("SELECT count(*) FROM audit_entries a FULL JOIN audit_trail b USING (id) WHERE a.salt IS DISTINCT FROM b.salt").Scan(&differ).Error)
	assert.Zero(t, differ, "salts")
	require.NoError(t, db.Raw("SELECT count(*) FROM audit_trail_default").Scan(&strays).Error)
	assert.Zero(t, strays)
	require.NoError(t, store.Migrate(ctx))
	require.NoError(t, store.Append(ctx, append(entries, newGenerator(5).entry())...), "each once, and new ones behind them")
	told, _, err = tailEntries(ctx, store, audit.Filter{}, position, 1000)
	require.NoError(t, err)
	assert.Len(t, told, 51)
}

// Entries are taken out of a partitioned outbox by their IDs.
func TestMonthlyRemove(t *testing.T) {
	db := open(t, createPostgres(t))
	store := migrated(t, db, &monthly)
	ctx := context.Background()
	entries := overYears(30)
	require.NoError(t, store.Append(ctx, entries...))
	require.NoError(t, store.Remove(ctx, entries[0].ID, entries[7].ID, uuid.NewString()))
	_, err := store.Get(ctx, entries[7].ID)
	assert.ErrorIs(t, err, audit.ErrNotFound)
	page, err := store.Query(ctx, audit.Query{Limit: 100})
	require.NoError(t, err)
	assert.Len(t, page.Entries, 28)
}

// thisMonth is where months are counted from. They aren't counted from today: a
// month before October 31 is October 1.
func thisMonth() time.Time {
	now := time.Now().UTC()
	return time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC)
}

// While Migrate moves entries out of the default partition, who appends to their
// months isn't refused, and who reads misses none. (A statement that was planned
// before looked where they had been, and an append that had waited was of a month
// that the default partition has no more.)
func TestMonthlyMovesUnderReadersAndWriters(t *testing.T) {
	db := open(t, createPostgres(t))
	store := migrated(t, db, &monthly)
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	r := rand.New(rand.NewPCG(1, 1))
	strays := func(g *generator, n int) []audit.Entry {
		list := g.entries(n)
		for i := range list {
			list[i].Time = thisMonth().AddDate(0, -1-r.IntN(12), r.IntN(28))
		}
		return list
	}
	add := func(list []audit.Entry) error {
		return inTx(pool(t, db), true, func(tx *sql.Tx) error { return store.AppendTx(context.Background(), tx, list...) })
	}
	const n = 3000
	require.NoError(t, add(strays(newGenerator(1), n)))
	fresh := make([][]audit.Entry, 500)
	g := newGenerator(2)
	for i := range fresh {
		fresh[i] = strays(g, 3)
	}
	var work sync.WaitGroup
	for w := range 2 {
		work.Go(func() {
			for i := w; i < len(fresh) && ctx.Err() == nil; i += 2 {
				assert.NoError(t, add(fresh[i]))
			}
		})
		work.Go(func() {
			for ctx.Err() == nil {
				found, _, err := store.Count(context.Background(), audit.Filter{}, 100_000)
				assert.NoError(t, err)
				assert.GreaterOrEqual(t, found, n)
				told, _, err := tailEntries(context.Background(), store, audit.Filter{}, "", n)
				assert.NoError(t, err)
				assert.Equal(t, n, len(told))
			}
		})
	}
	for began := time.Now(); len(partitions(t, db)) < 12 && !t.Failed(); {
		assert.NoError(t, migrated(t, db, &monthly).Migrate(context.Background()))
		assert.Less(t, time.Since(began), 5*time.Minute, "the entries stay in the default partition")
	}
	stop()
	work.Wait()
}
