package judge

import (
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
)

// postgresDialect notes each value as the database's own text, which also tells a
// JSON null from a NULL.
type postgresDialect struct{}

func (postgresDialect) prepare() []string {
	return []string{
		`CREATE SCHEMA IF NOT EXISTS judge`,
		`CREATE TABLE IF NOT EXISTS judge.truth (seq bigserial PRIMARY KEY, tx bigint, stmt timestamptz, tbl text, op text, old_row jsonb, new_row jsonb)`,
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

// triggers makes a function for the table. It writes texts in one way, whatever
// the session's settings.
func (d postgresDialect) triggers(t *Table) []string {
	note := "judge." + quote("note "+t.noted, `"`)
	return append(d.untriggers(t), fmt.Sprintf(`
		CREATE FUNCTION %s() RETURNS trigger LANGUAGE plpgsql SET TimeZone = 'UTC' SET DateStyle = 'ISO, YMD' SET IntervalStyle = 'postgres'
			SET bytea_output = 'hex' SET extra_float_digits = 1 AS $judge$
		DECLARE o jsonb; n jsonb;
		BEGIN
			IF TG_OP <> 'INSERT' THEN o := %s; END IF;
			IF TG_OP <> 'DELETE' THEN n := %s; END IF;
			INSERT INTO judge.truth(tx, stmt, tbl, op, old_row, new_row) VALUES (txid_current(), statement_timestamp(), %s, TG_OP, o, n);
			RETURN NULL;
		END $judge$`, note, d.texts(t, "OLD"), d.texts(t, "NEW"), quote(t.noted, "'")),
		fmt.Sprintf(`CREATE TRIGGER judge_note AFTER INSERT OR UPDATE OR DELETE ON %s FOR EACH ROW EXECUTE FUNCTION %s()`, d.table(t), note))
}

func (d postgresDialect) untriggers(t *Table) []string {
	return []string{`DROP TRIGGER IF EXISTS judge_note ON ` + d.table(t)}
}

func (postgresDialect) table(t *Table) string {
	schema, name := split(t.Name, "public")
	return quote(schema, `"`) + "." + quote(name, `"`)
}

// texts is the row by column. A cast to text would cut the spaces of a char(n).
func (postgresDialect) texts(t *Table, row string) string {
	var names, values []string
	for _, c := range t.columns {
		v := row + "." + quote(c.name, `"`)
		names = append(names, quote(c.name, "'"))
		values = append(values, fmt.Sprintf("CASE WHEN %s IS DISTINCT FROM NULL THEN format('%%s', %s) END", v, v))
	}
	return "jsonb_object(ARRAY[" + strings.Join(names, ", ") + "]::text[], ARRAY[" + strings.Join(values, ", ") + "]::text[])"
}

func (postgresDialect) truth() string {
	return `SELECT seq, tx::text, stmt::text, tbl, op, old_row, new_row FROM judge.truth WHERE seq > $1 ORDER BY seq`
}

func (postgresDialect) last() string { return `SELECT coalesce(max(seq), 0) FROM judge.truth` }

func (postgresDialect) row(t *Table, raw []byte) (Row, error) {
	var noted map[string]*string
	if err := json.Unmarshal(raw, &noted); err != nil {
		return nil, err
	}
	r := make(Row, len(noted))
	for name, s := range noted {
		if s == nil {
			r[name] = nil
			continue
		}
		v, err := postgresValue(t.class(name), *s)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		r[name] = v
	}
	return r, nil
}

func postgresValue(c class, s string) (any, error) {
	switch c {
	case classBool:
		return s == "t", nil
	case classInteger, classDecimal, classFloat, classSingle:
		if _, ok := numberIn(s); ok { // NaN and Infinity stay texts
			return json.Number(s), nil
		}
	case classJSON:
		v, ok := parseJSON([]byte(s))
		if !ok {
			return nil, fmt.Errorf("no JSON: %q", s)
		}
		return document{v}, nil
	case classBytes:
		return hex.DecodeString(strings.TrimPrefix(s, `\x`))
	}
	return s, nil
}
