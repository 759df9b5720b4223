package viewer

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/gormtrail/audit"
)

// With Options.Record the view of a page is one entry, although the page loads its chart
// and further values of its menus by requests of their own. The page gives its scripts a
// pass for these, and a request with a pass leaves no entry: its own is there already.
//
// A pass is a time and a MAC. It is good for an hour, for the same reader and tenants,
// and for one thing: the menus, or the chart of one filter.

const (
	passHeader  = "Av-Pass"
	passLasts   = time.Hour
	passPurpose = "viewer: part of a recorded view"

	passMenus = "menus"
)

// Pass returns what scripts send in passHeader; "" if the view isn't an entry.
func (s *visit) Pass(what string) string {
	if !s.opts.Record || !s.noted {
		return ""
	}
	return s.passAt(what, strconv.FormatInt(s.now.Unix(), 10))
}

// MenusPass is the pass for values of menus and for completions.
func (s *visit) MenusPass() string { return s.Pass(passMenus) }

// ChartPass is the pass for the chart of all that the list selects.
func (s *visit) ChartPass() string { return s.Pass(s.chartOf()) }

// chartOf names the chart of this filter.
func (s *visit) chartOf() string { return "chart" + s.ChartLink() }

// partOfView reports whether a request loads a part of a page whose view is an entry.
func (s *visit) partOfView() bool {
	what := passMenus
	switch asked := s.request.URL.Query(); {
	case asked.Get("entry") != "":
		return false
	case asked.Get("chart") != "":
		what = s.chartOf()
	case asked.Get("facet") == "":
		return false
	}
	pass := s.request.Header.Get(passHeader)
	at, _, _ := strings.Cut(pass, ".")
	unix, err := strconv.ParseInt(at, 10, 64)
	if age := s.now.Sub(time.Unix(unix, 0)); err != nil || age < -time.Second || age > passLasts {
		return false
	}
	want := s.passAt(what, at)
	return want != "" && hmac.Equal([]byte(pass), []byte(want))
}

// passAt returns the pass that was given at a time; "" if the trail has no key now.
func (s *visit) passAt(what, at string) string {
	ctx := s.request.Context()
	key, err := s.trail.SubKey(ctx, nil, passPurpose)
	if err != nil {
		return ""
	}
	reader := s.grant.Actor
	if reader == (audit.Actor{}) {
		reader = audit.ActorFrom(ctx)
	}
	tenants, all := tenantsOf(s.grant)
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%q %q %q %q %v", what, at, []string{reader.Type, reader.ID, reader.Name, reader.Email}, tenants, all)
	return at + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:16])
}
