package gormstore_test

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage"
	"github.com/gormtrail/audit/storage/gormstore"
	"github.com/gormtrail/audit/storage/storagetest"
)

// indexed is a store with the keyword index, whose
// texts are those of its entries at the test's end. They are folded in three at a
// time, so that small trails too have some that are kept and some that are news.
func indexed(t *testing.T, db *gorm.DB) *gormstore.Store {
	t.Helper()
	store := gormstore.Folding(migrated(t, db, &gormstore.Options{KeywordIndex: true}), 3, 1000)
	t.Cleanup(func() { checkIndex(t, db, store) })
	return store
}

// checkIndex lets FTS5 compare its index with the texts, and compares these with the
// entries': each of them is kept, with each tenant that has it, and nothing that
// isn't in an entry.
func checkIndex(t testing.TB, db *gorm.DB, store *gormstore.Store) {
	t.Helper()
	require.NoError(t, store.Refresh(context.Background()))
	require.NoError(t, db.Exec("INSERT INTO audit_entries_terms_search (audit_entries_terms_search) VALUES ('integrity-check')").Error)
	const kept = "SELECT x.kind || '|' || x.value || '|' || x.search || '|' || coalesce(o.tenant, 'no tenant') FROM audit_entries_terms x LEFT JOIN audit_entries_terms_of o ON o.id = x.id"
	var list []string
	require.NoError(t, db.Raw(kept).Scan(&list).Error)
	got := map[string]bool{}
	for _, text := range list {
		require.False(t, got[text], "twice: %q", text)
		got[text] = true
	}
	for e, err := range store.All(context.Background(), audit.Query{}) {
		require.NoError(t, err)
		for _, text := range gormstore.TextsOf(e) {
			require.True(t, got[text+"|"+e.Tenant], "not kept: %q", text)
		}
	}
	const inNone = " WHERE NOT EXISTS (SELECT 1 FROM audit_entries e WHERE e.tenant = o.tenant AND instr(e.search, x.search) > 0 AND x.value = CASE x.kind WHEN 'actor_user' THEN e.actor_user WHEN 'object_key' THEN e.object_key ELSE e.action END)"
	var dead []string
	require.NoError(t, db.Raw(kept+inNone).Scan(&dead).Error)
	require.Empty(t, dead, "of no entry")
}

// The index changes nothing in the contract.
func TestConformsWithTheKeywordIndex(t *testing.T) {
	if os.Getenv("AUDIT_ALL_TESTS") == "" {
		t.Skip("the whole suite a second time; AUDIT_ALL_TESTS=1 runs it, as .ci/run does")
	}
	storagetest.Run(t, func(t *testing.T) audit.Store { return indexed(t, openSQLite(t, nil)) })
}

func TestConformsInTransactionsWithTheKeywordIndex(t *testing.T) {
	storagetest.RunTx(t, func(t *testing.T) (audit.Store, *sql.DB) {
		db := openSQLite(t, nil)
		pool, err := db.DB()
		require.NoError(t, err)
		return indexed(t, db), pool
	}, &storagetest.TxOptions{OneWriter: true})
}

// letters are what texts of the keyword tests are drawn from: signs that mean
// something to FTS5, to LIKE or to the store's own marks, letters that fold into
// others, that need four bytes, that combine, that are none.
var letters = []rune("aAbB019 \"\"'%_\\*^-+:(){}[]|&.,@\t\n\u0000\u001d\u001e\u001f\u007fäÄßẞſkK\u212aΣσςÅ\u212bIiİıé\u0301\u0307Įıـ한日本😀😁\ufffd\ufffe\uffff\U0010ffff\u200b")

func drawText(r *rand.Rand, most int) string {
	text := make([]rune, r.IntN(most+1))
	for i := range text {
		text[i] = letters[r.IntN(len(letters))]
	}
	return string(text)
}

// drawKeyword draws a piece of a text, now and then in another case, or any text.
func drawKeyword(r *rand.Rand, texts []string) string {
	text := []rune(texts[r.IntN(len(texts))])
	if len(text) < 3 || r.IntN(5) == 0 {
		return drawText(r, 5)
	}
	at := r.IntN(len(text))
	piece := string(text[at:min(len(text), at+1+r.IntN(8))])
	switch r.IntN(3) {
	case 0:
		return strings.ToUpper(piece)
	case 1:
		return strings.ToLower(piece)
	}
	return piece
}

func drawEntries(r *rand.Rand, n int) (entries []audit.Entry, texts []string) {
	for range n {
		e := audit.Entry{
			ID: uuid.Must(uuid.NewRandom()).String(), Time: start.Add(time.Duration(r.IntN(50)) * time.Microsecond),
			Tenant: []string{"a", "b"}[r.IntN(2)], Action: []string{"update", "AND", "NEAR"}[r.IntN(3)],
			Actor:  audit.Actor{Name: storage.CleanText(drawText(r, 12)), Email: storage.CleanText(drawText(r, 4))},
			Object: audit.Object{Type: "t", ID: fmt.Sprint(r.IntN(9)), Name: storage.CleanText(drawText(r, 20))},
		}
		entries, texts = append(entries, e), append(texts, e.Actor.Name, e.Actor.Email, e.Object.Name, "update")
	}
	return entries, texts
}

// wantSame compares all ways to read with what the filter means.
func wantSame(t *testing.T, store *gormstore.Store, all []audit.Entry, q audit.Query) {
	t.Helper()
	ctx := context.Background()
	var want []string
	for _, e := range all {
		if q.Match(e) {
			want = append(want, e.ID)
		}
	}
	slices.Sort(want)
	n, more, err := store.Count(ctx, q.Filter, 1<<20)
	require.NoError(t, err)
	require.False(t, more)
	require.Equal(t, len(want), n, "Count of %q", q.Keyword)
	var got []string
	for page := (&audit.Page{Next: ""}); ; {
		q.Cursor = page.Next
		page, err = store.Query(ctx, q)
		require.NoError(t, err, "%q", q.Keyword)
		for _, e := range page.Entries {
			got = append(got, e.ID)
		}
		if page.Next == "" {
			break
		}
	}
	slices.Sort(got)
	require.Equal(t, want, got, "pages of %q", q.Keyword)
	q.Cursor, got = "", nil
	for e, err := range store.All(ctx, q) {
		require.NoError(t, err)
		got = append(got, e.ID)
	}
	slices.Sort(got)
	require.Equal(t, want, got, "All of %q", q.Keyword)
}

func TestTheKeywordIndexChangesNoSearch(t *testing.T) {
	if testing.Short() {
		t.Skip("minutes under the race detector, for one goroutine")
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	store := indexed(t, openSQLite(t, nil))
	entries, texts := drawEntries(r, 400)
	require.NoError(t, store.Append(context.Background(), entries...))
	for i := range 300 {
		gormstore.Short(store, []int{5000, 3}[i%2]) // streams as a rule, or other plans where there are any
		f := audit.Filter{Keyword: drawKeyword(r, texts)}
		switch r.IntN(5) {
		case 0:
			f.Tenants = []string{"a"}
		case 1:
			f.Not = []audit.Filter{{Keyword: drawKeyword(r, texts)}}
		case 2:
			f = f.And(audit.Filter{Keyword: drawKeyword(r, texts)})
		case 3:
			f = f.And(audit.Filter{Tenants: []string{"a"}}).And(audit.Filter{Tenants: []string{"b", "a"}[:1+r.IntN(2)]})
		}
		sort := []audit.Sort{"", audit.SortTime, audit.SortUser, "-" + audit.SortObjectID}[r.IntN(4)]
		wantSame(t, store, entries, audit.Query{Filter: f, Sort: sort, Limit: 1 + r.IntN(60)})
	}
}

func TestTheKeywordIndexChangesNoFacets(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	db := openSQLite(t, nil)
	store, plain := indexed(t, db), migrated(t, db, nil)
	entries, texts := drawEntries(r, 200)
	ctx := context.Background()
	require.NoError(t, store.Append(ctx, entries...))
	for range 100 {
		f := audit.Filter{Tenants: []string{"a"}}.And(audit.Filter{Keyword: drawKeyword(r, texts)})
		want, err := plain.Facets(ctx, f)
		require.NoError(t, err)
		got, err := store.Facets(ctx, f)
		require.NoError(t, err)
		require.Equal(t, want, got, "%q", f.Terms())
	}
}

// Whatever is done to the entries, in whichever transaction, committed, rolled
// back or rolled back to a savepoint: the index agrees.
func TestTheKeywordIndexKeepsUp(t *testing.T) {
	if testing.Short() {
		t.Skip("minutes under the race detector, for one goroutine")
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 2))
	db := openSQLite(t, nil)
	store, plain := indexed(t, db), migrated(t, db, nil)
	pool, err := db.DB()
	require.NoError(t, err)
	ctx := context.Background()
	var all []audit.Entry
	var texts []string
	draw := func() []audit.Entry {
		e, s := drawEntries(r, 1+r.IntN(20))
		texts = append(texts, s...)
		return e
	}
	begin := func() *sql.Tx {
		tx, err := pool.BeginTx(ctx, nil)
		require.NoError(t, err)
		return tx
	}
	exec := func(tx *sql.Tx, query string, args ...any) {
		_, err := tx.Exec(query, args...)
		require.NoError(t, err)
	}
	steps := []func(){
		func() {
			e := draw()
			require.NoError(t, store.Append(ctx, e...))
			require.NoError(t, store.Append(ctx, e[:1]...), "again")
			all = append(all, e...)
		},
		func() {
			tx := begin()
			require.NoError(t, store.AppendTx(ctx, tx, draw()...))
			require.NoError(t, tx.Rollback())
		},
		func() {
			tx := begin()
			e := draw()
			require.NoError(t, store.AppendTx(ctx, tx, e...))
			exec(tx, "SAVEPOINT s")
			require.NoError(t, store.AppendTx(ctx, tx, draw()...))
			exec(tx, "DELETE FROM audit_entries WHERE seq % 3 = 0")
			exec(tx, "ROLLBACK TO s")
			require.NoError(t, tx.Commit())
			all = append(all, e...)
		},
		func() {
			n, err := store.Purge(ctx, audit.Filter{Tenants: []string{"a"}, To: start.Add(time.Duration(r.IntN(20)) * time.Microsecond)}, 1000)
			require.NoError(t, err)
			left := readAll(t, store)
			require.Len(t, left, len(all)-n)
			all = left
		},
		func() {
			if len(all) > 0 {
				require.NoError(t, store.Remove(ctx, all[len(all)-1].ID, all[0].ID))
				all = readAll(t, store)
			}
		},
		func() { // by a process that doesn't look for keywords
			_, err := plain.Purge(ctx, audit.Filter{Tenants: []string{"b"}}, r.IntN(10))
			require.NoError(t, err)
			all = readAll(t, store)
		},
		func() { // a place that is none of this database's
			require.NoError(t, db.Exec("UPDATE audit_entries_checkpoints SET position = 'sqlite:99999999', version = version + 1 WHERE name = 'gormstore/terms'").Error)
		},
		func() { checkIndex(t, db, store) },
	}
	for range 120 {
		steps[r.IntN(len(steps))]()
		if len(texts) > 0 && len(all) > 0 {
			wantSame(t, store, all, audit.Query{Filter: audit.Filter{Keyword: drawKeyword(r, texts)}, Limit: 100})
		}
	}
}

func readAll(t *testing.T, store *gormstore.Store) (all []audit.Entry) {
	t.Helper()
	for e, err := range store.All(context.Background(), audit.Query{}) {
		require.NoError(t, err)
		all = append(all, e)
	}
	return all
}

func TestTheKeywordIndexOfATableThatHasEntries(t *testing.T) {
	db := openSQLite(t, nil)
	ctx := context.Background()
	plain := migrated(t, db, nil)
	entries, texts := drawEntries(rand.New(rand.NewPCG(1, 3)), 700)
	require.NoError(t, plain.Append(ctx, entries[:500]...))

	early, err := gormstore.New(db, &gormstore.Options{KeywordIndex: true})
	require.NoError(t, err)
	_, err = early.Query(ctx, audit.Query{Filter: audit.Filter{Keyword: "update"}})
	require.ErrorIs(t, err, audit.ErrNotMigrated)
	assert.ErrorContains(t, err, "KeywordIndex")
	require.ErrorIs(t, early.Append(ctx, entries[500]), audit.ErrNotMigrated)

	store := migrated(t, db, &gormstore.Options{KeywordIndex: true})
	var n int
	require.NoError(t, db.Raw("SELECT state FROM audit_entries_checkpoints WHERE name = 'gormstore/terms'").Scan(&n).Error)
	require.Equal(t, 500, n, "Migrate reads all that there is")
	// What a store without the option appends is found too.
	require.NoError(t, plain.Append(ctx, entries[500:]...))
	require.NoError(t, plain.Migrate(ctx))
	for _, keyword := range []string{"update", "near", "nowhere", texts[0], texts[2]} {
		wantSame(t, store, entries, audit.Query{Filter: audit.Filter{Keyword: keyword}})
	}
	_, err = plain.Purge(ctx, audit.Filter{Tenants: []string{"a"}}, 10)
	require.NoError(t, err)
	checkIndex(t, db, store)
	wantSame(t, store, readAll(t, store), audit.Query{Filter: audit.Filter{Keyword: "update"}})
}

// A table in an attached database, under a name of its own.
func TestTheKeywordIndexOfAnAttachedTable(t *testing.T) {
	db := openSQLite(t, nil)
	pool, err := db.DB()
	require.NoError(t, err)
	pool.SetMaxOpenConns(1) // an attachment is of one connection
	require.NoError(t, db.Exec("ATTACH ':memory:' AS logs").Error)
	store := migrated(t, db, &gormstore.Options{Table: "logs.trail", KeywordIndex: true})
	entries, texts := drawEntries(rand.New(rand.NewPCG(1, 4)), 600)
	require.NoError(t, store.Append(context.Background(), entries...))
	for _, keyword := range []string{"update", "nowhere", texts[0], texts[2]} {
		wantSame(t, store, entries, audit.Query{Filter: audit.Filter{Keyword: keyword}})
	}
}
