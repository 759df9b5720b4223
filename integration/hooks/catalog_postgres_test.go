package hooks_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
)

func postgresCatalog(t *testing.T, ddl ...string) *catalogued {
	t.Helper()
	return newCatalogued(t, postgres.Open(postgresDatabase(t)), ddl...)
}

func TestKeysOfPostgres(t *testing.T) {
	c := postgresCatalog(t, `CREATE COLLATION ignoring (provider = icu, locale = 'und-u-ks-level2', deterministic = false)`,
		`CREATE TABLE t (b int, a int, code text NOT NULL, body text, n int UNIQUE NULLS NOT DISTINCT, f int NOT NULL UNIQUE NULLS NOT DISTINCT,
			d int, PRIMARY KEY (a, b) INCLUDE (body), CONSTRAINT late UNIQUE (d) DEFERRABLE INITIALLY DEFERRED)`,
		`CREATE UNIQUE INDEX t_1 ON t (code) INCLUDE (body)`,
		`CREATE UNIQUE INDEX t_2 ON t (a, lower(code))`,
		`CREATE UNIQUE INDEX t_3 ON t (code) WHERE n > 0`,
		`CREATE UNIQUE INDEX t_4 ON t (code COLLATE ignoring)`,
		`CREATE INDEX t_5 ON t (body)`,
		`CREATE UNIQUE INDEX t_6 ON t (code DESC, body)`)
	got := c.read("t")
	require.Equal(t, []string{"b", "a"}, got.Key)
	require.Equal(t, []string{
		"PRIMARY(a,b) plain", "t_n_key(n)", "t_f_key(f) plain", "late(d) deferrable plain",
		"t_1(code) plain", "t_2(a,)", "t_3(code)", "t_4(code)", "t_6(code,body) plain",
	}, got.Uniques)
}

func TestColumnsOfPostgres(t *testing.T) {
	c := postgresCatalog(t, `CREATE TABLE t (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, gone int, n int, "Twice it" int GENERATED ALWAYS AS (n * 2) STORED)`,
		`ALTER TABLE t DROP COLUMN gone`)
	require.Equal(t, []string{"id auto", "n", "Twice it generated"}, c.read("t").Columns)
}

func TestKindsOfPostgresTables(t *testing.T) {
	c := postgresCatalog(t, `CREATE TABLE plain (id int PRIMARY KEY)`, `CREATE VIEW seen AS SELECT * FROM plain`,
		`CREATE TABLE ruled (id int PRIMARY KEY)`, `CREATE RULE r AS ON INSERT TO ruled DO ALSO NOTHING`,
		`CREATE TABLE parted (id int PRIMARY KEY) PARTITION BY RANGE (id)`, `CREATE TABLE part PARTITION OF parted DEFAULT`,
		`CREATE TABLE heired (id int PRIMARY KEY)`, `CREATE TABLE heir () INHERITS (heired)`,
		`CREATE TABLE "date" (id int PRIMARY KEY)`, `CREATE TEMP TABLE "date" (id int)`, `CREATE TABLE "a.b" (id int)`, `CREATE TABLE "Upper" (id int)`)
	for table, want := range map[string]string{
		"plain": "", "seen": "view", "ruled": "rules", "parted": "parts", "part": "", "heired": "parts", "heir": "", "date": "ambiguous",
	} {
		got := c.read("public." + table)
		require.Equal(t, want, got.Is, table)
		require.Equal(t, "public."+table, got.Table)
		require.Equal(t, table, got.Object)
	}
	require.Equal(t, "Upper", c.read("Upper").Object)
	require.Equal(t, "plain", c.read("Plain AS p").Object, "an unquoted name in upper case")
}

// tenants makes two schemas with the same table and one with a table of its own.
func tenants(t *testing.T, more ...string) *catalogued {
	return postgresCatalog(t, append([]string{
		`CREATE SCHEMA one`, `CREATE SCHEMA two`,
		`CREATE TABLE one.items (id int PRIMARY KEY, name text)`, `CREATE TABLE two.items (code text PRIMARY KEY, n int, m int)`,
		`CREATE TABLE one.parts (id int PRIMARY KEY, item_id int REFERENCES one.items(id) ON DELETE CASCADE)`,
		`CREATE TABLE two.parts (id int PRIMARY KEY, item text REFERENCES two.items(code) ON DELETE SET NULL)`,
		`CREATE TABLE one.single (id int PRIMARY KEY)`,
	}, more...)...)
}

func TestATableIsWhatItsSchemaResolvesItToNow(t *testing.T) {
	c := tenants(t)
	for range 2 {
		for schema, row := range map[string]map[string]any{"one": {"id": 7}, "two": {"code": "7"}} {
			require.NoError(t, c.db.Transaction(func(tx *gorm.DB) error {
				require.NoError(t, tx.Exec("SET LOCAL search_path TO "+schema).Error)
				return tx.Table("items").Create(row).Error
			}))
		}
		require.NoError(t, c.db.Transaction(func(tx *gorm.DB) error {
			for _, schema := range []string{"one", "two"} {
				require.NoError(t, tx.Exec("SET search_path TO "+schema).Error)
				require.NoError(t, tx.Table("items").Where("1 = 1").Delete(nil).Error)
			}
			return tx.Exec("RESET search_path").Error
		}))
	}
	require.Equal(t, []string{
		"create one.items 7", "create one.items 7", "create two.items 7", "create two.items 7",
		"destroy one.items 7", "destroy one.items 7", "destroy two.items 7", "destroy two.items 7",
	}, sorted(c.objects()))
}

func TestEachTenantsForeignKeysPassOnItsOwnRows(t *testing.T) {
	c := tenants(t, `INSERT INTO one.items VALUES (1)`, `INSERT INTO one.parts VALUES (11, 1)`,
		`INSERT INTO two.items VALUES ('x')`, `INSERT INTO two.parts VALUES (21, 'x')`)
	for _, schema := range []string{"one", "two"} {
		require.NoError(t, c.db.Transaction(func(tx *gorm.DB) error {
			require.NoError(t, tx.Exec("SET LOCAL search_path TO "+schema).Error)
			return tx.Table("items").Where("1 = 1").Delete(nil).Error
		}))
	}
	require.Equal(t, []string{"destroy one.items 1", "destroy one.parts 11", "destroy two.items x", "update two.parts 21"}, c.objects())
}

// Entries name a table in one way, by the search_path that connections begin with.
func TestObjectsDoNotDependOnTheSearchPathOfTheMoment(t *testing.T) {
	dsn := postgresDatabase(t)
	c := newCatalogued(t, postgres.Open(dsn+` search_path='two,one,"$user"'`),
		`CREATE SCHEMA one`, `CREATE SCHEMA two`, `CREATE SCHEMA postgres`, `CREATE SCHEMA three`,
		`CREATE TABLE one.a (id int PRIMARY KEY)`, `CREATE TABLE two.a (id int PRIMARY KEY)`,
		`CREATE TABLE one.b (id int PRIMARY KEY)`, `CREATE TABLE postgres.c (id int PRIMARY KEY)`, `CREATE TABLE three.d (id int PRIMARY KEY)`,
		`CREATE TABLE two.pg_class (id int PRIMARY KEY)`, `CREATE TABLE three.kids (id int PRIMARY KEY, p int REFERENCES one.a(id) ON DELETE CASCADE)`,
		`CREATE TABLE one.kids (id int PRIMARY KEY, p int REFERENCES one.a(id) ON UPDATE SET NULL)`)
	for name, object := range map[string]string{
		"a": "a", "one.a": "one.a", "two.a": "a", "b": "b", "one.b": "b", "c": "c", "three.d": "three.d", "two.pg_class": "two.pg_class",
	} {
		require.Equal(t, object, c.read(name).Object, name)
	}
	onOneConnection(t, c.db, func(tx *gorm.DB) {
		require.NoError(t, tx.Exec("SET search_path TO one, three").Error)
		require.Equal(t, "three.d", c.readIn(tx, "d").Object)
		require.NoError(t, tx.Exec("CREATE TEMP TABLE a (id int PRIMARY KEY)").Error)
		got := c.readIn(tx, "a")
		require.Equal(t, "pg_temp.a", got.Object)
		require.Contains(t, got.Is, "ambiguous")
		require.NoError(t, tx.Exec("DROP TABLE pg_temp.a").Error)
		require.Equal(t, []string{"three.kids(p) to (id) on delete cascade", "kids(p) to (id) on update set null"}, c.readIn(tx, "a").Referrers)
		require.NoError(t, tx.Exec("RESET search_path").Error)
	})
}

// A tenant's schema may be made while the program runs, by another one.
func TestANameBecomesAmbiguous(t *testing.T) {
	c := tenants(t)
	onOneConnection(t, c.db, func(tx *gorm.DB) {
		require.NoError(t, tx.Exec("SET search_path TO two, one").Error)
		require.Empty(t, c.readIn(tx, "single").Is)
		require.NoError(t, tx.Exec("RESET search_path").Error)
	})
	require.NoError(t, c.db.Exec(`CREATE TABLE two.single (id int PRIMARY KEY)`).Error)
	onOneConnection(t, c.db, func(tx *gorm.DB) {
		require.NoError(t, tx.Exec("SET search_path TO two, one").Error)
		got := c.readIn(tx, "single")
		require.Equal(t, "two.single", got.Object)
		require.Equal(t, "ambiguous", got.Is)
		require.NoError(t, tx.Exec("RESET search_path").Error)
	})
}

// Another program makes a table of that name; the rows themselves tell then.
func TestARowTellsItsTable(t *testing.T) {
	dsn := postgresDatabase(t)
	c := newCatalogued(t, postgres.Open(dsn), `CREATE SCHEMA one`, `CREATE SCHEMA two`, `CREATE TABLE one.single (id int PRIMARY KEY, n int)`, `INSERT INTO one.single VALUES (1, 1)`)
	in := func(schema string, do func(tx *gorm.DB) error) {
		t.Helper()
		require.NoError(t, c.db.Transaction(func(tx *gorm.DB) error {
			require.NoError(t, tx.Exec("SET LOCAL search_path TO "+schema+", one").Error)
			return do(tx)
		}))
	}
	increase := func(tx *gorm.DB) error {
		return tx.Table("single").Where("1 = 1").Update("n", gorm.Expr("n + 1")).Error
	}
	in("one", increase)
	_, err := another(t, "pgx", dsn).Exec(`CREATE TABLE two.single (code text PRIMARY KEY, n bigint); INSERT INTO two.single VALUES ('x', 5)`)
	require.NoError(t, err)
	in("two", increase)
	in("one", increase)
	in("two", func(tx *gorm.DB) error { return tx.Table("single").Where("1 = 1").Delete(nil).Error })
	require.Equal(t, []string{"update one.single 1", "update two.single x", "update one.single 1", "destroy two.single x"}, c.objects())
}

// No catalog query fails for names, schemas and privileges that aren't there: the
// statement does, in its own words, or goes through.
func TestTheCatalogDoesNotAbortTheTransaction(t *testing.T) {
	c := postgresCatalog(t, `CREATE TABLE items (id int PRIMARY KEY, name text)`,
		`CREATE SCHEMA hidden`, `CREATE TABLE hidden.parts (id int PRIMARY KEY, item_id int REFERENCES items(id) ON DELETE CASCADE)`)
	for _, name := range []string{`"nowhere"`, `nowhere.items`, `"%s"`, `"-"`, `"123"`, `"it's"`, `"` + longName + `"`, `pg_temp.items`} {
		require.NoError(t, c.db.Transaction(func(tx *gorm.DB) error {
			require.NoError(t, tx.SavePoint("here").Error)
			err := tx.Table(name + " AS x").Where("1 = 0").Delete(nil).Error
			require.ErrorContains(t, err, "does not exist")
			return tx.RollbackTo("here").Error
		}), name)
	}
}

func TestTheCatalogIsReadWithoutPrivileges(t *testing.T) {
	c := postgresCatalog(t, `CREATE TABLE items (id int PRIMARY KEY)`, `CREATE SCHEMA hidden`,
		`CREATE TABLE hidden.parts (id int PRIMARY KEY, item_id int REFERENCES items(id) ON DELETE CASCADE)`)
	require.NoError(t, c.db.Transaction(func(tx *gorm.DB) error {
		require.NoError(t, tx.Exec("SET LOCAL ROLE pg_monitor").Error)
		require.NoError(t, tx.SavePoint("here").Error)
		require.ErrorContains(t, tx.Table("hidden.parts").Where("1 = 0").Delete(nil).Error, "permission denied for schema hidden")
		return tx.RollbackTo("here").Error
	}))
	require.Equal(t, "hidden.parts", c.reads.last().Object)
}

const longName = "a_name_of_more_than_sixty_three_bytes_which_postgresql_cuts_to_what_it_keeps"

func TestNamesThatPostgresCuts(t *testing.T) {
	c := postgresCatalog(t, `CREATE TABLE `+longName+` (id int PRIMARY KEY)`)
	require.Equal(t, longName[:63], c.read(longName).Object)
}

func TestReferrersOfPostgres(t *testing.T) {
	c := postgresCatalog(t, `CREATE TABLE t (a int, b int, u int UNIQUE, PRIMARY KEY (a, b))`,
		`CREATE TABLE k1 (x int, y int, z int, FOREIGN KEY (y, x) REFERENCES t(b, a) ON DELETE CASCADE ON UPDATE CASCADE)`,
		`CREATE TABLE k2 (x int, y int, FOREIGN KEY (x, y) REFERENCES t ON DELETE SET NULL (y))`,
		`CREATE TABLE k3 (x int REFERENCES t(u))`, `CREATE TABLE k4 (x int REFERENCES t(u) ON UPDATE SET DEFAULT) PARTITION BY RANGE (x)`,
		`CREATE TABLE k4a PARTITION OF k4 DEFAULT`)
	require.Equal(t, []string{
		"k1(y,x) to (b,a) on delete cascade on update cascade", "k2(x,y) to (a,b) on delete set null but x", "k4(x) to (u) on update set default",
	}, c.read("t").Referrers)
}

func TestTriggersOfPostgresThatChangeTheirOwnTable(t *testing.T) {
	trigger := func(when, on, body string) string {
		return `CREATE FUNCTION f_` + on + `() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN ` + body + `; RETURN NULL; END $f$;
			CREATE TRIGGER g ` + when + ` ON ` + on + ` FOR EACH ROW EXECUTE FUNCTION f_` + on + `()`
	}
	dsn := postgresDatabase(t)
	c := newCatalogued(t, postgres.Open(dsn+" statement_cache_capacity=0 default_query_exec_mode=exec")) // columns change
	for _, tt := range []struct{ name, ddl, want string }{
		{"writes a log", trigger("AFTER UPDATE", "t", "INSERT INTO log SELECT 'UPDATE t SET n = 1', n FROM t /* ; UPDATE t */"), ""},
		{"before", trigger("BEFORE UPDATE", "t", "UPDATE t SET n = 1"), ""},
		{"locks only", trigger("AFTER UPDATE", "t", "PERFORM 1 FROM t FOR UPDATE; PERFORM 1 FROM t FOR NO KEY UPDATE OF t"), ""},
		{"notifies", trigger("AFTER INSERT OR UPDATE OR DELETE", "t", "PERFORM pg_notify('t', 'x')"), ""},
		{"the same name in another schema", `CREATE SCHEMA old; CREATE TABLE old.t (id int); ` + trigger("AFTER UPDATE", "t", "DELETE FROM old.t"), "ambiguous"},
		{"disabled", trigger("AFTER UPDATE", "t", "UPDATE t SET n = 1") + `; ALTER TABLE t DISABLE TRIGGER g`, ""},
		{"a function that only reads", `CREATE FUNCTION total() RETURNS int LANGUAGE sql STABLE AS 'SELECT 1 /* UPDATE t */'; ` + trigger("AFTER UPDATE", "t", "INSERT INTO log VALUES ('', total())"), ""},

		{"updates", trigger("AFTER INSERT", "t", "UPDATE t SET n = 1"), "writesBack(insert)"},
		{"updates, for each row, quoted", trigger("AFTER UPDATE OF n", "t", `IF TG_OP = 'UPDATE' THEN update /* so */ only public."t" set n = 1; END IF`), "writesBack(update)"},
		{"updates the key", trigger("AFTER INSERT", "t", "UPDATE t SET n = 1, id = id + 1"), "rekeys writesBack(insert)"},
		{"deletes", trigger("AFTER UPDATE OR DELETE", "t", "DELETE FROM T WHERE n = 0"), "writesBack(delete) writesBack(update)"},
		{"upserts", trigger("AFTER INSERT", "t", "INSERT INTO t (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET n = 2"), "writesBack(insert)"},
		{"merges", trigger("AFTER INSERT", "t", "MERGE INTO t USING log ON false WHEN MATCHED THEN DELETE"), "rekeys writesBack(insert)"},
		{"in a common table expression", trigger("AFTER INSERT", "t", "WITH x AS (UPDATE t SET n = 1 RETURNING *) INSERT INTO log SELECT '', n FROM x"), "writesBack(insert)"},
		{"makes up its SQL", trigger("AFTER INSERT", "t", "EXECUTE format('UPDATE %I SET n = 1', TG_TABLE_NAME)"), "rekeys writesBack(insert)"},
		{"a constraint trigger", trigger("AFTER INSERT", "u", "UPDATE t SET n = 1") + `; CREATE CONSTRAINT TRIGGER late AFTER UPDATE ON t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION f_u()`, "writesBack(update)"},

		{"by another function", `CREATE FUNCTION bump(int) RETURNS void LANGUAGE sql AS 'UPDATE t SET n = n + 1 WHERE id = $1'; ` + trigger("AFTER UPDATE", "t", "PERFORM Bump(1)"), "writesBack(update)"},
		{"by a function with a body of SQL", `CREATE FUNCTION bump() RETURNS void BEGIN ATOMIC UPDATE t SET n = 1; END; ` + trigger("AFTER UPDATE", "t", `PERFORM public."bump"()`), "rekeys writesBack(update)"},
		{"by another table", trigger("AFTER UPDATE", "t", "UPDATE u SET n = 1") + "; " + trigger("BEFORE UPDATE", "u", "UPDATE t SET n = 1"), "writesBack(update)"},
		{"by another table that it doesn't fire", trigger("AFTER UPDATE", "t", "INSERT INTO u VALUES (1)") + "; " + trigger("AFTER UPDATE", "u", "UPDATE t SET n = 1"), ""},
		{"by a view", `CREATE VIEW v AS SELECT * FROM t; ` + trigger("AFTER UPDATE", "t", "UPDATE v SET n = 1"), "rekeys writesBack(update)"},
		{"by a rule", `CREATE RULE r AS ON INSERT TO u DO ALSO UPDATE t SET n = 1; ` + trigger("AFTER UPDATE", "t", "INSERT INTO u VALUES (1)"), "rekeys writesBack(update)"},
		{"by a partition", `DROP TABLE t; CREATE TABLE t (id int, n int) PARTITION BY RANGE (id); CREATE TABLE t1 PARTITION OF t DEFAULT; ` + trigger("AFTER UPDATE", "t1", "UPDATE t1 SET n = 1"), "parts rekeys writesBack(update)"},
		{"by a foreign key", `CREATE TABLE k (id int REFERENCES t(id) ON DELETE CASCADE); ` + trigger("AFTER DELETE", "k", "UPDATE t SET n = n - 1"), "writesBack(delete)"},
		{"a counter of another table is no key", `ALTER TABLE u ADD PRIMARY KEY (id); ALTER TABLE t ADD FOREIGN KEY (u_id) REFERENCES u(id) ON DELETE CASCADE ON UPDATE CASCADE; ` +
			trigger("AFTER INSERT", "t", "UPDATE u SET n = n + 1 WHERE id = 1"), ""},
		{"a tree", `ALTER TABLE t ADD FOREIGN KEY (u_id) REFERENCES t(id) ON DELETE CASCADE; ` + trigger("AFTER INSERT", "t", "INSERT INTO log VALUES ('x', 1)"), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			require.NoError(t, c.db.Exec(`DROP SCHEMA public CASCADE; CREATE SCHEMA public; DROP SCHEMA IF EXISTS old CASCADE;
				CREATE TABLE t (id int PRIMARY KEY, n int, u_id int); CREATE TABLE u (id int, n int); CREATE TABLE log (what text, n int); `+tt.ddl).Error)
			require.Equal(t, tt.want, c.read("t").Is)
		})
	}
}

func TestTheJudgesTriggersOfPostgresDoNotCount(t *testing.T) {
	c := postgresCatalog(t, `CREATE SCHEMA judge`, `CREATE TABLE judge.truth (seq bigserial PRIMARY KEY, tx bigint, tbl text, op text, old_row jsonb, new_row jsonb)`,
		`CREATE FUNCTION judge.note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
			INSERT INTO judge.truth(tx, tbl, op, old_row, new_row) VALUES (txid_current(), TG_ARGV[0], TG_OP,
				CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END, CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END);
			RETURN NULL;
		END $$`,
		`CREATE TABLE items (id int PRIMARY KEY)`, `CREATE TABLE truths (id int PRIMARY KEY)`,
		`CREATE TRIGGER judge_note AFTER INSERT OR UPDATE OR DELETE ON items FOR EACH ROW EXECUTE FUNCTION judge.note('items@0')`)
	require.Empty(t, c.read("items").Is)
}
