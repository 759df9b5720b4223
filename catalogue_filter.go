package audit

import "slices"

// commonCatalogue says what actions are where a filter is used without a Trail.
var commonCatalogue = NewCatalogue(nil, nil)

// Resolve returns f with what it says by Severities and WithoutReads said by Actions
// instead, as c knows them; the common catalogue if c is nil. An action that c doesn't
// know is Info and no read. A Trail resolves the filters that it hands to its store by
// its own catalogue. Resolving again changes nothing.
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
		if slices.Contains(severities, Info) { // actions that nobody described are among them
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

// catalogued reports whether f itself asks for what only a catalogue knows.
func (f Filter) catalogued() bool { return len(f.Severities) > 0 || f.WithoutReads }

// matchCatalogued is what the common catalogue says of an action.
func (f Filter) matchCatalogued(action string) bool {
	if !f.catalogued() {
		return true
	}
	a := commonCatalogue.Action(action)
	return (len(f.Severities) == 0 || slices.Contains(f.Severities, a.Severity)) && (!f.WithoutReads || !a.Read)
}

// names are the actions of which is holds.
func (c *Catalogue) names(is func(Action) bool) (list []string) {
	seen := make(map[string]bool, len(c.actions))
	for _, a := range c.actions { // the first of a name counts, as for Action
		if !seen[a.Name] && is(a.complete()) {
			list = append(list, a.Name)
		}
		seen[a.Name] = true
	}
	return list
}

// withActions returns f for these actions alone, in lists of at most MaxFilterValues.
func (f Filter) withActions(names []string) Filter {
	if len(f.Actions) > 0 {
		names = slices.DeleteFunc(slices.Clone(f.Actions), func(n string) bool { return !slices.Contains(names, n) })
	}
	switch {
	case len(names) == 0:
		f.Not = append(slices.Clip(f.Not), Filter{}) // nothing is selected
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
