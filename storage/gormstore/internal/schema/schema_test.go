package schema

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the golden files")

// The stored schema is what databases of hosts have: a statement that makes it never
// changes, and a later version adds to it.
func TestStatementsStayAsTheyAre(t *testing.T) {
	var out strings.Builder
	for _, of := range []struct {
		schema string
		opts   Options
	}{{"", Options{Values: true}}, {"sch", Options{Without: Optional()}}, {"sch", Options{Values: true, Keywords: true}}} {
		for _, name := range []string{"sqlite", "postgres", "months", "mysql"} {
			database, opts := name, of.opts
			if name == "months" {
				database, opts.Months = "postgres", true
			}
			table, err := ParseTable("audit_entries", of.schema)
			require.NoError(t, err)
			s, err := New(database, table, opts)
			require.NoError(t, err)
			fmt.Fprintf(&out, "== %s, schema %q, without %v, keywords %v\n", name, of.schema, opts.Without, opts.Keywords)
			writeStatements(&out, s)
		}
	}
	const file = "testdata/schema.golden"
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

func writeStatements(out *strings.Builder, s Schema) {
	fmt.Fprintln(out, s.CreateVersions()+";")
	fmt.Fprintln(out, s.CreateCheckpoints()+";")
	if s.quote == `"` && !s.Months && s.repair == nil { // SQLite
		fmt.Fprintln(out, strings.Join(append(s.CreateTruncations(), s.TakeOverSequence()), ";\n")+";")
	}
	for i, v := range s.Versions() {
		fmt.Fprintf(out, "-- version %d\n", i+1)
		for _, statement := range v {
			fmt.Fprintln(out, statement+";")
		}
	}
	for _, f := range append(s.Features, s.FacetTable()) {
		fmt.Fprintf(out, "-- option %s\n%s;\n", f.Option, f.There)
		for _, statement := range f.Statements {
			fmt.Fprintln(out, statement+";")
		}
	}
	fmt.Fprintln(out, "-- repair", s.Repair())
}

func TestColumnsAreWrittenOnceEach(t *testing.T) {
	var all []string
	for _, c := range columns {
		all = append(all, c.name)
	}
	assert.ElementsMatch(t, all, InsertNames)
	assert.Equal(t, BriefNames, ReadNames[:len(BriefNames)], "a scanner reads the first columns of either")
}

func TestUnknownDatabase(t *testing.T) {
	_, err := New("oracle", Table{}, Options{})
	assert.ErrorContains(t, err, "none of sqlite, postgres, mysql")
}
