package layout

import (
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestNothingSpeaksOfOneMachine: a clone works in any folder, of anybody.
func TestNothingSpeaksOfOneMachine(t *testing.T) {
	texts := []string{".go", ".md", ".mod", ".work", ".yaml", ".yml", ".json", ".html", ".css", ".js", ".sql", ".sh", ""}
	places := []string{"/" + "work/", "/" + "root/", "/" + "home/", "/" + "Users/"}
	walk(t, func(name string) {
		if !slices.Contains(texts, path.Ext(name)) || strings.HasPrefix(path.Base(name), "go.") {
			return
		}
		text := read(t, name)
		for _, place := range places {
			for line := range strings.Lines(text) {
				assert.False(t, machinePath(line, place), "%s: %s", name, strings.TrimSpace(line))
			}
		}
	})
}

// machinePath: a path of the machine begins a word; it is no part of an import
// path or a URL.
func machinePath(line, place string) bool {
	for at := 0; ; {
		i := strings.Index(line[at:], place)
		if i < 0 {
			return false
		}
		at += i
		if at == 0 || strings.ContainsRune(" \t\"'`(=:,;", rune(line[at-1])) {
			return true
		}
		at += len(place)
	}
}

// TestModuleAsksForTheLowest: a host is not raised without need, and gets no
// driver of a server.
func TestModuleAsksForTheLowest(t *testing.T) {
	mod := read(t, "go.mod")
	assert.Regexp(t, `\tgorm\.io/gorm v1\.25\.12\b`, mod)
	assert.Regexp(t, `\tgithub\.com/r3labs/diff/v3 v3\.0\.2\b`, mod)
	assert.NotRegexp(t, `gorm\.io/driver/|jackc/|go-sql-driver|mattn/go-sqlite3|chromedp`, mod)
	assert.NotContains(t, mod, "replace ")
}

var mdLink = regexp.MustCompile(`\]\(([^)#\s]*)(?:#([^)\s]*))?\)`)

func TestLinksInDocumentsLeadSomewhere(t *testing.T) {
	files := map[string]bool{}
	walk(t, func(name string) {
		for dir := name; dir != "."; dir = path.Dir(dir) {
			files[dir] = true
		}
	})
	for _, name := range documents(t) {
		for _, m := range mdLink.FindAllStringSubmatch(read(t, name), -1) {
			if strings.Contains(m[1], "://") || strings.HasPrefix(m[1], "mailto:") {
				continue
			}
			to := name
			if m[1] != "" {
				to = path.Join(path.Dir(name), filepath.ToSlash(m[1]))
			}
			if assert.True(t, files[to], "%s links to %s, which isn't there", name, m[1]) && m[2] != "" {
				assert.Contains(t, anchors(read(t, to)), m[2], "%s links to a section that %s lacks", name, to)
			}
		}
	}
}

var (
	mdCode    = regexp.MustCompile("(?ms)^ *```.*?^ *```$")
	mdHeading = regexp.MustCompile(`(?m)^#+ (.+)$`)
	notAnchor = regexp.MustCompile(`[^\p{L}\p{N}_ -]`)
)

// anchors returns the anchors of a document's headings, as GitHub makes them.
func anchors(text string) []string {
	var list []string
	for _, m := range mdHeading.FindAllStringSubmatch(mdCode.ReplaceAllString(text, ""), -1) {
		list = append(list, strings.ReplaceAll(notAnchor.ReplaceAllString(strings.ToLower(m[1]), ""), " ", "-"))
	}
	return list
}

// documents are the repository's pages for people.
func documents(t *testing.T) []string {
	t.Helper()
	var names []string
	walk(t, func(name string) {
		if path.Ext(name) == ".md" && !strings.Contains(name, "testdata/") {
			names = append(names, name)
		}
	})
	return names
}

// TestReadmeMapsEveryFolder: a newcomer finds a line for each package that can
// be imported.
func TestReadmeMapsEveryFolder(t *testing.T) {
	readme := read(t, "README.md")
	for _, s := range sources(t) {
		if s.test || module(s.folder) != "" || strings.Contains("/"+s.folder, "/internal/") {
			continue
		}
		name := s.folder
		if name == "" {
			name = "."
		}
		assert.True(t, strings.Contains(readme, "\n| [`"+name+"`]("), "the README's map of folders lacks %s", name)
	}
}
