package storage

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	cgosqlite "gorm.io/driver/sqlite"
	"gorm.io/gorm"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/gormstore"
)

// onEachStore runs a test on every server, with a table for each month too.
// (SQLite's judge is in the store's own package.)
func onEachStore(t *testing.T, run func(t *testing.T, db *gorm.DB, opts gormstore.Options)) {
	for _, on := range []struct {
		name   string
		create func(testing.TB) gorm.Dialector
		opts   gormstore.Options
	}{{"postgres", createPostgres, gormstore.Options{}}, {"mysql", createMySQL, gormstore.Options{}}, {"monthly", createPostgres, monthly}} {
		t.Run(on.name, func(t *testing.T) {
			t.Parallel()
			run(t, open(t, on.create(t)), on.opts)
		})
	}
}

// stepsVariable is how many steps a random test takes.
const stepsVariable = "AUDIT_STORAGE_STEPS"

func steps(t *testing.T) int {
	n, err := strconv.Atoi(cmp.Or(os.Getenv(stepsVariable), "16"))
	require.NoError(t, err, stepsVariable)
	return n
}

// naiveFacets is what facets mean: the values of the entries that there are.
func naiveFacets(entries []audit.Entry, scope audit.Filter) audit.Facets {
	var sets [9]map[string]bool
	for i := range sets {
		sets[i] = map[string]bool{}
	}
	for _, e := range entries {
		if scope.Match(e) {
			for i, v := range []string{e.Tenant, e.Project, e.Action, string(e.Outcome), e.Object.Type, e.Object.Product, e.Actor.Type, e.Actor.User(), e.OnBehalfOfUser()} {
				sets[i][v] = true
			}
		}
	}
	var lists [9][]string
	for i, set := range sets {
		delete(set, "")
		lists[i] = []string{}
		for v := range set {
			lists[i] = append(lists[i], v)
		}
		slices.Sort(lists[i])
	}
	return audit.Facets{Tenants: lists[0], Projects: lists[1], Actions: lists[2], Outcomes: lists[3], ObjectTypes: lists[4], Products: lists[5], ActorTypes: lists[6], Users: lists[7], OnBehalfOf: lists[8]}
}

// openTx is a transaction that isn't finished, and its entries.
type openTx struct {
	tx      *gorm.DB
	entries []audit.Entry
}

// Facets are those of what is committed and not purged, whatever is kept of them,
// however late a transaction commits, and however far behind the kept ones are.
func TestFacetsAreThoseOfTheEntries(t *testing.T) {
	onEachStore(t, func(t *testing.T, db *gorm.DB, opts gormstore.Options) {
		seed := uint64(time.Now().UnixNano())
		r := rand.New(rand.NewPCG(seed, 0))
		ctx := context.Background()
		stores := []*gormstore.Store{migrated(t, db, &opts), migrated(t, db, &opts)}
		g := newGenerator(seed % 1000)
		var live []audit.Entry
		var late []openTx
		entries := func(n int) []audit.Entry {
			list := g.entries(n)
			for i := range list {
				// Few years, of which purges take the oldest; and users of their own time.
				list[i].Time = time.Now().UTC().Truncate(time.Microsecond).AddDate(0, -r.IntN(20), -r.IntN(20))
				list[i].Actor.Email = fmt.Sprintf("%d of %s", r.IntN(40), list[i].Time.Format("2006-01"))
			}
			return list
		}
		check := func(step int) {
			scope := []audit.Filter{{}, {}, largeTenant, smallTenant, {Tenants: []string{tenantName(0), tenantName(1), "none"}}, audit.Filter{}.And(audit.Filter{Users: []string{"1 of 2025-06"}})}[r.IntN(6)]
			for _, store := range stores {
				got, err := store.Facets(ctx, scope)
				require.NoError(t, err)
				require.Equal(t, naiveFacets(live, scope), got, "seed %d, step %d, %s", seed, step, scope.Values().Encode())
			}
		}
		for step := range steps(t) {
			store := stores[r.IntN(2)]
			switch k := r.IntN(12); {
			case k == 0 && step%3 == 0:
				list := entries(21_000)
				for some := range slices.Chunk(list, 7000) {
					require.NoError(t, store.Append(ctx, some...))
				}
				live = append(live, list...)
			case k < 5:
				list := entries(1 + r.IntN(1200))
				require.NoError(t, store.Append(ctx, list...))
				live = append(live, list...)
			case k < 7 && len(late) < 3:
				tx := openTx{db.Begin(), entries(1 + r.IntN(50))}
				t.Cleanup(func() { tx.tx.Rollback() }) // of a test that fails; the database is dropped after it
				require.NoError(t, store.AppendTx(ctx, tx.tx.Statement.ConnPool, tx.entries...))
				late = append(late, tx)
			case k < 9 && len(late) > 0:
				tx := late[0]
				late = late[1:]
				if r.IntN(3) == 0 {
					require.NoError(t, tx.tx.Rollback().Error)
				} else {
					require.NoError(t, tx.tx.Commit().Error)
					live = append(live, tx.entries...)
				}
			case k == 9:
				f := audit.Filter{To: time.Now().AddDate(0, -r.IntN(20), 0)}
				if r.IntN(3) == 0 {
					f.Tenants = largeTenant.Tenants
				}
				_, err := store.Purge(ctx, f, 1<<30)
				require.NoError(t, err)
				live = slices.DeleteFunc(live, f.Match)
			case k == 10 && len(live) > 0:
				i := r.IntN(len(live))
				j := min(len(live), i+1+r.IntN(300))
				require.NoError(t, store.Remove(ctx, ids(live[i:j])...))
				live = slices.Delete(live, i, j)
			}
			check(step)
		}
		for _, tx := range late {
			require.NoError(t, tx.tx.Rollback().Error)
		}
		check(-1)
		var kept int
		require.NoError(t, db.Raw("SELECT count(*) FROM audit_entries_facets").Scan(&kept).Error)
		if len(live) > 2000 {
			assert.NotZero(t, kept)
		}
	})
}

// While processes append, purge and ask at the same time, an answer has all that
// was there before the question and stays, and nothing that never was.
func TestFacetsWhileOthersWrite(t *testing.T) {
	onEachStore(t, func(t *testing.T, db *gorm.DB, opts gormstore.Options) {
		ctx, stop := context.WithTimeout(context.Background(), 4*time.Second)
		defer stop()
		open := func() *gormstore.Store { return migrated(t, db, &opts) }
		var mu sync.Mutex
		stay, ever := map[string]bool{}, map[string]bool{} // users
		var all sync.WaitGroup
		work := func(n int, fn func(store *gormstore.Store, g *generator, k int) error) {
			for w := range n {
				store, g := open(), newGenerator(uint64(w+1))
				all.Go(func() {
					for k := 0; ctx.Err() == nil; k++ {
						if !assert.NoError(t, fn(store, g, w*1_000_000+k)) {
							return
						}
					}
				})
			}
		}
		past := time.Now().UTC().Truncate(time.Microsecond).AddDate(0, -2, 0)
		work(2, func(store *gormstore.Store, g *generator, k int) error {
			list := g.entries(20)
			purged, stays := fmt.Sprintf("purged %d", k), fmt.Sprintf("stays %d", k)
			for i := range list {
				list[i].Actor.Email, list[i].Time = stays, past.AddDate(0, 1, 0)
				if i%2 == 0 {
					list[i].Actor.Email, list[i].Time = purged, past.AddDate(0, -i%3, 0)
				}
			}
			mu.Lock()
			ever[purged], ever[stays] = true, true
			mu.Unlock()
			commit := k%4 > 0
			err := inTx(pool(t, db), commit, func(tx *sql.Tx) error {
				err := store.AppendTx(context.Background(), tx, list...)
				time.Sleep(time.Duration(k%7) * time.Millisecond)
				return err
			})
			if err == nil && commit {
				mu.Lock()
				stay[stays] = true
				mu.Unlock()
			}
			return err
		})
		work(1, func(store *gormstore.Store, _ *generator, k int) error {
			time.Sleep(50 * time.Millisecond)
			_, err := store.Purge(context.Background(), audit.Filter{To: past.AddDate(0, 0, 1)}, 1<<30)
			return err
		})
		work(2, func(store *gormstore.Store, _ *generator, k int) error {
			mu.Lock()
			must := make([]string, 0, len(stay))
			for u := range stay {
				must = append(must, u)
			}
			mu.Unlock()
			got, err := store.Facets(context.Background(), audit.Filter{})
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			has := map[string]bool{}
			for _, u := range got.Users {
				if has[u] = true; !ever[u] {
					return fmt.Errorf("%q never was", u)
				}
			}
			for _, u := range must {
				if !has[u] {
					return fmt.Errorf("%q is missing", u)
				}
			}
			return nil
		})
		all.Wait()
		store := open()
		_, err := store.Purge(context.Background(), audit.Filter{To: past.AddDate(0, 0, 1)}, 1<<30)
		require.NoError(t, err)
		var live []audit.Entry
		for e, err := range store.All(context.Background(), audit.Query{}) {
			require.NoError(t, err)
			live = append(live, e)
		}
		got, err := store.Facets(context.Background(), audit.Filter{})
		require.NoError(t, err)
		assert.Equal(t, naiveFacets(live, audit.Filter{}), got)
		assert.Len(t, got.Users, len(stay))
		t.Logf("%d entries of %d users at the end, %d users were purged or never committed", len(live), len(stay), len(ever)-len(stay))
	})
}

// The driver in C has a connection's patience put aside and given back too, and its
// errors where another one writes.
func TestFacetsAreFoldedByTheDriverInC(t *testing.T) {
	path := filepath.Join(t.TempDir(), "host.db")
	db, err := gorm.Open(cgosqlite.Open(path+"?_busy_timeout=3600000&_journal_mode=WAL"), &gorm.Config{})
	if err != nil && os.Getenv("CI") == "" {
		t.Skipf("built without cgo: %v", err)
	}
	require.NoError(t, err)
	defer pool(t, db).Close()
	const anHour = 3_600_000
	ctx := context.Background()
	store, g := migrated(t, db, nil), newGenerator(1)
	entries := g.entries(1500)
	require.NoError(t, store.Append(ctx, entries...))
	kept := func() (n, patience int) {
		require.NoError(t, db.Raw("SELECT count(*) FROM audit_entries_facets").Scan(&n).Error)
		require.NoError(t, db.Raw("PRAGMA busy_timeout").Scan(&patience).Error)
		return n, patience
	}
	tx := db.Begin()
	require.NoError(t, store.AppendTx(ctx, tx.Statement.ConnPool, g.entry()))
	pool(t, db).SetMaxOpenConns(2)
	got, err := store.Facets(ctx, audit.Filter{}) // an hour, if it waits for the writer
	require.NoError(t, err)
	assert.Equal(t, naiveFacets(entries, audit.Filter{}), got)
	n, patience := kept()
	assert.Equal(t, []int{0, anHour}, []int{n, patience})
	require.NoError(t, tx.Rollback().Error)
	_, err = store.Facets(ctx, audit.Filter{})
	require.NoError(t, err)
	n, patience = kept()
	assert.Positive(t, n)
	assert.Equal(t, anHour, patience)
}

// Retention waits for no transaction of the host that has entries and is open.
// (InnoDB walked to its rows, and waited until the lock's timeout.)
func TestPurgeWaitsForNoTransaction(t *testing.T) {
	onEachStore(t, func(t *testing.T, db *gorm.DB, opts gormstore.Options) {
		ctx, stop := context.WithTimeout(context.Background(), 20*time.Second)
		defer stop()
		store, g := migrated(t, db, &opts), newGenerator(1)
		before, open, after := g.entries(300), g.entries(20), g.entries(300)
		require.NoError(t, store.Append(ctx, before...))
		tx := db.Begin()
		t.Cleanup(func() { tx.Rollback() })
		require.NoError(t, store.AppendTx(ctx, tx.Statement.ConnPool, open...))
		require.NoError(t, store.Append(ctx, after...))
		require.NoError(t, store.Remove(ctx, ids(after[:100])...))
		n, err := store.Purge(ctx, audit.Filter{To: time.Now(), Not: []audit.Filter{{Users: []string{"nobody"}}}}, 1<<30)
		require.NoError(t, err)
		assert.Equal(t, 500, n)
		require.NoError(t, tx.Commit().Error)
		n, err = store.Purge(ctx, audit.Filter{To: time.Now()}, 1<<30)
		require.NoError(t, err)
		assert.Equal(t, 20, n)
	})
}

func inTx(db *sql.DB, commit bool, fn func(tx *sql.Tx) error) error {
	tx, err := db.Begin()
	if err != nil {
		return err
	}
	if err := fn(tx); err != nil || !commit {
		_ = tx.Rollback()
		return err
	}
	return tx.Commit()
}
