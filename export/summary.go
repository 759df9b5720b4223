package export

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/xuri/excelize/v2"

	"github.com/gormtrail/audit"
)

// maxSummary bounds the values that a summary counts one by one. What is met after
// them is counted together, so that memory doesn't grow with the file.
const maxSummary = 1000

// summary counts the rows of a file.
type summary struct {
	t                     *Table
	action, outcome, user tally
}

// tally is how many rows have a value.
type tally struct {
	rows   map[string]int
	others int // rows of values that came after maxSummary
}

func (c *tally) add(value string) {
	if c.rows == nil {
		c.rows = map[string]int{}
	}
	if _, known := c.rows[value]; !known && len(c.rows) == maxSummary {
		c.others++
		return
	}
	c.rows[value]++
}

func (s *summary) add(e audit.Entry) {
	s.action.add(s.t.Text(action(e)))
	s.outcome.add(s.t.Text(outcome(e)))
	s.user.add(whoText(e.Actor))
}

// count is one line of a tally.
type count struct {
	label string
	rows  int
}

// lines are a tally's, the most rows first.
func (s *summary) lines(c tally) []count {
	var list []count
	for value, n := range c.rows {
		list = append(list, count{cmp.Or(value, s.t.Label(textNone)), n})
	}
	slices.SortFunc(list, func(a, b count) int { return cmp.Or(cmp.Compare(b.rows, a.rows), cmp.Compare(a.label, b.label)) })
	if c.others > 0 {
		list = append(list, count{s.t.Label(textOthers), c.others})
	}
	return list
}

// sums writes the sheet of the summary.
func (b *workbook) sums(sheet string) error {
	if err := b.setUp(sheet); err != nil {
		return err
	}
	stream, err := b.file.NewStreamWriter(sheet)
	if err != nil {
		return err
	}
	const width = 50.0
	if err := setWidths(stream, width, 12); err != nil {
		return err
	}
	line := 0
	write := func(lines int, cells ...any) error {
		line++
		return stream.SetRow("A"+strconv.Itoa(line), cells, height(lines)...)
	}
	for _, part := range []struct {
		title string
		tally tally
	}{{textByOutcome, b.summary.outcome}, {textByAction, b.summary.action}, {textByUser, b.summary.user}} {
		title := excelize.Cell{StyleID: b.styles.header, Value: b.text(b.t.Label(part.title))}
		if err := write(1, title, excelize.Cell{StyleID: b.styles.header, Value: b.text(b.t.Label(textRows))}); err != nil {
			return err
		}
		for _, c := range b.summary.lines(part.tally) {
			label := excelize.Cell{StyleID: b.styles.plain, Value: b.text(c.label)}
			if err := write(linesIn(label, width), label, excelize.Cell{StyleID: b.styles.whole, Value: c.rows}); err != nil {
				return err
			}
		}
		line++ // a blank row between the parts
	}
	return stream.Flush()
}
