package viewer

import (
	"bytes"
	"context"
	"errors"
	"html/template"
	"net/http"
	"time"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/access"
)

// page is what every page has; templates reach its texts through .T.
type page struct {
	*visit
	Title   string // of the document
	Status  int
	Refresh int // seconds after which a page without scripts is loaded again; 0: never
}

func (p page) T(key string, args ...any) string { return p.lang.text(key, args...) }
func (p page) Lang() string                     { return p.lang.Tag }
func (p page) Dir() string                      { return p.lang.dir() }
func (p page) Name() string                     { return p.name() }
func (p page) Back() Link                       { return p.opts.Back }
func (p page) Theme() string                    { return p.opts.Theme }
func (p page) Zone() string                     { return p.zone.String() }
func (p page) Home() string                     { return p.with() } // the page of the list that it came from

// Nonce is the host's, for a policy of its own.
func (p page) Nonce() string {
	if p.opts.Nonce == nil {
		return ""
	}
	return p.opts.Nonce(p.request)
}

// Time writes a moment with what a hover needs.
func (p page) Time(t time.Time) template.HTML {
	var m markup
	m.tag(`<time datetime="`)
	m = t.UTC().AppendFormat(m, "2006-01-02T15:04:05.000Z")
	m.tag(`">`)
	m.text(p.lang.date(t.In(p.zone)) + ", " + t.In(p.zone).Format("15:04:05"))
	m.tag(`</time>`)
	return m.html()
}

// Pill is an entry's action with its outcome.
func (p page) Pill(e *audit.Entry) template.HTML {
	var m markup
	p.action(&m, e)
	p.damage(&m, e)
	return m.html()
}

// Who is an actor with its initials.
func (p page) Who(a audit.Actor) template.HTML {
	var m markup
	who(&m, a)
	return m.html()
}

// Look is the class of an entry's action.
func (p page) Look(e *audit.Entry) string { return string(lookOf(e, p.known(e.Action))) }

// Label is what an entry's action is called.
func (p page) Label(e *audit.Entry) string { return p.did(e) }

// FacetLabel is what the page shows of a value.
func (p page) FacetLabel(name, value string) string { return p.facetLabel(name, value) }

// Open is the link to an entry in this view.
func (p page) Open(id string) string { return p.with("entry", id) }

// render runs a page's template and sends it whole, or an error and nothing.
func (s *visit) render(w http.ResponseWriter, name string, status int, data any) error {
	var b bytes.Buffer
	if err := s.pages.ExecuteTemplate(&b, name, data); err != nil {
		return err
	}
	w.Header().Set("Content-Language", s.lang.Tag)
	s.write(w, status, "text/html; charset=utf-8", b.Bytes())
	return nil
}

// messagePage says what went wrong and what to do.
type messagePage struct {
	page
	Heading, Text, Detail, Param string
	Link                         Link
}

// fail answers an error: in words that help for what the reader can mend,
// without the inside of the server for what it can't.
func (s *visit) fail(w http.ResponseWriter, err error) {
	late := s.request.Context().Err()
	if errors.Is(late, context.Canceled) {
		return // the reader has gone
	}
	m := messagePage{page: page{visit: s, Status: http.StatusInternalServerError}}
	var bad *audit.QueryError
	if errors.As(err, &bad) && late == nil && s.onList() && s.serveFault(s.request.Context(), w, bad) {
		return
	}
	switch {
	case m.ofJob(err):
	case errors.Is(err, audit.ErrNotFound):
		m.Status, m.Heading = http.StatusNotFound, "Entry not found"
		m.Text = "It doesn't exist, or you don't have access to it."
		m.Link = Link{"Show all entries", "?"}
	case errors.Is(err, errNoExport), errors.Is(err, errNoLive), errors.Is(err, errNoViews):
		m.Status, m.Heading, m.Text = http.StatusForbidden, "Not allowed", err.Error()
		m.Link = Link{"Show all entries", "?"}
	case errors.As(err, &bad):
		m.Status, m.Heading = http.StatusBadRequest, "This filter isn't valid"
		m.Detail, m.Param = s.paramName(bad.Param)+": "+bad.Reason, bad.Param
		m.Text = "Change the filter, or show all entries."
		m.Link = Link{"Show all entries", "?"}
	case errors.Is(err, audit.ErrClosed):
		m.Status, m.Heading = http.StatusServiceUnavailable, "The audit log is unavailable"
		m.Text = "Your app is restarting. Try again in a moment."
		m.Link = Link{"Try again", s.with()}
	case late != nil, errors.Is(err, context.DeadlineExceeded):
		m.Status, m.Heading = http.StatusServiceUnavailable, "This took too long"
		m.Text = "Try a shorter date range or fewer filters."
		m.Link = Link{"Try again", s.with()}
	default:
		s.trail.Logger().ErrorContext(s.request.Context(), "audit viewer", "error", err)
		m.Heading = "The audit log couldn't be loaded"
		m.Text = "No data was lost. Try again. If the problem persists, contact your administrator."
		m.Link = Link{"Try again", s.with()}
	}
	m.say(w)
}

// paramName is what the page calls a parameter.
func (s *visit) paramName(param string) string {
	for _, n := range chipNames {
		if n.Name == param && !asksJSON(s.request) {
			return s.lang.text(n.Value)
		}
	}
	return param
}

// Sign is the symbol above the words.
func (m messagePage) Sign() string {
	switch m.Status {
	case http.StatusForbidden:
		return "lock"
	case http.StatusNotFound, http.StatusBadRequest:
		return "search"
	}
	return "warn"
}

func (m messagePage) say(w http.ResponseWriter) {
	asked := m.request.URL.Query()
	if asksJSON(m.request) || asked.Get("export") != "" && asked.Get("jobs") == "" || asked.Get("live") != "" {
		m.problem(w)
		return
	}
	m.Title = m.T(m.Heading)
	if err := m.render(w, "message", m.Status, m); err != nil {
		http.Error(w, m.Heading, m.Status)
	}
}

// deny answers a request that Authorize let see nothing.
func (v *Viewer) deny(w http.ResponseWriter, r *http.Request, err error) {
	if !errors.Is(err, access.ErrDenied) {
		v.trail.Logger().WarnContext(r.Context(), "audit viewer: access refused", "error", err)
	}
	s := &visit{Viewer: v, request: r, lang: v.languageOf(r), zone: v.location, now: time.Now()}
	messagePage{
		page:    page{visit: s, Status: http.StatusForbidden},
		Heading: "You don't have access to this audit log",
		Text:    "Sign in with another account, or ask your administrator for access.",
	}.say(w)
}

// CanPersonal reports whether addresses may be seen and asked for.
func (p page) CanPersonal() bool { return p.grant.Personal }

// name is the title of the page: the application's, or the default one in the reader's
// language.
func (s *visit) name() string {
	if s.opts.Title == "" {
		return s.lang.text("Audit log")
	}
	return s.opts.Title
}
