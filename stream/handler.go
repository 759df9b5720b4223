package stream

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/access"
	"github.com/gormtrail/audit/search"
)

// HandlerOptions of Hub.Handler. All but Authorize have defaults.
type HandlerOptions struct {
	// Authorize says what a request may see; an error, or a grant without Follow,
	// refuses it with 403. It is called again while the feed is open (Recheck),
	// with the same request. An error then ends the feed, and so does another
	// scope: the client resumes under it. Entries are masked as the grant says.
	// Required.
	Authorize access.Authorize

	// IgnoreParams are parameters of the query string that belong to your app. Any other
	// unknown one is answered with 400, except utm_*: a mistyped filter would select more
	// than was asked for. A parameter of a filter can't be ignored. Default: none.
	IgnoreParams []string
	// Filter returns what a request asks to follow. Default: audit.ParseFilter of
	// its query string, with its search text read by package search.
	Filter func(*http.Request) (audit.Filter, error)
	// Encode returns the function that writes a request's entries, masked
	// already, as JSON values; nil leaves an entry out. Default: the entry's JSON
	// form.
	Encode func(*http.Request, access.Grant) func(audit.Entry) ([]byte, error)
	// Key lets requests share encoded entries: with equal keys, and equal masks,
	// Encode must write them alike. Default: "", which shares nothing if Encode
	// is set, and all if it isn't.
	Key func(*http.Request) string
	// AllowedOrigins are the origins ("https://admin.example.com") beside the
	// request's own host whose pages may follow. Default: none.
	AllowedOrigins []string
	// Recheck is how often Authorize is asked again. Default: 50 seconds, so
	// that who was signed out is gone within a minute.
	Recheck time.Duration
	// Lifetime ends a feed, whose client then resumes. Default: 30 minutes.
	Lifetime time.Duration
	// MaxReaders bounds the feeds open at a time; more are answered with 503.
	// Default: 1000.
	MaxReaders int
	// MaxPerTenant bounds those of grants whose scope is the same one tenant; more
	// are answered with 429. Default: 250.
	MaxPerTenant int
	// MaxCatchUp is how many missed entries a resuming client is sent; if it
	// missed more, it is told how many (Frame.Gap), and goes on from now.
	// 0: all of them.
	MaxCatchUp int
}

const (
	firstStep = 25               // entries that a resuming client is read before their size is known: many may resume at once
	writeWait = 10 * time.Second // for a client to take a frame
	pingEvery = 25 * time.Second // shorter than proxies' usual minute
)

// Handler serves the hub's feed: as WebSocket where the request asks for an
// upgrade, as server-sent events otherwise. after= (or Last-Event-ID) resumes. A text
// that isn't a position is answered with 400. If the position is another trail's, or
// was sealed with a key that this one no longer has, the feed begins now and its first
// frame says so (Frame.Lost).
//
// A page of another origin is refused with 403. Where a server in between can't
// flush, an event stream is cut after what there is, and the browser polls.
// A handler without Authorize, or with a negative number, is refused with an error.
func (h *Hub) Handler(opts *HandlerOptions) (http.Handler, error) {
	if opts == nil || opts.Authorize == nil {
		return nil, errors.New("stream: HandlerOptions.Authorize is required: it says what a request may see (access.InsecureForDevelopment allows everything)")
	}
	if err := opts.checkBounds(); err != nil {
		return nil, err
	}
	s := &server{hub: h, opts: *opts, tenants: map[string]int{}}
	s.setDefaults()
	return s, nil
}

func (s *server) setDefaults() {
	if s.opts.Filter == nil {
		s.opts.Filter = s.filterOf
	}
	if s.opts.Encode == nil {
		s.opts.Encode = func(*http.Request, access.Grant) func(audit.Entry) ([]byte, error) { return encodeJSON }
		s.opts.Key = func(*http.Request) string { return "json" }
	}
	if s.opts.Key == nil {
		s.opts.Key = func(*http.Request) string { return "" }
	}
	s.opts.Recheck = cmp.Or(s.opts.Recheck, 50*time.Second)
	s.opts.Lifetime = cmp.Or(s.opts.Lifetime, 30*time.Minute)
	s.opts.MaxReaders = cmp.Or(s.opts.MaxReaders, 1000)
	s.opts.MaxPerTenant = cmp.Or(s.opts.MaxPerTenant, 250)
}

// checkBounds refuses negative numbers.
func (o *HandlerOptions) checkBounds() error {
	for name, n := range map[string]int64{
		"Recheck": int64(o.Recheck), "Lifetime": int64(o.Lifetime), "MaxReaders": int64(o.MaxReaders), "MaxPerTenant": int64(o.MaxPerTenant), "MaxCatchUp": int64(o.MaxCatchUp),
	} {
		if n < 0 {
			return fmt.Errorf("stream: HandlerOptions.%s can't be negative", name)
		}
	}
	return nil
}

func encodeJSON(e audit.Entry) ([]byte, error) { return json.Marshal(e) }

// filterOf reads a request's query string.
func (s *server) filterOf(r *http.Request) (audit.Filter, error) {
	values, err := access.Values(r, s.opts.IgnoreParams...)
	if err != nil {
		return audit.Filter{}, err
	}
	f, err := audit.ParseFilter(values)
	if err != nil {
		return audit.Filter{}, err
	}
	return search.Expand(f, s.hub.trail.Catalogue(), time.UTC)
}

type server struct {
	hub  *Hub
	opts HandlerOptions
	open atomic.Int64

	mu      sync.Mutex
	tenants map[string]int // feeds open, of grants of one tenant
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet {
		w.Header().Set("Allow", "GET")
		http.Error(w, "A feed is followed with GET.", http.StatusMethodNotAllowed)
		return
	}
	if !access.SameOrigin(r, s.opts.AllowedOrigins) {
		http.Error(w, "A page of another origin can't follow the audit log.", http.StatusForbidden)
		return
	}
	defer s.open.Add(-1)
	if s.open.Add(1) > int64(s.opts.MaxReaders) {
		w.Header().Set("Retry-After", "30")
		http.Error(w, "Too many people follow the audit log. Try again later.", http.StatusServiceUnavailable)
		return
	}
	c := s.admit(w, r)
	if c == nil {
		return
	}
	defer s.leave(c.tenant)
	defer c.reader.Close()
	if strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		c.serveSocket(w)
	} else {
		c.serveEvents(w)
	}
}

// admit begins a session, or answers why not and returns nil. It is a function
// of its own because filters are large, and a stack that has held some stays
// large for as long as the client follows.
func (s *server) admit(w http.ResponseWriter, r *http.Request) *session {
	grant, err := s.authorize(r)
	if err != nil {
		http.Error(w, "You may not follow the audit log.", http.StatusForbidden)
		return nil
	}
	selection, err := s.selection(r, grant)
	if err != nil {
		refuse(w, err)
		return nil
	}
	tenant := grant.Tenant()
	if !s.enter(tenant) {
		w.Header().Set("Retry-After", "30")
		http.Error(w, "Too many readers of this tenant follow the audit log. Try again later.", http.StatusTooManyRequests)
		return nil
	}
	after := r.URL.Query().Get("after")
	if id := r.Header.Get("Last-Event-ID"); id != "" {
		after = id
	}
	reader, err := s.hub.Follow(r.Context(), selection.Filter, after)
	lost := after != "" && errors.Is(err, audit.ErrBadCursor) && !errors.Is(err, errNoPosition)
	if lost {
		reader, err = s.hub.Follow(r.Context(), selection.Filter, "")
	}
	if err != nil {
		s.leave(tenant)
		refuse(w, err)
		return nil
	}
	reader.step = firstStep
	c := &session{server: s, request: r, reader: reader, tenant: tenant, resumed: after != "" && !lost, lost: lost, timer: time.NewTimer(0)}
	c.writeAs(grant, selection)
	return c
}

// enter counts a feed of a tenant; false if there are too many. Of grants of several
// tenants only MaxReaders bounds the number.
func (s *server) enter(tenant string) bool {
	if tenant == "" {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tenants[tenant] >= s.opts.MaxPerTenant {
		return false
	}
	s.tenants[tenant]++
	return true
}

func (s *server) leave(tenant string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tenants[tenant]--; s.tenants[tenant] <= 0 {
		delete(s.tenants, tenant)
	}
}

// authorize returns a grant that lets the request follow.
func (s *server) authorize(r *http.Request) (access.Grant, error) {
	grant, err := s.opts.Authorize.Grant(r)
	if err != nil && !errors.Is(err, access.ErrDenied) {
		s.hub.opts.Logger.WarnContext(r.Context(), "audit stream: access refused", "error", err)
	}
	if err == nil && !grant.Follow {
		err = access.ErrDenied
	}
	return grant, err
}

// selection is what the request follows under a grant.
func (s *server) selection(r *http.Request, grant access.Grant) (access.Selection, error) {
	f, err := s.opts.Filter(r)
	if err != nil {
		return access.Selection{}, err
	}
	return grant.Select(s.hub.trail.Joined(f))
}

func refuse(w http.ResponseWriter, err error) {
	status, text := http.StatusInternalServerError, "The audit log couldn't be loaded."
	var bad *audit.QueryError
	switch {
	case errors.As(err, &bad):
		status, text = http.StatusBadRequest, bad.Error()
	case errors.Is(err, errNoPosition):
		status, text = http.StatusBadRequest, "This is not a position of a live feed."
	case errors.Is(err, audit.ErrClosed):
		status, text = http.StatusServiceUnavailable, "The audit log is unavailable."
	case errors.Is(err, errors.ErrUnsupported):
		status, text = http.StatusNotImplemented, "This trail can't be followed."
	}
	http.Error(w, text, status)
}
