package stream

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gormtrail/audit"
)

// Feed is what one request follows.
type Feed struct {
	// Filter selects the entries: what the request asks for, and-ed with what
	// it may see (audit.Filter.And).
	Filter audit.Filter
	// Encode writes an entry as a JSON value; nil leaves it out, as for a reader
	// whom the filter alone would tell too much. Default: the entry's JSON form.
	Encode func(audit.Entry) ([]byte, error)
	// Key lets readers share encoded entries: those of equal keys must encode
	// alike. Default: each reader's entries are encoded for it alone.
	Key string
}

// HandlerOptions of Hub.Handler. All but Authorize have defaults.
type HandlerOptions struct {
	// Authorize says what a request may follow; an error refuses it with 403.
	// It is asked again while the feed runs (Recheck), with the same request. An
	// error then ends the feed, and so does another filter: the client resumes
	// under it. Required.
	Authorize func(*http.Request) (Feed, error)
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
	// MaxCatchUp is how many missed entries a resuming client is sent; if it
	// missed more, it is told how many (Frame.Gap), and goes on from now.
	// 0: all of them.
	MaxCatchUp int
}

const (
	writeWait = 10 * time.Second // for a client to take a frame
	pingEvery = 25 * time.Second // shorter than proxies' usual minute
)

// Frame is what a client gets: JSON in a WebSocket message, or the data of a
// server-sent event whose id is the cursor.
type Frame struct {
	// Cursor is the position behind the frame: sent as after= (or by an
	// EventSource as Last-Event-ID), the feed goes on from there.
	Cursor string `json:"cursor"`
	// Entries are the new ones, in commit order; none in a frame that only
	// tells that the feed is alive, or where it begins.
	Entries []json.RawMessage `json:"entries"`
	// Gap is how many entries were missed that the client won't be sent,
	// because they are more than MaxCatchUp: it should read the list anew.
	Gap int `json:"gap,omitempty"`
	// End says why the feed ends: "denied" (Authorize no longer lets the client
	// follow), "behind" or "lifetime" (resume from the cursor), "closed" (the
	// server shuts down: try again later), "poll" (the server can't hold a feed
	// open: come back in three seconds).
	End string `json:"end,omitempty"`
}

// Handler serves the hub's feed: as WebSocket where the request asks for an
// upgrade, as server-sent events otherwise. after= (or Last-Event-ID) resumes.
//
// A page of another origin is refused with 403. Where a server in between can't
// flush, an event stream is cut after what there is, and the browser polls.
// A handler without Authorize is refused with an error.
func (h *Hub) Handler(opts *HandlerOptions) (http.Handler, error) {
	if opts == nil || opts.Authorize == nil {
		return nil, errors.New("stream: HandlerOptions.Authorize is required: it says what a request may follow")
	}
	s := &server{hub: h, opts: *opts}
	if s.opts.Recheck <= 0 {
		s.opts.Recheck = 50 * time.Second
	}
	if s.opts.Lifetime <= 0 {
		s.opts.Lifetime = 30 * time.Minute
	}
	if s.opts.MaxReaders <= 0 {
		s.opts.MaxReaders = 1000
	}
	return s, nil
}

type server struct {
	hub  *Hub
	opts HandlerOptions
	open atomic.Int64
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet {
		w.Header().Set("Allow", "GET")
		http.Error(w, "A feed is followed with GET.", http.StatusMethodNotAllowed)
		return
	}
	if !s.sameOrigin(r) {
		http.Error(w, "A page of another origin may not follow the audit trail.", http.StatusForbidden)
		return
	}
	defer s.open.Add(-1)
	if s.open.Add(1) > int64(s.opts.MaxReaders) {
		w.Header().Set("Retry-After", "30")
		http.Error(w, "Too many readers follow the audit trail. Try again later.", http.StatusServiceUnavailable)
		return
	}
	c := s.admit(w, r)
	if c == nil {
		return
	}
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
	feed, err := s.opts.Authorize(r)
	if err != nil {
		http.Error(w, "You may not follow the audit trail.", http.StatusForbidden)
		return nil
	}
	after := r.URL.Query().Get("after")
	if id := r.Header.Get("Last-Event-ID"); id != "" {
		after = id
	}
	reader, err := s.hub.Follow(r.Context(), feed.Filter, after)
	if err != nil {
		refuse(w, err)
		return nil
	}
	c := &session{server: s, request: r, reader: reader, resumed: after != "", timer: time.NewTimer(0)}
	c.writeAs(feed)
	return c
}

func refuse(w http.ResponseWriter, err error) {
	status, text := http.StatusInternalServerError, "The audit trail could not be read."
	var bad *audit.QueryError
	switch {
	case errors.As(err, &bad):
		status, text = http.StatusBadRequest, bad.Error()
	case errors.Is(err, audit.ErrBadCursor):
		status, text = http.StatusBadRequest, "The position is not one of this trail."
	case errors.Is(err, audit.ErrClosed):
		status, text = http.StatusServiceUnavailable, "The audit trail is closed."
	case errors.Is(err, errors.ErrUnsupported):
		status, text = http.StatusNotImplemented, "This trail can't be followed."
	}
	http.Error(w, text, status)
}

// sameOrigin guards against pages of other origins: a WebSocket is no subject
// to the browser's same-origin policy, and cookies are sent along.
//
// Where the browser says Sec-Fetch-Site, that decides (Chromium doesn't on
// WebSocket handshakes). Else the Origin's host must be the request's.
// X-Forwarded-Host counts for this check alone: a page can't set headers of a
// handshake, and a proxy that rewrites Host would otherwise lock everybody out.
// Without an Origin the client is no browser.
func (s *server) sameOrigin(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if slices.Contains(s.opts.AllowedOrigins, origin) && origin != "" {
		return true
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "same-origin", "none":
		return true
	case "":
	default:
		return false
	}
	if origin == "" {
		return true
	}
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" {
		return false
	}
	return strings.EqualFold(u.Host, r.Host) || strings.EqualFold(u.Host, r.Header.Get("X-Forwarded-Host"))
}

// session is one client that follows.
type session struct {
	*server
	request *http.Request
	reader  *Reader
	encode  encoder
	key     string
	timer   *time.Timer
	resumed bool
	past    int // entries of the past that were sent
}

// message is a frame on its way: readers that see the same share its bytes.
type message struct {
	cursor string
	data   []byte
	idle   bool // nothing new: the feed is alive
}

// run sends frames until the feed ends, and returns the last one, unsent. An
// error means that the client has gone.
func (c *session) run(ctx context.Context, send func(message) error) (last Frame, err error) {
	start := time.Now()
	ends, recheck, sent := start.Add(c.opts.Lifetime), start.Add(c.opts.Recheck), start
	if err := send(idle(c.reader.Position())); err != nil {
		return Frame{}, err
	}
	for {
		p, err := c.next(ctx, earliest(ends, recheck, sent.Add(pingEvery)))
		if ctx.Err() != nil {
			return Frame{}, ctx.Err()
		}
		if err != nil {
			return c.ending(err), nil
		}
		now := time.Now()
		if p != nil || now.Sub(sent) >= pingEvery {
			m, err := c.message(ctx, p)
			if err != nil {
				return c.ending(err), nil
			}
			if err := send(m); err != nil {
				return Frame{}, err
			}
			sent = now
		}
		if !now.Before(ends) {
			return c.end("lifetime"), nil
		}
		if !now.Before(recheck) {
			recheck = now.Add(c.opts.Recheck)
			if why := c.recheck(); why != "" {
				return c.end(why), nil
			}
		}
	}
}

func earliest(a, b, c time.Time) time.Time {
	if b.Before(a) {
		a = b
	}
	if c.Before(a) {
		a = c
	}
	return a
}

// next waits until a time for what comes next; nil and no error is nothing.
func (c *session) next(ctx context.Context, until time.Time) (*parcel, error) {
	if !c.reader.live {
		return c.reader.catchUp(ctx)
	}
	if p, err := c.reader.take(); p != nil || err != nil {
		return p, err
	}
	c.timer.Reset(time.Until(until))
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-c.timer.C:
	case <-c.reader.ready:
	}
	return nil, nil
}

// message is the frame for a parcel, or for none.
func (c *session) message(ctx context.Context, p *parcel) (message, error) {
	if p == nil {
		return idle(c.reader.progress()), nil
	}
	if c.tooFarBehind(len(p.items)) {
		f, err := c.gap(ctx, len(p.items))
		return message{cursor: f.Cursor, data: f.bytes()}, err
	}
	m := message{cursor: c.reader.Position()}
	var err error
	if m.cursor == p.end.String() {
		m.data, err = p.frame(c.key, c.encode)
	} else {
		m.data, err = p.encode(c.reader.last, c.key, c.encode)
	}
	return m, err
}

func idle(cursor string) message {
	return message{cursor: cursor, data: Frame{Cursor: cursor}.bytes(), idle: true}
}

// writeAs takes from a feed how entries are written.
func (c *session) writeAs(feed Feed) {
	c.key, c.encode = feed.Key, feed.Encode
	if c.encode == nil {
		c.encode = func(e audit.Entry) ([]byte, error) { return json.Marshal(e) }
	}
}

// recheck asks Authorize again, and says why the feed must end; "" if it goes on.
func (c *session) recheck() string {
	feed, err := c.opts.Authorize(c.request)
	if err != nil {
		return "denied"
	}
	if keyOf(audit.Filter{}.And(feed.Filter)) != c.reader.group {
		return "lifetime" // what it may see is another now: it comes back for that
	}
	c.writeAs(feed) // values may be masked otherwise than before
	return ""
}

// tooFarBehind counts what a resuming client is sent of the past.
func (c *session) tooFarBehind(n int) bool {
	if c.reader.live || c.opts.MaxCatchUp <= 0 {
		return false
	}
	c.past += n
	return c.past > c.opts.MaxCatchUp
}

// maxGap is how far a gap is counted.
const maxGap = 100_000

// gap skips the n events that were read and those behind them, up to now, and
// tells how many they are.
func (c *session) gap(ctx context.Context, n int) (Frame, error) {
	for !c.reader.live && n < maxGap {
		p, err := c.reader.catchUp(ctx)
		if err != nil {
			return Frame{}, err
		}
		if p != nil {
			n += len(p.items)
		}
	}
	c.past = 0
	return Frame{Cursor: c.reader.Position(), Gap: n}, nil
}

func (c *session) end(why string) Frame { return Frame{Cursor: c.reader.Position(), End: why} }

func (c *session) ending(err error) Frame {
	var behind *BehindError
	switch {
	case errors.As(err, &behind):
		return c.end("behind")
	case !errors.Is(err, audit.ErrClosed):
		c.hub.opts.Logger.Warn("audit stream: a feed ends", "error", err)
	}
	return c.end("closed")
}

// bytes is the frame as JSON. The entries are JSON already, and aren't read
// again for each client.
func (f Frame) bytes() []byte {
	var b bytes.Buffer
	cursor, _ := json.Marshal(f.Cursor) // text always has a JSON form
	b.WriteString(`{"cursor":`)
	b.Write(cursor)
	b.WriteString(`,"entries":[`)
	for i, e := range f.Entries {
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(e)
	}
	b.WriteByte(']')
	if f.Gap > 0 {
		b.WriteString(`,"gap":` + strconv.Itoa(f.Gap))
	}
	if f.End != "" {
		b.WriteString(`,"end":"` + f.End + `"`)
	}
	b.WriteByte('}')
	return b.Bytes()
}
