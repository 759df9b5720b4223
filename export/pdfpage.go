package export

import (
	"strings"
)

// The report's colours.
const (
	inkStrong = "0F172A"
	inkPlain  = "1E293B"
	inkQuiet  = "64748B"
	inkOld    = "9F1239"
	inkNew    = "166534"
	inkWhite  = "FFFFFF"
	inkAlarm  = "991B1B"
	rule      = "CBD5E1"
	paper     = "F8FAFC"
	bar       = "1E293B"
)

// units is how many thousandths of a size fit into a width.
func units(width, size float64) int { return int(width / (size * mmPerPoint) * 1000) }

func mm(units int, size float64) float64 { return float64(units) / 1000 * size * mmPerPoint }

// text wraps and draws a text, and returns how many lines it took.
func (d *document) text(s string, look look, x, y, width, size, leading float64) int {
	lines := d.set.lines([]segment{{s, look}}, units(width, size))
	for i, l := range lines {
		d.draw(l, x, y+float64(i)*leading, size)
	}
	return len(lines)
}

// rules sets the lines' look, which a new page takes over.
func (d *document) rules() {
	d.pdf.SetDrawColor(rgb(rule))
	d.pdf.SetLineWidth(0.15)
}

func (d *document) fill(x, y, w, h float64, ink string) {
	d.pdf.SetFillColor(rgb(ink))
	d.pdf.Rect(x, y, w, h, "F")
}

// cover is the upper part of the first page.
func (d *document) cover() {
	width := d.width - 2*margin
	d.fill(0, 0, d.width, 3, bar)
	beside := width - d.logo()
	title := look{inkStrong, true}
	size, leading := 20.0, 8.0
	if len(d.set.lines([]segment{{d.t.Title, title}}, units(beside, size))) > 3 {
		size, leading = 9, 4 // a title may be anything
	}
	n := d.text(d.t.Title, title, margin, 17, beside, size, leading)
	d.y = 17 + float64(n-1)*leading
	n = d.text(d.t.periodText()+" · "+d.t.Zone(), look{inkQuiet, false}, margin, d.y+7, beside, 11, 5)
	d.y += 7 + float64(n-1)*5 + 5
	d.facts(width)
}

// factLines is one fact, set.
type factLines struct {
	label, value []line
	rows         bool // its value is known last
}

const (
	factSize    = 8.0
	factLeading = 4.0
	factGap     = 0.8
	factLabel   = 30.0
)

func (f factLines) height() float64 {
	return float64(max(len(f.label), len(f.value)))*factLeading + factGap
}

func heightOf(list []factLines) float64 {
	h := 0.0
	for _, f := range list {
		h += f.height()
	}
	return h
}

// setFacts sets what the report says about itself, but the title, which stands
// above it.
func (d *document) setFacts(width float64) []factLines {
	var list []factLines
	for _, f := range d.t.Facts[1:] {
		list = append(list, factLines{
			label: d.set.lines([]segment{{f.Label, look{inkQuiet, false}}}, units(factLabel-2, factSize)),
			value: d.set.lines([]segment{{f.Value, look{inkPlain, true}}}, units(width-factLabel-8, factSize)),
		})
	}
	rows := d.set.lines([]segment{{d.t.Label(textRows), look{inkQuiet, false}}}, units(factLabel-2, factSize))
	return append(list, factLines{label: rows, rows: true})
}

// facts is the box that says what was asked for, in two columns; or, where a
// filter has very many values, a list that may go on over pages.
func (d *document) facts(width float64) {
	list := d.setFacts(width / 2)
	half := (len(list) + 1) / 2
	height := max(heightOf(list[:half]), heightOf(list[half:]))
	if height > d.height/3 {
		for _, f := range d.setFacts(width) {
			d.flowFact(f)
		}
		d.y += 4
		return
	}
	d.fill(margin, d.y, width, height+5, paper)
	for side, part := range [][]factLines{list[:half], list[half:]} {
		y := d.y + 3
		for _, f := range part {
			for i := range max(len(f.label), len(f.value)) {
				d.factLine(f, i, margin+4+float64(side)*width/2, y+3)
				y += factLeading
			}
			y += factGap
		}
	}
	d.y += height + 9
}

func (d *document) flowFact(f factLines) {
	for i := range max(len(f.label), len(f.value)) {
		if d.y+factLeading > d.bottom() {
			d.newPage(false)
		}
		d.factLine(f, i, margin, d.y+3)
		d.y += factLeading
	}
	d.y += factGap
}

func (d *document) factLine(f factLines, i int, x, y float64) {
	if f.rows && i == 0 {
		d.count = place{d.pdf.PageCount(), x + factLabel, y}
	}
	if i < len(f.label) {
		d.draw(f.label[i], x, y, factSize)
	}
	if i < len(f.value) {
		d.draw(f.value[i], x+factLabel, y, factSize)
	}
}

// tableHeader is drawn on top of each page's part of the table.
func (d *document) tableHeader() {
	if d.y+d.head+2*lineHeight > d.bottom() {
		d.newPage(false)
	}
	d.fill(margin, d.y, d.width-2*margin, d.head, bar)
	x := margin
	for i, lines := range d.header {
		for k, l := range lines {
			d.draw(l, x+padX, d.y+padY+float64(k)*lineHeight+baseline, textSize)
		}
		x += d.cells[i]
	}
	d.y += d.head
}

// bottom is where a page's content ends.
func (d *document) bottom() float64 { return d.height - margin - 4 }

func (d *document) newPage(withHeader bool) {
	d.finishPage()
	d.pdf.AddPage()
	d.y = margin
	if withHeader {
		d.tableHeader()
	}
}

// end is what follows the last row.
func (d *document) end() {
	lines := []segment{{d.t.phrase(textRowCount, d.t.Count()), look{inkQuiet, false}}}
	if d.t.Count() == 0 {
		lines[0].text = d.t.Label(textEmpty)
	}
	if notice := d.t.Notice(); notice != "" {
		lines = append(lines, segment{notice, look{inkAlarm, true}})
	}
	if d.set.replaced {
		lines = append(lines, segment{d.t.Label(textReplaced), look{inkQuiet, false}})
	}
	for _, s := range lines {
		for _, l := range d.set.lines([]segment{s}, units(d.width-2*margin-2*padX, textSize)) {
			if d.y+lineHeight+padY > d.bottom() {
				d.newPage(false)
			}
			d.draw(l, margin+padX, d.y+padY+baseline, textSize)
			d.y += lineHeight + 0.6
		}
	}
}

// footers are written last, when the number of pages is known. An alias for it,
// as fpdf has, would be replaced inside of entries too.
func (d *document) footers() {
	const size = 7.0
	d.finishPage()
	pages := d.pdf.PageCount()
	y := d.height - footerAt
	made := d.t.Label(textMadeAt) + " " + d.t.At.Format("2006-01-02 15:04:05 MST")
	if d.t.By != "" {
		made += " " + d.t.Label(textMadeBy) + " " + d.t.By
	}
	for n := 1; n <= pages; n++ {
		d.pdf.SetPage(n)
		d.rule(y - 4)
		page := strings.ReplaceAll(d.t.phrase(textPageOf, n), "{total}", d.t.phrase("{n}", pages))
		right := d.set.lines([]segment{{page, look{inkQuiet, false}}}, units(60, size))[0]
		d.draw(right, d.width-margin-mm(right.width(), size), y, size)
		left := made
		if notice := d.t.Notice(); notice != "" {
			left += " · " + notice
		} else if n > 1 {
			left = d.t.Title + " · " + left
		}
		d.draw(d.set.lines([]segment{{left, look{inkQuiet, false}}}, units(d.width-2*margin-62, size))[0], margin, y, size)
		if n == d.count.page {
			d.text(d.t.phrase("{n}", d.t.Count()), look{inkPlain, true}, d.count.x, d.count.y, d.width, factSize, 0)
		}
		d.pdf.RawWriteStr(string(d.drawn(d.pages[n-1])))
		d.pages[n-1] = nil
	}
}
