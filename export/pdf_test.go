package export_test

import (
	"bytes"
	"compress/zlib"
	"context"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/export"
	"github.com/gormtrail/audit/internal/lang"
)

var (
	pdfStream = regexp.MustCompile(`(?s)stream\n(.*?)\nendstream`)
	pdfText   = regexp.MustCompile(`(?s)\(((?:[^\\()]|\\.)*)\) Tj`)
)

// pdfPages is the text of each page, a line for each piece of text, without any
// help of the library that wrote it.
func pdfPages(t testing.TB, file string) []string {
	t.Helper()
	var pages []string
	for _, raw := range pdfRaw(t, file) {
		var page []string
		for _, s := range pdfText.FindAllStringSubmatch(raw, -1) {
			page = append(page, utf16Text([]byte(s[1])))
		}
		pages = append(pages, strings.Join(page, ""))
	}
	return pages
}

// pdfRaw is what each page is drawn with.
func pdfRaw(t testing.TB, file string) []string {
	t.Helper()
	var pages []string
	for _, m := range pdfStream.FindAllStringSubmatch(file, -1) {
		z, err := zlib.NewReader(strings.NewReader(m[1]))
		if err != nil {
			continue
		}
		raw, err := io.ReadAll(z)
		if err != nil || !bytes.Contains(raw, []byte(" Tj")) {
			continue
		}
		pages = append(pages, string(raw))
	}
	require.NotEmpty(t, pages)
	return pages
}

func utf16Text(escaped []byte) string {
	raw := []byte(strings.NewReplacer(`\\`, `\`, `\(`, `(`, `\)`, `)`, `\r`, "\r").Replace(string(escaped)))
	var units []uint16
	for i := 0; i+1 < len(raw); i += 2 {
		units = append(units, uint16(raw[i])<<8|uint16(raw[i+1]))
	}
	return string(utf16.Decode(units))
}

func writePDF(t testing.TB, from audit.Reader, f export.PDFFormat, opts *export.Options) string {
	t.Helper()
	var buf bytes.Buffer
	ctx := audit.WithActor(context.Background(), audit.Actor{Email: "auditor@example.com"})
	day := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	q := audit.Query{Filter: audit.Filter{From: day, To: day.AddDate(0, 1, 0)}}
	require.NoError(t, export.Write(ctx, &buf, f, from, q, opts))
	return buf.String()
}

func TestPDFHasAllThatAReportNeeds(t *testing.T) {
	file := writePDF(t, newTrail(t, entries(200)...), export.PDFFormat{}, &export.Options{Title: "Zugriffe größer", Now: fixedNow, Columns: formerColumns(t)})
	pages := pdfPages(t, file)
	require.Greater(t, len(pages), 3)
	for _, s := range []string{
		"Zugriffe größer", "2026-01-01 to 2026-01-31 · UTC", "Date range", "Filters", "none", "Sorted by", "Timestamp, newest first",
		"Time zone", "Exported by", "auditor@example.com", "Exported at", "2026-02-03 04:05:06 UTC", "role: viewer → admin", "2026-01-15 12:00:00.123",
	} {
		assert.Contains(t, pages[0], s)
	}
	for i, page := range pages {
		assert.Contains(t, page, fmt.Sprintf("Page %d of %d", i+1, len(pages)))
		assert.Contains(t, page, "Generated 2026-02-03 04:05:06 UTC by auditor@example.com")
		assert.Contains(t, page, "Timestamp (UTC)Object typeIDActionChangesPerformed byIP address", "the header is on every page")
	}
	all := strings.Join(pages, "")
	for i := range 200 {
		assert.Equal(t, 1, strings.Count(all, fmt.Sprintf("users%dupdate", 1000+i)))
	}
	assert.Contains(t, pages[len(pages)-1], "200 rows.")
	assert.True(t, strings.HasPrefix(file, "%PDF-"))
	assert.Contains(t, file, "/Title ")
	assert.Contains(t, file, "/Author ")
	assert.Contains(t, file, "/CreationDate (D:20260203040506")
}

func TestPDFLosesNoLineOfAnyLength(t *testing.T) {
	e := entries(1)[0]
	e.Changes = nil
	for i := range 3000 {
		e.Changes = append(e.Changes, audit.Change{Field: fmt.Sprintf("field%04d", i), Op: audit.OpReplace, Old: fmt.Sprintf("from%04d", i), New: fmt.Sprintf("into%04d", i)})
	}
	e.Changes = append(e.Changes, audit.Change{Field: "json", Op: audit.OpAdd, New: map[string]any{"text": strings.Repeat("0123456789abcdef", 1<<16)}}) // 1 MB in one word
	pages := pdfPages(t, writePDF(t, newTrail(t, e), export.PDFFormat{}, nil))
	all := strings.Join(pages, "")
	for i := range 3000 {
		require.Contains(t, all, fmt.Sprintf("field%04d: from%04d → into%04d", i, i, i))
	}
	assert.Contains(t, pages[1], "(continued)")
	var body strings.Builder // without what repeats on each page
	for _, page := range pages {
		page, _, _ = strings.Cut(page, "Page ")
		if _, rest, ok := strings.Cut(page, "(continued)"); ok {
			page = rest
		}
		body.WriteString(page)
	}
	_, long, ok := strings.Cut(body.String(), `json: (none) → {"text":"`)
	require.True(t, ok)
	long, _, _ = strings.Cut(long, `"}`)
	assert.True(t, strings.Repeat("0123456789abcdef", 1<<16) == long, "%d characters, beginning with %.40q", len(long), long)
}

func TestPDFShowsHostileTexts(t *testing.T) {
	trail := newTrail(t, hostileEntries()...)
	columns, err := export.Columns("entry", "name", "changes", "metadata")
	require.NoError(t, err)
	pages := pdfPages(t, writePDF(t, trail, export.PDFFormat{}, &export.Options{Columns: columns, Title: "{nb} \u202e🎉"}))
	all := strings.Join(pages, "")
	for i := range hostileTexts() {
		assert.Contains(t, all, fmt.Sprintf("%012d", i))
	}
	for _, s := range []string{"⟨U+202E⟩rtl override⟨U+202C⟩", "⟨U+200B⟩", "⟨U+1F389⟩", "<script>alert(1)</script>", "Ελληνικά", "Tiếng Việt đặc biệt", "{nb} ⟨U+202E⟩⟨U+1F389⟩", "⟨U+6F22⟩"} {
		assert.Contains(t, all, s)
	}
	for _, hidden := range "\u202e\u202c\u2066\u2069\u200b\ufeff\x07\x1b" {
		assert.NotContains(t, all, string(hidden))
	}
	assert.Contains(t, pages[len(pages)-1], "Characters that can't be displayed")
}

// TestPDFWhoseFontsLackTheLanguage is in English, instead of a page of codes.
func TestPDFWhoseFontsLackTheLanguage(t *testing.T) {
	trail := newTrail(t, entries(2)...)
	for tag, want := range map[string][]string{
		"ja": {"Audit log", "Timestamp", "Exported at", "Labels are in English"},
		"de": {lang.Read("de").Texts["Timestamp"], lang.Read("de").Texts["Exported at"]},
	} {
		texts := lang.Read(tag).Texts
		all := strings.Join(pdfPages(t, writePDF(t, trail, export.PDFFormat{}, &export.Options{Labels: texts, Title: texts["Audit log"]})), "")
		for _, s := range want {
			assert.Contains(t, all, s, tag)
		}
		assert.NotContains(t, all, "⟨U+", tag)
		assert.Equal(t, tag == "ja", strings.Contains(all, "in English"))
	}
}

func TestPDFIsBounded(t *testing.T) {
	trail := newTrail(t, entries(5)...)
	for name, from := range map[string]audit.Reader{"counting": trail, "not counting": endless{trail, entries(1)[0], 5}} {
		var buf bytes.Buffer
		err := export.Write(context.Background(), &buf, export.PDFFormat{MaxRows: 4}, from, audit.Query{}, nil)
		var limit *export.LimitError
		require.ErrorAs(t, err, &limit, name)
		assert.Equal(t, export.LimitError{Format: "pdf", Rows: 4}, *limit, name)
		assert.Empty(t, buf.Bytes(), name)
		for _, rows := range []int{5, -1} {
			assert.NoError(t, export.Write(context.Background(), io.Discard, export.PDFFormat{MaxRows: rows}, from, audit.Query{}, nil), name)
		}
	}
	pages := pdfPages(t, write(t, export.PDFFormat{MaxRows: 4}, trail, audit.Query{}, &export.Options{MaxRows: 4}))
	assert.Contains(t, pages[0], "4 rows.Cut off after 4 rows: more entries match.")

	w := get(t, handlerOf(t, trail, &export.Options{Formats: []export.Format{export.PDFFormat{MaxRows: 4}}, Logger: quiet}), "GET", "/?format=pdf")
	assert.Equal(t, 422, w.Code)
	assert.Contains(t, w.Body.String(), "more than 4 rows match")
	assert.Empty(t, w.Header().Get("Content-Disposition"))
}

// Few rows may have any amount of text: it is bounded too, and the answer says so.
func TestTextInFilesIsBounded(t *testing.T) {
	long := entries(3)
	for i := range long {
		long[i].Changes = []audit.Change{{Field: "body", Op: audit.OpAdd, New: strings.Repeat("lorem ipsum ", 20_000)}}
	}
	trail := newTrail(t, long...)
	for _, f := range []export.Format{export.PDFFormat{MaxBytes: 400_000}, export.ExcelFormat{MaxBytes: 64 << 10}} {
		var buf bytes.Buffer
		err := export.Write(context.Background(), &buf, f, trail, audit.Query{}, nil)
		var limit *export.LimitError
		require.ErrorAs(t, err, &limit, f.Name())
		assert.Equal(t, f.Name(), limit.Format)
		assert.Positive(t, limit.Bytes)
		assert.Zero(t, limit.Rows)
		assert.ErrorContains(t, err, "MB of text")
		assert.Empty(t, buf.Bytes(), "nothing is written")

		w := get(t, handlerOf(t, trail, &export.Options{Formats: []export.Format{f}, Logger: quiet}), "GET", "/")
		assert.Equal(t, 422, w.Code)
		assert.Contains(t, w.Body.String(), "of text, which is the most that a "+f.Name()+" file holds here; narrow the filter or take another format")
		assert.Empty(t, w.Header().Get("Content-Disposition"))

		columns, err := export.Columns("time", "user")
		require.NoError(t, err)
		w = get(t, handlerOf(t, trail, &export.Options{Formats: []export.Format{f}, Columns: columns}), "GET", "/")
		assert.Equal(t, 200, w.Code, "what isn't shown doesn't count")
	}
}

func TestPDFOfTheSameRowsHasTheSameBytes(t *testing.T) {
	trail := newTrail(t, goldenEntries()...)
	opts := &export.Options{Now: fixedNow, Columns: formerColumns(t)}
	assert.Equal(t, write(t, export.PDF, trail, audit.Query{}, opts), write(t, export.PDF, trail, audit.Query{}, opts))
}

func TestPDFOptions(t *testing.T) {
	trail := newTrail(t)
	pages := pdfPages(t, write(t, export.PDFFormat{Paper: "Letter"}, trail, audit.Query{}, &export.Options{Labels: map[string]string{"No results.": "Keine Einträge."}}))
	assert.Contains(t, pages[0], "Keine Einträge.")
	assert.ErrorContains(t, export.Write(context.Background(), io.Discard, export.PDFFormat{Paper: "B5"}, trail, audit.Query{}, nil), "B5")
	long := strings.Repeat("A very long title indeed. ", 100)
	assert.Contains(t, pdfPages(t, write(t, export.PDF, trail, audit.Query{}, &export.Options{Title: long}))[0], long)
	many := slices.Repeat(export.AllColumns(), 4)
	assert.ErrorContains(t, export.Write(context.Background(), io.Discard, export.PDF, trail, audit.Query{}, &export.Options{Columns: many}), "144 columns are more than a pdf page of A4 paper holds")
	assert.NoError(t, export.Write(context.Background(), io.Discard, export.PDFFormat{Paper: "A3"}, trail, audit.Query{}, &export.Options{Columns: export.FullColumns()}))
	assert.ErrorContains(t, export.Write(context.Background(), io.Discard, export.PDFFormat{Fonts: []export.Font{{Name: "web", TTF: []byte("wOF2............")}}}, trail, audit.Query{}, nil), "font web: is not a TrueType font")
}

// A filter with very many values goes over pages and is all there.
func TestPDFOfAHugeFilter(t *testing.T) {
	var q audit.Query
	for i := range audit.MaxFilterValues {
		q.ObjectIDs = append(q.ObjectIDs, fmt.Sprintf("record-%04d", i))
	}
	all := strings.Join(pdfPages(t, write(t, export.PDF, newTrail(t, entries(1)...), q, nil)), "")
	for _, id := range q.ObjectIDs {
		assert.Contains(t, all, id)
	}
}

func TestAFailedPDFExportWritesNothing(t *testing.T) {
	var buf bytes.Buffer
	assert.ErrorIs(t, export.Write(context.Background(), &buf, export.PDF, brokenReader{newTrail(t, entries(5)...), 2}, audit.Query{}, nil), errBroken)
	assert.Empty(t, buf.Bytes())
}

// fpdf writes no zone, and readers take a time without one for UTC.
func TestPDFSaysInUTCWhenItWasMade(t *testing.T) {
	file := writePDF(t, newTrail(t), export.PDFFormat{}, &export.Options{Now: fixedNow, Location: time.FixedZone("CET", 3600)})
	assert.Contains(t, file, "/CreationDate (D:20260203040506")
	assert.Contains(t, pdfPages(t, file)[0], "2026-02-03 05:05:06 CET")
}

// The number of rows is known at the end, and said on page one.
func TestPDFSaysRowsCompanyAndLogoOnItsFirstPage(t *testing.T) {
	var logo bytes.Buffer
	require.NoError(t, png.Encode(&logo, image.NewNRGBA64(image.Rect(0, 0, 30, 10))))
	var photo bytes.Buffer
	require.NoError(t, jpeg.Encode(&photo, image.NewGray(image.Rect(0, 0, 30, 10)), nil))
	for _, data := range [][]byte{logo.Bytes(), photo.Bytes()} {
		opts := &export.Options{Now: fixedNow, Company: "Müller & Söhne", Logo: data}
		file := writePDF(t, newTrail(t, entries(123)...), export.PDFFormat{}, opts)
		pages := pdfPages(t, file)
		require.Greater(t, len(pages), 1)
		for _, s := range []string{"Company", "Müller & Söhne", "auditor@example.com", "Rows", "123"} {
			assert.Contains(t, pages[0], s)
		}
		assert.NotContains(t, pages[1], "Company")
		assert.Contains(t, file, "/Subtype /Image")
	}
	for _, wrong := range [][]byte{[]byte("<svg/>"), logo.Bytes()[:40], []byte("\x89PNG")} {
		err := export.Write(context.Background(), io.Discard, export.PDF, newTrail(t), audit.Query{}, &export.Options{Logo: wrong})
		assert.ErrorContains(t, err, "Options.Logo is not a PNG or JPEG image")
	}
}
