package capturetest

import (
	"fmt"
	"strings"
	"testing"

	"gorm.io/gorm"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/internal/capturetest/dbtest"
)

// columnKind is a type with two values, as SQL writes them.
type columnKind struct {
	name, ddl, a, b string
	// shows is what entries have of a and b; empty where it isn't laid down.
	shows [2]string
}

// columnKinds are the types of each database.
var columnKinds = map[string][]columnKind{"sqlite": sqliteKinds, "postgres": postgresKinds, "mariadb": mariaKinds}

// protocols are the ways in which a driver can be set to send statements, by the
// settings that say so.
var protocols = map[string]map[string]string{
	"sqlite":   {"bound": ""},
	"postgres": {"bound": "", "simple protocol": " default_query_exec_mode=simple_protocol"},
	"mariadb":  {"two protocols": "", "interpolated": "&interpolateParams=true"},
}

// testColumnKinds writes each kind by statements with and without placeholders,
// which MariaDB answers in two protocols. The values are the same in both, and
// what is not written does not change.
func testColumnKinds(t *testing.T) {
	for _, name := range dbtest.Names {
		for _, protocol := range keysOf(protocols[name]) {
			settings := protocols[name][protocol]
			e := rowsEnvFor(t, name)
			if settings != "" {
				e = withDSN(t, name, "", settings)
			}
			for i, k := range columnKinds[name] {
				t.Run(protocol+"/"+k.name+"/"+name, func(t *testing.T) { k.rowCase(fmt.Sprint("kinds_", i)).runOn(t, e) })
			}
		}
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
		text := fmt.Sprintf("%T\t%v", v, v)
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
		e.want(k.ddl == "text" || !strings.ContainsRune(text, 0), "bytes are shown as a text: %q", text)
		_, text, _ = strings.Cut(text, "\t")
		if shows := k.shows[letter[0]-'A']; shows != "" {
			e.want(sameText(shows, text) || strings.HasPrefix(text, shows), "%s shows as %s, it should be %s", letter, text, shows)
		}
	}
}
