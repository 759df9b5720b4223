package capturetest

import (
	"fmt"

	"gorm.io/gorm"
	"pgregory.net/rapid"

	"github.com/gormtrail/audit/internal/capturetest/judge"
)

var rawWorld = world{
	settings: map[string]string{"mariadb": "&multiStatements=true"},
	models:   []any{&Product{}, &Note{}},
	create: func(database string) []string {
		switch database {
		case "postgres":
			return []string{
				`CREATE PROCEDURE raise_prices() LANGUAGE sql AS 'UPDATE products SET price = price + 1'`,
				`CREATE FUNCTION raised() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM products'`,
			}
		case "mariadb":
			return []string{`CREATE PROCEDURE raise_prices() UPDATE products SET price = price + 1`}
		}
		return nil
	},
	tables: func(string) []judge.Table { return nil },
}

// hostile are texts that change rows and look as if they didn't, or the other way
// round.
var hostile = map[string][]string{
	"": {
		"UPDATE products SET price = price + 1 WHERE price >= 0", "  \n\t UPDATE products SET price = 7 WHERE code = 'k1'",
		"/* SELECT 1 */ UPDATE products SET price = price + 1", "-- SELECT 1\nDELETE FROM notes", "DELETE FROM notes -- SELECT 1",
		"DELETE FROM notes;", "DELETE FROM notes ; -- end", "SELECT 1", "SELECT ';', '/*' ; ", "SELECT 1 -- ; DELETE FROM notes",
		"SELECT 'UPDATE products SET price = 1'", "INSERT INTO notes (text) SELECT title FROM products WHERE price > 1", "WITH x AS (SELECT 1) SELECT * FROM x",
		"SELECT 1; UPDATE products SET price = price + 1", "SELECT 1; SELECT 2", "UPDATE products SET price = 1; DELETE FROM notes", "UPDATE nonsense SET x = 1",
		"(SELECT 1)", "VALUES (1)", "SELECT 'it''s; -- ' ; DELETE FROM notes", "INSERT INTO notes (text) VALUES ('a;b'), ('/* c')",
	},
	"sqlite": {
		"WITH x(n) AS (SELECT 3) UPDATE products SET price = (SELECT n FROM x)", "REPLACE INTO notes (id, text) VALUES (1, 'replaced')", "EXPLAIN DELETE FROM notes",
		"EXPLAIN QUERY PLAN UPDATE products SET price = 1", "PRAGMA user_version", "PRAGMA user_version = 3", "SELECT 1;;; DELETE FROM notes", "SELECT [;] FROM (SELECT 1 AS [;])",
		"SELECT \"x;\" FROM (SELECT 1 AS \"x;\"); UPDATE products SET price = 9", "/* a /* b */ UPDATE products SET price = price + 1", "SELECT 1 /* open", "UPDATE products SET price = 4 /* open",
	},
	"postgres": {
		"WITH gone AS (DELETE FROM notes RETURNING *) SELECT * FROM gone", "WITH x AS (SELECT 1) UPDATE products SET price = 3", "DO $$ BEGIN UPDATE products SET price = price + 1; END $$",
		"DO $a$ BEGIN PERFORM 1; END $a$", "CALL raise_prices()", "PREPARE p1 AS UPDATE products SET price = price + 1; EXECUTE p1; DEALLOCATE p1", "EXPLAIN DELETE FROM notes",
		"EXPLAIN ANALYZE DELETE FROM notes", "EXPLAIN (ANALYZE, COSTS off) UPDATE products SET price = price + 1", "EXPLAIN (ANALYZE false) DELETE FROM notes", "/* a /* b */ c */ UPDATE products SET price = price + 1",
		"SELECT $$;$$; DELETE FROM notes", "SELECT E'\\'; -- '; DELETE FROM notes", "MERGE INTO products p USING (SELECT 'k1' AS code) s ON p.code = s.code WHEN MATCHED THEN UPDATE SET price = 11",
		"SELECT raised()", "SHOW search_path", "TABLE notes", "SELECT * FROM notes FOR UPDATE", "UPDATE ONLY products SET price = 12",
		"SELECT 'a' 'b'; UPDATE products SET price = 13", "VALUES (1); DELETE FROM notes", "SELECT U&'\\0041;' ; DELETE FROM notes",
	},
	"mariadb": {
		"/*! UPDATE products SET price = price + 1 */", "/*M! DELETE FROM notes */", "/*!50000 UPDATE products SET price = price + 1 */", "/*!999999 DELETE FROM notes */ SELECT 1", "# SELECT 1\nDELETE FROM notes",
		"SELECT 1 # ; DELETE FROM notes", "PREPARE p1 FROM 'UPDATE products SET price = price + 1'; EXECUTE p1; DEALLOCATE PREPARE p1", "EXECUTE IMMEDIATE 'DELETE FROM notes'", "CALL raise_prices()",
		"BEGIN NOT ATOMIC UPDATE products SET price = price + 1; END", "ANALYZE UPDATE products SET price = price + 1", "EXPLAIN UPDATE products SET price = 1", "REPLACE INTO notes (id, text) VALUES (1, 'replaced')",
		"UPDATE products p, notes n SET p.price = 2, n.text = 'joined'", "DELETE notes FROM notes JOIN products", "SET STATEMENT max_statement_time = 10 FOR UPDATE products SET price = price + 1",
		"SET @a = 1", "SHOW TABLES", "SELECT \"\\\"; \"; DELETE FROM notes", "/* a /* b */ UPDATE products SET price = price + 1", "SELECT 1 /*! ; DELETE FROM notes */", "WITH x AS (SELECT 1) SELECT * FROM x",
		"SELECT '\\'; DELETE FROM notes -- '", "SELECT 1 --1; DELETE FROM notes",
	},
}

// rawSQL are raw statements of somebody who doesn't want to be recorded.
func rawSQL() *workload {
	return &workload{name: "raw", world: rawWorld, share: 2,
		prologue: func(e *env, db *gorm.DB) {
			e.ok(db.Create(&[]Product{{Code: "k1", Title: "a", Price: 1}, {Code: "k2", Title: "b", Price: 2}}))
			e.ok(db.Create(&[]Note{{Text: "a"}, {Text: "b"}}))
		},
		parts: []part{{name: "hostile", draw: drawHostile}},
	}
}

func drawHostile(t *rapid.T, database string) op {
	q := rapid.SampledFrom(append(hostile[""], hostile[database]...)).Draw(t, "raw")
	way := rapid.SampledFrom([]string{"Exec", "Exec", "Exec with arguments", "Scan", "Rows"}).Draw(t, "way")
	return op{fmt.Sprintf("%s %q", way, q), func(h *host, db *gorm.DB) {
		h.e.executes(db, func() {
			switch way {
			case "Exec":
				tx := db.Exec(q)
				rows := tx.RowsAffected
				if database == "sqlite" {
					rows = 0 // changes() still counts the statement before a read, which may be the append
				}
				h.note(way, tx.Error, rows)
			case "Exec with arguments":
				h.see(way, db.Exec("UPDATE products SET title = ? WHERE code = ?", "x", "k1"))
			case "Scan":
				var list []map[string]any
				tx := db.Raw(q).Scan(&list)
				h.note(way, tx.Error, int64(len(list)))
			default:
				h.note(way, readRows(db.Raw(q)), 0)
			}
		})
	}}
}

// readRows reads a result to its end.
func readRows(tx *gorm.DB) error {
	rows, err := tx.Rows()
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for more := true; more; more = rows.NextResultSet() {
		for rows.Next() {
			continue
		}
	}
	return rows.Err()
}
