package gormstore

import (
	"context"
	"database/sql"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/gormstore/internal/schema"
)

var update = flag.Bool("update", false, "write the golden files")

// unconnected are stores of each database that send nothing.
func unconnected(t *testing.T, opts Options, within string) map[string]*Store {
	stores := map[string]*Store{}
	for _, name := range []string{"sqlite", "postgres", "months", "mysql"} {
		s := &Store{database: name, opts: opts, known: &known{}, shortStreams: shortStreams, maxSorted: audit.MaxSorted, foldAfter: foldAfter, mostBehind: mostBehind}
		if name == "months" {
			s.database, s.opts.Partitions = "postgres", Monthly
		}
		tab, err := schema.ParseTable("audit_entries", within)
		require.NoError(t, err)
		require.NoError(t, s.name(tab))
		stores[name] = s
	}
	return stores
}

func golden(t *testing.T, file, got string) {
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	if string(want) != got {
		w, g := strings.Split(string(want), "\n"), strings.Split(got, "\n")
		for i := range min(len(w), len(g)) {
			require.Equal(t, w[i], g[i], "line %d", i+1)
		}
	}
	assert.Equal(t, len(want), len(got))
}

type spoken struct{ list []string }

func (s *spoken) ExecContext(_ context.Context, q string, _ ...any) (sql.Result, error) {
	s.list = append(s.list, q)
	return nil, nil
}

func (s *spoken) QueryContext(_ context.Context, q string, _ ...any) (*sql.Rows, error) {
	s.list = append(s.list, q)
	return nil, sql.ErrNoRows
}

// The stored schema is what databases of hosts have: a statement that makes it never
// changes, and a later version adds to it.
func TestSchemaStatements(t *testing.T) {
	var out strings.Builder
	for _, of := range []struct {
		schema string
		opts   Options
	}{{"", Options{}}, {"sch", Options{Without: Lean()}}, {"sch", Options{KeywordIndex: true}}} {
		for _, name := range []string{"sqlite", "postgres", "months", "mysql"} {
			schema, opts := of.schema, of.opts
			s := unconnected(t, opts, schema)[name]
			fmt.Fprintf(&out, "== %s, schema %q, without %v, keywords %v\n", name, schema, opts.Without, opts.KeywordIndex)
			m := &spoken{}
			require.NoError(t, s.dialect.createVersions(context.Background(), m))
			fmt.Fprintln(&out, strings.Join(m.list, ";\n")+";")
			for i, v := range s.dialect.migrations() {
				fmt.Fprintf(&out, "-- version %d\n", i+1)
				for _, statement := range v {
					fmt.Fprintln(&out, statement+";")
				}
			}
			for _, f := range append(s.dialect.features(opts), s.dialect.keptFeature()) {
				fmt.Fprintf(&out, "-- option %s\n%s;\n", f.option, f.there)
				for _, statement := range f.statements {
					fmt.Fprintln(&out, statement+";")
				}
			}
			fmt.Fprintln(&out, "-- repair", s.dialect.repair())
		}
	}
	golden(t, "testdata/schema.golden", out.String())
}
