package export

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/access"
)

// Options of Write and Handler. nil and the zero value mean every default.
type Options struct {
	// Title is the report's name: on the first page, on the sheet of filters,
	// and in the names of files that Handler serves. Default: "Audit log".
	Title string
	// Company is whose report it is, which Excel and PDF say. Default: not said.
	Company string
	// Logo is a PNG or JPEG image on the first page of a PDF, at most 4,000 pixels wide
	// and high. Default: none.
	Logo []byte
	// Columns are the table's columns in their order. JSON Lines has none: its
	// lines are whole entries. Default: DefaultColumns.
	Columns []Column
	// Location is the zone that times are shown in; every format states it.
	// Default: UTC.
	Location *time.Location
	// Period is the name of the query's range of time, if it has one: reports say
	// "Last 30 days" before the exact times. Handler takes it from range=.
	Period audit.Period
	// FoldAutomatic leaves fields that the framework sets (Catalogue.Automatic) out of
	// the column "changes", unless nothing else changed. Reports say so. JSON Lines
	// are always whole.
	FoldAutomatic bool
	// TimeLayout is how CSV writes times, as in package time.
	// Default: ISO 8601 with six decimals and the zone's offset, "Z" for UTC.
	TimeLayout string
	// Catalogue labels actions and types of objects for people, and colours
	// actions by severity. Default: the trail's for Handler; Write has none, and
	// shows them by their own names.
	Catalogue *audit.Catalogue
	// Labels translates the words of the report: headers, names of filters,
	// notices, and the Catalogue's labels of actions. Its keys are those of Texts,
	// and these labels; what it lacks stays as it is.
	Labels map[string]string
	// RightToLeft is for Labels in Arabic, Hebrew and the like: the sheets of a workbook
	// and the pages of a PDF begin at the right, and changes read "old ← new". In CSV and
	// Excel, invisible characters (UAX #9) keep each change in that order.
	RightToLeft bool
	// MaxRows cuts the file after so many rows. A cut file says so in its last
	// row, and so does the response. 0: no limit.
	MaxRows int
	// Progress is told, from the goroutine that writes, how many rows are done
	// and how many there will be; total is -1 where that is not known. It is
	// called before the first row, after every 1,000 and after the last.
	Progress func(done, total int)
	// Record puts the export itself on the trail: who, in which format, with
	// which filter, of which tenants (access.Recorded), how many rows, and the
	// SHA-256 of the file's bytes. The
	// file's last bytes are held back until it is recorded: a file that can't
	// be recorded is never delivered whole. Usually the *audit.Trail.
	// Default: not recorded.
	Record Recorder
	// Now is the clock for "generated at". Default: time.Now.
	Now func() time.Time

	// Formats is what Handler offers; the first is served where the request
	// names none. Default: CSV, Excel, PDF, JSONLines.
	Formats []Format
	// Authorize says what a request to Handler may see. An error, or a grant
	// without Export, is answered with 403; the error's text isn't shown. It is
	// required: Handler refuses to serve without it.
	Authorize access.Authorize

	// IgnoreParams are parameters of the query string that belong to your app. Any other
	// unknown one is answered with 400, except utm_*: a mistyped filter would select more
	// than was asked for. A parameter of a filter can't be ignored. Default: none.
	IgnoreParams []string
	// AllowedOrigins are the origins ("https://admin.example.com") beside the
	// request's own host whose scripts may export through Handler; a browser's
	// request from another site is answered with 403 (access.SameOrigin).
	// Default: none.
	AllowedOrigins []string
	// Limiter bounds how many exports Handler runs at once; more are answered with
	// 429. Share one between handlers of a process. Default: one of the handler's
	// own, of 8 exports, 2 of one actor.
	Limiter *Limiter
	// WriteTimeout is how long Handler waits for a client to take 64 KB of the
	// file; a server's WriteTimeout doesn't hold for exports. A negative one is an
	// error. Default: 30 seconds.
	WriteTimeout time.Duration
	// Reader is read by Handler instead of the trail. Default: the trail.
	Reader audit.Reader
	// Logger is told what Handler can't return. Default: the trail's.
	Logger *slog.Logger
}

// Recorder is the part of a *audit.Trail that puts the export on the trail.
type Recorder interface {
	Record(ctx context.Context, entries ...audit.Entry) error
}

const defaultWriteTimeout = 30 * time.Second

const defaultTimeLayout = "2006-01-02T15:04:05.000000Z07:00"

// withDefaults returns a copy with every default filled in.
func (o *Options) withDefaults() (Options, error) {
	var c Options
	if o != nil {
		c = *o
	}
	c.setDefaults() // also where there is a mistake: its logger tells of it
	if c.MaxRows < 0 {
		return c, fmt.Errorf("export: MaxRows is %d, and can't be negative", c.MaxRows)
	}
	if c.WriteTimeout < 0 {
		return c, fmt.Errorf("export: WriteTimeout is %v, and can't be negative", c.WriteTimeout)
	}
	if len(c.Logo) > 0 {
		var err error
		if c.Logo, err = plainPNG(c.Logo); err != nil {
			return c, err
		}
	}
	for i, column := range c.Columns {
		if column.Value == nil {
			return c, fmt.Errorf("export: column %d, %q, has no Value", i, column.Header)
		}
	}
	if o != nil && o.Columns != nil && len(o.Columns) == 0 {
		return c, errors.New("export: a table needs at least one column")
	}
	return c, nil
}

// defaultTitle names reports. Their files are named "audit-logs".
const defaultTitle = "Audit log"

func (o *Options) setDefaults() {
	if o.Title == "" {
		o.Title = defaultTitle
	}
	if o.Columns == nil {
		o.Columns = DefaultColumns()
	}
	if o.Location == nil {
		o.Location = time.UTC
	}
	if o.TimeLayout == "" {
		o.TimeLayout = defaultTimeLayout
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if len(o.Formats) == 0 {
		o.Formats = readyFormats()
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.WriteTimeout == 0 {
		o.WriteTimeout = defaultWriteTimeout
	}
}
