package viewer

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/export"
)

// listColumn is a column that the list can show. Its key is the one of package
// export, so that columns= means the same for the page and for a file.
type listColumn struct {
	key, label string
	class      string
	sort       audit.Sort // "" where nothing sorts by it: JSON has no order
	cell       func(*rows, *markup, *audit.Entry)
}

// defaultColumns are shown where neither the URL nor the browser names others.
var defaultColumns = []string{"time", "action", "type", "record", "changes", "user", "ip"}

// listColumns returns every column, in the order of the chooser. Callers don't change it.
var listColumns = sync.OnceValue(func() []listColumn {
	return []listColumn{
		{"time", "Time", "c-time", audit.SortTime, (*rows).timeCell},
		{"action", "Action", "c-action", audit.SortAction, (*rows).actionCell},
		{"outcome", "Outcome", "c-outcome", audit.SortOutcome, (*rows).outcomeCell},
		{"type", "Object type", "c-type", audit.SortObjectType, (*rows).typeCell},
		{"record", "Record", "c-record", audit.SortObjectID, (*rows).recordCell},
		{"name", "Object name", "c-name", audit.SortObjectName, textCell(func(e *audit.Entry) string { return e.Object.Name })},
		{"changes", "Changes", "c-changes", audit.SortChanges, (*rows).summary},
		{"user", "User", "c-user", audit.SortUser, (*rows).userCell},
		{"on_behalf_of", "On behalf of", "c-behalf", audit.SortOnBehalfOf, (*rows).behalfCell},
		{"ip", "IP address", "c-ip", audit.SortIP, (*rows).ipCell},
		{"comment", "Comment", "c-comment", audit.SortComment, textCell(func(e *audit.Entry) string { return e.Comment })},
		{"error", "Error", "c-error", audit.SortError, textCell(func(e *audit.Entry) string { return e.Error })},
		{"product", "Product", "c-product", audit.SortProduct, linkCell("product", func(e *audit.Entry) string { return e.Object.Product })},
		{"tenant", "Tenant", "c-tenant", audit.SortTenant, linkCell("tenant", func(e *audit.Entry) string { return e.Tenant })},
		{"project", "Project", "c-project", audit.SortProject, linkCell("project", func(e *audit.Entry) string { return e.Project })},
		{"actor_type", "Actor type", "c-actor-type", audit.SortActorType, linkCell("actor_type", func(e *audit.Entry) string { return e.Actor.Type })},
		{"actor", "Actor ID", "c-actor", audit.SortActorID, linkCell("actor", func(e *audit.Entry) string { return e.Actor.ID })},
		{"actor_name", "Actor name", "c-name", audit.SortActorName, textCell(func(e *audit.Entry) string { return e.Actor.Name })},
		{"actor_email", "Actor email", "c-name", audit.SortActorEmail, textCell(func(e *audit.Entry) string { return e.Actor.Email })},
		{"for_type", "On behalf of: type", "c-actor-type", audit.SortBehalfType, behalfText(func(a audit.Actor) string { return a.Type })},
		{"for_id", "On behalf of: ID", "c-actor", audit.SortBehalfID, behalfText(func(a audit.Actor) string { return a.ID })},
		{"for_name", "On behalf of: name", "c-name", audit.SortBehalfName, behalfText(func(a audit.Actor) string { return a.Name })},
		{"for_email", "On behalf of: email", "c-name", audit.SortBehalfEmail, behalfText(func(a audit.Actor) string { return a.Email })},
		{"action_code", "Action code", "c-product", audit.SortAction, textCell(func(e *audit.Entry) string { return e.Action })},
		{"type_code", "Object type code", "c-product", audit.SortObjectType, textCell(func(e *audit.Entry) string { return e.Object.Type })},
		{"request", "Request ID", "c-request", audit.SortRequestID, linkCell("request", func(e *audit.Entry) string { return e.Request.ID })},
		{"transaction", "Transaction", "c-transaction", audit.SortTransaction, linkCell("transaction", func(e *audit.Entry) string { return e.TransactionID })},
		{"method", "Method", "c-method", audit.SortMethod, textCell(func(e *audit.Entry) string { return e.Request.Method })},
		{"path", "Path", "c-path", audit.SortPath, textCell(func(e *audit.Entry) string { return e.Request.Path })},
		{"user_agent", "User agent", "c-agent", audit.SortUserAgent, textCell(func(e *audit.Entry) string { return e.Request.UserAgent })},
		{"request_json", "Request", "c-metadata", "", textCell(requestText)},
		{"metadata", "Metadata", "c-metadata", "", textCell(metadataText)},
		{"damaged", "Damage", "c-error", "", textCell(func(e *audit.Entry) string { return e.Damaged })},
		{"entry", "Entry ID", "c-entry", audit.SortEntryID, textCell(func(e *audit.Entry) string { return e.ID })},
	}
})

// knownColumns are the list's columns, and behind them what else a file can have: the
// list shows those as text where the URL names them, and the chooser doesn't offer them.
var knownColumns = sync.OnceValue(func() []listColumn {
	all := slices.Clip(listColumns())
	for _, c := range export.AllColumns() {
		if !slices.ContainsFunc(all, func(have listColumn) bool { return have.key == c.Name }) {
			all = append(all, listColumn{key: c.Name, label: c.Header, class: "c-other", cell: textCell(func(e *audit.Entry) string { return cellText(c.Value(*e)) })})
		}
	}
	return all
})

// cellText is a file's value as text.
func cellText(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	}
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return fmt.Sprint(v)
	}
	return strings.TrimSpace(b.String())
}

// behalfText shows a field of whom the actor stood in for.
func behalfText(of func(audit.Actor) string) func(*rows, *markup, *audit.Entry) {
	return textCell(func(e *audit.Entry) string {
		if e.OnBehalfOf == nil {
			return ""
		}
		return of(*e.OnBehalfOf)
	})
}

// requestText is the request as a file's column request_json has it.
func requestText(e *audit.Entry) string {
	columns, err := export.Columns("request_json")
	if err != nil {
		return ""
	}
	text, err := json.Marshal(columns[0].Value(*e))
	if err != nil || string(text) == "null" {
		return ""
	}
	return string(text)
}

// maxColumns bounds the names that columns= is read for.
const maxColumns = 50

// columnKeys reads columns=, once or repeated, its names separated by commas.
// unknown are the names that no column has.
func columnKeys(values []string) (keys, unknown []string) {
	all := knownColumns()
	names := strings.Split(strings.Join(values, ","), ",")
	for _, name := range names[:min(len(names), maxColumns)] {
		name = pageName(strings.TrimSpace(name))
		switch {
		case name == "" || slices.Contains(keys, name):
		case slices.ContainsFunc(all, func(c listColumn) bool { return c.key == name }):
			keys = append(keys, name)
		case !slices.Contains(unknown, name):
			unknown = append(unknown, name)
		}
	}
	return keys, unknown
}

// personNames are the columns that show people by name and email: the page's names,
// and those of files, where user and on_behalf_of are what they were, an email alone.
var personNames = map[string]string{"user": "who", "on_behalf_of": "for"}

// pageName is what the page calls a column of a file.
func pageName(name string) string {
	for page, file := range personNames {
		if name == file {
			return page
		}
	}
	return name
}

// displayCookie is where the script keeps the columns and the density that were chosen
// last. The server reads it so that the first page is right at once.
const displayCookie = "av-list"

// display notes how the list is shown: by the URL, else as the browser remembers.
// Only pages use what is remembered: a file or the API is what its URL says.
func (s *visit) display(values url.Values) {
	if !values.Has("columns") && !values.Has("density") && s.isPage(values) {
		if c, err := s.request.Cookie(displayCookie); err == nil {
			if text, err := url.QueryUnescape(c.Value); err == nil {
				remembered, _ := url.ParseQuery(text)
				values = url.Values{"columns": remembered["columns"], "density": remembered["density"], "group": values["group"]}
			}
		}
	}
	var keys []string
	keys, s.unknownColumns = columnKeys(values["columns"])
	if len(keys) > 0 && !slices.Contains(keys, "time") {
		keys = append([]string{"time"}, keys...) // it leads to the entry
	}
	if len(keys) > 0 && !slices.Equal(keys, defaultColumns) {
		s.state.Set("columns", strings.Join(keys, ","))
	}
	if values.Get("density") == "compact" {
		s.state.Set("density", "compact")
	}
	if by := values.Get("group"); slices.Contains(groupings, by) {
		s.state.Set("group", by)
	}
}

// isPage reports whether the answer is a page of the list or its live rows.
func (s *visit) isPage(values url.Values) bool {
	return !values.Has("export") && !asksJSON(s.request)
}

// columnKeys returns the keys of the list's columns, in order.
func (s *visit) columnKeys() []string {
	if chosen := s.state.Get("columns"); chosen != "" {
		return strings.Split(chosen, ",")
	}
	return defaultColumns
}

// shownColumns returns the list's columns, in order.
func (s *visit) shownColumns() []listColumn {
	keys, all := s.columnKeys(), knownColumns()
	list := make([]listColumn, 0, len(keys))
	for _, key := range keys {
		if i := slices.IndexFunc(all, func(c listColumn) bool { return c.key == key }); i >= 0 {
			list = append(list, all[i])
		}
	}
	return list
}

// shows reports whether the list has a column.
func (s *visit) shows(key string) bool { return slices.Contains(s.columnKeys(), key) }

// columnChoice is a box of the chooser.
type columnChoice struct {
	Key, Label string
	On, Fixed  bool
}

// Chooser are the columns that can be chosen.
func (p listPage) Chooser() []columnChoice {
	var list []columnChoice
	for _, c := range listColumns() {
		list = append(list, columnChoice{Key: c.key, Label: c.label, On: p.shows(c.key), Fixed: c.key == "time"})
	}
	return list
}

// Compact reports whether rows stand close together.
func (p listPage) Compact() bool { return p.state.Get("density") == "compact" }

// Wide reports whether there are more columns than a screen has room for.
func (p listPage) Wide() bool { return p.state.Has("columns") }

// UnknownColumns are the names in columns= that no column has.
func (p listPage) UnknownColumns() string {
	text, _ := clipRunes(strings.Join(p.unknownColumns, ", "), 200)
	return text
}

// DefaultDisplay is the list as everybody first sees it.
func (p listPage) DefaultDisplay() string { return p.list("columns", "", "density", "", "group", "") }

// DisplayCarried is what choosing columns passes on.
func (p listPage) DisplayCarried() []pair { return p.carriedBut("columns", "density", "group") }

// textCell shows a recorded text.
func textCell(of func(*audit.Entry) string) func(*rows, *markup, *audit.Entry) {
	return func(r *rows, m *markup, e *audit.Entry) {
		text, cut := clipRunes(of(e), 200)
		if text == "" {
			m.tag(`<span class="none">–</span>`)
			return
		}
		m.tag(`<bdi>`)
		m.text(text)
		if cut {
			m.tag(`…`)
		}
		m.tag(`</bdi>`)
	}
}

// linkCell shows a value as the link that filters by it.
func linkCell(name string, of func(*audit.Entry) string) func(*rows, *markup, *audit.Entry) {
	return func(r *rows, m *markup, e *audit.Entry) {
		value := of(e)
		if value == "" {
			m.tag(`<span class="none">–</span>`)
			return
		}
		if hasMask(value) {
			m.text(value)
			return
		}
		m.link(r.by(name), param(value))
		m.tag(`<bdi>`)
		m.text(value)
		m.tag(`</bdi></a>`)
	}
}

// by is the query of a filter without its value, made once for the page.
func (r *rows) by(name string) string {
	q, ok := r.filters[name]
	if !ok {
		q = r.drop(name) + url.QueryEscape(name) + "="
		r.filters[name] = q
	}
	return q
}

func metadataText(e *audit.Entry) string {
	if len(e.Metadata) == 0 {
		return ""
	}
	return cellText(e.Metadata)
}

func (r *rows) actionCell(m *markup, e *audit.Entry) { r.action(m, e) }

func (r *rows) outcomeCell(m *markup, e *audit.Entry) {
	outcome := e.Outcome
	if outcome == "" {
		outcome = audit.Success
	}
	m.link(r.by("outcome"), string(outcome))
	m.text(r.facetLabel("outcome", string(outcome)))
	m.tag(`</a>`)
}

func (r *rows) behalfCell(m *markup, e *audit.Entry) {
	if e.OnBehalfOf == nil || e.OnBehalfOf.IsZero() {
		m.tag(`<span class="none">–</span>`)
		return
	}
	who(m, *e.OnBehalfOf)
}
