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
	"sync"
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
	require.NoError(t, eachFile(func(name string) error {
		visit(name)
		return nil
	}))
}

func eachFile(visit func(name string) error) error {
	return filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		if d.IsDir() {
			switch d.Name() {
			case ".git", "node_modules", "shots":
				return fs.SkipDir
			}
			return nil
		}
		return visit(filepath.ToSlash(name))
	})
}

// sources returns every Go file of the repository, those of its side modules too.
// The result is shared: don't change it.
func sources(t *testing.T) []source {
	t.Helper()
	all, err := parsed()
	require.NoError(t, err)
	require.Greater(t, len(all), 30, "the repository was not found")
	return all
}

// parsed parses once for all tests.
var parsed = sync.OnceValues(func() (all []source, err error) {
	err = eachFile(func(name string) error {
		if path.Ext(name) != ".go" || strings.Contains(name, "testdata/") {
			return nil
		}
		s, err := parse(name)
		all = append(all, s)
		return err
	})
	return all, err
})

func parse(name string) (source, error) {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, filepath.Join(root, filepath.FromSlash(name)), nil, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return source{}, err
	}
	s := source{name: name, folder: strings.TrimPrefix(path.Dir(name), "."), test: isTest(name), fset: fset, file: file}
	for _, spec := range file.Imports {
		s.imports = append(s.imports, strings.Trim(spec.Path.Value, `"`))
	}
	return s, nil
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
