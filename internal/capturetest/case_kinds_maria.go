package capturetest

import (
	"fmt"
	"strings"
	"testing"

	"gorm.io/gorm"

	"github.com/gormtrail/audit"
)

// columnKind is a type of MariaDB's with two values, as SQL writes them.
type columnKind struct {
	name, ddl, a, b string
	// shows is what entries have of a and b; empty where it isn't laid down.
	shows [2]string
}

var columnKinds = []columnKind{
	{"float", "float", "0.1170357", "16777217", [2]string{}},
	{"double", "double", "0.1", "1e300", [2]string{"0.1", "1e+300"}},
	{"decimal", "decimal(30,10)", "1.5", "12345678901234567890.0000000001", [2]string{"1.5000000000", "12345678901234567890.0000000001"}},
	{"bool of three", "tinyint(1)", "3", "1", [2]string{"3", ""}},
	{"bool below zero", "tinyint(1)", "-1", "0", [2]string{"-1", ""}},
	{"unsigned", "bigint unsigned", "18446744073709551615", "9223372036854775808", [2]string{"18446744073709551615", "9223372036854775808"}},
	{"zerofill", "integer(6) zerofill", "42", "43", [2]string{"42", "43"}},
	{"bits", "bit(10)", "b'1000000001'", "b'11'", [2]string{}},
	{"a bit", "bit(1)", "b'1'", "b'0'", [2]string{}},
	{"year", "year", "2026", "0", [2]string{"2026", "0"}},
	{"time", "time(6)", "'-838:59:59'", "'25:00:00.123456'", [2]string{}},
	{"set", "set('a','b','c')", "'a,c'", "''", [2]string{"a,c", ""}},
	{"enum", "enum('x','y')", "'x'", "'y'", [2]string{"x", "y"}},
	{"char", "char(10)", "'a '", "'b'", [2]string{"a", "b"}},
	{"latin", "varchar(20) CHARACTER SET latin1", "'é'", "'ü'", [2]string{"é", "ü"}},
	{"binary", "binary(4)", "x'00ff'", "x'61626364'", [2]string{}},
	{"varbinary", "varbinary(20)", "x''", "x'fffe'", [2]string{}},
	{"uuid", "uuid", "'123e4567-e89b-12d3-a456-426655440000'", "'00000000-0000-0000-0000-000000000001'", [2]string{"123e4567-e89b-12d3-a456-426655440000", "00000000-0000-0000-0000-000000000001"}},
	{"inet6", "inet6", "'2001:db8::1'", "'::ffff:192.0.2.1'", [2]string{"2001:db8::1", "::ffff:192.0.2.1"}},
	{"inet4", "inet4", "'192.0.2.1'", "'0.0.0.0'", [2]string{"192.0.2.1", "0.0.0.0"}},
	{"point", "point", "ST_GeomFromText('POINT(1 2)')", "ST_GeomFromText('POINT(65 66)')", [2]string{}},
	{"point of plain bytes", "point", "ST_GeomFromText('POINT(2 2)')", "ST_GeomFromText('POINT(32 2)')", [2]string{}},
	{"polygon", "geometry", "ST_GeomFromText('POLYGON((0 0,1 0,1 1,0 0))')", "ST_GeomFromText('LINESTRING(97 98,99 100)', 4326)", [2]string{}},
	{"date", "date", "'2026-03-29'", "'1000-01-01'", [2]string{"2026-03-29", "1000-01-01"}},
	{"datetime", "datetime(6)", "'2026-03-29 02:30:00.000001'", "'9999-12-31 23:59:59'", [2]string{"2026-03-29T02:30:00.000001", "9999-12-31T23:59:59"}},
	{"timestamp", "timestamp(6) NULL", "'2026-10-25 00:30:00'", "'2026-10-25 01:30:00.5'", [2]string{"2026-10-25T00:30:00", "2026-10-25T01:30:00.5"}},
	{"json", "json", `'{"a": [1, 2.50, null]}'`, `'[]'`, [2]string{}},
	{"long text", "longtext", "repeat('x', 3000)", "repeat('y', 3000)", [2]string{}},
}

// testColumnKinds writes each kind by statements with and without placeholders,
// which MariaDB answers in two protocols. The values are the same in both, and
// what is not written does not change.
func testColumnKinds(t *testing.T) {
	if !runsOn("mariadb") {
		return
	}
	for _, params := range []string{"", "&interpolateParams=true"} {
		name := "two protocols"
		if params != "" {
			name = "interpolated"
		}
		t.Run(name, func(t *testing.T) {
			e := rowsEnvFor(t, "mariadb")
			if params != "" {
				e = withDSN(t, "mariadb", "", params)
			}
			for i, k := range columnKinds {
				t.Run(k.name+"/mariadb", func(t *testing.T) { k.rowCase(fmt.Sprint("kinds_", i)).runOn(t, e) })
			}
		})
	}
}

func (k columnKind) rowCase(table string) rowCase {
	make := func(*env) []string {
		return []string{"CREATE TABLE " + table + " (id integer PRIMARY KEY, v " + k.ddl + ", n integer)"}
	}
	return rowCase{tables: []string{table}, ddl: make, parts: true, run: func(e *env, db *gorm.DB) {
		a, b, n := gorm.Expr(k.a), gorm.Expr(k.b), gorm.Expr("n + 1")
		e.see(db.Table(table).Create(map[string]any{"id": 1, "v": a, "n": 0}))
		e.see(db.Table(table).Create(map[string]any{"id": gorm.Expr("2"), "v": a, "n": gorm.Expr("0")}))
		e.see(db.Table(table).Where("id > ?", 0).Update("n", n))
		e.see(db.Table(table).Where("id > 0").Update("n", n))
		e.see(db.Table(table).Where("id = ?", 1).Update("v", b))
		e.see(db.Table(table).Where("id = 2").Update("v", b))
		e.see(db.Table(table).Where("id > ?", 0).Update("v", b)) // as it is
		e.see(db.Table(table).Where("id > 0").Update("v", b))
		e.see(upserted(db, table, meeting([]string{"n"}, "id"), map[string]any{"id": 1, "v": a, "n": 50}, map[string]any{"id": 3, "v": b, "n": 50}))
		e.see(upserted(db, table, meeting([]string{"v"}, "id"), map[string]any{"id": 1, "v": a}))
		e.see(upserted(db, table, meeting([]string{"v"}, "id"), map[string]any{"id": 1, "v": a})) // as it is
		e.see(upserted(db, table, meeting([]string{"v"}, "id"), map[string]any{"id": gorm.Expr("2"), "v": a}))
		e.see(db.Table(table).Where("id = ?", 3).Update("v", nil))
		e.see(db.Table(table).Where("id = 3").Update("v", b))
		e.see(db.Table(table).Where("id > ?", 1).Delete(nil))
		e.see(db.Table(table).Where("id = 1").Delete(nil))
	}, after: k.check}
}

// check follows v through the entries: what they say, an A where it is a.
func (k columnKind) check(e *env) {
	var told []string
	values := map[string]string{}
	show := func(v any) string {
		text := fmt.Sprintf("%T %v", v, v)
		if v == nil {
			return "NULL"
		}
		if values[text] == "" {
			values[text] = string(rune('A' + len(values)))
		}
		return values[text]
	}
	for _, x := range e.entries {
		line := x.Object.ID + " " + x.Action
		for _, c := range x.Changes {
			switch {
			case c.Field == "v" && c.Op == audit.OpReplace:
				line += " " + show(c.Old) + ">" + show(c.New)
			case c.Field == "v" && c.Op == audit.OpAdd:
				line += " " + show(c.New)
			case c.Field == "v":
				line += " " + show(c.Old)
			case c.Op == audit.OpReplace:
				line += " " + c.Field
			}
		}
		told = append(told, line)
	}
	want := "1 create A; 2 create A; 1 update n; 2 update n; 1 update n; 2 update n; 1 update A>B; 2 update A>B; 1 update n; 3 create B; 1 update B>A; 2 update B>A; " +
		"3 update B>NULL; 3 update NULL>B; 2 destroy A; 3 destroy B; 1 destroy A"
	e.want(strings.Join(told, "; ") == want, "the entries are\n\t%s\n\t%v, they should be\n\t%s", strings.Join(told, "; "), values, want)
	for text, letter := range values {
		e.want(!strings.ContainsRune(text, 0), "bytes are shown as a text: %q", text)
		_, text, _ = strings.Cut(text, " ")
		if shows := k.shows[letter[0]-'A']; shows != "" {
			e.want(sameText(shows, text) || strings.HasPrefix(text, shows), "%s shows as %s, it should be %s", letter, text, shows)
		}
	}
}
