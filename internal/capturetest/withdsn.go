package capturetest

import (
	"slices"
	"strings"
	"testing"

	"github.com/gormtrail/audit/internal/capturetest/dbtest"
	"github.com/gormtrail/audit/internal/capturetest/judge"
)

// runsOn reports whether the cases run on a database.
func runsOn(name string) bool { return slices.Contains(dbtest.Names, name) }

// withDSN opens an environment whose connections have other settings: old parts
// of the DSN are replaced, pairs of old and new; an empty old one appends.
func withDSN(t *testing.T, name string, replace ...string) *env {
	t.Helper()
	base := dbtest.For(t, name)
	dsn := base.DSN
	for i := 0; i < len(replace); i += 2 {
		if replace[i] == "" {
			dsn += replace[i+1]
		} else {
			dsn = strings.Replace(dsn, replace[i], replace[i+1], 1)
		}
	}
	if dsn == base.DSN && len(replace) > 0 {
		t.Fatalf("the DSN is still %s", dsn)
	}
	other, err := dbtest.Reopen(name, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := other.Close(); err != nil {
			t.Errorf("closing the %s database: %v", name, err)
		}
	})
	e := &env{name: name, base: other, tables: map[string]*judge.Table{}, models: []any{&Note{}}}
	if err := e.prepare(nil); err != nil {
		t.Fatal(err)
	}
	return e
}
