package hooks_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gorm.io/driver/mysql"
	"gorm.io/gorm"
)

func mariaCatalog(t *testing.T, ddl ...string) *catalogued {
	t.Helper()
	return newCatalogued(t, mysql.Open(mariaDatabase(t)), ddl...)
}

func TestColumnsOfMariaDB(t *testing.T) {
	c := mariaCatalog(t, "CREATE TABLE t (id int AUTO_INCREMENT PRIMARY KEY, n int, hidden int INVISIBLE DEFAULT 1, s int AS (n + 1) STORED, v int AS (n + 2) VIRTUAL INVISIBLE, at timestamp DEFAULT now() ON UPDATE now())")
	require.Equal(t, []string{"id auto", "n", "hidden invisible", "s generated", "v generated invisible", "at"}, c.read("t").Columns)
}

func TestKeysOfMariaDB(t *testing.T) {
	c := mariaCatalog(t, "CREATE TABLE t (b int, a int, body text, code varchar(50) COLLATE utf8mb4_general_ci, n int, PRIMARY KEY (b, a), UNIQUE k1 (code, n), UNIQUE k2 (body(10)), UNIQUE k3 (body) USING HASH, KEY k4 (n))")
	got := c.read("t")
	require.Equal(t, []string{"b", "a"}, got.Key)
	require.Equal(t, []string{"PRIMARY(b,a) plain", "k1(code,n) plain", "k2(body)", "k3(body) plain"}, got.Uniques)
}

func TestKeysOfMariaDBWithPeriods(t *testing.T) {
	c := mariaCatalog(t, "CREATE TABLE t (id int, s date, e date, x date, y date, PERIOD FOR p (s, e), PRIMARY KEY (id, p WITHOUT OVERLAPS), UNIQUE `k (1)` (y, p WITHOUT OVERLAPS), UNIQUE z (id, x, y))")
	require.Equal(t, []string{"PRIMARY(id,e,s)", "k (1)(y,e,s)", "z(id,x,y) plain"}, c.read("t").Uniques)
}

func TestKindsOfMariaDBTables(t *testing.T) {
	c := mariaCatalog(t, "CREATE TABLE plain (id int PRIMARY KEY)", "CREATE VIEW seen AS SELECT * FROM plain",
		"CREATE TABLE versions (id int PRIMARY KEY, n int) WITH SYSTEM VERSIONING",
		`CREATE TABLE periods (id int, code varchar(10) UNIQUE, began timestamp(6) GENERATED ALWAYS AS ROW START, ended timestamp(6) GENERATED ALWAYS AS ROW END,
			PRIMARY KEY (id, ended), PERIOD FOR SYSTEM_TIME (began, ended)) WITH SYSTEM VERSIONING`)
	require.Equal(t, "", c.read("plain").Is)
	require.Equal(t, "view", c.read("seen").Is)
	require.Equal(t, "versioned", c.read("versions").Is)
	got := c.read("periods")
	require.Equal(t, "versioned", got.Is)
	require.Equal(t, []string{"id"}, got.Key)
	require.Equal(t, []string{"id", "code", "began generated", "ended generated"}, got.Columns)
	require.Equal(t, []string{"PRIMARY(id) plain", "code(code) plain"}, got.Uniques)
}

func TestSequencesOfMariaDBAreNotCapturedByRow(t *testing.T) {
	c := mariaCatalog(t, "CREATE SEQUENCE s")
	require.NoError(t, c.db.Exec("SELECT NEXT VALUE FOR s").Error)
	_ = c.db.Table("s").Create(map[string]any{"next_not_cached_value": 9, "minimum_value": 1, "maximum_value": 100, "start_value": 1, "increment": 1, "cache_size": 0, "cycle_option": 0, "cycle_count": 0}).Error
	require.Equal(t, "view", c.reads.last().Is)
}

func TestJSONColumnsOfMariaDB(t *testing.T) {
	c := mariaCatalog(t, "CREATE TABLE t (id int PRIMARY KEY, j json, `a``b` json, other longtext)")
	require.NoError(t, c.db.Table("t").Create(map[string]any{"id": 1, "j": `{"a":1}`, "a`b": `[1]`, "other": `{"a":1}`}).Error)
	require.NoError(t, c.db.Table("t").Where("id = 1").Updates(map[string]any{"j": `{"a":2}`, "a`b": `[2]`, "other": `{"a":2}`}).Error)
	require.Equal(t, []string{"j.a", "a`b[0]", "other"}, c.lastFields())
}

func TestGeometriesOfMariaDBAreBytes(t *testing.T) {
	c := mariaCatalog(t, "CREATE TABLE t (id int PRIMARY KEY, p point, g geometry)")
	require.NoError(t, c.db.Exec("INSERT INTO t VALUES (1, ST_GeomFromText('POINT(0 0)'), ST_GeomFromText('LINESTRING(0 0, 1 1)'))").Error)
	require.NoError(t, c.db.Table("t").Where("id = 1").Delete(nil).Error)
	require.Equal(t, "AAAAAAEBAAAAAAAAAAAAAAAAAAAAAAAAAA==", c.lastEntry().Changes[1].Old)
	require.True(t, strings.HasPrefix(fmt.Sprint(c.lastEntry().Changes[2].Old), "AAAAAAECAAAA"))
}

// The catalog lists the table that a temporary one hides.
func TestTemporaryTableOfMariaDBHidesAnother(t *testing.T) {
	c := mariaCatalog(t, "CREATE TABLE items (id int PRIMARY KEY)")
	create := func(db *gorm.DB, id int) {
		require.NoError(t, db.Table("items").Create(map[string]any{"id": id}).Error)
	}
	create(c.db, 1)
	require.NoError(t, c.db.Transaction(func(tx *gorm.DB) error {
		require.NoError(t, tx.Exec("CREATE TEMPORARY TABLE IF NOT EXISTS items (id int, n int)").Error)
		create(tx, 2)
		require.NoError(t, tx.Exec("DROP TEMPORARY TABLE items").Error)
		create(tx, 3)
		return nil
	}))
	require.Equal(t, []string{"create items 1", "execute items ", "create items 3"}, c.objects())
}

// One database per tenant, by USE.
func TestATableIsOfTheDatabaseInUse(t *testing.T) {
	dsn, other := mariaDatabase(t), mariaDatabase(t)
	c := newCatalogued(t, mysql.Open(dsn), "CREATE TABLE items (id int PRIMARY KEY)")
	_, err := another(t, "mysql", other).Exec("CREATE TABLE items (code varchar(10) PRIMARY KEY, n int)")
	require.NoError(t, err)
	require.Equal(t, []string{"id"}, c.read("items").Key)
	onOneConnection(t, c.db, func(tx *gorm.DB) {
		require.NoError(t, tx.Exec("USE "+schemaIn(other)).Error)
		got := c.readIn(tx, "items")
		require.Equal(t, []string{"code"}, got.Key)
		require.Equal(t, schemaIn(other)+".items", got.Object)
		require.NoError(t, tx.Exec("USE "+schemaIn(dsn)).Error)
		require.Equal(t, "items", c.readIn(tx, "items").Object)
	})
}

// oddTables are tables that refer to each other in every way, under names that
// files can't have as they are.
var oddTables = []string{
	"CREATE TABLE `parents` (id int PRIMARY KEY, a int, b int, UNIQUE (b, a))",
	"CREATE TABLE `Parents` (id int PRIMARY KEY)",
	"CREATE TABLE `pär-ents.X` (id int PRIMARY KEY)",
	"CREATE TABLE `par/ents` (id int PRIMARY KEY)",
	"CREATE TABLE `日本 \"1\"` (id int PRIMARY KEY)",
	"CREATE TABLE k1 (x int, y int, CONSTRAINT `odd-name.é` FOREIGN KEY (y, x) REFERENCES parents (b, a) ON DELETE CASCADE ON UPDATE SET NULL)",
	"CREATE TABLE K1 (x int REFERENCES `Parents` (id) ON DELETE CASCADE)",
	"CREATE TABLE `k-2` (x int REFERENCES `pär-ents.X` (id) ON DELETE SET NULL ON UPDATE CASCADE, y int REFERENCES `parents` (id) ON UPDATE NO ACTION ON DELETE RESTRICT)",
	"CREATE TABLE `Ké.3` (x int REFERENCES `par/ents` (id) ON UPDATE CASCADE, y int REFERENCES `日本 \"1\"` (id) ON DELETE CASCADE)",
	"CREATE TABLE tree (id int PRIMARY KEY, p int REFERENCES tree (id) ON DELETE CASCADE, q int REFERENCES tree (id) ON DELETE SET NULL)",
}

// What InnoDB's list says and what information_schema says is the same. The
// second is asked where the role lacks the PROCESS privilege.
func TestBothListsOfForeignKeysAgree(t *testing.T) {
	dsn := mariaDatabase(t)
	all := newCatalogued(t, mysql.Open(dsn), oddTables...)
	less := newCatalogued(t, mysql.Open(asRole(t, dsn)))
	want := map[string][]string{
		"parents":    {"k1(y,x) to (b,a) on delete cascade on update set null"},
		"Parents":    {"K1(x) to (id) on delete cascade"},
		"pär-ents.X": {"k-2(x) to (id) on delete set null on update cascade"},
		"par/ents":   {"Ké.3(x) to (id) on update cascade"},
		"日本 \"1\"":   {"Ké.3(y) to (id) on delete cascade"},
		"tree":       {"tree(p) to (id) on delete cascade", "tree(q) to (id) on delete set null"},
		"k1":         nil,
	}
	for name, referrers := range want {
		quoted := "`" + name + "`"
		got := all.read(quoted)
		require.Equal(t, name, got.Object)
		require.Equal(t, referrers, sorted(got.Referrers), name)
		require.Equal(t, referrers, sorted(less.read(quoted).Referrers), name)
	}
}

// asRole makes a role without the PROCESS privilege and returns the DSN with it.
func asRole(t *testing.T, dsn string) string {
	t.Helper()
	admin := another(t, "mysql", dsn)
	var database string
	require.NoError(t, admin.QueryRow("SELECT DATABASE()").Scan(&database))
	role := "role_" + database[len(database)-12:]
	_, err := admin.Exec("CREATE USER " + role + "@'%' IDENTIFIED BY 'secret'")
	require.NoError(t, err)
	t.Cleanup(func() {
		_, err := admin.Exec("DROP USER " + role + "@'%'")
		require.NoError(t, err)
	})
	_, err = admin.Exec("GRANT ALL ON " + database + ".* TO " + role + "@'%'")
	require.NoError(t, err)
	return strings.Replace(dsn, "root@", role+":secret@", 1)
}

func TestForeignKeysOfOtherSchemas(t *testing.T) {
	dsn, other := mariaDatabase(t), mariaDatabase(t)
	c := newCatalogued(t, mysql.Open(dsn), "CREATE TABLE t (id int PRIMARY KEY)", "INSERT INTO t VALUES (1)")
	kids := schemaIn(other)
	ddl := another(t, "mysql", other)
	t.Cleanup(func() {
		_, err := ddl.Exec("DROP TABLE IF EXISTS kids") // or the other database can't be dropped
		require.NoError(t, err)
	})
	for _, s := range []string{"CREATE TABLE kids (id int PRIMARY KEY, t_id int REFERENCES " + schemaIn(dsn) + ".t (id) ON DELETE CASCADE)", "INSERT INTO kids VALUES (2, 1)"} {
		_, err := ddl.Exec(s)
		require.NoError(t, err)
	}
	require.Equal(t, []string{kids + ".kids(t_id) to (id) on delete cascade"}, c.read("t").Referrers)
	require.NoError(t, c.db.Table("t").Where("id = 1").Delete(nil).Error)
	require.Equal(t, []string{"destroy t 1", "destroy " + kids + ".kids 2"}, c.objects())
	less := newCatalogued(t, mysql.Open(asRole(t, dsn)))
	require.Empty(t, less.read("t").Referrers, "it may not see them")
}

func schemaIn(dsn string) string {
	_, rest, _ := strings.Cut(dsn, "/")
	name, _, _ := strings.Cut(rest, "?")
	return name
}

// While DDL holds a table of another schema, the first write of a table goes
// through, whatever its role may see.
func TestAFirstWriteDoesNotWaitForOtherSchemas(t *testing.T) {
	for _, privileged := range []bool{true, false} {
		t.Run(fmt.Sprint("process privilege ", privileged), func(t *testing.T) {
			dsn, other := mariaDatabase(t), mariaDatabase(t)
			c := newCatalogued(t, mysql.Open(dsn), "CREATE TABLE t (id int PRIMARY KEY, j json)", "CREATE TABLE k (id int REFERENCES t (id) ON DELETE CASCADE)")
			if !privileged {
				// A role that sees the other schema too: it would wait for its tables.
				dsn = asRole(t, dsn)
				grant(t, other, dsn)
				c = newCatalogued(t, mysql.Open(dsn))
			}
			release := holdDDL(t, other)
			written := make(chan error, 1)
			go func() {
				ctx, cancel := context.WithTimeout(context.Background(), generous)
				defer cancel()
				written <- c.db.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
					if err := tx.Table("t").Create(map[string]any{"id": 1, "j": "{}"}).Error; err != nil {
						return err
					}
					return tx.Table("t").Where("id = 1").Delete(nil).Error
				})
			}()
			err := <-written
			held := release()
			require.NoError(t, err)
			require.Equal(t, []string{"create t 1", "destroy t 1"}, c.objects())
			require.True(t, held, "DDL held its tables all the while")
		})
	}
}
