package gormstore

import (
	"context"
	"database/sql"
	"slices"

	"github.com/gormtrail/audit"
)

// Facets returns the values that were ever recorded in f's scope, sorted by
// their bytes, each once, without empty ones.
//
// One statement jumps through the indexes from each value to the next one: its
// time grows with the number of different values, not with that of the entries.
// A scope of more than tenants asks for each value whether the scope has an
// entry of it, which ends at the first.
func (s *Store) Facets(ctx context.Context, f audit.Filter) (audit.Facets, error) {
	if err := f.Validate(); err != nil {
		return audit.Facets{}, err
	}
	if err := s.checkMigrated(ctx, s.db); err != nil {
		return audit.Facets{}, err
	}
	scope := facetScope(f)
	sought := selection{filter: allOf(scope), order: orderOf(audit.Newest)}
	if seek, err := s.seek(ctx, sought); err != nil {
		return audit.Facets{}, err
	} else if seek != "" {
		sought.seek = seek
		return s.soughtFacets(ctx, sought)
	}
	b := s.facetStatement(scope)
	if err := s.checkArgs(b); err != nil {
		return audit.Facets{}, err
	}
	var found audit.Facets
	err := s.dialect.walking(ctx, s.db, func(q querier) error {
		rows, err := q.QueryContext(ctx, b.String(), b.args...)
		if err != nil {
			return err
		}
		found, err = readFacets(rows)
		return err
	})
	return found, s.translate(ctx, err)
}

// facetScope leaves of f what narrows facets.
func facetScope(f audit.Filter) []audit.Filter {
	terms := f.Terms()
	terms[0] = audit.Filter{Tenants: terms[0].Tenants, Projects: terms[0].Projects}
	return terms
}

func allOf(terms []audit.Filter) audit.Filter {
	var f audit.Filter
	for _, term := range terms {
		f = f.And(term)
	}
	return f
}

// soughtFacets reads the values of the entries that the keyword index finds: of a
// rare keyword they are few, and without it each value would be looked for in
// vain.
func (s *Store) soughtFacets(ctx context.Context, sel selection) (found audit.Facets, err error) {
	b := s.newBuilder()
	for i, f := range facets {
		b.WriteString([]string{"WITH sought AS (SELECT DISTINCT ", ", "}[min(i, 1)] + f.column)
	}
	b.WriteString(" FROM ")
	s.from(b, sel)
	b.WriteString(" WHERE ")
	b.terms(sel.filter.Terms())
	b.WriteString(")")
	for i, f := range facets {
		b.WriteString([]string{" ", " UNION "}[min(i, 1)])
		b.add("SELECT ", itoa(i), " AS facet, ", f.column, " AS v FROM sought WHERE ", f.column, " <> ''")
	}
	err = s.onPool(ctx, sel, func(q querier) error {
		rows, err := s.rowsOn(ctx, q, b)
		if err == nil {
			found, err = readFacets(rows)
		}
		return err
	})
	return found, err
}

// facet is a column whose values are wanted: those within each combination of
// the columns before it, which a facet of its own has found.
type facet struct {
	name   string
	column string
	within []string
	parent string
	index  Index
}

// facets: each jump is answered by an index that begins with the columns within
// and the column.
var facets = []facet{
	{"tenants", colTenant, nil, "", indexTenant},
	{"projects", "project", []string{colTenant}, "tenants", IndexFacet},
	{"actions", "action", []string{colTenant}, "tenants", IndexAction},
	{"object_types", "object_type", []string{colTenant}, "tenants", IndexType},
	{"users", "actor_user", []string{colTenant}, "tenants", IndexUser},
	{"products", "object_product", []string{colTenant, "project"}, "projects", IndexFacet},
	{"actor_types", "actor_type", []string{colTenant, "project", "object_product"}, "products", IndexFacet},
	{"outcomes", "outcome", []string{colTenant, "project", "object_product", "actor_type"}, "actor_types", IndexFacet},
}

func (s *Store) facetStatement(scope []audit.Filter) *builder {
	b := s.newBuilder()
	s.jumps(b, facets, scope)
	narrow := s.narrows(scope)
	for i, f := range facets {
		b.WriteString([]string{" ", " UNION ALL "}[min(i, 1)])
		b.add("SELECT DISTINCT ", itoa(i), " AS facet, c.v FROM ")
		s.found(b, f, scope)
		b.WriteString(" c WHERE c.v <> ''")
		if narrow && s.opts.has(f.index) {
			s.exists(b, f, scope)
		}
	}
	return b
}

// walk is the name of a facet's query, which can't be the table's own.
func (s *Store) walk(facet string) string { return s.table.base + "_" + facet }

// jumps writes the recursive queries of facets, where the database needs them.
func (s *Store) jumps(b *builder, list []facet, scope []audit.Filter) {
	if s.dialect.looseScan() {
		return
	}
	b.WriteString("WITH RECURSIVE ")
	for i, f := range list { // the first, the tenants, has its index always
		if !s.opts.has(f.index) {
			continue
		}
		if i > 0 {
			b.WriteString(", ")
		}
		s.jump(b, f, scope)
	}
}

// found writes the table of a facet's values, each with what it is within.
func (s *Store) found(b *builder, f facet, scope []audit.Filter) {
	jumped := s.opts.has(f.index)
	if jumped && !s.dialect.looseScan() {
		b.WriteString(s.walk(f.name))
		return
	}
	b.WriteString("(")
	b.list(f.within, "SELECT DISTINCT ", "e.")
	b.add([]string{"SELECT DISTINCT ", ", "}[min(len(f.within), 1)], "e.", f.column, " AS v FROM ", s.quoted, " e WHERE ")
	if jumped {
		s.tenantsOnly(&conjunction{b: b}, scope)
	} else { // all of the scope is read, so all of it is asked of each entry
		b.terms(scopeTerms(scope))
	}
	b.WriteString(")")
}

// scopeTerms: a list without a term selects everything.
func scopeTerms(scope []audit.Filter) []audit.Filter {
	if len(scope) == 0 {
		return []audit.Filter{{}}
	}
	return scope
}

// jump writes a recursive query that goes from each value of the column to the
// next larger one, NULL after the last.
func (s *Store) jump(b *builder, f facet, scope []audit.Filter) {
	b.add(s.walk(f.name), " (")
	for _, c := range f.within {
		b.add(c, ", ")
	}
	b.WriteString("v) AS (SELECT ")
	for i := range f.within {
		b.add(parentColumn(f, i, "p"), ", ")
	}
	b.add("(SELECT min(e.", f.column, ") FROM ", s.quoted, " e WHERE ")
	c := &conjunction{b: b}
	for i, col := range f.within {
		c.next().add("e.", col, " = ", parentColumn(f, i, "p"))
	}
	if f.parent == "" {
		s.tenantsOnly(c, scope)
	}
	b.WriteString(")")
	if f.parent != "" {
		b.add(" FROM ", s.walk(f.parent), " p WHERE p.v IS NOT NULL")
	}
	b.WriteString(" UNION ALL SELECT ")
	for _, col := range f.within {
		b.add("c.", col, ", ")
	}
	b.add("(SELECT min(e.", f.column, ") FROM ", s.quoted, " e WHERE e.", f.column, " > c.v")
	c = &conjunction{b: b, some: true}
	for _, col := range f.within {
		c.next().add("e.", col, " = c.", col)
	}
	if f.parent == "" {
		s.tenantsOnly(c, scope)
	}
	b.add(") FROM ", s.walk(f.name), " c WHERE c.v IS NOT NULL)")
}

// parentColumn: the parent's own value is the last of the columns within.
func parentColumn(f facet, i int, alias string) string {
	if i == len(f.within)-1 {
		return alias + ".v"
	}
	return alias + "." + f.within[i]
}

// tenantsOnly narrows a walk to the scope's tenants, so that the others' values
// are never visited.
func (s *Store) tenantsOnly(c *conjunction, scope []audit.Filter) {
	for _, term := range scope {
		if len(term.Tenants) > 0 {
			c.b.dialect.in(c.next(), "e."+colTenant, term.Tenants)
		}
	}
	if !c.some {
		c.next().WriteString("1=1")
	}
}

// narrows reports whether the scope has more than tenants.
func (s *Store) narrows(scope []audit.Filter) bool {
	return slices.ContainsFunc(scope, func(f audit.Filter) bool {
		f.Tenants = nil
		b := s.newBuilder()
		b.filter(f)
		return b.String() != "1=1"
	})
}

// exists writes that the scope has an entry of this value.
func (s *Store) exists(b *builder, f facet, scope []audit.Filter) {
	b.add(" AND EXISTS (SELECT 1 FROM ", s.quoted, " e WHERE e.", f.column, " = c.v")
	for _, col := range f.within {
		b.add(" AND e.", col, " = c.", col)
	}
	for _, term := range scope {
		b.WriteString(" AND ")
		b.filter(term)
	}
	b.WriteString(")")
}

func readFacets(rows *sql.Rows) (audit.Facets, error) {
	defer rows.Close()
	lists := make([][]string, len(facets))
	for i := range lists {
		lists[i] = []string{}
	}
	for rows.Next() {
		var i int
		var v string
		if err := rows.Scan(&i, &v); err != nil {
			return audit.Facets{}, err
		}
		lists[i] = append(lists[i], v)
	}
	for i := range lists {
		slices.Sort(lists[i])
	}
	return audit.Facets{
		Tenants: lists[0], Projects: lists[1], Actions: lists[2], ObjectTypes: lists[3],
		Users: lists[4], Products: lists[5], ActorTypes: lists[6], Outcomes: lists[7],
	}, rows.Err()
}
