package storage

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorm.io/driver/mysql"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/gormstore"
)

// storeOptions are those whose statements differ most.
var storeOptions = map[string]gormstore.Options{
	"one table":  {KeywordIndex: true},
	"by month":   {KeywordIndex: true, Partitions: gormstore.Monthly},
	"lean":       {Without: gormstore.Lean()},
	"in public":  {Schema: "public"},
	"named here": {Table: "public.audit_entries"},
}

// A host with one schema per tenant sets the search_path, and the path need not
// have the trail's schema in it.
func TestTenantSchemasWriteOneTrail(t *testing.T) {
	for name, opts := range storeOptions {
		for _, migrates := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, migrated here: %v", name, migrates), func(t *testing.T) {
				db := open(t, postgres.Open(dsnOf(createPostgres(t))))
				migrated(t, db, &opts)
				store, err := gormstore.New(db, &opts)
				require.NoError(t, err)
				if migrates {
					require.NoError(t, store.Migrate(context.Background()))
				}
				g, written := newGenerator(1), 0
				for _, tenant := range []string{"tenant_a", "tenant_b"} {
					require.NoError(t, db.Exec("CREATE SCHEMA "+tenant).Error)
					for _, set := range []string{"SET LOCAL search_path TO %s", "SET LOCAL search_path TO %s, public", "SET search_path TO %s"} {
						appendUnder(t, db, store, fmt.Sprintf(set, tenant), g.entries(3)...)
						written += 3
					}
				}
				assertCount(t, store, written)
				assertNoTables(t, db, "tenant_a", "tenant_b")
			})
		}
	}
}

// appendUnder appends in a transaction of which the first statement sets the
// path. The pool's connection keeps what SET has set.
func appendUnder(t *testing.T, db *gorm.DB, store *gormstore.Store, set string, entries ...audit.Entry) {
	t.Helper()
	tx := db.Begin()
	require.NoError(t, tx.Exec(set).Error)
	require.NoError(t, store.AppendTx(context.Background(), tx.Statement.ConnPool, entries...), set)
	require.NoError(t, tx.Commit().Error)
}

func assertCount(t *testing.T, store *gormstore.Store, want int) {
	t.Helper()
	n, _, err := store.Count(context.Background(), audit.Filter{}, 10_000)
	require.NoError(t, err)
	assert.Equal(t, want, n)
}

func assertNoTables(t *testing.T, db *gorm.DB, schemas ...string) {
	t.Helper()
	assert.Empty(t, texts(t, db, "SELECT nspname || '.' || relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE nspname IN ('"+strings.Join(schemas, "', '")+"')"))
}

// One connection is enough, also for a store that hasn't asked anything yet
// when the only one is in a transaction with a path of its own.
func TestTheFirstAppendFindsTheTablesOnTheOnlyConnection(t *testing.T) {
	db := open(t, createPostgres(t))
	migrated(t, db, nil)
	pool(t, db).SetMaxOpenConns(1)
	require.NoError(t, db.Exec("CREATE SCHEMA tenant_a").Error)
	store, err := gormstore.New(db, nil)
	require.NoError(t, err)
	appendUnder(t, db, store, "SET LOCAL search_path TO tenant_a", newGenerator(1).entries(3)...)
	assertCount(t, store, 3)
}

// Every method names the tables' schema, whatever the connection's path is, and
// Migrate makes nothing where the path leads.
func TestEveryMethodNamesTheSchema(t *testing.T) {
	for name, opts := range storeOptions {
		t.Run(name, func(t *testing.T) {
			d := createPostgres(t)
			db := open(t, postgres.New(postgres.Config{DSN: dsnOf(d)}))
			store := migrated(t, db, &opts)
			pool(t, db).SetMaxOpenConns(1) // so that each statement has the path
			require.NoError(t, db.Exec("CREATE SCHEMA tenant_a").Error)
			require.NoError(t, db.Exec("SET search_path TO tenant_a").Error)
			useEverything(t, store)
			require.NoError(t, store.Migrate(context.Background()))
			useEverything(t, migrated(t, db, &opts))
			assertNoTables(t, db, "tenant_a")
		})
	}
}

func useEverything(t *testing.T, store *gormstore.Store) {
	t.Helper()
	ctx := context.Background()
	old := newGenerator(2).entries(1200)
	for i := range old {
		old[i].Time = thisMonth().AddDate(0, -i%5, 0)
	}
	require.NoError(t, store.Append(ctx, old...))
	got, err := store.Get(ctx, old[7].ID)
	require.NoError(t, err)
	assert.Equal(t, old[7].Action, got.Action)
	for _, f := range []audit.Filter{{}, {Keyword: "zzz-none"}, {Tenants: []string{old[0].Tenant}, Keyword: old[0].Actor.Name}} {
		_, err := store.Query(ctx, audit.Query{Filter: f})
		require.NoError(t, err)
		_, err = store.Query(ctx, audit.Query{Filter: f, Sort: audit.SortUser})
		require.NoError(t, err)
	}
	for _, f := range []audit.Filter{{}, {Tenants: []string{old[0].Tenant}, Projects: []string{old[0].Project}}} {
		facets, err := store.Facets(ctx, f)
		require.NoError(t, err)
		assert.NotEmpty(t, facets.Actions)
	}
	_, err = store.Head(ctx)
	require.NoError(t, err)
	some, _, err := tailEntries(ctx, store, audit.Filter{}, "", 10)
	require.NoError(t, err)
	assert.Len(t, some, 10)
	n := 0
	for _, err := range store.All(ctx, audit.Query{}) {
		require.NoError(t, err)
		n++
	}
	assert.Equal(t, 1200, n)
	require.NoError(t, store.Refresh(ctx))
	require.NoError(t, store.Remove(ctx, old[3].ID))
	n, err = store.Purge(ctx, audit.Filter{To: time.Now().Add(time.Hour)}, 10_000)
	require.NoError(t, err)
	assert.Equal(t, 1199, n)
}

// The handle's own path may begin with another schema than the one that has the
// tables: what is there is used, and not made a second time.
func TestTablesBehindTheFirstSchemaOfThePath(t *testing.T) {
	d := createPostgres(t)
	migrated(t, open(t, postgres.Open(dsnOf(d))), nil)
	admin := open(t, postgres.Open(dsnOf(d)))
	require.NoError(t, admin.Exec("CREATE SCHEMA app").Error)
	db := open(t, postgres.Open(dsnOf(d)+"&search_path=app,public"))
	store := migrated(t, db, nil)
	useEverything(t, store)
	assertNoTables(t, db, "app")

	// A new trail is made where the path begins.
	other := migrated(t, db, &gormstore.Options{Table: "trail"})
	appendUnder(t, db, other, "SET LOCAL search_path TO public", newGenerator(1).entry())
	assert.NotEmpty(t, texts(t, db, "SELECT relname FROM pg_class WHERE oid = to_regclass('app.trail')"))
}

// A trail for each tenant needs a store for each.
func TestAStoreForEachSchema(t *testing.T) {
	db := open(t, createPostgres(t))
	var stores []*gormstore.Store
	for _, schema := range []string{"tenant_a", "Tenant-B", `we"ird.o'ne`} {
		require.NoError(t, db.Exec(`CREATE SCHEMA "`+strings.ReplaceAll(schema, `"`, `""`)+`"`).Error)
		stores = append(stores, migrated(t, db, &gormstore.Options{Schema: schema, KeywordIndex: true}))
	}
	for i, store := range stores {
		require.NoError(t, store.Append(context.Background(), newGenerator(1).entries(i+1)...))
	}
	for i, store := range stores {
		assertCount(t, store, i+1)
		_, err := store.Purge(context.Background(), audit.Filter{}, 100)
		require.NoError(t, err)
		useEverything(t, store)
	}
}

// A store without tables says so, and where they are if they are elsewhere.
func TestWithoutTablesTheErrorSaysWhere(t *testing.T) {
	db := open(t, createPostgres(t))
	require.NoError(t, db.Exec("CREATE SCHEMA hidden").Error)
	store, err := gormstore.New(db, nil)
	require.NoError(t, err)
	for _, where := range []string{"", "hidden"} {
		if where != "" {
			migrated(t, db, &gormstore.Options{Schema: where})
		}
		tx := db.Begin()
		require.NoError(t, tx.Exec("SET LOCAL search_path TO nowhere").Error)
		err = store.AppendTx(context.Background(), tx.Statement.ConnPool, newGenerator(1).entry())
		assert.ErrorIs(t, err, audit.ErrNotMigrated)
		assert.ErrorContains(t, err, "audit_entries")
		assert.ErrorContains(t, err, where)
		var one int
		require.NoError(t, tx.Raw("SELECT 1").Scan(&one).Error, "no statement has failed")
		require.NoError(t, tx.Rollback().Error)
		_, err = store.Query(context.Background(), audit.Query{})
		assert.ErrorIs(t, err, audit.ErrNotMigrated)
	}
	assert.ErrorContains(t, err, "Options.Schema")
	require.NoError(t, store.Migrate(context.Background()))
	appendUnder(t, db, store, "SET LOCAL search_path TO nowhere", newGenerator(1).entry())
	assertCount(t, store, 1)
}

// What a role lacks is said in the database's words, not as missing tables.
func TestAMissingRightIsNoMissingTable(t *testing.T) {
	d := createPostgres(t)
	db := open(t, d)
	require.NoError(t, db.Exec("CREATE SCHEMA trail").Error)
	migrated(t, db, &gormstore.Options{Schema: "trail"})
	role := "role_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	require.NoError(t, db.Exec("CREATE ROLE "+role+" LOGIN").Error)
	t.Cleanup(func() { assert.NoError(t, db.Exec("DROP OWNED BY "+role+"; DROP ROLE "+role).Error) })
	lesser := open(t, postgres.Open(strings.Replace(dsnOf(d), "postgres@", role+"@", 1)))
	store, err := gormstore.New(lesser, &gormstore.Options{Schema: "trail"})
	require.NoError(t, err)
	err = store.Append(context.Background(), newGenerator(1).entry())
	assert.ErrorContains(t, err, "permission denied")
	assert.NotErrorIs(t, err, audit.ErrNotMigrated)

	// Who only appends needs no more than this.
	require.NoError(t, db.Exec("GRANT USAGE ON SCHEMA trail TO "+role+"; GRANT SELECT ON trail.audit_entries_schema TO "+role+"; GRANT SELECT (id), INSERT ON trail.audit_entries TO "+role).Error)
	for i, schema := range []string{"trail", ""} {
		require.NoError(t, db.Exec("ALTER ROLE "+role+" SET search_path = trail").Error)
		fresh := open(t, postgres.Open(strings.Replace(dsnOf(d), "postgres@", role+"@", 1)))
		store, err = gormstore.New(fresh, &gormstore.Options{Schema: schema})
		require.NoError(t, err)
		appendUnder(t, fresh, store, "SET LOCAL search_path TO public", newGenerator(uint64(i+1)).entries(2)...)
	}
	again := open(t, postgres.Open(strings.Replace(dsnOf(d), "postgres@", role+"@", 1)))
	store, err = gormstore.New(again, &gormstore.Options{Schema: "trail"})
	require.NoError(t, err)
	assert.ErrorContains(t, store.Append(context.Background(), newGenerator(1).entries(2)...), "permission denied", "what is stored can't be compared")
	require.NoError(t, db.Exec("GRANT SELECT ON trail.audit_entries TO "+role).Error)
	assert.NoError(t, store.Append(context.Background(), newGenerator(1).entries(2)...))
}

// Prepared statements outlive a change of the path.
func TestSchemaWithPreparedStatements(t *testing.T) {
	d := createPostgres(t)
	db, err := gorm.Open(postgres.Open(dsnOf(d)), &gorm.Config{PrepareStmt: true, SkipDefaultTransaction: true})
	require.NoError(t, err)
	t.Cleanup(func() { _ = pool(t, db).Close() })
	pool(t, db).SetMaxOpenConns(1)
	store := migrated(t, db, nil)
	require.NoError(t, db.Exec("CREATE SCHEMA tenant_a").Error)
	g := newGenerator(1)
	for i := range 8 { // the driver keeps a plan from the sixth run on
		path := []string{"tenant_a", "tenant_a, public"}[i%2]
		appendUnder(t, db, store, "SET search_path TO "+path, g.entry())
	}
	assertCount(t, store, 8)
}

// A context that has ended is what the error tells, not missing tables.
func TestSchemaIsNotLookedForWithAnEndedContext(t *testing.T) {
	onEach(t, func(t *testing.T, s server) {
		db := open(t, s.create(t))
		migrated(t, db, nil)
		store, err := gormstore.New(db, nil)
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		for _, err := range []error{store.Append(ctx, newGenerator(1).entry()), store.AppendTx(ctx, pool(t, db), newGenerator(1).entry())} {
			assert.ErrorIs(t, err, context.Canceled)
			assert.NotErrorIs(t, err, audit.ErrNotMigrated)
		}
		assertCount(t, store, 0)
	})
}

// On MySQL and MariaDB a schema is a database, and USE chooses another one.
func TestTablesStayInTheStoresOwnDatabase(t *testing.T) {
	for _, migrates := range []bool{true, false} {
		d := createMySQL(t)
		_, other := newDatabase(t, "mysql", "AUDIT_MYSQL", defaultMySQL, "", "")
		db := open(t, mysql.Open(dsnOf(d)))
		migrated(t, db, nil)
		store, err := gormstore.New(db, nil)
		require.NoError(t, err)
		if migrates {
			require.NoError(t, store.Migrate(context.Background()))
		}
		conn, err := pool(t, db).Conn(context.Background())
		require.NoError(t, err)
		execOn(t, conn, "USE "+other, "BEGIN")
		require.NoError(t, store.AppendTx(context.Background(), conn, newGenerator(1).entries(3)...))
		execOn(t, conn, "COMMIT")
		require.NoError(t, conn.Close())
		assertCount(t, store, 3)

		pool(t, db).SetMaxOpenConns(1)
		require.NoError(t, store.Remove(context.Background(), ids(newGenerator(1).entries(3))...))
		require.NoError(t, db.Exec("USE "+other).Error)
		useEverything(t, store)
		require.NoError(t, store.Migrate(context.Background()))
		assert.Empty(t, texts(t, db, "SELECT table_name FROM information_schema.tables WHERE table_schema = '"+other+"'"))
	}
}

func execOn(t *testing.T, conn *sql.Conn, statements ...string) {
	t.Helper()
	for _, statement := range statements {
		_, err := conn.ExecContext(context.Background(), statement)
		require.NoError(t, err)
	}
}
