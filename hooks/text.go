package hooks

import (
	"slices"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/gormtrail/audit/hooks/internal/sqltext"
)

// The host's own text may end in a comment or a semicolon, and a comment may
// swallow what GORM wrote behind it. So nothing is appended to a statement
// before its text was read by the rules of the database: what capture adds goes
// in front of trailing comments, and a clause that lies in a comment is none.

// returningText is a statement divided at its RETURNING.
type returningText struct {
	body    string // the statement without RETURNING and what trails it
	rest    string // trailing comments and semicolons
	columns string // what the host wants returned; "" if nothing, or all
	count   int    // of those columns
	all     bool   // every column of the table
	ok      bool   // false if that can't be told
}

// with is the statement that returns list, then what the host asked for.
func (r returningText) with(body, list string) string {
	text := body + " RETURNING " + list
	if r.columns != "" {
		text += ", " + r.columns
	}
	if r.rest != "" {
		text += " " + r.rest
	}
	return text
}

// divided finds the statement's RETURNING.
func (c *capture) divided() returningText {
	if c.returningText == nil {
		r := c.divide()
		c.returningText = &r
	}
	return *c.returningText
}

func (c *capture) divide() (r returningText) {
	end, complete := sqltext.End(c.query, c.rules)
	r = returningText{body: c.query[:end], rest: strings.TrimSpace(c.query[end:]), ok: complete}
	if strings.IndexByte(r.rest, ';') >= 0 {
		r.rest = "" // SQLite's driver takes what follows a semicolon for a statement
	}
	clauseOf, has := c.stmt.Clauses["RETURNING"]
	if !complete || !has || !slices.Contains(c.clauseNames(), "RETURNING") {
		return r
	}
	b := c.scratch()
	b.Build("RETURNING")
	text := b.SQL.String()
	if text == "" {
		return r // a comment for a clause that isn't there
	}
	returning, is := clauseOf.Expression.(clause.Returning)
	without, found := strings.CutSuffix(c.query, " "+text)
	if !is || !found || len(b.Vars) > 0 {
		r.ok = false
		return r
	}
	if len(without) >= end || !sqltext.InCode(c.query, c.rules, len(without)+1) {
		return r // in a comment
	}
	r.body, r.count = without, len(returning.Columns)
	if r.all = r.count == 0; r.all {
		return r
	}
	list := c.scratch()
	for i, col := range returning.Columns {
		if col.Raw && !c.takesRaw(col.Name) {
			r.ok = false // how many columns it is can't be told
		}
		if i > 0 {
			list.WriteString(", ")
		}
		list.WriteQuoted(col)
	}
	r.columns = list.SQL.String()
	return r
}

// takesRaw reports whether RETURNING may have a text of the host's beside the
// plugin's own columns: on PostgreSQL, whose own are always as many. An UPDATE is
// joined with the rows as they were, which * has too.
func (c *capture) takesRaw(text string) bool {
	return c.plugin.dialect.name == "postgres" && (c.text.verb == "INSERT" || !strings.Contains(text, "*"))
}

// segment is the part of the finished SQL that a clause made.
type segment struct {
	text     string
	from, to int // its arguments
}

// segmented takes the finished statement apart by building it again, clause by
// clause. Clauses that lie in a comment are left out. ok is false if that
// doesn't give the same text, which something else made then, or if it isn't one
// finished statement.
func (c *capture) segmented() (parts map[string]segment, ok bool) {
	if c.parts == nil {
		c.parts, c.built = c.takeApart()
	}
	return c.parts, c.built
}

func (c *capture) takeApart() (parts map[string]segment, ok bool) {
	end, complete := sqltext.End(c.query, c.rules)
	b := c.scratch()
	parts = map[string]segment{}
	var starts []int
	for _, name := range c.clauseNames() {
		if _, has := c.stmt.Clauses[name]; !has {
			continue
		}
		if b.SQL.Len() > 0 {
			b.SQL.WriteByte(' ')
		}
		start, vars := b.SQL.Len(), len(b.Vars)
		b.Build(name)
		if b.SQL.Len() == start {
			continue
		}
		if start < end {
			starts = append(starts, start)
			text := b.SQL.String()
			parts[name] = segment{strings.TrimRight(text[start:min(len(text), end)], " "), vars, len(b.Vars)}
		}
	}
	ok = complete && b.SQL.String() == c.query && sqltext.InCode(c.query, c.rules, starts...)
	return parts, ok
}

// scratch is a statement on which the host's clauses can be built again.
func (c *capture) scratch() *gorm.Statement {
	s := c.stmt
	return &gorm.Statement{
		DB: s.DB, Table: s.Table, TableExpr: s.TableExpr, Schema: s.Schema, Model: s.Model, Dest: s.Dest,
		ReflectValue: s.ReflectValue, Context: s.Context, ConnPool: c.own, Clauses: s.Clauses, Unscoped: s.Unscoped,
	}
}

// clauseNames are the clauses that GORM built the statement from, in order.
func (c *capture) clauseNames() []string {
	cb := c.stmt.DB.Callback()
	switch {
	case c.text.verb == "UPDATE" && c.op != opUpdate:
		return cb.Update().Clauses // a soft delete
	case len(c.stmt.BuildClauses) > 0:
		return c.stmt.BuildClauses
	case c.op == opCreate:
		return cb.Create().Clauses
	case c.op == opDelete:
		return cb.Delete().Clauses
	}
	return cb.Update().Clauses
}

// tableText is the table of an UPDATE as GORM wrote it, alias and all.
func (c *capture) tableText() string {
	b := c.scratch()
	of := clause.Table{Name: clause.CurrentTable}
	if u, ok := c.stmt.Clauses["UPDATE"].Expression.(clause.Update); ok && u.Table.Name != "" {
		of = u.Table
	}
	b.WriteQuoted(of)
	return b.SQL.String()
}

// condition is the WHERE without its keyword and comments; its arguments are
// counted from vars on.
func (c *capture) condition(vars int) string {
	expression := c.stmt.Clauses["WHERE"].Expression
	if expression == nil {
		return ""
	}
	b := c.scratch()
	b.Vars = slices.Repeat([]any{nil}, vars)
	expression.Build(b)
	text := b.SQL.String()
	end, _ := sqltext.End(text, c.rules)
	return text[:end]
}

// reference is the name by which the statement refers to its table.
func (c *capture) reference() string {
	if c.text.alias != "" {
		return c.plugin.dialect.quote(c.text.alias)
	}
	return c.plugin.dialect.quote(c.text.table)
}

// returned is the name by which RETURNING refers to the table: in SQLite an
// alias does not reach there.
func (c *capture) returned() string {
	if c.plugin.dialect.name == "sqlite" {
		return c.plugin.dialect.quote(c.table.name)
	}
	return c.reference()
}

// free is name, with as many underscores behind it as it takes that none of the
// table's columns is called so.
func (t *table) free(name string) string {
	for {
		if !slices.ContainsFunc(t.columns, func(c column) bool { return strings.EqualFold(c.name, name) }) {
			return name
		}
		name += "_"
	}
}
