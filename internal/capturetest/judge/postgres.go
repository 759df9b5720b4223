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

type postgresDialect struct{}

func (postgresDialect) prepare() []string {
	return []string{
		`CREATE SCHEMA IF NOT EXISTS judge`,
		`CREATE TABLE IF NOT EXISTS judge.truth (seq bigserial PRIMARY KEY, tx bigint, tbl text, op text, old_row jsonb, new_row jsonb)`,
		`CREATE OR REPLACE FUNCTION judge.note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
			INSERT INTO judge.truth(tx, tbl, op, old_row, new_row) VALUES (txid_current(), TG_ARGV[0], TG_OP,
				CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END, CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END);
			RETURN NULL;
		END $$`,
	}
}

func (postgresDialect) catalog(ctx context.Context, db *sql.DB, table string) ([]column, error) {
	schema, name := split(table, "public")
	rows, err := db.QueryContext(ctx, `
		SELECT a.attname, format_type(a.atttypid, NULL), coalesce(a.attnum = ANY (i.indkey), false)
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
		LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
		WHERE n.nspname = $1 AND c.relname = $2 ORDER BY a.attnum`, schema, name)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []column
	for rows.Next() {
		var c column
		var kind string
		if err := rows.Scan(&c.name, &kind, &c.key); err != nil {
			return nil, err
		}
		c.class = postgresClass(kind)
		list = append(list, c)
	}
	return list, rows.Err()
}

func postgresClass(kind string) class {
	switch kind {
	case "smallint", "integer", "bigint":
		return classInteger
	case "boolean":
		return classBool
	case "numeric":
		return classDecimal
	case "double precision":
		return classFloat
	case "real":
		return classSingle
	case "timestamp with time zone", "timestamp without time zone":
		return classTime
	case "date":
		return classDate
	case "json", "jsonb":
		return classJSON
	case "bytea":
		return classBytes
	}
	return classText
}

func (postgresDialect) triggers(t *Table) []string {
	schema, name := split(t.Name, "public")
	table := quote(schema, `"`) + "." + quote(name, `"`)
	return []string{
		`DROP TRIGGER IF EXISTS judge_note ON ` + table,
		fmt.Sprintf(`CREATE TRIGGER judge_note AFTER INSERT OR UPDATE OR DELETE ON %s FOR EACH ROW EXECUTE FUNCTION judge.note(%s)`, table, quote(t.noted, "'")),
	}
}

func (postgresDialect) truth() string {
	return `SELECT seq, tx::text, tbl, op, old_row, new_row FROM judge.truth WHERE seq > $1 ORDER BY seq`
}

func (postgresDialect) last() string { return `SELECT coalesce(max(seq), 0) FROM judge.truth` }

func (postgresDialect) row(t *Table, raw []byte) (Row, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	r := Row{}
	if err := d.Decode(&r); err != nil {
		return nil, err
	}
	for name, v := range r {
		switch {
		case v == nil:
			// to_jsonb writes a JSON null like a NULL; the tests keep clear of it.
		case t.class(name) == classJSON:
			r[name] = document{v}
		case t.class(name) == classBytes:
			raw, err := hex.DecodeString(strings.TrimPrefix(v.(string), `\x`))
			if err != nil {
				return nil, err
			}
			r[name] = raw
		}
	}
	return r, nil
}
