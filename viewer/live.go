package viewer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/access"
	"github.com/gormtrail/audit/stream"
)

var errNoLive = errors.New("You can't use live updates for this audit log.")

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
		Authorize: v.opts.Authorize, IgnoreParams: v.opts.IgnoreParams, Filter: v.liveFilter, Encode: v.liveEncode, Key: v.liveKey,
		AllowedOrigins: v.opts.AllowedOrigins, MaxReaders: v.opts.MaxLive, MaxPerTenant: v.opts.MaxLivePerTenant, MaxCatchUp: maxCatchUp,
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
func (s *visit) mayFollow() bool { return s.feed != nil && s.grant.Follow }

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

// liveFilter is what a feed's request asks for. Nothing is read for it, so that
// it needs no grant.
func (v *Viewer) liveFilter(r *http.Request) (audit.Filter, error) {
	s, err := v.newVisit(r, access.Grant{})
	if err != nil {
		return audit.Filter{}, err
	}
	f := s.query.Filter
	if audit.Period(s.state.Get("range")).Moves() {
		f.To = time.Time{}                  // the last 24 hours go on
		f.From = f.From.Truncate(time.Hour) // and are the same for all who look at them
	}
	return f, nil
}

// liveKey is the same for feeds whose rows look the same, but for masks.
func (v *Viewer) liveKey(r *http.Request) string {
	s, err := v.newVisit(r, access.Grant{})
	if err != nil {
		return ""
	}
	return fmt.Sprintf("%q %v %q", s.list(), asksJSON(r), s.lang.Tag)
}

// liveEncode writes entries as the page's own rows, or as data.
func (v *Viewer) liveEncode(r *http.Request, grant access.Grant) func(audit.Entry) ([]byte, error) {
	if asksJSON(r) {
		return func(e audit.Entry) ([]byte, error) { return json.Marshal(e) }
	}
	s, err := v.newVisit(r, grant)
	if err != nil {
		return func(audit.Entry) ([]byte, error) { return nil, err }
	}
	s.state.Del("cursor")
	rows := s.rows()
	rows.live = true
	return func(e audit.Entry) ([]byte, error) {
		var m markup
		rows.left, rows.now = foldBudget, time.Now()
		rows.row(&m, &e)
		return json.Marshal(string(m))
	}
}

// allowed reports what is wrong with the query, or asks for what is masked, for
// the answers that don't begin with reading a page.
func (s *visit) allowed() error { return s.grant.Check(s.query) }

// position is where a feed has to begin so that it and this page together miss
// nothing: asked before the page's entries are read.
func (s *visit) position(ctx context.Context) (string, error) {
	if !s.mayFollow() {
		return "", nil
	}
	return stream.Head(ctx, s.trail)
}
