package access

import (
	"net/url"
	"slices"
	"strings"

	"github.com/gormtrail/audit"
)

// mask takes out of entries what a reader may not see.
type mask struct {
	personal bool     // email and IP addresses may be seen
	hidden   []string // paths whose values may not, without places in lists
	as       string   // what addresses become
}

func newMask(personal bool, hidden []string, as string) mask {
	m := mask{personal: personal, as: as}
	for _, path := range hidden {
		if path = withoutPlaces(path); path != "" {
			m.hidden = append(m.hidden, path)
		}
	}
	return m
}

// unsearchable replaces addresses where keywords are looked for. No keyword holds
// it, since cleantext.Text takes it out of filters; audit.Mask would be found by
// its own letters.
const unsearchable = "\x00"

// finds reports whether an entry has all the words in what its reader sees.
func (m mask) finds(e audit.Entry, words []audit.Filter) bool {
	if len(words) == 0 {
		return true
	}
	m.as = unsearchable
	own := m.ownAddresses(e)
	m.texts(&e, own)
	changes := make([]audit.Change, len(e.Changes)) // their values aren't searched
	for i, c := range e.Changes {
		changes[i].Field = m.text(c.Field, own)
	}
	e.Changes = changes
	if len(words[0].Search().Metadata) == 0 {
		e.Metadata = nil
	} else if e.Metadata != nil {
		m.as = absent(words) // texts with NUL aren't searched there
		e.Metadata, _ = m.value("", e.Metadata, own).(map[string]any)
	}
	return !slices.ContainsFunc(words, func(w audit.Filter) bool { return !w.Match(e) })
}

// absent returns a letter that no keyword holds.
func absent(words []audit.Filter) string {
	letter := '\ue000'
	for slices.ContainsFunc(words, func(w audit.Filter) bool { return strings.ContainsRune(w.Keyword, letter) }) {
		letter++
	}
	return string(letter)
}

// entry returns a masked copy. The original may be a store's.
func (m mask) entry(e audit.Entry) audit.Entry {
	if m.personal && len(m.hidden) == 0 {
		return e
	}
	own := m.ownAddresses(e)
	e.Changes = slices.Clone(e.Changes)
	for i, c := range e.Changes {
		e.Changes[i] = m.change(c, own)
	}
	if e.Metadata != nil {
		e.Metadata, _ = m.value("", e.Metadata, own).(map[string]any)
	}
	if !m.personal {
		m.texts(&e, own)
	}
	return e
}

// texts masks all of an entry but its changes and metadata.
func (m mask) texts(e *audit.Entry, own []string) {
	e.Actor = m.actor(e.Actor, own)
	if e.OnBehalfOf != nil {
		a := m.actor(*e.OnBehalfOf, own)
		e.OnBehalfOf = &a
	}
	if e.Request.IP != "" {
		e.Request.IP = m.as
	}
	for _, s := range []*string{
		&e.Tenant, &e.Project, &e.Action, &e.Error, &e.Comment, &e.TransactionID,
		&e.Object.Type, &e.Object.ID, &e.Object.Name, &e.Object.Product,
		&e.Request.UserAgent, &e.Request.ID, &e.Request.Method, &e.Request.Path,
	} {
		*s = m.text(*s, own)
	}
}

func (m mask) actor(a audit.Actor, own []string) audit.Actor {
	if a.Email != "" {
		a.Email = m.as
	}
	a.Type, a.Name, a.ID = m.text(a.Type, own), m.text(a.Name, own), m.text(a.ID, own)
	return a
}

// ownAddresses are the entry's own, however odd they look, as they are and as in
// a URL: they are masked wherever else the entry repeats them.
func (m mask) ownAddresses(e audit.Entry) []string {
	if m.personal {
		return nil
	}
	own := []string{e.Actor.Email, e.Request.IP}
	if e.OnBehalfOf != nil {
		own = append(own, e.OnBehalfOf.Email)
	}
	own = slices.DeleteFunc(own, func(s string) bool { return len(s) < 3 })
	for _, s := range own {
		if escaped := url.QueryEscape(s); escaped != s {
			own = append(own, escaped)
		}
	}
	return own
}

func (m mask) change(c audit.Change, own []string) audit.Change {
	path := c.Field
	c.Field = m.text(path, own)
	cut := c.Redacted == audit.RedactedTruncated && m.hidesWithin(path) // it holds the beginning of a text
	if m.hides(path) || cut {
		c.Redacted = audit.RedactedMasked
		c.Old, c.New = masked(c.Old), masked(c.New)
		return c
	}
	c.Old, c.New = m.value(path, c.Old, own), m.value(path, c.New, own)
	return c
}

func masked(v any) any {
	if v == nil {
		return nil
	}
	return audit.Mask
}

// value masks inside a structured value that stands at path.
func (m mask) value(path string, v any, own []string) any {
	switch x := v.(type) {
	case string:
		if m.hidesWithin(path) && strings.ContainsAny(x, "{[") {
			return audit.Mask // a document as text: what it holds at the path isn't known
		}
		return m.text(x, own)
	case []any:
		list := make([]any, len(x))
		for i := range x {
			list[i] = m.value(path, x[i], own)
		}
		return list
	case map[string]any:
		return m.object(path, x, own)
	}
	return v
}

// object masks names too. Names that become equal have no value of their own.
func (m mask) object(path string, object map[string]any, own []string) map[string]any {
	c := make(map[string]any, len(object))
	for name, v := range object {
		at := name
		if path != "" {
			at = path + "." + name
		}
		if m.hides(at) {
			v = masked(v)
		} else {
			v = m.value(at, v, own)
		}
		name = m.text(name, own)
		if _, taken := c[name]; taken {
			v = audit.Mask
		}
		c[name] = v
	}
	return c
}

// hides reports whether a path is a hidden field or lies inside one.
func (m mask) hides(path string) bool {
	if len(m.hidden) == 0 {
		return false
	}
	path = withoutPlaces(path)
	return slices.ContainsFunc(m.hidden, func(h string) bool { return inside(path, h) })
}

// hidesWithin reports whether a hidden field lies inside the path.
func (m mask) hidesWithin(path string) bool {
	if len(m.hidden) == 0 || path == "" {
		return false
	}
	path = withoutPlaces(path)
	return slices.ContainsFunc(m.hidden, func(h string) bool { return inside(h, path) })
}

func inside(path, field string) bool {
	rest, ok := strings.CutPrefix(path, field)
	return ok && (rest == "" || rest[0] == '.')
}

// withoutPlaces turns "tags[2].secret" into "tags.secret".
func withoutPlaces(path string) string {
	if strings.IndexByte(path, '[') < 0 {
		return path
	}
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(path, "[")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		digits, after, closed := strings.Cut(rest, "]")
		if !closed || strings.Trim(digits, "0123456789") != "" {
			b.WriteByte('[')
			path = rest
			continue
		}
		path = after
	}
}

// text masks the addresses in a text.
func (m mask) text(s string, own []string) string {
	if m.personal || len(s) < 3 {
		return s
	}
	spans := addresses(s)
	for _, o := range own {
		for at := 0; ; {
			i := strings.Index(s[at:], o)
			if i < 0 {
				break
			}
			spans = append(spans, span{at + i, at + i + len(o)})
			at += i + 1
		}
	}
	if len(spans) == 0 {
		return s
	}
	slices.SortFunc(spans, func(a, b span) int { return a.from - b.from })
	var b strings.Builder
	end := 0
	for _, sp := range spans {
		if sp.from >= end { // else it overlaps the one before, which stands for both
			b.WriteString(s[end:sp.from])
			b.WriteString(m.as)
		}
		end = max(end, sp.to)
	}
	b.WriteString(s[end:])
	return b.String()
}
