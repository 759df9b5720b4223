package viewer

import (
	"cmp"
	"hash/fnv"
	"net/url"
	"strings"
	"unicode"

	"github.com/gormtrail/audit"
)

func (r *rows) userCell(m *markup, e *audit.Entry) {
	if e.Actor.IsZero() {
		m.tag(`<span class="none">–</span>`)
		return
	}
	switch {
	case r.grant.Personal && e.Actor.User() != "":
		r.linkWho(m, r.byUser, e.Actor.User())
	case e.Actor.ID != "":
		r.linkWho(m, r.byActor, e.Actor.ID)
	default:
		m.tag(`<a class="`)
	}
	whoInside(m, e.Actor)
	m.tag(`</a>`)
	r.behalf(m, e)
}

// linkWho begins a link, as far as its class.
func (r *rows) linkWho(m *markup, query, value string) {
	m.tag(`<a href="`)
	m.attr(query)
	m.attr(url.QueryEscape(param(value)))
	m.tag(`" class="`)
}

// behalf names whom the actor stood in for.
func (s *visit) behalf(m *markup, e *audit.Entry) {
	if e.OnBehalfOf == nil || e.OnBehalfOf.IsZero() {
		return
	}
	m.tag(`<bdi class="for">`)
	m.text(s.lang.text("for %s", called(*e.OnBehalfOf)))
	m.tag(`</bdi>`)
}

// called is the name that an actor is best known by.
func called(a audit.Actor) string {
	if a.Email == audit.Mask {
		return cmp.Or(a.Name, a.ID, a.Type, a.Email)
	}
	return cmp.Or(a.Name, a.Email, a.ID, a.Type)
}

// second is what stands beside an actor's name: the email address, or for what isn't a
// person its type.
func second(a audit.Actor) string {
	switch {
	case a.Email != "" && a.Email != audit.Mask && a.Email != called(a):
		return a.Email
	case a.Type != "" && !isPerson(a) && a.Type != called(a):
		return a.Type
	}
	return ""
}

func isPerson(a audit.Actor) bool { return a.Type == "" || strings.EqualFold(a.Type, "user") }

// who writes an actor.
func who(m *markup, a audit.Actor) {
	m.tag(`<span class="`)
	whoInside(m, a)
	m.tag(`</span>`)
}

// whoInside is the class, the attributes and the content of an element that shows an
// actor: name and email address together, with the initials that help the eye down the
// column.
func whoInside(m *markup, a audit.Actor) {
	name, beside := called(a), second(a)
	if isPerson(a) {
		m.tag(`who hue`)
	} else {
		m.tag(`who service hue`)
	}
	h := fnv.New32a()
	h.Write([]byte(name))
	m.int(int(h.Sum32() % 6))
	m.tag(`" data-av="`)
	m.plainAttr(initials(name))
	m.full(strings.TrimSpace(name + " " + beside))
	m.tag(`"><bdi>`)
	m.text(name)
	m.tag(`</bdi>`)
	if beside != "" {
		m.tag(` <small dir="auto">`)
		m.text(beside)
		m.tag(`</small>`)
	}
}

// full ends the value of an attribute, and writes the title for a text that the column
// may shorten.
func (m *markup) full(s string) {
	m.tag(`" title="`)
	m.plainAttr(s)
}

func initials(name string) string {
	name, _, _ = strings.Cut(name, "@")
	words := strings.FieldsFunc(name, func(c rune) bool { return !unicode.IsLetter(c) && !unicode.IsNumber(c) })
	var out []rune
	for _, w := range words {
		if len(out) == 2 {
			break
		}
		out = append(out, unicode.ToUpper([]rune(w)[0]))
	}
	return string(out)
}
