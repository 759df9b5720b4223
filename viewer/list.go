package viewer

import (
	"context"
	"errors"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/gormtrail/audit"
)

// listPage is the table with its filters.
type listPage struct {
	page
	Rows    template.HTML
	Shown   int
	Counted bool
	Total   int
	More    bool
	Columns []column
	Menus   []menu
	Chips   []chip
	Carried []pair
	Next    string
	Prev    string
	First   string
	Early   string // why the page ends before it is full; "" if it doesn't
	Partial bool   // because a search took too long
	Sizes   []size
	Exports []Link
	Prepare []Link // what starts jobs
	Live    string // the module's URL; "" where nothing can be followed

	Position string // where the live feed begins
	Fault    *fault // the error in the filter; without entries then
	Stale    bool   // the link was to a page that can't be found any more
	Unsorted string // why the page isn't in the order that was asked for; "" if it is
}

type (
	column struct {
		Class, Label, Href, Order string
		Time                      bool
	}
	pair struct{ Name, Value string }
	chip struct{ Name, Label, Value, Href string }
	size struct {
		Rows   int
		Chosen bool
	}
)

func (s *visit) serveList(ctx context.Context, w http.ResponseWriter) error {
	data := asksJSON(s.request)
	if s.query.Limit == 0 {
		s.query.Limit = audit.DefaultLimit
	}
	if data {
		return s.listJSON(ctx, w)
	}
	users := s.askUsers(ctx, "")
	position, err := s.position(ctx)
	if err != nil {
		return err
	}
	asked := s.query.Sort
	found, stale, err := s.pageOf(ctx, s.query, inRow+inRowFolded)
	unsorted := errors.Is(err, audit.ErrTooManyToSort)
	if unsorted {
		s.byTime()
		found, _, err = s.pageOf(ctx, s.query, inRow+inRowFolded)
	}
	if err != nil {
		return err
	}
	if stale {
		s.query.Cursor = ""
		s.state.Del("cursor")
	}
	p := listPage{page: page{visit: s, Title: s.name(), Status: http.StatusOK}, Shown: len(found.Entries), Stale: stale}
	if p.Total, p.More, p.Counted, err = s.count(ctx); err != nil {
		return err
	}
	facets, err := s.menuFacets(ctx)
	if err != nil {
		return err
	}
	p.Early, p.Partial = s.early(found), found.Partial
	p.Rows = s.table(found.Entries)
	p.Columns = s.columns(facets)
	p.Menus = s.menus(facets, users())
	p.Chips = s.chips()
	p.Carried = s.carried()
	if unsorted {
		p.Unsorted = s.unsorted(asked)
		p.Carried = append(p.Carried, pair{"sort", string(asked)}) // a narrower filter may sort
	}
	p.Sizes = s.sizes()
	if found.Next != "" {
		p.Next = s.page(found.Next)
	}
	if found.Prev != "" {
		p.Prev, p.First = s.page(found.Prev), s.list()
	}
	if s.grant.Export {
		p.Exports, p.Prepare = s.exportLinks(), s.prepareLinks()
	}
	if s.mayFollow() {
		p.Live, p.Position = s.assets["live.js"].url(), position
	}
	return s.render(w, "list", http.StatusOK, p)
}

// byTime switches to the first page in the default order, in links and exports too.
func (s *visit) byTime() {
	s.query.Sort, s.query.Cursor = audit.Newest, ""
	s.state.Del("sort")
	s.state.Del("cursor")
}

// unsorted returns the note that too many entries match to sort.
func (s *visit) unsorted(asked audit.Sort) string {
	label := string(asked.Key())
	for _, c := range listColumns() {
		if c.sort == asked.Key() {
			label = s.lang.text(c.label)
			break
		}
	}
	return s.lang.text("Too many entries to sort by %s. Showing the newest first. To sort, narrow the filter to %s entries or fewer.", label, s.lang.number(audit.MaxSorted))
}

// pageOf reads the page that a link leads to, or the first one if the link's cursor is
// damaged, of another query, or sealed with a key that the trail no longer has.
func (s *visit) pageOf(ctx context.Context, q audit.Query, changes int) (found *audit.Page, stale bool, err error) {
	found, err = s.read(ctx, q, changes)
	if stale = q.Cursor != "" && errors.Is(err, audit.ErrBadCursor); stale {
		q.Cursor = ""
		found, err = s.read(ctx, q, changes)
	}
	return found, stale, err
}

// read reads a page for a list, with the first changes of each entry.
func (s *visit) read(ctx context.Context, q audit.Query, changes int) (*audit.Page, error) {
	if s.shows("metadata") {
		return s.reader.Query(ctx, q) // lists leave it out
	}
	list, err := s.grant.List(ctx, s.source(), q, changes)
	if err != nil {
		return nil, err
	}
	if s.changes == nil {
		s.changes = map[string]int{}
	}
	for i := range list.Entries {
		s.changes[list.Entries[i].ID] = list.Changes[i]
	}
	return list.Page, nil
}

// changeCount is how many changes an entry has, shown or not.
func (s *visit) changeCount(e *audit.Entry) int {
	if n, ok := s.changes[e.ID]; ok {
		return n
	}
	return len(s.trail.Catalogue().Telling(*e))
}

// early says why a page ends before it is full.
func (s *visit) early(found *audit.Page) string {
	switch {
	case found.Partial && found.Until.IsZero():
		return s.lang.text("Search not finished.")
	case found.Partial:
		at := found.Until.In(s.zone)
		return s.lang.text("Search not finished. Reached %s.", s.lang.date(at)+", "+at.Format("15:04")+" "+s.zoneName(at))
	case found.Next != "" && len(found.Entries) < s.query.Limit:
		return s.lang.text("This page ends early because its entries are large. The next page continues from here.")
	}
	return ""
}

// countWait is how long a page waits for its number of entries. A search that
// the store has to look through everything for is shown without one.
const countWait = 2 * time.Second

// count asks how many entries the query selects; ok is false where the store
// can't tell, or not in time.
func (s *visit) count(ctx context.Context) (n int, more, ok bool, err error) {
	waiting, cancel := context.WithTimeout(ctx, countWait)
	defer cancel()
	n, more, err = s.countUpTo(waiting, s.query.Filter, s.bound)
	if errors.Is(err, errors.ErrUnsupported) || err != nil && waiting.Err() != nil && ctx.Err() == nil {
		return 0, false, false, nil
	}
	return n, more, err == nil, err
}

// countUpTo counts to a bound; errors.ErrUnsupported if the store can't.
func (s *visit) countUpTo(ctx context.Context, f audit.Filter, bound int) (n int, more bool, err error) {
	counter, ok := s.reader.(audit.Counter)
	if !ok {
		return 0, false, errors.ErrUnsupported
	}
	return counter.Count(ctx, f, bound)
}

// CountText is what the status line says.
func (p listPage) CountText() string {
	if p.Fault != nil {
		return p.T("Nothing was searched")
	}
	if !p.Counted {
		return p.lang.count("%s entries on this page", p.Shown, false)
	}
	return p.lang.count("%s entries", p.Total, p.More)
}

// Forms are a counted text's forms, for the script.
func (p listPage) Forms(key string) string { return p.lang.forms(key) }

// Here returns the query string of this page.
func (p listPage) Here() string { return p.with()[1:] }

// Filtered reports whether anything narrows the list.
func (p listPage) Filtered() bool { return len(p.Chips) > 0 }

// Clear is the list without its filters; order, zone and page size stay.
func (p listPage) Clear() string {
	v := p.kept()
	if p.Fault != nil {
		delete(v, p.Fault.Param)
	}
	return query(v)
}

func (s *visit) kept() map[string][]string {
	v := map[string][]string{}
	for _, name := range looks {
		if list, ok := s.state[name]; ok {
			v[name] = list
		}
	}
	return v
}

func (s *visit) columns(facets *audit.Facets) []column {
	var cols []column
	for _, l := range s.shownColumns() {
		c := column{Class: l.class, Label: l.label, Time: l.key == "time"}
		if l.sort != "" && s.sortable(l.sort, facets) {
			c.Order, c.Href = s.order(l.sort)
		}
		cols = append(cols, c)
	}
	return cols
}

// sortable reports whether the reader may sort by a key. An order by values with
// masked parts would tell something about these.
func (s *visit) sortable(key audit.Sort, facets *audit.Facets) bool {
	if s.grant.Check(audit.Query{Filter: s.query.Filter, Sort: key}) != nil {
		return false
	}
	if s.grant.Personal || key == audit.SortOutcome {
		return true
	}
	for _, n := range facetNames {
		if n.name == string(key) {
			return facets != nil && !slices.ContainsFunc(n.values(facets), hasMask)
		}
	}
	return true
}

// order is a column's aria-sort, and the link that sorts by it: the way that
// is wanted first (newest, A before B), and a second time the other way.
func (s *visit) order(key audit.Sort) (aria, href string) {
	now := s.query.Sort
	if now == "" {
		now = audit.Newest
	}
	if now.Key() != key {
		to := string(key)
		if key == audit.SortTime {
			to = "" // the default is the newest first
		}
		return "none", s.list("sort", to)
	}
	aria = "ascending"
	if now.Descending() {
		aria = "descending"
	}
	to := now.Reverse()
	if to == audit.Newest {
		to = ""
	}
	return aria, s.list("sort", string(to))
}

func (s *visit) sizes() []size {
	now := s.query.Limit
	choices := perPage
	if !slices.Contains(choices, now) {
		choices = append(slices.Clone(choices), now)
		slices.Sort(choices)
	}
	var list []size
	for _, n := range choices {
		list = append(list, size{n, n == now})
	}
	return list
}

// formed are the parameters that the filter form has a control of its own for.
var formed = []string{"q", "range", "from", "to", "action", "type", "user", "on_behalf_of", "outcome", "severity", "reads", "actor_type", "tenant", "project", "product", "record", "ip", "tz"}

// carried are the parameters that the form passes on unseen.
func (s *visit) carried() []pair {
	var list []pair
	for name, values := range s.state {
		if name == "cursor" {
			continue
		}
		shown := 0
		if slices.Contains(formed, name) {
			if name != "record" && name != "ip" {
				continue
			}
			shown = 1 // the control holds the first one
		}
		for _, value := range values[min(shown, len(values)):] {
			list = append(list, pair{name, value})
		}
	}
	slices.SortFunc(list, func(a, b pair) int {
		if a.Name != b.Name {
			return compare(a.Name, b.Name)
		}
		return compare(a.Value, b.Value)
	})
	return list
}

// PerCarried is what choosing a page size passes on.
func (p listPage) PerCarried() []pair { return p.carriedBut("per", "limit") }

// carriedBut is what a form passes on that has controls of its own for some
// parameters: all others, and the first page.
func (p listPage) carriedBut(own ...string) []pair {
	var list []pair
	for name, values := range p.state {
		if name == "cursor" || slices.Contains(own, name) {
			continue
		}
		for _, value := range values {
			list = append(list, pair{name, value})
		}
	}
	slices.SortFunc(list, func(a, b pair) int { return compare(a.Name+"\x00"+a.Value, b.Name+"\x00"+b.Value) })
	return list
}

func compare(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// Value is the first value of a parameter, for the controls that hold one.
func (p listPage) Value(name string) string { return p.state.Get(name) }

// byDay reports whether days have headings.
func (s *visit) byDay() bool {
	return (s.query.Sort == "" || s.query.Sort.Key() == audit.SortTime) && !s.state.Has("group")
}

// ByDay is byDay for the template.
func (p listPage) ByDay() bool { return p.byDay() }

// Keyword is the search text.
func (p listPage) Keyword() string { return p.state.Get("q") }

// Choices is how many choices a menu has.
func (p listPage) Choices(m menu) string {
	if m.More {
		return p.lang.number(m.Total) + "+"
	}
	return p.lang.number(m.Total)
}

// Sorted says the order in words, for the table's caption.
func (p listPage) Sorted() string {
	for _, c := range p.Columns {
		if c.Order == "ascending" || c.Order == "descending" {
			return p.T("Audit log entries by %s, %s", p.T(c.Label), p.T(c.Order))
		}
	}
	return p.T("Audit log entries")
}

// PerText is the label that is read with the page size.
func (z size) PerText() string { return strconv.Itoa(z.Rows) }
