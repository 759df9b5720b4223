package audit

import (
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/gormtrail/audit/internal/words"
)

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
