package storage

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorm.io/driver/mysql"
	"gorm.io/driver/postgres"
	cgosqlite "gorm.io/driver/sqlite"
	"gorm.io/gorm"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/gormstore"
)

// Hosts open their databases in many ways: without prepared statements behind a
// pooler, in another zone, in an old character set, with another driver. What is
// stored and found is the same.
func TestWaysToOpen(t *testing.T) {
	for name, dialector := range map[string]func(t *testing.T) gorm.Dialector{
		"postgres, simple protocol": func(t *testing.T) gorm.Dialector {
			return postgres.New(postgres.Config{DSN: dsnOf(createPostgres(t)), PreferSimpleProtocol: true})
		},
		"postgres, another zone and locale": func(t *testing.T) gorm.Dialector {
			return postgres.Open(dsnOf(createPostgres(t)) + "&TimeZone=Asia/Tokyo&datestyle=German,DMY&intervalstyle=sql_standard")
		},
		"mysql, interpolated, parsed times, utf8mb3": func(t *testing.T) gorm.Dialector {
			return mysql.Open(dsnOf(createMySQL(t)) + "?interpolateParams=true&parseTime=true&loc=Asia%2FTokyo&charset=utf8")
		},
		"mysql, latin1 and ANSI": func(t *testing.T) gorm.Dialector {
			return mysql.Open(dsnOf(createMySQL(t)) + "?charset=latin1&sql_mode=%27ANSI%2CNO_BACKSLASH_ESCAPES%2CSTRICT_ALL_TABLES%27")
		},
		"sqlite, the driver in C": func(t *testing.T) gorm.Dialector {
			path, _, _ := strings.Cut(dsnOf(createSQLite(t)), "?")
			return cgosqlite.Open(path + "?_journal_mode=WAL&_busy_timeout=30000&_loc=auto")
		},
	} {
		t.Run(name, func(t *testing.T) { storesAndFinds(t, dialector(t)) })
	}
}

// The table may be in a schema of its own: another database to MySQL, an
// attached one to SQLite.
func TestTableInASchema(t *testing.T) {
	onEach(t, func(t *testing.T, s server) {
		d := s.create(t)
		db := open(t, d)
		if s.name == "sqlite" {
			// Attaching is a connection's, so there is one, and the file is the host's.
			pool(t, db).SetMaxOpenConns(1)
			require.NoError(t, db.Exec("ATTACH ? AS trail", filepath.Join(t.TempDir(), "trail.db")).Error)
			storesAndFindsIn(t, db, &gormstore.Options{Table: "trail.entries"})
			return
		}
		schema := "trail"
		if s.name == "mysql" {
			_, schema = newDatabase(t, "mysql", "AUDIT_MYSQL", defaultMySQL, "", "")
		} else {
			require.NoError(t, db.Exec("CREATE SCHEMA trail").Error)
		}
		storesAndFindsIn(t, db, &gormstore.Options{Table: schema + ".entries"})
	})
}

func storesAndFinds(t *testing.T, d gorm.Dialector) {
	db, err := gorm.Open(d, &gorm.Config{})
	if err != nil && strings.Contains(err.Error(), "requires cgo") {
		t.Skip("this driver needs cgo")
	}
	require.NoError(t, err)
	t.Cleanup(func() { _ = pool(t, db).Close() })
	storesAndFindsIn(t, db, nil)
}

func storesAndFindsIn(t *testing.T, db *gorm.DB, opts *gormstore.Options) {
	store := migrated(t, db, opts)
	ctx := context.Background()
	entries := newGenerator(1).entries(150)
	odd := &entries[0]
	odd.Time = time.Date(1, 1, 1, 0, 0, 0, 1000, time.UTC)
	odd.Tenant, odd.Actor.Name, odd.Object.Name = "ключ 😀 ", `O'Brien \ "x" 名`, "trailing blank "
	odd.Changes = []audit.Change{{Field: "a", Op: audit.OpReplace, Old: "nul \x00", New: strings.Repeat("é😀", 300_000)}}
	entries[1].Time = time.Date(9999, 12, 31, 23, 59, 59, 999_999_000, time.UTC)
	require.NoError(t, store.Append(ctx, entries...))
	require.NoError(t, store.Append(ctx, *odd), "a single row goes another way on PostgreSQL")

	got, err := store.Get(ctx, odd.ID)
	require.NoError(t, err)
	assert.Equal(t, *odd, got)
	for name, f := range map[string]audit.Filter{
		"tenant":      {Tenants: []string{odd.Tenant}},
		"keyword":     {Keyword: "o'brien \\ \"X\" 名"},
		"object name": {Keyword: "BLANK "},
		"early":       {To: time.Date(1, 1, 1, 0, 0, 1, 0, time.UTC)},
	} {
		page, err := store.Query(ctx, audit.Query{Filter: f})
		require.NoError(t, err, name)
		if assert.Len(t, page.Entries, 1, name) {
			assert.Equal(t, odd.ID, page.Entries[0].ID, name)
		}
	}
	none, err := store.Query(ctx, audit.Query{Filter: audit.Filter{Tenants: []string{strings.TrimSpace(odd.Tenant)}}})
	require.NoError(t, err)
	assert.Empty(t, none.Entries, "a blank at the end is a difference")
	for _, sort := range []audit.Sort{audit.Newest, audit.SortUser, "-record"} {
		page, err := store.Query(ctx, audit.Query{Sort: sort, Limit: 1000})
		require.NoError(t, err)
		assert.Len(t, page.Entries, len(entries))
	}
	list, _, err := tailEntries(ctx, store, audit.Filter{}, "", 1000)
	require.NoError(t, err)
	assert.Equal(t, entries, list)
	facets, err := store.Facets(ctx, audit.Filter{Projects: []string{"project-1"}})
	require.NoError(t, err)
	assert.Equal(t, []string{"project-1"}, facets.Projects)
}
