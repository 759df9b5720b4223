package viewer

import "github.com/gormtrail/audit"

// known is what the catalogue says of an action, in the reader's language.
func (s *visit) known(action string) audit.Action {
	a, ok := s.actions[action]
	if ok {
		return a
	}
	a = s.trail.Catalogue().Action(action)
	for _, text := range []*string{&a.Label, &a.Explanation, &a.Noun, &a.Verb} {
		*text = s.lang.text(*text)
	}
	if s.actions == nil || len(s.actions) == maxKnown {
		s.actions = map[string]audit.Action{}
	}
	s.actions[action] = a
	return a
}

// did is what people call the entry's action, with its outcome.
func (s *visit) did(e *audit.Entry) string {
	format, words := s.known(e.Action).LabelOf(e.Outcome)
	return s.lang.text(format, words)
}

// lookOf is the class and the symbol of an action.
func lookOf(e *audit.Entry, a audit.Action) constant {
	if e.Outcome == audit.Failure || e.Outcome == audit.Denied || e.Damaged != "" {
		return "warn"
	}
	switch e.Action {
	case audit.ActionCreate, audit.ActionRestore:
		return "create"
	case audit.ActionUpdate:
		return "update"
	case audit.ActionDestroy:
		return "delete"
	}
	switch {
	case a.Severity == audit.Warning || a.Severity == audit.Alarm:
		return "warn"
	case a.Group == "sessions" || a.Group == "access":
		return "auth"
	case a.Name == "view" || a.Name == "export":
		return "read"
	}
	return "other"
}

// action writes the coloured pill: the catalogue's label and the outcome, as
// exports have them, and on hover the recorded name, which filters and rules go by.
func (s *visit) action(m *markup, e *audit.Entry) {
	label := s.did(e)
	look := lookOf(e, s.known(e.Action))
	m.tag(`<span class="act act-`)
	m.tag(look)
	if label != e.Action {
		m.tag(`" title="`)
		m.plainAttr(e.Action)
	}
	m.tag(`">`)
	m.icon(look)
	m.tag(`<bdi>`)
	m.text(label)
	m.tag(`</bdi></span>`)
}

// damage writes that the entry is damaged, and on hover how.
func (s *visit) damage(m *markup, e *audit.Entry) {
	if e.Damaged == "" {
		return
	}
	m.tag(`<span class="out" title="`)
	m.plainAttr(e.Damaged)
	m.tag(`">`)
	m.text(s.lang.text("damaged"))
	m.tag(`</span> `)
}
