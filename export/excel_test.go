package export_test

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/xuri/excelize/v2"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/export"
)

func openExcel(t testing.TB, file string) *excelize.File {
	t.Helper()
	f, err := excelize.OpenReader(strings.NewReader(file))
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, f.Close()) })
	return f
}

func rowsOf(t testing.TB, f *excelize.File, sheet string) [][]string {
	t.Helper()
	rows, err := f.GetRows(sheet)
	require.NoError(t, err)
	return rows
}

func fixedNow() time.Time { return time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC) }

func TestExcelHasTypedCellsAndASheetOfFilters(t *testing.T) {
	trail := newTrail(t, entries(3)...)
	ctx := audit.WithActor(context.Background(), audit.Actor{Email: "auditor@example.com"})
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	var buf bytes.Buffer
	q := audit.Query{Sort: "time", Filter: audit.Filter{Actions: []string{"update"}, From: time.Date(2026, 1, 1, 0, 0, 0, 0, berlin), To: time.Date(2026, 2, 1, 0, 0, 0, 0, berlin)}}
	require.NoError(t, export.Write(ctx, &buf, export.Excel, trail, q, &export.Options{Now: fixedNow, Location: berlin, Title: "January"}))
	f := openExcel(t, buf.String())
	assert.Equal(t, []string{"Entries", "Filters Applied", "Summary"}, f.GetSheetList())
	assert.Equal(t, [][]string{
		{"Timestamp (Europe/Berlin)", "Outcome", "Action", "Object type", "Object name", "ID", "Changes", "User", "On behalf of", "IP address", "Comment"},
		{"2026-01-15 12:58:00", "success", "update", "users", "Office VPN", "1002", "role: viewer → admin", "John Doe (john.doe@example.com)", "", "192.0.2.7"},
		{"2026-01-15 12:59:00", "success", "update", "users", "Office VPN", "1001", "role: viewer → admin", "John Doe (john.doe@example.com)", "", "192.0.2.7"},
		{"2026-01-15 13:00:00", "success", "update", "users", "Office VPN", "1000", "role: viewer → admin", "John Doe (john.doe@example.com)", "", "192.0.2.7"},
	}, withoutFractions(rowsOf(t, f, "Entries")))
	kind, err := f.GetCellType("Entries", "A2")
	require.NoError(t, err)
	assert.Equal(t, excelize.CellTypeUnset, kind, "a number, which a date is")
	kind, err = f.GetCellType("Entries", "C2")
	require.NoError(t, err)
	assert.Equal(t, excelize.CellTypeInlineString, kind)
	assert.Equal(t, [][]string{
		{"Report", "January"}, {"Date range", "2026-01-01 to 2026-01-31"}, {"Action", "update"}, {"Sorted by", "Timestamp, oldest first"},
		{"Time zone", "Europe/Berlin"}, {"Exported by", "auditor@example.com"}, {"Exported at", "2026-02-03 05:05:06 CET"}, {"Rows", "3"},
	}, rowsOf(t, f, "Filters Applied"))

	panes, err := f.GetPanes("Entries")
	require.NoError(t, err)
	assert.True(t, panes.Freeze)
	assert.Equal(t, 1, panes.YSplit)
	raw := sheetXML(t, buf.Bytes(), "xl/worksheets/sheet1.xml")
	assert.Contains(t, raw, `<autoFilter ref="$A$1:$K$4"`)
	assert.Regexp(t, `<cols><col min="1" max="1" .*<col min="11" max="11"`, raw, "Excel wants columns in order")
	serial, err := f.GetCellValue("Entries", "A4", excelize.Options{RawCellValue: true})
	require.NoError(t, err)
	days, err := strconv.ParseFloat(serial, 64)
	require.NoError(t, err)
	got := time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC).Add(time.Duration(math.Round(days*86400e3)) * time.Millisecond)
	assert.Equal(t, "2026-01-15T13:00:00.123Z", got.Format(time.RFC3339Nano))
	props, err := f.GetDocProps()
	require.NoError(t, err)
	assert.Equal(t, "January", props.Title)
	assert.Equal(t, "auditor@example.com", props.Creator)
}

// withoutFractions: excelize shows .000 whatever the milliseconds are.
func withoutFractions(rows [][]string) [][]string {
	for _, row := range rows[1:] {
		row[0], _, _ = strings.Cut(row[0], ".")
	}
	return rows
}

func sheetXML(t testing.TB, file []byte, name string) string {
	t.Helper()
	r, err := zipReader(file)
	require.NoError(t, err)
	f, err := r.Open(name)
	require.NoError(t, err)
	raw, err := io.ReadAll(f)
	require.NoError(t, err)
	return string(raw)
}

func TestExcelKeepsHostileTexts(t *testing.T) {
	trail := newTrail(t, hostileEntries()...)
	columns, err := export.Columns("name")
	require.NoError(t, err)
	f := openExcel(t, write(t, export.Excel, trail, audit.Query{}, &export.Options{Columns: columns}))
	for i, s := range hostileTexts() {
		got, err := f.GetCellValue("Entries", fmt.Sprintf("A%d", i+2))
		require.NoError(t, err)
		formula, err := f.GetCellFormula("Entries", fmt.Sprintf("A%d", i+2))
		require.NoError(t, err)
		assert.Empty(t, formula)
		s = strings.NewReplacer("\x00", `\x00`, "\x07", `\x07`, "\x1b", `\x1b`, "\ufffe", `\ufffe`).Replace(s)
		if n := len(utf16.Encode([]rune(s))); n > 32767 {
			assert.Len(t, utf16.Encode([]rune(got)), 32767)
			assert.True(t, strings.HasSuffix(got, fmt.Sprintf(" … [cut: %d characters in all; CSV and JSON Lines have them whole]", n)), "%.20q", s)
			assert.True(t, strings.HasPrefix(s, got[:1000]))
			continue
		}
		assert.Equal(t, s, got)
	}
	facts := rowsOf(t, f, "Filters Applied")
	assert.Equal(t, []string{"Shortened cells", "3"}, facts[len(facts)-1])
}

func TestExcelContinuesOnFurtherSheets(t *testing.T) {
	trail := newTrail(t, entries(7)...)
	f := openExcel(t, write(t, export.ExcelFormat{SheetRows: 4}, trail, audit.Query{}, &export.Options{Now: fixedNow, MaxRows: 6}))
	assert.Equal(t, []string{"Entries", "Filters Applied", "Summary", "Entries 2", "Entries 3"}, f.GetSheetList())
	var ids []string
	for _, sheet := range []string{"Entries", "Entries 2", "Entries 3"} {
		rows := rowsOf(t, f, sheet)
		assert.Equal(t, "Timestamp (UTC)", rows[0][0], sheet)
		for _, row := range rows[1:] {
			if len(row) == 1 {
				ids = append(ids, row[0])
				continue
			}
			ids = append(ids, row[5])
		}
	}
	assert.Equal(t, []string{"1000", "1001", "1002", "1003", "1004", "1005", "Cut off after 6 rows: more entries match."}, ids)
	facts := rowsOf(t, f, "Filters Applied")
	assert.Equal(t, []string{"Notice", "Cut off after 6 rows: more entries match."}, facts[len(facts)-1])

	for _, rows := range []int{-1, 1, 1 << 20 * 2} {
		assert.Error(t, export.Write(context.Background(), io.Discard, export.ExcelFormat{SheetRows: rows}, trail, audit.Query{}, nil))
	}
}

func TestExcelTypesOfCells(t *testing.T) {
	values := []any{int64(999999999999999), int64(9007199254740993), uint64(18446744073709551615), -1.5, true, nil, "", "-5", []byte{1}, export.ObjectType("x"), time.Date(1900, 2, 28, 0, 0, 0, 0, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)}
	columns := make([]export.Column, len(values))
	for i, v := range values {
		columns[i] = export.Column{Header: fmt.Sprint(i), Value: func(audit.Entry) any { return v }}
	}
	f := openExcel(t, write(t, export.Excel, newTrail(t, entries(1)...), audit.Query{}, &export.Options{Columns: columns}))
	assert.Equal(t, []string{"999999999999999", "9007199254740993", "18446744073709551615", "-1.5", "TRUE", "", "", "-5", `"AQ=="`, "x", "1900-02-28T00:00:00.000000Z", "9999-12-31 23:59:59.000"}, rowsOf(t, f, "Entries")[1])
	for i, want := range []excelize.CellType{excelize.CellTypeUnset, excelize.CellTypeInlineString, excelize.CellTypeInlineString, excelize.CellTypeUnset, excelize.CellTypeBool} {
		name, err := excelize.CoordinatesToCellName(i+1, 2)
		require.NoError(t, err)
		kind, err := f.GetCellType("Entries", name)
		require.NoError(t, err)
		assert.Equal(t, want, kind, name)
	}
}

func TestExcelSheetNamesOfAnyTranslation(t *testing.T) {
	trail := newTrail(t, entries(3)...)
	for _, name := range []string{"", "a/b\\c:d*e?f[g]'h", strings.Repeat("длинное имя ", 20), "Filters Applied", "'", "🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉"} {
		f := openExcel(t, write(t, export.ExcelFormat{SheetRows: 2}, trail, audit.Query{}, &export.Options{Labels: map[string]string{"Entries": name}}))
		assert.Len(t, f.GetSheetList(), 5, name)
	}
	f := openExcel(t, write(t, export.ExcelFormat{SheetRows: 2}, trail, audit.Query{}, &export.Options{Labels: map[string]string{"Entries": "X", "Filters Applied": "x"}}))
	assert.Equal(t, []string{"X", "(x)", "Summary", "X 2", "X 3"}, f.GetSheetList())
}

// The temporary file goes, however the export ends.
func TestExcelLeavesNoTemporaryFile(t *testing.T) {
	wide := entries(1)[0]
	wide.Comment = strings.Repeat("wide ", 2000)
	columns, err := export.Columns("time", "comment")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	rows := 3000 // 30 MB: more than is kept in memory
	var during int
	run := func(ctx context.Context, dir string, w io.Writer, from audit.Reader, stop func(n int)) error {
		n := 0
		watched := append(columns, export.Column{Header: "n", Value: func(audit.Entry) any {
			n++
			if n == rows-1 {
				during = countFiles(t, dir)
			}
			stop(n)
			return n
		}})
		return export.Write(ctx, w, export.ExcelFormat{TempDir: dir}, from, audit.Query{}, &export.Options{Columns: watched})
	}
	whole := endless{newTrail(t), wide, rows}
	for name, c := range map[string]struct {
		w    io.Writer
		from audit.Reader
		stop func(int)
		want error
	}{
		"whole":        {io.Discard, whole, func(int) {}, nil},
		"reader fails": {io.Discard, brokenReader{whole, rows - 1}, func(int) {}, errBroken},
		"writer fails": {&brokenWriter{10}, whole, func(int) {}, errDiskFull},
		"cancelled": {io.Discard, whole, func(n int) {
			if n == rows-1 {
				cancel()
			}
		}, context.Canceled},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			during = 0
			err := run(ctx, dir, c.w, c.from, c.stop)
			if c.want == nil {
				assert.NoError(t, err)
			} else {
				assert.ErrorIs(t, err, c.want)
			}
			assert.Positive(t, during, "the test is of no use if there was no file")
			assert.Zero(t, countFiles(t, dir))
			ctx, cancel = context.WithCancel(context.Background())
		})
	}
	t.Run("panic", func(t *testing.T) {
		dir := t.TempDir()
		assert.Panics(t, func() {
			_ = run(context.Background(), dir, io.Discard, whole, func(n int) {
				if n == rows-1 {
					panic("a host's column")
				}
			})
		})
		assert.Zero(t, countFiles(t, dir))
	})
	t.Run("no directory", func(t *testing.T) {
		assert.Error(t, run(context.Background(), t.TempDir()+"/none", io.Discard, whole, func(int) {}))
	})
}

func countFiles(t testing.TB, dir string) int {
	list, err := os.ReadDir(dir)
	require.NoError(t, err)
	n := len(list)
	for _, d := range list {
		if d.IsDir() {
			n += countFiles(t, dir+"/"+d.Name())
		}
	}
	return n
}

func TestAFailedExcelExportWritesNothing(t *testing.T) {
	var buf bytes.Buffer
	assert.ErrorIs(t, export.Write(context.Background(), &buf, export.Excel, brokenReader{newTrail(t, entries(5)...), 2}, audit.Query{}, nil), errBroken)
	assert.Empty(t, buf.Bytes())
}

// LibreOffice shows only the first line of a row whose height isn't said.
func TestARowIsAsHighAsItsLines(t *testing.T) {
	long := entries(4)
	long[1].Changes = append(long[1].Changes, audit.Change{Field: "note", Op: audit.OpAdd, New: strings.Repeat("word ", 40)})
	long[2].Changes = slices.Repeat(long[2].Changes, 100)
	long[3].Changes = []audit.Change{{Field: "name", Op: audit.OpAdd, New: strings.Repeat("漢", 40)}}
	f := openExcel(t, write(t, export.Excel, newTrail(t, long...), audit.Query{}, nil))
	for row, want := range map[int]float64{1: 15, 2: 15, 3: 15 * 5, 4: 409, 5: 30} {
		got, err := f.GetRowHeight("Entries", row)
		require.NoError(t, err)
		assert.Equal(t, want, got, "row %d", row)
	}
}

func TestTheSheetOfFiltersIsPrintedOnOnePageWide(t *testing.T) {
	q := audit.Query{Filter: audit.Filter{Users: slices.Repeat([]string{"someone@example.com"}, 30)}}
	f := openExcel(t, write(t, export.Excel, newTrail(t, entries(1)...), q, nil))
	props, err := f.GetSheetProps("Filters Applied")
	require.NoError(t, err)
	require.NotNil(t, props.FitToPage)
	assert.True(t, *props.FitToPage)
	height, err := f.GetRowHeight("Filters Applied", 3)
	require.NoError(t, err)
	assert.Equal(t, 15*7.0, height)
}

func TestThePartsOfAWorkbookHaveATime(t *testing.T) {
	raw := write(t, export.Excel, newTrail(t), audit.Query{}, &export.Options{Now: fixedNow})
	z, err := zip.NewReader(strings.NewReader(raw), int64(len(raw)))
	require.NoError(t, err)
	for _, part := range z.File {
		assert.True(t, part.Modified.Equal(fixedNow().Truncate(time.Second)), "%s: %v", part.Name, part.Modified)
	}
}

func TestEveryFontOfAWorkbookHasANameAndASize(t *testing.T) {
	f := openExcel(t, write(t, export.Excel, newTrail(t, entries(1)...), audit.Query{}, &export.Options{MaxRows: 1}))
	require.Greater(t, len(f.Styles.Fonts.Font), 5)
	for i, font := range f.Styles.Fonts.Font {
		if assert.NotNil(t, font.Name, "font %d", i) && assert.NotNil(t, font.Sz, "font %d", i) {
			assert.Equal(t, "Calibri", *font.Name.Val)
			assert.Equal(t, 11.0, *font.Sz.Val)
		}
	}
}

func TestExcelSumsUpItsRows(t *testing.T) {
	list := entries(4)
	list[1].Action, list[1].Outcome = "login", audit.Failure
	list[2].Actor = audit.Actor{}
	trail := newTrail(t, list...)
	opts := &export.Options{Now: fixedNow, Catalogue: trail.Catalogue(), Labels: map[string]string{"Rows by user": "Zeilen nach Benutzer", "success": "erfolgreich"}}
	assert.Equal(t, [][]string{
		{"Rows by outcome", "Rows"}, {"erfolgreich", "3"}, {"failure", "1"}, nil,
		{"Rows by action", "Rows"}, {"Updated", "3"}, {"Login failed", "1"}, nil,
		{"Zeilen nach Benutzer", "Rows"}, {"John Doe (john.doe@example.com)", "3"}, {"none", "1"},
	}, rowsOf(t, openExcel(t, write(t, export.Excel, trail, audit.Query{}, opts)), "Summary"))

	// What a column shows bounds the file, and who acted bounds the summary.
	many := entries(1200)
	for i := range many {
		many[i].Actor = audit.Actor{ID: fmt.Sprint(i)}
	}
	columns, err := export.Columns("time")
	require.NoError(t, err)
	rows := rowsOf(t, openExcel(t, write(t, export.Excel, newTrail(t, many...), audit.Query{}, &export.Options{Columns: columns})), "Summary")
	assert.Equal(t, []string{"all others", "200"}, rows[len(rows)-1])
}

// A long ID ran into the next column, and a wrapped comment was cut at one line.
func TestExcelShowsLongTextsWhole(t *testing.T) {
	e := entries(1)[0]
	e.Object.ID, e.Changes, e.Comment = strings.Repeat("0123456789", 10), nil, strings.Repeat("word ", 30)
	file := write(t, export.Excel, newTrail(t, e), audit.Query{}, &export.Options{Now: fixedNow, Title: "R&D"})
	f := openExcel(t, file)
	id, err := f.GetCellStyle("Entries", "F2")
	require.NoError(t, err)
	style, err := f.GetStyle(id)
	require.NoError(t, err)
	assert.True(t, style.Alignment.WrapText)
	height, err := f.GetRowHeight("Entries", 2)
	require.NoError(t, err)
	assert.GreaterOrEqual(t, height, 7*15.0, "100 digits in a column of 16")

	for _, sheet := range f.GetSheetList() {
		edges, err := f.GetHeaderFooter(sheet)
		require.NoError(t, err)
		assert.Equal(t, "&LR&&D&Rall dates", edges.OddHeader, sheet)
		assert.Equal(t, "&L2026-02-03 04:05 UTC&RPage &P of &N", edges.OddFooter, sheet)
		layout, err := f.GetPageLayout(sheet)
		require.NoError(t, err)
		assert.Equal(t, "landscape", *layout.Orientation)
	}
}
