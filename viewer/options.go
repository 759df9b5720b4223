package viewer

import (
	"errors"
	"net/http"
	"time"

	"github.com/gormtrail/audit"
)

// ErrDenied is what an Authorize returns that lets a request see nothing. The
// reader gets status 403 and a page that says so. Any other error does the
// same to the reader and is told to the trail's logger: a check that could not
// be made is no permission.
var ErrDenied = errors.New("viewer: this request may not read the audit trail")

// Access is what one request may see and do. Its zero value may read the whole
// trail, save personal data, and neither export nor follow it live.
type Access struct {
	// Scope is and-ed under everything: page, API, facets, exports, live feed.
	// Default: the whole trail.
	Scope audit.Filter
	// Personal shows email and IP addresses. Without it they are masked
	// wherever they stand, the values of changes included, and nothing can be
	// filtered, sorted or searched by them.
	Personal bool
	// Export allows the downloads.
	Export bool
	// Live allows the live feed.
	Live bool
	// Hidden are fields whose values this reader never sees: columns of
	// changes ("salary"), paths into structured values ("settings.token"), and
	// keys of the metadata. That such a field changed is shown.
	Hidden []string
	// Actor is who is reading, for Options.Record. Default: the actor that the
	// request's context carries (audit.WithActor).
	Actor audit.Actor
}

// Link is a place outside of the viewer.
type Link struct{ Label, URL string }

// Options of the viewer. All but Authorize have defaults.
type Options struct {
	// Authorize says what a request may see. It is asked for every page, API
	// call and download, and again while a live feed runs, which ends within a
	// minute of a refusal; only style sheets, scripts and the API's description
	// are served without it. Required: New refuses to serve without it. For a
	// look at development time there is InsecureForDevelopment.
	Authorize func(*http.Request) (Access, error)
	// Title is the page's name. Default: "Audit trail".
	Title string
	// Back leads from the page back into the host. Default: no such link.
	Back Link
	// Logo is an SVG image beside the back link, 20 pixels high.
	// Default: none.
	Logo []byte
	// ThemeCSS is a style sheet that comes after the viewer's own, whose
	// colours are the --av-* variables. Default: none.
	ThemeCSS []byte
	// Theme is "light" or "dark" to force one. Default: as the reader's system
	// says.
	Theme string
	// Location is the zone that times are shown in where the URL asks for no
	// other (tz=Europe/Berlin). Default: UTC.
	Location *time.Location
	// Languages are offered beside English: German(), French(), or a host's own;
	// the reader's Accept-Language decides. Default: English alone.
	Languages []Language
	// Language, where set, says which language a reader wants ("de"), and comes
	// before the browser's wish; "" or one that isn't offered leaves it to that.
	// Default: the browser's wish alone.
	Language func(*http.Request) string
	// RecordURL is the host's own page for an object; "" where there is none.
	// Default: objects are not linked.
	RecordURL func(objectType, id string) string
	// Label names a field to people: "credit_limit" as "Credit limit". ""
	// leaves it as it is. Default: as recorded.
	Label func(objectType, field string) string
	// Nonce, where set, leaves the Content-Security-Policy to the host and
	// gives the page's script and style elements this nonce ("" for none).
	// Default: the viewer sends its own policy.
	Nonce func(*http.Request) string
	// Gzip compresses the pages. Hosts whose middleware does so leave it off.
	// The viewer's pages hold no secret of a session, so that the search text
	// they repeat reveals nothing through the compressed size (BREACH).
	// Default: off; style sheets and scripts are always compressed.
	Gzip bool
	// AllowedOrigins are the origins ("https://admin.example.com") beside the
	// request's own host that may open the live feed. Default: none.
	AllowedOrigins []string
	// MaxLive bounds the live feeds open at a time; above it a reader is told
	// to try again. Default: 1000.
	MaxLive int
	// CountBound is how far entries are counted: beyond, the page says
	// "10,000+". Default: 10000.
	CountBound int
	// Record puts an entry on the trail whenever someone reads or exports it
	// (actions "view" and "export"). Where that fails, nothing is shown.
	// Default: reading leaves no trace.
	Record bool
	// Wake makes the live feed look at once for entries of other processes, as
	// stream.HubOptions.Wake does (pgnotify.Notifier.Wake). Those of this process
	// are always seen at once. Default: none; the feed looks five times a second
	// while someone follows.
	Wake <-chan struct{}
}

// InsecureForDevelopment lets everybody see and export everything. It is meant
// for a program on a developer's own machine, and for nothing else.
func InsecureForDevelopment(*http.Request) (Access, error) {
	return Access{Personal: true, Export: true, Live: true}, nil
}
