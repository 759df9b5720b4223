// Package export_test gives the files that package export writes to programs
// that know nothing of it, and compares what they read.
package export_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/export"
	"github.com/gormtrail/audit/storage/memstore"
)

// missing fails in CI, and elsewhere skips with one line.
func missing(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

// tool is the path of a program.
func tool(t testing.TB, name, pkg string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		missing(t, "%s is not installed (Debian's package %s)", name, pkg)
	}
	return path
}

// python is a Python 3 that has these modules.
func python(t testing.TB, pkg string, modules ...string) string {
	t.Helper()
	for _, name := range []string{"python3", "/usr/bin/python3"} {
		path, err := exec.LookPath(name)
		if err == nil && exec.Command(path, "-c", "import sys, "+strings.Join(modules, ", ")).Run() == nil {
			return path
		}
	}
	missing(t, "there is no Python 3 with %s (Debian's package %s)", strings.Join(modules, ", "), pkg)
	return ""
}

// run runs a program and returns what it printed; anything but success fails.
func run(t testing.TB, stdin []byte, name string, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Stdin = bytes.NewReader(stdin)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	require.NoError(t, cmd.Run(), "%s %s: %s%s", name, strings.Join(args, " "), out.Bytes(), errs.Bytes())
	return out.Bytes()
}

// hostile is a trail of what is hard to write down: the golden files of package
// export, and texts too long to keep in a repository.
func hostile(t testing.TB) *audit.Trail {
	t.Helper()
	trail, err := audit.New(memstore.New(), nil)
	require.NoError(t, err)
	for _, name := range []string{"entries.jsonl", "hostile.jsonl"} {
		f, err := os.Open(filepath.Join("..", "..", "export", "testdata", name))
		require.NoError(t, err)
		for e, err := range export.ReadJSONLines(f) {
			require.NoError(t, err)
			require.NoError(t, trail.Record(context.Background(), e))
		}
		require.NoError(t, f.Close())
	}
	for i, text := range []string{strings.Repeat("x", 32767), strings.Repeat("x", 32768), strings.Repeat("🎉", 17000), strings.Repeat("words and words, ", 1<<16), `"` + strings.Repeat("\n", 300)} {
		require.NoError(t, trail.Record(context.Background(), audit.Entry{
			Action: "long", Comment: text, Object: audit.Object{Type: "long", ID: string(rune('a' + i))},
			Metadata: map[string]any{"text": text}, Changes: []audit.Change{{Field: "text", Op: audit.OpAdd, New: text}},
		}))
	}
	return trail
}

func all(t testing.TB, from audit.Reader) (list []audit.Entry) {
	t.Helper()
	for e, err := range from.All(context.Background(), audit.Query{}) {
		require.NoError(t, err)
		list = append(list, e)
	}
	return list
}

// file writes an export to a file of its own.
func file(t testing.TB, f export.Format, from audit.Reader, opts *export.Options) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "export."+f.Name())
	out, err := os.Create(path)
	require.NoError(t, err)
	require.NoError(t, export.Write(context.Background(), out, f, from, audit.Query{}, opts))
	require.NoError(t, out.Close())
	return path
}
