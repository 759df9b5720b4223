package hooks

import (
	"strings"

	"github.com/gormtrail/audit/hooks/internal/sqltext"
)

// statement is what capture knows of a statement from its text.
type statement struct {
	verb          string // upper case: "INSERT", "UPDATE", "DELETE", …; "" for a read
	schema, table string // "" where it can't be told
	alias         string // by which the statement refers to the table; "" if by its name
	joined        bool   // an UPDATE of a table joined with others
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

// headOf reads the verb of a statement and the table that it writes.
func headOf(query string, d sqltext.Dialect) statement {
	h := sqltext.HeadOf(query, d)
	return statement{verb: h.Verb, schema: h.Schema, table: h.Table, alias: h.Alias, joined: h.Joined, ddl: h.DDL}
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
