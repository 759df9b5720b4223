package export_test

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/export"
)

// mirroredOptions are those of a reader of Hebrew.
func mirroredOptions() *export.Options {
	return &export.Options{
		RightToLeft: true, Title: "יומן ביקורת", Now: fixedNow,
		Labels: map[string]string{"Timestamp": "זמן", "Changes": "שינויים", "Page {n} of {total}": "עמוד {n} מתוך {total}", "Entries": "רשומות", "Rows": "שורות"},
	}
}

func mirroredEntry() audit.Entry {
	return audit.Entry{
		ID: "01980000-0000-7000-8000-000000000001", Time: time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC), Action: audit.ActionUpdate,
		Object: audit.Object{Type: "invoice", ID: "7"},
		Changes: []audit.Change{
			{Field: "status", Old: "open", New: "paid"}, {Field: "city", Old: "חיפה", New: "אילת"}, {Field: "limit", Old: "10.", New: "a ← b"},
			{Field: "sly", Old: "x\u2069y", New: nil},
		},
	}
}

// An old value is read before the new one, so in a language written from right to left
// the arrow points to the left, and each line is a right-to-left paragraph.
func TestChangesOfAMirroredFile(t *testing.T) {
	trail := newTrail(t, mirroredEntry())
	opts := mirroredOptions()
	opts.Columns, _ = export.Columns("changes")
	var file bytes.Buffer
	require.NoError(t, export.Write(t.Context(), &file, export.CSV, trail, audit.Query{}, opts))
	isolated := func(s string) string { return "\u2068" + s + "\u2069" }
	line := func(field, old, new string) string {
		return "\u200f" + isolated(field) + ": " + isolated(old) + " ← " + isolated(new)
	}
	want := strings.Join([]string{
		line("status", "open", "paid"), line("city", "חיפה", "אילת"), line("limit", "10.", `""a ← b""`), line("sly", `x\u2069y`, "null"),
	}, "\n")
	assert.Equal(t, "שינויים\r\n\""+want+"\"\r\n", file.String())
	assert.Equal(t, "status: open → paid", export.ChangesText(mirroredEntry().Changes[:1]))

	file.Reset()
	require.NoError(t, export.Write(t.Context(), &file, export.JSONLines, trail, audit.Query{}, opts))
	assert.NotContains(t, file.String(), "\u2068")
}

func TestAMirroredWorkbook(t *testing.T) {
	var file bytes.Buffer
	require.NoError(t, export.Write(t.Context(), &file, export.Excel, newTrail(t, mirroredEntry()), audit.Query{}, mirroredOptions()))
	book := openExcel(t, file.String())
	for _, sheet := range book.GetSheetList() {
		view, err := book.GetSheetView(sheet, 0)
		require.NoError(t, err)
		assert.True(t, *view.RightToLeft, sheet)
		edges, err := book.GetHeaderFooter(sheet)
		require.NoError(t, err)
		assert.True(t, strings.HasPrefix(edges.OddHeader, "&Rיומן ביקורת&L"), edges.OddHeader)
	}
	panes, err := book.GetPanes("רשומות")
	require.NoError(t, err)
	assert.True(t, panes.Freeze, "the header stays")
	assert.Contains(t, strings.Join(rowsOf(t, book, "רשומות")[1], "|"), "\u2068open\u2069 ← \u2068paid\u2069")

	style, err := book.GetCellStyle("רשומות", "G2") // LibreOffice doesn't look at the texts
	require.NoError(t, err)
	look, err := book.GetStyle(style)
	require.NoError(t, err)
	assert.EqualValues(t, 2, look.Alignment.ReadingOrder, "right to left")

	file.Reset()
	require.NoError(t, export.Write(t.Context(), &file, export.Excel, newTrail(t, mirroredEntry()), audit.Query{}, nil))
	view, err := openExcel(t, file.String()).GetSheetView("Entries", 0)
	require.NoError(t, err)
	assert.False(t, view.RightToLeft != nil && *view.RightToLeft)
}

var pdfPlaced = regexp.MustCompile(`(?s)BT (-?[\d.]+) (-?[\d.]+) Td(.*?) ET`)

// placed is where each line of text of a PDF's first page begins, from the left.
func placed(t *testing.T, file string) map[string]float64 {
	t.Helper()
	list := map[string]float64{}
	for _, m := range pdfPlaced.FindAllStringSubmatch(pdfRaw(t, file)[0], -1) {
		var text strings.Builder
		for _, s := range pdfText.FindAllSubmatch([]byte(m[3]), -1) {
			text.WriteString(utf16Text(s[1]))
		}
		x, err := strconv.ParseFloat(m[1], 64)
		require.NoError(t, err)
		list[text.String()] = x
	}
	return list
}

func TestAMirroredPDF(t *testing.T) {
	entry := mirroredEntry()
	opts := mirroredOptions()
	seen := placed(t, writePDF(t, newTrail(t, entry), export.PDFFormat{}, opts))
	for _, line := range []string{"paid ← open :status", "תליא ← הפיח :city", `"a ← b" ← 10. :limit`, "תרוקיב ןמוי"} {
		assert.Contains(t, seen, line)
	}
	opts.RightToLeft = false
	plain := placed(t, writePDF(t, newTrail(t, entry), export.PDFFormat{}, opts))
	const width, margin = 841.89, 12 * 72 / 25.4
	assert.InDelta(t, margin, plain["תרוקיב ןמוי"], 0.1)
	assert.Greater(t, seen["תרוקיב ןמוי"], width/2, "the title begins at the right")
	assert.Less(t, plain["status: open → paid"], plain["invoice"]+width/2)
	assert.Greater(t, seen["invoice"], seen["paid ← open :status"], "the first column is at the right")
	assert.Less(t, plain["invoice"], plain["status: open → paid"])
	assert.InDelta(t, margin, seen["1 ךותמ 1 דומע"], 0.1, "page numbers are at the other end")
}
