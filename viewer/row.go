package viewer

import (
	"html/template"
	"net/url"
	"slices"
	"time"

	"github.com/gormtrail/audit"
)

// rows writes the lines of the table. What doesn't depend on the entry is made
// once for the page. The live feed writes its rows with it too, without the
// query of a page: the client adds its own.
type rows struct {
	*visit
	open                     string // query of an entry, without its ID
	byType, byRecord, byUser string // query of a filter, without its value
	byActor, byIP            string
	columns                  []listColumn
	drop                     func(...string) string
	filters                  map[string]string // queries of other filters, by their name
	grouped                  bool              // the row stands under the head of a group
	dates                    dateCache
	left                     int    // bytes that may still be unfolded
	above                    string // the day of the row above
	byDay                    bool   // rows are in the order of time
	live                     bool   // each row has the heading of its day; the script removes what repeats
}

// dateCache keeps the last day's text: most rows share it with the one above.
type dateCache struct {
	day  int
	text string
}

func (s *visit) rows() *rows {
	drop := func(names ...string) string {
		v := s.copyState()
		v.Del("cursor")
		for _, n := range names {
			v.Del(n)
		}
		return joinable(v)
	}
	open := joinable(s.state)
	if len(open) > maxRowState { // in each link of each row it would make the page large
		drop = func(...string) string { return joinable(s.brief()) }
		open = drop()
	}
	return &rows{
		visit: s, open: open + "entry=", left: foldBudget, byDay: s.byDay(),
		byType: drop("type") + "type=", byRecord: drop("type", "record"),
		byUser: drop("user") + "user=", byActor: drop("actor") + "actor=", byIP: drop("ip") + "ip=",
		columns: s.shownColumns(), drop: drop, filters: map[string]string{},
	}
}

// maxRowState is how long a query may be for the links of rows to carry it on: those
// of a longer one lead to the value alone.
const maxRowState = 2 << 10

// brief is the state without its filter.
func (s *visit) brief() url.Values {
	v := url.Values{}
	for _, name := range looks {
		if one := s.state.Get(name); one != "" && len(one) < 100 {
			v.Set(name, one)
		}
	}
	return v
}

// joinable is a query string that one more parameter can follow.
func joinable(v url.Values) string {
	if q := v.Encode(); q != "" {
		return "?" + q + "&"
	}
	return "?"
}

func (s *visit) table(entries []audit.Entry) template.HTML {
	r := s.rows()
	m := make(markup, 0, 1400*len(entries))
	for i := range entries {
		r.grouped = r.groupHead(&m, entries, i)
		r.row(&m, &entries[i])
	}
	return m.html()
}

// day writes the heading of the day above the first row of it.
func (r *rows) day(m *markup, t time.Time) {
	if !r.byDay || !r.live && r.dayOf(t) == r.above {
		return
	}
	r.above = r.dayOf(t)
	m.tag(`<span class="day">`)
	m.text(r.lang.fullDate(t))
	m.tag(`</span>`)
}

// dayOf is the day's text in a row.
func (r *rows) dayOf(t time.Time) string {
	if key := t.Year()*400 + t.YearDay(); r.dates.day != key {
		r.dates = dateCache{key, r.lang.date(t)}
	}
	return r.dates.text
}

func (r *rows) row(m *markup, e *audit.Entry) {
	m.tag(`<tr data-id="`)
	m.attr(e.ID)
	if r.grouped {
		m.tag(`" class="in`)
	}
	m.tag(`">`)
	for i := range r.columns {
		r.cell(m, &r.columns[i], e)
	}
	m.tag("</tr>\n")
}

// cell writes one column of a row. The time is the row's header, and leads to the entry.
func (r *rows) cell(m *markup, c *listColumn, e *audit.Entry) {
	header := c.key == "time"
	if header {
		m.tag(`<th scope="row" class="`)
	} else {
		m.tag(`<td class="`)
	}
	m.attr(c.class)
	if !slices.Contains(defaultColumns, c.key) {
		m.tag(`" data-label="`)
		m.attr(r.lang.text(c.label))
	}
	m.tag(`">`)
	c.cell(r, m, e)
	if header {
		m.tag(`</th>`)
	} else {
		m.tag(`</td>`)
	}
}

// link writes an opening <a> whose query is escaped already.
func (m *markup) link(query, value string) {
	m.tag(`<a dir="auto" href="`)
	m.attr(query)
	m.attr(url.QueryEscape(value))
	m.tag(`">`)
}

func (r *rows) timeCell(m *markup, e *audit.Entry) {
	t := e.Time.In(r.zone)
	r.day(m, t)
	m.link(r.open, e.ID)
	m.tag(`<time datetime="`)
	*m = e.Time.UTC().AppendFormat(*m, "2006-01-02T15:04:05.000Z")
	m.tag(`"><span class="d">`)
	m.text(r.dayOf(t))
	m.tag(`</span> <span class="t">`)
	*m = t.AppendFormat(*m, "15:04:05.000")
	m.tag(`</span></time></a> <small class="ago">`)
	m.text(r.ago(e.Time))
	m.tag(`</small>`)
}

// maxKnown is how many names a visit remembers: one that follows live lasts long.
const maxKnown = 1000

// typeLabel is what the catalogue calls a type of object.
func (s *visit) typeLabel(name string) string {
	label, ok := s.types[name]
	if ok {
		return label
	}
	label = s.trail.Catalogue().ObjectType(name).Label
	if s.types == nil || len(s.types) == maxKnown {
		s.types = map[string]string{}
	}
	s.types[name] = label
	return label
}

func (r *rows) typeCell(m *markup, e *audit.Entry) {
	if e.Object.Type == "" {
		return
	}
	label := r.typeLabel(e.Object.Type)
	if href := r.recordURL(e); href != "" {
		m.tag(`<a class="host" href="`)
		m.attr(href)
		m.tag(`"><bdi>`)
		m.text(label)
		m.tag(`</bdi></a>`)
		return
	}
	m.link(r.byType, param(e.Object.Type))
	m.tag(`<bdi>`)
	m.text(label)
	m.tag(`</bdi></a>`)
}

// recordURL is the host's page of an object, if it is one that a browser may be
// sent to.
func (v *Viewer) recordURL(e *audit.Entry) string {
	if v.opts.RecordURL == nil || e.Object.Type == "" || hasMask(e.Object.Type) || hasMask(e.Object.ID) {
		return ""
	}
	href := v.opts.RecordURL(e.Object.Type, e.Object.ID)
	u, err := url.Parse(href)
	if err != nil || u.Scheme != "" && u.Scheme != "http" && u.Scheme != "https" {
		return ""
	}
	return href
}

// recordCell leads with what people call the record; its type and ID come second.
func (r *rows) recordCell(m *markup, e *audit.Entry) {
	name, ref := r.lead(e.Object)
	if e.Object.ID == "" {
		if name == "" {
			m.tag(`<span class="none">–</span>`)
			return
		}
		m.tag(`<bdi>`)
		m.text(name)
		m.tag(`</bdi>`)
		return
	}
	m.tag(`<a dir="auto" href="`)
	m.attr(r.byRecord)
	m.tag(`type=`)
	m.attr(url.QueryEscape(param(e.Object.Type)))
	m.tag(`&amp;record=`)
	m.attr(url.QueryEscape(param(e.Object.ID)))
	if ref == "" {
		m.tag(`" class="id`)
	}
	m.full(name)
	m.tag(`"><bdi>`)
	m.text(name)
	m.tag(`</bdi></a>`)
	if ref != "" {
		m.tag(`<small dir="auto">`)
		m.text(ref)
		m.tag(`</small>`)
	}
}

func (r *rows) ipCell(m *markup, e *audit.Entry) {
	switch e.Request.IP {
	case "":
		m.tag(`<span class="none">–</span>`)
	case audit.Mask:
		maskToken(m, r.lang)
	default:
		m.link(r.byIP, e.Request.IP)
		m.tag(`<bdi>`)
		m.text(e.Request.IP)
		m.tag(`</bdi></a>`)
	}
}

// fullTime is a moment as the page of an entry names it.
func (s *visit) fullTime(t time.Time) string {
	t = t.In(s.zone)
	return s.lang.fullDate(t) + ", " + t.Format("15:04:05.999999") + " " + s.zoneName(t)
}

func (s *visit) zoneName(t time.Time) string {
	if s.zone == time.UTC {
		return "UTC"
	}
	return s.lang.code(t.In(s.zone).Format("-07:00") + " " + s.zone.String())
}
