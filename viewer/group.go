package viewer

import (
	"net/url"

	"github.com/gormtrail/audit"
)

// groupings are what entries of the list can be grouped by.
var groupings = []string{"transaction", "request"}

// groupKey is what an entry shares with its neighbours: the ID of its transaction or
// request in its tenant. It is "" where the list isn't grouped, and for an ID that is
// masked.
func (s *visit) groupKey(e *audit.Entry) string {
	id := ""
	switch s.state.Get("group") {
	case "transaction":
		id = e.TransactionID
	case "request":
		id = e.Request.ID
	}
	if id == "" || hasMask(id) || hasMask(e.Tenant) {
		return ""
	}
	return e.Tenant + "\x00" + id
}

// groupHead writes the head of a group that begins with the i-th entry, and reports
// whether the entry stands under a head. An entry alone has none.
func (r *rows) groupHead(m *markup, entries []audit.Entry, i int) bool {
	key := r.groupKey(&entries[i])
	if key == "" {
		return false
	}
	if i > 0 && r.groupKey(&entries[i-1]) == key {
		return true
	}
	n := 1
	for i+n < len(entries) && r.groupKey(&entries[i+n]) == key {
		n++
	}
	if n == 1 {
		return false
	}
	e, by, label := &entries[i], "transaction", "Transaction"
	id := e.TransactionID
	if r.state.Get("group") == "request" {
		by, label, id = "request", "Request", e.Request.ID
	}
	all := url.Values{by: {param(id)}}
	if e.Tenant != "" {
		all.Set("tenant", param(e.Tenant))
	}
	for _, name := range looks {
		if value := r.state.Get(name); value != "" {
			all.Set(name, value)
		}
	}
	m.tag(`<tr class="grp"><th scope="rowgroup" colspan="`)
	m.int(len(r.columns))
	m.tag(`">`)
	m.text(r.lang.text(label))
	m.tag(` <code><bdi>`)
	m.text(id)
	m.tag(`</bdi></code> · `)
	m.text(r.lang.count("%s entries on this page", n, false))
	m.tag(` · <a href="`)
	m.attr(query(all))
	m.tag(`">`)
	m.text(r.lang.text("All of its entries"))
	m.tag("</a></th></tr>\n")
	return true
}

// Grouped reports whether the list is grouped by something; "" is by nothing.
func (p listPage) Grouped(by string) bool { return p.state.Get("group") == by }
