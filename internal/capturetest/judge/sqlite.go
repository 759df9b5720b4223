package judge

import (
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
)

// sqliteDialect notes each value with its storage class, which in SQLite is the
// value's and not the column's.
//
// The transaction's name comes from judge_tx() and the step's number from
// judge_seq(), which the connection must have: SQLite has no name for a
// transaction, and numbers again what a rollback undid. judge_statement() counts
// statements.
type sqliteDialect struct{}

func (sqliteDialect) prepare() []string {
	return []string{`CREATE TABLE IF NOT EXISTS judge_truth (seq INTEGER PRIMARY KEY, tx TEXT, stmt TEXT, tbl TEXT, op TEXT, old_row TEXT, new_row TEXT)`}
}

func (sqliteDialect) catalog(ctx context.Context, db *sql.DB, table string) ([]column, error) {
	schema, name := split(table, "main")
	rows, err := db.QueryContext(ctx, `SELECT name, type, pk FROM pragma_table_xinfo(?, ?) WHERE hidden <> 1 ORDER BY cid`, name, schema)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []column
	for rows.Next() {
		var c column
		var declared string
		var pk int
		if err := rows.Scan(&c.name, &declared, &pk); err != nil {
			return nil, err
		}
		c.key, c.class = pk > 0, sqliteClass(strings.ToLower(declared))
		list = append(list, c)
	}
	return list, rows.Err()
}

func sqliteClass(declared string) class {
	switch has := func(s string) bool { return strings.Contains(declared, s) }; {
	case has("datetime"), has("timestamp"):
		return classTime
	case has("date"):
		return classDate
	case has("json"):
		return classJSON
	case has("bool"), has("numeric"):
		return classBool
	case has("int"):
		return classInteger
	case has("decimal"):
		return classDecimal
	case has("real"), has("floa"), has("doub"):
		return classFloat
	case has("blob"):
		return classBytes
	}
	return classText
}

var operations = []string{"INSERT", "UPDATE", "DELETE"}

func (d sqliteDialect) triggers(t *Table) []string {
	list := d.untriggers(t)
	_, name := split(t.Name, "")
	for _, op := range operations {
		list = append(list, fmt.Sprintf(
			`CREATE TRIGGER %s AFTER %s ON %s BEGIN INSERT INTO judge_truth(seq, tx, stmt, tbl, op, old_row, new_row) VALUES (judge_seq(), judge_tx(), judge_statement(), %s, '%s', %s, %s); END`,
			d.trigger(t, op), op, quote(name, `"`), quote(t.noted, "'"), op, d.json(t, "OLD", op != "INSERT"), d.json(t, "NEW", op != "DELETE")))
	}
	return list
}

func (d sqliteDialect) untriggers(t *Table) []string {
	var list []string
	for _, op := range operations {
		list = append(list, "DROP TRIGGER IF EXISTS "+d.trigger(t, op))
	}
	return list
}

// trigger is the name of a trigger, in the table's schema.
func (sqliteDialect) trigger(t *Table, op string) string {
	schema, name := split(t.Name, "")
	trigger := quote("judge_"+strings.ToLower(op)+"_"+name, `"`)
	if schema != "" {
		trigger = quote(schema, `"`) + "." + trigger
	}
	return trigger
}

func (sqliteDialect) json(t *Table, row string, there bool) string {
	if !there {
		return "NULL"
	}
	var parts []string
	for _, c := range t.columns {
		v := row + "." + quote(c.name, `"`)
		parts = append(parts, fmt.Sprintf(`%s, typeof(%s) || ':' || CASE typeof(%s) WHEN 'text' THEN hex(%s) WHEN 'blob' THEN hex(%s) ELSE quote(%s) END`,
			quote(c.name, "'"), v, v, v, v, v))
	}
	return "json_object(" + strings.Join(parts, ", ") + ")"
}

func (sqliteDialect) truth() string {
	return `SELECT seq, tx, stmt, tbl, op, old_row, new_row FROM judge_truth WHERE seq > ? ORDER BY seq`
}

func (sqliteDialect) last() string { return `SELECT coalesce(max(seq), 0) FROM judge_truth` }

func (sqliteDialect) row(_ *Table, raw []byte) (Row, error) {
	var noted map[string]string
	if err := json.Unmarshal(raw, &noted); err != nil {
		return nil, err
	}
	r := make(Row, len(noted))
	for name, s := range noted {
		kind, text, _ := strings.Cut(s, ":")
		switch kind {
		case "null":
			r[name] = nil
		case "integer", "real":
			if r[name] = any(json.Number(text)); strings.HasSuffix(text, "e+999") { // how SQLite writes what no number is
				r[name] = strings.Replace(text, "9.0e+999", "Inf", 1)
			}
		default:
			raw, err := hex.DecodeString(text)
			if err != nil {
				return nil, err
			}
			if r[name] = any(raw); kind == "text" {
				r[name] = string(raw)
			}
		}
	}
	return r, nil
}

// split parts a table's name from its schema.
func split(name, schema string) (string, string) {
	if s, n, ok := strings.Cut(name, "."); ok {
		return s, n
	}
	return schema, name
}

func quote(s, q string) string { return q + strings.ReplaceAll(s, q, q+q) + q }
