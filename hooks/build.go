package hooks

import (
	"slices"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// scratch is a statement on which clauses of the host's can be built again,
// apart from it.
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

// segments are the parts of the finished SQL by clause, with how many variables
// stand before and in each.
type segment struct {
	text     string
	from, to int // its variables
}

// segmented takes the finished statement apart by building it once more, clause
// by clause. ok is false if that doesn't give the same text: something else
// made it.
func (c *capture) segmented() (parts map[string]segment, ok bool) {
	b := c.scratch()
	parts = map[string]segment{}
	for _, name := range c.clauseNames() {
		if _, has := c.stmt.Clauses[name]; !has {
			continue
		}
		if b.SQL.Len() > 0 {
			b.SQL.WriteByte(' ')
		}
		start, vars := b.SQL.Len(), len(b.Vars)
		b.Build(name)
		parts[name] = segment{b.SQL.String()[start:], vars, len(b.Vars)}
	}
	return parts, b.SQL.String() == c.query
}

// tableText is the table of an UPDATE as GORM wrote it, alias and all.
func tableText(parts map[string]segment) string {
	return strings.TrimSpace(strings.TrimPrefix(parts["UPDATE"].text, "UPDATE"))
}

// reference is the name by which the statement's table is referred to in it.
func (c *capture) reference() string {
	if c.text.alias != "" {
		return c.plugin.dialect.quote(c.text.alias)
	}
	return c.plugin.dialect.quote(c.text.table)
}

// selectBefore builds the SELECT of the rows that the statement will touch, with
// the values that must be known before.
func (c *capture) selectBefore() (query string, args []any) { return c.selectTouched(c.foretold()) }

// selectTouched does so by the statement's own condition, which GORM had finished
// when it built the statement.
func (c *capture) selectTouched(foretold []clause.Assignment) (query string, args []any) {
	b := c.scratch()
	names := c.clauseNames()
	_, hasFrom := c.stmt.Clauses["FROM"]
	joined := c.text.verb == "UPDATE" && hasFrom && slices.Contains(names, "FROM")
	star := "*"
	if joined || c.text.joined {
		star = c.reference() + ".*"
	}
	b.WriteString("SELECT " + star)
	for _, k := range foretold {
		b.WriteString(", ")
		b.AddVar(b, k.Value)
		b.WriteString(" AS ")
		b.WriteQuoted(newPrefix + k.Column.Name)
	}
	b.WriteString(" FROM ")
	b.WriteQuoted(clause.Table{Name: clause.CurrentTable})
	if joined {
		at := b.SQL.Len()
		b.Build("FROM")
		from := b.SQL.String()
		b.SQL.Reset()
		b.WriteString(from[:at] + ", " + strings.TrimPrefix(from[at:], "FROM "))
	}
	for _, name := range []string{"WHERE", "ORDER BY", "LIMIT"} {
		if _, has := c.stmt.Clauses[name]; has && slices.Contains(names, name) {
			b.WriteByte(' ')
			b.Build(name)
		}
	}
	if !joined {
		b.WriteString(c.plugin.dialect.lock)
	}
	return b.SQL.String(), b.Vars
}

// newPrefix names the columns in which the rows before carry values that they
// will have after.
const newPrefix = "audit_new_"

// foretold are the assignments of an UPDATE whose values must be known before:
// those that change the primary key, by which rows before and after are paired;
// all of them where nothing pairs them.
func (c *capture) foretold() []clause.Assignment {
	nothingPairs := len(c.table.key) == 0 && !c.plugin.dialect.updateReturning
	var list []clause.Assignment
	for _, a := range c.assignments() {
		if nothingPairs || c.table.isKey(a.Column.Name) {
			list = append(list, a)
		}
	}
	return list
}

// assignments are the SET of an UPDATE.
func (c *capture) assignments() clause.Set {
	if c.text.verb != "UPDATE" {
		return nil
	}
	set, _ := c.stmt.Clauses["SET"].Expression.(clause.Set)
	list := make(clause.Set, len(set))
	for i, a := range set {
		a.Column.Name = bareName(a.Column.Name) // "people.name" in a joined UPDATE
		list[i] = a
	}
	return list
}

// setsOthers reports whether a joined UPDATE also writes one of the tables that
// it is joined with.
func (c *capture) setsOthers() bool {
	set, _ := c.stmt.Clauses["SET"].Expression.(clause.Set)
	for _, a := range set {
		of := a.Column.Table
		if i := strings.LastIndexByte(a.Column.Name, '.'); i >= 0 {
			of = a.Column.Name[:i]
		}
		if of = bareName(of); of != "" && of != clause.CurrentTable && !strings.EqualFold(of, c.text.table) && !strings.EqualFold(of, c.text.alias) {
			return true
		}
	}
	return false
}

// asked is what the host wants returned, as SQL, and the statement without it.
// all: every column of the table. ok is false if that can't be told apart.
func (c *capture) asked() (without, columns string, all, ok bool) {
	r, has := c.stmt.Clauses["RETURNING"]
	if !has || !slices.Contains(c.clauseNames(), "RETURNING") {
		return c.query, "", false, true
	}
	returning, is := r.Expression.(clause.Returning)
	if !is {
		return "", "", false, false
	}
	b := c.scratch()
	b.Build("RETURNING")
	text := b.SQL.String()
	without, found := strings.CutSuffix(c.query, " "+text)
	if !found || len(b.Vars) > 0 {
		return "", "", false, false
	}
	if len(returning.Columns) == 0 {
		return without, "", true, true
	}
	for _, col := range returning.Columns {
		if col.Raw || col.Name == "*" {
			return "", "", false, false // how many columns it is can't be told
		}
	}
	return without, strings.TrimPrefix(text, "RETURNING "), false, true
}

// askedColumns is how many columns asked names.
func (c *capture) askedColumns() int {
	returning, _ := c.stmt.Clauses["RETURNING"].Expression.(clause.Returning)
	return len(returning.Columns)
}
