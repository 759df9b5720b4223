package viewer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/stream"
)

var errNoLive = errors.New("You may not follow the audit trail live.")

// maxCatchUp is how many missed entries are sent to a page that comes back;
// above that it is quicker to read the list anew.
const maxCatchUp = 200

// newFeed prepares the live feed; nil where the trail's store can't be followed.
func (v *Viewer) newFeed() (http.Handler, error) {
	hub, err := stream.NewHub(v.trail, &stream.HubOptions{Wake: v.opts.Wake})
	if errors.Is(err, errors.ErrUnsupported) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	v.hub = hub
	return hub.Handler(&stream.HandlerOptions{
		Authorize: v.follow, AllowedOrigins: v.opts.AllowedOrigins, MaxReaders: v.opts.MaxLive,
		MaxCatchUp: maxCatchUp,
	})
}

// Close ends the live feeds: http.Server.Shutdown doesn't wait for WebSockets,
// and waits in vain for event streams. Closing the trail does the same.
func (v *Viewer) Close(ctx context.Context) error {
	if v.hub == nil {
		return nil
	}
	return v.hub.Close(ctx)
}

// mayFollow reports whether the live feed is open to this reader.
func (s *visit) mayFollow() bool { return s.feed != nil && s.access.Live }

func (s *visit) serveLive(w http.ResponseWriter) error {
	if err := s.allowed(); err != nil {
		return err
	}
	if !s.mayFollow() {
		return errNoLive
	}
	if err := s.note(s.request.Context(), "view", "live"); err != nil {
		return err
	}
	s.feed.ServeHTTP(w, s.request)
	return nil
}

// follow is asked when a feed begins and again while it runs.
func (v *Viewer) follow(r *http.Request) (stream.Feed, error) {
	access, err := v.opts.Authorize(r)
	if err != nil {
		return stream.Feed{}, err
	}
	s, err := v.newVisit(r, access)
	if err == nil && !s.mayFollow() {
		err = errNoLive
	}
	if err == nil {
		err = s.allowed()
	}
	if err != nil {
		return stream.Feed{}, err
	}
	f, err := s.reader.expand(s.query.Filter)
	if err != nil {
		return stream.Feed{}, err
	}
	if p := s.state.Get("range"); p != "" && p != "custom" {
		f.To = time.Time{}                  // the last 24 hours go on
		f.From = f.From.Truncate(time.Hour) // and are the same for all who look at them
	}
	feed := stream.Feed{Filter: f.And(access.Scope), Encode: s.liveRow(nil)}
	if s.reader.sifts(audit.Query{Filter: f}) {
		// The words are looked for in what this reader sees: a gap, or a frame,
		// must not tell that a masked address holds them.
		feed.Filter, feed.Encode = unsearched(f).And(access.Scope), s.liveRow(&f)
	}
	hidden := slices.Sorted(slices.Values(access.Hidden))
	feed.Key = fmt.Sprintf("%q %v %q %v %q", s.list(), access.Personal, hidden, asksJSON(r), s.lang.Tag)
	return feed, nil
}

// allowed reports what is wrong with the query, or asks for what is masked, for
// the answers that don't begin with reading a page.
func (s *visit) allowed() error {
	q := s.query
	var err error
	if q.Filter, err = s.reader.expand(q.Filter); err != nil {
		return err
	}
	return s.reader.check(q)
}

// liveRow writes an entry as the page's own row, or as data; nothing where a
// filter is given that doesn't select it as this reader sees it.
func (s *visit) liveRow(sieve *audit.Filter) func(audit.Entry) ([]byte, error) {
	data := asksJSON(s.request)
	s.state.Del("cursor")
	rows := s.rows()
	return func(e audit.Entry) ([]byte, error) {
		e = s.reader.mask.entry(e)
		if sieve != nil && !sieve.Match(e) {
			return nil, nil
		}
		if data {
			return json.Marshal(e)
		}
		var m markup
		rows.row(&m, &e)
		return json.Marshal(string(m))
	}
}

// position is where a feed has to begin so that it and this page together miss
// nothing: asked before the page's entries are read.
func (s *visit) position(ctx context.Context) (string, error) {
	if !s.mayFollow() {
		return "", nil
	}
	return stream.Head(ctx, s.trail)
}
