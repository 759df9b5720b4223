package capturetest

import (
	"errors"
	"fmt"
	"testing"

	"gorm.io/gorm"

	"github.com/gormtrail/audit/hooks"
)

// testKeyless: nothing but their values tells the rows apart, and MariaDB doesn't
// return those that it updates.
func testKeyless(t *testing.T) {
	set := func(where string, values map[string]any) func(e *env, db *gorm.DB) {
		return func(e *env, db *gorm.DB) { e.ok(db.Table("keyless").Where(where).Updates(values)) }
	}
	cases := []rowCase{
		{name: "a chosen row", run: set("n > floor(rand() * 4)", map[string]any{"n": 7})},
		{name: "a chosen order", run: func(e *env, db *gorm.DB) {
			e.see(db.Table("keyless").Where("n > 0").Order("rand()").Limit(2).Update("n", gorm.Expr("n + 10")))
		}},
		{name: "a variable", run: set("(@keyless := coalesce(@keyless, 0) + 1) % 2 = 0", map[string]any{"n": gorm.Expr("n + 1")})},
		{name: "a value by chance", run: set("n > 1", map[string]any{"n": gorm.Expr("floor(rand() * 1000)"), "f": gorm.Expr("rand()"), "d": gorm.Expr("rand()")})},
		{name: "a column that was set before", run: set("n > 0", map[string]any{"a": gorm.Expr("concat(n, 'x')"), "n": gorm.Expr("length(a) + n"), "p": gorm.Expr("n / 3")})},
		{name: "times", run: set("n > 0", map[string]any{"at": gorm.Expr("at + INTERVAL 1 MICROSECOND"), "ts": gorm.Expr("TIMESTAMP(at)"), "on_day": gorm.Expr("DATE(ts)")})},
		{name: "bits and bytes", run: set("n > 0", map[string]any{"b": gorm.Expr("b'101' | n"), "raw": gorm.Expr("unhex(concat('ff0', n))"), "doc": gorm.Expr("json_object('n', n)")})},
		{name: "to one value", run: set("n > floor(rand() * 0)", map[string]any{"a": "same", "n": gorm.Expr("least(n, 2)")})},
		{name: "a plain condition", run: set("n > 0", map[string]any{"n": gorm.Expr("n + 1")})},
	}
	for i := range cases {
		c := &cases[i]
		c.only, c.tables, c.watched = onlyMaria, []string{"keyless"}, true
		c.ddl = everywhere("CREATE TABLE keyless (n integer, a varchar(40), f float, d double, p decimal(10, 4), at datetime(6), ts timestamp(6) NULL, on_day date, b bit(4), raw varbinary(20), doc json)",
			"INSERT INTO keyless (n, a, at, ts) VALUES (1, 'a', '2026-01-01 10:00:00.1', '2026-01-01 11:00:00.5'), (1, 'a', '2026-01-01 10:00:00.1', '2026-01-01 11:00:00.5'), (2, 'b', NULL, NULL), (3, NULL, '2026-07-01 10:00:00', '2026-07-01 10:00:00')")
	}
	runRowCases(t, cases...)
	refused := cases[0]
	refused.name, refused.run = "refused", refusesKeyless
	refused.after = func(e *env) { e.want(len(e.entries) == 0, "%d entries", len(e.entries)) }
	runRowCases(t, refused)
}

// refusesKeyless runs an update whose condition selects other rows when it is
// asked again, by a function that a view hides. It is refused once it has run;
// then its transaction can't commit.
func refusesKeyless(e *env, db *gorm.DB) {
	if !captures(db) {
		return
	}
	e.ok(e.plain.Exec("CREATE OR REPLACE SEQUENCE keyless_turns"))
	e.ok(e.plain.Exec("CREATE OR REPLACE VIEW keyless_turn AS SELECT NEXTVAL(keyless_turns) AS n"))
	rows := func() (list []map[string]any) {
		e.ok(e.plain.Table("keyless").Find(&list))
		return list
	}
	before := fmt.Sprint(rows())
	update := func(tx *gorm.DB) error {
		return tx.Table("keyless").Where("n < 3 OR n > (SELECT n FROM keyless_turn) % 2 * 10").Update("n", gorm.Expr("n + 1")).Error
	}
	e.want(errors.Is(update(db), hooks.ErrNotMet), "it was not refused")
	tx := db.Begin()
	e.want(errors.Is(update(tx), hooks.ErrNotMet), "it was not refused in a transaction")
	e.want(errors.Is(tx.Commit().Error, hooks.ErrNotMet), "the transaction was committed")
	after := fmt.Sprint(rows())
	e.want(before == after, "the rows are %s, they were %s", after, before)
}
