package hooks

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/gormtrail/audit/hooks/internal/sqltext"
)

// An UPDATE on MySQL or MariaDB that can't be given the rows that were read (a
// table without a key, more rows than are recorded one by one) notes how many
// rows it matches, and a checksum of them, in user variables in its first
// assignment, before any column has changed. Both must be those of the rows that
// were read.

// rowIdentity is a text that tells a row from others: of its key, or of all its
// values as they are read.
func (c *capture) rowIdentity() string {
	d, ref := c.plugin.dialect, c.reference()
	names := c.table.key
	if len(names) == 0 {
		names = c.table.names()
	}
	parts := make([]string, len(names))
	for i, name := range names {
		col, _ := c.table.column(name)
		value := ref + "." + d.quote(name)
		if col.kind != kindBytes {
			value = "CAST(" + d.noted(col, value) + " AS CHAR)"
		}
		parts[i] = "COALESCE(HEX(" + value + "), 'NULL')"
	}
	return "CONCAT_WS(',', " + strings.Join(parts, ", ") + ")"
}

// noting is the host's own statement; noted, if its first assignment notes the
// rows that it matches.
func (c *capture) noting(parts map[string]segment, built bool) (t hostText, noted bool) {
	t = hostText{body: c.query, args: c.args, whole: true}
	set, has := parts["SET"]
	if !built || !has || !c.countsMatches() {
		return t, false
	}
	all, _ := c.stmt.Clauses["SET"].Expression.(clause.Set)
	b := c.scratch()
	only := c.stmt.Clauses["SET"]
	only.Expression = all[:1]
	only.Build(b)
	assigned := "SET " + c.stmt.Quote(all[0].Column) + "="
	value, named := strings.CutPrefix(b.SQL.String(), assigned)
	rest, same := strings.CutPrefix(set.text, b.SQL.String())
	head, tail, found := strings.Cut(c.query, set.text)
	if !named || !same || !found || value == "" {
		return t, false
	}
	note := "(@gormtrail_n:=@gormtrail_n+1)+(@gormtrail_sum:=@gormtrail_sum+CRC32(" + c.rowIdentity() + "))"
	t.body = head + assigned + "IF(" + note + "<0,NULL," + value + "\n)" + rest + tail
	return t, true
}

func (c *capture) runNoting(t hostText, noted, wantRows bool) (outcome, error) {
	if noted {
		if _, err := c.own.ExecContext(c.ctx, "SET @gormtrail_n = 0, @gormtrail_sum = 0"); err != nil {
			return outcome{}, err
		}
	}
	return c.runText(t, wantRows)
}

// countsDiffer says how the rows that the statement matched differ from those
// that were read; "" if they don't. MySQL's own count is of changed rows, or
// with the driver's clientFoundRows of matched ones: it can't be more than were
// read.
func (c *capture) countsDiffer(out outcome, before *image, noted, wantRows bool) (string, error) {
	if noted {
		var n, sum int64
		row := c.own.QueryRowContext(c.ctx, "SELECT CAST(@gormtrail_n AS SIGNED), CAST(@gormtrail_sum AS SIGNED)")
		if err := row.Scan(&n, &sum); err != nil {
			return "", err
		}
		if n != int64(before.count) || uint64(sum) != c.checksum {
			return fmt.Sprintf("%d were read and %d matched", before.count, n), nil
		}
		return "", nil
	}
	affected := out.affected()
	if affected > int64(before.count) || affected != int64(before.count) && c.plugin.dialect.name != "mysql" && !c.joins() {
		return fmt.Sprintf("%d were read and %d changed", before.count, affected), nil
	}
	return "", nil
}

// computes reports whether the SET calls functions, which may give other values
// each time that they are asked.
func (c *capture) computes() bool {
	return slices.ContainsFunc(c.assignments(), func(a clause.Assignment) bool {
		switch v := a.Value.(type) {
		case clause.Expr:
			return strings.ContainsAny(v.SQL, "(@")
		case clause.Expression, *gorm.DB:
			return true
		}
		return false
	})
}

// choosesAnew reports whether the condition or the order calls functions or uses
// variables, and so may select other rows each time that it is asked.
func (c *capture) choosesAnew() bool {
	parts, _ := c.segmented()
	list := sqltext.Tokens(parts["WHERE"].text+" "+parts["ORDER BY"].text, c.rules, math.MaxInt)
	for i, t := range list {
		switch {
		case t.IsSign('@'), t.Kind == sqltext.Word && strings.HasPrefix(strings.ToUpper(t.Text), "CURRENT_"), t.Is("SKIP"):
			return true
		case t.IsSign('(') && i > 0 && (list[i-1].Kind == sqltext.Word || list[i-1].Kind == sqltext.Name) && !isOperator(list[i-1]):
			return true
		}
	}
	return false
}

// isOperator reports whether a word may stand before a parenthesis and is not
// the name of a function.
func isOperator(t sqltext.Token) bool {
	return slices.ContainsFunc([]string{"WHERE", "AND", "OR", "XOR", "NOT", "IN", "BETWEEN", "LIKE", "BY", "IS"}, t.Is)
}

// chained reports whether a new value may depend on a column that is set before
// it: the server takes that column's new value, and what was read with the rows is
// made of the old one.
func (c *capture) chained() bool {
	for i, a := range c.assignments() {
		if _, value := a.Value.(clause.Expression); !value || i == 0 {
			continue
		}
		b := c.scratch()
		b.AddVar(b, a.Value)
		text := strings.ToLower(b.SQL.String())
		if slices.ContainsFunc(c.assignments()[:i], func(a clause.Assignment) bool { return strings.Contains(text, strings.ToLower(a.Column.Name)) }) {
			return true
		}
	}
	return false
}

// updateEach updates the rows of a table without a key one by one, each by all
// its values, and notes the new ones. Of equal rows it doesn't matter which is
// which.
func (c *capture) updateEach(parts map[string]segment, before *image) (outcome, error) {
	query := parts["UPDATE"].text + " " + c.notedSet(parts, before.next) + " WHERE " + c.rowIdentity() + " = ? LIMIT 1"
	args := c.args[:parts["SET"].to]
	affected := int64(0)
	for i := range before.rows {
		r := &before.rows[i]
		result, err := c.own.ExecContext(c.ctx, query, append(slices.Clone(args), r.locator)...)
		if err != nil {
			return outcome{}, err
		}
		n, err := result.RowsAffected()
		if err == nil {
			err = c.readNoted(before, r)
		}
		if err != nil {
			return outcome{}, err
		}
		affected += n
	}
	out := outcome{result: execResult{affected, c.lastInsertID}}
	return out, c.add(c.predictedUpdates(before)...)
}

// notedSet is the statement's SET, which then notes the new values in variables
// and sets each of these columns once more, to itself.
func (c *capture) notedSet(parts map[string]segment, next []string) string {
	d, ref := c.plugin.dialect, c.reference()
	var b strings.Builder
	b.WriteString(parts["SET"].text)
	for i, name := range next {
		col, _ := c.table.column(name)
		value := ref + "." + d.quote(name)
		fmt.Fprintf(&b, ", %s=IF(ISNULL(%snext%d:=%s)<0,NULL,%s)", value, oldVariable, i, d.noted(col, value), value)
	}
	return b.String()
}

// readNoted reads the new values of the row that was just updated.
func (c *capture) readNoted(before *image, r *row) error {
	list := make([]string, len(before.next))
	for i := range list {
		list[i] = fmt.Sprintf("%snext%d", oldVariable, i)
	}
	s := newScanner(len(list))
	if err := c.own.QueryRowContext(c.ctx, "SELECT "+strings.Join(list, ", ")).Scan(s.pointers...); err != nil {
		return err
	}
	for i, name := range before.next {
		r.next[i] = c.plugin.dialect.canonicalExact(before.set.kindOf(name), s.values[i])
	}
	return nil
}
