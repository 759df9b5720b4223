package gormstore

import (
	"fmt"
	"regexp"
	"strings"
)

// table is the name of the entries' table, from which all others are made.
type table struct {
	given  string // the schema and a dot, as the options have it; "" without one
	schema string // the schema under its own name; "": not known
	base   string
}

var tableName = regexp.MustCompile(`^([A-Za-z_][A-Za-z0-9_]{0,39}\.)?([A-Za-z_][A-Za-z0-9_]{0,39})$`)

// parseTable reads a table's name, which may begin with a schema, and the schema
// if that is given apart.
func parseTable(name, schema string) (table, error) {
	m := tableName.FindStringSubmatch(name)
	switch {
	case m == nil:
		return table{}, fmt.Errorf("gormstore: %q is no table name: one or two (schema.table) of at most 40 letters, digits and underscores", name)
	case strings.Contains(schema, "\x00"):
		return table{}, fmt.Errorf("gormstore: Options.Schema is %q, and no name has a NUL", schema)
	case schema == "":
		schema = strings.TrimSuffix(m[1], ".")
	case m[1] != "" && m[1] != schema+".":
		return table{}, fmt.Errorf("gormstore: Options.Schema is %q, and the table is %q", schema, name)
	}
	t := table{schema: schema, base: m[2]}
	if schema != "" {
		t.given = schema + "."
	}
	return t, nil
}

// name is the table as the options have it: what an error and a lock call it.
func (t table) name() string { return t.given + t.base }

func (t table) versions() string { return t.base + "_schema" }

// in is the name of one of the tables in SQL, with the schema if it is known.
func (t table) in(name, q string) string {
	if t.schema == "" {
		return quoteName(name, q)
	}
	return quoteName(t.schema, q) + "." + quoteName(name, q)
}

// quoted is the entries' table in SQL, quoted by q.
func (t table) quoted(q string) string { return t.in(t.base, q) }

func (t table) quotedVersions(q string) string { return t.in(t.versions(), q) }

// quotedBase is the entries' table without its schema.
func (t table) quotedBase(q string) string { return quoteName(t.base, q) }

// index is the name of an index in SQL.
func (t table) index(kind, q string) string { return quoteName(t.base+"_"+kind, q) }

// schemaIndex is the same with its schema, where it wants one (SQLite).
func (t table) schemaIndex(kind, q string) string { return t.in(t.base+"_"+kind, q) }

func quoteName(name, q string) string { return q + strings.ReplaceAll(name, q, q+q) + q }

// literal is a text in SQL.
func literal(s string) string { return quoteName(s, "'") }
