package hooks

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit/hooks/internal/sqltext"
)

const triggerTables = `CREATE TABLE t (id integer PRIMARY KEY, n int, total int, code text);
	CREATE TABLE u (id integer PRIMARY KEY, t_id int, n int);
	CREATE TABLE log (id integer PRIMARY KEY, what text);
	CREATE VIEW v AS SELECT * FROM t`

func TestTriggersOfSQLiteThatChangeTheirOwnTable(t *testing.T) {
	all := inserts | updates | deletes
	for _, tt := range []struct {
		name, ddl string
		want      verbs
	}{
		{"writes a log", "CREATE TRIGGER g AFTER UPDATE ON t BEGIN INSERT INTO log (what) VALUES ('UPDATE t SET n = 1'); END", 0},
		{"reads the table", "CREATE TRIGGER g AFTER UPDATE ON t BEGIN INSERT INTO log (what) SELECT count(*) FROM t; END", 0},
		{"says so in a comment", "CREATE TRIGGER g AFTER UPDATE ON t BEGIN /* ; UPDATE t SET n = 1; */ INSERT INTO log (what) VALUES (1); END", 0},
		{"a name says so", "CREATE TRIGGER \"update t\" AFTER UPDATE ON t BEGIN SELECT 1 AS \"UPDATE t SET\"; END", 0},
		{"the function replace", "CREATE TRIGGER g AFTER UPDATE ON t BEGIN INSERT INTO log (what) VALUES (replace(new.code, 'a', 'b')); END", 0},
		{"a new row of the table", "CREATE TRIGGER g AFTER UPDATE ON t BEGIN INSERT INTO t (n) VALUES (1); END", 0},
		{"refuses", "CREATE TRIGGER g AFTER UPDATE ON t WHEN new.n < 0 BEGIN SELECT RAISE(ABORT, 'no'); END", 0},

		{"updates", "CREATE TRIGGER g AFTER INSERT ON t BEGIN UPDATE t SET total = n * 2 WHERE id = new.id; END", inserts},
		{"updates, quoted and spread out", "CREATE TRIGGER g AFTER UPDATE OF n, code ON t FOR EACH ROW WHEN new.n > 1\nBEGIN\n-- so\nupdate /* this */ or ignore [T]\nset n = 1; END", updates},
		{"updates, named by a text", "CREATE TRIGGER g AFTER UPDATE ON t BEGIN UPDATE 't' SET n = 1; END", updates},
		{"as its second statement", "CREATE TRIGGER g AFTER DELETE ON t BEGIN INSERT INTO log (what) VALUES (CASE WHEN old.n > 1 THEN 'a' ELSE 'b' END); DELETE FROM t WHERE n = old.n; END", deletes},
		{"insert or replace", "CREATE TRIGGER g AFTER INSERT ON t BEGIN INSERT OR REPLACE INTO t (id, n) VALUES (new.id, 1); END", inserts},
		{"replace", "CREATE TRIGGER g AFTER INSERT ON t BEGIN REPLACE INTO \"t\" (id, n) VALUES (new.id, 1); END", inserts},
		{"upsert", "CREATE TRIGGER g AFTER INSERT ON t BEGIN INSERT INTO t (id, n) VALUES (new.id, 1) ON CONFLICT DO UPDATE SET n = 1; END", inserts},
		{"before", "CREATE TRIGGER g BEFORE UPDATE ON t BEGIN UPDATE t SET total = 1 WHERE id = old.id; END", updates},
		{"temporary", "CREATE TEMP TRIGGER g AFTER UPDATE ON main.t BEGIN UPDATE t SET total = 1; END", updates},
		{"each verb", `CREATE TRIGGER a AFTER INSERT ON t BEGIN UPDATE t SET n = 1; END; CREATE TRIGGER b AFTER UPDATE ON t BEGIN UPDATE t SET n = 1; END;
			CREATE TRIGGER c AFTER DELETE ON t BEGIN UPDATE t SET n = 1; END`, all},

		{"by another table's trigger", `CREATE TRIGGER a AFTER UPDATE ON t BEGIN UPDATE u SET n = 1; END;
			CREATE TRIGGER b AFTER UPDATE ON u BEGIN UPDATE t SET total = 1; END`, updates},
		{"another table's trigger that doesn't fire", `CREATE TRIGGER a AFTER UPDATE ON t BEGIN INSERT INTO u (n) VALUES (1); END;
			CREATE TRIGGER b AFTER UPDATE ON u BEGIN UPDATE t SET total = 1; END`, 0},
		{"by a view", `CREATE TRIGGER a AFTER UPDATE ON t BEGIN UPDATE v SET n = 1; END;
			CREATE TRIGGER b INSTEAD OF UPDATE ON v BEGIN UPDATE t SET total = 1; END`, updates},
		{"by a circle of others", `CREATE TRIGGER a AFTER UPDATE ON t BEGIN UPDATE u SET n = 1; END;
			CREATE TRIGGER b AFTER UPDATE ON u BEGIN DELETE FROM log; END; CREATE TRIGGER c AFTER DELETE ON log BEGIN UPDATE u SET n = 1; END`, 0},
		{"replaced by the table's own DDL", `DROP VIEW v; DROP TABLE t; CREATE TABLE t (id integer PRIMARY KEY, n int UNIQUE ON CONFLICT REPLACE);
			CREATE TRIGGER a AFTER UPDATE ON t BEGIN INSERT INTO t (n) VALUES (1); END`, updates},

		{"by a foreign key", `CREATE TABLE k (id integer PRIMARY KEY REFERENCES u(id) ON DELETE CASCADE); CREATE TRIGGER a AFTER UPDATE ON k BEGIN DELETE FROM u; END`, 0},
		{"by a foreign key, of another table", `CREATE TABLE k (id integer PRIMARY KEY REFERENCES t(id) ON DELETE CASCADE); CREATE TRIGGER a AFTER DELETE ON k BEGIN UPDATE t SET n = 1; END`, deletes},
		{"by a foreign key, back", `DROP VIEW v; DROP TABLE t; CREATE TABLE t (id integer PRIMARY KEY, u_id int REFERENCES u(id) ON DELETE SET NULL);
			CREATE TRIGGER a AFTER INSERT ON t BEGIN DELETE FROM u WHERE n = 1; END`, inserts},
		{"a counter of another table is no key", `DROP VIEW v; DROP TABLE t; CREATE TABLE t (id integer PRIMARY KEY, u_id int REFERENCES u(id) ON DELETE CASCADE ON UPDATE CASCADE);
			CREATE TRIGGER a AFTER INSERT ON t BEGIN UPDATE u SET n = n + 1, t_id = (SELECT max(id) FROM u WHERE u.id = 3) WHERE id = new.u_id; END`, 0},
		{"a key that others refer to", `DROP VIEW v; DROP TABLE t; CREATE TABLE t (id integer PRIMARY KEY, u_id int REFERENCES u ON UPDATE CASCADE);
			CREATE TRIGGER a AFTER INSERT ON t BEGIN UPDATE u SET n = 1, "ID" = id + 1; END`, inserts},
		{"a tree without triggers", `CREATE TABLE k (id integer PRIMARY KEY, p int REFERENCES k(id) ON DELETE CASCADE)`, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := newCatalogued(t, triggerTables, tt.ddl).table("", "t")
			require.Equal(t, tt.want, got.writesBack)
			require.Equal(t, tt.want != 0, got.selfTriggers)
		})
	}
}

// Triggers that only note what happened elsewhere cost nothing.
func TestTheJudgesTriggersDoNotCount(t *testing.T) {
	c := newCatalogued(t, "CREATE TABLE judge_truth (seq INTEGER PRIMARY KEY, tx TEXT, tbl TEXT, op TEXT, old_row TEXT, new_row TEXT)",
		"CREATE TABLE items (id integer PRIMARY KEY, data blob)",
		`CREATE TRIGGER "judge_update_items" AFTER UPDATE ON "items" BEGIN INSERT INTO judge_truth(seq, tx, tbl, op, old_row, new_row)
			VALUES (judge_seq(), judge_tx(), 'items@1', 'UPDATE', json_object('id', typeof(OLD."id") || ':' || CASE typeof(OLD."id")
			WHEN 'text' THEN hex(OLD."id") WHEN 'blob' THEN hex(OLD."id") ELSE quote(OLD."id") END), json_object('id', 1)); END`)
	require.False(t, c.table("", "items").selfTriggers)
	require.False(t, c.table("", "judge_truth").selfTriggers)
}

func TestAssignedColumns(t *testing.T) {
	for sql, want := range map[string][]string{
		"SET a = 1, b = (SELECT c FROM d WHERE e = f), \"G\" = a + 1 WHERE h = 1": {"a", "b", "G"},
		"SET (a, b) = (SELECT 1, 2), c = CASE WHEN d = 1 THEN 2 END; e = 1":       {"(", "a", ",", "b", "c"},
		"SET a[1] = 2, b.part = 3 FROM c":                                         {"a", "b", "."},
	} {
		require.Equal(t, want, assignedIn(sqltext.Tokens(sql, sqltext.SQLite, len(sql)), 0), sql)
	}
}
