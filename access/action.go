package access

import (
	"slices"

	"github.com/gormtrail/audit"
)

// ShowsAction reports whether g's scope can select entries of the action, so that a list of
// actions can leave out the others. c has the severities of actions and says which of them
// only read; nil is the common catalogue. ShowsAction looks at the scope, not at entries,
// and returns true in doubt.
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
