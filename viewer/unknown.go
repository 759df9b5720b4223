package viewer

import (
	"net/http"
	"net/url"
	"slices"

	"github.com/gormtrail/audit"
)

// maxUnknown is how many unknown parameters a page names.
const maxUnknown = 5

// unknownParam is a parameter of the URL that the page ignores.
type unknownParam struct {
	audit.UnknownParam
	values []string
}

// showsPage reports whether a request only shows a page. Other requests reject unknown
// parameters, since data and files have no place for a note.
func showsPage(r *http.Request) bool {
	asked := r.URL.Query()
	jobs := asked.Get("jobs")
	return !asksJSON(r) && asked.Get("export") == "" && asked.Get("live") == "" && asked.Get("views") == "" && (jobs == "" || jobs == "list")
}

// dropUnknown removes the unknown parameters from a page's query and keeps them for the notes.
func (s *visit) dropUnknown(values url.Values) {
	if !showsPage(s.request) {
		return
	}
	for _, p := range audit.UnknownParams(values) {
		if p.Name == "from_time" || p.Name == "to_time" {
			continue // the form's own (joinTimes)
		}
		s.unknown = append(s.unknown, unknownParam{p, values[p.Name]})
		delete(values, p.Name)
	}
}

// unknownNote is the note on one ignored parameter. Href links to the view with the filter
// that was probably meant; "" without one.
type unknownNote struct{ Text, Apply, Href string }

// Unknown returns the notes on ignored parameters.
func (p page) Unknown() []unknownNote {
	var list []unknownNote
	for _, u := range p.unknown[:min(len(p.unknown), maxUnknown)] {
		name, _ := clipRunes(u.Name, 100)
		if u.Nearest == "" {
			list = append(list, unknownNote{Text: p.T("The address has a parameter that this page doesn't know: %s.", name)})
			continue
		}
		n := unknownNote{Text: p.T("The address has a parameter that this page doesn't know: %s. Did you mean %s?", name, u.Nearest)}
		if value := firstValue(u.values); value != "" && p.canFilterBy(u.Nearest) {
			text, _ := clipRunes(u.Nearest+"="+value, 100)
			n.Apply, n.Href = p.T("Apply %s", text), p.meant(u)
		}
		list = append(list, n)
	}
	if more := len(p.unknown) - maxUnknown; more > 0 {
		list = append(list, unknownNote{Text: p.lang.count("%s more unknown parameters", more, false)})
	}
	return list
}

func firstValue(values []string) string {
	if i := slices.IndexFunc(values, func(v string) bool { return v != "" }); i >= 0 {
		return values[i]
	}
	return ""
}

// canFilterBy reports whether a parameter is a filter that this reader can use.
func (s *visit) canFilterBy(name string) bool {
	switch name {
	case "not":
		return false
	case "user", "on_behalf_of", "ip":
		return s.grant.Personal
	}
	return slices.ContainsFunc(chipNames, func(n pair) bool { return n.Name == name })
}

// meant returns the link with the values under the correct parameter.
func (s *visit) meant(u unknownParam) string {
	v := s.copyState()
	v.Del("cursor")
	switch u.Nearest {
	case "q", "from", "to", "range", "transaction", "request", "reads":
		v.Set(u.Nearest, firstValue(u.values))
		return query(v)
	}
	for _, value := range u.values {
		if value != "" && !slices.Contains(v[u.Nearest], value) {
			v.Add(u.Nearest, value)
		}
	}
	return query(v)
}
