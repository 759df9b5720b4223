package layout

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gormtrail/audit/storage/gormstore/internal/row"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqlgen"
)

const (
	// maxMonths bounds the partitions that are made automatically. Entries outside them
	// are in the default partition, which serves as well, only slower.
	maxMonths = 600
	// monthsAhead is the number of future months that have a partition. A process that
	// appends only through AppendTx may run that long.
	monthsAhead = 3
	// retryAfter is the pause after partitions could not be made.
	retryAfter = time.Minute
)

// pageMonths are the lengths of a page's windows, in months; the last window has the
// rest. Planning a statement takes time for each partition that it may touch, and most
// pages lie in the first window.
var pageMonths = []int{1, 3, 12}

// months are the partitions that this process knows of. Partitions that another process
// makes or drops may be missing or outdated, which is harmless: an existing partition
// isn't made again, and an entry without one goes to the default partition.
type months struct {
	mu    sync.Mutex
	known map[string]time.Time // by suffix
	retry time.Time            // no partition is made before
}

// suffixForm is the end of a partition's name, as time.Format takes it.
const suffixForm = "p200601"

// suffixOf is the end of the name of a month's partition.
func suffixOf(month time.Time) string { return month.Format(suffixForm) }

// parsePartitions returns the months of partitions of the table base, by suffix. Other
// names are ignored.
func parsePartitions(base string, names []string) map[string]time.Time {
	known := map[string]time.Time{}
	for _, name := range names {
		suffix, _ := strings.CutPrefix(name, base+"_")
		if month, err := time.Parse(suffixForm, suffix); err == nil {
			known[suffix] = month
		}
	}
	return known
}

// set replaces the known months.
func (m *months) set(known map[string]time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.known = known
}

// remove forgets a month whose partition was dropped.
func (m *months) remove(suffix string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.known, suffix)
}

// postpone stops attempts to make partitions for a while.
func (m *months) postpone(now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.retry = now.Add(retryAfter)
}

// list returns the known months, oldest first.
func (m *months) list() []time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.SortedFunc(maps.Values(m.known), time.Time.Compare)
}

// missing returns the months without a partition among those ahead and those of rows.
func (m *months) missing(rows []row.Row, now time.Time) []time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	if now.Before(m.retry) {
		return nil
	}
	var list []time.Time
	want := func(month time.Time) {
		if _, ok := m.known[suffixOf(month)]; !ok && !slices.Contains(list, month) {
			list = append(list, month)
		}
	}
	for i := range monthsAhead + 1 {
		want(monthOf(now).AddDate(0, i, 0))
	}
	oldest, newest := now.AddDate(-30, 0, 0), now.AddDate(1, 0, 0)
	for i := range rows {
		if at := rows[i].Entry.Time; at.After(oldest) && at.Before(newest) {
			want(monthOf(at))
		}
	}
	return list[:min(len(list), max(0, maxMonths-len(m.known)))]
}

// pages cuts the times of a page, in its order.
func (m *months) pages(rest sqlgen.Window, descending bool, now time.Time) (list []sqlgen.Window) {
	for _, n := range pageMonths {
		if descending {
			cut := monthBefore(rest.To, n, now)
			if !rest.From.IsZero() && !cut.After(rest.From) {
				break
			}
			list = append(list, sqlgen.Window{From: cut, To: rest.To})
			rest.To = cut
		} else {
			cut := m.after(rest.From, n, now)
			if !rest.To.IsZero() && !cut.Before(rest.To) {
				break
			}
			list = append(list, sqlgen.Window{From: rest.From, To: cut})
			rest.From = cut
		}
	}
	return append(list, rest)
}

// monthBefore is the beginning of the last of n months that end at t, or now.
func monthBefore(t time.Time, n int, now time.Time) time.Time {
	if t.IsZero() {
		t = now
	}
	return monthOf(t.Add(-time.Microsecond)).AddDate(0, 1-n, 0)
}

// after is the end of n months that begin with t's month, or the oldest known month.
func (m *months) after(t time.Time, n int, now time.Time) time.Time {
	if t.IsZero() {
		t = now
		if known := m.list(); len(known) > 0 {
			t = known[0]
		}
	}
	return monthOf(t).AddDate(0, n, 0)
}

// each cuts a window, oldest first, into one for each known month, and those before,
// between and after them.
func (m *months) each(rest sqlgen.Window) (list []sqlgen.Window) {
	var cuts []time.Time
	for _, month := range m.list() {
		cuts = append(cuts, month, month.AddDate(0, 1, 0))
	}
	for _, cut := range append(slices.CompactFunc(cuts, time.Time.Equal), rest.To) {
		if part := rest.Narrow(sqlgen.Window{To: cut}); !part.Empty() {
			list = append(list, part)
			rest = rest.Narrow(sqlgen.Window{From: cut})
		}
	}
	return list
}

// monthOf is the beginning of t's month.
func monthOf(t time.Time) time.Time {
	t = t.UTC()
	return time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC)
}
