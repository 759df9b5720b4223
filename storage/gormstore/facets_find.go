package gormstore

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage"
	"github.com/gormtrail/audit/storage/gormstore/internal/row"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqldb"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqlgen"
)

// facetParams are the parameters of facets, in their order.
var facetParams = [facetCount]string{"tenant", "project", "action", "type", "user", "product", "actor_type", "outcome", "on_behalf_of"}

// search is what a FacetQuery looks for.
type search struct {
	facets []facet
	needle string // folded; "": any value
	limit  int
}

func newSearch(q audit.FacetQuery) search {
	s := search{needle: storage.Fold(storage.CleanText(q.Find)), limit: q.Limit}
	for i, f := range facets {
		if q.Name == "" || q.Name == facetParams[i] {
			s.facets = append(s.facets, f)
		}
	}
	return s
}

func (s search) matches(value string) bool {
	return value != "" && (s.needle == "" || strings.Contains(storage.Fold(value), s.needle))
}

// FindFacets returns some values of facets (audit.FacetFinder): those that the table
// of values has, and those of newer entries. If that table is more than 20,000
// entries behind, it jumps through the indexes until it has found enough; it doesn't
// bring the table up to date then, as Facets and Refresh do.
func (s *Store) FindFacets(ctx context.Context, q audit.FacetQuery) (audit.Facets, error) {
	if err := q.Validate(); err != nil {
		return audit.Facets{}, err
	}
	s, err := s.ready(ctx, s.db)
	if err != nil {
		return audit.Facets{}, err
	}
	scope, want := facetScope(q.Filter), newSearch(q)
	sel := selection{filter: allOf(scope), order: sqlgen.IndexedOrder(audit.Newest)}
	if sel.sought, err = s.seek(ctx, sel); err != nil {
		return audit.Facets{}, err
	}
	if found, ok, err := s.shortFacets(ctx, sel); ok || err != nil {
		lists := facetLists{}
		lists.addSome(want, valuesOfFacets(found))
		return lists.facets(), err
	}
	found, err := s.someFacets(ctx, scope, want)
	return found, s.translate(ctx, err)
}

func (s *Store) someFacets(ctx context.Context, scope []audit.Filter, want search) (audit.Facets, error) {
	lists := facetLists{}
	if s.schema.Values {
		k, ok, err := s.readCheckpoint(ctx, facetsProjection)
		if err != nil {
			return audit.Facets{}, err
		}
		if ok && k.position != "" && k.behind() <= s.mostBehind {
			err := s.someKept(ctx, k, scope, want, lists)
			if !errors.Is(err, audit.ErrBadCursor) { // else the database was restored, or is another one
				return lists.facets(), err
			}
		}
	}
	if err := s.walkSome(ctx, scope, want, lists); err != nil {
		return audit.Facets{}, err
	}
	return lists.facets(), nil
}

// walkSome looks among the entries.
func (s *Store) walkSome(ctx context.Context, scope []audit.Filter, want search, lists facetLists) error {
	for _, f := range want.facets {
		err := s.tables.Each(ctx, s.db, func(q sqldb.Queryer, table string) error {
			w := s.walkOf(scope)
			w.table = table
			return s.readSome(ctx, q, f, w, want, lists)
		})
		if err != nil && !errors.Is(err, errEnough) {
			return err
		}
	}
	return nil
}

// someKept reads the table of values, and the entries behind it.
func (s *Store) someKept(ctx context.Context, k checkpoint, scope []audit.Filter, want search, lists facetLists) error {
	next := k
	news, matching, err := s.readNews(ctx, &next, scope)
	if err != nil {
		return err
	}
	w := s.walkOf(scope)
	w.ofKept = true
	for _, f := range want.facets {
		err := s.engine.InSkipScanTx(ctx, s.db, func(q sqldb.Queryer) error { return s.readSome(ctx, q, f, w, want, lists) })
		if err != nil && !errors.Is(err, errEnough) {
			return err
		}
	}
	lists.addSome(want, matching.values)
	if news.entries >= s.foldAfter {
		_ = s.fold(ctx, next, news.without(keptValues{}), nil)
	}
	return nil
}

// errEnough ends a walk: enough values are found, and the connection may be closed.
var errEnough = errors.New("gormstore: enough values are found")

// readSome reads a facet's values until enough are found. Of a walk over entries, a server computes all rows even if nobody reads
// them, unless it is cancelled, which closes the connection.
func (s *Store) readSome(ctx context.Context, q sqldb.Queryer, f facet, w facetWalk, want search, lists facetLists) error {
	b := s.newBuilder()
	walks := !w.ofKept || s.narrows(w.scope)
	if walks {
		w.some(b, f, want)
	} else {
		w.someOfTable(b, f, want)
	}
	if err := s.checkArgs(b); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	rows, err := q.QueryContext(ctx, b.String(), b.Args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	var value row.TextColumn
	for len(lists[f.column]) < want.limit && rows.Next() {
		if err := rows.Scan(&value); err != nil {
			return err
		}
		if want.matches(string(value)) {
			lists.put(f.column, string(value))
		}
	}
	if walks && len(lists[f.column]) >= want.limit {
		if !s.traits.InProcess {
			cancel()
		}
		return errEnough
	}
	return rows.Err()
}

// some writes the SELECT of a facet's values in the scope, found among the entries
// or, of kept ones, each asked for whether the scope has an entry of it. Without a
// limit of rows, a database in another process would compute all of them.
func (w facetWalk) some(b *sqlgen.Builder, f facet, want search) {
	w.jumps(b, w.lineage(f))
	b.WriteString(" SELECT c.v FROM ")
	w.found(b, f)
	b.WriteString(" c WHERE c.v <> ''")
	if w.narrows(w.scope) && w.schema.Has(f.index) {
		w.exists(b, f)
	}
	w.atMost(b, want, len(f.within) == 0)
}

// lineage is a facet behind those that it is found within.
func (w facetWalk) lineage(f facet) []facet {
	if f.parent == "" {
		return []facet{f}
	}
	return append(w.lineage(parentOf(f)), f)
}

// someOfTable writes the SELECT of a facet's values in the table of them, for a
// scope of tenants only.
func (w facetWalk) someOfTable(b *sqlgen.Builder, f facet, want search) {
	if ofAllTenants(w.scope) && want.needle == "" && !w.traits.LooseScan {
		of := " FROM " + w.quotedFacets() + " WHERE facet = '" + f.column + "'"
		b.Add("WITH RECURSIVE ", w.queryName(f), " (v) AS (SELECT (SELECT min(value)", of, ")",
			" UNION ALL SELECT (SELECT min(value)", of, " AND value > c.v) FROM ", w.queryName(f), " c WHERE c.v IS NOT NULL)",
			" SELECT v FROM ", w.queryName(f), " WHERE v IS NOT NULL AND v <> ''")
		w.atMost(b, want, true)
		return
	}
	b.Add("SELECT DISTINCT value FROM ", w.quotedFacets(), " e WHERE facet = '", f.column, "' AND value <> ''")
	w.tenantsOnly(&sqlgen.Conjunction{Builder: b, Some: true})
	w.atMost(b, want, true)
}

// atMost bounds the rows if each is another value and any will do.
func (w facetWalk) atMost(b *sqlgen.Builder, want search, distinct bool) {
	if distinct && want.needle == "" {
		b.Add(" LIMIT ", strconv.Itoa(want.limit))
	}
}

// addSome adds the values that match, up to the limit.
func (l facetLists) addSome(want search, values map[keptValue]struct{}) {
	for _, f := range want.facets {
		for k := range values {
			if k.facet == f.column && want.matches(k.value) && len(l[f.column]) < want.limit {
				l.put(f.column, k.value)
			}
		}
	}
}

func valuesOfFacets(f audit.Facets) map[keptValue]struct{} {
	values := map[keptValue]struct{}{}
	for i, list := range [facetCount][]string{f.Tenants, f.Projects, f.Actions, f.ObjectTypes, f.Users, f.Products, f.ActorTypes, f.Outcomes, f.OnBehalfOf} {
		for _, v := range list {
			values[keptValue{facet: facets[i].column, value: v}] = struct{}{}
		}
	}
	return values
}
