package sqlgen

import (
	"reflect"
	"slices"
	"time"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage"
	"github.com/gormtrail/audit/storage/gormstore/internal/row"
	"github.com/gormtrail/audit/storage/gormstore/internal/schema"
)

// Filter writes a condition that selects what f.Match does. Every column is NOT
// NULL, so that NOT has no third value.
func (b *Builder) Filter(f audit.Filter) { b.Terms(f.Terms()) }

// Terms writes a condition that selects what every term's Match does.
func (b *Builder) Terms(terms []audit.Filter) {
	for i, term := range terms {
		if i > 0 {
			b.WriteString(" AND ")
		}
		b.term(term)
	}
}

// Conjunction writes " AND " before all but the first condition.
type Conjunction struct {
	Builder *Builder
	Some    bool
}

// Next returns the builder, to which one condition is to be written.
func (c *Conjunction) Next() *Builder {
	if c.Some {
		c.Builder.WriteString(" AND ")
	}
	c.Some = true
	return c.Builder
}

func (b *Builder) term(f audit.Filter) {
	f = (*audit.Catalogue)(nil).Resolve(f) // a trail has done it by its own catalogue
	c := &Conjunction{Builder: b}
	for _, l := range []struct {
		column string
		values []string
	}{
		{schema.ColTenant, f.Tenants}, {schema.ColProject, f.Projects}, {schema.ColAction, f.Actions}, {schema.ColOutcome, OutcomeTexts(f.Outcomes)},
		{"object_type", f.ObjectTypes}, {schema.ColObject, ObjectKeys(f.ObjectIDs)}, {"object_product", f.Products},
		{"actor_type", f.ActorTypes}, {schema.ColActor, f.ActorIDs}, {schema.ColUser, f.Users}, {schema.ColBehalf, f.OnBehalfOf},
	} {
		if len(l.values) > 0 {
			c.Next().In(l.column, l.values)
			if schema.PartlyIndexed[l.column] && !slices.Contains(l.values, "") {
				c.Next().Add(l.column, " <> ''")
			}
		}
	}
	b.times(c, f)
	b.ips(c, f.IPs)
	b.fields(c, f.Fields)
	b.single(c, schema.ColTx, f.TransactionID)
	b.single(c, schema.ColRequest, f.RequestID)
	if f.Keyword != "" {
		c.Next().keyword(f)
	}
	b.not(c, f.Not)
	if !c.Some {
		b.WriteString("1=1")
	}
}

// not writes that none of the filters selects an entry. What leaves out all of
// some alternatives is written as these, so that indexes can find them, or, in a
// stream, so that they don't: PostgreSQL would rather read all of two indexes than
// the beginning of one.
func (b *Builder) not(c *Conjunction, list []audit.Filter) {
	var plain []audit.Filter
	for _, f := range list {
		if any := Alternatives(f); any != nil {
			c.Next().WriteByte('(')
			b.AnyOf(len(any), func(i int) { b.group(any[i]) })
			b.WriteByte(')')
			if b.Hidden {
				b.WriteString(" IS TRUE")
			}
		} else {
			plain = append(plain, f)
		}
	}
	if len(plain) > 0 {
		c.Next().WriteString("NOT (")
		b.AnyOf(len(plain), func(i int) { b.group(plain[i]) })
		b.WriteString(")")
	}
}

// group writes a filter in parentheses.
func (b *Builder) group(f audit.Filter) {
	b.WriteByte('(')
	b.Filter(f)
	b.WriteByte(')')
}

// OutcomeTexts are outcomes as their column has them, where none is empty.
func OutcomeTexts(list []audit.Outcome) []string {
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

// ObjectKeys: an object's ID and its sort key are one to one, and the key has
// an index.
func ObjectKeys(ids []string) []string {
	if len(ids) == 0 {
		return nil
	}
	keys := make([]string, len(ids))
	for i, id := range ids {
		keys[i] = storage.ObjectIDKey(id)
	}
	return keys
}

func (b *Builder) times(c *Conjunction, f audit.Filter) {
	if !f.From.IsZero() {
		c.Next().WriteString(schema.ColTime + " >= ")
		b.Arg(b.Traits.Format.TimeArg(ceilMicros(f.From)))
	}
	if !f.To.IsZero() {
		c.Next().WriteString(schema.ColTime + " < ")
		b.Arg(b.Traits.Format.TimeArg(ceilMicros(f.To)))
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
func (b *Builder) ips(c *Conjunction, ips []string) {
	if len(ips) == 0 {
		return
	}
	type span struct{ lo, hi string }
	spans := make([]span, 0, len(ips))
	for _, ip := range ips {
		if lo, hi, err := storage.IPRange(ip); err == nil {
			spans = append(spans, span{lo, hi})
		}
	}
	if len(spans) == 0 {
		c.Next().WriteString("1=0")
		return
	}
	c.Next().AnyOf(len(spans), func(i int) {
		b.WriteString("ip_key BETWEEN ")
		b.Arg(spans[i].lo)
		b.WriteString(" AND ")
		b.Arg(spans[i].hi)
	})
}

func (b *Builder) fields(c *Conjunction, fields []string) {
	if len(fields) == 0 {
		return
	}
	c.Next().AnyOf(len(fields), func(i int) { b.Contains("fields", row.FieldToken(fields[i])) })
}

// single writes an equality on a column that is "" on many entries, which its
// index leaves out.
func (b *Builder) single(c *Conjunction, column, value string) {
	if value != "" {
		c.Next().Add(column, " = ")
		b.Arg(value)
		b.Add(" AND ", column, " <> ''")
	}
}

// Alternatives are the filters of which a filter leaves out all: what Not of it
// selects is what one of them does, which is how Filter says "or".
func Alternatives(f audit.Filter) []audit.Filter {
	terms := f.Terms()
	any := terms[0].Not
	terms[0].Not = nil
	if len(terms) > 1 || !reflect.ValueOf(terms[0]).IsZero() {
		return nil
	}
	return any
}
