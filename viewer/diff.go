package viewer

import (
	"html/template"
	"strings"
	"unicode/utf8"

	"github.com/gormtrail/audit"
)

const (
	diffBudget = 90 << 10 // bytes of values on a page; what is longer is a download
	longText   = 240      // runes that are shown unfolded
	foldedText = 64 << 10 // bytes that a fold holds
	maxLines   = 600      // of a diff
)

// diff writes values side by side, or one under the other.
type diff struct {
	*visit
	object  string
	unified bool
	all     bool // "then" and "now" instead of "before" and "after"
	left    int  // bytes of values that may still be written
	more    string
	cut     bool
}

func (d *diff) lines(list []step) template.HTML {
	m := make(markup, 0, 256*len(list))
	for i, s := range list {
		if i == maxLines {
			d.cut = true
			break
		}
		d.line(&m, s)
	}
	return m.html()
}

func (d *diff) line(m *markup, s step) {
	m.tag(`<tr><th scope="row"><span class="fld">`)
	d.field(m, s.field)
	m.tag(`</span>`)
	switch {
	case d.all:
	case s.op == audit.OpAdd:
		d.how(m, "added")
	case s.op == audit.OpRemove:
		d.how(m, "removed")
	}
	m.tag(`</th>`)
	if d.unified {
		d.unifiedCell(m, s)
	} else {
		d.cell(m, s, true)
		d.cell(m, s, false)
	}
	m.tag("</tr>\n")
}

func (d *diff) how(m *markup, word string) {
	m.tag(`<span class="how">`)
	m.text(d.lang.text(word))
	m.tag(`</span>`)
}

// field writes a path so that its last step stands out and lines can break
// between its steps.
func (d *diff) field(m *markup, path string) {
	if label := d.label(d.object, path); label != path {
		m.tag(`<b>`)
		m.text(label)
		m.tag(`</b>`)
		return
	}
	i := strings.LastIndexByte(path, '.') + 1
	if i > 0 && i < len(path) {
		m.tag(`<span>`)
		for _, part := range strings.SplitAfter(path[:i], ".") {
			m.text(part)
			m.tag(`<wbr>`)
		}
		m.tag(`</span>`)
		path = path[i:]
	}
	m.tag(`<b>`)
	m.text(path)
	m.tag(`</b>`)
}

func (d *diff) cell(m *markup, s step, old bool) {
	side, v, other := "After", s.new, s.old
	if d.all {
		side = "Now"
	}
	if old {
		side, v, other = "Before", s.old, s.new
		if d.all {
			side = "Then"
		}
		m.tag(`<td class="old" data-side="`)
	} else {
		m.tag(`<td class="new" data-side="`)
	}
	m.attr(d.lang.text(side))
	m.tag(`">`)
	d.value(m, v, other, s.same)
	m.tag(`</td>`)
}

func (d *diff) unifiedCell(m *markup, s step) {
	m.tag(`<td class="uni">`)
	if s.op != audit.OpAdd {
		m.tag(`<del class="old"><span class="sign" aria-hidden="true">−</span>`)
		d.value(m, s.old, s.new, false)
		m.tag(`</del>`)
	}
	if s.op != audit.OpRemove {
		m.tag(`<ins class="new"><span class="sign" aria-hidden="true">+</span>`)
		d.value(m, s.new, s.old, false)
		m.tag(`</ins>`)
	}
	m.tag(`</td>`)
}

// value writes one value; other is the one beside it, whose difference is
// marked.
func (d *diff) value(m *markup, v, other value, same bool) {
	switch v.kind {
	case kindMasked:
		m.tag(`<span class="tok tok-mask">`)
		m.icon("lock")
		m.text(d.lang.text("masked"))
		m.tag(`</span>`)
	case kindBinary:
		m.tag(`<span class="tok tok-bin">`)
		m.icon("bin")
		m.text(d.lang.binaryText(v))
		m.tag(`</span>`)
	case kindHashed:
		m.tag(`<span class="tok tok-mask" title="`)
		m.plainAttr(v.text)
		m.tag(`">`)
		m.icon("lock")
		m.text(d.lang.chipText(v))
		m.tag(`</span>`)
	case kindTruncated:
		if v.text != "" {
			d.text(m, v, other, same)
			m.tag(` `)
		}
		m.tag(`<span class="tok tok-mask">`)
		m.text(d.lang.chipText(value{kind: kindTruncated, size: v.size}))
		m.tag(`</span>`)
	case kindText, kindNumber, kindBool, kindTree:
		d.text(m, v, other, same)
	default:
		m.tag(`<span class="tok">`)
		m.text(d.lang.text(v.token()))
		m.tag(`</span>`)
	}
}

func (d *diff) text(m *markup, v, other value, same bool) {
	from, to := 0, len(v.text)
	if other.kind >= kindText && other.kind <= kindBool && v.kind <= kindBool {
		from, to, _ = changedPart(v.text, other.text)
	}
	if same {
		from, to = 0, 0
	}
	m.tag(`<bdi class="v`)
	if v.kind != kindText && v.kind != kindTruncated {
		m.tag(` mono`)
	}
	m.tag(`">`)
	short, long := clipRunes(v.text, longText)
	switch {
	case !long && len(v.text) <= d.left:
		d.left -= len(v.text)
		marked(m, v.text, from, to)
	case len(v.text) > foldedText || len(v.text)+len(short) > d.left:
		d.clipped(m, short, v.text)
	default:
		d.left -= len(v.text) + len(short)
		m.tag(`<details class="longval"><summary><span class="clip">`)
		m.text(short)
		m.tag(`…</span><span class="cue">`)
		m.text(d.lang.count("Show all %s characters", utf8.RuneCountInString(v.text), false))
		m.tag(`</span></summary><div class="full">`)
		marked(m, v.text, from, to)
		m.tag(`</div></details>`)
	}
	m.tag(`</bdi>`)
}

// clipped is a value that is too long for the page: its beginning, and where
// the whole is.
func (d *diff) clipped(m *markup, short, whole string) {
	if len(short) > d.left {
		short, _ = clipRunes(short, 24)
	}
	d.left -= min(d.left, len(short))
	m.text(short)
	m.tag(`… <a class="cue" href="`)
	m.attr(d.more)
	m.tag(`">`)
	m.text(d.lang.text("Full value, %s", d.lang.bytes(int64(len(whole)))))
	m.tag(`</a>`)
}

// marked writes a text with the part from..to marked.
func marked(m *markup, s string, from, to int) {
	if from >= to {
		m.text(s)
		return
	}
	m.text(s[:from])
	m.tag(`<mark>`)
	m.text(s[from:to])
	m.tag(`</mark>`)
	m.text(s[to:])
}
