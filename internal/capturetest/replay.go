package capturetest

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"net/url"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/internal/capturetest/judge"
)

// replayed runs what changes rows of tables. With capture, its entries must
// lead from the rows before to the rows after, each from the values that the one
// before it left.
func (e *env) replayed(db *gorm.DB, tables []string, run func()) {
	if !captures(db) {
		run()
		return
	}
	before := e.contents(tables)
	since := time.Now()
	run()
	e.leads(before, since)
}

// leads ends the case unless the entries since then lead from the rows before to
// those of now.
func (e *env) leads(before contents, since time.Time) {
	list, err := judge.Recorded(context.Background(), e.trail, since)
	e.no(err)
	var tables []string
	for name := range before {
		tables = append(tables, name)
	}
	if wrong := replay(before, e.contents(tables), list); len(wrong) > 0 {
		panic(failure("the entries don't lead to the rows:\n\t" + strings.Join(wrong, "\n\t")))
	}
}

// contents are the rows of tables.
type contents map[string]*tableContents

// tableContents are a table's rows by Object.ID. Rows without a key have none
// that tells them apart, so they are not for replaying.
type tableContents struct {
	columns, key []string
	// exact is what makes MariaDB show all digits of a column.
	exact map[string]string
	rows  map[string]map[string]any
}

func (e *env) contents(tables []string) contents {
	c := contents{}
	for _, name := range tables {
		c[name] = e.tableContents(e.reading(), name)
	}
	return c
}

func (e *env) tableContents(from *sql.DB, name string) *tableContents {
	t := &tableContents{rows: map[string]map[string]any{}, exact: map[string]string{}}
	rows, err := from.Query(e.by(
		"SELECT name, pk > 0, '' FROM pragma_table_xinfo($1) WHERE hidden <> 1 ORDER BY cid",
		`SELECT a.attname, coalesce(a.attnum = ANY (i.indkey), false), '' FROM pg_attribute a LEFT JOIN pg_index i ON i.indrelid = a.attrelid AND i.indisprimary
			WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`,
		`SELECT column_name, column_key = 'PRI', if(data_type = 'float', ' + 0e0', '') FROM information_schema.columns WHERE concat(table_schema, '.', table_name) = concat(database(), '.', ?)
			AND coalesce(generation_expression, '') NOT IN ('ROW START', 'ROW END') ORDER BY ordinal_position`), name)
	e.no(err)
	defer rows.Close()
	for rows.Next() {
		var column, exact string
		var key bool
		e.no(rows.Scan(&column, &key, &exact))
		t.exact[column] = exact
		t.columns = append(t.columns, column)
		if key {
			t.key = append(t.key, column)
		}
	}
	e.no(rows.Err())
	if len(t.columns) > 0 {
		e.readRows(from, name, t)
	}
	return t
}

// readRows reads each value as the database's own text.
func (e *env) readRows(from *sql.DB, name string, t *tableContents) {
	var list []string
	for _, column := range t.columns {
		c := e.quoted(strings.ReplaceAll(column, ".", ""))
		list = append(list, e.by("CAST("+c+" AS TEXT)", "to_json("+c+") #>> '{}'", "CAST("+c+t.exact[column]+" AS CHAR)"))
	}
	rows, err := from.Query("SELECT " + strings.Join(list, ", ") + " FROM " + e.quoted(name))
	e.no(err)
	defer rows.Close()
	for rows.Next() {
		texts, into := make([]*string, len(t.columns)), make([]any, len(t.columns))
		for i := range into {
			into[i] = &texts[i]
		}
		e.no(rows.Scan(into...))
		r := map[string]any{}
		for i, column := range t.columns {
			switch {
			case texts[i] == nil:
				r[column] = nil
			case t.exact[column] != "":
				r[column] = single(*texts[i])
			default:
				r[column] = *texts[i]
			}
		}
		id := t.id(r)
		for n := 2; t.key == nil && t.rows[id] != nil; n++ {
			id = fmt.Sprint(n)
		}
		t.rows[id] = r
	}
	e.no(rows.Err())
}

// id is a row's Object.ID.
func (t *tableContents) id(r map[string]any) string {
	if len(t.key) == 1 {
		return plainText(r[t.key[0]])
	}
	var pairs []string
	for _, k := range t.key {
		pairs = append(pairs, url.QueryEscape(k)+"="+url.QueryEscape(plainText(r[k])))
	}
	return strings.Join(pairs, ",")
}

// replay plays entries on the rows before, and says what is wrong with them or
// differs in the end.
func replay(before, after contents, entries []audit.Entry) (wrong []string) {
	for _, x := range entries {
		t := before[x.Object.Type]
		if t == nil {
			continue
		}
		if s := t.play(x); s != "" {
			wrong = append(wrong, s+": "+judge.Describe(x))
		}
	}
	for _, name := range sortedNames(after) {
		wrong = append(wrong, before[name].differences(name, after[name])...)
	}
	return wrong
}

func sortedNames(c contents) []string {
	var list []string
	for name := range c {
		list = append(list, name)
	}
	sort.Strings(list)
	return list
}

func (t *tableContents) play(x audit.Entry) string {
	r, there := t.rows[x.Object.ID]
	switch {
	case len(x.Changes) == 0:
		return "no changes"
	case x.Action == audit.ActionCreate:
		return t.create(x, there)
	case !there:
		return "no row has this ID"
	case x.Action == audit.ActionDestroy && x.Changes[0].Op == audit.OpRemove:
		return t.destroy(x, r)
	}
	return t.update(x, r)
}

func (t *tableContents) create(x audit.Entry, there bool) string {
	if there {
		return "the row was there"
	}
	r := map[string]any{}
	for _, c := range x.Changes {
		r[c.Field] = c.New
	}
	if len(t.key) > 0 && t.id(r) != x.Object.ID {
		return "the ID is not that of " + t.id(r)
	}
	t.rows[x.Object.ID] = r
	return ""
}

func (t *tableContents) destroy(x audit.Entry, r map[string]any) string {
	named := map[string]bool{}
	for _, c := range x.Changes {
		named[c.Field] = true
		if !sameText(r[c.Field], c.Old) {
			return fmt.Sprintf("%s was %s", c.Field, plainText(r[c.Field]))
		}
	}
	for column, v := range r {
		if v != nil && !named[column] {
			return column + " is not among the changes"
		}
	}
	delete(t.rows, x.Object.ID)
	return ""
}

func (t *tableContents) update(x audit.Entry, r map[string]any) string {
	for _, c := range x.Changes {
		if !slices.Contains(t.columns, c.Field) && r[c.Field] == nil && c.Old != nil {
			return "no column " + c.Field
		}
		if !sameText(r[c.Field], c.Old) {
			return fmt.Sprintf("%s was %s", c.Field, plainText(r[c.Field]))
		}
		r[c.Field] = c.New
	}
	delete(t.rows, x.Object.ID)
	t.rows[t.id(r)] = r
	return ""
}

// differences are what the played rows lack, or have too much.
func (t *tableContents) differences(name string, after *tableContents) (wrong []string) {
	for id, r := range after.rows {
		played, there := t.rows[id]
		if !there {
			wrong = append(wrong, fmt.Sprintf("%s %s is in the table, the entries don't make it", name, id))
			continue
		}
		for _, column := range after.columns {
			if !sameText(r[column], played[column]) {
				wrong = append(wrong, fmt.Sprintf("%s %s: %s is %s, by the entries %s", name, id, column, plainText(r[column]), plainText(played[column])))
			}
		}
	}
	for id := range t.rows {
		if after.rows[id] == nil {
			wrong = append(wrong, fmt.Sprintf("%s %s is gone, the entries keep it", name, id))
		}
	}
	sort.Strings(wrong)
	if len(wrong) > 5 {
		wrong = append(wrong[:5:5], fmt.Sprintf("and %d more", len(wrong)-5))
	}
	return wrong
}

func plainText(v any) string {
	switch x := v.(type) {
	case nil:
		return "NULL"
	case string:
		return x
	case single:
		return string(x)
	case map[string]any, []any:
		raw, _ := json.Marshal(x)
		return string(raw)
	}
	return fmt.Sprint(v)
}

// sameText compares the database's text of a value with an entry's value: as
// texts, else as numbers, booleans, instants or documents.
func sameText(a, b any) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	s, t := plainText(a), plainText(b)
	if s == t {
		return true
	}
	x, okX := new(big.Rat).SetString(truthNumber(s))
	y, okY := new(big.Rat).SetString(truthNumber(t))
	if okX && okY && x.Cmp(y) == 0 {
		return true
	}
	_, isA := a.(single)
	_, isB := b.(single)
	if (isA || isB) && sameSingle(s, t) {
		return true
	}
	if at, ok := instantIn(s); ok {
		other, ok := instantIn(t)
		return ok && at.Equal(other)
	}
	var v, w any
	return json.Unmarshal([]byte(s), &v) == nil && json.Unmarshal([]byte(t), &w) == nil && fmt.Sprint(v) == fmt.Sprint(w)
}

// single is a float of four bytes as the table has it. An entry may show all of
// its digits, or those that MariaDB shows.
type single string

func sameSingle(s, t string) bool {
	x, errX := strconv.ParseFloat(s, 64)
	y, errY := strconv.ParseFloat(t, 64)
	return errX == nil && errY == nil && math.Abs(x-y) <= 1e-5*math.Abs(x)
}

func truthNumber(s string) string {
	switch s {
	case "true":
		return "1"
	case "false":
		return "0"
	}
	return s
}

func instantIn(s string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02 15:04:05.999999999Z07", "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999", "2006-01-02T15:04:05.999999999", "2006-01-02"} {
		if at, err := time.Parse(layout, s); err == nil {
			return at, true
		}
	}
	return time.Time{}, false
}
