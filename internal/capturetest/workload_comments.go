package capturetest

import (
	"fmt"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"pgregory.net/rapid"
)

// comments are statements in which the host's text holds comments or ends in a
// way that spoils what is appended to it.
func comments() *workload {
	on := commented
	line := []string{"%s -- by job", "%s --", "%s -- it's \"odd\"", "%s -- by job\n"}
	hash := []string{"%s # by job", "%s #"}
	block := []string{"%s /* why */", "/* why */ %s", "%s /* it's; -- odd */", "(%s /* -- */)", "%s -- a\n AND 1 = 1 -- b"}
	open := []string{"%s /* open", "%s /* a */ /* open"}
	plain := []string{"%s OR name = '--'", "%s OR name = ';'", "%s OR name = '/*'", "%s AND name <> '# \" ` \\\\'"}
	return &workload{name: "comments", share: 2, world: world{models: []any{&Person{}, &SoftStd{}, &LogLine{}, &Note{}}}, prologue: commentPrologue, parts: []part{
		{name: "line", draw: on(drawCommented, line...)},
		{name: "hash", draw: on(drawCommented, hash...)},
		{name: "block", draw: on(drawCommented, block...)},
		{name: "open", draw: on(drawCommented, open...)},
		{name: "in texts", draw: on(drawCommented, plain...)},
		{name: "order", draw: drawOrderComment},
		{name: "table", draw: drawTableComment},
		{name: "expression", draw: drawExpressionComment},
		{name: "hints", draw: drawHint},
	}}
}

// commented draws statements whose conditions have one of the endings.
func commented(draw func(t *rapid.T, text func(t *rapid.T, condition string) string) op, endings ...string) func(*rapid.T, string) op {
	return func(t *rapid.T, _ string) op {
		return draw(t, func(t *rapid.T, condition string) string {
			return fmt.Sprintf(rapid.SampledFrom(endings).Draw(t, "ending"), condition)
		})
	}
}

// semicolons are conditions that end their statement. On SQLite the part before
// the semicolon stays if the rest fails, but for SkipDefaultTransaction, where the
// plugin's own transaction undoes it.
func semicolons() *workload {
	w := comments()
	w.name, w.handles = "semicolons", map[string]handle{"defaults": handles["defaults"], "PrepareStmt": handles["PrepareStmt"]}
	w.parts = []part{{name: "conditions", draw: commented(drawCommented, "%s;", "%s ; ", "%s; -- by job", "%s;\n")}}
	return w
}

func commentPrologue(e *env, db *gorm.DB) {
	list := people(3)
	e.ok(db.Create(&list))
	e.ok(db.Create(&[]SoftStd{{Title: "a"}, {Title: "b"}, {Title: "c", DeletedAt: gorm.DeletedAt{Time: at(1), Valid: true}}}))
	e.ok(db.Create(&[]LogLine{{Source: "k1", Line: "1"}, {Source: "k1", Line: "2"}, {Source: "k2", Line: "3"}}))
}

// drawCommented draws a statement whose condition is decorated.
func drawCommented(t *rapid.T, text func(*rapid.T, string) string) op {
	people := text(t, rapid.SampledFrom([]string{"age > 0", "age = 21", "id % 2 = 1", "1 = 1"}).Draw(t, "where"))
	way := rapid.SampledFrom([]string{"update", "update table", "updates", "delete", "soft delete", "keyless", "keyless delete", "two conditions", "slice", "not"}).Draw(t, "way")
	n := rapid.IntRange(0, 3).Draw(t, "n")
	soft := text(t, "id > 0")
	lines := text(t, "source = 'k1'")
	run := func(h *host, db *gorm.DB) {
		switch way {
		case "update":
			h.see(way, db.Model(&Person{}).Where(people).Update("score", n))
		case "updates":
			h.see(way, db.Model(&Person{}).Where(people).Updates(Person{Big: int64(n), Nick: ptr("x")}))
		case "update table":
			h.see(way, db.Table("people").Where(people).Updates(map[string]any{"score": gorm.Expr("score + ?", n)}))
		case "delete":
			h.see(way, db.Where(people).Delete(&Person{}))
		case "soft delete":
			h.see(way, db.Where(soft).Delete(&SoftStd{}))
		case "keyless":
			h.see(way, db.Model(&LogLine{}).Where(lines).Update("count", n))
		case "keyless delete":
			h.see(way, db.Where(lines).Delete(&LogLine{}))
		case "two conditions":
			h.see(way, db.Model(&Person{}).Where("id > ?", 0).Where(people).Update("tiny", n))
		case "slice":
			h.see(way, db.Where(people).Delete(&[]Person{{ID: 1}, {ID: 2}}))
		default:
			h.see(way, db.Model(&Person{}).Not(people).Update("tiny", n))
		}
	}
	return op{fmt.Sprintf("%s %d where %q %q %q", way, n, people, soft, lines), func(h *host, db *gorm.DB) {
		if h.e.name == "sqlite" && strings.Contains(people+soft+lines, ";") {
			h.e.executes(db, func() { run(h, db) }) // the part before the semicolon stays if the rest fails
			return
		}
		run(h, db)
	}}
}

func drawOrderComment(t *rapid.T, _ string) op {
	order := rapid.SampledFrom([]string{"id -- by job", "id /* why */", "id DESC # by job", "id;", "id /* open"}).Draw(t, "order")
	remove, n := rapid.Bool().Draw(t, "delete"), rapid.IntRange(0, 3).Draw(t, "n")
	return op{fmt.Sprintf("order by %q, delete %v, %d", order, remove, n), func(h *host, db *gorm.DB) {
		tx := db.Model(&Person{}).Where("age > ?", 0).Order(order)
		if n > 0 {
			tx = tx.Limit(n)
		}
		if remove {
			h.see("delete", tx.Delete(&Person{}))
		} else {
			h.see("update", tx.Update("tiny", n))
		}
	}}
}

func drawTableComment(t *rapid.T, _ string) op {
	table := rapid.SampledFrom([]string{"people /* why */", "people -- by job\n", "/* why */ people", "people -- by job", "people AS p", "people # by job"}).Draw(t, "table")
	way, n := rapid.SampledFrom([]string{"update", "delete", "create"}).Draw(t, "way"), rapid.IntRange(0, 3).Draw(t, "n")
	return op{fmt.Sprintf("table %q, %s %d", table, way, n), func(h *host, db *gorm.DB) {
		switch tx := db.Table(table); way {
		case "update":
			h.see(way, tx.Where("age > 20").Updates(map[string]any{"tiny": n}))
		case "delete":
			h.see(way, tx.Where("age = ?", 20+n).Delete(nil))
		default:
			h.see(way, tx.Create(map[string]any{"name": "t"}))
		}
	}}
}

func drawExpressionComment(t *rapid.T, _ string) op {
	e := rapid.SampledFrom([]string{"tiny + 1 /* why */", "tiny + 1 -- by job\n", "/* a */ tiny /* ? */", "tiny + 1 -- by job", "tiny + 1 # by job\n"}).Draw(t, "expression")
	way := rapid.SampledFrom([]string{"update", "create"}).Draw(t, "way")
	return op{fmt.Sprintf("expression %q, %s", e, way), func(h *host, db *gorm.DB) {
		if way == "create" {
			h.see(way, db.Table("people").Create(map[string]any{"name": "x", "tiny": gorm.Expr("1 /* why */")}))
			return
		}
		h.see(way, db.Model(&Person{}).Where("age > 20").Update("tiny", gorm.Expr(e)))
	}}
}

// hint is a comment in a clause, as gorm.io/hints writes it.
type hint struct {
	clause, text string
	where        string // before, after or behind the clause's name
}

func (hint) Name() string               { return "" }
func (hint) Build(clause.Builder)       {}
func (hint) MergeClause(*clause.Clause) {}

func (x hint) ModifyStatement(stmt *gorm.Statement) {
	c := stmt.Clauses[x.clause]
	e := clause.Expr{SQL: x.text}
	switch x.where {
	case "before":
		c.BeforeExpression = e
	case "after":
		c.AfterExpression = e
	default:
		c.AfterNameExpression = e
	}
	stmt.Clauses[x.clause] = c
}

func drawHint(t *rapid.T, _ string) op {
	x := hint{where: rapid.SampledFrom([]string{"before", "after", "behind"}).Draw(t, "place"),
		text: rapid.SampledFrom([]string{"/* trace */", "/* it's; -- odd */", "-- trace\n"}).Draw(t, "text")}
	way := rapid.SampledFrom([]string{"update", "delete", "create"}).Draw(t, "way")
	x.clause = rapid.SampledFrom(map[string][]string{"update": {"UPDATE", "SET", "WHERE"}, "delete": {"DELETE", "FROM", "WHERE"}, "create": {"INSERT", "VALUES"}}[way]).Draw(t, "clause")
	return op{fmt.Sprintf("%s with %q %s %s", way, x.text, x.where, x.clause), func(h *host, db *gorm.DB) {
		switch tx := db.Clauses(x); way {
		case "update":
			h.see(way, tx.Model(&Person{}).Where("age > 20").Update("tiny", gorm.Expr("tiny + 1")))
		case "delete":
			h.see(way, tx.Where("age = 22").Delete(&Person{}))
		default:
			p := Person{Name: "hinted"}
			h.see(way, tx.Create(&p), p.ID)
		}
	}}
}
