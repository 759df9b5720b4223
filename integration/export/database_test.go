package export_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/glebarez/sqlite"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/export"
	"github.com/gormtrail/audit/storage/gormstore"
)

const postgresServer = "postgres://postgres@127.0.0.1:5432/DATABASE?sslmode=disable"

// postgresURL is a server's address, "DATABASE" in the place of the name.
func postgresURL() string {
	if s := os.Getenv("AUDIT_POSTGRES"); s != "" {
		return s
	}
	return postgresServer
}

// newPostgres makes a database of its own, dropped at the test's end.
func newPostgres(t testing.TB) string {
	t.Helper()
	admin, err := sql.Open("pgx", strings.Replace(postgresURL(), "DATABASE", "postgres", 1))
	if err == nil {
		err = admin.Ping()
	}
	if err != nil {
		missing(t, "no PostgreSQL; set AUDIT_POSTGRES to run this (%v)", err)
	}
	name := "audit_export_" + strings.ToLower(rand.Text())
	_, err = admin.Exec("CREATE DATABASE " + name)
	require.NoError(t, err)
	t.Cleanup(func() {
		_, err := admin.Exec("DROP DATABASE " + name + " WITH (FORCE)")
		assert.NoError(t, err)
		assert.NoError(t, admin.Close())
	})
	return strings.Replace(postgresURL(), "DATABASE", name, 1)
}

func newSQLite(t testing.TB) string { return filepath.Join(t.TempDir(), "trail.db") }

func openSQLite(path string) gorm.Dialector {
	return sqlite.Open(path + "?_pragma=busy_timeout(30000)&_pragma=journal_mode(WAL)&_pragma=synchronous(OFF)")
}

// openTrail opens a trail in a database.
func openTrail(dialector gorm.Dialector) (*audit.Trail, *sql.DB, error) {
	db, err := gorm.Open(dialector, &gorm.Config{Logger: logger.Discard})
	if err != nil {
		return nil, nil, err
	}
	store, err := gormstore.New(db, nil)
	if err != nil {
		return nil, nil, err
	}
	if err := store.Migrate(context.Background()); err != nil {
		return nil, nil, err
	}
	trail, err := audit.New(store, nil)
	if err != nil {
		return nil, nil, err
	}
	pool, err := db.DB()
	return trail, pool, err
}

func onEach(t *testing.T, run func(t *testing.T, trail *audit.Trail)) {
	for name, open := range map[string]func(t *testing.T) gorm.Dialector{
		"sqlite":   func(t *testing.T) gorm.Dialector { return openSQLite(newSQLite(t)) },
		"postgres": func(t *testing.T) gorm.Dialector { return postgres.Open(newPostgres(t)) },
	} {
		t.Run(name, func(t *testing.T) {
			trail, pool, err := openTrail(open(t))
			require.NoError(t, err)
			t.Cleanup(func() { assert.NoError(t, pool.Close()) })
			run(t, trail)
		})
	}
}

// sample are entries as a business makes them: the nth is always the same.
func sample(n int) audit.Entry {
	users := []string{"john.doe@example.com", "jane.roe@example.com", "li.wei@example.com", "noor@example.com", "sam.lee@example.com"}
	actions := []string{audit.ActionUpdate, audit.ActionUpdate, audit.ActionCreate, audit.ActionDestroy, "login"}
	types := []string{"users", "api_keys", "projects", "security_groups"}
	user := users[n%len(users)]
	return audit.Entry{
		ID: fmt.Sprintf("01900000-0000-7000-8000-%012x", n), Time: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(n) * 1_234_567 * time.Microsecond),
		Tenant: "acme", Action: actions[n%len(actions)], Outcome: audit.Success,
		Actor:   audit.Actor{Type: "user", ID: fmt.Sprint(n % len(users)), Name: strings.Split(user, "@")[0], Email: user},
		Object:  audit.Object{Type: types[n%len(types)], ID: fmt.Sprint(n % 50_000), Name: fmt.Sprintf("Object %d", n%50_000)},
		Request: audit.Request{IP: fmt.Sprintf("192.0.2.%d", n%250), UserAgent: "Mozilla/5.0", ID: fmt.Sprintf("req-%d", n), Method: "PATCH", Path: "/objects"},
		Changes: []audit.Change{
			{Field: "name", Op: audit.OpReplace, Old: fmt.Sprintf("Old name %d", n), New: fmt.Sprintf("New name, %d", n)},
			{Field: "updated_by", Op: audit.OpReplace, Old: int64(n), New: int64(n + 1)},
		},
	}
}

func samples(from, to int) []audit.Entry {
	list := make([]audit.Entry, 0, to-from)
	for n := from; n < to; n++ {
		list = append(list, sample(n))
	}
	return list
}

// An export has the rows of the pages with the same query, in their order.
func TestAnExportHasThePagesRowsInTheirOrder(t *testing.T) {
	onEach(t, func(t *testing.T, trail *audit.Trail) {
		ctx := context.Background()
		require.NoError(t, trail.Record(ctx, samples(0, 3000)...))
		columns, err := export.Columns("entry")
		require.NoError(t, err)
		for _, sort := range []audit.Sort{"", "time", "type", "-record", "action", "-user", "ip"} {
			q := audit.Query{Sort: sort, Limit: 700, Filter: audit.Filter{Actions: []string{audit.ActionUpdate, "login"}, Not: []audit.Filter{{Users: []string{"noor@example.com"}}}}}
			var buf bytes.Buffer
			require.NoError(t, export.Write(ctx, &buf, export.CSV, trail, q, &export.Options{Columns: columns}))
			records, err := csv.NewReader(&buf).ReadAll()
			require.NoError(t, err)
			var want, got []string
			for {
				page, err := trail.Query(ctx, q)
				require.NoError(t, err)
				for _, e := range page.Entries {
					want = append(want, e.ID)
				}
				if q.Cursor = page.Next; q.Cursor == "" {
					break
				}
			}
			for _, record := range records[1:] {
				got = append(got, record[0])
			}
			require.NotEmpty(t, want)
			assert.Equal(t, want, got, sort)
		}
	})
}

// What is written while an export runs is not in it: one snapshot.
func TestAnExportIsOneSnapshot(t *testing.T) {
	onEach(t, func(t *testing.T, trail *audit.Trail) {
		ctx := context.Background()
		require.NoError(t, trail.Record(ctx, samples(0, 3000)...))
		next := 3000
		var buf bytes.Buffer
		require.NoError(t, export.Write(ctx, &buf, export.JSONLines, trail, audit.Query{Sort: "time"}, &export.Options{Progress: func(done, total int) {
			assert.Equal(t, 3000, total)
			if done > 0 {
				assert.NoError(t, trail.Record(ctx, sample(next)))
				next++
			}
		}}))
		assert.Greater(t, next, 3001)
		n := 0
		for e, err := range export.ReadJSONLines(&buf) {
			require.NoError(t, err)
			require.Equal(t, sample(n).ID, e.ID)
			n++
		}
		assert.Equal(t, 3000, n)
	})
}

// What the benchmark compares CSV with does the same work.
func TestTheLoopByHandMakesTheSameFile(t *testing.T) {
	ctx := context.Background()
	for name, db := range map[string]string{"sqlite": newSQLite(t), "postgres": newPostgres(t)} {
		dialector := openSQLite(db)
		if name == "postgres" {
			dialector = postgres.Open(db)
		}
		trail, pool, err := openTrail(dialector)
		require.NoError(t, err)
		defer pool.Close()
		require.NoError(t, trail.Record(ctx, samples(0, 2000)...))
		var ours, theirs bytes.Buffer
		require.NoError(t, jobs["csv"](ctx, &ours, trail, pool))
		require.NoError(t, jobs["hand-loop"](ctx, &theirs, trail, pool))
		require.Equal(t, theirs.String(), ours.String(), name)
	}
}
