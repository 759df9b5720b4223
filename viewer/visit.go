package viewer

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/access"
	"github.com/gormtrail/audit/search"
)

// visit is one request: who asks, for what, in which words and zone. It belongs
// to one goroutine.
type visit struct {
	*Viewer
	request        *http.Request
	grant          access.Grant
	reader         audit.Reader // all that the grant shows
	lang           *Language
	zone           *time.Location
	now            time.Time
	state          url.Values  // what the links of the page carry on
	query          audit.Query // what the page shows, its search taken apart
	actions        map[string]audit.Action
	types          map[string]string
	unknown        []unknownParam // of the URL
	wrong          string         // the parameter with an error that the form shows; links leave it out
	noted          bool           // the read is recorded, if Options.Record is set
	unknownColumns []string
	names          map[string]string // names of users from Options.Users, by Actor.User
	changes        map[string]int    // number of changes of an entry that is shown in part, by its ID
}

// stateOnly are parameters of the list that aren't part of its filter.
var stateOnly = []string{"range", "sort", "per", "limit", "cursor", "tz", "lang", "theme", "mode"}

// looks are the parameters that say how the list looks, not what is in it.
var looks = []string{"sort", "per", "limit", "tz", "lang", "theme", "columns", "density", "group"}

// perPage are the choices of rows per page.
var perPage = []int{25, 50, 100, 200}

// newVisit reads the request. Parameters that can't be meant are a
// *audit.QueryError, and then the visit can still show a page that says so.
func (v *Viewer) newVisit(r *http.Request, grant access.Grant) (*visit, error) {
	s := &visit{
		Viewer: v, request: r, grant: grant, lang: v.languageOf(r), zone: v.location, now: time.Now(),
		reader: grant.Reader(v.source()), state: url.Values{},
	}
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return s, &audit.QueryError{Param: "the query string", Reason: "is not percent-encoded as it should be", Err: err}
	}
	values = audit.IgnoreParams(values, v.opts.IgnoreParams...)
	s.dropUnknown(values)
	rememberedZone(r, values)
	zone, err := audit.ParseZone(values, s.zone)
	if err != nil {
		return s, err
	}
	if s.zone = zone; values.Get("tz") != "" {
		s.state.Set("tz", values.Get("tz"))
	}
	if err := joinTimes(values); err != nil {
		return s, err
	}
	if s.query, err = audit.ParseQueryIn(values, zone); err != nil {
		return s, err
	}
	s.query.MaxBytes = s.opts.MaxPageBytes
	s.carry(values)
	s.display(values)
	s.query.Filter, err = search.Expand(s.query.Filter, v.trail.Catalogue(), s.zone)
	return s, err
}

// carry notes what links keep, in one spelling however it was written.
func (s *visit) carry(values url.Values) {
	preset := values.Get("range")
	filter := s.query.Filter
	if preset != "" && preset != "custom" {
		filter.From, filter.To = time.Time{}, time.Time{}
	}
	for name, list := range filter.Values() {
		s.state[name] = list
	}
	for _, name := range stateOnly {
		if value := values.Get(name); value != "" && name != "tz" {
			s.state.Set(name, value)
		}
	}
	switch {
	case preset == "all":
		s.state.Del("range")
	case preset == "" && (s.state.Has("from") || s.state.Has("to")):
		s.state.Set("range", "custom")
	case preset == "custom" && !s.state.Has("from") && !s.state.Has("to"):
		// The choice of custom alone is kept, so that the dates can be filled in.
	}
	if s.state.Get("sort") == string(audit.Newest) {
		s.state.Del("sort")
	}
}

// with returns the state's query string with some parameters set, or removed
// where the value is "". Changing what is listed leaves the page that was open.
func (s *visit) with(pairs ...string) string {
	v := s.copyState()
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			v.Del(pairs[i])
		} else {
			v.Set(pairs[i], pairs[i+1])
		}
	}
	return query(v)
}

// list is with, on the first page.
func (s *visit) list(pairs ...string) string { return s.with(append(pairs, "cursor", "")...) }

func (s *visit) copyState() url.Values {
	v := make(url.Values, len(s.state)+2)
	for name, list := range s.state {
		v[name] = slices.Clone(list)
	}
	return v
}

// without is the first page with one value of a parameter removed.
func (s *visit) without(name, value string) string {
	v := s.copyState()
	v.Del("cursor")
	v[name] = slices.DeleteFunc(v[name], func(have string) bool { return have == value })
	if len(v[name]) == 0 {
		v.Del(name)
	}
	if (name == "from" || name == "to") && !v.Has("from") && !v.Has("to") {
		v.Del("range")
	}
	return query(v)
}

// adding is the first page with one more value of a parameter.
func (s *visit) adding(name, value string) string {
	v := s.copyState()
	v.Del("cursor")
	if !slices.Contains(v[name], value) {
		v.Add(name, value)
	}
	return query(v)
}

// page is the query string of another page. A range that moves with the clock
// is fixed to what this page shows: the cursor belongs to it.
func (s *visit) page(cursor string) string {
	pairs := []string{"cursor", cursor}
	if p := s.state.Get("range"); p != "" && p != "custom" {
		pairs = append(pairs, "range", "custom",
			"from", s.query.From.UTC().Format(time.RFC3339Nano), "to", s.query.To.UTC().Format(time.RFC3339Nano))
	}
	return s.with(pairs...)
}

// query always begins with "?", so that it replaces the whole query of the
// page it stands in.
func query(v url.Values) string { return "?" + v.Encode() }

// param writes a value as ParseFilter reads it.
func param(value string) string {
	if value == "" || value[0] == '"' {
		return strconv.Quote(value)
	}
	return value
}

// asksJSON reports whether the answer is data instead of a page.
func asksJSON(r *http.Request) bool {
	if f := r.URL.Query().Get("format"); f != "" {
		return f == "json"
	}
	for _, part := range strings.Split(r.Header.Get("Accept"), ",") {
		switch kind, _, _ := strings.Cut(strings.TrimSpace(part), ";"); kind {
		case "text/html", "application/xhtml+xml":
			return false
		case "application/json", "application/problem+json":
			return true
		}
	}
	return false
}
