package judge

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
)

// mariaDialect takes the transaction's name from a system-versioned table: its
// row start is InnoDB's own number of the transaction. NOW(6) is in a trigger the
// time at which the host's statement began, and so its name.
type mariaDialect struct{}

func (mariaDialect) prepare() []string {
	return []string{`CREATE TABLE IF NOT EXISTS judge_truth (
		seq BIGINT PRIMARY KEY AUTO_INCREMENT, stmt VARCHAR(30) NOT NULL DEFAULT '', tbl VARCHAR(200), op VARCHAR(10), old_row LONGTEXT, new_row LONGTEXT,
		tx BIGINT UNSIGNED GENERATED ALWAYS AS ROW START INVISIBLE, tx_end BIGINT UNSIGNED GENERATED ALWAYS AS ROW END INVISIBLE,
		PERIOD FOR SYSTEM_TIME(tx, tx_end)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 WITH SYSTEM VERSIONING`,
		`CREATE TABLE IF NOT EXISTS judge_shadow (tbl VARCHAR(200), k LONGTEXT, r LONGTEXT, KEY (tbl)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE utf8mb4_bin`}
}

func (mariaDialect) catalog(ctx context.Context, db *sql.DB, table string) ([]column, error) {
	schema, name := split(table, "")
	rows, err := db.QueryContext(ctx, `
		SELECT c.column_name, c.data_type, c.column_key = 'PRI',
			EXISTS (SELECT 1 FROM information_schema.check_constraints k WHERE k.constraint_schema = c.table_schema
				AND k.table_name = c.table_name AND k.constraint_name = c.column_name AND k.check_clause LIKE 'json_valid%')
		FROM information_schema.columns c
		WHERE c.extra NOT LIKE '%GENERATED%ROW%' AND coalesce(c.generation_expression, '') NOT IN ('ROW START', 'ROW END') AND c.table_schema = CASE WHEN ? = '' THEN DATABASE() ELSE ? END AND c.table_name = ? ORDER BY c.ordinal_position`, schema, schema, name)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []column
	for rows.Next() {
		var c column
		var kind string
		var isJSON bool
		if err := rows.Scan(&c.name, &kind, &c.key, &isJSON); err != nil {
			return nil, err
		}
		if c.class = mariaClass(kind); isJSON {
			c.class = classJSON
		}
		c.exact = map[string]string{"float": " + 0e0", "bit": " + 0"}[kind]
		list = append(list, c)
	}
	return list, rows.Err()
}

func mariaClass(kind string) class {
	switch kind {
	case "tinyint", "smallint", "mediumint", "int", "bigint", "year", "bit":
		return classInteger
	case "decimal":
		return classDecimal
	case "double":
		return classFloat
	case "float":
		return classSingle
	case "datetime", "timestamp":
		return classTime
	case "date":
		return classDate
	case "binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob",
		"geometry", "point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon", "geometrycollection":
		return classBytes
	}
	return classText
}

func (d mariaDialect) triggers(t *Table) []string {
	var list []string
	schema, name := split(t.Name, "")
	table := quote(name, "`")
	if schema != "" {
		table = quote(schema, "`") + "." + table
	}
	for _, op := range operations {
		list = append(list, fmt.Sprintf(
			"CREATE OR REPLACE TRIGGER %s AFTER %s ON %s FOR EACH ROW BEGIN INSERT INTO judge_truth(stmt, tbl, op, old_row, new_row) VALUES (NOW(6), %s, '%s', %s, %s); %s END",
			d.trigger(t, op), op, table, quote(t.noted, "'"), op, d.json(t, "OLD", op != "INSERT"), d.json(t, "NEW", op != "DELETE"), d.copied(t, op)))
	}
	return list
}

func (d mariaDialect) untriggers(t *Table) []string {
	var list []string
	for _, op := range operations {
		list = append(list, "DROP TRIGGER IF EXISTS "+d.trigger(t, op))
	}
	return list
}

// trigger is the name of a trigger, in the table's schema.
func (mariaDialect) trigger(t *Table, op string) string {
	schema, name := split(t.Name, "")
	trigger := quote("judge_"+strings.ToLower(op)+"_"+name, "`")
	if schema != "" {
		trigger = quote(schema, "`") + "." + trigger
	}
	return trigger
}

// copied keeps the copy of a table that foreign keys change.
func (d mariaDialect) copied(t *Table, op string) string {
	if !t.Cascades {
		return ""
	}
	s := ""
	if op != "INSERT" {
		s += fmt.Sprintf("DELETE FROM judge_shadow WHERE tbl = %s AND k = %s AND r = %s LIMIT 1; ", quote(t.noted, "'"), d.key(t, "OLD"), d.json(t, "OLD", true))
	}
	if op != "DELETE" {
		s += fmt.Sprintf("INSERT INTO judge_shadow(tbl, k, r) VALUES (%s, %s, %s);", quote(t.noted, "'"), d.key(t, "NEW"), d.json(t, "NEW", true))
	}
	return s
}

// json notes every value in hexadecimal, which no character set can spoil.
func (d mariaDialect) json(t *Table, row string, there bool) string {
	if !there {
		return "NULL"
	}
	return d.object(t.columns, row)
}

// key is the row's primary key in that form, all of the row where there is none.
func (d mariaDialect) key(t *Table, row string) string {
	var key []column
	for _, c := range t.columns {
		if c.key {
			key = append(key, c)
		}
	}
	if key == nil {
		key = t.columns
	}
	return d.object(key, row)
}

func (mariaDialect) object(columns []column, row string) string {
	var parts []string
	for _, c := range columns {
		v := row + "." + quote(c.name, "`")
		if c.class != classBytes {
			v = "CAST(" + v + c.exact + " AS CHAR CHARACTER SET utf8mb4)"
		}
		parts = append(parts, quote(c.name, "'")+", HEX("+v+")")
	}
	return "JSON_OBJECT(" + strings.Join(parts, ", ") + ")"
}

func (mariaDialect) truth() string {
	return "SELECT seq, CAST(tx AS CHAR), stmt, tbl, op, old_row, new_row FROM judge_truth WHERE seq > ? ORDER BY seq"
}

func (mariaDialect) last() string { return "SELECT coalesce(max(seq), 0) FROM judge_truth" }

func (mariaDialect) row(t *Table, raw []byte) (Row, error) {
	var noted map[string]*string
	if err := json.NewDecoder(bytes.NewReader(raw)).Decode(&noted); err != nil {
		return nil, err
	}
	r := make(Row, len(noted))
	for name, s := range noted {
		if s == nil {
			r[name] = nil
			continue
		}
		raw, err := hex.DecodeString(*s)
		if err != nil {
			return nil, err
		}
		switch t.class(name) {
		case classBytes:
			r[name] = raw
		case classInteger, classDecimal, classFloat, classSingle:
			r[name] = json.Number(raw)
		case classJSON:
			v, ok := parseJSON(raw)
			if !ok {
				return nil, fmt.Errorf("%s holds no JSON: %q", name, raw)
			}
			r[name] = document{v}
		default:
			r[name] = string(raw)
		}
	}
	return r, nil
}
