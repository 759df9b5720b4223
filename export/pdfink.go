package export

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"

	"codeberg.org/go-pdf/fpdf"
)

// Text is written to the page as PDF's own operators (ISO 32000-1, 9.4), a line
// of a cell in one text object, and what the page already knows (font, size,
// colour) isn't said again. It is gathered until the page is full. Through fpdf.Text, which says all of it for each
// piece, a report is three times as large in memory.

// pen is what the page writes text with.
type pen struct {
	face *face
	size float64
	ink  string
}

// draw writes a line with its baseline at y.
func (d *document) draw(l line, x, y, size float64) {
	if len(l) == 0 {
		return
	}
	d.buf = append(d.buf, "BT "...)
	d.buf = appendNumber(d.buf, x/mmPerPoint)
	d.buf = appendNumber(d.buf, (d.height-y)/mmPerPoint)
	d.buf = append(d.buf, "Td"...)
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

// flush puts what was drawn on the current page, above its shapes.
func (d *document) flush() {
	d.pdf.RawWriteStr(string(d.buf))
	d.buf, d.pen = d.buf[:0], pen{}
}

func (d *document) use(p pen) {
	if p.face != d.pen.face || p.size != d.pen.size {
		d.buf = append(append(append(d.buf, " /"...), p.face.name...), ' ')
		d.buf = append(appendNumber(d.buf, p.size), "Tf"...)
	}
	if p.ink != d.pen.ink {
		r, g, b := rgb(p.ink)
		d.buf = append(d.buf, ' ')
		for _, c := range []int{r, g, b} {
			d.buf = strconv.AppendFloat(d.buf, float64(c)/255, 'f', 3, 64)
			d.buf = append(d.buf, ' ')
		}
		d.buf = append(d.buf, "rg"...)
	}
	d.pen = p
}

// show writes a text in two bytes a character, which is how fpdf encodes the
// fonts that it embeds. None is beyond U+FFFF: sanitize has seen to that.
func (d *document) show(f *face, text string) {
	d.buf = append(d.buf, " ("...)
	for _, r := range text {
		f.used[r] = true
		for _, b := range [2]byte{byte(r >> 8), byte(r)} {
			switch b {
			case '(', ')', '\\':
				d.buf = append(d.buf, '\\', b)
			case '\r':
				d.buf = append(d.buf, '\\', 'r')
			default:
				d.buf = append(d.buf, b)
			}
		}
	}
	d.buf = append(d.buf, ") Tj"...)
}

func appendNumber(b []byte, f float64) []byte {
	return append(strconv.AppendFloat(b, f, 'f', 2, 64), ' ')
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
			t.Text(0, 0, string(slices.Sorted(maps.Keys(f.used))))
		}
	})
}
