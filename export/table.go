package export

import (
	"context"
	"errors"
	"iter"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gormtrail/audit"
)

// Table is what a Format writes: columns, rows, and what the report says about
// itself.
type Table struct {
	Title      string
	Columns    []Column // Header is translated
	Facts      []Fact   // what was asked for, and by whom; without the number of rows
	Location   *time.Location
	TimeLayout string
	By         string    // who exports, from the context's actor; may be ""
	At         time.Time // when, in Location

	company    string
	logo       []byte
	period     audit.Period
	mirrored   bool // Options.RightToLeft
	folds      bool
	headers    []string // of Columns, in English
	labels     map[string]string
	catalogue  *audit.Catalogue // nil: actions and types by their own names
	severities *audit.Catalogue // never nil

	ctx       context.Context
	from      audit.Reader
	query     audit.Query  // as it was asked for
	selects   audit.Query  // the same as it is read
	reads     audit.Filter // what it can select, the scope included
	maxRows   int
	bound     int // how far total counts
	progress  func(done, total int)
	rows      int
	truncated bool
	failed    bool
	ended     bool // Rows came to its end, by itself or cut
}

// Fact is one line of what a report says about itself.
type Fact struct{ Label, Value string }

func newTable(ctx context.Context, from audit.Reader, q audit.Query, o Options) *Table {
	t := &Table{
		Title: o.Title, Location: o.Location, TimeLayout: o.TimeLayout,
		By: actorText(audit.ActorFrom(ctx)), At: o.Now().In(o.Location),
		company: o.Company, logo: o.Logo, period: o.Period, mirrored: o.RightToLeft, folds: o.FoldAutomatic, labels: o.Labels, catalogue: o.Catalogue,
		ctx: ctx, from: from, query: q, selects: q, reads: q.Filter, maxRows: o.MaxRows, bound: math.MaxInt32, progress: o.Progress,
	}
	if t.severities = o.Catalogue; t.severities == nil {
		t.severities = audit.NewCatalogue(nil, nil)
	}
	t.Columns, t.headers = slices.Clone(o.Columns), make([]string, len(o.Columns))
	for i, c := range t.Columns {
		t.headers[i] = c.Header
		t.Columns[i].Header = t.Label(c.Header)
		if t.folds && c.Name == "changes" {
			t.Columns[i].Value = t.folded(c.Value)
		}
	}
	t.Facts = t.facts()
	return t
}

// fontsLack is always in English.
const fontsLack = "Labels are in English: the PDF fonts of this app lack characters of your language."

// inEnglish replaces the translated labels by English ones, for a document whose fonts
// can't show the translation, and adds a notice.
func (t *Table) inEnglish() {
	for i := range t.Columns {
		t.Columns[i].Header = t.headers[i]
	}
	for _, text := range slices.Sorted(maps.Keys(t.labels)) {
		if t.labels[text] == t.Title {
			t.Title = text
			break
		}
	}
	t.labels, t.mirrored = nil, false
	t.Facts = append(t.facts(), Fact{textNotice, fontsLack})
}

// folded leaves out changes of fields that the framework sets.
func (t *Table) folded(value func(audit.Entry) any) func(audit.Entry) any {
	return func(e audit.Entry) any {
		changes, ok := value(e).([]audit.Change)
		if !ok {
			return value(e)
		}
		var rest []audit.Change
		for _, c := range changes {
			if !t.severities.Automatic(e.Object.Type, c.Field) {
				rest = append(rest, c)
			}
		}
		if len(rest) == 0 {
			return changes
		}
		return rest
	}
}

// Rows yields the entries, at most Options.MaxRows. An error ends the sequence,
// and so does the context.
func (t *Table) Rows() iter.Seq2[audit.Entry, error] {
	return func(yield func(audit.Entry, error) bool) {
		total, err := t.total()
		if err != nil {
			t.failed = true
			yield(audit.Entry{}, err)
			return
		}
		t.report(total)
		for e, err := range t.from.All(t.ctx, t.selects) {
			if err == nil {
				err = t.ctx.Err() // a reader may not look
			}
			if err != nil {
				t.failed = true
				yield(audit.Entry{}, err)
				return
			}
			if t.maxRows > 0 && t.rows == t.maxRows {
				t.truncated = true
				break
			}
			t.rows++
			if !yield(e, nil) {
				t.failed = true // the format gave up
				return
			}
			if t.rows%progressStep == 0 {
				t.report(total)
			}
		}
		t.ended = true
		if t.rows%progressStep != 0 {
			t.report(total)
		}
	}
}

const progressStep = 1000

func (t *Table) report(total int) {
	if t.progress != nil {
		t.progress(t.rows, total)
	}
}

// total is how many rows there will be, for the progress; -1 where nobody asks
// or the reader can't tell.
func (t *Table) total() (int, error) {
	if t.progress == nil {
		return -1, nil
	}
	bound := t.bound
	if t.maxRows > 0 && t.maxRows < bound {
		bound = t.maxRows
	}
	n, more, known, err := countUpTo(t.ctx, t.from, t.selects, bound)
	if err != nil || !known || (more && bound != t.maxRows) {
		return -1, err
	}
	return n, nil
}

// countUpTo asks a reader that can count; known is false for one that can't.
func countUpTo(ctx context.Context, from audit.Reader, q audit.Query, bound int) (n int, more, known bool, err error) {
	counter, ok := from.(audit.Counter)
	if !ok || q.Cursor != "" {
		return 0, false, false, nil
	}
	n, more, err = counter.Count(ctx, q.Filter, bound)
	if errors.Is(err, errors.ErrUnsupported) {
		return 0, false, false, nil
	}
	return n, more, err == nil, err
}

// Count is the number of rows that were yielded so far.
func (t *Table) Count() int { return t.rows }

// Notice is what a file that is not whole must say in its last row: that it was
// cut, or that the export failed. "" for a whole one. It is known when Rows has
// ended.
func (t *Table) Notice() string {
	switch {
	case t.failed:
		return t.phrase(textFailed, t.rows)
	case t.truncated:
		return t.phrase(textTruncated, t.rows)
	}
	return ""
}

// Truncated reports whether MaxRows cut the table.
func (t *Table) Truncated() bool { return t.truncated }

// Label translates a text of the report.
func (t *Table) Label(s string) string {
	if translated, ok := t.labels[s]; ok {
		return translated
	}
	return s
}

// phrase translates a text that holds a number.
func (t *Table) phrase(s string, n int) string {
	return strings.ReplaceAll(t.Label(s), "{n}", strconv.Itoa(n))
}

// ActionLabel is an action's name for people: the catalogue's, translated, or its
// own.
func (t *Table) ActionLabel(a Action) string {
	if t.catalogue == nil || a == "" {
		return string(a)
	}
	return t.Label(t.catalogue.Action(string(a)).Label)
}

// AttemptLabel is what people call an action that failed or was denied: in the
// catalogue's words, translated, or else the action's own name.
func (t *Table) AttemptLabel(a Attempt) string {
	if t.catalogue == nil || a.Action == "" {
		return string(a.Action)
	}
	format, words := t.catalogue.Action(string(a.Action)).LabelOf(a.Outcome)
	return strings.ReplaceAll(t.Label(format), "%s", t.Label(words))
}

// ObjectTypeLabel is an object type's name for people: the catalogue's, or its
// own. It isn't translated, since only the host's catalogue has types.
func (t *Table) ObjectTypeLabel(o ObjectType) string {
	if t.catalogue == nil || o == "" {
		return string(o)
	}
	return t.catalogue.ObjectType(string(o)).Label
}

// zonedHeader is a column's header for formats whose times don't carry their
// zone.
func (t *Table) zonedHeader(c Column) string {
	if c.Name != "time" {
		return c.Header
	}
	return c.Header + " (" + t.Zone() + ")"
}

// Zone names the table's time zone: "UTC", "Europe/Berlin".
func (t *Table) Zone() string { return t.Location.String() }
