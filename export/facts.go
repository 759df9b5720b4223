package export

import (
	"slices"
	"strings"
	"time"

	"github.com/gormtrail/audit"
)

// The texts that Options.Labels translates; {n} stands for a number.
const (
	textTruncated = "Cut off after {n} rows: more entries match."
	textFailed    = "Incomplete: the export failed after {n} rows."
	textReport    = "Report"
	textRange     = "Date range"
	textSort      = "Sorted by"
	textZone      = "Time zone"
	textBy        = "Exported by"
	textAt        = "Exported at"
	textFilters   = "Filters"
	textNone      = "none"
	textStart     = "the beginning"
	textEnd       = "now"
	textAllDates  = "all dates"
	textTo        = "to"
	textBefore    = "before"
	textNot       = "Not"
	textKeyword   = "Keyword"
	textField     = "Changed field"
	textNewest    = "newest first"
	textOldest    = "oldest first"
	textAscending = "ascending"
	textDescends  = "descending"
	textRecorded  = "Order of recording"
	textCursor    = "Starts after"
	textPage      = "an earlier page of the results"
	textRows      = "Rows"
	textNotice    = "Notice"
	textCutCells  = "Shortened cells"
	textCut       = " … [cut: {n} characters in all; CSV and JSON Lines have them whole]"
	textEntries   = "Entries"
	textSheet     = "Filters Applied"
	textRowCount  = "{n} rows."
	textEmpty     = "No results."
	textReplaced  = "Characters that can't be displayed appear as codes, such as ⟨U+1F600⟩."
	textMadeAt    = "Generated"
	textMadeBy    = "by"
	textPageOf    = "Page {n} of {total}"
	textContinued = "(continued)"
	textMasked    = "masked"
	textHashed    = "hashed"
	textCompany   = "Company"
	textSummary   = "Summary"
	textByAction  = "Rows by action"
	textByOutcome = "Rows by outcome"
	textByUser    = "Rows by user"
	textOthers    = "all others"
	textSeverity  = "Severity"
	textReads     = "Reads"
	textHidden    = "hidden"
	textFolded    = "without fields that frameworks set, such as updated_at"
)

// Texts are the words of the reports, the keys of Options.Labels. {n} and
// {total} stand for numbers.
func Texts() []string {
	texts := []string{
		textTruncated, textFailed, textReport, textRange, textSort, textZone, textBy, textAt, textFilters, textNone,
		textStart, textEnd, textAllDates, textTo, textBefore, textNot, textKeyword, textField, textNewest, textOldest,
		textAscending, textDescends, textRecorded, textCursor, textPage, textRows, textNotice, textCutCells, textCut, textEntries, textSheet,
		textRowCount, textEmpty, textReplaced, textMadeAt, textMadeBy, textPageOf, textContinued,
		textMasked, textHashed, textFolded, textCompany, textSummary, textByAction, textByOutcome, textByUser, textOthers,
		textSeverity, textReads, textHidden,
	}
	for _, c := range AllColumns() {
		texts = append(texts, c.Header)
	}
	for _, o := range []audit.Outcome{audit.Success, audit.Failure, audit.Denied} {
		texts = append(texts, string(o))
	}
	for _, s := range audit.Severities() {
		texts = append(texts, s.Label())
	}
	for _, p := range audit.Periods() {
		texts = append(texts, p.Label())
	}
	return append(texts, jobTexts()...)
}

// facts says what was asked for, in words.
func (t *Table) facts() []Fact {
	facts := []Fact{
		{t.Label(textReport), t.Title},
		{t.Label(textRange), t.periodText()},
	}
	if t.company != "" {
		facts = append(facts, Fact{t.Label(textCompany), t.company})
	}
	if t.folds {
		facts = append(facts, Fact{t.Label("Changes"), t.Label(textFolded)})
	}
	filters := t.filterFacts(t.query.Filter)
	if len(filters) == 0 {
		filters = []Fact{{t.Label(textFilters), t.Label(textNone)}}
	}
	facts = append(facts, filters...)
	facts = append(facts, Fact{t.Label(textSort), t.sortText(t.query.Sort)}, Fact{t.Label(textZone), t.Zone()})
	if t.query.Cursor != "" {
		facts = append(facts, Fact{t.Label(textCursor), t.Label(textPage)})
	}
	if t.By != "" {
		facts = append(facts, Fact{t.Label(textBy), t.By})
	}
	return append(facts, Fact{t.Label(textAt), t.At.Format("2006-01-02 15:04:05 MST")})
}

// filterFacts is a line for each condition, save the range.
func (t *Table) filterFacts(f audit.Filter) []Fact {
	outcomes := make([]string, len(f.Outcomes))
	for i, o := range f.Outcomes {
		outcomes[i] = string(o)
	}
	severities := make([]string, len(f.Severities))
	for i, s := range f.Severities {
		severities[i] = t.Label(s.Label())
	}
	reads := ""
	if f.WithoutReads {
		reads = t.Label(textHidden)
	}
	lists := []struct {
		label  string
		values []string
	}{
		{"Tenant", f.Tenants}, {"Project", f.Projects}, {"Action", named(f.Actions, t.ActionLabel)}, {"Outcome", named(outcomes, func(o audit.Outcome) string { return t.Label(string(o)) })},
		{textSeverity, severities}, {textReads, one(reads)},
		{"Object type", named(f.ObjectTypes, t.ObjectTypeLabel)}, {"ID", f.ObjectIDs}, {"Product", f.Products},
		{"Actor type", f.ActorTypes}, {"Actor ID", f.ActorIDs}, {"Performed by", f.Users},
		{"On behalf of", f.OnBehalfOf},
		{"IP address", f.IPs}, {textField, f.Fields},
		{"Transaction", one(f.TransactionID)}, {"Request ID", one(f.RequestID)}, {textKeyword, one(f.Keyword)},
	}
	var facts []Fact
	for _, l := range lists {
		if len(l.values) > 0 {
			facts = append(facts, Fact{t.Label(l.label), listText(l.values)})
		}
	}
	for _, n := range f.Not {
		facts = append(facts, Fact{t.Label(textNot), t.notText(n)})
	}
	return facts
}

// named puts the label that the table shows before what the filter compares.
func named[N ~string](values []string, label func(N) string) []string {
	texts := slices.Clone(values)
	for i, v := range values {
		if l := label(N(v)); l != v {
			texts[i] = l + " (" + v + ")"
		}
	}
	return texts
}

func one(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

// listText joins values; one that could be read as two, or as none, is quoted.
func listText(values []string) string {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = string(appendPlain(nil, v, ','))
	}
	return strings.Join(texts, ", ")
}

func (t *Table) notText(f audit.Filter) string {
	var parts []string
	if !f.From.IsZero() || !f.To.IsZero() {
		parts = append(parts, t.Label(textRange)+": "+t.rangeText(f.From, f.To))
	}
	for _, fact := range t.filterFacts(f) {
		parts = append(parts, fact.Label+": "+fact.Value)
	}
	return "(" + strings.Join(parts, "; ") + ")"
}

// periodText is the range by its name, if it has one, and exactly.
func (t *Table) periodText() string {
	exact := t.rangeText(t.query.From, t.query.To)
	if name := t.period.Label(); name != "" {
		return t.Label(name) + ", " + exact
	}
	return exact
}

// rangeText is [from, to) in words: whole days as days, both of them covered.
func (t *Table) rangeText(from, to time.Time) string {
	if from.IsZero() && to.IsZero() {
		return t.Label(textAllDates)
	}
	start, end := t.Label(textStart), t.Label(textEnd)
	if !from.IsZero() {
		start = dayOrTime(from.In(t.Location), from.In(t.Location))
	}
	if !to.IsZero() {
		end = dayOrTime(to.In(t.Location), lastDay(from, to, t.Location))
		if !midnight(to.In(t.Location)) {
			end = t.Label(textBefore) + " " + end
		}
	}
	return start + " " + t.Label(textTo) + " " + end
}

// dayOrTime shows a bound that is a midnight as the day it stands for.
func dayOrTime(bound, day time.Time) string {
	if midnight(bound) {
		return day.Format(time.DateOnly)
	}
	return bound.Format("2006-01-02 15:04:05.999999")
}

func midnight(t time.Time) bool {
	h, m, s := t.Clock()
	return h == 0 && m == 0 && s == 0 && t.Nanosecond() == 0
}

// lastDay is the last day that a range up to a midnight covers.
func lastDay(from, to time.Time, loc *time.Location) time.Time {
	to = to.In(loc)
	if !from.IsZero() && !from.Before(to) {
		return to // an empty range covers no day
	}
	return to.AddDate(0, 0, -1)
}

// sortText names a sort by the column's header.
func (t *Table) sortText(s audit.Sort) string {
	order := textAscending
	switch {
	case s.Key() == audit.SortTime && s.Descending():
		order = textNewest
	case s.Key() == audit.SortTime:
		order = textOldest
	case s.Descending():
		order = textDescends
	}
	header := string(s.Key())
	if s.Key() == audit.SortRecorded {
		header = textRecorded
	}
	for _, c := range AllColumns() {
		if c.Name == header {
			header = c.Header
			break
		}
	}
	return t.Label(header) + ", " + t.Label(order)
}
