package viewer

import (
	"cmp"

	"github.com/gormtrail/audit"
)

// What a row says of an entry's changes.

// summary is the first change, and how many there are.
func (r *rows) summary(m *markup, e *audit.Entry) {
	if len(e.Changes) == 0 {
		r.damage(m, e)
		m.tag(`<span class="none">`)
		text, _ := clipRunes(cmp.Or(e.Error, e.Comment, r.lang.text("No field changes")), 90)
		m.text(text)
		m.tag(`</span>`)
		return
	}
	m.tag(`<span class="sum">`)
	r.damage(m, e)
	r.change(m, e.Object.Type, e.Changes[0])
	if more := r.changeCount(e) - 1; more > 0 {
		m.tag(`<span class="more"><span aria-hidden="true">+`)
		m.int(more)
		m.tag(`</span><span class="vh">`)
		m.text(r.lang.count("%s more fields", more, false))
		m.tag(`</span></span>`)
	}
	m.tag(`</span>`)
}

// change is one change in a line: the field, and its value before and after.
func (r *rows) change(m *markup, object string, c audit.Change) {
	s := plainStep(c, cmp.Or(c.Op, audit.OpReplace))
	m.tag(`<span class="chg"><code>`)
	m.text(r.label(object, c.Field))
	m.tag(`</code> `)
	if s.op != audit.OpAdd {
		m.tag(`<del>`)
		r.short(m, s.old)
		m.tag(`</del>`)
	}
	switch s.op {
	case audit.OpReplace:
		m.tag(`<span class="arr" aria-hidden="true">→</span><span class="vh">`)
		m.text(r.lang.text("changed to"))
		m.tag(`</span>`)
	case audit.OpRemove:
		m.tag(` <span class="none">`)
		m.text(r.lang.text("removed"))
		m.tag(`</span>`)
	}
	if s.op != audit.OpRemove {
		m.tag(`<ins>`)
		r.short(m, s.new)
		m.tag(`</ins>`)
	}
	m.tag(`</span>`)
}

func (v *Viewer) label(objectType, field string) string {
	if v.opts.Label != nil {
		if l := v.opts.Label(objectType, field); l != "" {
			return l
		}
	}
	return field
}

// short writes a value in a line of the table.
func (r *rows) short(m *markup, v value) {
	switch v.kind {
	case kindBinary:
		m.text(r.lang.binaryText(v))
	case kindText, kindNumber, kindBool, kindTree:
		text, cut := clipRunes(v.text, 64)
		m.text(text)
		if cut {
			m.tag(`…`)
		}
	case kindMasked:
		m.tag(`<span class="dots" aria-hidden="true">••••••</span><span class="vh">`)
		m.text(r.lang.text("masked"))
		m.tag(`</span>`)
	default:
		m.tag(`<i>`)
		m.text(r.lang.text(v.token()))
		m.tag(`</i>`)
	}
}

// token is the word for a value that has no text.
func (v value) token() string {
	switch v.kind {
	case kindNull:
		return "null"
	case kindEmpty:
		return "empty"
	case kindMasked:
		return "masked"
	case kindErased:
		return "erased"
	case kindUnknown:
		return "not known"
	}
	return "not set"
}

func maskToken(m *markup, l *Language) {
	m.tag(`<span class="tok tok-mask">`)
	m.icon("lock")
	m.text(l.text("masked"))
	m.tag(`</span>`)
}
