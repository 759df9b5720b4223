package viewer

import (
	"html/template"
	"net/url"
	"strings"
)

// Acts are what can be done with a value beside it: the list with this value only, or
// without it, both within the filter that is in force, and the value to copy where it
// is an ID.
func (p *entryPage) Acts(name, value string) template.HTML {
	if value == "" || hasMask(value) {
		return ""
	}
	only := url.Values{name: {param(value)}}
	if name == "record" { // an ID is of a type
		only.Set("type", param(p.E.Object.Type))
	}
	v := p.copyState()
	v.Del("cursor")
	for n := range only {
		v[n] = only[n]
	}
	var m markup
	m.tag(`<span class="acts"><a href="`)
	m.attr(query(v))
	m.tag(`">`)
	m.text(p.T("Only this"))
	m.tag(`</a><a href="`)
	m.attr(p.adding("not", only.Encode()))
	m.tag(`">`)
	m.text(p.T("Without this"))
	m.tag(`</a>`)
	switch name {
	case "record", "request", "transaction", "ip", "actor":
		p.copyButton(&m, value)
	}
	m.tag(`</span>`)
	return m.html()
}

// Copy is the button that copies a text; "" is the page's own link. Without the script
// there is none.
func (p *entryPage) Copy(text string) template.HTML {
	var m markup
	p.copyButton(&m, text)
	return m.html()
}

func (p *entryPage) copyButton(m *markup, text string) {
	m.tag(`<button type="button" class="copy" hidden data-copy="`)
	m.attr(text)
	m.tag(`" data-done="`)
	m.attr(p.T("Copied"))
	m.tag(`"><span>`)
	if text == "" {
		m.text(p.T("Copy link"))
	} else {
		m.text(p.T("Copy"))
	}
	m.tag(`</span></button>`)
}

// UserParam is the parameter that selects what the actor did.
func (p *entryPage) UserParam() string {
	if p.grant.Personal && p.E.Actor.User() != "" {
		return "user"
	}
	return "actor"
}

// UserValue is its value; "" where there is none.
func (p *entryPage) UserValue() string {
	if p.UserParam() == "user" {
		return p.E.Actor.User()
	}
	return p.E.Actor.ID
}

// BehalfValue is the parameter's value that selects what was done for this person, where
// the reader may ask for it.
func (p *entryPage) BehalfValue() string {
	if !p.grant.Personal || p.E.OnBehalfOf == nil {
		return ""
	}
	return p.E.OnBehalfOf.User()
}

// Severity is how much attention the catalogue says that the action deserves.
func (p *entryPage) Severity() string { return p.T(p.known(p.E.Action).Severity.Label()) }

// SeverityClass colours it.
func (p *entryPage) SeverityClass() string {
	return "sev-" + strings.ToLower(string(p.known(p.E.Action).Severity))
}
