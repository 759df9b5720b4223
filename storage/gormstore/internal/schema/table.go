// Package schema is what the store has in a database: the names of its tables, their
// columns and indexes, and the statements that make them.
package schema

import (
	"fmt"
	"regexp"
	"strings"
)

// Table is the name of the entries' table, from which all others are made.
type Table struct {
	Given  string // the schema and a dot, as the options have it; "" without one
	Schema string // the schema under its own name; "": not known
	Base   string
}

var tableName = regexp.MustCompile(`^([A-Za-z_][A-Za-z0-9_]{0,39}\.)?([A-Za-z_][A-Za-z0-9_]{0,39})$`)

// ParseTable reads a table's name, which may begin with a schema, and the schema
// if that is given apart.
func ParseTable(name, schema string) (Table, error) {
	m := tableName.FindStringSubmatch(name)
	switch {
	case m == nil:
		return Table{}, fmt.Errorf("gormstore: %q is no table name: one or two (schema.table) of at most 40 letters, digits and underscores", name)
	case strings.Contains(schema, "\x00"):
		return Table{}, fmt.Errorf("gormstore: Options.Schema is %q, and no name has a NUL", schema)
	case schema == "":
		schema = strings.TrimSuffix(m[1], ".")
	case m[1] != "" && m[1] != schema+".":
		return Table{}, fmt.Errorf("gormstore: Options.Schema is %q, and the table is %q", schema, name)
	}
	t := Table{Schema: schema, Base: m[2]}
	if schema != "" {
		t.Given = schema + "."
	}
	return t, nil
}

// Name is the table as the options have it: what an error and a lock call it.
func (t Table) Name() string { return t.Given + t.Base }

// Versions is the table that has the versions of the schema.
func (t Table) Versions() string { return t.Base + "_schema" }

// Key is the table that has the trail's random key.
func (t Table) Key() string { return t.Base + "_key" }

// Checkpoints is the table that has how far followers got.
func (t Table) Checkpoints() string { return t.Base + "_checkpoints" }

// Facets is the table that has the values of facets.
func (t Table) Facets() string { return t.Base + "_facets" }

// OlderFacets and OlderFacetsAt are the tables that versions before the table of
// checkpoints had for the values of facets, and for how far these went.
func (t Table) OlderFacets() string { return t.Base + "_values" }

// OlderFacetsAt: see OlderFacets.
func (t Table) OlderFacetsAt() string { return t.Base + "_values_upto" }

// Terms is the table that has the search terms.
func (t Table) Terms() string { return t.Base + "_terms" }

// TermsOf is the table that has the tenants of the search terms.
func (t Table) TermsOf() string { return t.Base + "_terms_of" }

// Truncations is the table that has, on SQLite, when the newest entries were removed.
func (t Table) Truncations() string { return t.Base + "_truncations" }

// IDs is the table that has every entry's ID beside partitions.
func (t Table) IDs() string { return t.Base + "_ids" }

// In is the name of one of the tables in SQL, with the schema if it is known.
func (t Table) In(name, q string) string {
	if t.Schema == "" {
		return QuoteName(name, q)
	}
	return QuoteName(t.Schema, q) + "." + QuoteName(name, q)
}

// Quoted is the entries' table in SQL, quoted by q.
func (t Table) Quoted(q string) string { return t.In(t.Base, q) }

// QuotedVersions is the table of the schema's versions in SQL.
func (t Table) QuotedVersions(q string) string { return t.In(t.Versions(), q) }

// Index is the name of an index in SQL.
func (t Table) Index(kind, q string) string { return QuoteName(t.Base+"_"+kind, q) }

// SchemaIndex is the same with its schema, where it wants one (SQLite).
func (t Table) SchemaIndex(kind, q string) string { return t.In(t.Base+"_"+kind, q) }

// QuoteName is a name in SQL between quotation marks.
func QuoteName(name, q string) string { return q + strings.ReplaceAll(name, q, q+q) + q }

// Literal is a text in SQL.
func Literal(s string) string { return QuoteName(s, "'") }
