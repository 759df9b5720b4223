package hooks

import (
	"context"
	"strings"

	"gorm.io/gorm"

	"github.com/gormtrail/audit/hooks/internal/sqltext"
)

// statement is what capture knows of a statement from its text.
type statement struct {
	verb          string // upper case: "INSERT", "UPDATE", "DELETE", …; "" for a read
	schema, table string // "" where it can't be told
	alias         string // by which the statement refers to the table; "" if by its name
	joined        bool   // an UPDATE of a table joined with others
	ignores       bool   // INSERT, UPDATE or DELETE IGNORE: rows that can't be written are passed over
	ddl           bool
}

// sql is the database whose rules the plugin reads statements by.
func (d dialect) sql() sqltext.Dialect {
	switch d.name {
	case "sqlite":
		return sqltext.SQLite
	case "mysql":
		return sqltext.MySQL
	}
	return sqltext.PostgreSQL
}

// rulesFor returns the rules by which the connection reads a statement. Where a
// setting of the session decides what the statement is, the database is asked for
// it; if it can't be, both meanings count.
func (p *Plugin) rulesFor(ctx context.Context, conn gorm.ConnPool, query string) sqltext.Dialect {
	d := p.dialect.sql()
	if !inTransaction(conn) || !sqltext.DependsOnEscapes(query, d) {
		return d
	}
	setting := "SELECT current_setting('standard_conforming_strings') = 'off'"
	if p.dialect.name == "mysql" {
		setting = "SELECT FIND_IN_SET('NO_BACKSLASH_ESCAPES', @@sql_mode) = 0"
	}
	var escapes bool
	if err := unprepared(conn).QueryRowContext(ctx, setting).Scan(&escapes); err != nil {
		return d // the statement itself will say why
	}
	return d.Escaping(escapes)
}

// headOf reads the verb of a statement and the table that it writes.
func headOf(query string, d sqltext.Dialect) statement {
	h := sqltext.HeadOf(query, d)
	return statement{verb: h.Verb, schema: h.Schema, table: h.Table, alias: h.Alias, joined: h.Joined, ignores: h.Ignore, ddl: h.DDL}
}

// withoutValues is the statement with "?" in the place of its values.
func (p *Plugin) withoutValues(query string) string {
	if p.dialect.name == "sqlite" {
		return sqltext.WithoutLiterals(query, p.isName)
	}
	return sqltext.WithoutValues(query, p.dialect.sql())
}

// isName reports whether a table that was read from the catalog, or one of its
// columns, is called so. Names of the schema are safe to record.
func (p *Plugin) isName(name string) (is bool) {
	p.tables.known().names.Range(func(_, v any) bool {
		t := v.(*table)
		is = strings.EqualFold(t.name, name)
		for i := 0; i < len(t.columns) && !is; i++ {
			is = strings.EqualFold(t.columns[i].name, name)
		}
		return !is
	})
	return is
}
