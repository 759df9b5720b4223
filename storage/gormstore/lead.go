package gormstore

import (
	"slices"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage"
	"github.com/gormtrail/audit/storage/gormstore/internal/schema"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqlgen"
)

// lead is a column that an index has behind the tenant and before the time, and
// the values of it that the filter names.
type lead struct {
	column string
	values []string
	// tenants are those of the values, one by one; nil: each tenant of the plan.
	tenants []string
}

// exact reports whether the plan is of pairs of a tenant and a value.
func (p streams) exact() bool { return p.leads != nil && p.leads[0].tenants != nil }

// tenantsOf are all of their tenants.
func tenantsOf(leads []lead) []string {
	tenants := []string{}
	for _, l := range leads {
		tenants = append(tenants, l.tenants...)
	}
	return distinct(tenants)
}

// table writes a table of the lead's tenants and values.
func (l lead) table(b *sqlgen.Builder, name string) {
	rows := make([][]string, len(l.values))
	for i, v := range l.values {
		rows[i] = []string{l.tenants[i], v}
	}
	b.Table(name, []string{"of_tenant", "of_value"}, rows)
}

// leadIndexes are the indexes that begin with the tenant, the lead and the time.
var leadIndexes = map[string]Index{
	"": schema.IndexTenant, schema.ColTenant: schema.IndexTenant, schema.ColObject: schema.IndexObject, schema.ColIP: IndexIP, schema.ColUser: IndexUser, schema.ColActor: IndexActor, schema.ColBehalf: IndexBehalf,
	"object_type": IndexType, schema.ColAction: IndexAction, schema.ColProject: IndexProject, schema.ColOutcome: schema.IndexOutcome,
}

// leadColumn is a column that may lead, and takes its list out of a filter.
type leadColumn struct {
	name string
	take func(*audit.Filter) []string
}

// leadColumns are in the order of how few entries a value of theirs has, as far as
// one can say without looking: a record has fewer than an address, an address
// fewer than a user, and so on. A project may have any number.
var leadColumns = []leadColumn{
	{schema.ColObject, func(f *audit.Filter) []string { return sqlgen.ObjectKeys(take(&f.ObjectIDs)) }},
	{schema.ColIP, takeAddresses},
	{schema.ColBehalf, func(f *audit.Filter) []string { return takeNamed(&f.OnBehalfOf) }},
	{schema.ColProject, func(f *audit.Filter) []string { return takeNamed(&f.Projects) }},
	{schema.ColUser, func(f *audit.Filter) []string { return take(&f.Users) }},
	{schema.ColActor, func(f *audit.Filter) []string { return takeNamed(&f.ActorIDs) }},
	{schema.ColOutcome, takeFailures},
	{"object_type", func(f *audit.Filter) []string { return take(&f.ObjectTypes) }},
	{schema.ColAction, func(f *audit.Filter) []string { return take(&f.Actions) }},
}

// leadColumns are those that the table has an index for.
func (s *Store) leadColumns() []leadColumn {
	return slices.DeleteFunc(slices.Clone(leadColumns), func(c leadColumn) bool {
		return !s.schema.Has(leadIndexes[c.name]) || c.name == schema.ColOutcome && !s.traits.PartialIndexes
	})
}

// takeLead takes the list of the first column that has one, or alternatives of
// which each has one no later.
func (p *streams) takeLead(columns []leadColumn) {
	for n, c := range columns {
		for i := range p.terms {
			if list := c.take(&p.terms[i]); len(list) > 0 {
				p.leads = []lead{{column: c.name, values: distinct(list)}}
				return
			}
		}
		for _, term := range p.terms {
			for _, not := range term.Not {
				if p.leads = leadsOf(sqlgen.Alternatives(not), columns[:n+1]); p.leads != nil {
					return
				}
			}
		}
	}
}

// leadsOf are the leads of what one of the filters selects; nil if one has none.
func leadsOf(any []audit.Filter, columns []leadColumn) (leads []lead) {
	for _, f := range any {
		one := streams{terms: f.Terms()}
		if one.takeLead(columns); one.leads == nil {
			return nil
		}
		leads = append(leads, one.leads...)
	}
	return merged(leads)
}

// merged has each column once.
func merged(leads []lead) (list []lead) {
	for _, l := range leads {
		i := slices.IndexFunc(list, func(o lead) bool { return o.column == l.column })
		if i < 0 {
			list = append(list, l)
		} else {
			list[i].values = distinct(append(slices.Clip(list[i].values), l.values...))
		}
	}
	return list
}

func take(list *[]string) []string {
	l := *list
	*list = nil
	return l
}

// takeNamed takes a list of a column whose index has no empty values.
func takeNamed(list *[]string) []string {
	if slices.Contains(*list, "") {
		return nil
	}
	return take(list)
}

// takeFailures takes the list only if success is not in it: most entries are.
func takeFailures(f *audit.Filter) []string {
	list := sqlgen.OutcomeTexts(f.Outcomes)
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
		lo, hi, err := storage.IPRange(ip)
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
