package viewer

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/history"
)

// maxState is how many entries of a record, to each side of a moment, its state
// is made from. Hardly a record has more.
const maxState = 5000

// states are a record as the trail tells of it right after an entry, and now.
type states struct {
	Then, Now history.State
	Cut       bool // not all of its entries were read
}

// states asks for both. The reader's scope and masks hold: what it may not see
// tells nothing here either.
func (p *entryPage) states(ctx context.Context) (states, error) {
	var s states
	r, cut, err := p.near(ctx, p.E.Time)
	if err != nil {
		return s, err
	}
	if s.Then, err = history.After(ctx, r, *p.E); err != nil {
		return s, err
	}
	end := time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)
	r, s.Cut, err = p.near(ctx, end)
	if err != nil {
		return s, err
	}
	s.Cut = s.Cut || cut
	s.Now, err = history.At(ctx, r, p.E.Object, end)
	s.Then.Gaps, s.Now.Gaps = p.realGaps(s.Then.Gaps), p.realGaps(s.Now.Gaps)
	return s, err
}

// realGaps are the gaps without the host's automatic fields.
func (p *entryPage) realGaps(gaps []string) []string {
	return slices.DeleteFunc(gaps, func(field string) bool {
		return p.trail.Catalogue().Automatic(p.E.Object.Type, field)
	})
}

// near is the reader with the record's entries alone, and of very many only the
// nearest to a moment.
func (p *entryPage) near(ctx context.Context, t time.Time) (r audit.Reader, cut bool, err error) {
	grant := p.grant
	grant.Scope = grant.Scope.And(p.recordFilter())
	if p.size(ctx) == sizeFew {
		return grant.Reader(p.source()), false, nil
	}
	behind := t.Add(time.Microsecond) // what happened at t belongs to the past
	var window audit.Filter
	if window.From, err = p.edge(ctx, audit.Filter{To: behind}, audit.Newest); err != nil {
		return nil, false, err
	}
	if window.To, err = p.edge(ctx, audit.Filter{From: behind}, audit.SortTime); err != nil {
		return nil, false, err
	}
	grant.Scope = grant.Scope.And(window)
	return grant.Reader(p.source()), !window.From.IsZero() || !window.To.IsZero(), nil
}

// edge is the time of the record's entry that is maxState away; zero if there
// are fewer.
func (p *entryPage) edge(ctx context.Context, side audit.Filter, order audit.Sort) (time.Time, error) {
	n := 0
	for e, err := range p.reader.All(ctx, audit.Query{Filter: p.recordFilter().And(side), Sort: order, Brief: true}) {
		if err != nil {
			return time.Time{}, err
		}
		if n++; n == maxState {
			return e.Time, nil
		}
	}
	return time.Time{}, nil
}

// recordState shows the record then and now.
func (p *entryPage) recordState(ctx context.Context) error {
	if !p.HasRecord() {
		return audit.ErrNotFound
	}
	s, err := p.states(ctx)
	if err != nil {
		return err
	}
	p.Record = s
	d := diff{visit: p.visit, object: p.E.Object.Type, left: diffBudget, more: p.RecordLink(), all: true}
	p.States = d.lines(s.steps())
	return nil
}

// maxGaps is how many fields the page names that changed without an entry.
const maxGaps = 50

// Gaps are the fields that changed without an entry.
func (p *entryPage) Gaps() string {
	all := slices.Concat(p.Record.Then.Gaps, p.Record.Now.Gaps)
	slices.Sort(all)
	all = slices.Compact(all)
	more := len(all) - maxGaps
	if more > 0 {
		all = append(all[:maxGaps], p.lang.count("%s more fields", more, false))
	}
	return strings.Join(all, ", ")
}

// steps compare then with now, leaf by leaf.
func (s states) steps() []step {
	then, now := leavesOf(s.Then), leavesOf(s.Now)
	paths := maps.Clone(then.values)
	maps.Copy(paths, now.values)
	var list []step
	for _, path := range slices.SortedFunc(maps.Keys(paths), comparePaths) {
		l := step{field: path, op: audit.OpReplace, old: then.shown(path), new: now.shown(path)}
		if l.old.kind <= kindNull && now.around[path] || l.new.kind <= kindNull && then.around[path] {
			continue // the lines of what is inside of it say so
		}
		l.same = l.old == l.new
		list = append(list, l)
	}
	return list
}

// leaves are the structured values of a state, taken apart.
type leaves struct {
	state  history.State
	values map[string]any
	around map[string]bool // paths that leaves lie inside of
}

func leavesOf(s history.State) leaves {
	l := leaves{state: s, values: map[string]any{}, around: map[string]bool{}}
	for path, v := range s.Fields {
		flatten(l.values, path, v, 0)
	}
	for path := range l.values {
		for around := pathAround(path); around != "" && !l.around[around]; around = pathAround(around) {
			l.around[around] = true
		}
	}
	return l
}

// pathAround is the path one step further out; "" for a column.
func pathAround(path string) string { return path[:max(0, strings.LastIndexAny(path, ".["))] }

// shown is the value at a path, or what is known of there being none.
func (l leaves) shown(path string) value {
	if v, ok := l.values[path]; ok {
		return valueOf(v, redactedAt(l.state, path))
	}
	for around := path; around != ""; around = pathAround(around) {
		if _, ok := l.state.Fields[around]; ok {
			return value{}
		}
	}
	switch s := l.state; {
	case !s.Exists && len(s.Fields) == 0, l.around[path], s.Complete && strings.ContainsAny(path, ".["):
		return value{}
	case s.Complete:
		return value{kind: kindNull}
	}
	return value{kind: kindUnknown}
}

func redactedAt(s history.State, path string) string {
	for around := path; around != ""; around = pathAround(around) {
		if how := s.Redacted[around]; how != "" {
			return how
		}
	}
	return ""
}

// The state's form in the API.
type (
	stateForm struct {
		Then recordForm `json:"then"`
		Now  recordForm `json:"now"`
		Cut  bool       `json:"cut"`
	}
	recordForm struct {
		Exists   bool              `json:"exists"`
		Complete bool              `json:"complete"`
		Fields   map[string]any    `json:"fields"`
		Redacted map[string]string `json:"redacted,omitempty"`
		Gaps     []string          `json:"gaps,omitempty"`
	}
)

func (p *entryPage) stateJSON(ctx context.Context, w http.ResponseWriter) error {
	s, err := p.states(ctx)
	if err != nil {
		return err
	}
	form := func(s history.State) recordForm {
		return recordForm{s.Exists, s.Complete, s.Fields, s.Redacted, s.Gaps}
	}
	return p.sendJSON(w, http.StatusOK, stateForm{form(s.Then), form(s.Now), s.Cut})
}

// StateText says what the states were made from.
func (p *entryPage) StateText() string {
	if p.Record.Cut {
		return p.T("from the %s nearest entries", p.lang.number(maxState))
	}
	return p.T("from all its entries")
}

// Gone is what a column's head says of a record that wasn't there.
func (p *entryPage) Gone(s history.State) string {
	if s.Exists {
		return ""
	}
	return p.T("deleted")
}
