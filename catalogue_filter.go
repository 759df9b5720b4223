package audit

import "slices"

// commonCatalogue describes actions for filters that are used without a Trail.
var commonCatalogue = NewCatalogue(nil, nil)

// Resolve returns f with Severities and WithoutReads replaced by the Actions that they
// stand for in c; nil is the common catalogue. An action that c doesn't have is Info and
// doesn't only read. A Trail resolves filters by its own catalogue before it hands them to
// its store. Resolving twice changes nothing.
func (c *Catalogue) Resolve(f Filter) Filter {
	if c == nil {
		c = commonCatalogue
	}
	f.Not, f.and = c.resolveEach(f.Not), c.resolveEach(f.and)
	if !f.catalogued() {
		return f
	}
	severities, withoutReads := f.Severities, f.WithoutReads
	f.Severities, f.WithoutReads = nil, false
	if len(severities) > 0 {
		selected := func(a Action) bool { return slices.Contains(severities, a.Severity) }
		if slices.Contains(severities, Info) { // actions without a description are Info too
			f = f.withoutActions(c.names(func(a Action) bool { return !selected(a) }))
		} else {
			f = f.withActions(c.names(selected))
		}
	}
	if withoutReads {
		f = f.withoutActions(c.names(func(a Action) bool { return a.Read }))
	}
	return f
}

func (c *Catalogue) resolveEach(list []Filter) []Filter {
	if !slices.ContainsFunc(list, func(f Filter) bool { return f.catalogued() || len(f.Not)+len(f.and) > 0 }) {
		return list
	}
	list = slices.Clone(list)
	for i := range list {
		list[i] = c.Resolve(list[i])
	}
	return list
}

// catalogued reports whether f itself has conditions that need a catalogue.
func (f Filter) catalogued() bool { return len(f.Severities) > 0 || f.WithoutReads }

// matchCatalogued matches an action by the common catalogue.
func (f Filter) matchCatalogued(action string) bool {
	if !f.catalogued() {
		return true
	}
	a := commonCatalogue.Action(action)
	return (len(f.Severities) == 0 || slices.Contains(f.Severities, a.Severity)) && (!f.WithoutReads || !a.Read)
}

// names returns the names of the actions for which is returns true.
func (c *Catalogue) names(is func(Action) bool) (list []string) {
	seen := make(map[string]bool, len(c.actions))
	for _, a := range c.actions { // the first one with a name counts, as for Action
		if !seen[a.Name] && is(a.complete()) {
			list = append(list, a.Name)
		}
		seen[a.Name] = true
	}
	return list
}

// withActions returns f restricted to these actions, in lists of at most MaxFilterValues.
func (f Filter) withActions(names []string) Filter {
	if len(f.Actions) > 0 {
		names = slices.DeleteFunc(slices.Clone(f.Actions), func(n string) bool { return !slices.Contains(names, n) })
	}
	switch {
	case len(names) == 0:
		f.Not = append(slices.Clip(f.Not), Filter{}) // selects nothing
	case len(names) <= MaxFilterValues:
		f.Actions = names
	default:
		f.Not = append(slices.Clip(f.Not), Filter{Not: chunks(names)})
	}
	return f
}

// withoutActions returns f without these actions.
func (f Filter) withoutActions(names []string) Filter {
	if len(names) > 0 {
		f.Not = append(slices.Clip(f.Not), chunks(names)...)
	}
	return f
}

func chunks(names []string) (list []Filter) {
	for part := range slices.Chunk(names, MaxFilterValues) {
		list = append(list, Filter{Actions: part})
	}
	return list
}
