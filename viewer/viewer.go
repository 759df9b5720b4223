package viewer

import (
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"time"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/access"
	"github.com/gormtrail/audit/export"
	"github.com/gormtrail/audit/stream"
)

// Viewer is the page, the API and the live feed of one trail: an http.Handler,
// safe for concurrent use.
type Viewer struct {
	trail     *audit.Trail
	opts      Options
	title     string
	location  *time.Location
	zones     []*time.Location // the choices of the zone menu
	languages []*Language
	assets    map[string]asset
	pages     *template.Template
	bound     int
	choices   choices
	asking    chan struct{} // holds one token for each call of Options.Users
	hub       *stream.Hub
	feed      http.Handler // nil where the trail can't be followed
}

// policy is the Content-Security-Policy. Nothing inline, nothing from another
// host, no framing; scripts can't write HTML but through one named policy.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'self'; require-trusted-types-for 'script'; trusted-types audit-viewer"

// New returns the viewer of a trail.
//
// It refuses a nil trail, options without Authorize, and a ThemeCSS, Theme or
// Language that can't be meant. It starts nothing and asks the trail nothing.
func New(trail *audit.Trail, opts *Options) (*Viewer, error) {
	if trail == nil {
		return nil, errors.New("viewer: New needs a trail, and got nil")
	}
	if opts == nil || opts.Authorize == nil {
		return nil, errors.New("viewer: Options.Authorize is required: it says what a request may see (access.InsecureForDevelopment allows everything)")
	}
	v := &Viewer{trail: trail, opts: *opts, title: opts.Title, location: opts.Location, bound: cmp.Or(opts.CountBound, defaultCountBound), asking: make(chan struct{}, usersCalls)}
	if err := opts.checkBounds(); err != nil {
		return nil, err
	}
	v.opts.MaxPageBytes = cmp.Or(opts.MaxPageBytes, defaultPageBytes)
	if v.title == "" {
		v.title = "Audit log"
	}
	if v.location == nil {
		v.location = time.UTC
	}
	if t := opts.Theme; t != "" && t != "light" && t != "dark" {
		return nil, fmt.Errorf("viewer: Options.Theme is %q, and can be light, dark or empty", t)
	}
	for i, l := range opts.Languages {
		if l.Tag == "" {
			return nil, fmt.Errorf("viewer: Options.Languages[%d] has no Tag", i)
		}
		v.languages = append(v.languages, &l)
	}
	v.languages = append(v.languages, &english)
	var err error
	if v.zones, err = loadZones(opts, v.location); err != nil {
		return nil, err
	}
	if v.opts.ExportLimiter == nil {
		if v.opts.ExportLimiter, err = export.NewLimiter(0, 0); err != nil {
			return nil, err
		}
	}
	if v.assets, err = loadAssets(opts); err != nil {
		return nil, err
	}
	if v.pages, err = loadPages(v); err != nil {
		return nil, err
	}
	if v.feed, err = v.newFeed(); err != nil {
		return nil, err
	}
	return v, nil
}

// ServeHTTP answers whatever the path: the query string alone says what is
// asked for.
func (v *Viewer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	v.protect(w)
	read := r.Method == http.MethodGet || r.Method == http.MethodHead
	if writes := v.writesView(r) || v.writesJobs(r); writes && r.Method != http.MethodPost {
		w.Header().Set("Allow", "POST")
		http.Error(w, "This changes something: use POST.", http.StatusMethodNotAllowed)
		return
	} else if !writes && !read {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "The audit log is read-only. Use GET or HEAD.", http.StatusMethodNotAllowed)
		return
	}
	if err := access.CheckLength(r); err != nil {
		(&visit{Viewer: v, request: r, lang: &english, zone: v.location, now: time.Now()}).fail(w, err)
		return
	}
	if name := r.URL.Query().Get("asset"); name != "" {
		v.serveAsset(w, r, name)
		return
	}
	grant, err := v.opts.Authorize.Grant(r)
	if err != nil {
		v.deny(w, r, err)
		return
	}
	s, err := v.newVisit(r, grant)
	if err == nil {
		err = s.answer(w)
	}
	if err != nil {
		s.fail(w, err)
	}
}

// protect sets what every answer carries.
func (v *Viewer) protect(w http.ResponseWriter) {
	h := w.Header()
	if v.opts.Nonce == nil {
		h.Set("Content-Security-Policy", policy)
	}
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "SAMEORIGIN")
	h.Set("Referrer-Policy", "same-origin") // a search may name a person
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	h.Add("Vary", "Accept, Accept-Language")
}

// answer serves what the query string asks for.
func (s *visit) answer(w http.ResponseWriter) error {
	ctx := s.request.Context()
	asked := s.request.URL.Query()
	switch {
	case asked.Get("live") != "":
		return s.serveLive(w)
	case asked.Get("jobs") != "":
		return s.serveJobs(ctx, w, asked.Get("jobs"))
	case s.writesView(s.request):
		return s.serveViews(ctx, w)
	case asked.Get("export") != "":
		return s.serveExport(ctx, w, asked.Get("export"))
	case asked.Get("legend") != "": // reads no entry
		return s.serveLegend(w, asked.Get("find"))
	case asked.Get("help") != "":
		return s.serveHelp(w)
	}
	if !s.partOfView() {
		if err := s.note(ctx, "view", ""); err != nil {
			return err
		}
	}
	switch {
	case asked.Get("entry") != "":
		return s.serveEntry(ctx, w, asked.Get("entry"), asked.Get("view"))
	case asked.Get("chart") != "":
		return s.serveChart(ctx, w)
	case asked.Get("facet") != "":
		return s.serveFacet(ctx, w, asked.Get("facet"), asked.Get("find"))
	}
	return s.serveList(ctx, w)
}

// note records that the trail is read, where the host wants it.
func (s *visit) note(ctx context.Context, action, format string) error {
	s.noted = true
	if !s.opts.Record {
		return nil
	}
	e := audit.Entry{
		Action: action, Actor: s.grant.Actor,
		Object: audit.Object{Type: "audit_trail", Name: s.title},
	}
	if format != "" {
		e.Metadata = map[string]any{"format": format}
	}
	e = access.Recorded(e, s.query.And(s.grant.Scope), "query", s.request.URL.RawQuery)
	if err := s.trail.Record(ctx, e); err != nil {
		return fmt.Errorf("viewer: recording that the trail is read: %w", err)
	}
	return nil
}

// write sends a page or data, compressed where the options say so and the
// client can read it.
func (s *visit) write(w http.ResponseWriter, status int, contentType string, body []byte) {
	w.Header().Set("Content-Type", contentType)
	if s.opts.Gzip {
		w.Header().Add("Vary", "Accept-Encoding")
		if len(body) > 1000 && acceptsGzip(s.request) && w.Header().Get("Content-Encoding") == "" {
			w.Header().Set("Content-Encoding", "gzip")
			body = gzippedAt(body, gzip.DefaultCompression)
		}
	}
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client has gone; there is nobody left to tell
}

func acceptsGzip(r *http.Request) bool {
	for _, part := range strings.Split(r.Header.Get("Accept-Encoding"), ",") {
		coding, q, _ := strings.Cut(strings.TrimSpace(part), ";")
		if coding == "gzip" {
			return strings.ReplaceAll(q, " ", "") != "q=0"
		}
	}
	return false
}
