package viewer

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gormtrail/audit/access"
	"github.com/gormtrail/audit/export"
)

var errNoExport = errors.New("You can view the audit log but not export it.")

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
	columns, err := s.fileColumns(s.request.URL.Query())
	if err != nil {
		return nil, nil, err
	}
	opts := &export.Options{
		Title: s.name(), Columns: columns, Location: s.zone, Labels: s.lang.Texts, RightToLeft: s.lang.RightToLeft, Company: s.opts.Export.Company, Logo: s.opts.Export.Logo, MaxRows: s.opts.Export.MaxRows, FoldAutomatic: s.opts.Export.FoldAutomatic, Formats: s.opts.exportFormats(),
		AllowedOrigins: s.opts.AllowedOrigins, Limiter: s.opts.ExportLimiter, Reader: s.opts.Reader,
	}
	opts.Authorize = func(*http.Request) (access.Grant, error) { return s.grant, nil } // who was asked for this request already
	if s.opts.Record {
		opts.Record = s.trail
	}
	if err := s.allowed(); err != nil {
		return nil, nil, err
	}
	r := s.request.Clone(ctx)
	r.URL.RawQuery = s.with("cursor", "", "columns", "", "export", format)[1:]
	h, err := export.Handler(s.trail, opts)
	return h, r, err
}

// fileColumns are those that the URL names, and the outcome in any case: without it a
// file would say of what was denied that it happened.
func (s *visit) fileColumns(asked url.Values) ([]export.Column, error) {
	var offered []export.Column
	for _, c := range s.opts.Export.Columns {
		if c.Name != "" {
			offered = append(offered, c)
		}
	}
	for _, c := range export.AllColumns() {
		if !slices.ContainsFunc(offered, func(own export.Column) bool { return own.Name == c.Name }) {
			offered = append(offered, c)
		}
	}
	columns, err := export.ParseColumns(url.Values{"columns": fileNames(asked["columns"])}, offered)
	if err != nil || columns == nil {
		return s.opts.Export.Columns, err
	}
	if has := func(c export.Column) bool { return c.Name == "outcome" }; !slices.ContainsFunc(columns, has) {
		at := slices.IndexFunc(columns, func(c export.Column) bool { return c.Name == "action" })
		columns = slices.Insert(columns, at+1, offered[slices.IndexFunc(offered, has)])
	}
	return columns, nil
}

// fileNames turns the page's names of columns into those of files.
func fileNames(values []string) []string {
	names := strings.Split(strings.Join(values, ","), ",")
	for i, name := range names {
		if file, ok := personNames[strings.TrimSpace(name)]; ok {
			names[i] = file
		}
	}
	return names
}

// exportFormats are the files that the page offers.
func (o *Options) exportFormats() []export.Format {
	if o.Export.Formats != nil {
		return o.Export.Formats
	}
	return []export.Format{export.CSVFormat{BOM: true}, export.Excel, export.PDF, export.JSONLines}
}

// formatLabel is what people call a format.
func formatLabel(f export.Format) string {
	switch f.Name() {
	case "xlsx":
		return "Excel"
	case "jsonl":
		return "JSON Lines"
	}
	return strings.ToUpper(f.Name())
}

func (s *visit) exportLinks() []Link {
	var list []Link
	for _, f := range s.opts.exportFormats() {
		list = append(list, Link{formatLabel(f), s.list("export", f.Name(), "per", "", "limit", "")})
	}
	return list
}
