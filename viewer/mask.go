package viewer

import (
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/gormtrail/audit"
)

// mask takes out of entries what a reader may not see.
type mask struct {
	personal bool     // email and IP addresses may be seen
	hidden   []string // fields whose values may not
}

func (m mask) none() bool { return m.personal && len(m.hidden) == 0 }

// entry returns a copy without what is masked. The original may be a store's.
func (m mask) entry(e audit.Entry) audit.Entry {
	if m.none() {
		return e
	}
	own := m.ownValues(e)
	e.Changes = slices.Clone(e.Changes)
	for i, c := range e.Changes {
		e.Changes[i] = m.change(c, own)
	}
	if e.Metadata != nil {
		e.Metadata, _ = m.value("", e.Metadata, own).(map[string]any)
	}
	if m.personal {
		return e
	}
	e.Actor = m.actor(e.Actor, own)
	if e.OnBehalfOf != nil {
		a := m.actor(*e.OnBehalfOf, own)
		e.OnBehalfOf = &a
	}
	if e.Request.IP != "" {
		e.Request.IP = audit.Mask
	}
	for _, s := range []*string{
		&e.Error, &e.Comment, &e.Object.ID, &e.Object.Name, &e.Request.Path,
		&e.Request.UserAgent, &e.Request.ID, &e.Project, &e.Action,
	} {
		*s = m.text(*s, own)
	}
	return e
}

// ownValues are the entry's own addresses, however odd they look: they are
// masked wherever else the entry repeats them.
func (m mask) ownValues(e audit.Entry) []string {
	if m.personal {
		return nil
	}
	own := []string{e.Actor.Email, e.Request.IP}
	if e.OnBehalfOf != nil {
		own = append(own, e.OnBehalfOf.Email)
	}
	return slices.DeleteFunc(own, func(s string) bool { return len(s) < 3 })
}

func (m mask) actor(a audit.Actor, own []string) audit.Actor {
	if a.Email != "" {
		a.Email = audit.Mask
	}
	a.Name, a.ID = m.text(a.Name, own), m.text(a.ID, own)
	return a
}

func (m mask) change(c audit.Change, own []string) audit.Change {
	if m.hides(c.Field) {
		c.Redacted = audit.RedactedMasked
		c.Old, c.New = masked(c.Old), masked(c.New)
		return c
	}
	c.Field = m.text(c.Field, own)
	c.Old, c.New = m.value(c.Field, c.Old, own), m.value(c.Field, c.New, own)
	return c
}

func masked(v any) any {
	if v == nil {
		return nil
	}
	return audit.Mask
}

// hides reports whether a path is a hidden field or lies inside of one.
func (m mask) hides(path string) bool {
	return slices.ContainsFunc(m.hidden, func(h string) bool {
		rest, ok := strings.CutPrefix(path, h)
		return ok && h != "" && (rest == "" || rest[0] == '.' || rest[0] == '[')
	})
}

// value masks inside of a structured value that stands at path.
func (m mask) value(path string, v any, own []string) any {
	switch x := v.(type) {
	case string:
		return m.text(x, own)
	case []any:
		list := make([]any, len(x))
		for i := range x {
			list[i] = m.value(path, x[i], own)
		}
		return list
	case map[string]any:
		c := make(map[string]any, len(x))
		for k, inner := range x {
			at := k
			if path != "" {
				at = path + "." + k
			}
			if m.hides(at) {
				c[m.text(k, own)] = masked(inner)
			} else {
				c[m.text(k, own)] = m.value(at, inner, own)
			}
		}
		return c
	}
	return v
}

var (
	emailText   = regexp.MustCompile(`[^\s@<>"'(),:;]+@[^\s@<>"'(),:;]+`)
	addressText = regexp.MustCompile(`[0-9A-Fa-f:.]*[.:][0-9A-Fa-f:.]*`)
)

// text masks the addresses in a text.
func (m mask) text(s string, own []string) string {
	if m.personal || len(s) < 3 {
		return s
	}
	for _, o := range own {
		if strings.Contains(s, o) {
			s = strings.ReplaceAll(s, o, audit.Mask)
		}
	}
	if strings.IndexByte(s, '@') >= 0 {
		s = emailText.ReplaceAllString(s, audit.Mask)
	}
	if strings.ContainsAny(s, ".:") {
		s = addressText.ReplaceAllStringFunc(s, maskAddress)
	}
	return s
}

// maskAddress masks what is an IP address, with or without a port, and leaves
// version numbers and times of day alone.
func maskAddress(s string) string {
	trimmed := strings.Trim(s, ".")
	if _, err := netip.ParseAddr(trimmed); err == nil && trimmed != "::" {
		return strings.Replace(s, trimmed, audit.Mask, 1)
	}
	if p, err := netip.ParseAddrPort(trimmed); err == nil {
		return strings.Replace(s, p.Addr().String(), audit.Mask, 1)
	}
	return s
}
