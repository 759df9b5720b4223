package capturetest

import (
	_ "embed"
	"strings"
	"testing"
)

// knownDefects lists, under the note of each defect that is not mended yet, the
// tests that it fails. A test in it must fail, so that no line outlives its
// defect, unless the note begins with "race: ", which is lost only now and then.
//
//go:embed testdata/known.txt
var knownDefects string

// verdict ends a test of which wrong is what the trail gets wrong.
func verdict(t *testing.T, wrong []string) {
	t.Helper()
	note := knownDefect(t.Name())
	text := strings.Join(wrong, "\n")
	switch {
	case strings.HasPrefix(note, "race: ") && len(wrong) == 0:
	case note != "" && len(wrong) == 0:
		t.Errorf("the known defect %q is gone: strike this test from testdata/known.txt", note)
	case note != "" && strings.HasPrefix(text, "without capture: "):
		t.Errorf("the case is wrong: %s", text)
	case note != "":
		t.Logf("known: %s\n%s", note, text)
	case len(wrong) > 0:
		t.Errorf("the trail is not what happened:\n%s", text)
	}
}

// knownDefect is the note over a test's name; "" if the name is not listed.
func knownDefect(test string) string {
	note := ""
	for line := range strings.Lines(knownDefects) {
		line = strings.TrimRight(line, "\n")
		if text, is := strings.CutPrefix(line, "# "); is {
			note = text
		}
		if line == test {
			return note
		}
	}
	return ""
}
