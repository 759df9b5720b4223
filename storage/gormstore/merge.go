package gormstore

import (
	"slices"
	"strconv"

	"github.com/gormtrail/audit/storage/gormstore/internal/schema"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqlgen"
)

// merge writes the SELECT of a page's keys.
func (s *Store) merge(b *sqlgen.Builder, sel selection, p streams) error {
	var columns []string
	if !sel.unordered {
		columns = sel.order.Selected()
	}
	for _, key := range b.Traits.RowKey {
		if !slices.Contains(columns, key) {
			columns = append(columns, key)
		}
	}
	switch {
	case sel.order.Recorded():
		return s.recordedKeys(b, sel, p, columns)
	case p.tenants == nil:
		b.List(columns, "SELECT ", "")
		b.Add(" FROM ", s.quoted, " e WHERE ")
		return sel.writeTerms(b, p.terms)
	case p.count() == 1:
		return s.stream1(b, sel, p, columns)
	case p.joined:
		return s.join(b, sel, p, columns)
	case b.Traits.Lateral:
		return s.mergeLateral(b, sel, p, columns)
	}
	return s.mergeUnion(b, sel, p, columns)
}

// stream1 writes one tenant's stream of the first value.
func (s *Store) stream1(b *sqlgen.Builder, sel selection, p streams, columns []string) error {
	first := lead{}
	if p.leads != nil {
		first = p.leads[0]
	}
	b.List(columns, "SELECT ", "")
	b.Add(" FROM ", s.quoted)
	sel.order.OneTenant = true
	if (p.byTime || p.leads != nil || sel.order.Columns[0] == schema.ColTenant) && !p.ranged {
		b.WriteString(s.use(leadIndexes[first.column]))
	}
	b.WriteString(" WHERE tenant = ")
	b.Arg(p.tenants[0])
	if first.column != "" {
		b.Add(" AND ", first.partial(), first.column, " = ")
		b.Arg(first.values[0])
	}
	b.WriteString(" AND ")
	p.others(b)
	b.Hidden = p.leads != nil
	defer func() { b.Hidden = false }()
	return sel.writeTerms(b, p.terms)
}

func (s *Store) mergeUnion(b *sqlgen.Builder, sel selection, p streams, columns []string) error {
	union := ""
	for _, of := range p.each() {
		tenants, values := of.pairs()
		for i := range tenants {
			b.Add(union, "SELECT * FROM (")
			union = " UNION ALL "
			one := of
			one.tenants = tenants[i : i+1]
			if of.leads != nil {
				one.leads = []lead{{column: of.leads[0].column, values: values[i : i+1]}}
			}
			if err := s.stream1(b, sel, one, columns); err != nil {
				return err
			}
			b.WriteString(") stream")
		}
	}
	sel.end(b)
	return nil
}

// join writes the SELECT of the keys of all values' entries.
func (s *Store) join(b *sqlgen.Builder, sel selection, p streams, columns []string) error {
	for i, of := range p.each() {
		l := of.leads[0]
		b.Add([]string{"", " UNION ALL "}[min(i, 1)], "SELECT * FROM (")
		b.List(columns, "SELECT ", "")
		b.WriteString(" FROM ")
		l.table(b, "s")
		b.Add(" CROSS JOIN ", s.quoted, s.use(leadIndexes[l.column]), " WHERE tenant = s.of_tenant AND ", l.column, " = s.of_value AND ")
		of.others(b)
		b.Hidden = true
		err := sel.writeTerms(b, of.terms)
		b.Hidden = false
		if err != nil {
			return err
		}
		b.WriteString(") stream")
	}
	sel.end(b)
	return nil
}

// each is the plan of each lead by itself; what an earlier one has is no more in
// those behind it.
func (p streams) each() []streams {
	if len(p.leads) <= 1 {
		return []streams{p}
	}
	list := make([]streams, len(p.leads))
	for i, l := range p.leads {
		list[i] = p
		list[i].leads = []lead{l}
		list[i].except = p.leads[:i]
	}
	return list
}

// others writes that the entry is in no other stream.
func (p streams) others(b *sqlgen.Builder) {
	for _, l := range p.except {
		b.WriteString("NOT (")
		if l.tenants == nil {
			b.In(l.column, l.values)
		} else {
			b.Add("(tenant, ", l.column, ") IN (SELECT of_tenant, of_value FROM ")
			l.table(b, "pairs")
			b.WriteString(")")
		}
		b.WriteString(") AND ")
	}
}

// values are those of the plan's one lead, or a single one of none.
func (p streams) values() []string {
	if p.leads == nil {
		return []string{""}
	}
	return p.leads[0].values
}

// mergeLateral has one text and one plan for any number of streams.
func (s *Store) mergeLateral(b *sqlgen.Builder, sel selection, p streams, columns []string) error {
	for i, of := range p.each() {
		b.WriteString([]string{"", " UNION ALL "}[min(i, 1)])
		if err := s.lateral(b, sel, of, columns); err != nil {
			return err
		}
	}
	sel.end(b)
	return nil
}

// lateral writes the streams of one lead.
func (s *Store) lateral(b *sqlgen.Builder, sel selection, p streams, columns []string) error {
	tenants, values := p.pairs()
	b.List(columns, "SELECT ", "x.")
	b.WriteString(" FROM ")
	lead{values: values, tenants: tenants}.table(b, "s")
	b.WriteString(" CROSS JOIN LATERAL (")
	b.List(columns, "SELECT ", "")
	sel.order.OneTenant = true
	b.Add(" FROM ", s.quoted, " WHERE tenant = s.of_tenant AND ")
	if p.leads != nil {
		b.Add(p.leads[0].partial(), p.leads[0].column, " = s.of_value AND ")
	}
	p.others(b)
	b.Hidden = p.leads != nil
	err := sel.writeTerms(b, p.terms)
	b.Hidden = false
	b.WriteString(") x")
	return err
}

// end writes the order and limit of what is merged.
func (sel selection) end(b *sqlgen.Builder) {
	if !sel.unordered {
		b.WriteString(" ORDER BY ")
		sel.order.Merged().By(b, "")
	}
	b.Add(" LIMIT ", strconv.Itoa(sel.limit))
}

func (p streams) pairs() (tenants, values []string) {
	if p.exact() {
		return p.leads[0].tenants, p.leads[0].values
	}
	for _, t := range p.tenants {
		for _, v := range p.values() {
			tenants, values = append(tenants, t), append(values, v)
		}
	}
	return tenants, values
}
