package sqlgen

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage"
)

var update = flag.Bool("update", false, "write the golden files")

var at = time.Date(2026, 3, 1, 12, 0, 0, 1, time.UTC)

var filters = []audit.Filter{
	{},
	{Tenants: []string{"a"}},
	{Tenants: []string{"a", "b"}, Users: []string{"u"}, Outcomes: []audit.Outcome{audit.Failure, ""}},
	{Tenants: strings.Split(strings.Repeat("t,", 30)+"z", ",")},
	{ObjectIDs: []string{"1", "x"}, ObjectTypes: []string{"users"}, Products: []string{"p"}, Actions: []string{"create"}},
	{Projects: []string{"web"}, ActorIDs: []string{"7", ""}, ActorTypes: []string{"user"}, OnBehalfOf: []string{"8"}},
	{IPs: []string{"10.0.0.0/8", "1.2.3.4"}},
	{IPs: []string{"no address"}},
	{From: at, To: at.Add(time.Hour)},
	{Fields: []string{"name", "tags[2]"}},
	{TransactionID: "t", RequestID: "r"},
	{Keyword: "kelvin's 1f"},
	{Keyword: "failed"},
	{Not: []audit.Filter{{Tenants: []string{"a"}}, {Users: []string{"u"}}}},
	{Not: []audit.Filter{{Not: []audit.Filter{{Users: []string{"u"}}, {ObjectIDs: []string{"1"}, Tenants: []string{"a"}}}}}},
}

// What each database is asked for is compared with what it was: a change of it is seen,
// and is measured before it is taken.
func TestStatements(t *testing.T) {
	var out strings.Builder
	for _, database := range []string{"sqlite", "postgres", "mysql"} {
		traits := TraitsOf(database)
		fmt.Fprintf(&out, "== %s\n", database)
		for _, f := range filters {
			b := New(traits)
			b.Filter(f)
			fmt.Fprintf(&out, "%s -- %s\n", b.String(), written(b.Args))
		}
		for _, sort := range append(audit.SortKeys(), audit.Newest, audit.SortRecorded.Reverse()) {
			writeOrder(t, &out, traits, sort)
		}
		for _, keys := range [][]string{{"1"}, {"1", "2"}} {
			b := New(traits)
			traits.DeleteKeys(b, "entries", keys)
			fmt.Fprintf(&out, "%s -- %s\n", b.String(), written(b.Args))
		}
	}
	const file = "testdata/statements.golden"
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(out.String()), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	old, now := strings.Split(string(want), "\n"), strings.Split(out.String(), "\n")
	for i := range min(len(old), len(now)) {
		require.Equal(t, old[i], now[i], "line %d", i+1)
	}
	assert.Len(t, now, len(old))
}

func written(args []any) string {
	list := make([]string, len(args))
	for i, a := range args {
		if list[i] = fmt.Sprint(a); list[i] == a {
			list[i] = fmt.Sprintf("%q", a)
		}
	}
	return strings.Join(list, " ")
}

func writeOrder(t *testing.T, out *strings.Builder, traits *Traits, sort audit.Sort) {
	o := OrderOf(traits, sort)
	p := storage.Position{Time: at, ID: "01950000-0000-7000-8000-000000000001", Key: "k"}
	if o.Recorded() {
		p = storage.Position{Key: "7"}
	}
	values, err := o.Values(traits, p)
	require.NoError(t, err)
	b := New(traits)
	b.List(o.Selected(), "SELECT ", "")
	b.WriteString(" WHERE ")
	b.After(o.Compared(), values, o.Descending)
	b.WriteString(" ORDER BY ")
	o.By(b, "")
	fmt.Fprintf(out, "%s: %s -- %s\n", sort, b.String(), written(b.Args))
}

// SQLite refuses an expression that is more than 1,000 deep.
func TestAnyOfIsABalancedTree(t *testing.T) {
	b := New(TraitsOf("sqlite"))
	b.AnyOf(1000, func(i int) { b.WriteString("x") })
	depth, deepest := 0, 0
	for _, c := range b.String() {
		switch c {
		case '(':
			depth++
			deepest = max(deepest, depth)
		case ')':
			depth--
		}
	}
	assert.LessOrEqual(t, deepest, 10)
	assert.Equal(t, 1000, strings.Count(b.String(), "x"))
}

func TestNarrowedWindows(t *testing.T) {
	hour := func(h int) time.Time { return at.Add(time.Duration(h) * time.Hour) }
	w := Window{}
	w = w.Narrow(Window{From: hour(1)})
	w = w.Narrow(Window{From: hour(0), To: hour(3)})
	w = w.Narrow(Window{To: hour(2)})
	assert.Equal(t, Window{From: hour(1), To: hour(2)}, w)
	assert.False(t, w.Empty())
	w = w.Narrow(Window{From: hour(2)})
	assert.True(t, w.Empty())
}
