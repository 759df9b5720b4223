package export_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"context"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/export"
	"github.com/gormtrail/audit/storage/memstore"
)

func plainTrail(t testing.TB, n int) *audit.Trail {
	t.Helper()
	trail, err := audit.New(memstore.New(), nil)
	require.NoError(t, err)
	list := make([]audit.Entry, n)
	for i := range list {
		list[i] = audit.Entry{
			Action: "update", Actor: audit.Actor{Email: "john.doe@example.com"}, Object: audit.Object{Type: "users", ID: fmt.Sprintf("record%05d", i)},
			Changes: []audit.Change{{Field: "role", Op: audit.OpReplace, Old: fmt.Sprintf("viewer%05d", i), New: fmt.Sprintf("admin%05d", i)}},
			Request: audit.Request{IP: "192.0.2.7"},
		}
	}
	require.NoError(t, trail.Record(context.Background(), list...))
	return trail
}

func TestQPDFFindsNoFault(t *testing.T) {
	qpdf := tool(t, "qpdf", "qpdf")
	for name, trail := range map[string]*audit.Trail{"hostile": hostile(t), "plain": plainTrail(t, 500), "empty": plainTrail(t, 0)} {
		path := file(t, export.PDF, trail, &export.Options{Columns: export.AllColumns()[:24], Title: "Hostile \u202e 🎉 (title) \\"})
		out := string(run(t, nil, qpdf, "--check", path))
		assert.Contains(t, out, "No syntax or stream encoding errors found", name)
		assert.NotContains(t, out, "WARNING", name)
	}
}

func TestPdftotextFindsEveryEntry(t *testing.T) {
	pdftotext := tool(t, "pdftotext", "poppler-utils")
	trail := plainTrail(t, 1000)
	columns, err := export.Columns("time", "type", "record", "action", "changes", "user", "ip")
	require.NoError(t, err)
	text := string(run(t, nil, pdftotext, "-layout", file(t, export.PDF, trail, &export.Options{Columns: columns}), "-"))
	for i := range 1000 {
		require.Equal(t, 1, strings.Count(text, fmt.Sprintf("record%05d", i)))
		require.Equal(t, 1, strings.Count(text, fmt.Sprintf("role: viewer%05d → admin%05d", i, i)))
	}
	pages := strings.Count(text, "\f")
	for n := 1; n <= pages; n++ {
		assert.Contains(t, text, fmt.Sprintf("Page %d of %d", n, pages))
	}

	columns, err = export.Columns("entry", "changes")
	require.NoError(t, err)
	columns[0].Width = 3
	trail = hostile(t)
	text = string(run(t, nil, pdftotext, "-layout", file(t, export.PDF, trail, &export.Options{Columns: columns}), "-"))
	for _, e := range all(t, trail) {
		assert.Contains(t, text, e.ID)
	}
}

func TestPdfinfoReadsTheMetadata(t *testing.T) {
	pdfinfo := tool(t, "pdfinfo", "poppler-utils")
	path := filepath.Join(t.TempDir(), "export.pdf")
	f, err := os.Create(path)
	require.NoError(t, err)
	ctx := audit.WithActor(context.Background(), audit.Actor{Name: "Jürgen Größe"})
	require.NoError(t, export.Write(ctx, f, export.PDF, plainTrail(t, 3), audit.Query{}, &export.Options{Title: "Zugriffe 漢字"}))
	require.NoError(t, f.Close())
	out := string(run(t, nil, pdfinfo, path))
	for _, s := range []string{"Zugriffe 漢字", "Jürgen Größe", "github.com/gormtrail/audit", "841.89 x 595.28 pts (A4)"} {
		assert.Contains(t, out, s)
	}
}

// A host's own font shows what the built-in ones lack.
func TestPDFWithAHostsFont(t *testing.T) {
	pdftotext, qpdf := tool(t, "pdftotext", "poppler-utils"), tool(t, "qpdf", "qpdf")
	ttf, err := os.ReadFile("/usr/share/fonts/truetype/droid/DroidSansFallbackFull.ttf")
	if err != nil {
		missing(t, "there is no font with Chinese and Japanese (Debian's package fonts-droid-fallback)")
	}
	trail, err := audit.New(memstore.New(), nil)
	require.NoError(t, err)
	text := "漢字かな交じり文 中文"
	require.NoError(t, trail.Record(context.Background(), audit.Entry{Action: "update", Object: audit.Object{Name: text}, Comment: "😀"}))
	columns, err := export.Columns("name", "comment")
	require.NoError(t, err)
	path := file(t, export.PDFFormat{Fonts: []export.Font{{Name: "Droid Sans Fallback", TTF: ttf}}}, trail, &export.Options{Columns: columns})
	run(t, nil, qpdf, "--check", path)
	got := string(run(t, nil, pdftotext, "-layout", path, "-"))
	assert.Contains(t, got, text)
	assert.Contains(t, got, "⟨U+1F600⟩")
	assert.Contains(t, string(run(t, nil, pdftotext, "-layout", file(t, export.PDF, trail, &export.Options{Columns: columns}), "-")), "⟨U+6F22⟩")
}
