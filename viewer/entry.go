package viewer

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gormtrail/audit"
)

// entryPage is one entry with all that is known around it.
type entryPage struct {
	page
	E            *audit.Entry
	View         string // "", "history" or "state"
	Unified      bool
	Steps        template.HTML
	Fields       int
	Cut          bool // not every line is on the page
	Metadata     []pair
	MetadataCut  bool   // there is more than the page shows
	Raw          string // "" if it is too long for a page
	RawSize      string
	Older, Newer string
	History      []*audit.Entry
	HistoryMore  bool
	HistoryNext  string
	Stale        bool // the link was to a page of the history that can't be found any more
	Transaction  []*audit.Entry
	Request      []*audit.Entry
	Record       states
	States       template.HTML
	recordSize   int // one of sizeFew and so on; 0: not asked yet
}

const (
	maxRaw      = 24 << 10 // bytes of the raw entry on the page; more is a download
	railEntries = 8        // entries in each list beside the changes
	maxMetadata = 200      // names on the page; the rest is in the raw entry
)

func (s *visit) serveEntry(ctx context.Context, w http.ResponseWriter, id, view string) error {
	e, err := s.reader.Get(ctx, id)
	if err != nil {
		return err
	}
	if view != "" && view != "history" && view != "state" {
		return &audit.QueryError{Param: "view", Reason: fmt.Sprintf("%q is not history or state", view)}
	}
	if asksJSON(s.request) {
		return s.entryJSON(ctx, w, e, view)
	}
	p := entryPage{page: page{visit: s, Status: http.StatusOK}, E: &e, View: view, Unified: s.state.Get("mode") == "unified"}
	p.Title = p.did(&e) + " " + p.inLine(e.Object) + " · " + s.name()
	if err := p.around(ctx); err != nil {
		return err
	}
	switch view {
	case "history":
		err = p.wholeHistory(ctx)
	case "state":
		err = p.recordState(ctx)
	default:
		p.changes()
	}
	if err != nil {
		return err
	}
	return s.render(w, "entry", http.StatusOK, &p)
}

// TypeLabel names the type of object to people.
func (p *entryPage) TypeLabel() string {
	return p.typeLabelOf(p.E.Object)
}

// Explanation is the catalogue's word on the action with its outcome.
func (p *entryPage) Explanation() string {
	format, words := p.known(p.E.Action).ExplanationOf(p.E.Outcome)
	if words == "" && format == "%s" {
		return ""
	}
	if words == "" {
		return p.lang.text(format)
	}
	return p.lang.text(format, words)
}

// ActionName is the recorded name of the action where it is called otherwise.
func (p *entryPage) ActionName() string {
	if p.known(p.E.Action).Label == p.E.Action {
		return ""
	}
	return p.E.Action
}

// When is the entry's time in full.
func (p *entryPage) When() string { return p.fullTime(p.E.Time) }

// Stamp is the entry's time for machines.
func (p *entryPage) Stamp() string { return p.E.Time.UTC().Format("2006-01-02T15:04:05.000000Z") }

// RecordURL is the host's own page of the object.
func (p *entryPage) RecordURL() string { return p.recordURL(p.E) }

// Filter is the list of the entries that share a value with this one.
func (p *entryPage) Filter(name, value string) string {
	return query(url.Values{name: {param(value)}, "tz": p.state["tz"]})
}

// RecordLink is the list of the record's entries.
func (p *entryPage) RecordLink() string {
	return query(url.Values{"type": {param(p.E.Object.Type)}, "record": {param(p.E.Object.ID)}, "tz": p.state["tz"]})
}

// As is this entry with another view or mode.
func (p *entryPage) As(name, value string) string {
	pairs := []string{"entry", p.E.ID, "cursor", p.state.Get("cursor"), "view", p.View}
	return p.with(append(pairs, name, value)...)
}

// Masked is how a masked address is shown.
func (p *entryPage) Masked(s string) bool { return s == audit.Mask }

// JSONLink is the entry as a download.
func (p *entryPage) JSONLink() string {
	return query(url.Values{"entry": {p.E.ID}, "format": {"json"}})
}

// around reads the neighbours in the view, the record's latest entries, and
// the others of the same transaction and request.
func (p *entryPage) around(ctx context.Context) error {
	var err error
	if p.Newer, p.Older, err = p.neighbours(ctx); err != nil {
		return err
	}
	if p.HasRecord() && p.View != "history" {
		if p.History, p.HistoryMore, err = p.some(ctx, p.historyQuery(ctx)); err != nil {
			return err
		}
	}
	others := func(f audit.Filter) ([]*audit.Entry, error) {
		f.Tenants = []string{p.E.Tenant}
		list, _, err := p.some(ctx, audit.Query{Filter: f})
		list = slices.DeleteFunc(list, func(e *audit.Entry) bool { return e.ID == p.E.ID })
		return list, err
	}
	if hasMask(p.E.Tenant) {
		return nil
	}
	if id := p.E.TransactionID; id != "" && !hasMask(id) {
		if p.Transaction, err = others(audit.Filter{TransactionID: p.E.TransactionID}); err != nil {
			return err
		}
	}
	if id := p.E.Request.ID; id != "" && !hasMask(id) {
		p.Request, err = others(audit.Filter{RequestID: id})
	}
	return err
}

// HasRecord reports whether the entry is about one object that can be named.
func (p *entryPage) HasRecord() bool {
	return p.E.Object.ID != "" && !hasMask(p.E.Object.ID) && !hasMask(p.E.Object.Type) && !hasMask(p.E.Tenant)
}

// hasMask reports whether something in a text is masked: it can't be filtered by.
func hasMask(s string) bool { return strings.Contains(s, audit.Mask) }

func (p *entryPage) recordFilter() audit.Filter {
	return audit.Filter{Tenants: []string{p.E.Tenant}, ObjectTypes: []string{p.E.Object.Type}, ObjectIDs: []string{p.E.Object.ID}}
}

func (p *entryPage) some(ctx context.Context, q audit.Query) (list []*audit.Entry, more bool, err error) {
	q.Limit, q.MaxBytes = railEntries, p.opts.MaxPageBytes
	found, err := p.read(ctx, q, 0)
	if err != nil {
		return nil, false, err
	}
	for i := range found.Entries {
		list = append(list, &found.Entries[i])
	}
	return list, found.Next != "", nil
}

// neighbours are the entries above and below this one in the list that it was
// opened from.
func (p *entryPage) neighbours(ctx context.Context) (above, below string, err error) {
	before, after, err := p.grant.Neighbours(ctx, p.source(), p.query, p.E.ID)
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, audit.ErrTooManyToSort) {
		return "", "", nil
	}
	if err != nil {
		return "", "", err
	}
	if before != nil {
		above = p.with("entry", before.ID)
	}
	if after != nil {
		below = p.with("entry", after.ID)
	}
	return above, below, nil
}

// AboveText and BelowText name the links to the entries before and after this one in
// the list. They are newer and older only in a list by time.
func (p *entryPage) AboveText() string { return p.neighbourText("Newer", "Older", "Previous") }

// BelowText is described at AboveText.
func (p *entryPage) BelowText() string { return p.neighbourText("Older", "Newer", "Next") }

func (p *entryPage) neighbourText(descending, ascending, other string) string {
	switch s := p.query.Sort; {
	case s.Key() != audit.SortTime:
		return p.T(other)
	case s.Descending():
		return p.T(descending)
	}
	return p.T(ascending)
}

// changes writes the diff, the metadata and the raw form.
func (p *entryPage) changes() {
	var list []step
	automatic := func(c audit.Change) bool { return p.trail.Catalogue().Automatic(p.E.Object.Type, c.Field) }
	for _, last := range []bool{false, true} { // what the framework set comes behind what somebody did
		for _, c := range p.E.Changes {
			if automatic(c) == last {
				list = append(list, steps(c)...)
			}
		}
	}
	p.Fields = len(p.E.Changes)
	d := diff{visit: p.visit, object: p.E.Object.Type, unified: p.Unified, left: diffBudget, more: p.JSONLink()}
	p.Steps, p.Cut = d.lines(list), d.cut
	for i, name := range slices.Sorted(maps.Keys(p.E.Metadata)) {
		if i == maxMetadata {
			p.MetadataCut = true
			break
		}
		text, cut := clipRunes(p.plainText(p.E.Metadata[name]), 400)
		if cut {
			text += "…"
		}
		p.Metadata = append(p.Metadata, pair{name, text})
	}
	raw, err := json.MarshalIndent(p.E, "", "  ")
	if err == nil {
		raw = bytes.ReplaceAll(raw, []byte(`\u0026`), []byte("&"))
		raw = bytes.ReplaceAll(bytes.ReplaceAll(raw, []byte(`\u003c`), []byte("<")), []byte(`\u003e`), []byte(">"))
	}
	p.RawSize = p.lang.bytes(int64(len(raw)))
	if len(raw) <= maxRaw {
		p.Raw = string(raw)
	}
}

func (p *entryPage) plainText(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	shown := valueOf(v, "")
	if shown.kind == kindBinary {
		return p.lang.binaryText(shown)
	}
	return cmp.Or(shown.text, p.T(shown.token()))
}

// entryJSON sends the entry, its record's history, or the record's state.
func (s *visit) entryJSON(ctx context.Context, w http.ResponseWriter, e audit.Entry, view string) error {
	p := entryPage{page: page{visit: s}, E: &e}
	if view == "" {
		return s.sendJSON(w, http.StatusOK, e)
	}
	if !p.HasRecord() {
		return audit.ErrNotFound
	}
	if view == "history" {
		q := p.historyQuery(ctx)
		q.Limit, q.Cursor = s.query.Limit, s.request.URL.Query().Get("after")
		found, err := s.reader.Query(ctx, q)
		if err != nil {
			return err
		}
		return s.sendJSON(w, http.StatusOK, listForm{Entries: append([]audit.Entry{}, found.Entries...), Next: found.Next, Prev: found.Prev})
	}
	return p.stateJSON(ctx, w)
}
