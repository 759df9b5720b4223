package export

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// CSVFormat writes comma-separated values (RFC 4180): UTF-8, records ended by
// CR LF, a header, times in ISO 8601. Line breaks inside a cell stay as they
// are. NUL is written as \x00, for readers that can't take it.
//
// A text that a spreadsheet would run as a formula gets an apostrophe before
// it, as OWASP advises ("CSV Injection"): one that begins with =, +, -, @, a
// tab, a line break, or a full-width form of these. Plain numbers such as -5
// don't. The apostrophe stays part of the cell for other readers, so a program
// that reads the file back wants RawFormulas, or JSON Lines.
//
// A file that was cut or failed has one more record, whose first field begins
// with "# " and says so; its other fields are empty.
type CSVFormat struct {
	// BOM begins the file with a byte order mark, by which Excel sees that it
	// is UTF-8.
	BOM bool
	// Comma parts the fields; Excel wants ';' in many countries. Default: ','.
	Comma rune
	// NoHeader leaves the line of headers out.
	NoHeader bool
	// LF ends records with a line feed alone, for programs that take the carriage
	// return for a part of the last field.
	LF bool
	// RawFormulas leaves texts as they are, formulas or not.
	RawFormulas bool
}

// Name is "csv".
func (CSVFormat) Name() string { return "csv" }

// MediaType is that of RFC 4180, with the character set.
func (CSVFormat) MediaType() string { return "text/csv; charset=utf-8" }

// Write implements Format.
func (f CSVFormat) Write(w io.Writer, t *Table) error {
	c, err := newCSVWriter(f, t, w)
	if err != nil {
		return err
	}
	if err := c.header(); err != nil {
		return err
	}
	var failed error
	for e, err := range t.Rows() {
		if err != nil {
			failed = err
			break
		}
		for _, column := range t.Columns {
			c.cell(column.Value(e))
		}
		if err := c.end(); err != nil {
			return err
		}
	}
	if err := c.notice(t.Notice()); err != nil && failed == nil {
		return err
	}
	return failed
}

// csvWriter is not encoding/csv's: that one can't end records with CR LF
// without changing the line breaks inside of cells.
type csvWriter struct {
	f     CSVFormat
	t     *Table
	w     io.Writer
	comma []byte
	line  []byte
	text  []byte
	cells int
}

func newCSVWriter(f CSVFormat, t *Table, w io.Writer) (*csvWriter, error) {
	comma := f.Comma
	if comma == 0 {
		comma = ','
	}
	if comma == '"' || comma == '\r' || comma == '\n' || comma == utf8.RuneError || !utf8.ValidRune(comma) {
		return nil, fmt.Errorf("export: %q can't part the fields of a CSV file", comma)
	}
	return &csvWriter{f: f, t: t, w: w, comma: utf8.AppendRune(nil, comma)}, nil
}

func (c *csvWriter) header() error {
	if c.f.BOM {
		c.line = append(c.line, "\ufeff"...)
	}
	if c.f.NoHeader {
		_, err := c.w.Write(c.line)
		c.line = c.line[:0]
		return err
	}
	for _, column := range c.t.Columns {
		c.cell(column.Header)
	}
	return c.end()
}

func (c *csvWriter) notice(s string) error {
	if s == "" {
		return nil
	}
	c.cell("# " + s)
	for range len(c.t.Columns) - 1 {
		c.cell(nil)
	}
	return c.end()
}

func (c *csvWriter) cell(v any) {
	if c.cells > 0 {
		c.line = append(c.line, c.comma...)
	}
	c.cells++
	c.text = c.text[:0]
	if !c.f.RawFormulas && isText(v) {
		// The apostrophe is laid before the text, and taken off where it isn't needed.
		c.text = c.t.appendCell(append(c.text, '\''), v, c.t.TimeLayout)
		if isFormula(c.text[1:]) {
			c.quoted(c.text)
			return
		}
		c.quoted(c.text[1:])
		return
	}
	c.text = c.t.appendCell(c.text, v, c.t.TimeLayout)
	c.quoted(c.text)
}

// isText reports whether a cell's text may be anybody's.
func isText(v any) bool {
	switch v.(type) {
	case nil, bool, int, int8, int16, int32, int64, uint, uint8, uint16, uint32, uint64, float32, float64:
		return false
	}
	return true
}

// isFormula: OWASP, "CSV Injection": =, +, -, @, tab, carriage return, line
// feed and the full-width forms. A plain number is what it says.
func isFormula(text []byte) bool {
	if len(text) == 0 {
		return false
	}
	switch text[0] {
	case '=', '@', '\t', '\r', '\n':
		return true
	case '+', '-':
		return !plainNumber(text[1:])
	}
	r, _ := utf8.DecodeRune(text)
	return strings.ContainsRune("＝＋－＠", r)
}

// plainNumber reports whether text is digits with at most one point inside.
func plainNumber(text []byte) bool {
	digits, points := 0, 0
	for _, b := range text {
		switch {
		case '0' <= b && b <= '9':
			digits++
		case b == '.':
			points++
		default:
			return false
		}
	}
	return digits > 0 && points <= 1
}

// quoted appends one field by the rules of RFC 4180.
func (c *csvWriter) quoted(text []byte) {
	if !c.needsQuotes(text) {
		c.line = append(c.line, text...)
		return
	}
	c.line = append(c.line, '"')
	for {
		i := bytes.IndexByte(text, '"')
		if i < 0 {
			break
		}
		c.line = append(append(c.line, text[:i+1]...), '"')
		text = text[i+1:]
	}
	c.line = append(append(c.line, text...), '"')
}

func (c *csvWriter) needsQuotes(text []byte) bool {
	if len(text) == 0 {
		return len(c.t.Columns) == 1 // an empty line would be no record at all
	}
	if text[0] == ' ' || text[0] == '\t' || text[len(text)-1] == ' ' || text[len(text)-1] == '\t' {
		return true // some readers trim
	}
	first := c.comma[0]
	for _, b := range text {
		if b == '"' || b == '\n' || b == '\r' || b == first && bytes.Contains(text, c.comma) {
			return true
		}
	}
	return string(text) == `\.` // which ends PostgreSQL's COPY
}

func (c *csvWriter) end() error {
	if !c.f.LF {
		c.line = append(c.line, '\r')
	}
	c.line = append(c.line, '\n')
	_, err := c.w.Write(c.line)
	c.line, c.cells = c.line[:0], 0
	return err
}
