package gormstore

import (
	"context"
	"slices"
	"strings"

	"github.com/gormtrail/audit"
)

// streams is a page's plan: for each pair of a tenant and a value of the lead
// column, an index has the entries in the page's order. The page is merged from
// the first entries of each. So no database has to choose between walking all
// entries by time and sorting all that match, whatever its statistics say. Where
// that makes too long a statement, the database plans for itself.
type streams struct {
	tenants []string // nil: one stream over all tenants
	lead    string   // a column; "": none
	values  []string
	terms   []audit.Filter // what remains of the filter's terms
	all     []audit.Filter // the terms as they were
	byTime  bool
	ranged  bool // a range of addresses may be better than the order's index
	listed  bool // tenants are all of the trail's, not the filter's
	few     bool // no streams: an index of their own finds the entries, or none does
}

func (p streams) count() int { return len(p.tenants) * max(1, len(p.values)) }

// alone: one index has the page as it is.
func (p streams) alone() bool {
	return p.byTime && !p.ranged && !p.few && (p.tenants == nil || p.count() == 1)
}

// partial is the lead's condition that lets an index of a part be used.
func (p streams) partial() string {
	if p.lead != colOutcome {
		return ""
	}
	return strings.TrimPrefix(failed, " WHERE ") + " AND "
}

// none: the trail has no tenant yet, or none of the filter's.
func (p streams) none() bool { return p.tenants != nil && len(p.tenants) == 0 }

// dropped is the plan without streams. An index that begins with the tenant still
// serves its lead, if all tenants are known.
func (p streams) dropped() streams {
	terms := p.all
	if p.listed && p.lead != "" && len(p.tenants) <= mostTenants {
		terms = append(terms, audit.Filter{Tenants: p.tenants})
	}
	return streams{terms: terms}
}

// mostTenants is how many tenants of a trail are asked for.
const mostTenants = 1000

// planStreams plans a page as far as the query says.
func (s *Store) planStreams(sel selection) streams {
	p := streams{terms: sel.filter.Terms(), all: sel.filter.Terms()}
	if sel.seek != "" || linked(p.all) {
		p.few = true // so few that their own index is the best
		return p
	}
	p.takeTenants()
	p.byTime = sel.order.sort.Key() == audit.SortTime
	if p.byTime {
		p.takeLead(s.opts, s.dialect.partialIndexes())
	} else if p.tenants == nil && !s.opts.has(leadIndexes[sel.order.columns[0]]) {
		p.terms, p.few = p.all, true // nothing to gain by streams that are sorted each
		return p
	}
	p.ranged = p.lead == "" && s.opts.has(IndexIP) && slices.ContainsFunc(p.terms, func(f audit.Filter) bool { return len(f.IPs) > 0 })
	return p
}

// linked reports whether a filter is of one transaction, or of one request.
func linked(terms []audit.Filter) bool {
	return slices.ContainsFunc(terms, func(f audit.Filter) bool { return f.TransactionID != "" || f.RequestID != "" })
}

// known reports whether the plan is complete. Where the filter names no tenant
// and the order or the lead needs one, all are asked for: another jump through
// an index.
func (p streams) known() bool { return p.few || p.tenants != nil || (p.byTime && p.lead == "") }

// onPlan runs fn with the selection's plan, unless the plan says that there is
// nothing, and with what its statements are to run on.
func (s *Store) onPlan(ctx context.Context, sel selection, fn func(querier, streams) error) error {
	p := s.planStreams(sel)
	if sel.seek != "" {
		return s.index.seeking(ctx, s.db, func(q querier) error { return fn(q, p) })
	}
	if p.known() && s.parts == nil {
		return s.onKnownPlan(ctx, s.db, sel, p, fn)
	}
	// The tenants and the page, and the page's windows, are of one snapshot, or an
	// entry of a tenant that is new would be missing beside others that were
	// committed with it.
	tx, err := s.db.BeginTx(ctx, s.dialect.snapshotOptions())
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

func (s *Store) onKnownPlan(ctx context.Context, q querier, sel selection, p streams, fn func(querier, streams) error) error {
	if p.none() {
		return s.checkMigrated(ctx, q)
	}
	if p.count() > s.dialect.maxStreams() {
		return fn(q, p.dropped())
	}
	b := s.newBuilder()
	if err := s.merge(b, sel, p); err != nil {
		return err
	}
	if len(b.args) > s.dialect.maxStreamArgs() {
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

// leadIndexes are the kinds of the indexes that begin with the tenant, the lead
// and the time.
var leadIndexes = map[string]Index{
	"": indexTenant, "object_key": "object", "ip_key": IndexIP, "actor_user": IndexUser, "object_type": IndexType, "action": IndexAction, colOutcome: indexOutcome,
}

// takeLead takes the list that leaves the fewest entries, as far as one can say
// without looking: a record has fewer than an address, an address fewer than a
// user, and so on.
func (p *streams) takeLead(opts Options, partial bool) {
	for _, lead := range []struct {
		column string
		take   func(*audit.Filter) []string
	}{
		{"object_key", func(f *audit.Filter) []string { return objectKeys(take(&f.ObjectIDs)) }},
		{"ip_key", takeAddresses},
		{"actor_user", func(f *audit.Filter) []string { return take(&f.Users) }},
		{colOutcome, takeFailures},
		{"object_type", func(f *audit.Filter) []string { return take(&f.ObjectTypes) }},
		{"action", func(f *audit.Filter) []string { return take(&f.Actions) }},
	} {
		if !opts.has(leadIndexes[lead.column]) || lead.column == colOutcome && !partial {
			continue
		}
		for i := range p.terms {
			if list := lead.take(&p.terms[i]); len(list) > 0 {
				p.lead, p.values = lead.column, distinct(list)
				return
			}
		}
	}
}

func take(list *[]string) []string {
	l := *list
	*list = nil
	return l
}

// takeFailures takes the list only if success is not in it: most entries are.
func takeFailures(f *audit.Filter) []string {
	list := outcomes(f.Outcomes)
	if slices.Contains(list, string(audit.Success)) {
		return nil
	}
	f.Outcomes = nil
	return list
}

// takeAddresses takes the list only if it has no prefix: a range of addresses is
// in no order of time.
func takeAddresses(f *audit.Filter) []string {
	var keys []string
	for _, ip := range f.IPs {
		lo, hi, err := audit.IPRange(ip)
		if err != nil || lo != hi {
			return nil
		}
		keys = append(keys, lo)
	}
	f.IPs = nil
	return keys
}

// distinct: a value that is named twice must not be told twice.
func distinct(list []string) []string {
	list = slices.Clone(list)
	slices.Sort(list)
	return slices.Compact(list)
}

// tenants are all tenants of the trail, at most so many.
func (s *Store) tenants(ctx context.Context, q querier, most int) ([]string, error) {
	b := s.newBuilder()
	w := s.walkOf(nil)
	w.jumps(b, facets[:1])
	b.WriteString(" SELECT c.v FROM ")
	w.found(b, facets[0])
	b.add(" c WHERE c.v IS NOT NULL LIMIT ", itoa(most))
	rows, err := s.rowsOn(ctx, q, b)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	list := []string{}
	for rows.Next() {
		var v string
		if err := rows.Scan(&v); err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, s.translate(ctx, rows.Err())
}

// merge writes the SELECT of a page's keys.
func (s *Store) merge(b *builder, sel selection, p streams) error {
	columns := slices.Clone(sel.order.columns)
	for _, key := range b.dialect.rowKey() {
		if !slices.Contains(columns, key) {
			columns = append(columns, key)
		}
	}
	switch {
	case p.tenants == nil:
		b.list(columns, "SELECT ", "")
		b.WriteString(" FROM ")
		s.from(b, sel)
		b.WriteString(" WHERE ")
		return sel.writeTerms(b, p.terms)
	case p.count() == 1:
		return s.stream1(b, sel, p, columns)
	case b.dialect.lateral():
		return s.mergeLateral(b, sel, p, columns)
	}
	return s.mergeUnion(b, sel, p, columns)
}

// list writes columns, each behind the prefix.
func (b *builder) list(columns []string, before, prefix string) {
	for i, c := range columns {
		b.add([]string{before, ", "}[min(i, 1)], prefix, c)
	}
}

// stream1 writes one tenant's stream of the first value.
func (s *Store) stream1(b *builder, sel selection, p streams, columns []string) error {
	b.list(columns, "SELECT ", "")
	b.add(" FROM ", s.quoted)
	if p.byTime && !p.ranged {
		b.WriteString(s.dialect.use(string(leadIndexes[p.lead])))
	}
	b.WriteString(" WHERE tenant = ")
	b.arg(p.tenants[0])
	if p.lead != "" {
		b.add(" AND ", p.partial(), p.lead, " = ")
		b.arg(p.values[0])
	}
	b.WriteString(" AND ")
	return sel.writeTerms(b, p.terms)
}

func (s *Store) mergeUnion(b *builder, sel selection, p streams, columns []string) error {
	values := p.values
	if p.lead == "" {
		values = []string{""}
	}
	for i, tenant := range p.tenants {
		for j, v := range values {
			if i+j > 0 {
				b.WriteString(" UNION ALL ")
			}
			b.WriteString("SELECT * FROM (")
			one := streams{tenants: []string{tenant}, lead: p.lead, values: []string{v}, terms: p.terms, byTime: p.byTime, ranged: p.ranged}
			if err := s.stream1(b, sel, one, columns); err != nil {
				return err
			}
			b.WriteString(") stream")
		}
	}
	sel.end(b, "")
	return nil
}

// mergeLateral has one text and one plan for any number of streams.
func (s *Store) mergeLateral(b *builder, sel selection, p streams, columns []string) error {
	tenants, values := p.pairs()
	b.list(columns, "SELECT ", "x.")
	b.WriteString(" FROM unnest(")
	b.arg(arrayText(tenants))
	b.WriteString("::text[], ")
	b.arg(arrayText(values))
	b.WriteString("::text[]) AS s (of_tenant, of_value) CROSS JOIN LATERAL (")
	b.list(columns, "SELECT ", "")
	b.add(" FROM ", s.quoted, " WHERE tenant = s.of_tenant AND ")
	if p.lead != "" {
		b.add(p.partial(), p.lead, " = s.of_value AND ")
	}
	if err := sel.writeTerms(b, p.terms); err != nil {
		return err
	}
	b.WriteString(") x")
	sel.end(b, "x.")
	return nil
}

// end writes the order and limit of what is merged.
func (sel selection) end(b *builder, prefix string) {
	if !sel.unordered {
		b.WriteString(" ORDER BY ")
		sel.order.by(b, prefix)
	}
	b.add(" LIMIT ", itoa(sel.limit))
}

func (p streams) pairs() (tenants, values []string) {
	for _, t := range p.tenants {
		for _, v := range p.values {
			tenants, values = append(tenants, t), append(values, v)
		}
		if p.lead == "" {
			tenants, values = append(tenants, t), append(values, "")
		}
	}
	return tenants, values
}
