package export

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/access"
	"github.com/gormtrail/audit/search"
)

// The headers and trailers that a response says about itself, beside the file.
const (
	// HeaderTruncated is "true" where MaxRows cut the file. It is a header where
	// that is known before the first byte (the reader can count, or the file is
	// small), and a trailer in any case.
	HeaderTruncated = "Audit-Export-Truncated"
	// HeaderRows is the number of rows, as a trailer; as a header where the
	// file was finished before its first byte was sent.
	HeaderRows = "Audit-Export-Rows"
)

// Server serves exports of a trail over HTTP. It is safe for concurrent use.
type Server struct {
	trail   *audit.Trail
	opts    Options
	columns []Column // that a request can choose among
}

// Handler returns a Server that sends exports of a trail as attachments. The
// request's query string is the page's (audit.ParseQuery, with q read by
// search.Parse), with format= (or export=) csv, xlsx, pdf or jsonl. limit
// and cursor are ignored: an export is of the whole query. tz= names a time zone
// (IANA) instead of Options.Location, for the times in the file and for the days and
// times of from=, to= and range= that name no zone. columns= chooses and orders the
// columns, as ParseColumns reads it: among the built-in ones or, where
// Options.Columns is set, among those.
//
// Options.Authorize is required. What it grants is all that a file can hold:
// rows are read through Grant.Reader, so they are scoped and masked as on the
// page. The grant's actor is the one who exports.
//
// GET sends the file, gzipped where the client takes it and the format isn't
// compressed itself; HEAD sends the same headers and reads nothing. Ranges are
// not served (Accept-Ranges: none): a file's bytes depend on when it is made.
//
// Answers: 400 for a query string that can't be meant, as JSON
// {"error": "…", "param": "from"}; 403 where Authorize refuses or doesn't grant
// exports, and for requests from other sites (access.SameOrigin); 405; 429 with
// Retry-After while too many exports run (Options.Limiter); 422 for more rows or text than the format holds; 503 for a store that
// isn't migrated, or a closed trail; 500 for everything else. Once bytes were
// sent, a failure can't change the status: the file's last row says that it is
// incomplete, and the connection is cut before the body's end
// (http.ErrAbortHandler), so that no client takes it for whole. A client that
// stops reading for Options.WriteTimeout is cut off too.
func Handler(trail *audit.Trail, opts *Options) (*Server, error) {
	if trail == nil {
		return nil, errors.New("export: Handler needs a trail, and got nil")
	}
	if opts == nil || opts.Authorize == nil {
		return nil, errors.New("export: Options.Authorize is required: it says what a request may see (access.InsecureForDevelopment allows everything)")
	}
	o, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	if o.Catalogue == nil {
		o.Catalogue = trail.Catalogue()
	}
	if o.Reader == nil {
		o.Reader = trail
	}
	if opts.Logger == nil {
		o.Logger = trail.Logger()
	}
	if o.Limiter == nil {
		if o.Limiter, err = NewLimiter(0, 0); err != nil {
			return nil, err
		}
	}
	offered := opts.Columns
	if offered == nil {
		offered = AllColumns()
	}
	return &Server{trail: trail, opts: o, columns: offered}, nil
}

// request is one export asked for.
type request struct {
	format  Format
	query   audit.Query
	selects audit.Query  // the query with its search taken apart
	reads   audit.Filter // what that selects in the grant's scope
	from    audit.Reader
	opts    Options
}

// retryAfter is how many seconds a client should wait for others' exports.
const retryAfter = "10"

// ServeHTTP answers a request, whatever its path.
func (h *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		refuse(w, http.StatusMethodNotAllowed, "exports are read with GET or HEAD", "")
		return
	}
	if !access.SameOrigin(r, h.opts.AllowedOrigins) {
		refuse(w, http.StatusForbidden, "a page of another origin may not export this", "")
		return
	}
	grant, err := h.authorize(r)
	if err != nil {
		refuse(w, http.StatusForbidden, "you may not export this", "")
		return
	}
	req, err := h.parse(r)
	if err == nil {
		err = grant.Check(req.selects)
	}
	if err != nil {
		h.fail(w, r, err)
		return
	}
	if r.Method == http.MethodGet {
		end, ok := h.opts.Limiter.begin(actorKey(r, grant.Actor))
		if !ok {
			w.Header().Set("Retry-After", retryAfter)
			refuse(w, http.StatusTooManyRequests, "too many exports are running; try again in a moment", "")
			return
		}
		defer end()
	}
	req.from, req.reads = grant.Reader(h.opts.Reader), req.selects.And(grant.Scope)
	if !grant.Actor.IsZero() {
		r = r.WithContext(audit.WithActor(r.Context(), grant.Actor))
	}
	h.serve(w, r, req)
}

func (h *Server) authorize(r *http.Request) (access.Grant, error) {
	grant, err := h.opts.Authorize.Grant(r)
	if err != nil && !errors.Is(err, access.ErrDenied) {
		h.opts.Logger.WarnContext(r.Context(), "audit export: access refused", "error", err)
	}
	if err == nil && !grant.Export {
		err = access.ErrDenied
	}
	return grant, err
}

// parse reads what is asked for; every error is a *audit.QueryError.
func (h *Server) parse(r *http.Request) (request, error) {
	values, err := access.Values(r, h.opts.IgnoreParams...)
	if err != nil {
		return request{}, err
	}
	req := request{opts: h.opts}
	if req.format, err = h.format(values); err != nil {
		return request{}, err
	}
	if req.opts.Location, err = audit.ParseZone(values, h.opts.Location); err != nil {
		return request{}, err
	}
	columns, err := ParseColumns(values, h.columns)
	if err != nil {
		return request{}, err
	}
	if columns != nil {
		req.opts.Columns = columns
	}
	req.opts.Period = audit.Period(values.Get("range"))
	values.Del("cursor")
	values.Del("columns")
	if req.query, err = audit.ParseQueryIn(values, req.opts.Location); err != nil {
		return request{}, err
	}
	if req.query, err = validate(req.query); err != nil {
		return request{}, err
	}
	req.selects = req.query
	req.selects.Filter, err = search.Expand(req.query.Filter, h.trail.Catalogue(), req.opts.Location)
	return req, err
}

func (h *Server) format(values url.Values) (Format, error) {
	name, param := values.Get("format"), "format"
	if name == "" {
		name, param = values.Get("export"), "export"
	}
	if name == "" {
		return h.opts.Formats[0], nil
	}
	names := make([]string, len(h.opts.Formats))
	for i, f := range h.opts.Formats {
		if strings.EqualFold(f.Name(), name) {
			return f, nil
		}
		names[i] = f.Name()
	}
	return nil, &audit.QueryError{Param: param, Reason: fmt.Sprintf("%.40q is not one of %s", name, strings.Join(names, ", "))}
}

func (h *Server) serve(w http.ResponseWriter, r *http.Request, req request) {
	head := w.Header()
	head.Set("Content-Type", req.format.MediaType())
	head.Set("Content-Disposition", disposition(fileName(req.opts.Title, req.format, req.query, req.opts.Location)))
	head.Set("Accept-Ranges", "none")
	zip := compressible(req.format)
	if zip {
		head.Add("Vary", "Accept-Encoding")
		zip = acceptsGzip(r.Header)
	}
	if zip {
		head.Set("Content-Encoding", "gzip")
	}
	if r.Method == http.MethodHead {
		w.WriteHeader(http.StatusOK)
		return
	}
	table := newTable(r.Context(), req.from, req.query, req.opts)
	table.selects, table.reads = req.selects, req.reads
	body := &body{w: newPaced(w, req.opts.WriteTimeout), zip: zip, begin: h.announcer(r.Context(), head, table)}
	out := newTail(body, req.opts.Record != nil)
	err := write(r.Context(), out, req.format, table, req.opts.Record)
	if err == nil || body.begun { // a failure of which nothing was sent gets a plain answer
		err = errors.Join(err, out.flush())
	}
	if err == nil {
		err = body.finish()
	}
	if err != nil {
		h.abort(w, r, body, err)
		return
	}
	head.Set(http.TrailerPrefix+HeaderRows, strconv.Itoa(table.Count()))
	head.Set(http.TrailerPrefix+HeaderTruncated, strconv.FormatBool(table.Truncated()))
}

// announcer returns what sets the headers about the file when its first byte
// goes out. It counts now, where it has to: while the rows are being read, a
// second connection could be one that the pool doesn't have.
func (h *Server) announcer(ctx context.Context, head http.Header, t *Table) func() {
	more, known := false, false
	if t.maxRows > 0 {
		var err error
		_, more, known, err = countUpTo(ctx, t.from, t.selects, t.maxRows)
		known = known && err == nil // the export itself will tell of the error
	}
	return func() {
		switch {
		case t.ended:
			head.Set(HeaderRows, strconv.Itoa(t.Count()))
			head.Set(HeaderTruncated, strconv.FormatBool(t.Truncated()))
		case known:
			head.Set(HeaderTruncated, strconv.FormatBool(more))
		}
	}
}

// abort ends a response that failed: by a proper answer while nothing was sent,
// and by cutting the connection after that.
func (h *Server) abort(w http.ResponseWriter, r *http.Request, b *body, err error) {
	if !b.begun {
		for _, name := range []string{"Content-Disposition", "Content-Encoding", "Accept-Ranges", HeaderRows, HeaderTruncated} {
			w.Header().Del(name)
		}
		h.fail(w, r, err)
		return
	}
	if r.Context().Err() == nil { // a client that went away is no failure
		h.opts.Logger.ErrorContext(r.Context(), "audit export failed halfway", "error", err)
	}
	b.flush()
	panic(http.ErrAbortHandler)
}

func (h *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	var query *audit.QueryError
	var limit *LimitError
	switch {
	case errors.As(err, &query):
		refuse(w, http.StatusBadRequest, query.Param+": "+query.Reason, query.Param)
	case errors.As(err, &limit):
		refuse(w, http.StatusUnprocessableEntity, limit.reason()+limit.advice(), "format")
	case r.Context().Err() != nil:
		w.WriteHeader(499) // nobody is left to read it; the status is for the host's log
	case errors.Is(err, audit.ErrClosed), errors.Is(err, audit.ErrNotMigrated):
		h.opts.Logger.ErrorContext(r.Context(), "audit export failed", "error", err)
		refuse(w, http.StatusServiceUnavailable, "the audit log is not available now", "")
	default:
		h.opts.Logger.ErrorContext(r.Context(), "audit export failed", "error", err)
		refuse(w, http.StatusInternalServerError, "the export failed", "")
	}
}

// refuse answers with an error in JSON.
func refuse(w http.ResponseWriter, status int, message, param string) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	answer := struct {
		Error string `json:"error"`
		Param string `json:"param,omitempty"`
	}{message, param}
	_ = json.NewEncoder(w).Encode(answer) // the client may be gone
}

// compressible: Excel and PDF files are compressed already.
func compressible(f Format) bool {
	media := f.MediaType()
	return strings.HasPrefix(media, "text/") || slices.ContainsFunc([]string{"json", "xml+"}, func(s string) bool { return strings.Contains(media, s) })
}
