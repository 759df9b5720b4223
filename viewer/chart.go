package viewer

import (
	"context"
	"net/http"
	"sort"
	"time"

	"github.com/gormtrail/audit"
)

const (
	// chartMost is how many entries a chart counts: the newest ones.
	chartMost = 10_000
	// chartWait is how long it counts them. What it has by then is shown.
	chartWait = 200 * time.Millisecond
	// chartBars is about how many bars a chart has at most.
	chartBars = 100
)

// chartPage shows how many entries there are in each part of a period, as a small
// chart for the list and as a table.
type chartPage struct {
	page
	Bars    []bar
	Counted int
	Cut     bool // there are more entries than were counted
	Most    int  // the number of the highest bar
	Step    string
	layout  string
}

// bar is a part of the period, in the chart's own units.
type bar struct {
	From, To      time.Time
	Count, Failed int
	X, Y, H       int
	BadY, BadH    int
	Href, Label   string
	Numbers       string
}

// chartHeight is the height of the highest bar in the chart's own units.
const chartHeight = 100

func (s *visit) serveChart(ctx context.Context, w http.ResponseWriter) error {
	p := chartPage{page: page{visit: s, Status: http.StatusOK}}
	p.Title = p.T("Entries over time") + " · " + s.title
	if err := p.count(ctx); err != nil {
		return err
	}
	return s.render(w, "chart", http.StatusOK, p)
}

// moment is what a chart needs of an entry.
type moment struct {
	at     time.Time
	failed bool
}

// count reads the newest entries and puts them into bars.
func (p *chartPage) count(ctx context.Context) error {
	waiting, cancel := context.WithTimeout(ctx, chartWait)
	defer cancel()
	var list []moment
	began := time.Now()
	for e, err := range p.reader.All(waiting, audit.Query{Filter: p.query.Filter, Brief: true}) {
		if err != nil && waiting.Err() != nil && ctx.Err() == nil {
			p.Cut = true
			break
		}
		if err != nil {
			return err
		}
		if p.Cut = len(list) == chartMost || len(list)%100 == 99 && time.Since(began) > chartWait; p.Cut {
			break
		}
		list = append(list, moment{e.Time, e.Outcome == audit.Failure || e.Outcome == audit.Denied})
	}
	p.Counted = len(list)
	if len(list) > 0 {
		p.draw(list)
	}
	return nil
}

// draw makes the bars of entries, the newest first.
func (p *chartPage) draw(list []moment) {
	from, to := list[len(list)-1].at, list[0].at
	if f := p.query.From; !p.Cut && !f.IsZero() {
		from = f
	}
	if t := p.query.To; !t.IsZero() {
		to = t.Add(-time.Microsecond) // the period ends before it
	}
	var bounds []time.Time
	bounds, p.Step, p.layout = buckets(from.In(p.zone), to.In(p.zone))
	p.Bars = make([]bar, len(bounds)-1)
	for i := range p.Bars {
		p.Bars[i].From, p.Bars[i].To = bounds[i], bounds[i+1]
	}
	for _, m := range list {
		i := sort.Search(len(bounds), func(i int) bool { return bounds[i].After(m.at) }) - 1
		if i < 0 || i >= len(p.Bars) {
			continue // recorded while this was read
		}
		p.Bars[i].Count++
		if m.failed {
			p.Bars[i].Failed++
		}
		p.Most = max(p.Most, p.Bars[i].Count)
	}
	for i := range p.Bars {
		p.finish(&p.Bars[i], i)
	}
}

// finish gives a bar its place, its words and its link.
func (p *chartPage) finish(b *bar, i int) {
	b.X = i * 10
	if b.Count > 0 {
		b.H = max(b.Count*chartHeight/p.Most, 3)
	}
	if b.Failed > 0 {
		b.BadH = max(b.Failed*chartHeight/p.Most, 3)
	}
	b.Y, b.BadY = chartHeight-b.H, chartHeight-b.BadH
	from, to := b.From, b.To
	if f := p.query.From; f.After(from) {
		from = f
	}
	if t := p.query.To; !t.IsZero() && t.Before(to) {
		to = t
	}
	b.Href = p.list("range", "custom", "from", from.UTC().Format(time.RFC3339Nano), "to", to.UTC().Format(time.RFC3339Nano))
	b.Label, b.Numbers = p.name(b.From), p.lang.count("%s entries", b.Count, false)
	if b.Failed > 0 {
		b.Numbers += ", " + p.lang.count("%s failed or denied", b.Failed, false)
	}
}

// name is what a bar's part of the period is called.
func (p *chartPage) name(t time.Time) string {
	switch p.layout {
	case "clock":
		return p.lang.date(t) + ", " + t.Format("15:04")
	case "month":
		return p.lang.format(t, "January 2006")
	case "year":
		return t.Format("2006")
	}
	return p.lang.date(t)
}

// buckets cuts a period into minutes, hours, days, months or years of its times' zone.
// bounds are where each begins, and where the last one ends.
func buckets(from, to time.Time) (bounds []time.Time, step, layout string) {
	y, m, d := from.Date()
	zone := from.Location()
	var at func(int) time.Time
	switch span := to.Sub(from); {
	case span <= chartBars*time.Minute:
		at, step, layout = clockSteps(from, time.Minute), "Entries by minute", "clock"
	case span <= chartBars*10*time.Minute:
		at, step, layout = clockSteps(from, 10*time.Minute), "Entries by 10 minutes", "clock"
	case span <= chartBars*time.Hour:
		at, step, layout = clockSteps(from, time.Hour), "Entries by hour", "clock"
	case span <= chartBars*24*time.Hour:
		at, step, layout = func(i int) time.Time { return time.Date(y, m, d+i, 0, 0, 0, 0, zone) }, "Entries by day", "day"
	case to.Year()-y < chartBars/12:
		at, step, layout = func(i int) time.Time { return time.Date(y, m+time.Month(i), 1, 0, 0, 0, 0, zone) }, "Entries by month", "month"
	default:
		years := 1 + (to.Year()-y)/chartBars
		at, step, layout = func(i int) time.Time { return time.Date(y+i*years, 1, 1, 0, 0, 0, 0, zone) }, "Entries by year", "year"
	}
	bounds = append(bounds, at(0))
	for i := 1; !bounds[i-1].After(to) || i == 1; i++ {
		bounds = append(bounds, at(i))
	}
	return bounds, step, layout
}

// clockSteps begins with the whole hour, or its part, that t is in, as clocks of its zone
// show it.
func clockSteps(t time.Time, step time.Duration) func(int) time.Time {
	into := time.Duration(t.Minute())*time.Minute + time.Duration(t.Second())*time.Second + time.Duration(t.Nanosecond())
	base := t.Add(-into % step)
	return func(i int) time.Time { return base.Add(time.Duration(i) * step) }
}

// Width is the chart's width in its own units.
func (p chartPage) Width() int { return len(p.Bars) * 10 }

// Useful reports whether there is something to choose between.
func (p chartPage) Useful() bool { return len(p.Bars) > 1 }

// Covers says what was counted.
func (p chartPage) Covers() string {
	if p.Cut {
		return p.T("newest %s", p.lang.number(p.Counted))
	}
	return p.lang.count("%s entries", p.Counted, false)
}

// First and Last are the ends of the axis.
func (p chartPage) First() string { return p.Bars[0].Label }

// Last: see First.
func (p chartPage) Last() string { return p.Bars[len(p.Bars)-1].Label }

// ChartLink is the chart of all that the list selects.
func (s *visit) ChartLink() string { return s.list("chart", "1", "mode", "") }
