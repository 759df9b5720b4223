package access

import (
	"slices"

	"github.com/gormtrail/audit"
)

// ShowsAction reports whether entries of the action can be in g's scope at all, so that
// a list of actions holds none that the reader isn't to know of. c says what severity
// actions have, and which of them read; nil is the common catalogue. It looks at the
// scope, not at entries: true if in doubt.
func (g Grant) ShowsAction(c *audit.Catalogue, action string) bool {
	return g.Validate() == nil && canSelect(c.Resolve(g.ownScope()), action)
}

// canSelect reports whether f may select an entry of the action.
func canSelect(f audit.Filter, action string) bool {
	for _, term := range f.Terms() {
		if len(term.Actions) > 0 && !slices.Contains(term.Actions, action) {
			return false
		}
		if slices.ContainsFunc(term.Not, func(n audit.Filter) bool { return selectsAll(n, action) }) {
			return false
		}
	}
	return true
}

// selectsAll reports whether f surely selects every entry of the action.
func selectsAll(f audit.Filter, action string) bool {
	for _, term := range f.Terms() {
		if len(term.Actions) > 0 && !slices.Contains(term.Actions, action) {
			return false
		}
		if slices.ContainsFunc(term.Not, func(n audit.Filter) bool { return canSelect(n, action) }) {
			return false
		}
		term.Actions, term.Not = nil, nil
		if len(term.Values()) > 0 {
			return false
		}
	}
	return true
}
