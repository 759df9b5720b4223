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
	// It is asked again while the feed runs (Recheck), with the same request; an
	// error then ends the feed. Required.
	Authorize func(*http.Request) (Feed, error)
	// AllowedOrigins are the origins ("https://admin.example.com") beside the
	// request's own host whose pages may follow. Default: none.
	AllowedOrigins []string
	// Recheck is how often Authorize is asked again. Default: a minute.
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
	// Gather is how long events are gathered into one frame. Default: 100 ms.
	Gather time.Duration
}

const (
	writeWait = 10 * time.Second // for a client to take a frame
	pingEvery = 25 * time.Second // shorter than proxies' usual minute
	perFrame  = 50               // events after which a frame no longer waits for more
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
		s.opts.Recheck = time.Minute
	}
	if s.opts.Lifetime <= 0 {
		s.opts.Lifetime = 30 * time.Minute
	}
	if s.opts.MaxReaders <= 0 {
		s.opts.MaxReaders = 1000
	}
	if s.opts.Gather <= 0 {
		s.opts.Gather = 100 * time.Millisecond
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
	feed, err := s.opts.Authorize(r)
	if err != nil {
		http.Error(w, "You may not follow the audit trail.", http.StatusForbidden)
		return
	}
	defer s.open.Add(-1)
	if s.open.Add(1) > int64(s.opts.MaxReaders) {
		w.Header().Set("Retry-After", "30")
		http.Error(w, "Too many readers follow the audit trail. Try again later.", http.StatusServiceUnavailable)
		return
	}
	after := r.URL.Query().Get("after")
	if id := r.Header.Get("Last-Event-ID"); id != "" {
		after = id
	}
	reader, err := s.hub.Follow(r.Context(), feed.Filter, after)
	if err != nil {
		refuse(w, err)
		return
	}
	defer reader.Close()
	c := &session{server: s, request: r, feed: feed, reader: reader, resumed: after != ""}
	if strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		c.serveSocket(w)
	} else {
		c.serveEvents(w)
	}
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
	feed    Feed
	reader  *Reader
	resumed bool
	past    int // entries of the past that were sent
}

// run sends frames until the feed ends, and returns the last one, unsent. An
// error means that the client has gone.
func (c *session) run(ctx context.Context, send func(Frame) error) (last Frame, err error) {
	start := time.Now()
	ends, recheck, sent := start.Add(c.opts.Lifetime), start.Add(c.opts.Recheck), start
	if err := send(Frame{Cursor: c.reader.Position()}); err != nil {
		return Frame{}, err
	}
	for {
		items, err := c.gather(ctx, min(time.Until(ends), time.Until(recheck), time.Until(sent.Add(pingEvery))))
		idle := errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil
		if ctx.Err() != nil {
			return Frame{}, ctx.Err()
		}
		frame := Frame{Cursor: c.reader.Position()}
		if err != nil && !idle {
			return c.ending(frame, err), nil
		}
		if c.tooFarBehind(len(items)) {
			if frame, err = c.gap(ctx, len(items)); err != nil {
				return frame, nil
			}
			items = nil
		}
		if frame.Entries, err = c.encode(items); err != nil {
			return c.ending(frame, err), nil
		}
		now := time.Now()
		if len(items) > 0 || frame.Gap > 0 || now.Sub(sent) >= pingEvery {
			if sent = now; len(items) == 0 && frame.Gap == 0 {
				frame.Cursor = c.reader.progress()
			}
			if err := send(frame); err != nil {
				return Frame{}, err
			}
		}
		frame.Entries = nil
		if now.After(ends) {
			frame.End = "lifetime"
			return frame, nil
		}
		if now.After(recheck) {
			recheck = now.Add(c.opts.Recheck)
			if _, err := c.opts.Authorize(c.request); err != nil {
				frame.End = "denied"
				return frame, nil
			}
		}
	}
}

// gather waits for events, then a moment more for those that come with them.
func (c *session) gather(ctx context.Context, wait time.Duration) ([]*item, error) {
	waiting, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	items, err := c.reader.next(waiting)
	if err != nil || !c.reader.live {
		return items, err
	}
	more, cancel := context.WithTimeout(ctx, c.opts.Gather)
	defer cancel()
	for len(items) < perFrame {
		next, err := c.reader.next(more)
		if err != nil {
			break // it comes again with the next call
		}
		items = append(items, next...)
	}
	return items, nil
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
		items, err := c.reader.catchUp(ctx)
		if err != nil {
			return c.ending(Frame{Cursor: c.reader.Position()}, err), err
		}
		if len(items) > 0 {
			c.reader.last = c.reader.behind(items[len(items)-1])
		}
		n += len(items)
	}
	c.past = 0
	return Frame{Cursor: c.reader.Position(), Gap: n}, nil
}

func (c *session) ending(frame Frame, err error) Frame {
	var behind *BehindError
	switch {
	case errors.As(err, &behind):
		frame.Cursor, frame.End = behind.Position, "behind"
	case errors.Is(err, audit.ErrClosed):
		frame.End = "closed"
	default:
		c.hub.opts.Logger.Warn("audit stream: a feed ends", "error", err)
		frame.End = "closed"
	}
	return frame
}

func (c *session) encode(items []*item) ([]json.RawMessage, error) {
	encode := c.feed.Encode
	if encode == nil {
		encode = func(e audit.Entry) ([]byte, error) { return json.Marshal(e) }
	}
	list := make([]json.RawMessage, 0, len(items))
	for _, it := range items {
		data, err := it.as(c.feed.Key, encode)
		if err != nil {
			return nil, err
		}
		if data != nil {
			list = append(list, data)
		}
	}
	return list, nil
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
