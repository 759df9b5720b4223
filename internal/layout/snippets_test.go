package layout

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the regions of the tested files into the documents")

// snippet is a block of Go in a document, with the comment that says which
// region of which file it shows.
var snippet = regexp.MustCompile("(?:<!-- region ([^# ]+)#([^ ]+) -->\n)?```go\n((?s:.*?))```\n")

// TestSnippetsAreRegionsOfTestedFiles: Go code in a document is what stands
// between "// region name" and "// endregion" in a file that the tests compile
// and run, so no document shows code that doesn't work. After a change of such a
// file: go test ./internal/layout -update
func TestSnippetsAreRegionsOfTestedFiles(t *testing.T) {
	for _, name := range documents(t) {
		text := read(t, name)
		wanted := snippet.ReplaceAllStringFunc(text, func(block string) string {
			m := snippet.FindStringSubmatch(block)
			if !assert.NotEmpty(t, m[1], "%s: a block of Go has no <!-- region file#name --> before it:\n%s", name, m[3]) {
				return block
			}
			assert.True(t, strings.HasSuffix(m[1], "_test.go") || strings.HasPrefix(m[1], "examples/"), "%s: no test compiles %s", name, m[1])
			return fmt.Sprintf("<!-- region %s#%s -->\n```go\n%s```\n", m[1], m[2], region(t, m[1], m[2]))
		})
		if *update && wanted != text {
			require.NoError(t, os.WriteFile(filepath.Join(root, filepath.FromSlash(name)), []byte(wanted), 0o644))
			continue
		}
		assert.Equal(t, wanted, text, "%s shows other code than the tested one; go test ./internal/layout -update", name)
	}
}

// region returns the lines between the markers, without what they are all
// indented by.
func region(t *testing.T, file, name string) string {
	t.Helper()
	var lines []string
	inside, found := false, 0
	for line := range strings.Lines(read(t, file)) {
		switch mark := strings.TrimSpace(line); {
		case mark == "// region "+name:
			inside = true
			found++
		case strings.HasPrefix(mark, "// endregion"):
			inside = false
		case inside:
			lines = append(lines, line)
		}
	}
	for len(lines) > 0 && strings.TrimSpace(lines[len(lines)-1]) == "" { // gofmt wants one before a comment
		lines = lines[:len(lines)-1]
	}
	require.Equal(t, 1, found, "regions %q in %s", name, file)
	require.NotEmpty(t, lines, "region %q in %s", name, file)
	return dedent(lines)
}

func dedent(lines []string) string {
	indent := -1
	for _, l := range lines {
		if strings.TrimSpace(l) == "" {
			continue
		}
		if n := len(l) - len(strings.TrimLeft(l, "\t")); indent < 0 || n < indent {
			indent = n
		}
	}
	var b strings.Builder
	for _, l := range lines {
		b.WriteString(strings.TrimPrefix(l, strings.Repeat("\t", max(indent, 0))))
	}
	return b.String()
}

// TestReadmeCommandsAreTheOnesTested: the two commands of the README are what
// CI runs first and what quickstart is.
func TestReadmeCommandsAreTheOnesTested(t *testing.T) {
	readme, ci := read(t, "README.md"), read(t, ".ci/run")
	for _, command := range []string{"go test ./...", "go run ./examples/quickstart"} {
		assert.Contains(t, readme, "\n"+command+"\n")
	}
	assert.Contains(t, ci, "go test ./...")
}
