package export

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"

	"codeberg.org/go-pdf/fpdf"
)

// Text is written to the page as PDF's own operators (ISO 32000-1, 9.4), a line
// of a cell in one text object, and what the page already knows (font, size,
// colour) isn't said again. Through fpdf.Text, which says all of it for each
// piece, a report is three times as large in memory.

// pen is what the page writes text with.
type pen struct {
	face *face
	size float64
	ink  string
}

// draw writes a line with its baseline at y. x is its distance from the edge where lines
// begin, as everywhere: a page from right to left is laid out from left to right, and
// mirrored here.
func (d *document) draw(l line, x, y, size float64) {
	if len(l) == 0 {
		return
	}
	if d.set.mirrored {
		x = d.width - x - mm(l.width(), size)
	}
	d.buf = append(d.buf, "BT "...)
	d.buf = append(d.point(d.buf, x, y), "Td"...)
	for _, p := range l {
		faces := d.set.faces
		if p.look.bold {
			faces = d.set.bold
		}
		d.use(pen{faces[p.face], size, p.look.ink})
		d.show(faces[p.face], p.text)
	}
	d.buf = append(d.buf, " ET\n"...)
}

// finishPage keeps what was drawn on a page until its footer is known: fpdf gets
// both at once, because a page of its that grows takes twice the room.
func (d *document) finishPage() { d.pages = append(d.pages, d.drawn(nil)) }

// drawn appends what was drawn since the last call: shapes first, the text above
// them.
func (d *document) drawn(page []byte) []byte {
	page = slices.Concat(page, d.shapes, d.buf)
	d.shapes, d.ground = d.shapes[:0], ""
	d.buf, d.pen = d.buf[:0], pen{}
	return page
}

func (d *document) use(p pen) {
	if p.face != d.pen.face || p.size != d.pen.size {
		d.buf = append(append(append(d.buf, " /"...), p.face.name...), ' ')
		d.buf = append(appendNumber(d.buf, p.size), "Tf"...)
	}
	if p.ink != d.pen.ink {
		d.buf = appendColour(append(d.buf, ' '), p.ink)
	}
	d.pen = p
}

// appendColour sets the colour that is filled and written with.
func appendColour(b []byte, ink string) []byte {
	r, g, bl := rgb(ink)
	for _, c := range [3]int{r, g, bl} {
		b = append(appendThousandths(b, (c*1000+127)/255), ' ')
	}
	return append(b, "rg"...)
}

// appendThousandths writes n/1000 of at most 1.
func appendThousandths(b []byte, n int) []byte {
	return append(b, byte('0'+n/1000), '.', byte('0'+n/100%10), byte('0'+n/10%10), byte('0'+n%10))
}

// point appends a place on the page; y grows downwards, as everywhere here.
func (d *document) point(b []byte, x, y float64) []byte {
	return appendNumber(appendNumber(b, x/mmPerPoint), (d.height-y)/mmPerPoint)
}

// rule draws a line from the left margin to the right one.
func (d *document) rule(y float64) {
	d.shapes = append(d.point(d.shapes, margin, y), "m "...)
	d.shapes = append(d.point(d.shapes, d.width-margin, y), "l S\n"...)
}

// pillGround fills a rectangle whose ends are half circles.
func (d *document) pillGround(x, y, w, h float64, ink string) {
	if d.set.mirrored {
		x = d.width - x - w
	}
	const arc = 4.0 / 3 * (math.Sqrt2 - 1) // a quarter of a circle as a Bézier curve
	r := h / 2
	if ink != d.ground {
		d.shapes, d.ground = append(appendColour(d.shapes, ink), ' '), ink
	}
	left, right, middle, low := x+r, x+w-r, y+r, y+h
	d.shapes = append(d.point(d.shapes, left, y), "m "...)
	d.shapes = append(d.point(d.shapes, right, y), "l "...)
	d.curve(right+r*arc, y, x+w, middle-r*arc, x+w, middle)
	d.curve(x+w, middle+r*arc, right+r*arc, low, right, low)
	d.shapes = append(d.point(d.shapes, left, low), "l "...)
	d.curve(left-r*arc, low, x, middle+r*arc, x, middle)
	d.curve(x, middle-r*arc, left-r*arc, y, left, y)
	d.shapes = append(d.shapes, "f\n"...)
}

func (d *document) curve(x1, y1, x2, y2, x3, y3 float64) {
	d.shapes = append(d.point(d.point(d.point(d.shapes, x1, y1), x2, y2), x3, y3), "c "...)
}

// show writes a text in two bytes a character, which is how fpdf encodes the
// fonts that it embeds. None is beyond U+FFFF: sanitize has seen to that.
func (d *document) show(f *face, text string) {
	b := append(d.buf, " ("...)
	for _, r := range text {
		f.used[r] = true
		b = appendEscaped(appendEscaped(b, byte(r>>8)), byte(r))
	}
	d.buf = append(b, ") Tj"...)
}

func appendEscaped(b []byte, c byte) []byte {
	switch c {
	case '(', ')', '\\':
		return append(b, '\\', c)
	case '\r':
		return append(b, '\\', 'r')
	}
	return append(b, c)
}

// appendNumber writes hundredths of a point, which is finer than any printer.
func appendNumber(b []byte, f float64) []byte {
	n := int64(math.Round(f * 100))
	if n < 0 {
		b, n = append(b, '-'), -n
	}
	b = strconv.AppendInt(b, n/100, 10)
	return append(b, '.', byte('0'+n/10%10), byte('0'+n%10), ' ')
}

var fontName = regexp.MustCompile(`/(F\w+) `)

// nameFont asks fpdf what it calls a font, by a template that is never used.
func (d *document) nameFont(f *face) error {
	template := d.pdf.CreateTemplate(func(t *fpdf.Tpl) { t.SetFont(f.family, "", 1) })
	if err := d.pdf.Error(); err != nil {
		return err
	}
	match := fontName.FindSubmatch(template.Bytes())
	if match == nil {
		return fmt.Errorf("export: font %s: %w", f.family, errFontDamaged)
	}
	f.name = string(match[1])
	return nil
}

// embedUsed tells fpdf which glyphs to embed: it keeps account of what its own
// functions draw, in a template too.
func (d *document) embedUsed() {
	d.pdf.CreateTemplate(func(t *fpdf.Tpl) {
		for _, f := range append([]*face{d.set.bold[0]}, d.set.faces[1:]...) {
			t.SetFont(f.family, "", 1)
			var drawn []rune
			for r, used := range f.used {
				if used {
					drawn = append(drawn, rune(r))
				}
			}
			t.Text(0, 0, string(drawn))
		}
	})
}
