package layout

import (
	"go/doc"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestEveryPackageHasAnExample: one that runs, so that it can't rot.
func TestEveryPackageHasAnExample(t *testing.T) {
	code, has := map[string]bool{}, map[string]bool{}
	for _, s := range sources(t) {
		if module(s.folder) != "" || strings.Contains("/"+s.folder, "/internal/") {
			continue
		}
		code[s.folder] = code[s.folder] || !s.test
		if s.test {
			for _, e := range doc.Examples(s.file) {
				has[s.folder] = has[s.folder] || e.Output != ""
			}
		}
	}
	for folder := range code {
		assert.True(t, has[folder], "the package in %q has no Example with an // Output: comment", folder)
	}
}
