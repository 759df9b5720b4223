package export

import (
	"archive/zip"
	"compress/flate"
	"fmt"
	"io"
	"strings"
	"unicode/utf16"

	"github.com/xuri/excelize/v2"
)

// sheetStyles are the looks of a workbook's cells.
type sheetStyles struct {
	header, label, fact, plain, changes, whole, date, notice int
	tones                                                    map[tone]int
}

func newSheetStyles(f *excelize.File, mirrored bool) (sheetStyles, error) {
	s := sheetStyles{tones: map[tone]int{}}
	start, text, reading := "left", "", uint64(0) // text: whatever the program does
	if mirrored {
		start, text, reading = "right", "right", 2
	}
	dateFormat := "yyyy-mm-dd hh:mm:ss.000"
	top := &excelize.Alignment{Vertical: "top", Horizontal: text}
	wrap := &excelize.Alignment{Vertical: "top", Horizontal: text, WrapText: true}
	lines := &excelize.Alignment{Vertical: "top", Horizontal: text, WrapText: true, ReadingOrder: reading}
	for _, look := range []struct {
		id    *int
		style excelize.Style
	}{
		{&s.header, excelize.Style{
			Font: sheetFont(true, "FFFFFF"), Fill: excelize.Fill{Type: "pattern", Pattern: 1, Color: []string{"1E293B"}},
			Alignment: &excelize.Alignment{Vertical: "center", Horizontal: text, WrapText: true},
		}},
		{&s.label, excelize.Style{Font: sheetFont(true, "1E293B"), Alignment: top}},
		{&s.fact, excelize.Style{Alignment: &excelize.Alignment{Vertical: "top", Horizontal: start, WrapText: true}}}, // numbers too
		{&s.plain, excelize.Style{Alignment: wrap}},                                                                   // or a long ID would run into the next column
		{&s.changes, excelize.Style{Alignment: lines}},
		{&s.whole, excelize.Style{NumFmt: 1, Alignment: top}}, // "0": without it twelve digits are shown as 1E+11
		{&s.date, excelize.Style{CustomNumFmt: &dateFormat, Alignment: &excelize.Alignment{Vertical: "top", Horizontal: start}}},
		{&s.notice, excelize.Style{Font: sheetFont(true, "991B1B")}},
	} {
		var err error
		if *look.id, err = f.NewStyle(&look.style); err != nil {
			return s, err
		}
	}
	for _, t := range tones() {
		id, err := f.NewStyle(&excelize.Style{
			Font: sheetFont(false, t.ink), Fill: excelize.Fill{Type: "pattern", Pattern: 1, Color: []string{t.ground}}, Alignment: top,
		})
		if err != nil {
			return s, err
		}
		s.tones[t] = id
	}
	return s, nil
}

// sheetFont is the workbook's own font: one without name and size is whatever a
// program takes for it, with serifs in LibreOffice.
func sheetFont(bold bool, ink string) *excelize.Font {
	return &excelize.Font{Family: "Calibri", Size: 11, Bold: bold, Color: ink}
}

// setWidths goes from the last column to the first, because excelize puts each
// before those it has, and Excel wants them in order.
func setWidths(stream *excelize.StreamWriter, widths ...float64) error {
	for i := len(widths); i > 0; i-- {
		if err := stream.SetColWidth(i, i, widths[i-1]); err != nil {
			return err
		}
	}
	return nil
}

// Not every program makes a row as high as its wrapped text when it opens a file
// (LibreOffice doesn't), so rows of more than one line say their height.
const (
	sheetLine    = 15  // points
	maxRowHeight = 409 // Excel's; the rest is in the cell all the same
)

func height(lines int) []excelize.RowOpts {
	if lines <= 1 {
		return nil
	}
	return []excelize.RowOpts{{Height: min(float64(lines*sheetLine), maxRowHeight)}}
}

// linesIn is about how many lines a cell's text takes in a column of so many
// digits' width: rather one too many than one hidden.
func linesIn(cell any, width float64) int {
	c, _ := cell.(excelize.Cell)
	text, _ := c.Value.(string)
	lines, used := 1, 0.0
	for _, r := range text {
		wide := 1.0
		switch {
		case r == 0x200f || r >= 0x2066 && r <= 0x2069:
			wide = 0 // appendMirroredLine's
		case r >= 0x1100:
			wide = 2 // ideographs and what is as wide
		}
		if r == '\n' {
			lines, used = lines+1, 0
			continue
		}
		if used += wide; used > width {
			lines, used = lines+1, wide
		}
		if lines*sheetLine > maxRowHeight {
			break
		}
	}
	return lines
}

// zipWriter compresses fast, which takes most of it, and stops when the context
// does: at a million rows this is seconds.
func (t *Table) zipWriter(w io.Writer) excelize.ZipWriter {
	z := zip.NewWriter(w)
	z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) {
		return flate.NewWriter(w, flate.BestSpeed)
	})
	return cancelZip{z, t}
}

type cancelZip struct {
	*zip.Writer
	t *Table
}

func (z cancelZip) Create(name string) (io.Writer, error) {
	// A part without a time would have the zeroth day of the zeroth month.
	w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: z.t.At.UTC()})
	return cancelWriter{w, z.t}, err
}

type cancelWriter struct {
	w io.Writer
	t *Table
}

func (c cancelWriter) Write(p []byte) (int, error) {
	if err := c.t.ctx.Err(); err != nil {
		return 0, err
	}
	return c.w.Write(p)
}

// cleanXML shows what XML 1.0 can't hold (section 2.2): most control
// characters, U+FFFE and U+FFFF.
func cleanXML(s string) string {
	bad := func(r rune) bool {
		return r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == '\ufffe' || r == '\uffff'
	}
	if strings.IndexFunc(s, bad) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case bad(r) && r < ' ':
			fmt.Fprintf(&b, `\x%02x`, r)
		case bad(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func utf16Len(s string) int {
	n := 0
	for _, r := range s {
		n += utf16.RuneLen(r)
	}
	return n
}

// cutUTF16 keeps the longest beginning of at most n units.
func cutUTF16(s string, n int) string {
	for i, r := range s {
		if n -= utf16.RuneLen(r); n < 0 {
			return s[:i]
		}
	}
	return s
}
