package audit

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gormtrail/audit/internal/cleantext"
	"github.com/gormtrail/audit/internal/day"
	"github.com/gormtrail/audit/internal/sortkey"
	"github.com/gormtrail/audit/internal/words"
)

// Bounds of a filter, so that a query string can't make a statement that no
// database accepts.
const (
	MaxFilterValues = 1000 // values in one list
	MaxKeyword      = 1024 // bytes of a keyword
)

// Filter selects entries. Its zero value selects every entry. Each list is
// any-of, an empty list is no condition, and all fields are and-ed. Values are
// compared exactly, byte by byte, where nothing else is said.
type Filter struct {
	Tenants, Projects      []string
	From, To               time.Time // [From, To): From is in, To is not; zero: open
	Actions                []string
	Outcomes               []Outcome
	ObjectTypes, ObjectIDs []string
	Products               []string
	ActorTypes, ActorIDs   []string
	// Users are actors as Actor.User names them: by email, else name, else ID.
	Users []string
	// OnBehalfOf are those whom the actor stood in for, named as Users are; "" is
	// nobody.
	OnBehalfOf []string
	// IPs are addresses ("10.1.2.3", "2001:db8::1") or CIDR prefixes
	// ("10.0.0.0/8"). An IPv4 address and its IPv4-mapped IPv6 form are one.
	IPs []string
	// Fields selects entries that changed one of these fields: the field
	// itself, or a path inside it ("settings" also finds "settings.theme" and
	// "settings[2]").
	Fields []string
	// Severities selects actions by severity. WithoutReads leaves out actions that only read
	// (Action.Read). Both go by the Trail's catalogue, or by the common one without a Trail
	// (Catalogue.Resolve).
	Severities               []Severity
	WithoutReads             bool
	TransactionID, RequestID string
	// Keyword is a substring, in any case, of what the page shows of an entry:
	// the name, email and ID of the actor and of whom it acted on behalf of; the
	// object's name, ID and type; the action; the labels of action, outcome and type; the IP
	// address; the IDs of the request, the transaction and the entry; error and
	// comment; names of changed fields; metadata that Options.SearchableMetadata names.
	// Labels and metadata are found through a Trail alone. Values of changes aren't
	// searched. It is plain text: package search reads qualifiers.
	Keyword string
	// Not leaves out every entry that one of these filters selects.
	Not []Filter

	and     []Filter // further filters that must hold too; set by And
	sliding bool     // From and To move with the clock, so a cursor isn't bound to them

	search     Search // set by the Trail, never changed
	searched   bool   // search is set
	noMetadata bool   // Keyword isn't looked for in metadata
}

// And returns a filter that selects what both f and limit select. Nothing done to
// the result or to limit afterwards can make it select more: scopes are made of it.
//
// In limit, a list that is empty and not nil selects nothing: a reader who may see
// the tenants in a list of none sees no tenant. A nil list is no condition. Not is
// no such list: an empty one leaves out nothing.
func (f Filter) And(limit Filter) Filter {
	terms := limit.clone().Terms()
	for _, term := range terms {
		if term.hasEmptyList() {
			terms = append(terms, Filter{Not: []Filter{{}}})
			break
		}
	}
	f.and = append(slices.Clip(f.and), terms...)
	return f
}

// hasEmptyList reports whether a list is empty and not nil.
func (f Filter) hasEmptyList() bool {
	for _, p := range filterLists {
		if list := *p.list(&f); list != nil && len(list) == 0 {
			return true
		}
	}
	return f.Outcomes != nil && len(f.Outcomes) == 0 || f.Severities != nil && len(f.Severities) == 0
}

// clone copies the lists too: who holds limit can't change a scope through them.
func (f Filter) clone() Filter {
	for _, p := range filterLists {
		*p.list(&f) = slices.Clone(*p.list(&f))
	}
	f.Outcomes, f.Severities = slices.Clone(f.Outcomes), slices.Clone(f.Severities)
	f.Not, f.and = slices.Clone(f.Not), slices.Clone(f.and)
	for _, list := range [][]Filter{f.Not, f.and} {
		for i := range list {
			list[i] = list[i].clone()
		}
	}
	return f
}

// Terms are the plain filters that f is the conjunction of: f itself, then
// those that And added. A store evaluates each and and-s the results. Their
// texts are cleaned as those of entries on the trail are: what
// was recorded with a strange byte is found by it, and no database is asked for
// text that it can't hold.
func (f Filter) Terms() []Filter {
	terms := make([]Filter, 0, 1+len(f.and))
	for _, term := range append([]Filter{f}, f.and...) {
		term.and = nil
		terms = append(terms, term.clean())
	}
	return terms
}

// clean returns f with its texts as those of entries on the trail are.
func (f Filter) clean() Filter {
	if !f.dirty() { // Match asks once for each entry
		return f
	}
	return f.cleaned()
}

func (f Filter) dirty() bool {
	for _, p := range filterLists {
		for _, s := range *p.list(&f) {
			if len(s) > cleantext.MaxName || cleantext.Dirty(s) {
				return true
			}
		}
	}
	return len(f.TransactionID) > cleantext.MaxName || len(f.RequestID) > cleantext.MaxName ||
		cleantext.Dirty(f.TransactionID) || cleantext.Dirty(f.RequestID) || cleantext.Dirty(f.Keyword)
}

func (f Filter) cleaned() Filter {
	for _, p := range filterLists {
		list := p.list(&f)
		*list = slices.Clone(*list)
		clean := cleantext.Name
		if p.name == fieldParam {
			clean = cleantext.Field
		}
		for i, s := range *list {
			(*list)[i] = clean(s)
		}
	}
	f.TransactionID, f.RequestID, f.Keyword = cleantext.Name(f.TransactionID), cleantext.Name(f.RequestID), cleantext.Text(f.Keyword)
	return f
}

// Sliding returns f with From and To that move with the clock, as "the last seven days"
// does: a cursor of f stays valid for the same filter with a later From and To.
func (f Filter) Sliding() Filter {
	f.sliding = true
	return f
}

// Last returns the range from d ago until now, for Filter.From and Filter.To.
// To is a moment later than now, so that what just happened is inside.
func Last(d time.Duration) (from, to time.Time) {
	now := time.Now().UTC().Truncate(time.Microsecond)
	return now.Add(-d), now.Add(time.Microsecond)
}

// Match reports whether f selects e. It is the definition of what a filter
// means: every store, export, feed and alert agrees with it. An address or
// prefix that can't be parsed selects nothing.
func (f Filter) Match(e Entry) bool {
	for _, term := range f.and { // cleaned by And
		if !term.matchTerm(e) {
			return false
		}
	}
	f.and = nil
	return f.clean().matchTerm(e)
}

func (f Filter) matchTerm(e Entry) bool {
	outcome := e.Outcome.orSuccess()
	return in(f.Tenants, e.Tenant) && in(f.Projects, e.Project) &&
		(f.From.IsZero() || !e.Time.Before(f.From)) &&
		(f.To.IsZero() || e.Time.Before(f.To)) &&
		in(f.Actions, e.Action) && f.matchCatalogued(e.Action) &&
		(len(f.Outcomes) == 0 || slices.ContainsFunc(f.Outcomes, func(o Outcome) bool { return o.orSuccess() == outcome })) &&
		in(f.ObjectTypes, e.Object.Type) && in(f.ObjectIDs, e.Object.ID) && in(f.Products, e.Object.Product) &&
		in(f.ActorTypes, e.Actor.Type) && in(f.ActorIDs, e.Actor.ID) && in(f.Users, e.Actor.User()) &&
		in(f.OnBehalfOf, e.OnBehalfOfUser()) &&
		matchIP(f.IPs, e.Request.IP) && matchFields(f.Fields, e.Changes) &&
		(f.TransactionID == "" || f.TransactionID == e.TransactionID) &&
		(f.RequestID == "" || f.RequestID == e.Request.ID) &&
		f.matchKeyword(e) &&
		!slices.ContainsFunc(f.Not, func(n Filter) bool { return n.Match(e) })
}

func in(list []string, v string) bool { return len(list) == 0 || slices.Contains(list, v) }

func matchIP(list []string, ip string) bool {
	if len(list) == 0 {
		return true
	}
	key := sortkey.IP(ip)
	return slices.ContainsFunc(list, func(s string) bool {
		lo, hi, err := sortkey.IPRange(s)
		return err == nil && lo <= key && key <= hi
	})
}

func matchFields(list []string, changes []Change) bool {
	return len(list) == 0 || slices.ContainsFunc(changes, func(c Change) bool {
		return slices.ContainsFunc(list, func(f string) bool { return fieldWithin(c.Field, f) })
	})
}

// fieldWithin reports whether the path is field or lies inside it.
func fieldWithin(path, field string) bool {
	rest, ok := strings.CutPrefix(path, field)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

// orSuccess reads "" as Success.
func (o Outcome) orSuccess() Outcome {
	if o == "" {
		return Success
	}
	return o
}

// Validate returns a *QueryError for a filter that can't be meant: From after
// To, an address that is none, an unknown outcome, too many values, too long a
// keyword, a year outside 1 to 9999.
func (f Filter) Validate() error {
	for _, term := range f.Terms() {
		if err := term.validateTerm(0); err != nil {
			return err
		}
	}
	return nil
}

// maxNotDepth bounds how deep Not may be nested.
const maxNotDepth = 4

func (f Filter) validateTerm(depth int) error {
	for _, p := range filterLists {
		if n := len(*p.list(&f)); n > MaxFilterValues {
			return &QueryError{Param: p.name, Reason: fmt.Sprintf("has %d values, at most %d are possible", n, MaxFilterValues)}
		}
	}
	if n := len(f.Outcomes); n > MaxFilterValues {
		return &QueryError{Param: "outcome", Reason: fmt.Sprintf("has %d values, at most %d are possible", n, MaxFilterValues)}
	}
	for _, o := range f.Outcomes {
		if !o.known() {
			return &QueryError{Param: "outcome", Reason: fmt.Sprintf("%q is not success, failure or denied", words.Clip(string(o)))}
		}
	}
	if err := f.validateSeverities(); err != nil {
		return err
	}
	for _, ip := range f.IPs {
		if _, _, err := sortkey.IPRange(ip); err != nil {
			return &QueryError{Param: "ip", Reason: fmt.Sprintf("%q is neither an address nor a CIDR prefix", words.Clip(ip)), Err: err}
		}
	}
	if len(f.Keyword) > MaxKeyword {
		return &QueryError{Param: "q", Reason: fmt.Sprintf("has %d bytes, at most %d are possible", len(f.Keyword), MaxKeyword)}
	}
	if err := f.validateRange(); err != nil {
		return err
	}
	return f.validateNot(depth)
}

func (f Filter) validateSeverities() error {
	if n := len(f.Severities); n > MaxFilterValues {
		return &QueryError{Param: "severity", Reason: fmt.Sprintf("has %d values, at most %d are possible", n, MaxFilterValues)}
	}
	for _, s := range f.Severities {
		if !slices.Contains(severities, s) {
			return &QueryError{Param: "severity", Reason: fmt.Sprintf("%q is not info, notice, warning or alarm", words.Clip(string(s)))}
		}
	}
	return nil
}

func (f Filter) validateRange() error {
	if !f.From.IsZero() && !day.InRange(f.From) {
		return &QueryError{Param: "from", Reason: "the year is not one of 1 to 9999"}
	}
	if !f.To.IsZero() && !day.InRange(f.To) {
		return &QueryError{Param: "to", Reason: "the year is not one of 1 to 9999"}
	}
	if !f.From.IsZero() && !f.To.IsZero() && f.From.After(f.To) {
		return &QueryError{Param: "from", Reason: fmt.Sprintf("%s is after to, %s",
			f.From.UTC().Format(time.RFC3339Nano), f.To.UTC().Format(time.RFC3339Nano))}
	}
	return nil
}

func (f Filter) validateNot(depth int) error {
	if len(f.Not) == 0 && !f.catalogued() { // which Not says once resolved
		return nil
	}
	if depth >= maxNotDepth {
		return &QueryError{Param: "not", Reason: fmt.Sprintf("is nested more than %d deep", maxNotDepth)}
	}
	if n := len(f.Not); n > MaxFilterValues {
		return &QueryError{Param: "not", Reason: fmt.Sprintf("has %d values, at most %d are possible", n, MaxFilterValues)}
	}
	for _, n := range f.Not {
		for _, term := range n.Terms() {
			if err := term.validateTerm(depth + 1); err != nil {
				return err
			}
		}
	}
	return nil
}

func (o Outcome) known() bool { return o == "" || o == Success || o == Failure || o == Denied }

// SearchTexts returns the folded texts in which a keyword is looked for: what a page shows
// of the entry, except for values that changed and for what Filter.Search adds. Texts are folded
// as storage.Fold does.
func (e Entry) SearchTexts() []string {
	texts := []string{
		e.Actor.Name, e.Actor.Email, e.Object.Name, e.Object.ID, e.Action,
		e.Actor.ID, e.Object.Type, outcomeEnding(e.Outcome), e.Request.IP, e.Request.ID, e.TransactionID, e.ID, e.Error, e.Comment,
	}
	if a := e.OnBehalfOf; a != nil {
		texts = append(texts, a.Name, a.Email, a.ID)
	}
	for _, c := range e.Changes {
		texts = append(texts, c.Field)
	}
	for i, s := range texts {
		texts[i] = words.Fold(s)
	}
	return texts
}

// outcomeEnding is how labels say that an action didn't succeed.
func outcomeEnding(o Outcome) string {
	switch o {
	case Failure:
		return "failed"
	case Denied:
		return "denied"
	}
	return ""
}

// Search is what a keyword is compared with beside an entry's own texts.
type Search struct {
	// Labels select entries whose label holds the keyword.
	Labels []Filter
	// Metadata names values of the metadata, wherever they stand in it: texts without
	// NUL and whole numbers of 64 bits are searched.
	Metadata []string
}

// Search returns what f's Keyword is compared with beside Entry.SearchTexts and storage.SearchWords.
// A Trail knows it, and adds it to the filters that it hands to its store.
func (f Filter) Search() Search {
	s := f.search
	if f.noMetadata {
		s.Metadata = nil
	}
	return s
}

// WithoutMetadata returns f with keywords that aren't looked for in metadata, whatever
// Options.SearchableMetadata names: for readers who may not see all of it.
func (f Filter) WithoutMetadata() Filter {
	f.noMetadata = true
	f.Not, f.and = slices.Clone(f.Not), slices.Clone(f.and)
	for _, list := range [][]Filter{f.Not, f.and} {
		for i := range list {
			list[i] = list[i].WithoutMetadata()
		}
	}
	return f
}

// Keywords returns a filter for each keyword that f asks for, of that keyword alone.
// What f leaves out isn't asked for.
func (f Filter) Keywords() (list []Filter) {
	for _, term := range f.Terms() {
		if term.Keyword != "" {
			list = append(list, Filter{Keyword: term.Keyword, search: term.search, searched: term.searched, noMetadata: term.noMetadata})
		}
	}
	return list
}

func (f Filter) matchKeyword(e Entry) bool {
	if f.Keyword == "" {
		return true
	}
	k := words.Fold(f.Keyword)
	if slices.ContainsFunc(e.SearchTexts(), func(s string) bool { return strings.Contains(s, k) }) {
		return true
	}
	if joined := words.Joined(k); joined != "" {
		action := words.WithoutSeparators(words.Fold(e.Action)) + words.Fold(outcomeEnding(e.Outcome))
		if strings.Contains(action, joined) || strings.Contains(words.WithoutSeparators(words.Fold(e.Object.Type)), joined) {
			return true
		}
	}
	s := f.Search()
	return slices.ContainsFunc(s.Labels, func(l Filter) bool { return l.Match(e) }) ||
		len(s.Metadata) > 0 && inMetadata(e.Metadata, s.Metadata, k)
}

// inMetadata reports whether a value with one of these names holds the keyword.
func inMetadata(v any, names []string, keyword string) bool {
	switch v := v.(type) {
	case map[string]any:
		for name, inner := range v {
			if slices.Contains(names, name) {
				if s, ok := searchedValue(inner); ok && strings.Contains(words.Fold(s), keyword) {
					return true
				}
			}
			if inMetadata(inner, names, keyword) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(v, func(inner any) bool { return inMetadata(inner, names, keyword) })
	}
	return false
}

func searchedValue(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, !strings.Contains(v, "\x00")
	case nil, bool, []any, map[string]any:
		return "", false
	case json.Number:
		n, err := strconv.ParseInt(v.String(), 10, 64)
		return v.String(), err == nil && strconv.FormatInt(n, 10) == v.String()
	}
	text, err := json.Marshal(v)
	if err != nil {
		return "", false
	}
	return searchedValue(json.Number(text))
}

// search is what the trail knows of a keyword.
func (t *Trail) search(keyword string) Search {
	return Search{Labels: t.catalogue.labelled(words.Fold(cleantext.Text(keyword))), Metadata: t.searchable}
}

// labelled selects entries whose label has the folded text.
func (c *Catalogue) labelled(text string) (list []Filter) {
	outcomes := []Outcome{Success, Failure, Denied}
	actions := make([][]string, len(outcomes))
	for _, a := range c.actions {
		a = a.complete()
		for i, o := range outcomes {
			format, noun := a.LabelOf(o)
			if strings.Contains(words.Fold(fmt.Sprintf(format, noun)), text) {
				actions[i] = append(actions[i], a.Name)
			}
		}
	}
	for i, names := range actions {
		if names != nil {
			list = append(list, Filter{Actions: names, Outcomes: outcomes[i : i+1]})
		}
	}
	// A label that is only the type's name is found by the type itself.
	types := slices.DeleteFunc(words.Labelled(text), func(name string) bool {
		return strings.Contains(name, text) || slices.ContainsFunc(c.objects, func(o ObjectType) bool { return o.Name == name })
	})
	for _, o := range c.objects {
		if strings.Contains(words.Fold(c.ObjectType(o.Name).Label), text) {
			types = append(types, o.Name)
		}
	}
	if len(types) > 0 {
		list = append(list, Filter{ObjectTypes: types})
	}
	return list
}

// searching adds to the keywords of f what the trail knows of them.
func (t *Trail) searching(f Filter) Filter {
	if f.Keyword != "" && !f.searched {
		f.search, f.searched = t.search(f.Keyword), true
	}
	f.Not, f.and = t.searchingEach(f.Not), t.searchingEach(f.and)
	return f
}

func (t *Trail) searchingEach(list []Filter) []Filter {
	list = slices.Clone(list)
	for i, f := range list {
		list[i] = t.searching(f)
	}
	return list
}
