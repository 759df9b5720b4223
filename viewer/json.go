package viewer

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/gormtrail/audit"
)

// The API's forms, as openapi.json describes them.
type (
	listForm struct {
		Entries   []audit.Entry `json:"entries"`
		Next      string        `json:"next,omitempty"`
		Prev      string        `json:"prev,omitempty"`
		Total     *int          `json:"total,omitempty"`
		TotalMore bool          `json:"total_more,omitempty"`
		Partial   bool          `json:"partial,omitempty"`
		Until     time.Time     `json:"until,omitzero"`
	}
	facetForm struct {
		Facet     string            `json:"facet"`
		Values    []string          `json:"values"`
		Labels    map[string]string `json:"labels,omitempty"` // by value, where the page shows another text
		Total     int               `json:"total"`
		TotalMore bool              `json:"total_more,omitempty"`
	}
	// problemForm is RFC 9457.
	problemForm struct {
		Title  string `json:"title"`
		Status int    `json:"status"`
		Detail string `json:"detail,omitempty"`
		Param  string `json:"param,omitempty"`
	}
)

func (s *visit) sendJSON(w http.ResponseWriter, status int, v any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // never inside of a page, and nosniff keeps it so
	if err := e.Encode(v); err != nil {
		return err
	}
	s.write(w, status, "application/json", b.Bytes())
	return nil
}

// maxLink bounds a Link header: proxies refuse answers whose headers are long.
const maxLink = 2 << 10

// listJSON sends a page of entries. Next and prev are also Link headers
// (RFC 8288), unless the query is very long. The total is counted for the first page only.
func (s *visit) listJSON(ctx context.Context, w http.ResponseWriter) error {
	found, err := s.reader.Query(ctx, s.query)
	if err != nil {
		return err
	}
	form := listForm{Entries: found.Entries, Next: found.Next, Prev: found.Prev, Partial: found.Partial, Until: found.Until}
	if form.Entries == nil {
		form.Entries = []audit.Entry{}
	}
	if s.query.Cursor == "" {
		n, more, ok, err := s.count(ctx)
		if err != nil {
			return err
		}
		if ok {
			form.Total, form.TotalMore = &n, more
		}
	}
	for _, l := range []struct{ rel, cursor string }{{"next", found.Next}, {"prev", found.Prev}} {
		if l.cursor == "" {
			continue
		}
		if link := "<" + s.page(l.cursor) + "&format=json>; rel=\"" + l.rel + "\""; len(link) <= maxLink {
			w.Header().Add("Link", link)
		}
	}
	return s.sendJSON(w, http.StatusOK, form)
}

// problem sends an error as data.
func (m messagePage) problem(w http.ResponseWriter) {
	var b bytes.Buffer
	form := problemForm{Title: m.Heading, Status: m.Status, Detail: m.Text, Param: m.Param}
	if m.Detail != "" {
		form.Detail = m.Detail
	}
	if err := json.NewEncoder(&b).Encode(form); err != nil {
		http.Error(w, m.Heading, m.Status)
		return
	}
	m.write(w, m.Status, "application/problem+json", b.Bytes())
}
