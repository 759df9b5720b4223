package export

import (
	"time"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/internal/lang"
)

// leastRoom is what a column's text needs: a letter or two a line.
const leastRoom = 1.8

// layOut gives each column its width and sets the header.
func (d *document) layOut() error {
	total := 0.0
	for _, c := range d.t.Columns {
		total += share(c)
	}
	for _, c := range d.t.Columns {
		width := (d.width - 2*margin) * share(c) / total
		if width-2*padX < leastRoom {
			return &LimitError{Format: d.f.Name(), Columns: len(d.t.Columns), Paper: d.f.Paper}
		}
		d.cells = append(d.cells, width)
		lines := d.set.lines([]segment{{d.t.zonedHeader(c), look{inkWhite, true}}}, units(width-2*padX, textSize))
		d.header = append(d.header, lines)
		d.head = max(d.head, float64(len(lines))*lineHeight+2*padY)
	}
	return nil
}

func share(c Column) float64 {
	if c.Width <= 0 {
		return 1
	}
	return c.Width
}

// cell is a cell's lines, and its pill's ground.
type cell struct {
	lines []line
	pill  string // "": none
}

// row draws one entry. One that fits on a page is kept together; a longer one
// continues on the next.
func (d *document) row(e audit.Entry) error {
	cells := make([]cell, len(d.t.Columns))
	count := 1
	for i, c := range d.t.Columns {
		cells[i] = d.cell(c.Value(e), d.cells[i])
		count = max(count, len(cells[i].lines))
	}
	if d.f.MaxBytes > 0 && d.set.bytes > d.f.MaxBytes {
		return &LimitError{Format: d.f.Name(), Bytes: d.f.MaxBytes}
	}
	body := d.bottom() - margin - d.head
	if room := d.fitting(); count > room && (rowHeight(count) <= body/2 || room < 3) {
		d.newPage(true)
	}
	for done := 0; done < count; {
		n := max(1, min(count-done, d.fitting()))
		d.slice(cells, done, done+n)
		if done += n; done < count {
			d.newPage(true)
		}
	}
	return d.pdf.Error()
}

// fitting is how many lines of a row still fit on the page.
func (d *document) fitting() int { return int((d.bottom() - d.y - 2*padY) / lineHeight) }

func rowHeight(lines int) float64 { return float64(lines)*lineHeight + 2*padY }

// slice draws lines from to to of a row.
func (d *document) slice(cells []cell, from, to int) {
	height := rowHeight(to - from)
	x := margin
	for i, c := range cells {
		if i == 0 && from > 0 && from >= len(c.lines) {
			d.text(d.t.Label(textContinued), look{inkQuiet, false}, x+padX, d.y+padY+baseline, d.cells[0]-2*padX, textSize, 0)
		}
		d.lines(c, from, min(to, len(c.lines)), x, d.cells[i])
		x += d.cells[i]
	}
	d.y += height
	d.rule(d.y)
}

func (d *document) lines(c cell, from, to int, x, width float64) {
	for k := from; k < to; k++ {
		top := d.y + padY + float64(k-from)*lineHeight
		left := x + padX
		if c.pill != "" && len(c.lines[k]) > 0 {
			pill := min(mm(c.lines[k].width(), textSize)+3, width-padX)
			d.pillGround(left, top-0.15, pill, lineHeight, c.pill)
			left += 1.5
		}
		d.draw(c.lines[k], left, top+baseline, textSize)
	}
}

// cell sets one value.
func (d *document) cell(v any, width float64) cell {
	room := units(width-2*padX, textSize)
	plain := look{inkPlain, false}
	switch x := v.(type) {
	case nil:
		return cell{}
	case string:
		if x == "" {
			return cell{}
		}
	case time.Time:
		v = x.In(d.t.Location).Format("2006-01-02 15:04:05.000")
	case Action:
		if x == "" {
			return cell{}
		}
		return d.pill(d.t.ActionLabel(x), d.t.toneOf(x), width)
	case Attempt:
		return d.pill(d.t.AttemptLabel(x), toneAmber, width)
	case []audit.Change:
		return cell{lines: d.changes(x, room)}
	}
	return cell{lines: d.set.lines([]segment{{d.t.Text(v), plain}}, room)}
}

// pill is a label on a ground of its colour.
func (d *document) pill(label string, tone tone, width float64) cell {
	return cell{d.set.lines([]segment{{label, look{tone.ink, true}}}, units(width-2*padX-3, textSize)), tone.ground}
}

// colon stands between a field and its values. No value is equal to it: one that ends
// with a space is in quotes.
const colon = ": "

// changes are a line each, or more. Each value is a segment of its own, so that
// an Arabic or Hebrew one can't make old and new change places.
func (d *document) changes(changes []audit.Change, room int) []line {
	var lines []line
	arrow := lang.ArrowRight
	if d.set.mirrored {
		arrow = lang.ArrowLeft
	}
	for _, c := range changes {
		old, new, note := d.t.shortChange(c)
		lines = append(lines, d.set.lines([]segment{
			{string(appendPlain(nil, c.Field, ':')), look{inkStrong, true}},
			{colon, look{inkStrong, true}},
			{old, valueLook(c.Op == audit.OpAdd, inkOld)},
			{arrow, look{inkQuiet, false}},
			{new, valueLook(c.Op == audit.OpRemove, inkNew)},
			{note, look{inkQuiet, false}},
		}, room)...)
	}
	return lines
}

// valueLook: a value that isn't there draws no attention.
func valueLook(absent bool, ink string) look {
	if absent {
		ink = inkQuiet
	}
	return look{ink, false}
}
