package layout

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

const rooms = modulePath + "/storage/gormstore/internal/"

// allowed is the folder table: what the code of a folder, its tests aside, may
// import beside the standard library. An entry stands for itself and for the
// packages below it; "audit" is the root package alone, and "storage" that folder's.
var allowed = map[string][]string{
	"":                    {"github.com/google/uuid", modulePath + "/internal/cleantext", modulePath + "/internal/cursor", modulePath + "/internal/day", modulePath + "/internal/jsonvalue", modulePath + "/internal/seal", modulePath + "/internal/sortkey", modulePath + "/internal/words"},
	"access":              {"audit", modulePath + "/internal/cleantext", modulePath + "/internal/words"},
	"hooks":               {"audit", modulePath + "/internal/cleantext", modulePath + "/internal/jsonvalue", "gorm.io/gorm", "github.com/r3labs/diff/v3"},
	"history":             {"audit", modulePath + "/internal/cleantext", modulePath + "/internal/jsonvalue"},
	"search":              {"audit", modulePath + "/internal/day", modulePath + "/internal/words"},
	"httpaudit":           {"audit"},
	"storage":             {"audit", modulePath + "/internal/cleantext", modulePath + "/internal/cursor", modulePath + "/internal/jsonvalue", modulePath + "/internal/sortkey", modulePath + "/internal/words"},
	"storage/gormstore":   {"audit", "storage", "gorm.io/gorm"},
	"storage/memstore":    {"audit", "storage", modulePath + "/internal/jsonvalue"},
	"storage/storagetest": {"audit", "storage"},
	"export":              {"audit", modulePath + "/access", modulePath + "/search", modulePath + "/internal/cleantext", modulePath + "/internal/lang", "github.com/xuri/excelize/v2", "codeberg.org/go-pdf/fpdf", "codeberg.org/go-fonts/dejavu", "github.com/go-text/typesetting", "golang.org/x/image", "golang.org/x/text"},
	"stream":              {"audit", modulePath + "/access", modulePath + "/search", modulePath + "/internal/seal", "github.com/coder/websocket"},
	"alert":               {"audit", modulePath + "/search", modulePath + "/stream"},
	"retention":           {"audit"},
	"integrity":           {"audit", "golang.org/x/mod/sumdb"},
	"viewer":              {"audit", modulePath + "/access", modulePath + "/export", modulePath + "/history", modulePath + "/internal/cleantext", modulePath + "/internal/lang", modulePath + "/internal/words", modulePath + "/search", modulePath + "/stream"},
	"audittest":           {"audit", "gorm.io/gorm"},
	"internal/cleantext":  {},
	"internal/cursor":     {},
	"internal/damagetest": {"audit", modulePath + "/history"},
	"internal/day":        {},
	"internal/jsonvalue":  {modulePath + "/internal/cleantext", modulePath + "/internal/words"},
	"internal/lang":       {},
	"internal/layout":     {},
	"internal/seal":       {},
	"internal/sortkey":    {},
	"internal/words":      {},

	// The rooms of gormstore, each of which imports only rooms that stand above it.
	"storage/gormstore/internal/sqldb":  {"audit"},
	"storage/gormstore/internal/schema": {"audit", rooms + "sqldb"},
	"storage/gormstore/internal/row":    {"audit", "storage", rooms + "schema"},
	"storage/gormstore/internal/sqlgen": {"audit", "storage", rooms + "sqldb", rooms + "schema", rooms + "row"},
	"storage/gormstore/internal/layout": {"audit", rooms + "sqldb", rooms + "schema", rooms + "row", rooms + "sqlgen"},
}

// forbidden never appears in what a host links: a driver that registers a name
// a second time panics in the host.
var forbidden = []string{
	"gorm.io/driver", "github.com/glebarez", "modernc.org", "github.com/mattn/go-sqlite3", "github.com/jackc", "github.com/lib/pq",
	"github.com/go-sql-driver", "github.com/ncruces/go-sqlite3", "github.com/stretchr/testify", "pgregory.net/rapid", "go.uber.org/goleak",
	"github.com/chromedp",
}

func below(path, prefix string) bool {
	return path == prefix || strings.HasPrefix(path, prefix+"/")
}

func standard(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return !strings.Contains(first, ".")
}

func mayImport(folder, path string) bool {
	// The IDs of entries are the root's own dependency, and cost a host nothing more.
	if standard(path) || path == "github.com/google/uuid" {
		return true
	}
	return slices.ContainsFunc(allowed[folder], func(a string) bool {
		switch a {
		case "audit":
			return path == modulePath
		case "storage":
			return path == modulePath+"/storage"
		}
		return below(path, a)
	}) || internalOf(folder, path)
}

// internalOf: a folder's own internal packages are a part of it.
func internalOf(folder, path string) bool {
	return folder != "" && strings.HasPrefix(path, modulePath+"/"+folder+"/internal/")
}

// tableFolder is the row of the table that a folder belongs to: its own, or that of the
// folder whose internal package it is.
func tableFolder(folder string) string {
	if _, ok := allowed[folder]; ok {
		return folder
	}
	if i := strings.Index(folder, "/internal/"); i > 0 {
		return folder[:i]
	}
	return folder
}

func TestImportsFollowTheTable(t *testing.T) {
	for _, s := range sources(t) {
		if s.test || module(s.folder) != "" {
			continue
		}
		folder := tableFolder(s.folder)
		if _, ok := allowed[folder]; !assert.True(t, ok, "%s: the folder is in no row of the table", s.name) {
			continue
		}
		for _, path := range s.imports {
			assert.True(t, mayImport(folder, path), "%s imports %q, which its folder may not", s.name, path)
		}
	}
}

func TestNothingThatHostsLinkImportsADriver(t *testing.T) {
	for _, s := range sources(t) {
		if s.test || module(s.folder) != "" {
			continue
		}
		for _, path := range s.imports {
			assert.False(t, slices.ContainsFunc(forbidden, func(f string) bool { return below(path, f) }), "%s imports %q", s.name, path)
		}
	}
}

func TestRootPackageKnowsNoORM(t *testing.T) {
	for _, s := range sources(t) {
		if s.folder != "" || s.test {
			continue
		}
		for _, path := range s.imports {
			assert.False(t, below(path, "gorm.io"), "%s imports %q", s.name, path)
			assert.NotEqual(t, "database/sql/driver", path, s.name)
		}
	}
}

func TestOnlyTestPackagesImportTesting(t *testing.T) {
	for _, s := range sources(t) {
		if s.test || strings.HasSuffix(s.file.Name.Name, "test") {
			continue
		}
		for _, path := range s.imports {
			assert.False(t, below(path, "testing"), "%s imports %q: hosts would link it", s.name, path)
		}
	}
}

// TestNobodyUsesAnothersInternals: examples and the command are for hosts to
// copy from, so they use only what a host can.
func TestNobodyUsesAnothersInternals(t *testing.T) {
	for _, s := range sources(t) {
		if m := module(s.folder); m != "examples" && !strings.HasPrefix(m, "cmd/") {
			continue
		}
		for _, path := range s.imports {
			own := strings.HasPrefix(path, modulePath+"/"+module(s.folder)+"/")
			assert.False(t, !own && strings.HasPrefix(path, modulePath) && strings.Contains(path, "/internal/"), "%s imports %q", s.name, path)
		}
	}
}

func TestNoTestOfTheRootModuleNeedsAServer(t *testing.T) {
	for _, s := range sources(t) {
		if module(s.folder) != "" {
			continue
		}
		for _, path := range s.imports {
			for _, f := range []string{"gorm.io/driver/postgres", "gorm.io/driver/mysql", "gorm.io/driver/sqlite", "github.com/jackc", "github.com/go-sql-driver", "github.com/mattn/go-sqlite3", "github.com/chromedp"} {
				assert.False(t, below(path, f), "%s imports %q: such tests belong to integration", s.name, path)
			}
		}
	}
}

func TestNoInitAndNoForbiddenNames(t *testing.T) {
	for _, s := range sources(t) {
		if module(s.folder) != "" {
			continue
		}
		assert.NotContains(t, []string{"util", "utils", "common", "helper", "helpers", "types"}, s.file.Name.Name, s.name)
		for _, d := range s.file.Decls {
			name, _ := declared(d)
			assert.NotContains(t, name, "init", "%s has an init function", s.name)
		}
	}
}

// TestRulesCatchWhatTheyAreFor keeps the rules themselves from rotting.
func TestRulesCatchWhatTheyAreFor(t *testing.T) {
	for _, c := range []struct {
		folder, path string
		want         bool
	}{
		{"", "context", true},
		{"", "gorm.io/gorm", false},
		{"", modulePath + "/hooks", false},
		{"", "github.com/google/uuid", true},
		{"hooks", modulePath, true},
		{"hooks", "gorm.io/gorm/schema", true},
		{"hooks", "gorm.io/gormless", false},
		{"hooks", modulePath + "/storage/gormstore", false},
		{"export", modulePath + "/stream", false},
		{"viewer", modulePath + "/export", true},
		{"viewer", modulePath + "/hooks", false},
		{"hooks", modulePath + "/hooks/internal/plan", true},
		{"export", modulePath + "/hooks/internal/plan", false},
		{"storage/gormstore", modulePath + "/storage/gormstore/internal/row", true},
		{"storage/gormstore/internal/row", modulePath + "/storage/gormstore", false},
		{"storage/gormstore/internal/row", rooms + "schema", true},
		{"storage/gormstore/internal/row", rooms + "sqlgen", false},
		{"storage/gormstore", "gorm.io/driver/postgres", false},
	} {
		assert.Equal(t, c.want, mayImport(c.folder, c.path), "%s importing %s", c.folder, c.path)
	}
}
