package gormstore

import (
	"slices"
	"time"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/gormstore/internal/row"
)

// The columns that filters compare.
const (
	colTime    = "time"
	colID      = "id"
	colTenant  = "tenant"
	colProject = "project"
	colObject  = "object_key"
	colUser    = "actor_user"
	colBehalf  = "behalf_user"
	colActor   = "actor_id"
	colIP      = "ip_key"
	colAction  = "action"
	colOutcome = "outcome"
	colRequest = "request_id"
	colTx      = "transaction_id"
)

// filter writes a condition that selects what f.Match does. Every column is NOT
// NULL, so that NOT has no third value.
func (b *builder) filter(f audit.Filter) { b.terms(f.Terms()) }

func (b *builder) terms(terms []audit.Filter) {
	for i, term := range terms {
		if i > 0 {
			b.WriteString(" AND ")
		}
		b.term(term)
	}
}

// conjunction writes " AND " before all but the first condition.
type conjunction struct {
	b    *builder
	some bool
}

func (c *conjunction) next() *builder {
	if c.some {
		c.b.WriteString(" AND ")
	}
	c.some = true
	return c.b
}

func (b *builder) term(f audit.Filter) {
	f = (*audit.Catalogue)(nil).Resolve(f) // a trail has done it by its own catalogue
	c := &conjunction{b: b}
	for _, l := range []struct {
		column string
		values []string
	}{
		{colTenant, f.Tenants}, {colProject, f.Projects}, {colAction, f.Actions}, {colOutcome, outcomes(f.Outcomes)},
		{"object_type", f.ObjectTypes}, {colObject, objectKeys(f.ObjectIDs)}, {"object_product", f.Products},
		{"actor_type", f.ActorTypes}, {colActor, f.ActorIDs}, {colUser, f.Users}, {colBehalf, f.OnBehalfOf},
	} {
		if len(l.values) > 0 {
			c.next().in(l.column, l.values)
			if named[l.column] && !slices.Contains(l.values, "") {
				c.next().add(l.column, " <> ''")
			}
		}
	}
	b.times(c, f)
	b.ips(c, f.IPs)
	b.fields(c, f.Fields)
	b.single(c, colTx, f.TransactionID)
	b.single(c, colRequest, f.RequestID)
	if f.Keyword != "" {
		c.next().keyword(f)
	}
	b.not(c, f.Not)
	if !c.some {
		b.WriteString("1=1")
	}
}

// named are the columns whose index leaves out empty values, as a query says that
// is to use it: no database concludes it from a parameter.
var named = map[string]bool{colProject: true, colActor: true, colBehalf: true}

// not writes that none of the filters selects an entry. What leaves out all of
// some alternatives is written as these, so that indexes can find them, or, in a
// stream, so that they don't: PostgreSQL would rather read all of two indexes than
// the beginning of one.
func (b *builder) not(c *conjunction, list []audit.Filter) {
	var plain []audit.Filter
	for _, f := range list {
		if any := alternatives(f); any != nil {
			c.next().WriteByte('(')
			b.anyOf(len(any), func(i int) { b.group(any[i]) })
			b.WriteByte(')')
			if b.hidden {
				b.WriteString(" IS TRUE")
			}
		} else {
			plain = append(plain, f)
		}
	}
	if len(plain) > 0 {
		c.next().WriteString("NOT (")
		b.anyOf(len(plain), func(i int) { b.group(plain[i]) })
		b.WriteString(")")
	}
}

// group writes a filter in parentheses.
func (b *builder) group(f audit.Filter) {
	b.WriteByte('(')
	b.filter(f)
	b.WriteByte(')')
}

func outcomes(list []audit.Outcome) []string {
	if len(list) == 0 {
		return nil
	}
	texts := make([]string, len(list))
	for i, o := range list {
		if o == "" {
			o = audit.Success
		}
		texts[i] = string(o)
	}
	return texts
}

// objectKeys: an object's ID and its sort key are one to one, and the key has
// an index.
func objectKeys(ids []string) []string {
	if len(ids) == 0 {
		return nil
	}
	keys := make([]string, len(ids))
	for i, id := range ids {
		keys[i] = audit.ObjectIDKey(id)
	}
	return keys
}

func (b *builder) times(c *conjunction, f audit.Filter) {
	if !f.From.IsZero() {
		c.next().WriteString(colTime + " >= ")
		b.arg(b.traits.format.TimeArg(ceilMicros(f.From)))
	}
	if !f.To.IsZero() {
		c.next().WriteString(colTime + " < ")
		b.arg(b.traits.format.TimeArg(ceilMicros(f.To)))
	}
}

// ceilMicros rounds up: an entry's time has whole microseconds, so it is before
// t, or not, exactly when it is before t rounded up.
func ceilMicros(t time.Time) int64 {
	micros := t.UnixMicro()
	if t.Nanosecond()%1000 != 0 {
		micros++
	}
	return micros
}

// ips writes ranges of keys; what is no address selects nothing.
func (b *builder) ips(c *conjunction, ips []string) {
	if len(ips) == 0 {
		return
	}
	type span struct{ lo, hi string }
	spans := make([]span, 0, len(ips))
	for _, ip := range ips {
		if lo, hi, err := audit.IPRange(ip); err == nil {
			spans = append(spans, span{lo, hi})
		}
	}
	if len(spans) == 0 {
		c.next().WriteString("1=0")
		return
	}
	c.next().anyOf(len(spans), func(i int) {
		b.WriteString("ip_key BETWEEN ")
		b.arg(spans[i].lo)
		b.WriteString(" AND ")
		b.arg(spans[i].hi)
	})
}

func (b *builder) fields(c *conjunction, fields []string) {
	if len(fields) == 0 {
		return
	}
	c.next().anyOf(len(fields), func(i int) { b.contains("fields", row.FieldToken(fields[i])) })
}

// single writes an equality on a column that is "" on many entries, which its
// index leaves out.
func (b *builder) single(c *conjunction, column, value string) {
	if value != "" {
		c.next().add(column, " = ")
		b.arg(value)
		b.add(" AND ", column, " <> ''")
	}
}
