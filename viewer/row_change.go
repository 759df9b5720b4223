package viewer

import (
	"cmp"
	"strings"

	"github.com/gormtrail/audit"
)

// What a row says of an entry's changes.

const (
	inRow       = 3        // changes that a row shows
	inRowFolded = 12       // and that it unfolds
	foldBudget  = 16 << 10 // bytes of unfolded changes on a page; rows beyond it link to the entry
)

// summary is the first changes, and the rest of them folded.
func (r *rows) summary(m *markup, e *audit.Entry) {
	r.damage(m, e)
	changes := r.trail.Catalogue().Telling(*e)
	if len(changes) == 0 {
		m.tag(`<span class="none">`)
		text, _ := clipRunes(cmp.Or(e.Error, e.Comment, r.lang.text("No field changes")), 90)
		m.text(text)
		m.tag(`</span>`)
		return
	}
	if r.trail.Catalogue().Automatic(e.Object.Type, changes[0].Field) {
		m.tag(`<span class="none">`)
		m.text(r.lang.text("Only automatic fields"))
		m.tag(`</span>`)
	}
	for _, c := range changes[:min(inRow, len(changes))] {
		r.change(m, e, c)
	}
	if more := r.changeCount(e) - inRow; more > 0 {
		r.rest(m, e, changes[min(inRow, len(changes)):], more)
	}
}

// rest folds the changes that the row doesn't show: one element, whose lines are the
// changes. What is too long for the page is a link to the entry.
func (r *rows) rest(m *markup, e *audit.Entry, changes []audit.Change, more int) {
	var lines markup
	for _, c := range changes[:min(inRowFolded, len(changes))] {
		r.line(&lines, e, c)
		lines.tag("\n")
	}
	if beyond := more - inRowFolded; beyond > 0 {
		lines.text(r.lang.count("%s more fields", beyond, false))
	}
	label := r.lang.count("%s more fields", more, false)
	if len(changes) == 0 || len(lines) > r.left {
		m.tag(`<a class="more" href="`)
		m.attr(r.open + e.ID)
		m.tag(`">`)
		m.text(label)
		m.tag(`</a>`)
		return
	}
	r.left -= len(lines)
	m.tag(`<details class="rest"><summary class="more">`)
	m.text(label)
	m.tag(`</summary>`)
	*m = append(*m, lines...)
	m.tag(`</details>`)
}

// line writes a change without elements: directional isolates keep the direction of each
// text from affecting the others.
func (r *rows) line(m *markup, e *audit.Entry, c audit.Change) {
	s := plainStep(c, cmp.Or(c.Op, audit.OpReplace))
	before, _ := r.short(s.old)
	after, _ := r.short(s.new)
	m.isolated(r.label(e.Object.Type, c.Field))
	m.tag(": ")
	if s.op != audit.OpAdd {
		m.isolated(before)
	}
	switch {
	case s.op == audit.OpReplace:
		m.tag(r.lang.arrow())
		m.isolated(after)
	case s.op == audit.OpAdd:
		m.isolated(after)
	case e.Action != audit.ActionDestroy:
		m.tag(r.lang.arrow())
		m.isolated(r.lang.text("removed"))
	}
}

// isolated writes recorded text on one line, inside a directional isolate.
func (m *markup) isolated(s string) {
	m.tag("\u2068") // first strong isolate (UAX #9, section 2.4.2)
	m.text(newlines.Replace(s))
	m.tag("\u2069")
}

var newlines = strings.NewReplacer("\r\n", " ", "\n", " ", "\r", " ")

// change is one change, which the style sheet gives a line of its own: the field, and its value before and after. Of a row
// that was deleted, each value is the last one.
func (r *rows) change(m *markup, e *audit.Entry, c audit.Change) {
	s := plainStep(c, cmp.Or(c.Op, audit.OpReplace))
	m.tag(`<code>`)
	m.text(r.label(e.Object.Type, c.Field))
	m.tag(`</code>: `)
	if s.op != audit.OpAdd {
		m.tag(`<del dir="auto"`)
		r.inline(m, s.old)
		m.tag(`</del>`)
	}
	if s.op == audit.OpReplace || s.op == audit.OpRemove && e.Action != audit.ActionDestroy {
		m.tag(r.lang.arrow())
	}
	switch {
	case s.op != audit.OpRemove:
		m.tag(`<ins dir="auto"`)
		r.inline(m, s.new)
		m.tag(`</ins>`)
	case e.Action != audit.ActionDestroy:
		m.tag(`<ins dir="auto" class="nil">`)
		m.text(r.lang.text("removed"))
		m.tag(`</ins>`)
	}
}

// inline ends an opening tag with the value's class, and writes the value.
func (r *rows) inline(m *markup, v value) {
	text, class := r.short(v)
	if class != "" {
		m.tag(` class="`)
		m.tag(class)
		m.tag(`"`)
	}
	m.tag(`>`)
	m.text(text)
}

func (v *Viewer) label(objectType, field string) string {
	if v.opts.Label != nil {
		if l := v.opts.Label(objectType, field); l != "" {
			return l
		}
	}
	return field
}

// short is a value in a line of the table, and its class: "chip" for what stands for a
// value that isn't shown, "nil" for what has no text.
func (r *rows) short(v value) (text string, class constant) {
	switch v.kind {
	case kindBinary:
		return r.lang.binaryText(v), ""
	case kindText, kindNumber, kindBool, kindTree:
		text, cut := clipRunes(v.text, 64)
		if cut {
			text += "…"
		}
		return text, ""
	case kindHashed, kindTruncated:
		return r.lang.chipText(v), "chip"
	case kindMasked, kindErased:
		return r.lang.text(v.token()), "chip"
	}
	return r.lang.text(v.token()), "nil"
}

// chipText is what stands for a hashed or a truncated value.
func (l *Language) chipText(v value) string {
	if v.kind == kindHashed {
		return l.text("hashed") + " " + v.short()
	}
	text, _ := clipRunes(v.text, 24)
	if text != "" {
		text += "… "
	}
	text += l.text("truncated")
	if v.size > 0 {
		text += ", " + l.bytes(v.size)
	}
	return text
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
	m.tag(`<span class="chip">`)
	m.text(l.text("masked"))
	m.tag(`</span>`)
}
