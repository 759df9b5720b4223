package viewer

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/access"
	"github.com/gormtrail/audit/export"
)

// Link is a place outside of the viewer.
type Link struct{ Label, URL string }

// Options of the viewer. All but Authorize have defaults. A negative number is an
// error of New.
type Options struct {
	// Authorize says what a request may see. It is called for every page, API
	// call and download, and again while a live feed is open, which ends within a
	// minute of a refusal; only style sheets, scripts and the API's description
	// are served without it. A refusal is status 403; an error other than
	// access.ErrDenied is also logged. Required: New refuses to serve without it.
	// During development you can use access.InsecureForDevelopment.
	Authorize access.Authorize
	// IgnoreParams are parameters of the query string that belong to your app. The page
	// ignores any other unknown one, except utm_*, with a note that names it: a mistyped
	// filter would show more than was asked for. The API, downloads and the live feed
	// answer 400. A parameter of a filter can't be ignored. Default: none.
	IgnoreParams []string
	// Reader is read instead of the trail: page, API and downloads. It should be an
	// audit.Counter and an audit.Paginator too. Without the first pages have no number of
	// entries. Without the second they have no links to the entry before and after, and
	// readers who see no addresses can't search. The live feed is the trail's. Default:
	// the trail.
	Reader audit.Reader
	// Title is the page's name. Default: "Audit log", in the
	// reader's language.
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
	// Zones are the time zones (IANA) that the zone menu offers beside UTC, Location
	// and the browser's; any other can be typed. The choice is kept in a cookie of the
	// page's path. Default: sixteen, from Los Angeles to Auckland.
	Zones []string
	// Languages are offered beside English: German(), Spanish(), French(),
	// Japanese(), or a host's own;
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
	// request's own host whose scripts may open the live feed and export.
	// Default: none.
	AllowedOrigins []string
	// MaxLive bounds the live feeds open at a time; above it a reader is told
	// to try again. Default: 1000.
	MaxLive int
	// MaxLivePerTenant bounds those of grants whose scope is the same one tenant.
	// Default: 250.
	MaxLivePerTenant int
	// CountBound is how far entries are counted: beyond, the page says
	// "10,000+". Default: 10,000.
	CountBound int
	// Export says what downloads are like.
	Export ExportOptions
	// ExportLimiter bounds how many downloads run at once (export.Options.Limiter).
	// Share one with export handlers of your own. Default: one of the viewer's own,
	// of 8 downloads, 2 of one actor.
	ExportLimiter *export.Limiter
	// Users returns your app's users whose name, email or ID contains find in any case,
	// or all if find is "". The user menu lists them with those who acted, each once, as
	// Filter.Users names them (Actor.User). tenants are those that the reader may see; nil
	// means all of them. It isn't called for readers without Personal. A menu shows 200
	// users and finds among 1,000, so return no more. A call that takes longer than half a
	// second, fails or panics is logged, and the menu has those who acted. It must be
	// safe for concurrent use, and should stop when ctx ends. Default: those who acted.
	Users func(ctx context.Context, tenants []string, find string) ([]audit.Actor, error)
	// Views keeps saved views that all readers see. Readers whose grant has Operate
	// save and remove them; each change is an entry. Default: none; every browser keeps
	// its own.
	Views Views
	// Jobs prepares downloads in the background, for those that would take too long
	// for a request: readers whose grant has Export and Operate can start, follow,
	// cancel and download them on the page and through the API. Close it when your app
	// ends. Default: none; the page has direct downloads only.
	Jobs *export.Jobs
	// MaxPageBytes bounds the entries of one page, in bytes (audit.Query.MaxBytes):
	// of very large entries a page of the list, of the API and of a record's
	// history has fewer than asked for, and the next page continues from there.
	// Default: 8 MiB.
	MaxPageBytes int
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

// ExportOptions are those of the page's downloads. The zero value has every default.
type ExportOptions struct {
	// Columns are a file's where the URL names none (columns=). Those of your own that
	// have a Name can be chosen in the URL beside the built-in ones. Default:
	// export.DefaultColumns; export.FullColumns have every field.
	Columns []export.Column
	// Company and Logo are whose reports they are (export.Options). Default: not said.
	Company string
	Logo    []byte
	// FoldAutomatic leaves fields that the framework sets out of the changes
	// (export.Options.FoldAutomatic). Default: files have all changes.
	FoldAutomatic bool
	// MaxRows cuts files after so many rows, which they say. Default: no limit.
	MaxRows int
	// Formats are offered, in this order. Default: CSV with a byte order mark, which
	// Excel needs to read it right, Excel, PDF and JSON Lines.
	Formats []export.Format
}

const (
	defaultCountBound = 10_000
	defaultPageBytes  = 8 << 20
)

// checkBounds refuses negative numbers.
func (o *Options) checkBounds() error {
	for name, n := range map[string]int{"CountBound": o.CountBound, "MaxLive": o.MaxLive, "MaxLivePerTenant": o.MaxLivePerTenant, "MaxPageBytes": o.MaxPageBytes, "Export.MaxRows": o.Export.MaxRows} {
		if n < 0 {
			return fmt.Errorf("viewer: Options.%s is %d, and can't be negative", name, n)
		}
	}
	return nil
}
