package gormstore

import (
	"context"
	"database/sql"
	"errors"
	"slices"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage"
	"github.com/gormtrail/audit/storage/gormstore/internal/row"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqldb"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqlgen"
)

// keptValue is a value that a tenant's entries have in the column of a facet. Empty
// ones are no facets, but others may lie within them.
type keptValue struct{ facet, tenant, value string }

// keptValues are values, and how many entries they were read of.
type keptValues struct {
	values  map[keptValue]struct{}
	entries int
}

const (
	// foldAfter is how many entries are read again before they are folded in.
	foldAfter = 1000
	// mostBehind is how many entries are read: more take longer than looking for all
	// values of a tenant.
	mostBehind = 20_000
	// tailStep is how many are read at a time.
	tailStep = 5000
)

// keeps reports whether the store keeps values. Where an index of a facet is left
// out it doesn't: whether a value's last entry was purged could only be told by
// reading all of the tenant's.
func (o Options) keeps() bool {
	return !slices.ContainsFunc(facets, func(f facet) bool { return slices.Contains(o.Without, f.index) })
}

func (s *Store) quotedFacets() string { return s.table.In(s.table.Facets(), s.traits.Quote) }

// keptFacets are the facets of what is kept, and of what is newer.
func (s *Store) keptFacets(ctx context.Context, scope []audit.Filter) (audit.Facets, error) {
	k, ok, err := s.readCheckpoint(ctx, facetsProjection)
	if err != nil {
		return audit.Facets{}, err
	}
	if !ok || k.position == "" || k.behind() > s.mostBehind {
		return s.keptAnew(ctx, k, scope)
	}
	next := k
	news, matching, err := s.readNews(ctx, &next, scope)
	if errors.Is(err, audit.ErrBadCursor) { // the database was restored, or is another one
		return s.keptAnew(ctx, k, scope)
	}
	if err != nil {
		return audit.Facets{}, err
	}
	lists := facetLists{}
	lists.add(matching)
	err = s.engine.InSkipScanTx(ctx, s.db, func(q sqldb.Queryer) error {
		return s.readFacets(ctx, q, s.keptStatement(scope), lists)
	})
	if err != nil {
		return audit.Facets{}, err
	}
	if news.entries >= s.foldAfter {
		_ = s.fold(ctx, next, news.without(keptValues{}), nil)
	}
	return lists.facets(), nil
}

// readNews reads the entries behind the place, and moves it.
func (s *Store) readNews(ctx context.Context, k *checkpoint, scope []audit.Filter) (all, matching keptValues, err error) {
	all.values, matching.values = map[keptValue]struct{}{}, map[keptValue]struct{}{}
	filter := allOf(scope)
	sel := selection{limit: tailStep, brief: !s.narrows(scope)}
	for {
		entries, next, err := s.tail(ctx, sel, k.position)
		if err != nil {
			return all, matching, err
		}
		for i := range entries {
			all.add(&entries[i])
			if filter.Match(entries[i]) {
				matching.add(&entries[i])
			}
		}
		k.position = next
		if len(entries) < tailStep {
			return all, matching, nil
		}
	}
}

func (v *keptValues) add(e *audit.Entry) {
	v.entries++
	for i, value := range facetValues(e) {
		v.values[keptValue{facets[i].column, e.Tenant, value}] = struct{}{}
	}
}

// facetValues are the entry's values in the order of facets.
func facetValues(e *audit.Entry) [facetCount]string {
	return [facetCount]string{e.Tenant, e.Project, e.Action, e.Object.Type, e.Actor.User(), e.Object.Product, e.Actor.Type, string(e.Outcome), e.OnBehalfOfUser()}
}

// keptStatement reads what is kept of the scope. Of one that is more than tenants
// it asks for each value whether the scope has an entry of it.
func (s *Store) keptStatement(scope []audit.Filter) *sqlgen.Builder {
	w := s.walkOf(scope)
	w.ofKept = true
	switch {
	case s.narrows(scope):
		return w.values()
	case ofAllTenants(scope):
		return s.allKept()
	}
	b := s.newBuilder()
	b.Add("SELECT DISTINCT facet, value FROM ", s.quotedFacets(), " e WHERE ")
	w.tenantsOnly(&sqlgen.Conjunction{Builder: b})
	return b
}

func ofAllTenants(scope []audit.Filter) bool {
	return !slices.ContainsFunc(scope, func(f audit.Filter) bool { return len(f.Tenants) > 0 })
}

// allKept jumps from value to value, whatever tenants have it.
func (s *Store) allKept() *sqlgen.Builder {
	b, values := s.newBuilder(), s.quotedFacets()
	if s.traits.LooseScan {
		b.Add("SELECT DISTINCT facet, value FROM ", values)
		return b
	}
	for i, f := range facets {
		of := " FROM " + values + " WHERE facet = '" + f.column + "'"
		b.Add([]string{"WITH RECURSIVE ", ", "}[min(i, 1)], s.queryName(f), " (v) AS (SELECT (SELECT min(value)", of, ")",
			" UNION ALL SELECT (SELECT min(value)", of, " AND value > c.v) FROM ", s.queryName(f), " c WHERE c.v IS NOT NULL)")
	}
	for i, f := range facets {
		b.Add([]string{" ", " UNION ALL "}[min(i, 1)], "SELECT '", f.column, "' AS facet, v FROM ", s.queryName(f), " WHERE v IS NOT NULL")
	}
	return b
}

// facetLists are the values found, by the facets' columns.
type facetLists map[string]map[string]struct{}

// put adds a value; an empty one is none.
func (l facetLists) put(facet, value string) {
	switch {
	case value == "":
		return
	case l[facet] == nil:
		l[facet] = map[string]struct{}{}
	}
	l[facet][value] = struct{}{}
}

func (l facetLists) add(v keptValues) {
	for k := range v.values {
		l.put(k.facet, k.value)
	}
}

func (l facetLists) facets() audit.Facets {
	var lists [facetCount][]string
	for i, f := range facets {
		lists[i] = make([]string, 0, len(l[f.column]))
		for v := range l[f.column] {
			lists[i] = append(lists[i], v)
		}
		slices.Sort(lists[i])
	}
	return audit.Facets{
		Tenants: lists[0], Projects: lists[1], Actions: lists[2], ObjectTypes: lists[3],
		Users: lists[4], Products: lists[5], ActorTypes: lists[6], Outcomes: lists[7], OnBehalfOf: lists[8],
	}
}

// readFacets adds what a statement of facets' columns and values finds.
func (s *Store) readFacets(ctx context.Context, q sqldb.Queryer, b *sqlgen.Builder, lists facetLists) error {
	if err := s.checkArgs(b); err != nil {
		return err
	}
	rows, err := q.QueryContext(ctx, b.String(), b.Args...)
	if err != nil {
		return err
	}
	return lists.read(rows)
}

func (l facetLists) read(rows *sql.Rows) error {
	defer rows.Close()
	var facet, value row.TextColumn
	for rows.Next() {
		if err := rows.Scan(&facet, &value); err != nil {
			return err
		}
		l.put(string(facet), storage.CleanText(string(value)))
	}
	return rows.Err()
}
