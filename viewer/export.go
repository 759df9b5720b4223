package viewer

import (
	"context"
	"errors"
	"net/http"

	"github.com/gormtrail/audit/access"
	"github.com/gormtrail/audit/export"
)

var errNoExport = errors.New("You can view the audit log but not export it.")

// exportFormats are the downloads that the page offers, with their labels.
var exportFormats = []struct {
	label  string
	format export.Format
}{
	{"CSV", export.CSV}, {"Excel", export.Excel}, {"PDF", export.PDF}, {"JSON Lines", export.JSONLines},
}

// serveExport sends the view as a file: the same query, scope and masks as the
// page, all its rows.
func (s *visit) serveExport(ctx context.Context, w http.ResponseWriter, format string) error {
	h, r, err := s.exporter(ctx, format)
	if err != nil {
		return err
	}
	h.ServeHTTP(w, r)
	return nil
}

// exporter is what exports the view, and the request that asks it to.
func (s *visit) exporter(ctx context.Context, format string) (*export.Server, *http.Request, error) {
	if !s.grant.Export {
		return nil, nil, errNoExport
	}
	columns, err := export.Columns(s.fileColumns()...)
	if err != nil {
		return nil, nil, err
	}
	opts := &export.Options{Title: s.name(), Columns: columns, Location: s.zone, Labels: s.lang.Texts, AllowedOrigins: s.opts.AllowedOrigins, Limiter: s.opts.ExportLimiter, Reader: s.opts.Reader}
	opts.Authorize = func(*http.Request) (access.Grant, error) { return s.grant, nil } // who was asked for this request already
	for _, f := range exportFormats {
		opts.Formats = append(opts.Formats, f.format)
	}
	if s.opts.Record {
		opts.Record = s.trail
	}
	if err := s.allowed(); err != nil {
		return nil, nil, err
	}
	r := s.request.Clone(ctx)
	r.URL.RawQuery = s.with("cursor", "", "export", format)[1:]
	h, err := export.Handler(s.trail, opts)
	return h, r, err
}

func (s *visit) exportLinks() []Link {
	var list []Link
	for _, f := range exportFormats {
		list = append(list, Link{f.label, s.list("export", f.format.Name(), "per", "", "limit", "")})
	}
	return list
}
