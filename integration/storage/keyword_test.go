package storage

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage"
	"github.com/gormtrail/audit/storage/gormstore"
	"github.com/gormtrail/audit/storage/storagetest"
)

var withKeywords = &gormstore.Options{KeywordIndex: true}

func TestConformsWithTheKeywordIndex(t *testing.T) {
	onEach(t, func(t *testing.T, s server) {
		db := open(t, s.create(t))
		storagetest.Run(t, func(t *testing.T) audit.Store {
			return migrated(t, db, &gormstore.Options{KeywordIndex: true, Table: "t_" + strings.ToLower(uuid.NewString()[:8])})
		})
	})
}

// letters are what texts are drawn from: signs that mean something to LIKE or to
// the store's own marks, letters that fold into others, whose small form depends
// on the next letter, that need four bytes, that combine, that are none.
var letters = []rune("aAbBcdIJ019 \"'%_\\*-(){}[]&.,@\t\n\u001d\u001e\u001f\u007fäÄßẞſkK\u212aΣσςÅ\u212bIiİıĮį\u0300é\u0301\u0307Įıـ한日本😀😁\ufffd\ufffe\uffff\U0010ffff\u200b")

func drawText(r *rand.Rand, most int) string {
	text := make([]rune, r.IntN(most+1))
	few := r.IntN(2) == 0 // words, in which the index has something to find
	for i := range text {
		text[i] = letters[r.IntN(len(letters))]
		if few {
			text[i] = []rune("abcdeIIJÄΣĮ\u0307\u0307\u0300%")[r.IntN(15)]
		}
	}
	return storage.CleanText(string(text))
}

func drawKeyword(r *rand.Rand, entries []audit.Entry) string {
	text := []rune(entries[r.IntN(len(entries))].Object.Name)
	if len(text) < 4 || r.IntN(8) == 0 {
		return drawText(r, 5)
	}
	at := r.IntN(len(text) - 3)
	piece := string(text[at:min(len(text), at+4+r.IntN(5))])
	switch r.IntN(3) {
	case 0:
		return strings.ToUpper(piece)
	case 1:
		return strings.ToLower(piece)
	}
	return piece
}

// TestKeywordsOfEveryLocale compares what PostgreSQL finds with what a
// filter means, in databases whose letters differ: by the C library, none outside
// of ASCII, and, from PostgreSQL 18 on, by Turkish and Greek rules that look at
// the letters around.
func TestKeywordsOfEveryLocale(t *testing.T) {
	for name, locale := range map[string]string{
		"C.UTF-8": "LOCALE 'C.UTF-8'",
		"C":       "LOCALE 'C'",
		"Turkish": "LOCALE 'C.UTF-8' LOCALE_PROVIDER icu ICU_LOCALE 'tr-TR'",
		"Greek":   "LOCALE 'C.UTF-8' LOCALE_PROVIDER icu ICU_LOCALE 'el-GR'",
	} {
		t.Run(name, func(t *testing.T) {
			admin := open(t, createPostgres(t))
			db := openLocale(t, admin, locale)
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			r := rand.New(rand.NewPCG(seed, 1))
			store := migrated(t, db, withKeywords)
			entries := make([]audit.Entry, 5000)
			for i := range entries {
				entries[i] = audit.Entry{
					ID: uuid.NewString(), Time: began.Add(time.Duration(r.IntN(50)) * time.Microsecond), Tenant: []string{"a", "a", "a", "b"}[r.IntN(4)],
					Actor: audit.Actor{Name: drawText(r, 4)}, Object: audit.Object{Type: "t", ID: fmt.Sprint(r.IntN(9)), Name: drawText(r, 14)},
				}
			}
			require.NoError(t, store.Append(context.Background(), entries...))
			for range 120 {
				f := audit.Filter{Keyword: drawKeyword(r, entries)}
				switch r.IntN(4) {
				case 0:
					f.Tenants = []string{"a"}
				case 1:
					f.Not = []audit.Filter{{Keyword: drawKeyword(r, entries)}}
				}
				sort := []audit.Sort{"", audit.SortTime, audit.SortUser, "-" + audit.SortObjectID}[r.IntN(4)]
				wantSame(t, store, entries, audit.Query{Filter: f, Sort: sort, Limit: 300})
			}
		})
	}
}

func openLocale(t *testing.T, admin *gorm.DB, locale string) *gorm.DB {
	name := "audit_storage_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	require.NoError(t, admin.Exec("CREATE DATABASE "+name+" TEMPLATE template0 ENCODING 'UTF8' "+locale).Error)
	t.Cleanup(func() { require.NoError(t, admin.Exec("DROP DATABASE "+name+" WITH (FORCE)").Error) })
	d := *admin.Dialector.(*postgres.Dialector)
	dsn := strings.Replace(d.DSN, admin.Migrator().CurrentDatabase(), name, 1)
	return open(t, postgres.Open(dsn))
}

// wantSame compares a page, All and Count with what the filter means.
func wantSame(t *testing.T, store *gormstore.Store, all []audit.Entry, q audit.Query) {
	t.Helper()
	ctx := context.Background()
	var want, got []string
	for _, e := range all {
		if q.Match(e) {
			want = append(want, e.ID)
		}
	}
	slices.Sort(want)
	n, _, err := store.Count(ctx, q.Filter, 1<<20)
	require.NoError(t, err)
	require.Equal(t, len(want), n, "Count of %q", q.Keyword)
	for {
		page, err := store.Query(ctx, q)
		require.NoError(t, err, "%q", q.Keyword)
		for _, e := range page.Entries {
			got = append(got, e.ID)
		}
		if q.Cursor = page.Next; q.Cursor == "" {
			break
		}
	}
	slices.Sort(got)
	require.Equal(t, want, got, "pages of %q", q.Keyword)
	got = nil
	for e, err := range store.All(ctx, q) {
		require.NoError(t, err)
		got = append(got, e.ID)
	}
	slices.Sort(got)
	require.Equal(t, want, got, "All of %q", q.Keyword)
}

func TestPostgresWithoutTheRightToItsExtension(t *testing.T) {
	owner := open(t, createPostgres(t))
	role := "audit_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	require.NoError(t, owner.Exec("CREATE ROLE "+role+" LOGIN").Error)
	require.NoError(t, owner.Exec("CREATE SCHEMA mine AUTHORIZATION "+role).Error)
	t.Cleanup(func() {
		assert.NoError(t, owner.Exec("DROP OWNED BY "+role+" CASCADE").Error)
		assert.NoError(t, owner.Exec("DROP ROLE "+role).Error)
	})
	dsn := strings.Replace(owner.Dialector.(*postgres.Dialector).DSN, "postgres@", role+"@", 1)
	db := open(t, postgres.Open(dsn))
	opts := &gormstore.Options{Table: "mine.entries", KeywordIndex: true}
	store, err := gormstore.New(db, opts)
	require.NoError(t, err)
	ctx := context.Background()
	err = store.Migrate(ctx)
	require.ErrorIs(t, err, gormstore.ErrNoKeywordIndex)
	assert.ErrorContains(t, err, "CREATE EXTENSION pg_trgm")
	var tables int
	require.NoError(t, owner.Raw("SELECT count(*) FROM pg_class WHERE relnamespace = 'mine'::regnamespace").Scan(&tables).Error)
	require.Zero(t, tables, "half done")
	_, err = store.Query(ctx, audit.Query{})
	require.ErrorIs(t, err, audit.ErrNotMigrated)

	// What the error says to do, in a schema that isn't on the search path.
	require.NoError(t, owner.Exec("CREATE SCHEMA extensions").Error)
	require.NoError(t, owner.Exec("CREATE EXTENSION pg_trgm SCHEMA extensions").Error)
	require.NoError(t, owner.Exec("GRANT USAGE ON SCHEMA extensions TO "+role).Error)
	require.NoError(t, store.Migrate(ctx))
	require.NoError(t, store.Migrate(ctx))
	entries := newGenerator(1).entries(3000)
	require.NoError(t, store.Append(ctx, entries...))
	wantSame(t, store, entries, audit.Query{Filter: audit.Filter{Keyword: "user499"}})
}

func TestTheKeywordIndexOfMonths(t *testing.T) {
	db := open(t, createPostgres(t))
	store := migrated(t, db, &gormstore.Options{KeywordIndex: true, Partitions: gormstore.Monthly})
	entries := newSpread(1, 5000, 6).entries(5000)
	ctx := context.Background()
	require.NoError(t, store.Append(ctx, entries...))
	for _, keyword := range []string{"user499", "object 777", "no such words", "example"} {
		for _, sort := range []audit.Sort{"", audit.SortUser} {
			wantSame(t, store, entries, audit.Query{Filter: audit.Filter{Keyword: keyword}, Sort: sort})
		}
		wantSame(t, store, entries, audit.Query{Filter: audit.Filter{Keyword: keyword, Tenants: []string{tenantName(0)}}, Limit: 3})
	}
	checkTexts(t, db, store)
	// Whole months are dropped as tables, and a part of one row by row.
	to := entries[len(entries)/2].Time
	_, err := store.Purge(ctx, audit.Filter{To: to}, len(entries))
	require.NoError(t, err)
	left := slices.DeleteFunc(slices.Clone(entries), func(e audit.Entry) bool { return e.Time.Before(to) })
	checkTexts(t, db, store)
	wantSame(t, store, left, audit.Query{Filter: audit.Filter{Keyword: "object 777"}})
}

// checkTexts looks whether each entry's texts are kept, with its tenant, and none that
// lies in no entry.
func checkTexts(t *testing.T, db *gorm.DB, store *gormstore.Store) {
	t.Helper()
	require.NoError(t, store.Refresh(context.Background()))
	position := map[string]string{"postgres": "strpos", "sqlite": "instr"}[db.Name()]
	for _, column := range []string{"actor_user", "object_key", "action"} {
		same := " o.tenant = e.tenant AND x.value = e." + column + " AND " + position + "(e.search, x.search) > 0"
		texts := "audit_entries_terms x LEFT JOIN audit_entries_terms_of o ON o.id = x.id"
		for what, query := range map[string]string{
			"not kept":    "SELECT count(*) FROM audit_entries e WHERE NOT EXISTS (SELECT 1 FROM " + texts + " WHERE x.kind = '" + column + "' AND " + same + ")",
			"of no entry": "SELECT count(*) FROM " + texts + " WHERE x.kind = '" + column + "' AND NOT EXISTS (SELECT 1 FROM audit_entries e WHERE" + same + ")",
		} {
			var n int
			require.NoError(t, db.Raw(query).Scan(&n).Error)
			require.Zero(t, n, "%s texts %s", column, what)
		}
	}
}

// Whoever writes, rolls back, purges, searches and refreshes at the same time, by
// whichever process: what is searched for is found as soon as it is committed, and at
// the end the texts are those of the entries.
func TestTextsUnderConcurrentUse(t *testing.T) {
	for _, s := range servers[:2] {
		t.Run(s.name, func(t *testing.T) {
			db := open(t, s.create(t))
			stores := []*gormstore.Store{migrated(t, db, withKeywords), migrated(t, db, withKeywords), migrated(t, db, nil)}
			ctx := context.Background()
			// So many that the index is asked, and old ones to be purged.
			require.NoError(t, stores[0].Append(ctx, newGenerator(1).entries(3000)...))
			ended := make(chan error)
			for w := range 6 {
				go func() { ended <- useTexts(ctx, db, stores[w%3], w) }()
			}
			for range 6 {
				assert.NoError(t, <-ended)
			}
			checkTexts(t, db, stores[0])
		})
	}
}

// useTexts is one worker of TestTextsUnderConcurrentUse, which has names of its own and
// names that the others have too.
func useTexts(ctx context.Context, db *gorm.DB, store *gormstore.Store, worker int) error {
	r := rand.New(rand.NewPCG(uint64(worker), 9))
	g := newGenerator(uint64(worker) + 2)
	for i := range 25 {
		own := fmt.Sprintf("worker %d wrote %02d", worker, i)
		entries := g.entries(5)
		for j := range entries {
			entries[j].Object.Name, entries[j].Object.ID = own, fmt.Sprint(j)
			entries[j].Actor.Name = fmt.Sprintf("somebody %d", r.IntN(3))
		}
		rollback := r.IntN(4) == 0
		tx := db.Begin()
		if err := store.AppendTx(ctx, tx.Statement.ConnPool, entries...); err != nil {
			return errors.Join(err, tx.Rollback().Error)
		}
		end := tx.Commit
		if rollback {
			end = tx.Rollback
		}
		if err := end().Error; err != nil {
			return err
		}
		want := len(entries)
		if rollback {
			want = 0
		}
		if n, _, err := store.Count(ctx, audit.Filter{Keyword: own}, 100); err != nil || n != want {
			return errors.Join(err, fmt.Errorf("%s: %d of %d are found", own, n, want))
		}
		switch r.IntN(4) {
		case 0:
			if _, err := store.Purge(ctx, audit.Filter{Keyword: fmt.Sprintf("worker %d wrote %02d", worker, r.IntN(i+1))}, 1+r.IntN(5)); err != nil {
				return err
			}
		case 1:
			if _, err := store.Purge(ctx, audit.Filter{Not: []audit.Filter{{Keyword: "worker"}}}, r.IntN(100)); err != nil {
				return err
			}
		case 2:
			if err := store.Refresh(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}
