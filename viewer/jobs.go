package viewer

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/access"
	"github.com/gormtrail/audit/export"
)

// jobsPage lists the reader's files that are prepared in the background.
type jobsPage struct {
	page
	Jobs []jobRow
	Open int // how many are unfinished
}

// jobRow is one of them.
type jobRow struct {
	export.Job
	page                    *jobsPage
	View, Download, Removal string // links: its entries, the file, what deletes it
}

// jobsForm is the API's form of the list.
type jobsForm struct {
	Jobs []export.Job `json:"jobs"`
}

// refreshAfter is how many seconds a page without scripts waits for news.
const refreshAfter = 5

// writesJobs reports whether a request asks for something that changes a job. All else is
// read with GET.
func (v *Viewer) writesJobs(r *http.Request) bool {
	what := r.URL.Query().Get("jobs")
	return v.opts.Jobs != nil && (what == "start" || what == "remove")
}

// mayPrepare reports whether the reader can start jobs.
func (s *visit) mayPrepare() bool { return s.opts.Jobs != nil && s.grant.Export && s.grant.Operate }

// serveJobs answers what is asked of jobs.
func (s *visit) serveJobs(ctx context.Context, w http.ResponseWriter, what string) error {
	if s.opts.Jobs == nil {
		return export.ErrNoJob
	}
	id := s.request.URL.Query().Get("job")
	switch what {
	case "list":
		return s.listJobs(w)
	case "file":
		return s.opts.Jobs.ServeFile(w, s.request, s.grant, id)
	case "start":
		return s.startJob(ctx, w)
	case "remove":
		if !s.grant.MayWrite(s.request) {
			return access.ErrDenied
		}
		if err := s.opts.Jobs.Remove(ctx, s.grant, id); err != nil {
			return err
		}
		if asksJSON(s.request) {
			return s.listJobs(w)
		}
		s.showJobs(w)
		return nil
	}
	return &audit.QueryError{Param: "jobs", Reason: "is not one of list, start, file, remove"}
}

func (s *visit) startJob(ctx context.Context, w http.ResponseWriter) error {
	if !s.grant.MayWrite(s.request) || !s.grant.Export {
		return access.ErrDenied
	}
	h, r, err := s.exporter(ctx, s.request.URL.Query().Get("export"))
	if err != nil {
		return err
	}
	j, err := h.Start(r, s.opts.Jobs)
	if err != nil {
		return err
	}
	if asksJSON(s.request) {
		return s.sendJSON(w, http.StatusAccepted, j)
	}
	s.showJobs(w)
	return nil
}

// showJobs leads to the list after a POST, so that reloading it repeats nothing. The
// address is relative: the page doesn't know its own path.
func (s *visit) showJobs(w http.ResponseWriter) {
	w.Header().Set("Location", s.list("jobs", "list"))
	w.WriteHeader(http.StatusSeeOther)
}

func (s *visit) listJobs(w http.ResponseWriter) error {
	list := s.opts.Jobs.List(s.grant)
	if asksJSON(s.request) {
		return s.sendJSON(w, http.StatusOK, jobsForm{list})
	}
	p := &jobsPage{page: page{visit: s, Title: s.lang.text("Prepared files"), Status: http.StatusOK}}
	for _, j := range list {
		row := jobRow{Job: j, page: p, Download: s.list("jobs", "file", "job", j.ID), Removal: s.list("jobs", "remove", "job", j.ID)}
		if j.Query != "" {
			row.View = "?" + j.Query
		}
		if j.Unfinished() {
			p.Open++
		}
		p.Jobs = append(p.Jobs, row)
	}
	if p.Open > 0 {
		p.Refresh = refreshAfter
	}
	return s.render(w, "jobs", http.StatusOK, p)
}

// JobsHere is this page again.
func (p *jobsPage) JobsHere() string { return p.list("jobs", "list") }

// Script is the module that follows jobs; "" where none is under way.
func (p *jobsPage) Script() string {
	if p.Open == 0 {
		return ""
	}
	return p.assets["jobs.js"].url()
}

// Summary says how many files are under way.
func (p *jobsPage) Summary() string {
	if p.Open == 0 {
		return p.T("No file is in preparation")
	}
	return p.lang.count("%s files in preparation", p.Open, false)
}

// StateText is what people call a job's state.
func (j jobRow) StateText() string {
	switch j.State {
	case export.JobWaiting:
		return j.page.T("Waiting")
	case export.JobRunning:
		return j.page.T("In preparation")
	case export.JobFinished:
		return j.page.T("Ready")
	case export.JobFailed:
		return j.page.T("Failed")
	}
	return j.page.T("Cancelled")
}

// Progress says how far a job is.
func (j jobRow) Progress() string {
	lang := j.page.lang
	switch {
	case j.State == export.JobWaiting, j.Rows == 0 && (j.State == export.JobFailed || j.State == export.JobCancelled):
		return ""
	case !j.Unfinished():
		return lang.count("%s entries", j.Rows, false)
	case j.Total > 0:
		return lang.text("%s of %s entries", lang.number(min(j.Rows, j.Total)), lang.number(j.Total))
	}
	return lang.count("%s entries so far", j.Rows, false)
}

// Size is the file's; "" if there is none.
func (j jobRow) Size() string {
	if j.State != export.JobFinished {
		return ""
	}
	return j.page.lang.bytes(j.Bytes)
}

// Done is how many rows the bar shows: never more than it has room for.
func (j jobRow) Done() int { return min(j.Rows, j.Total) }

// Ready reports whether the file can be downloaded.
func (j jobRow) Ready() bool { return j.State == export.JobFinished && !j.Withheld }

// Why is what went wrong.
func (j jobRow) Why() string {
	switch {
	case j.Problem != "":
		return j.page.lang.text(j.Problem)
	case j.State == export.JobFinished && j.Withheld:
		return j.page.T("What you may see has changed, so this file can't be downloaded. Prepare it again.")
	case j.Truncated:
		return j.page.T("Cut off: more entries match than a file may hold.")
	}
	return ""
}

// RemoveText is the button's.
func (j jobRow) RemoveText() string {
	if j.Unfinished() {
		return j.page.T("Cancel")
	}
	return j.page.T("Delete")
}

// At writes a moment as the page does.
func (j jobRow) At(t time.Time) any { return j.page.Time(t) }

// CanOperate reports whether the reader may cancel and delete.
func (p page) CanOperate() bool { return p.grant.Operate }

// prepareLinks are the addresses that start a job, one for each format.
func (s *visit) prepareLinks() []Link {
	if !s.mayPrepare() {
		return nil
	}
	links := s.exportLinks()
	for i := range links {
		links[i].URL += "&jobs=start"
	}
	return links
}

// JobsLink is the list of prepared files.
func (p listPage) JobsLink() string { return p.list("jobs", "list") }

// ofJob answers the errors of jobs.
func (m *messagePage) ofJob(err error) bool {
	var busy *export.BusyError
	m.Link = Link{"Show prepared files", m.list("jobs", "list")}
	switch {
	case errors.As(err, &busy):
		m.Status, m.Heading, m.Text = http.StatusTooManyRequests, "Not possible now", busy.Reason
	case errors.Is(err, export.ErrNoJob), errors.Is(err, export.ErrNoFile):
		m.Status, m.Heading = http.StatusNotFound, "No such file"
		m.Text = "It was deleted, or it has expired, or it was never there."
	case errors.Is(err, export.ErrWithheld):
		m.Status, m.Heading = http.StatusForbidden, "Not allowed"
		m.Text = "What you may see has changed, so this file can't be downloaded. Prepare it again."
	case errors.Is(err, access.ErrDenied):
		m.Status, m.Heading = http.StatusForbidden, "Not allowed"
		m.Text = "You may not prepare files in the background."
		m.Link = Link{"Show all entries", "?"}
	default:
		m.Link = Link{}
		return false
	}
	if m.opts.Jobs == nil {
		m.Link = Link{"Show all entries", "?"}
	}
	return true
}
