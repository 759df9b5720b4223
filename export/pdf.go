package export

import (
	"fmt"
	"io"

	"codeberg.org/go-fonts/dejavu/dejavusanscondensed"
	"codeberg.org/go-fonts/dejavu/dejavusanscondensedbold"
	"codeberg.org/go-pdf/fpdf"
)

// PDFFormat writes a report in landscape: title, period and filters on the first
// page, a table with its header on every page, actions as coloured pills,
// changes a line each, page numbers, when and by whom it was made. Text can be
// selected and searched. Times are shown in milliseconds in the report's zone.
//
// The built-in fonts are DejaVu Sans Condensed and its bold (a free licence,
// Bitstream Vera's with public domain changes; 1.3 MB in a binary, and in a file
// only the glyphs that it uses). They have Latin, Vietnamese, Greek, Cyrillic,
// Arabic and Hebrew; these two are joined and put in their order. Fonts adds
// others, such as Chinese, Japanese and Korean. What no font has, what would be
// invisible or would reorder the text (control characters, bidirectional
// controls), what lies beyond U+FFFF (emoji), and scripts that need more shaping
// than this (Devanagari and its kin) is shown by its code, ⟨U+1F600⟩, never
// dropped.
//
// No cell is cut: a long one is wrapped, and continues on the next page. The
// whole document is held in memory while it is made, so MaxRows and MaxBytes bound it. A
// failed export writes nothing.
type PDFFormat struct {
	// Fonts are TrueType fonts (.ttf) that are asked, in order, for what the
	// built-in ones lack. A font that can't be embedded is an error of Write.
	Fonts []Font
	// Paper is "A4", "A3", "Letter" or "Legal". Default: "A4".
	Paper string
	// MaxRows is the most rows of a document: one more is a *LimitError. An
	// Options.MaxRows of no more cuts the document instead. Default: 20,000, for
	// which a process takes about 125 MB. Negative: no limit.
	MaxRows int
	// MaxBytes is the most text of a document's rows: more is a *LimitError.
	// Default: 16 MiB, for which a process takes about 220 MB. Negative: no limit.
	MaxBytes int64
}

// Font is a TrueType font of the host's.
type Font struct {
	Name string // for error messages
	TTF  []byte // the file's bytes
}

const (
	defaultPDFRows  = 20_000
	defaultPDFBytes = 16 << 20
)

// Name is "pdf".
func (PDFFormat) Name() string { return "pdf" }

// MediaType is that of RFC 8118.
func (PDFFormat) MediaType() string { return "application/pdf" }

// Write implements Format.
func (f PDFFormat) Write(w io.Writer, t *Table) error {
	if f.MaxRows == 0 {
		f.MaxRows = defaultPDFRows
	}
	if f.MaxBytes == 0 {
		f.MaxBytes = defaultPDFBytes
	}
	if f.Paper == "" {
		f.Paper = "A4"
	}
	if err := f.checkRows(t); err != nil {
		return err
	}
	d, err := newDocument(f, t)
	if err != nil {
		return err
	}
	if err := d.write(); err != nil {
		return err
	}
	return d.pdf.Output(w)
}

// checkRows spares a reader that can count the work of a document that will be
// too long.
func (f PDFFormat) checkRows(t *Table) error {
	if f.MaxRows < 0 || t.maxRows > 0 && t.maxRows <= f.MaxRows {
		return nil
	}
	_, more, _, err := countUpTo(t.ctx, t.from, t.selects, f.MaxRows)
	if err == nil && more {
		err = &LimitError{Format: f.Name(), Rows: f.MaxRows}
	}
	return err
}

// document is one PDF under way. Lengths are in millimetres.
type document struct {
	f      PDFFormat
	t      *Table
	pdf    *fpdf.Fpdf
	set    *typesetter
	width  float64
	height float64
	y      float64 // where the next thing goes
	count  place   // where the number of rows goes, once it is known
	cells  []float64
	header [][]line
	head   float64 // the header's height
	pen    pen
	buf    []byte // text that is drawn on the page that is under way
	shapes []byte // and lines and grounds of pills
	ground string // what the shapes are filled with at the moment
	pages  [][]byte
}

// place is one on a page.
type place struct {
	page int
	x, y float64
}

const (
	margin     = 12.0
	footerAt   = 9.0 // above the lower edge
	textSize   = 7.2 // points
	lineHeight = 3.35
	padX       = 1.6
	padY       = 1.25
	baseline   = 2.45 // below a line's upper edge
	mmPerPoint = 25.4 / 72
)

func newDocument(f PDFFormat, t *Table) (*document, error) {
	sizes := map[string]bool{"A4": true, "A3": true, "Letter": true, "Legal": true}
	if !sizes[f.Paper] {
		return nil, fmt.Errorf("export: %q is not a paper; there are A4, A3, Letter and Legal", f.Paper)
	}
	d := &document{f: f, t: t, pdf: fpdf.New("L", "mm", f.Paper, "")}
	d.width, d.height = d.pdf.GetPageSize()
	d.pdf.SetAutoPageBreak(false, 0)
	d.pdf.SetMargins(margin, margin, margin)
	d.pdf.SetCatalogSort(true) // the same rows give the same bytes
	if err := d.loadFonts(); err != nil {
		return nil, err
	}
	if !d.set.showsAll(t.labels) {
		t.inEnglish()
	}
	d.set.mirrored = t.mirrored
	d.metadata()
	if err := d.layOut(); err != nil {
		return nil, err
	}
	return d, d.pdf.Error()
}

func (d *document) loadFonts() error {
	regular, err := newFace("regular", dejavusanscondensed.TTF)
	if err != nil {
		return err
	}
	bold, err := newFace("bold", dejavusanscondensedbold.TTF)
	if err != nil {
		return err
	}
	d.set = &typesetter{faces: []*face{regular, regular}, bold: []*face{bold, regular}, forms: newArabicForms()}
	for i, font := range d.f.Fonts {
		name := font.Name
		if name == "" {
			name = fmt.Sprint(i)
		}
		face, err := newFace(name, font.TTF)
		if err != nil {
			return err
		}
		face.family = fmt.Sprintf("host%d", i) // what fpdf calls it; names may be anything
		d.set.faces = append(d.set.faces, face)
		d.set.bold = append(d.set.bold, face)
	}
	for _, face := range append([]*face{bold}, d.set.faces...) {
		if err := d.addFont(face); err != nil {
			return err
		}
	}
	return d.pdf.Error()
}

// addFont guards against fonts that fpdf's reader doesn't.
func (d *document) addFont(f *face) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("export: font %s: %w: %v", f.family, errFontDamaged, r)
		}
	}()
	d.pdf.AddUTF8FontFromBytes(f.family, "", f.data)
	return d.nameFont(f)
}

func (d *document) metadata() {
	d.pdf.SetTitle(d.t.Title, true)
	d.pdf.SetSubject(d.t.rangeText(d.t.query.From, d.t.query.To), true)
	d.pdf.SetAuthor(d.t.By, true)
	d.pdf.SetCreator("github.com/gormtrail/audit", true)
	d.pdf.SetCreationDate(d.t.At.UTC()) // fpdf writes no zone, and a time without one is read as UTC
	d.pdf.SetModificationDate(d.t.At.UTC())
	d.pdf.SetDisplayMode("fullwidth", "continuous")
}

func (d *document) write() error {
	d.pdf.AddPage()
	d.rules()
	d.cover()
	d.tableHeader()
	d.set.bytes = 0
	for e, err := range d.t.Rows() {
		if err != nil {
			return err
		}
		if d.f.MaxRows > 0 && d.t.Count() > d.f.MaxRows {
			return &LimitError{Format: d.f.Name(), Rows: d.f.MaxRows}
		}
		if err := d.row(e); err != nil {
			return err
		}
	}
	d.end()
	d.footers()
	d.embedUsed()
	return d.pdf.Error()
}
