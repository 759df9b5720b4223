package audit

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gormtrail/audit/internal/day"
	"github.com/gormtrail/audit/internal/words"
)

const fieldParam = "field"

// filterLists are the parameters that hold lists of text: one language for
// pages, API, exports and links.
var filterLists = []struct {
	name string
	list func(*Filter) *[]string
}{
	{"tenant", func(f *Filter) *[]string { return &f.Tenants }},
	{"project", func(f *Filter) *[]string { return &f.Projects }},
	{"action", func(f *Filter) *[]string { return &f.Actions }},
	{"type", func(f *Filter) *[]string { return &f.ObjectTypes }},
	{"record", func(f *Filter) *[]string { return &f.ObjectIDs }},
	{"product", func(f *Filter) *[]string { return &f.Products }},
	{"actor_type", func(f *Filter) *[]string { return &f.ActorTypes }},
	{"actor", func(f *Filter) *[]string { return &f.ActorIDs }},
	{"user", func(f *Filter) *[]string { return &f.Users }},
	{"on_behalf_of", func(f *Filter) *[]string { return &f.OnBehalfOf }},
	{"ip", func(f *Filter) *[]string { return &f.IPs }},
	{fieldParam, func(f *Filter) *[]string { return &f.Fields }},
}

// notFilter are the parameters of a page or an API call that say nothing of
// which entries: ParseFilter passes them over.
var notFilter = []string{
	"sort", "limit", "per", "cursor", "before", "after", "tz", "entry", "export",
	"format", "live", "facet", "find", "asset", "v", "view", "lang", "theme", "since", "mode", "jobs", "job",
	"columns", "density", "group", "chart", "views", "legend", "help",
}

// ParseFilter reads a filter from a query string. It is the inverse of
// Filter.Values.
//
// Lists repeat their parameter: tenant, project, action, outcome, type (of the
// object), record (the object's ID), product, actor_type, actor (its ID), user,
// on_behalf_of, ip, field, severity. Single ones: transaction, request, q (the keyword),
// reads (hide, or show, the default), from, to and range. Times are RFC 3339, a time without a zone (2026-01-31T13:59), or a date
// alone, which is that whole day: from its beginning, to its end. The last two are of
// the zone that tz names, or UTC. range is a Period, all, or custom, which leaves it
// to from and to. not holds a filter's query string, escaped once more, and may
// repeat.
//
// Empty values are passed over, as a form sends them; the value "" itself is
// written as two quotes, and a value in quotes is read as a Go string literal.
// The parameters that pages use for other things (sort, limit, per, cursor,
// before, after, tz, entry, export, …) and those of campaigns (utm_*) are passed over.
// Everything else is a *QueryError that names the parameter, and the one that it
// resembles (UnknownParams).
func ParseFilter(v url.Values) (Filter, error) {
	zone, err := ParseZone(v, time.UTC)
	if err != nil {
		return Filter{}, err
	}
	return parseFilter(v, zone, 0)
}

func parseFilter(v url.Values, zone *time.Location, depth int) (Filter, error) {
	var f Filter
	names := make([]string, 0, len(v))
	for name := range v {
		names = append(names, name)
	}
	slices.Sort(names) // which of two errors is reported doesn't depend on chance
	if i := slices.Index(names, "range"); i >= 0 {
		names = append(slices.Delete(names, i, i+1), "range") // it wins over from and to
	}
	for _, name := range names {
		if err := f.parse(name, v[name], zone, depth); err != nil {
			return Filter{}, err
		}
	}
	if err := f.validateTerm(depth); err != nil {
		return Filter{}, err
	}
	return f, nil
}

func (f *Filter) parse(name string, values []string, zone *time.Location, depth int) error {
	values = slices.DeleteFunc(slices.Clone(values), func(s string) bool { return s == "" })
	for _, p := range filterLists {
		if p.name == name {
			list, err := unquoteAll(name, values)
			*p.list(f) = list
			return err
		}
	}
	if slices.Contains(notFilter, name) {
		return nil
	}
	switch name {
	case "outcome":
		list, err := unquoteAll(name, values)
		for _, o := range list {
			f.Outcomes = append(f.Outcomes, Outcome(o))
		}
		return err
	case "severity":
		list, err := unquoteAll(name, values)
		for _, s := range list {
			f.Severities = append(f.Severities, Severity(s))
		}
		return err
	case "not":
		return f.parseNot(values, zone, depth)
	case "transaction", "request", "q", "from", "to", "range", "reads":
		return f.parseSingle(name, values, zone)
	}
	if isCampaign(name) && depth == 0 {
		return nil
	}
	return UnknownParam{Name: name, Nearest: nearestParam(name)}.err()
}

func (f *Filter) parseSingle(name string, values []string, zone *time.Location) error {
	if len(values) > 1 {
		return &QueryError{Param: name, Reason: "is given more than once"}
	}
	if len(values) == 0 {
		return nil
	}
	value := values[0]
	var err error
	switch name {
	case "transaction":
		f.TransactionID = value
	case "request":
		f.RequestID = value
	case "q":
		f.Keyword = value
	case "from":
		f.From, err = parseTime(name, value, zone, 0)
	case "to":
		f.To, err = parseTime(name, value, zone, 1)
	case "range":
		err = f.parseRange(value, zone)
	case "reads":
		if f.WithoutReads = value == "hide"; !f.WithoutReads && value != "show" {
			err = &QueryError{Param: name, Reason: fmt.Sprintf("%q is neither hide nor show", words.Clip(value))}
		}
	}
	return err
}

// parseRange comes after from and to, and wins.
func (f *Filter) parseRange(value string, zone *time.Location) error {
	switch value {
	case "custom":
		return nil
	case "all":
		f.From, f.To = time.Time{}, time.Time{}
		return nil
	}
	from, to, ok := Period(value).Range(time.Now(), zone)
	if !ok {
		return &QueryError{Param: "range", Reason: fmt.Sprintf("%q is not one of %s, custom, all", words.Clip(value), periodNames())}
	}
	f.From, f.To = from, to
	return nil
}

func (f *Filter) parseNot(values []string, zone *time.Location, depth int) error {
	if depth >= maxNotDepth {
		return &QueryError{Param: "not", Reason: fmt.Sprintf("is nested more than %d deep", maxNotDepth)}
	}
	for _, s := range values {
		inner, err := url.ParseQuery(s)
		if err != nil {
			return &QueryError{Param: "not", Reason: "is not a query string", Err: err}
		}
		n, err := parseFilter(inner, zone, depth+1)
		if err != nil {
			return err
		}
		f.Not = append(f.Not, n)
	}
	return nil
}

// localTimes are the forms of a time without a zone, as a form's control sends it.
var localTimes = []string{"2006-01-02T15:04", "2006-01-02T15:04:05"}

// parseTime reads RFC 3339, a time of the zone, or a day of the zone, which is that
// day's beginning plus days.
func parseTime(name, s string, zone *time.Location, days int) (time.Time, error) {
	s = strings.TrimSpace(s)
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return t.UTC(), nil
	}
	if t, err := time.Parse(time.DateOnly, s); err == nil {
		year, month, date := t.Date()
		if at := day.Start(year, month, date+days, zone); day.InRange(at) {
			return at, nil
		}
		if at := day.Start(year, month, date, zone); !day.InRange(at) || days == 0 {
			return at, nil
		}
		return day.Last, nil
	}
	for _, layout := range localTimes {
		if t, err := time.ParseInLocation(layout, s, zone); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, &QueryError{Param: name, Reason: fmt.Sprintf("%q is neither a date (2026-01-31) nor a time (2026-01-31T13:59:24Z)", words.Clip(s))}
}

// Values is the filter as a query string, the inverse of ParseFilter: reading
// it gives the same filter, with times in UTC. What And added is not in it: a
// scope is never a caller's to send.
func (f Filter) Values() url.Values {
	v := url.Values{}
	for _, p := range filterLists {
		for _, s := range *p.list(&f) {
			v.Add(p.name, quote(s))
		}
	}
	for _, o := range f.Outcomes {
		v.Add("outcome", quote(string(o)))
	}
	for _, s := range f.Severities {
		v.Add("severity", quote(string(s)))
	}
	if f.WithoutReads {
		v.Set("reads", "hide")
	}
	for name, t := range map[string]time.Time{"from": f.From, "to": f.To} {
		if !t.IsZero() {
			v.Set(name, t.UTC().Format(time.RFC3339Nano))
		}
	}
	for name, s := range map[string]string{"transaction": f.TransactionID, "request": f.RequestID, "q": f.Keyword} {
		if s != "" {
			v.Set(name, s)
		}
	}
	for _, n := range f.Not {
		s := n.Values().Encode()
		if s == "" {
			s = "&" // the filter that selects everything, told from an empty field
		}
		v.Add("not", s)
	}
	return v
}

// quote writes the values that a form can't send.
func quote(s string) string {
	if s == "" || s[0] == '"' {
		return strconv.Quote(s)
	}
	return s
}

func unquoteAll(name string, values []string) ([]string, error) {
	var list []string
	for _, s := range values {
		if s[0] == '"' {
			u, err := strconv.Unquote(s)
			if err != nil {
				return nil, &QueryError{Param: name, Reason: fmt.Sprintf("%q begins with a quote and does not end as a quoted text", words.Clip(s)), Err: err}
			}
			s = u
		}
		list = append(list, s)
	}
	return list, nil
}

// ParseQuery reads a query from a query string: a filter, and sort, limit (or
// per) and cursor.
func ParseQuery(v url.Values) (Query, error) { return ParseQueryIn(v, time.UTC) }

// ParseQueryIn is ParseQuery with the days and times of a zone, where tz doesn't name
// another one.
func ParseQueryIn(v url.Values, zone *time.Location) (Query, error) {
	zone, err := ParseZone(v, zone)
	if err != nil {
		return Query{}, err
	}
	f, err := parseFilter(v, zone, 0)
	if err != nil {
		return Query{}, err
	}
	q := Query{Filter: f, Sort: Sort(v.Get("sort")), Cursor: v.Get("cursor")}
	for _, name := range []string{"per", "limit"} {
		s := v.Get(name)
		if s == "" {
			continue
		}
		if q.Limit, err = strconv.Atoi(s); err != nil || q.Limit < 1 || q.Limit > MaxLimit {
			return Query{}, &QueryError{Param: name, Reason: fmt.Sprintf("%q is not a number from 1 to %d", words.Clip(s), MaxLimit)}
		}
	}
	if _, err := q.Validate(); err != nil {
		return Query{}, err
	}
	return q, nil
}

// UnknownParam is a parameter of a query string that ParseFilter refuses.
type UnknownParam struct {
	Name    string
	Nearest string // the known parameter that it resembles; "": none does
}

// UnknownParams returns the parameters of a query string that no filter and no page of
// the library has, sorted by name. Those of campaigns (utm_*) are not among them. An API
// refuses such a request, as ParseFilter does: a mistyped filter would show more than
// was asked for. A page can leave them out and say so.
func UnknownParams(v url.Values) (list []UnknownParam) {
	for _, name := range slices.Sorted(maps.Keys(v)) {
		if !knownParam(name) && !isCampaign(name) {
			list = append(list, UnknownParam{Name: name, Nearest: nearestParam(name)})
		}
	}
	return list
}

// IgnoreParams returns a copy of v without utm_* and without the names, which belong to
// the application. A parameter that the library knows always stays.
func IgnoreParams(v url.Values, names ...string) url.Values {
	kept := make(url.Values, len(v))
	for name, values := range v {
		if knownParam(name) || !isCampaign(name) && !slices.Contains(names, name) {
			kept[name] = values
		}
	}
	return kept
}

// err is the error of ParseFilter.
func (p UnknownParam) err() error {
	reason := "is not a parameter of a filter"
	if p.Nearest != "" {
		reason += "; did you mean " + p.Nearest + "?"
	}
	return &QueryError{Param: words.Clip(p.Name), Reason: reason}
}

func isCampaign(name string) bool { return strings.HasPrefix(name, "utm_") }

// filterSingles are the parameters of a filter beside filterLists.
var filterSingles = []string{"outcome", "not", "transaction", "request", "q", "from", "to", "range", "severity", "reads"}

func knownParam(name string) bool { return slices.Contains(allParams(), name) }

func allParams() []string {
	list := slices.Concat(filterSingles, notFilter)
	for _, p := range filterLists {
		list = append(list, p.name)
	}
	return list
}

// nearestParam is the parameter that is at most two typing errors away, and fewer than
// its length; "" if there is none.
func nearestParam(name string) (nearest string) {
	if len(name) > 32 {
		return ""
	}
	best := 3
	for _, known := range slices.Sorted(slices.Values(allParams())) {
		if d := words.Distance(strings.ToLower(name), known); d < best && d < min(len(known), len(name)) {
			nearest, best = known, d
		}
	}
	return nearest
}

// Period is a range of time by its name, as range= in a query string.
type Period string

// The periods that a query string can name. Days and months are those of the time
// zone that the query is read in.
const (
	Today     Period = "today"
	Yesterday Period = "yesterday"
	Last24h   Period = "24h"
	Last7d    Period = "7d"
	Last30d   Period = "30d"
	Last90d   Period = "90d"
	ThisMonth Period = "this_month"
	LastMonth Period = "last_month"
)

var periods = []struct {
	period Period
	label  string
	last   time.Duration // how far a period that moves with the clock reaches back; 0 for days and months
}{
	{Today, "Today", 0}, {Yesterday, "Yesterday", 0},
	{Last24h, "Last 24 hours", 24 * time.Hour}, {Last7d, "Last 7 days", 7 * 24 * time.Hour},
	{Last30d, "Last 30 days", 30 * 24 * time.Hour}, {Last90d, "Last 90 days", 90 * 24 * time.Hour},
	{ThisMonth, "This month", 0}, {LastMonth, "Last month", 0},
}

// Periods returns all periods, in the order in which a menu shows them.
func Periods() []Period {
	list := make([]Period, len(periods))
	for i, p := range periods {
		list[i] = p.period
	}
	return list
}

// periodNames lists the periods for an error.
func periodNames() string {
	names := make([]string, len(periods))
	for i, p := range periods {
		names[i] = string(p.period)
	}
	return strings.Join(names, ", ")
}

// Label is the period in English: "Last 7 days". It is "" for an unknown period.
func (p Period) Label() string {
	for _, known := range periods {
		if known.period == p {
			return known.label
		}
	}
	return ""
}

// Moves reports whether the period ends now, and so is another one a moment later.
// The others are whole days.
func (p Period) Moves() bool {
	for _, known := range periods {
		if known.period == p {
			return known.last > 0
		}
	}
	return false
}

// Range returns the period for Filter.From and Filter.To, in UTC. ok is false for an
// unknown period. Today and ThisMonth include what is left of the day and the month.
// A period that ends now begins and ends on whole seconds, so that files can state it
// exactly; it includes the current second.
func (p Period) Range(now time.Time, zone *time.Location) (from, to time.Time, ok bool) {
	for _, known := range periods {
		if known.period == p && known.last > 0 {
			now = now.UTC().Truncate(time.Second)
			return now.Add(-known.last), now.Add(time.Second), true
		}
	}
	year, month, today := now.In(zone).Date()
	switch p {
	case Today:
		return day.Start(year, month, today, zone), day.Start(year, month, today+1, zone), true
	case Yesterday:
		return day.Start(year, month, today-1, zone), day.Start(year, month, today, zone), true
	case ThisMonth:
		return day.Start(year, month, 1, zone), day.Start(year, month+1, 1, zone), true
	case LastMonth:
		return day.Start(year, month-1, 1, zone), day.Start(year, month, 1, zone), true
	}
	return time.Time{}, time.Time{}, false
}

// ParseZone returns the time zone that tz= names, byDefault where v has none. A name
// that isn't in the IANA time zone database of this server is a *QueryError.
func ParseZone(v url.Values, byDefault *time.Location) (*time.Location, error) {
	name := v.Get("tz")
	if name == "" {
		return byDefault, nil
	}
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		return nil, &QueryError{Param: "tz", Reason: fmt.Sprintf("%q is not a time zone that this server knows (Europe/Berlin, UTC)", words.Clip(name)), Err: err}
	}
	return zone, nil
}
