package export

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/xuri/excelize/v2"

	"github.com/gormtrail/audit"
)

// ExcelFormat writes an .xlsx workbook: a sheet of entries with a frozen header
// and filter buttons, then a sheet "Filters Applied" that says what was asked
// for, by whom and when, and a sheet "Summary" with the rows by action, outcome and
// user. Rows that one sheet can't hold continue on further sheets, "Entries 2" and so
// on, behind them. Printed, pages are as wide as the paper, begin with the header, and
// have the title, who exported and page numbers.
//
// Times are real dates, in milliseconds, in the report's zone, which the header
// names; those before March 1900, which spreadsheets don't agree on, are text.
// Whole numbers of more than 15 digits are text, because a spreadsheet would
// round them. Texts are never formulas. A text of more than 32,767 UTF-16
// units, the most that a cell holds, is cut, says so at its end with its full
// length, and is counted on the second sheet. Control characters that XML can't
// hold are written as \x07.
//
// Rows go through a temporary file once they take more than 16 MB; it is
// removed whatever happens, short of a kill. If the reader fails nothing is
// written; a file that breaks off later than that has no directory, and opens
// nowhere.
type ExcelFormat struct {
	// TempDir is where the temporary file goes. Default: os.TempDir.
	TempDir string
	// SheetRows is the most rows of a sheet, its header included, from 2 up.
	// Default, and at most: 1,048,576.
	SheetRows int
	// MaxBytes is about the most that the rows may take in the temporary file: more
	// is a *LimitError. Default: 1 GiB. Negative: no limit.
	MaxBytes int64

	sheetBytes int // maxSheetBytes, unless a test says less
}

// Name is "xlsx".
func (ExcelFormat) Name() string { return "xlsx" }

// MediaType is the one registered for .xlsx.
func (ExcelFormat) MediaType() string {
	return "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
}

// Write implements Format.
func (f ExcelFormat) Write(w io.Writer, t *Table) (err error) {
	if f.SheetRows == 0 {
		f.SheetRows = excelize.TotalRows
	}
	if f.MaxBytes == 0 {
		f.MaxBytes = defaultExcelBytes
	}
	if f.sheetBytes == 0 {
		f.sheetBytes = maxSheetBytes
	}
	if f.SheetRows < 2 || f.SheetRows > excelize.TotalRows {
		return fmt.Errorf("export: %d rows on a sheet are not between 2 and %d", f.SheetRows, excelize.TotalRows)
	}
	if len(t.Columns) > excelize.MaxColumns {
		return fmt.Errorf("export: a sheet holds %d columns, not %d", excelize.MaxColumns, len(t.Columns))
	}
	dir, err := os.MkdirTemp(f.TempDir, "audit-export-")
	if err != nil {
		return err
	}
	defer func() {
		if removeErr := os.RemoveAll(dir); err == nil {
			err = removeErr
		}
	}()
	file := excelize.NewFile(excelize.Options{TmpDir: dir})
	defer func() {
		if closeErr := file.Close(); err == nil { // before the directory goes, for Windows
			err = closeErr
		}
	}()
	b := &workbook{f: f, t: t, file: file, row: make([]any, len(t.Columns)), summary: summary{t: t}}
	if err := b.write(); err != nil {
		return err
	}
	file.SetZipWriter(func(io.Writer) excelize.ZipWriter { return t.zipWriter(w) })
	_, err = file.WriteToBuffer() // which stays empty: the file goes straight to w
	return err
}

// workbook is one .xlsx under way.
type workbook struct {
	f      ExcelFormat
	t      *Table
	file   *excelize.File
	styles sheetStyles
	sheet  string // the one being written
	stream *excelize.StreamWriter
	rows   int   // of the sheet, its header included
	size   int   // of the sheet, about, in bytes
	before int64 // of the sheets before it
	sheets int
	row    []any
	cut    int // cells

	summary summary
}

func (b *workbook) write() error {
	var err error
	if b.styles, err = newSheetStyles(b.file, b.t.mirrored); err != nil {
		return err
	}
	if err := b.file.SetSheetName("Sheet1", b.sheetName(1)); err != nil {
		return err
	}
	facts := b.otherName(textSheet, b.sheetName(1))
	sums := b.otherName(textSummary, b.sheetName(1), facts)
	for _, name := range []string{facts, sums} {
		if _, err := b.file.NewSheet(name); err != nil {
			return err
		}
	}
	if err := b.entries(); err != nil {
		return err
	}
	if err := b.facts(facts); err != nil {
		return err
	}
	if err := b.sums(sums); err != nil {
		return err
	}
	return b.file.SetDocProps(&excelize.DocProperties{
		Title: cleanXML(b.t.Title), Creator: cleanXML(b.t.By), LastModifiedBy: cleanXML(b.t.By),
		Created: b.t.At.UTC().Format(time.RFC3339), Modified: b.t.At.UTC().Format(time.RFC3339),
	})
}

// sheetName of the nth sheet of entries.
func (b *workbook) sheetName(n int) string {
	name := sheetName(b.t.Label(textEntries), textEntries)
	if n == 1 {
		return name
	}
	return name + " " + strconv.Itoa(n)
}

// otherName is a sheet's translated name, which no other sheet has or begins with.
func (b *workbook) otherName(text string, taken ...string) string {
	name := sheetName(b.t.Label(text), text)
	for slices.ContainsFunc(taken, func(s string) bool { return strings.HasPrefix(strings.ToLower(name), strings.ToLower(s)) }) {
		name = "(" + name + ")"
	}
	return name
}

// sheetName makes a translated name one that a sheet can have, with room for a
// number behind it.
func sheetName(s, otherwise string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || strings.ContainsRune(`:\/?*[]'`, r) {
			return -1
		}
		return r
	}, s)
	if s = strings.TrimSpace(cutUTF16(s, 24)); s == "" {
		return otherwise
	}
	return s
}

func (b *workbook) entries() error {
	if err := b.begin(); err != nil {
		return err
	}
	for e, err := range b.t.Rows() {
		if err != nil {
			return err
		}
		lines := 1
		for i, column := range b.t.Columns {
			b.row[i] = b.cell(column.Value(e))
			lines = max(lines, linesIn(b.row[i], columnWidth(column)))
		}
		b.summary.add(e)
		if err := b.add(b.row, lines); err != nil {
			return err
		}
	}
	if notice := b.t.Notice(); notice != "" {
		if err := b.add([]any{excelize.Cell{StyleID: b.styles.notice, Value: notice}}, 1); err != nil {
			return err
		}
	}
	return b.end()
}

// maxSheetBytes keeps a sheet below the 4 GiB from where on Excel wants the file's
// parts marked in a way (ZIP64) that can't be done to a file already sent.
const maxSheetBytes = 7 << 29

const defaultExcelBytes = 1 << 30

// add writes a row that is so many lines high.
func (b *workbook) add(row []any, lines int) error {
	if most := b.f.MaxBytes; most > 0 && b.before+int64(b.size) > most {
		return &LimitError{Format: b.f.Name(), Bytes: most}
	}
	if b.rows == b.f.SheetRows || b.size > b.f.sheetBytes {
		if err := b.end(); err != nil {
			return err
		}
		if err := b.begin(); err != nil {
			return err
		}
	}
	b.rows++
	b.size += 100 * len(row)
	return b.stream.SetRow("A"+strconv.Itoa(b.rows), row, height(lines)...)
}

// begin opens the next sheet of entries. Everything that stands before the rows
// in the file has to be said first.
func (b *workbook) begin() error {
	b.sheets++
	b.before += int64(b.size)
	b.rows, b.size = 0, 0
	b.sheet = b.sheetName(b.sheets)
	if b.sheets > 1 {
		if _, err := b.file.NewSheet(b.sheet); err != nil {
			return err
		}
	}
	if err := b.setUp(b.sheet); err != nil {
		return err
	}
	titles := &excelize.DefinedName{Name: "_xlnm.Print_Titles", RefersTo: "'" + b.sheet + "'!$1:$1", Scope: b.sheet}
	if err := b.file.SetDefinedName(titles); err != nil {
		return err
	}
	var err error
	if b.stream, err = b.file.NewStreamWriter(b.sheet); err != nil {
		return err
	}
	widths := make([]float64, len(b.t.Columns))
	for i, column := range b.t.Columns {
		widths[i] = columnWidth(column)
	}
	if err := setWidths(b.stream, widths...); err != nil {
		return err
	}
	panes := &excelize.Panes{Freeze: true, YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft"}
	if err := b.stream.SetPanes(panes); err != nil {
		return err
	}
	header, lines := make([]any, len(b.t.Columns)), 1
	for i, column := range b.t.Columns {
		header[i] = excelize.Cell{StyleID: b.styles.header, Value: b.text(b.t.zonedHeader(column))}
		lines = max(lines, linesIn(header[i], widths[i]*0.9)) // bold
	}
	return b.add(header, lines)
}

// setUp: the reading direction, and printed in landscape, as wide as the page, with title
// and page numbers.
func (b *workbook) setUp(sheet string) error {
	fit, landscape, paper, width, height := true, "landscape", 9, 1, 0
	if err := b.file.SetHeaderFooter(sheet, b.pageEdges()); err != nil {
		return err
	}
	if err := b.file.SetSheetProps(sheet, &excelize.SheetPropsOptions{FitToPage: &fit}); err != nil {
		return err
	}
	if err := b.file.SetSheetView(sheet, -1, &excelize.ViewOptions{RightToLeft: &b.t.mirrored}); err != nil {
		return err
	}
	return b.file.SetPageLayout(sheet, &excelize.PageLayoutOptions{Orientation: &landscape, Size: &paper, FitToWidth: &width, FitToHeight: &height})
}

// pageEdges are what a printed page has above and below.
func (b *workbook) pageEdges() *excelize.HeaderFooterOptions {
	// "&" begins a code there, and each edge takes 255 units.
	text := func(s string) string { return strings.ReplaceAll(cutUTF16(cleanXML(s), 60), "&", "&&") }
	made := b.t.At.Format("2006-01-02 15:04 MST")
	if b.t.By != "" {
		made += " " + b.t.Label(textMadeBy) + " " + b.t.By
	}
	page := strings.NewReplacer("{n}", "&P", "{total}", "&N").Replace(text(b.t.Label(textPageOf)))
	start, end := "&L", "&R"
	if b.t.mirrored {
		start, end = end, start
	}
	return &excelize.HeaderFooterOptions{
		OddHeader: start + text(b.t.Title) + end + text(b.t.periodText()),
		OddFooter: start + text(made) + end + page,
	}
}

// end gives the sheet its filter buttons, which are lost if they are set after
// Flush, and closes it.
func (b *workbook) end() error {
	last, err := excelize.CoordinatesToCellName(len(b.t.Columns), max(b.rows, 1))
	if err != nil {
		return err
	}
	if err := b.file.AutoFilter(b.sheet, "A1:"+last, nil); err != nil {
		return err
	}
	return b.stream.Flush()
}

// factWidth is how many characters the second sheet's values have room for.
const factWidth = 90.0

// facts writes the second sheet.
func (b *workbook) facts(sheet string) error {
	if err := b.setUp(sheet); err != nil {
		return err
	}
	stream, err := b.file.NewStreamWriter(sheet)
	if err != nil {
		return err
	}
	if err := setWidths(stream, 24, factWidth); err != nil {
		return err
	}
	var lines [][2]any
	for _, fact := range b.t.Facts {
		lines = append(lines, [2]any{fact.Label, b.text(fact.Value)})
	}
	lines = append(lines, [2]any{b.t.Label(textRows), b.t.Count()})
	if notice := b.t.Notice(); notice != "" {
		lines = append(lines, [2]any{b.t.Label(textNotice), notice})
	}
	if b.cut > 0 {
		lines = append(lines, [2]any{b.t.Label(textCutCells), b.cut})
	}
	for i, line := range lines {
		row := []any{excelize.Cell{StyleID: b.styles.label, Value: line[0]}, excelize.Cell{StyleID: b.styles.fact, Value: line[1]}}
		if err := stream.SetRow("A"+strconv.Itoa(i+1), row, height(linesIn(row[1], factWidth))...); err != nil {
			return err
		}
	}
	return stream.Flush()
}

// spreadsheets agree on dates from here on; they count the 29th of February
// 1900, which never was.
var firstSpreadsheetDay = time.Date(1900, 3, 1, 0, 0, 0, 0, time.UTC)

// cell types a value.
func (b *workbook) cell(v any) any {
	switch x := v.(type) {
	case nil:
		return nil
	case time.Time:
		local := x.In(b.t.Location)
		if local.Before(firstSpreadsheetDay) {
			return excelize.Cell{StyleID: b.styles.plain, Value: local.Format(b.t.TimeLayout)}
		}
		return excelize.Cell{StyleID: b.styles.date, Value: local.Truncate(time.Millisecond)}
	case Action:
		return excelize.Cell{StyleID: b.styles.tones[b.t.toneOf(x)], Value: b.text(b.t.ActionLabel(x))}
	case Attempt:
		return excelize.Cell{StyleID: b.styles.tones[toneAmber], Value: b.text(b.t.AttemptLabel(x))}
	case []audit.Change:
		if len(x) == 0 {
			return nil
		}
		return excelize.Cell{StyleID: b.styles.changes, Value: b.text(b.t.ChangesForPeople(x))}
	case bool, float32, float64:
		return excelize.Cell{StyleID: b.styles.plain, Value: x}
	case int, int8, int16, int32, int64, uint, uint8, uint16, uint32, uint64:
		if text := valueText(x); len(text) > 15 {
			return excelize.Cell{StyleID: b.styles.plain, Value: text}
		}
		return excelize.Cell{StyleID: b.styles.whole, Value: x}
	}
	text := b.text(b.t.Text(v))
	if text == "" {
		return nil
	}
	return excelize.Cell{StyleID: b.styles.plain, Value: text}
}

// text makes a text one that a cell can hold.
func (b *workbook) text(s string) string {
	s = cleanXML(s)
	b.size += min(len(s), 4*excelize.TotalCellChars)
	for i := range len(s) {
		switch s[i] {
		case '<', '>', '&', '"', '\'', '\t', '\r', '_':
			b.size += 6 // the most that an escape takes
		}
	}
	if len(s) <= excelize.TotalCellChars { // no text has more units than bytes
		return s
	}
	n := utf16Len(s)
	if n <= excelize.TotalCellChars {
		return s
	}
	b.cut++
	mark := b.t.phrase(textCut, n)
	return cutUTF16(s, excelize.TotalCellChars-utf16Len(mark)) + mark
}

// columnWidth is in characters.
func columnWidth(c Column) float64 {
	width := c.Width
	if width <= 0 {
		width = 1
	}
	return min(max(width*18, 8), 80)
}
