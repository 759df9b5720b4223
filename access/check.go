package access

import (
	"slices"

	"github.com/gormtrail/audit"
)

// Check returns a *audit.QueryError for a query that g's Reader refuses: one
// whose answer would tell something about masked values, or one in the order of
// audit.SortRecorded that isn't about a single record.
func (g Grant) Check(q audit.Query) error {
	if err := g.Validate(); err != nil {
		return err
	}
	if q.Sort.Key() == audit.SortRecorded && !ofOneRecord(q.Filter.And(g.Scope)) {
		return &audit.QueryError{Param: "sort", Reason: "recorded is the order of one record's entries, and needs its type and its ID"}
	}
	if g.Personal {
		return nil
	}
	if key := q.Sort.Key(); key == audit.SortUser || key == audit.SortIP {
		return &audit.QueryError{Param: "sort", Reason: "sorting by " + string(key) + " needs access to personal data"}
	}
	return personalIn(q.Filter, false)
}

// ofOneRecord: to sort by SortRecorded reads all that is selected for each page.
func ofOneRecord(f audit.Filter) bool {
	return slices.ContainsFunc(f.Terms(), func(term audit.Filter) bool {
		return len(term.ObjectTypes) == 1 && len(term.ObjectIDs) == 1
	})
}

func personalIn(f audit.Filter, negated bool) error {
	for _, term := range f.Terms() {
		if param := personalParam(term, negated); param != "" {
			return &audit.QueryError{Param: param, Reason: "needs access to personal data"}
		}
		for _, n := range term.Not {
			if err := personalIn(n, true); err != nil {
				return err
			}
		}
	}
	return nil
}

// personalParam names the parameter of a term that asks for personal data. A
// keyword isn't one unless it is negated: its matches are checked once more
// after masking, but what it leaves out can't be.
func personalParam(term audit.Filter, negated bool) string {
	switch {
	case len(term.Users) > 0:
		return "user"
	case len(term.IPs) > 0:
		return "ip"
	case negated && term.Keyword != "":
		return "not"
	}
	return addressParam(term)
}

// addressParam names the parameter that holds an address. Without this check
// addresses could be guessed, for example as the IDs of objects.
func addressParam(f audit.Filter) string {
	f.Keyword, f.Not = "", nil
	for param, values := range f.Values() {
		if param == "from" || param == "to" {
			continue
		}
		if slices.ContainsFunc(values, func(v string) bool { return len(addresses(v)) > 0 }) {
			return param
		}
	}
	return ""
}

// words are the keywords of a filter. A reader without Personal may only find
// what still has them once masked.
func (g Grant) words(f audit.Filter) (words []string) {
	if g.Personal {
		return nil
	}
	for _, term := range f.Terms() {
		if term.Keyword != "" {
			words = append(words, term.Keyword)
		}
	}
	return words
}
