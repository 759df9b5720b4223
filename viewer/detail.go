package viewer

import (
	"cmp"
	"html/template"
	"regexp"
	"strings"

	"github.com/gormtrail/audit"
)

// What the template of an entry asks for.

// lead is what people call an object, its name before its ID; and what stands beside
// it: its type and ID where a name leads, "" otherwise.
func (s *visit) lead(o audit.Object) (name, ref string) {
	if o.Name == "" || o.Name == audit.Mask {
		return cmp.Or(o.ID, o.Name), ""
	}
	if o.ID == "" {
		return o.Name, ""
	}
	if o.Type == "" {
		return o.Name, o.ID
	}
	return o.Name, s.typeLabel(o.Type) + " " + o.ID
}

// inLine names an object in one line: "Public website (Project 1)", "Project 1".
func (s *visit) inLine(o audit.Object) string {
	name, ref := s.lead(o)
	if ref == "" {
		return strings.TrimSpace(s.typeLabelOf(o) + " " + name)
	}
	return name + " (" + ref + ")"
}

// typeLabelOf names the type of an object to people; "" for none.
func (s *visit) typeLabelOf(o audit.Object) string {
	if o.Type == "" {
		return ""
	}
	return s.typeLabel(o.Type)
}

// HeadName is what the entry is about.
func (p *entryPage) HeadName() string {
	name, _ := p.lead(p.E.Object)
	return cmp.Or(name, p.E.Action)
}

// HeadRef is what stands beside a record's name in the head: its type and ID.
func (p *entryPage) HeadRef() string {
	_, ref := p.lead(p.E.Object)
	return ref
}

// HeadType is what stands before the ID of a record without a name.
func (p *entryPage) HeadType() string {
	if p.HeadRef() != "" {
		return ""
	}
	return p.TypeLabel()
}

// ActorName is what the actor is called.
func (p *entryPage) ActorName() string { return called(p.E.Actor) }

// Called is what an actor is called.
func (p page) Called(a any) string {
	switch a := a.(type) {
	case audit.Actor:
		return cmp.Or(called(a), p.T("unknown"))
	case *audit.Actor:
		return called(*a)
	}
	return ""
}

// UserLink is the list of what the actor did.
func (p *entryPage) UserLink() string {
	a := p.E.Actor
	switch {
	case p.grant.Personal && a.User() != "":
		return p.Filter("user", a.User())
	case a.ID != "" && !strings.Contains(a.ID, audit.Mask):
		return p.Filter("actor", a.ID)
	}
	return ""
}

// OutcomeText is how it ended.
func (p *entryPage) OutcomeText() string { return cmp.Or(string(p.E.Outcome), string(audit.Success)) }

// FieldCount is the number of changes in words.
func (p page) FieldCount(n int) string { return p.lang.count("%s fields", n, false) }

// timeline is a list of entries beside this one.
type timeline struct {
	P       timelinePage
	Entries []*audit.Entry
	Now     string // the ID of the entry that the page is about
	Object  audit.Object
	Full    bool // with what changed
}

// Elsewhere names the object of an entry that is about another one.
func (t timeline) Elsewhere(e *audit.Entry) string {
	if e.Object.Type == t.Object.Type && e.Object.ID == t.Object.ID {
		return ""
	}
	return t.P.inLine(e.Object)
}

// timelinePage makes the parts that a timeline needs.
type timelinePage struct{ page }

// BehalfText names whom the actor stood in for; "" for nobody.
func (p page) BehalfText(e *audit.Entry) string {
	if e.OnBehalfOf == nil || e.OnBehalfOf.IsZero() {
		return ""
	}
	return p.T("for %s", called(*e.OnBehalfOf))
}

// Fields is the number of an entry's changes in words; "" for none.
func (p timelinePage) Fields(e *audit.Entry) string {
	n := p.changeCount(e)
	if n == 0 {
		return ""
	}
	return p.FieldCount(n)
}

// Timeline is the list as the template takes it.
func (p *entryPage) Timeline(list []*audit.Entry) timeline {
	return timeline{P: timelinePage{p.page}, Entries: list, Now: p.E.ID, Object: p.E.Object}
}

// WholeTimeline is the list with the changes of each entry.
func (p *entryPage) WholeTimeline(list []*audit.Entry) timeline {
	t := p.Timeline(list)
	t.Full = true
	return t
}

// inTimeline is how many changes an entry shows in its record's history.
const inTimeline = 4

// Changes are an entry's first ones.
func (p timelinePage) Changes(e *audit.Entry) template.HTML {
	var m markup
	r := rows{visit: p.visit}
	changes := p.trail.Catalogue().Telling(*e)
	for _, c := range changes[:min(len(changes), inTimeline)] {
		m.tag(`<li>`)
		r.change(&m, e, c)
		m.tag(`</li>`)
	}
	return m.html()
}

// Further is how many changes an entry has beside those.
func (p timelinePage) Further(e *audit.Entry) string {
	if n := p.changeCount(e) - inTimeline; n > 0 {
		return p.lang.count("%s more fields", n, false)
	}
	return ""
}

var (
	browserVersion = regexp.MustCompile(`(Edg|OPR|Firefox|Chrome|Version)/(\d+)`)
	productVersion = regexp.MustCompile(`^([A-Za-z][\w.-]*)/(\d[\w.]*)`)
)

// ClientName is the program and system that a user agent names, "" where it
// names none that is known. Order matters: Chrome calls itself Safari too.
func (p *entryPage) ClientName() string {
	ua := p.E.Request.UserAgent
	name := ""
	for _, known := range []struct{ mark, name string }{{"Edg", "Edge"}, {"OPR", "Opera"}, {"Firefox", "Firefox"}, {"Chrome", "Chrome"}, {"Version", "Safari"}} {
		for _, m := range browserVersion.FindAllStringSubmatch(ua, -1) {
			if m[1] == known.mark && name == "" {
				name = known.name + " " + m[2]
			}
		}
	}
	if name == "" {
		if m := productVersion.FindStringSubmatch(ua); m != nil && m[1] != "Mozilla" {
			return m[1] + " " + m[2]
		}
		return ""
	}
	for _, system := range []struct{ mark, name string }{
		{"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Android", "Android"}, {"Windows", "Windows"},
		{"Macintosh", "macOS"}, {"CrOS", "ChromeOS"}, {"Linux", "Linux"},
	} {
		if strings.Contains(ua, system.mark) {
			return name + ", " + system.name
		}
	}
	return name
}
