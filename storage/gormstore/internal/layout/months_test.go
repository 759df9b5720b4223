package layout

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/gormstore/internal/row"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqlgen"
)

func day(year, month, day int) time.Time {
	return time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
}

func knowing(list ...time.Time) *months {
	m := &months{known: map[string]time.Time{}}
	for _, month := range list {
		m.known[suffixOf(month)] = month
	}
	return m
}

func at(times ...time.Time) (rows []row.Row) {
	for _, t := range times {
		rows = append(rows, row.Row{Entry: &audit.Entry{Time: t}})
	}
	return rows
}

func TestPartitionNames(t *testing.T) {
	assert.Equal(t, map[string]time.Time{"p202601": day(2026, 1, 1)},
		parsePartitions("audit", []string{"audit_p202601", "audit_default", "audit_p202613", "audit_2026", "other_p202601", "audit_p202601_x"}))
}

func TestMissingMonths(t *testing.T) {
	now := time.Date(2026, 11, 30, 23, 59, 0, 0, time.FixedZone("", -3600)) // December in UTC
	dec, jan, feb, mar := day(2026, 12, 1), day(2027, 1, 1), day(2027, 2, 1), day(2027, 3, 1)
	assert.Equal(t, []time.Time{dec, jan, feb, mar}, knowing().missing(nil, now))
	assert.Equal(t, []time.Time{feb}, knowing(dec, jan, mar).missing(nil, now))
	assert.Empty(t, knowing(dec, jan, feb, mar).missing(nil, now))

	// Rows want their month once, if it is neither old nor far ahead.
	rows := at(day(2026, 5, 9), day(2026, 5, 1), day(1990, 1, 1), day(2028, 1, 1), time.Time{}, day(2027, 2, 3))
	assert.Equal(t, []time.Time{day(2026, 5, 1)}, knowing(dec, jan, feb, mar).missing(rows, now))

	m := knowing()
	m.postpone(now)
	assert.Empty(t, m.missing(rows, now.Add(retryAfter-1)))
	assert.NotEmpty(t, m.missing(rows, now.Add(retryAfter)))
}

func TestMissingMonthsAreBounded(t *testing.T) {
	m := knowing()
	for i := range maxMonths - 2 {
		month := day(1900, 1, 1).AddDate(0, i, 0)
		m.known[suffixOf(month)] = month
	}
	now := day(2026, 12, 1)
	assert.Len(t, m.missing(nil, now), 2)
	m.known["p202612"], m.known["p202701"], m.known["p202702"] = now, now, now
	assert.Empty(t, m.missing(nil, now))
}

func TestPagesOfMonths(t *testing.T) {
	now, m := day(2026, 12, 9), knowing(day(2025, 3, 1), day(2025, 4, 1))
	assert.Equal(t, []sqlgen.Window{
		{From: day(2026, 12, 1)}, {From: day(2026, 9, 1), To: day(2026, 12, 1)}, {From: day(2025, 9, 1), To: day(2026, 9, 1)}, {To: day(2025, 9, 1)},
	}, m.pages(sqlgen.Window{}, true, now))
	assert.Equal(t, []sqlgen.Window{
		{To: day(2025, 4, 1)}, {From: day(2025, 4, 1), To: day(2025, 7, 1)}, {From: day(2025, 7, 1), To: day(2026, 7, 1)}, {From: day(2026, 7, 1)},
	}, m.pages(sqlgen.Window{}, false, now))
	short := sqlgen.Window{From: day(2026, 5, 3), To: day(2026, 5, 20)}
	assert.Equal(t, []sqlgen.Window{short}, m.pages(short, true, now))
	assert.Equal(t, []sqlgen.Window{short}, m.pages(short, false, now))
	// The beginning of a month is the end of the one before.
	assert.Equal(t, []sqlgen.Window{{From: day(2026, 4, 1), To: day(2026, 5, 1)}, {To: day(2026, 4, 1), From: day(2026, 3, 31)}},
		m.pages(sqlgen.Window{From: day(2026, 3, 31), To: day(2026, 5, 1)}, true, now))
}

func TestEachMonth(t *testing.T) {
	m := knowing(day(2026, 1, 1), day(2026, 2, 1), day(2026, 5, 1))
	assert.Equal(t, []sqlgen.Window{
		{To: day(2026, 1, 1)}, {From: day(2026, 1, 1), To: day(2026, 2, 1)}, {From: day(2026, 2, 1), To: day(2026, 3, 1)}, {From: day(2026, 3, 1), To: day(2026, 5, 1)},
		{From: day(2026, 5, 1), To: day(2026, 6, 1)}, {From: day(2026, 6, 1)},
	}, m.each(sqlgen.Window{}))
	assert.Equal(t, []sqlgen.Window{{To: day(2026, 1, 1)}, {From: day(2026, 1, 1), To: day(2026, 1, 15)}}, m.each(sqlgen.Window{To: day(2026, 1, 15)}))
	assert.Equal(t, []sqlgen.Window{{}}, knowing().each(sqlgen.Window{}))
	assert.Empty(t, m.each(sqlgen.Window{From: day(2026, 1, 2), To: day(2026, 1, 1)}))
}

// Whatever the window, its parts follow each other without gap and cover it.
func TestPartsCoverTheWindow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string) time.Time {
			if rapid.Bool().Draw(t, name+" open") {
				return time.Time{}
			}
			return day(2024, 1, 1).Add(time.Duration(rapid.IntRange(0, 1000*24).Draw(t, name)) * time.Hour)
		}
		m := knowing()
		for range rapid.IntRange(0, 5).Draw(t, "known") {
			month := day(2024, rapid.IntRange(1, 30).Draw(t, "month"), 1)
			m.known[suffixOf(month)] = month
		}
		w := sqlgen.Window{From: draw("from"), To: draw("to")}
		if w.Empty() {
			t.Skip()
		}
		now := day(2026, 6, 15)
		covers := func(list []sqlgen.Window, descending bool) {
			if descending {
				for i, j := 0, len(list)-1; i < j; i, j = i+1, j-1 {
					list[i], list[j] = list[j], list[i]
				}
			}
			for i, part := range list {
				assert.False(t, part.Empty(), "%v in %v", part, list)
				if i > 0 {
					assert.Equal(t, list[i-1].To, part.From)
				}
			}
			assert.Equal(t, w, sqlgen.Window{From: list[0].From, To: list[len(list)-1].To})
		}
		covers(m.each(w), false)
		covers(m.pages(w, true, now), true)
		covers(m.pages(w, false, now), false)
	})
}
