package layout

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const modulePath = "github.com/gormtrail/audit"

// source is one Go file of the repository.
type source struct {
	name    string // relative to the repository's root, with slashes
	folder  string // "" is the root
	test    bool
	fset    *token.FileSet
	file    *ast.File
	imports []string
}

// root is the repository, seen from this folder.
const root = "../.."

// walk calls visit with each file that belongs to the repository's own text.
func walk(t *testing.T, visit func(name string)) {
	t.Helper()
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		if d.IsDir() {
			switch d.Name() {
			case ".git", "node_modules", "shots":
				return fs.SkipDir
			}
			return nil
		}
		visit(name)
		return nil
	})
	require.NoError(t, err)
}

// sources parses every Go file of the repository, those of its side modules
// too.
func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	walk(t, func(name string) {
		if path.Ext(name) != ".go" || strings.Contains(name, "testdata/") {
			return
		}
		all = append(all, parse(t, name))
	})
	require.Greater(t, len(all), 30, "the repository was not found")
	return all
}

func parse(t *testing.T, name string) source {
	t.Helper()
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, filepath.Join(root, filepath.FromSlash(name)), nil, parser.ParseComments|parser.SkipObjectResolution)
	require.NoError(t, err)
	s := source{name: name, folder: strings.TrimPrefix(path.Dir(name), "."), test: isTest(name), fset: fset, file: file}
	for _, spec := range file.Imports {
		s.imports = append(s.imports, strings.Trim(spec.Path.Value, `"`))
	}
	return s
}

// isTest reports whether a file is a test's, or of the tests that several packages
// share: no application links them.
func isTest(name string) bool {
	return strings.HasSuffix(name, "_test.go") || strings.HasPrefix(name, "internal/capturetest/")
}

// module is the folder of the go.mod that a folder belongs to, "" for the root
// module.
func module(folder string) string {
	for dir := folder; dir != "" && dir != "."; dir = path.Dir(dir) {
		if _, err := os.Stat(filepath.Join(root, dir, "go.mod")); err == nil {
			return dir
		}
	}
	return ""
}

func read(t *testing.T, name string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
	require.NoError(t, err)
	return strings.ReplaceAll(string(raw), "\r\n", "\n")
}
