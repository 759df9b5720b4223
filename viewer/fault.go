package viewer

import (
	"context"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gormtrail/audit"
)

// fault is an error in the filter, shown in the form beside the control that has it.
type fault struct {
	Param   string
	Label   string // what the page calls the parameter
	Text    string // in the reader's language, if it is translated
	English bool   // Text is in English, since it has no translation
}

// onList reports whether a request only shows the list.
func (s *visit) onList() bool {
	asked := s.request.URL.Query()
	other := func(name string) bool { return asked.Get(name) != "" }
	return s.reader != nil && showsPage(s.request) && !slices.ContainsFunc([]string{"entry", "chart", "facet", "jobs", "legend", "help"}, other)
}

// serveFault serves the list with the form as it was entered, the fault beside its control,
// and no entries. It returns false if the page can't be rendered.
func (s *visit) serveFault(ctx context.Context, w http.ResponseWriter, bad *audit.QueryError) bool {
	if !s.noted {
		if err := s.note(ctx, "view", ""); err != nil {
			s.fail(w, err)
			return true
		}
	}
	s.entered(bad.Param)
	users := s.askUsers(ctx, "")
	facets, err := s.menuFacets(ctx)
	if err != nil { // without choices, readers type values
		s.trail.Logger().WarnContext(ctx, "audit viewer: filter choices", "error", err)
		facets = nil
	}
	p := listPage{page: page{visit: s, Title: s.name(), Status: http.StatusBadRequest}}
	p.Fault = s.faultOf(bad)
	p.Menus, p.Chips, p.Carried = s.menus(facets, users()), s.chips(), s.carried()
	if s.mayFollow() {
		p.Live = s.assets["live.js"].url()
	}
	if err := s.render(w, "list", p.Status, p); err != nil {
		s.trail.Logger().ErrorContext(ctx, "audit viewer", "error", err)
		return false
	}
	return true
}

// entered sets the state to the parameters of the URL, valid or not, so that the form shows
// them again. It leaves out a wrong parameter that has no control in the form.
func (s *visit) entered(wrong string) {
	s.wrong = wrong
	values, _ := url.ParseQuery(s.request.URL.RawQuery) // the valid part of a malformed query
	s.state, s.query = url.Values{}, audit.Query{}
	for _, n := range chipNames {
		list := slices.DeleteFunc(slices.Clone(values[n.Name]), func(v string) bool { return strings.TrimSpace(v) == "" })
		if len(list) > 0 {
			s.state[n.Name] = list
		}
	}
	for _, name := range []string{"sort", "per", "limit", "tz", "lang", "theme", "mode"} {
		if value := values.Get(name); value != "" && (name != wrong || name == "tz") {
			s.state.Set(name, value)
		}
	}
	s.display(values)
	for _, name := range []string{"from", "to"} {
		s.enteredTime(name, values)
	}
	if wrong == "from" || wrong == "to" || s.state.Get("range") == "" && (s.state.Has("from") || s.state.Has("to")) {
		s.state.Set("range", "custom")
	}
}

// enteredTime sets one end of the period.
func (s *visit) enteredTime(name string, values url.Values) {
	if at := values.Get(name + "_time"); at != "" {
		s.state.Set(name, s.state.Get(name)+"T"+at)
	}
	q, err := audit.ParseQueryIn(url.Values{name: s.state[name]}, s.zone)
	if err != nil {
		return // the controls show it as it is
	}
	if name == "from" {
		s.query.From = q.From
	} else {
		s.query.To = q.To
	}
}

// faultOf returns the fault for an error, in the reader's language.
func (s *visit) faultOf(bad *audit.QueryError) *fault {
	f := &fault{Param: bad.Param, Label: s.paramName(bad.Param)}
	if name, ok := lookNames[bad.Param]; ok {
		f.Label = s.lang.text(name)
	}
	for _, r := range reasons {
		if args, ok := r.read(bad.Reason); ok {
			f.Text = s.lang.text(r.text, args...)
			return f
		}
	}
	f.Text, f.English = bad.Reason, s.lang.Tag != "en"
	return f
}

// lookNames are the labels of parameters that aren't filters.
var lookNames = map[string]string{"sort": "Order", "per": "Rows per page", "limit": "Rows per page", "tz": "Time zone", "query string": "Address", "the query string": "Address"}

// FaultAt returns the fault of a control with one of these parameters, or nil.
func (p listPage) FaultAt(params ...string) *fault {
	if p.Fault == nil || !slices.Contains(params, p.Fault.Param) {
		return nil
	}
	return p.Fault
}

// Invalid returns the attributes of a control with one of these parameters: none without a fault.
func (p listPage) Invalid(params ...string) template.HTMLAttr {
	if p.FaultAt(params...) == nil {
		return ""
	}
	return `aria-invalid="true" aria-describedby="fault"`
}
