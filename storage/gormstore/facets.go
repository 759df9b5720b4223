package gormstore

import (
	"context"
	"math"
	"slices"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/gormstore/internal/schema"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqldb"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqlgen"
)

// Facets returns the values that were ever recorded in f's scope, sorted by
// their bytes, each once, without empty ones. What is committed when it is called
// counts, and what is purged doesn't.
//
// They are kept in a table beside the entries, which this brings up to date where
// it may write; what is newer than that table is read from the feed, so that every
// committed entry counts. Its time grows with the number of different values, not
// with that of the entries. Of a scope of more than tenants, the entries are read if
// they are few (a small project's); else each value is asked for, whether the scope
// has an entry of it, which ends at the first.
//
// Where the table is more than 20,000 entries behind, because nobody has asked
// for long, one statement jumps through the indexes from value to value instead;
// asked of everything, the table is then made of what that finds. So it is with
// Options.Without of an index that facets need, always.
func (s *Store) Facets(ctx context.Context, f audit.Filter) (audit.Facets, error) {
	if err := f.Validate(); err != nil {
		return audit.Facets{}, err
	}
	s, err := s.ready(ctx, s.db)
	if err != nil {
		return audit.Facets{}, err
	}
	scope := facetScope(f)
	sel := selection{filter: allOf(scope), order: sqlgen.IndexedOrder(audit.Newest)}
	if sel.sought, err = s.seek(ctx, sel); err != nil {
		return audit.Facets{}, err
	}
	if found, ok, err := s.shortFacets(ctx, sel); ok || err != nil {
		return found, err
	}
	if s.schema.Values {
		found, err := s.keptFacets(ctx, scope)
		return found, s.translate(ctx, err)
	}
	return s.walkedFacets(ctx, scope)
}

// walkedFacets looks for all values among the entries.
func (s *Store) walkedFacets(ctx context.Context, scope []audit.Filter) (audit.Facets, error) {
	lists := facetLists{}
	err := s.tables.Each(ctx, s.db, func(q sqldb.Queryer, table string) error {
		w := s.walkOf(scope)
		w.table = table
		return s.readFacets(ctx, q, w.values(), lists)
	})
	return lists.facets(), s.translate(ctx, err)
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

// shortFacets reads the values of a scope's entries, if a list of its filter says
// that they are few: a project, a user, a record, a rare keyword. In a longer one each value is
// looked for.
func (s *Store) shortFacets(ctx context.Context, sel selection) (found audit.Facets, ok bool, err error) {
	p := s.planStreams(sel)
	if p.none() {
		return facetLists{}.facets(), true, nil
	}
	if p.leads == nil {
		return found, false, nil
	}
	if p.tenants == nil {
		if p.tenants, err = s.tenants(ctx, s.db, mostTenants+1); err != nil {
			return found, false, err
		}
		p.listed = true
	}
	if p.none() {
		return facetLists{}.facets(), true, nil
	}
	if s.tooMany(p) {
		return found, false, nil
	}
	most := s.shortOf(sel)
	size, err := s.sizeOf(ctx, s.db, sel, p, most+1)
	if err != nil || size > most {
		return found, false, err
	}
	b := s.newBuilder()
	sel.limit, sel.unordered = math.MaxInt32, true // there may be more by now
	if err := s.valuesOf(b, func() error { return s.fromMerged(b, sel, p) }); err != nil {
		return found, false, err
	}
	found, err = s.facetsBy(ctx, b)
	return found, true, err
}

// valuesOf writes a SELECT of the facets' values of entries e, whose FROM is written by from.
func (s *Store) valuesOf(b *sqlgen.Builder, from func() error) error {
	for i, f := range facets {
		b.Add([]string{"WITH sought AS (SELECT DISTINCT e.", ", e."}[min(i, 1)], f.column)
	}
	if err := from(); err != nil {
		return err
	}
	b.WriteString(")")
	for i, f := range facets {
		b.WriteString([]string{" ", " UNION "}[min(i, 1)])
		b.Add("SELECT '", f.column, "' AS facet, ", f.column, " AS v FROM sought WHERE ", f.column, " <> ''")
	}
	return nil
}

func (s *Store) facetsBy(ctx context.Context, b *sqlgen.Builder) (audit.Facets, error) {
	rows, err := s.query(ctx, b)
	if err != nil {
		return audit.Facets{}, err
	}
	lists := facetLists{}
	err = lists.read(rows)
	return lists.facets(), s.translate(ctx, err)
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

// facetCount is how many facets there are.
const facetCount = 9

// facets: each jump is answered by an index that begins with the columns within
// and the column.
var facets = []facet{
	{"tenants", schema.ColTenant, nil, "", schema.IndexTenant},
	{"projects", "project", []string{schema.ColTenant}, "tenants", IndexFacet},
	{"actions", "action", []string{schema.ColTenant}, "tenants", IndexAction},
	{"object_types", "object_type", []string{schema.ColTenant}, "tenants", IndexType},
	{"users", "actor_user", []string{schema.ColTenant}, "tenants", IndexUser},
	{"products", "object_product", []string{schema.ColTenant, "project"}, "projects", IndexFacet},
	{"actor_types", "actor_type", []string{schema.ColTenant, "project", "object_product"}, "products", IndexFacet},
	{"outcomes", "outcome", []string{schema.ColTenant, "project", "object_product", "actor_type"}, "actor_types", IndexFacet},
	{"behalves", schema.ColBehalf, []string{schema.ColTenant}, "tenants", IndexBehalf},
}

// partial is the condition without which no database uses the index of a part of
// the entries: empty values are no facets.
func (f facet) partial(prefix string) string {
	if !schema.PartlyIndexed[f.column] || !schema.IsPartial(f.index) {
		return ""
	}
	return " AND " + prefix + f.column + " <> ''"
}

// kept reports whether a facet's values are kept: what is within a project too
// isn't.
func (f facet) kept() bool { return len(f.within) <= 1 }

// facetWalk writes statements that find values.
type facetWalk struct {
	*Store
	table string // of the entries, in SQL
	scope []audit.Filter
	// ofKept: of the values that are kept, as far as those go; else of all.
	ofKept bool
}

func (s *Store) walkOf(scope []audit.Filter) facetWalk {
	return facetWalk{Store: s, table: s.quoted, scope: scope}
}

// values reads each facet's values in the scope.
func (w facetWalk) values() *sqlgen.Builder {
	b := w.newBuilder()
	w.jumps(b, facets)
	narrow := w.narrows(w.scope)
	for i, f := range facets {
		b.WriteString([]string{" ", " UNION ALL "}[min(i, 1)])
		b.Add("SELECT DISTINCT '", f.column, "' AS facet, c.v FROM ")
		w.found(b, f)
		b.WriteString(" c WHERE c.v <> ''")
		if narrow && w.schema.Has(f.index) {
			w.exists(b, f)
		}
	}
	return b
}

// valuesOfTenants reads each facet's values, the empty ones too, each with its
// tenants.
func (w facetWalk) valuesOfTenants() *sqlgen.Builder {
	b := w.newBuilder()
	w.jumps(b, facets)
	for i, f := range facets {
		tenant := "c.tenant"
		if len(f.within) == 0 {
			tenant = "c.v"
		}
		b.Add([]string{" ", " UNION ALL "}[min(i, 1)], "SELECT DISTINCT '", f.column, "' AS facet, c.v, ", tenant, " FROM ")
		w.found(b, f)
		b.WriteString(" c WHERE c.v IS NOT NULL")
	}
	return b
}

// queryName is the name of a facet's query, which can't be the table's own.
func (s *Store) queryName(f facet) string { return s.table.Base + "_" + f.name }

// jumps writes the recursive queries of facets, where the database needs them.
func (w facetWalk) jumps(b *sqlgen.Builder, list []facet) {
	if w.traits.LooseScan {
		return
	}
	separator := "WITH RECURSIVE "
	for _, f := range list {
		if w.schema.Has(f.index) && !(w.ofKept && f.kept()) {
			b.WriteString(separator)
			separator = ", "
			w.jump(b, f)
		}
	}
}

// found writes the table of a facet's values, each with what it is within.
func (w facetWalk) found(b *sqlgen.Builder, f facet) {
	jumped := w.schema.Has(f.index)
	switch {
	case w.ofKept && f.kept():
		b.Add("(SELECT tenant, value AS v FROM ", w.quotedFacets(), " e WHERE facet = '", f.column, "'")
		w.tenantsOnly(&sqlgen.Conjunction{Builder: b, Some: true})
		b.WriteString(")")
		return
	case jumped && !w.traits.LooseScan:
		b.WriteString(w.queryName(f))
		return
	}
	b.WriteString("(")
	b.List(f.within, "SELECT DISTINCT ", "e.")
	b.Add([]string{"SELECT DISTINCT ", ", "}[min(len(f.within), 1)], "e.", f.column, " AS v FROM ", w.table, " e WHERE ")
	if jumped {
		w.tenantsOnly(&sqlgen.Conjunction{Builder: b})
	} else { // all of the scope is read, so all of it is asked of each entry
		b.Terms(scopeTerms(w.scope))
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
func (w facetWalk) jump(b *sqlgen.Builder, f facet) {
	b.Add(w.queryName(f), " (")
	for _, c := range f.within {
		b.Add(c, ", ")
	}
	b.WriteString("v) AS (SELECT ")
	for i := range f.within {
		b.Add(parentColumn(f, i, "p"), ", ")
	}
	b.Add("(SELECT min(e.", f.column, ") FROM ", w.table, " e WHERE ")
	c := &sqlgen.Conjunction{Builder: b}
	for i, col := range f.within {
		c.Next().Add("e.", col, " = ", parentColumn(f, i, "p"))
	}
	if f.parent == "" {
		w.tenantsOnly(c)
	}
	b.Add(f.partial("e."), ")")
	if f.parent != "" {
		b.WriteString(" FROM ")
		w.found(b, parentOf(f))
		b.WriteString(" p WHERE p.v IS NOT NULL")
	}
	b.WriteString(" UNION ALL SELECT ")
	for _, col := range f.within {
		b.Add("c.", col, ", ")
	}
	b.Add("(SELECT min(e.", f.column, ") FROM ", w.table, " e WHERE e.", f.column, " > c.v")
	c = &sqlgen.Conjunction{Builder: b, Some: true}
	for _, col := range f.within {
		c.Next().Add("e.", col, " = c.", col)
	}
	if f.parent == "" {
		w.tenantsOnly(c)
	}
	b.Add(f.partial("e."), ") FROM ", w.queryName(f), " c WHERE c.v IS NOT NULL)")
}

func parentOf(f facet) facet {
	return facets[slices.IndexFunc(facets, func(p facet) bool { return p.name == f.parent })]
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
func (w facetWalk) tenantsOnly(c *sqlgen.Conjunction) {
	for _, term := range w.scope {
		if len(term.Tenants) > 0 {
			c.Next().In("e."+schema.ColTenant, term.Tenants)
		}
	}
	if !c.Some {
		c.Next().WriteString("1=1")
	}
}

// narrows reports whether the scope has more than tenants.
func (s *Store) narrows(scope []audit.Filter) bool {
	return slices.ContainsFunc(scope, func(f audit.Filter) bool {
		f.Tenants = nil
		b := s.newBuilder()
		b.Filter(f)
		return b.String() != "1=1"
	})
}

// exists writes that the scope has an entry of this value. As a subquery with a limit
// it is asked for each value, by the value's own index: EXISTS would be planned as
// a join, which may read the whole scope for each, or once for all.
func (w facetWalk) exists(b *sqlgen.Builder, f facet) {
	b.Add(" AND (SELECT 1 FROM ", w.table, " e", w.use(f.index), " WHERE e.", f.column, " = c.v")
	for _, col := range f.within {
		b.Add(" AND e.", col, " = c.", col)
	}
	b.WriteString(f.partial("e."))
	for _, term := range w.scope {
		b.WriteString(" AND ")
		b.Filter(term)
	}
	b.WriteString(" LIMIT 1) IS NOT NULL")
}
