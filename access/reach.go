package access

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gormtrail/audit"
)

// Reach is how much a Grant shows, in a form that can be stored as JSON and compared
// later. A file that was made under one grant is handed out only under a grant that
// shows at least as much.
type Reach struct {
	// Conditions are the terms of the scope, as query strings. An entry in the scope
	// meets all of them.
	Conditions []string `json:"conditions"`
	Personal   bool     `json:"personal,omitempty"`
	Hidden     []string `json:"hidden,omitempty"`
}

// Reach returns how much g shows.
func (g Grant) Reach() Reach {
	return Reach{Conditions: conditions(g.ownScope()), Personal: g.Personal, Hidden: slices.Clone(g.Hidden)}
}

// conditions writes the terms of a filter as query strings. Unlike Filter.Values it
// keeps what And added.
func conditions(f audit.Filter) []string {
	var list []string
	for _, term := range f.Terms() {
		values := term.Values()
		delete(values, notParam)
		for _, n := range term.Not {
			inner := conditions(n)
			slices.Sort(inner)
			values.Add(notParam, strings.Join(inner, "\n"))
		}
		if len(values) > 0 {
			list = append(list, values.Encode())
		}
	}
	return list
}

const notParam = "not"

// Within reports whether g shows everything that r shows: the scope, personal data,
// and the values of all fields that weren't hidden. It compares conditions, not
// entries: if in doubt, the answer is false. age is how long ago r was taken: the
// beginning of a scope such as "the last 30 days" may have moved by so much.
func (r Reach) Within(g Grant, age time.Duration) bool {
	if r.Personal && !g.Personal || slices.ContainsFunc(g.Hidden, func(field string) bool { return !slices.Contains(r.Hidden, field) }) {
		return false
	}
	return r.within(g, age, nil)
}

// TenantsWithin reports whether g shows all tenants that r shows. A reader of other
// tenants must not even learn that r exists.
func (r Reach) TenantsWithin(g Grant) bool { return r.within(g, 0, []string{"tenant"}) }

// within reports whether r's conditions imply those of g; only those on some
// parameters, unless params is nil.
func (r Reach) within(g Grant, age time.Duration, params []string) bool {
	if g.Validate() != nil {
		return false
	}
	var have []url.Values
	for _, c := range r.Conditions {
		values, err := url.ParseQuery(c)
		if err != nil {
			return false
		}
		have = append(have, values)
	}
	for _, c := range g.Reach().Conditions {
		values, err := url.ParseQuery(c)
		if err != nil {
			return false
		}
		for param, allowed := range values {
			if (params == nil || slices.Contains(params, param)) && !implied(have, param, allowed, age) {
				return false
			}
		}
	}
	return true
}

// implied reports whether one of the terms says at least what a condition says.
func implied(have []url.Values, param string, allowed []string, age time.Duration) bool {
	switch param {
	case notParam: // each exclusion is a condition of its own
		return !slices.ContainsFunc(allowed, func(n string) bool {
			return !slices.ContainsFunc(have, func(term url.Values) bool { return slices.Contains(term[notParam], n) })
		})
	case "from":
		bound := timeOf(allowed[0]).Add(-age)
		return slices.ContainsFunc(have, func(term url.Values) bool { return term.Has(param) && !timeOf(term.Get(param)).Before(bound) })
	case "to":
		bound := timeOf(allowed[0])
		return slices.ContainsFunc(have, func(term url.Values) bool { return term.Has(param) && !timeOf(term.Get(param)).After(bound) })
	}
	return slices.ContainsFunc(have, func(term url.Values) bool {
		return term.Has(param) && !slices.ContainsFunc(term[param], func(v string) bool { return !slices.Contains(allowed, v) })
	})
}

// timeOf reads a time that Filter.Values wrote.
func timeOf(s string) time.Time {
	t, _ := time.Parse(time.RFC3339Nano, s)
	return t
}
