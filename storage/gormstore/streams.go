package gormstore

import (
	"context"
	"slices"
	"strconv"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/gormstore/internal/row"
	"github.com/gormtrail/audit/storage/gormstore/internal/schema"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqldb"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqlgen"
)

// streams is a page's plan: for each pair of a tenant and a value of the lead
// column, an index has the entries in the page's order. The page is merged from
// the first entries of each. So no database has to choose between walking all
// entries by time and sorting all that match, whatever its statistics say. Where
// that makes too long a statement, the database plans for itself.
type streams struct {
	tenants []string       // nil: one stream over all tenants
	leads   []lead         // what each entry has one of; nil: no such
	except  []lead         // what it has none of, since other streams have it
	terms   []audit.Filter // what remains of the filter's terms
	all     []audit.Filter // the terms as they were
	byTime  bool
	ranged  bool // a range of addresses may be better than the order's index
	listed  bool // tenants are all of the trail's, not the filter's
	joined  bool // the values' entries are read whole, and sorted
	few     bool // no streams: an index of their own finds the entries, or none does
	// other is the plan to be taken unless this one's streams are short: they have
	// another order than the page, or a lead that may have any number of entries.
	other  *streams
	bounds []bound // of all streams, if there are none
}

// bound is how many entries some leads of a plan may have.
type bound struct {
	leads []lead
	most  int
}

func (p streams) count() int {
	if p.leads == nil {
		return len(p.tenants)
	}
	n := 0
	for _, l := range p.leads {
		if l.tenants != nil {
			n += len(l.values)
		} else {
			n += len(p.tenants) * len(l.values)
		}
	}
	return n
}

// alone: one index has the page as it is.
func (p streams) alone() bool {
	return p.byTime && !p.ranged && !p.few && (p.tenants == nil || p.count() == 1)
}

// partial is the lead's condition that lets an index of a part be used.
func (l lead) partial() string {
	switch {
	case l.column == schema.ColOutcome:
		return schema.Failed + " AND "
	case schema.PartlyIndexed[l.column]:
		return l.column + " <> '' AND "
	}
	return ""
}

// none: the trail has no tenant yet, or none of the filter's.
func (p streams) none() bool { return p.tenants != nil && len(p.tenants) == 0 }

// dropped is the plan without streams. An index that begins with the tenant still
// serves its lead, if all tenants are known.
func (p streams) dropped() streams {
	terms := p.all
	if p.listed && p.leads != nil && len(p.tenants) <= mostTenants {
		terms = append(terms, audit.Filter{Tenants: p.tenants})
	}
	return streams{terms: terms}
}

// mostTenants is how many tenants of a trail are asked for.
const mostTenants = 1000

// tooMany reports whether a page can't be merged of the streams. Of a trail of more
// tenants than are asked for, some are not in the list.
func (s *Store) tooMany(p streams) bool {
	most := s.traits.MaxStreams
	if p.joined {
		most = mostTexts
	}
	return p.count() > most || p.listed && len(p.tenants) > mostTenants
}

// planStreams plans a page as far as the query says.
func (s *Store) planStreams(sel selection) streams {
	p := streams{terms: sel.filter.Terms(), all: sel.filter.Terms()}
	if linked(p.all) {
		p.few = true // so few that their own index is the best
		return p
	}
	if sel.sought != nil {
		return s.planSought(sel, p)
	}
	if sel.order.Recorded() {
		return s.planRecorded(p)
	}
	p.takeTenants()
	if sel.order.Sort.Key() == audit.SortTime {
		p.byTime = true
		s.planLead(&p)
		return p
	}
	byKey := p.clone()
	if p.tenants == nil && (sel.order.Key != "" || !s.schema.Has(leadIndexes[sel.order.Columns[0]])) {
		byKey.terms, byKey.few = p.all, true // nothing to gain by streams that are sorted each
	}
	if p.takeLead(s.leadColumns()); p.leads == nil {
		return byKey
	}
	p.other = &byKey
	return p
}

// planSought plans a page of the streams that a keyword was found in. What the rest
// of the filter leads to may be shorter. By time nothing else can be better than
// streams, but for all at once, for so many that they can't be merged, or where a
// walk comes upon the keyword sooner than a long stream of other texts.
func (s *Store) planSought(sel selection, p streams) streams {
	p.takeTenants() // what was found is of these
	so := sel.sought
	p.leads, p.tenants = so.leads, so.tenants
	p.byTime = sel.order.Sort.Key() == audit.SortTime
	p.joined = !s.mergeable(sel, p)
	most := s.shortOf(sel)
	sel.sought = nil
	other := s.planStreams(sel)
	if !p.byTime || other.leads != nil || sel.limit == 0 || p.joined {
		p.bounds = append(p.bounds, bound{so.leads, most})
	}
	if so.mixed != nil && so.near {
		p.bounds = append(p.bounds, bound{so.mixed, s.shortStreams})
	}
	if p.bounds != nil {
		p.other = &other
	}
	return p
}

// mergeable reports whether a page can be merged of the plan's streams.
func (s *Store) mergeable(sel selection, p streams) bool {
	if p.count() > s.traits.MaxStreams {
		return false
	}
	b := s.newBuilder()
	return p.none() || s.merge(b, sel, p) == nil && len(b.Args) <= s.traits.MaxStreamArgs
}

// planLead takes the lead of a page by time. A project has the rest of the filter
// beside it.
func (s *Store) planLead(p *streams) {
	other, columns := p.clone(), s.leadColumns()
	p.takeLead(columns)
	if len(p.leads) == 1 && p.leads[0].column == schema.ColProject {
		other.takeLead(slices.DeleteFunc(columns, func(c leadColumn) bool { return c.name == schema.ColProject }))
		if other.leads != nil {
			p.other = &other
		}
	}
	p.ranged = p.leads == nil && s.schema.Has(IndexIP) && slices.ContainsFunc(p.terms, func(f audit.Filter) bool { return len(f.IPs) > 0 })
}

// clone: lists are taken out of a plan's terms.
func (p streams) clone() streams {
	p.terms = slices.Clone(p.terms)
	return p
}

// linked reports whether a filter is of a transaction or a request, or of several.
func linked(terms []audit.Filter) bool {
	return slices.ContainsFunc(terms, func(f audit.Filter) bool {
		return f.TransactionID != "" || f.RequestID != "" || slices.ContainsFunc(f.Not, func(n audit.Filter) bool {
			any := sqlgen.Alternatives(n)
			return any != nil && !slices.ContainsFunc(any, func(f audit.Filter) bool { return !linked(f.Terms()) })
		})
	})
}

// known reports whether the plan is complete. Where the filter names no tenant
// and the order or the lead needs one, all are asked for: another jump through
// an index.
func (p streams) known() bool { return p.few || p.tenants != nil || (p.byTime && p.leads == nil) }

// onPlan runs fn with the selection's plan, unless the plan says that there is
// nothing, and with what its statements are to run on.
func (s *Store) onPlan(ctx context.Context, sel selection, fn func(sqldb.Queryer, streams) error) error {
	p := s.planStreams(sel)
	if p.known() && !s.tables.Several() {
		return s.onKnownPlan(ctx, s.db, sel, p, fn)
	}
	// The tenants and the page, and the page's windows, are of one snapshot, or an
	// entry of a tenant that is new would be missing beside others that were
	// committed with it.
	tx, err := s.db.BeginTx(ctx, s.engine.SnapshotOptions)
	if err != nil {
		return s.translate(ctx, err)
	}
	defer func() { _ = tx.Rollback() }() // it only read
	if !p.known() {
		if p.tenants, err = s.tenants(ctx, tx, mostTenants+1); err != nil {
			return err
		}
		p.listed = true
	}
	return s.onKnownPlan(ctx, tx, sel, p, fn)
}

// choose returns the plan, or the other one if this one's streams are long.
func (s *Store) choose(ctx context.Context, q sqldb.Queryer, sel selection, p streams) (streams, error) {
	if p.other == nil {
		return p, nil
	}
	other := *p.other
	if !other.known() {
		other.tenants, other.listed = p.tenants, p.listed
	}
	// Planning a statement over all months takes longer than most pages; less long
	// than what a keyword is looked for in.
	if s.tables.Several() && sel.sought == nil || s.tooMany(p) {
		return other, nil
	}
	if p.bounds == nil {
		p.bounds = []bound{{p.leads, s.shortStreams}}
	}
	for _, of := range p.bounds {
		weighed := p
		weighed.leads = of.leads
		if weighed.exact() {
			weighed.tenants = tenantsOf(of.leads)
		}
		size, err := s.sizeOf(ctx, q, sel, weighed, of.most+1)
		if err != nil || size > of.most {
			return other, err
		}
	}
	p.other = nil
	return p, nil
}

// shortStreams is how many entries a plan may have to read, or to sort, that
// another one might not.
const shortStreams = 5000

// shortOf is how many entries are few for a selection. What a keyword was found by is
// better sorted than looked for along an order that isn't that of time: it may all
// be at the order's end.
func (s *Store) shortOf(sel selection) int {
	if sel.sought != nil && (sel.limit == 0 || sel.unordered || sel.order.Sort.Key() != audit.SortTime) {
		return 20 * s.shortStreams
	}
	return s.shortStreams
}

// sizeOf counts the entries of a plan's streams in the filter's range of time, up
// to most, by an index alone.
func (s *Store) sizeOf(ctx context.Context, q sqldb.Queryer, sel selection, p streams, most int) (int, error) {
	p.terms = slices.Clone(p.terms)
	for i, term := range p.terms {
		p.terms[i] = audit.Filter{From: term.From, To: term.To}
	}
	p.byTime = true
	b := s.newBuilder()
	b.WriteString("SELECT count(*) FROM (")
	if err := s.merge(b, selection{filter: sel.filter, order: sqlgen.IndexedOrder(audit.SortTime), limit: most, unordered: true}, p); err != nil {
		return 0, err
	}
	b.WriteString(") short")
	return s.numberOf(ctx, q, b)
}

func (s *Store) onKnownPlan(ctx context.Context, q sqldb.Queryer, sel selection, p streams, fn func(sqldb.Queryer, streams) error) error {
	if p.none() {
		return s.checkMigrated(ctx, q)
	}
	p, err := s.choose(ctx, q, sel, p)
	if err != nil {
		return err
	}
	if s.tooMany(p) {
		return fn(q, p.dropped())
	}
	if !p.joined && !s.mergeable(sel, p) {
		p = p.dropped()
	}
	return fn(q, p)
}

// takeTenants takes the tenants that are in the lists of all terms that have one.
func (p *streams) takeTenants() {
	for i := range p.terms {
		list := distinct(take(&p.terms[i].Tenants))
		switch {
		case len(list) == 0:
		case p.tenants == nil:
			p.tenants = list
		default:
			p.tenants = slices.DeleteFunc(p.tenants, func(t string) bool {
				_, in := slices.BinarySearch(list, t)
				return !in
			})
		}
	}
}

// tenants are all tenants of the trail, at most so many.
func (s *Store) tenants(ctx context.Context, q sqldb.Queryer, most int) ([]string, error) {
	b := s.newBuilder()
	w := s.walkOf(nil)
	w.jumps(b, facets[:1])
	b.WriteString(" SELECT c.v FROM ")
	w.found(b, facets[0])
	b.Add(" c WHERE c.v IS NOT NULL LIMIT ", strconv.Itoa(most))
	rows, err := s.rowsOn(ctx, q, b)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	list := []string{}
	var v row.RawColumn
	for rows.Next() {
		if err := rows.Scan(&v); err != nil {
			return nil, err
		}
		tenant, ok := v.Text(row.Format(s.database))
		if !ok {
			return make([]string, most), nil // damaged: by no text is its entry found, so they aren't walked one by one
		}
		list = append(list, tenant)
	}
	return list, s.translate(ctx, rows.Err())
}
