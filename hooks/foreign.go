package hooks

import (
	"context"
	"slices"
	"strings"

	"gorm.io/gorm"
)

// foreignKey is one by which a table's rows refer to another's, or to each
// other, and which has the database change them when those are deleted, or
// change what they are referred to by.
type foreignKey struct {
	name          string // the constraint's; "" in SQLite, which doesn't tell
	schema, table string // of the rows that refer
	object        string // how entries name that table
	columns       []string
	refers        []string // the columns that these refer to
	// onDelete and onUpdate are what the database does: "CASCADE", "SET NULL",
	// "SET DEFAULT"; "" where it does nothing, or refuses.
	onDelete, onUpdate string
	kept               []string // columns that SET NULL and SET DEFAULT leave alone when rows go
}

// title is by what an entry names the key.
func (f foreignKey) title() string {
	if f.name != "" {
		return f.name
	}
	return strings.Join(f.columns, ", ")
}

// passesOn reports whether a foreign key changes other rows with the table's
// own: if those go (columns is nil), or if such columns of theirs change.
func (t *table) passesOn(columns []string) bool {
	return slices.ContainsFunc(t.referrers, func(f foreignKey) bool { return f.rule(columns) != "" })
}

// rule is what the key has the database do then.
func (f foreignKey) rule(columns []string) string {
	if columns == nil {
		return f.onDelete
	}
	if slices.ContainsFunc(f.refers, func(name string) bool { return slices.Contains(columns, name) }) {
		return f.onUpdate
	}
	return ""
}

// readReferrers reads the foreign keys that refer to the table, each column in
// a row of its own.
func (t *table) readReferrers(ctx context.Context, conn gorm.ConnPool, d dialect) error {
	query, args := t.referrersQuery(d)
	last := ""
	err := eachRow(ctx, conn, func(scan func(...any) error) error {
		var f foreignKey
		var id, column, refers string
		var kept bool
		if err := scan(&id, &f.name, &f.schema, &f.table, &f.object, &f.onDelete, &f.onUpdate, &column, &refers, &kept); err != nil {
			return err
		}
		if id != last {
			last = id
			f.onDelete, f.onUpdate = action(f.onDelete), action(f.onUpdate)
			t.referrers = append(t.referrers, f)
		}
		at := &t.referrers[len(t.referrers)-1]
		at.columns = append(at.columns, column)
		at.refers = append(at.refers, t.spelled(refers))
		if kept {
			at.kept = append(at.kept, column)
		}
		return nil
	}, query, args...)
	t.referrers = slices.DeleteFunc(t.referrers, func(f foreignKey) bool { return f.onDelete == "" && f.onUpdate == "" })
	return err
}

// action is a rule by which rows change.
func action(rule string) string {
	switch rule = strings.ToUpper(rule); rule {
	case "CASCADE", "SET NULL", "SET DEFAULT":
		return rule
	case "C":
		return "CASCADE"
	case "N":
		return "SET NULL"
	case "D":
		return "SET DEFAULT"
	}
	return ""
}

// spelled is a column's name as the table has it.
func (t *table) spelled(name string) string {
	for _, c := range t.columns {
		if strings.EqualFold(c.name, name) {
			return c.name
		}
	}
	return name
}

func (t *table) referrersQuery(d dialect) (string, []any) {
	switch d.name {
	case "postgres":
		return postgresReferrers, []any{t.quoted(d)}
	case "mysql":
		schema := any(nil)
		if t.schema != "" {
			schema = t.schema
		}
		return mysqlReferrers, []any{schema, t.name}
	}
	schema, master := any(nil), "sqlite_master"
	if t.schema != "" {
		schema, master = t.schema, d.quote(t.schema)+".sqlite_master"
	}
	// A key that names no columns refers to the primary key.
	return `SELECT m.name || ' ' || f.id, '', coalesce(?1, ''), m.name,
			CASE WHEN lower(coalesce(?1, 'main')) = 'main' THEN m.name ELSE ?1 || '.' || m.name END, f.on_delete, f.on_update, f."from",
			coalesce(f."to", (SELECT k.name FROM pragma_table_xinfo(?2, ?1) k WHERE k.pk = f.seq + 1), ''), 0
		FROM ` + master + ` m, pragma_foreign_key_list(m.name, ?1) f
		WHERE m.type = 'table' AND f."table" = ?2 COLLATE NOCASE ORDER BY m.rowid, f.id, f.seq`, []any{schema, t.name}
}

// postgresReferrers: a foreign key of partitions is told once, as that of the
// table they make up; one that refers to a partition, or to a table that
// inherits, also passes on what a statement on the whole does. (confdelsetcols
// came with version 15.)
const postgresReferrers = `WITH RECURSIVE under(oid) AS (
		SELECT to_regclass($1)::oid UNION SELECT i.inhrelid FROM pg_inherits i JOIN under ON i.inhparent = under.oid)
	SELECT f.oid::text, f.conname, n.nspname, c.relname, CASE WHEN pg_table_is_visible(c.oid) THEN c.relname ELSE n.nspname || '.' || c.relname END,
		f.confdeltype::text, f.confupdtype::text, a.attname, r.attname,
		CASE jsonb_typeof(to_jsonb(f)->'confdelsetcols') WHEN 'array' THEN NOT to_jsonb(f)->'confdelsetcols' @> to_jsonb(k.attnum) ELSE false END
	FROM pg_constraint f
	JOIN pg_class c ON c.oid = COALESCE(pg_partition_root(f.conrelid), f.conrelid) JOIN pg_namespace n ON n.oid = c.relnamespace
	CROSS JOIN LATERAL unnest(f.conkey, f.confkey) WITH ORDINALITY AS k(attnum, refers, n)
	JOIN pg_attribute a ON a.attrelid = f.conrelid AND a.attnum = k.attnum
	JOIN pg_attribute r ON r.attrelid = f.confrelid AND r.attnum = k.refers
	WHERE f.contype = 'f' AND f.confrelid IN (SELECT oid FROM under) AND NOT EXISTS (
		SELECT 1 FROM pg_constraint up WHERE up.oid = f.conparentid AND up.confrelid IN (SELECT oid FROM under))
	ORDER BY f.oid, k.n`

const mysqlReferrers = `SELECT CONCAT_WS(' ', k.CONSTRAINT_SCHEMA, k.TABLE_NAME, k.CONSTRAINT_NAME), k.CONSTRAINT_NAME, k.TABLE_SCHEMA, k.TABLE_NAME,
		IF(k.TABLE_SCHEMA = DATABASE(), k.TABLE_NAME, CONCAT(k.TABLE_SCHEMA, '.', k.TABLE_NAME)), r.DELETE_RULE, r.UPDATE_RULE, k.COLUMN_NAME, k.REFERENCED_COLUMN_NAME, 0
	FROM information_schema.KEY_COLUMN_USAGE k JOIN information_schema.REFERENTIAL_CONSTRAINTS r
		ON r.CONSTRAINT_SCHEMA = k.CONSTRAINT_SCHEMA AND r.CONSTRAINT_NAME = k.CONSTRAINT_NAME AND r.TABLE_NAME = k.TABLE_NAME
	WHERE k.REFERENCED_TABLE_SCHEMA = COALESCE(?, DATABASE()) AND k.REFERENCED_TABLE_NAME = ?
	ORDER BY k.TABLE_SCHEMA, k.TABLE_NAME, k.CONSTRAINT_NAME, k.ORDINAL_POSITION`
