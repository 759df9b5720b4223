package capturetest

import (
	"fmt"
	"strings"
	"testing"

	"gorm.io/gorm"
)

// dateKind is a value that a Go time can't hold, or holds as another one.
type dateKind struct {
	name, ddl, value string
	// shows is how the value begins in an entry.
	shows string
}

var strangeDates = []dateKind{
	{"zero date", "date", "'0000-00-00'", "0000-00-00"},
	{"zero datetime", "datetime", "'0000-00-00 00:00:00'", "0000-00-00"},
	{"zero datetime with microseconds", "datetime(6)", "'0000-00-00 00:00:00'", "0000-00-00"},
	{"zero timestamp", "timestamp NULL", "'0000-00-00 00:00:00'", "0000-00-00"},
	{"a month without days", "date", "'2026-00-10'", "2026-00-10"},
	{"a day without a month", "datetime", "'2026-10-00 12:30:00'", "2026-10-00"},
	{"a year without months", "date", "'2026-00-00'", "2026-00-00"},
	{"the thirty-first of February", "date", "'2026-02-31'", "2026-02-31"},
	{"the year zero", "datetime", "'0000-01-01 10:00:00'", "0000-01-01"},
}

var berlinDates = []dateKind{
	{"a time that is left out", "datetime", "'2026-03-29 02:30:00'", "2026-03-29T02:30:00"},
	{"a time that is left out with microseconds", "datetime(6)", "'2026-03-29 02:59:59.999999'", "2026-03-29T02:59:59.999999"},
	{"a time that comes twice", "datetime", "'2026-10-25 02:30:00'", "2026-10-25T02:30:00"},
	{"before the clocks change", "datetime", "'2026-03-29 01:59:59'", "2026-03-29T01:59:59"},
	{"summer", "datetime", "'2026-07-01 00:00:00'", "2026-07-01T00:00:00"},
	{"winter", "datetime", "'2026-01-01 00:30:00'", "2026-01-01T00:30:00"},
	{"a day", "date", "'2026-03-29'", "2026-03-29"},
	{"before zones were", "datetime", "'1880-01-01 00:00:00'", "1880-01-01T00:00:00"},
}

// testStrangeDates: the database's own text of a date is what is recorded.
func testStrangeDates(t *testing.T) {
	if !runsOn("mariadb") {
		return
	}
	e := withDSN(t, "mariadb", "", "&sql_mode=%27ALLOW_INVALID_DATES%27")
	for i, d := range strangeDates {
		t.Run(d.name+"/mariadb", func(t *testing.T) { d.rowCase(fmt.Sprint("dates_", i), "'2026-01-01 00:00:00'").runOn(t, e) })
	}
}

// testDatesInAZone: the driver reads a DATETIME in the zone of its DSN, which
// has hours that are left out or come twice.
func testDatesInAZone(t *testing.T) {
	if !runsOn("mariadb") {
		return
	}
	for name, replace := range map[string][]string{
		"the driver's zone":    {"loc=UTC", "loc=Europe%2FBerlin"},
		"both zones":           {"loc=UTC", "loc=Europe%2FBerlin", "time_zone=%27%2B00:00%27", "time_zone=%27%2B01:00%27"},
		"the session's zone":   {"time_zone=%27%2B00:00%27", "time_zone=%27%2B01:00%27"},
		"no times":             {"parseTime=True", "parseTime=False"},
		"no times, other zone": {"parseTime=True", "parseTime=False", "time_zone=%27%2B00:00%27", "time_zone=%27-05:00%27"},
	} {
		t.Run(name, func(t *testing.T) {
			e := withDSN(t, "mariadb", replace...)
			for i, d := range berlinDates {
				t.Run(d.name+"/mariadb", func(t *testing.T) { d.rowCase(fmt.Sprint("zoned_", i), "'2026-05-05 05:05:05'").runOn(t, e) })
			}
		})
	}
}

// rowCase writes the value, another one and the value again.
func (d dateKind) rowCase(table, other string) rowCase {
	make := func(*env) []string {
		return []string{"CREATE TABLE " + table + " (id integer PRIMARY KEY, d " + d.ddl + ", n integer)"}
	}
	return rowCase{tables: []string{table}, ddl: make, parts: true, run: func(e *env, db *gorm.DB) {
		value, before := gorm.Expr(d.value), gorm.Expr(other)
		e.see(db.Table(table).Create(map[string]any{"id": 1, "d": value, "n": 0}))
		e.see(db.Table(table).Where("id = ?", 1).Update("n", 1))
		e.see(db.Table(table).Where("id = 1").Update("n", gorm.Expr("2")))
		e.see(db.Table(table).Where("id = ?", 1).Update("d", before))
		e.see(db.Table(table).Where("id = 1").Update("d", value))
		e.see(upserted(db, table, meeting([]string{"n"}, "id"), map[string]any{"id": 1, "n": 3}))
		e.see(upserted(db, table, meeting([]string{"d"}, "id"), map[string]any{"id": 1, "d": before}))
		e.see(upserted(db, table, meeting([]string{"d"}, "id"), map[string]any{"id": 1, "d": value}))
		e.see(upserted(db, table, meeting([]string{"d"}, "id"), map[string]any{"id": 1, "d": value}))
		e.see(db.Table(table).Where("id = ?", 1).Update("d", nil))
		e.see(db.Table(table).Where("id = ?", 1).Update("d", value))
		e.see(db.Table(table).Where("id = ?", 1).Delete(nil))
	}, after: func(e *env) {
		var told []string
		for _, x := range e.entries {
			line := x.Action
			for _, c := range x.Changes {
				if c.Field != "d" {
					line += " " + c.Field
					continue
				}
				line += " " + d.mark(c.Old) + ">" + d.mark(c.New)
			}
			told = append(told, line)
		}
		want := "create id NULL>D n; update n; update n; update D>O; update O>D; update n; update D>O; update O>D; update D>NULL; update NULL>D; destroy id D>NULL n"
		e.want(strings.Join(told, "; ") == want, "the entries are\n\t%s, they should be\n\t%s", strings.Join(told, "; "), want)
	}}
}

// mark is D for the date, O for the other one.
func (d dateKind) mark(v any) string {
	text := strings.Replace(fmt.Sprint(v), " ", "T", 1)
	switch {
	case v == nil:
		return "NULL"
	case strings.HasPrefix(text, d.shows):
		return "D"
	case strings.HasPrefix(text, "2026-01-01") || strings.HasPrefix(text, "2026-05-05"):
		return "O"
	}
	return fmt.Sprintf("%q", v)
}

// testTimestampsInAZone: two instants an hour apart, whose local times are one in
// the driver's zone. Where the session's zone is the driver's, they are recorded
// as they are; elsewhere the host itself reads others, and they stay apart.
func testTimestampsInAZone(t *testing.T) {
	if !runsOn("mariadb") {
		return
	}
	for _, z := range []struct {
		name    string
		exact   bool
		replace []string
	}{
		{"UTC", true, []string{"charset=utf8mb4&", ""}},
		{"zones that agree", true, []string{"loc=UTC", "loc=Etc%2FGMT-1", "time_zone=%27%2B00:00%27", "time_zone=%27%2B01:00%27"}},
		{"the driver's zone alone", false, []string{"loc=UTC", "loc=Europe%2FBerlin"}},
		{"zones that do not agree", false, []string{"loc=UTC", "loc=Europe%2FBerlin", "time_zone=%27%2B00:00%27", "time_zone=%27%2B02:00%27"}},
	} {
		t.Run(z.name+"/mariadb", func(t *testing.T) {
			e := withDSN(t, "mariadb", z.replace...)
			rowCase{tables: []string{"instants"}, parts: true, ddl: everywhere("CREATE TABLE instants (id integer PRIMARY KEY, at timestamp NULL, n integer)"), run: func(e *env, db *gorm.DB) {
				unix := func(n int) any { return gorm.Expr("from_unixtime(?)", n) }
				const first = 1792888200 // 2026-10-25 00:30 UTC
				e.see(db.Table("instants").Create(map[string]any{"id": 1, "at": unix(first), "n": 0}))
				e.see(db.Table("instants").Where("id = 1").Update("at", unix(first+3600)))
				e.see(db.Table("instants").Where("id = ?", 1).Update("at", unix(first)))
				e.see(upserted(db, "instants", meeting([]string{"at"}, "id"), map[string]any{"id": 1, "at": unix(first + 3600)}))
				e.see(db.Table("instants").Where("id = 1").Delete(nil))
			}, after: func(e *env) {
				var told []string
				for _, x := range e.entries {
					for _, c := range x.Changes {
						if c.Field == "at" {
							told = append(told, fmt.Sprint(c.Old), fmt.Sprint(c.New))
						}
					}
				}
				e.want(len(told) == 10, "the instants are %v", told)
				one, two := told[1], told[3]
				if z.exact {
					one, two = "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"
				}
				want := []string{"<nil>", one, one, two, two, one, one, two, two, "<nil>"}
				e.want(one != two && fmt.Sprint(told) == fmt.Sprint(want), "the instants are\n\t%v, they should be\n\t%v", told, want)
			}}.runOn(t, e)
		})
	}
}
