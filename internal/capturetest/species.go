package capturetest

import (
	"context"
	"fmt"
	"sort"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"pgregory.net/rapid"
)

// species is a model as programs use it.
type species interface {
	statement(t *rapid.T, database string) op
}

// kind is a model of type M.
type kind[M any] struct {
	table string
	// draw makes a row, with or without a key.
	draw func(t *rapid.T) M
	// order sorts rows by what is unique.
	order string
	// columns that may be set, with values for each.
	columns map[string]*rapid.Generator[any]
	// exprs are expressions by column.
	exprs map[string]string
	// where are conditions that select some rows.
	where []string
	// on are the columns of a unique index; nil where there is none.
	on []string
	// change alters a row that was read.
	change func(t *rapid.T) func(*M)
	// revive are the columns and values that undo a soft delete.
	revive map[string]any
}

func value[T any](g *rapid.Generator[T]) *rapid.Generator[any] {
	return rapid.Map(g, func(v T) any { return v })
}

func maybe[T any](g *rapid.Generator[T]) *rapid.Generator[any] {
	return rapid.OneOf(value(g), value(g), rapid.Just[any](nil))
}

var (
	texts = rapid.SampledFrom([]string{"", "a", "b", "c", "long text with spaces", "quote ' \" \\ %", "é漢🙂", "a,b=c&d"})
	codes = rapid.SampledFrom([]string{"k1", "k2", "k3", "k4"})
	small = rapid.IntRange(-2, 4)
	bytes = rapid.SampledFrom([][]byte{nil, {}, {0}, {0, 255, 1}, []byte("text")})
	times = rapid.Map(rapid.IntRange(1, 4), func(n int) time.Time { return at(n) })
)

func pointer[T any](t *rapid.T, g *rapid.Generator[T], label string) *T {
	if rapid.Bool().Draw(t, label+" there") {
		return ptr(g.Draw(t, label))
	}
	return nil
}

func drawSpecies(t *rapid.T) species { return rapid.SampledFrom(allSpecies()).Draw(t, "model") }

func allSpecies() []species {
	text, number := value(texts), value(small)
	return []species{
		&kind[Person]{table: "people", order: "id", draw: func(t *rapid.T) Person {
			return Person{Name: texts.Draw(t, "name"), Age: pointer(t, small, "age"), Nick: pointer(t, texts, "nick"), Active: rapid.Bool().Draw(t, "active"),
				Score: float64(small.Draw(t, "score")) / 10, Big: rapid.SampledFrom([]int64{0, 1 << 62, -5}).Draw(t, "big"), Data: bytes.Draw(t, "data"), Born: pointer(t, times, "born")}
		}, columns: map[string]*rapid.Generator[any]{"name": text, "age": maybe(small), "nick": maybe(texts), "active": value(rapid.Bool()), "vip": maybe(rapid.Bool()),
			"score": value(rapid.Float64Range(-1, 1)), "data": maybe(bytes), "born": maybe(times), "big": value(rapid.Int64())},
			exprs: map[string]string{"age": "age + 1", "name": "upper(name)", "score": "score * 2", "big": "age"},
			where: []string{"age > 0", "age IS NULL", "name = 'a'", "active", "1 = 1", "1 = 0", "score < 0.1 OR age = 1"},
			change: func(t *rapid.T) func(*Person) {
				n, a := texts.Draw(t, "name"), pointer(t, small, "age")
				return func(p *Person) { p.Name, p.Age = n, a }
			}},
		&kind[Product]{table: "products", order: "code", on: []string{"code"}, draw: func(t *rapid.T) Product {
			return Product{Code: codes.Draw(t, "code"), Title: texts.Draw(t, "title"), Price: small.Draw(t, "price")}
		}, columns: map[string]*rapid.Generator[any]{"title": text, "price": number, "code": value(codes)}, exprs: map[string]string{"price": "price + 1", "title": "code"},
			where: []string{"price > 0", "code = 'k1'", "1 = 1", "code IN ('k1', 'k3')"},
			change: func(t *rapid.T) func(*Product) {
				n, c := small.Draw(t, "price"), codes.Draw(t, "code")
				return func(p *Product) { p.Price, p.Code = n, c }
			}},
		&kind[Place]{table: "places", order: "tenant_id, code", on: []string{"tenant_id", "code"}, draw: func(t *rapid.T) Place {
			return Place{TenantID: int64(rapid.IntRange(1, 2).Draw(t, "tenant")), Code: codes.Draw(t, "code"), Title: texts.Draw(t, "title"), Visits: small.Draw(t, "visits")}
		}, columns: map[string]*rapid.Generator[any]{"title": text, "visits": number, "code": value(codes)}, exprs: map[string]string{"visits": "visits + 1", "tenant_id": "tenant_id + 10"},
			where: []string{"tenant_id = 1", "visits > 0", "1 = 1"},
			change: func(t *rapid.T) func(*Place) {
				n := small.Draw(t, "visits")
				return func(p *Place) { p.Visits = n }
			}},
		&kind[LogLine]{table: "log_lines", order: "source, line, count", draw: func(t *rapid.T) LogLine {
			return LogLine{Source: codes.Draw(t, "source"), Line: texts.Draw(t, "line"), Count: small.Draw(t, "count")}
		}, columns: map[string]*rapid.Generator[any]{"source": value(codes), "line": text, "count": number}, exprs: map[string]string{"count": "count + 1"},
			where: []string{"source = 'k1'", "count > 0", "1 = 1"}},
		&kind[Ticket]{table: "tickets", order: "id", on: []string{"id"}, draw: func(t *rapid.T) Ticket {
			return Ticket{ID: codes.Draw(t, "id"), Title: texts.Draw(t, "title"), Status: Status(codes.Draw(t, "status"))}
		}, columns: map[string]*rapid.Generator[any]{"title": text, "status": value(codes), "id": value(codes)}, exprs: map[string]string{"title": "status"},
			where: []string{"status = 'k1'", "1 = 1", "id IN ('k1', 'k2')"},
			change: func(t *rapid.T) func(*Ticket) {
				n := texts.Draw(t, "title")
				return func(p *Ticket) { p.Title = n }
			}},
		&kind[Doc]{table: "docs", order: "id", draw: drawDoc, columns: map[string]*rapid.Generator[any]{"title": text}, exprs: map[string]string{"title": "upper(title)"},
			where: []string{"title = 'a'", "1 = 1"}, change: func(t *rapid.T) func(*Doc) {
				d := drawDoc(t)
				return func(p *Doc) { d.ID = p.ID; *p = d }
			}},
		&kind[Hooked]{table: "hookeds", order: "id", draw: func(t *rapid.T) Hooked { return Hooked{Title: texts.Draw(t, "title")} },
			columns: map[string]*rapid.Generator[any]{"title": text}, exprs: map[string]string{"title": "slug"}, where: []string{"title = 'a'", "saves > 0", "1 = 1"},
			change: func(t *rapid.T) func(*Hooked) {
				n := texts.Draw(t, "title")
				return func(p *Hooked) { p.Title = n }
			}},
		&kind[Versioned]{table: "versioneds", order: "id", draw: func(t *rapid.T) Versioned { return Versioned{Title: texts.Draw(t, "title"), Version: 1} },
			columns: map[string]*rapid.Generator[any]{"title": text}, exprs: map[string]string{"title": "upper(title)"}, where: []string{"title = 'a'", "1 = 1"},
			change: func(t *rapid.T) func(*Versioned) {
				n, v := texts.Draw(t, "title"), Version(rapid.IntRange(1, 3).Draw(t, "version"))
				return func(p *Versioned) { p.Title, p.Version = n, v }
			}},
		&kind[SoftStd]{table: "soft_stds", order: "id", revive: map[string]any{"deleted_at": nil}, draw: func(t *rapid.T) SoftStd { return SoftStd{Title: texts.Draw(t, "title")} },
			columns: map[string]*rapid.Generator[any]{"title": text, "deleted_at": maybe(times)}, exprs: map[string]string{"title": "upper(title)"}, where: []string{"title = 'a'", "1 = 1", "id % 2 = 0"},
			change: func(t *rapid.T) func(*SoftStd) {
				n := texts.Draw(t, "title")
				return func(p *SoftStd) { p.Title = n }
			}},
		&kind[SoftFlag]{table: "soft_flags", order: "id", revive: map[string]any{"removed": 0}, draw: func(t *rapid.T) SoftFlag { return SoftFlag{Title: texts.Draw(t, "title")} },
			columns: map[string]*rapid.Generator[any]{"title": text}, where: []string{"title = 'a'", "1 = 1"}},
		&kind[SoftUnix]{table: "soft_unixes", order: "id", revive: map[string]any{"removed": 0}, draw: func(t *rapid.T) SoftUnix { return SoftUnix{Title: texts.Draw(t, "title")} },
			columns: map[string]*rapid.Generator[any]{"title": text}, where: []string{"title = 'a'", "1 = 1"}},
		&kind[SoftMilli]{table: "soft_millis", order: "id", revive: map[string]any{"removed": 0, "title": "back"}, draw: func(t *rapid.T) SoftMilli { return SoftMilli{Title: texts.Draw(t, "title")} },
			columns: map[string]*rapid.Generator[any]{"title": text}, where: []string{"title = 'a'", "1 = 1"}},
		&kind[Money]{table: "moneys", order: "id", draw: func(t *rapid.T) Money {
			return Money{Amount: decimals.Draw(t, "amount"), Rate: pointer(t, decimals, "rate")}
		}, columns: map[string]*rapid.Generator[any]{"amount": value(decimals), "rate": maybe(decimals)}, exprs: map[string]string{"amount": "amount + 1"}, where: []string{"amount > 0", "1 = 1"},
			change: func(t *rapid.T) func(*Money) {
				n := decimals.Draw(t, "amount")
				return func(p *Money) { p.Amount = n }
			}},
		&kind[Moment]{table: "moments", order: "id", draw: func(t *rapid.T) Moment {
			return Moment{Second: times.Draw(t, "second"), Micro: times.Draw(t, "micro"), Day: times.Draw(t, "day"), Maybe: pointer(t, times, "maybe")}
		}, columns: map[string]*rapid.Generator[any]{"second": value(times), "micro": value(times), "day": value(times), "maybe": maybe(times)}, where: []string{"maybe IS NULL", "1 = 1"}},
		&kind[Branch]{table: "branches", order: "id", draw: func(t *rapid.T) Branch {
			return Branch{Title: texts.Draw(t, "title"), Head: Address{Street: texts.Draw(t, "street"), Zip: pointer(t, texts, "zip")}}
		}, columns: map[string]*rapid.Generator[any]{"title": text, "head_street": text, "post_zip": maybe(texts)}, where: []string{"title = 'a'", "1 = 1"},
			change: func(t *rapid.T) func(*Branch) {
				s := texts.Draw(t, "street")
				return func(p *Branch) { p.Post = &Address{Street: s} }
			}},
		&kind[Permitted]{table: "permitteds", order: "id", draw: func(t *rapid.T) Permitted {
			return Permitted{Title: texts.Draw(t, "title"), OnlyRead: "r", OnlyNew: texts.Draw(t, "new"), OnlyUpd: texts.Draw(t, "upd")}
		}, columns: map[string]*rapid.Generator[any]{"title": text, "only_upd": text, "only_new": text}, where: []string{"title = 'a'", "1 = 1"},
			change: func(t *rapid.T) func(*Permitted) {
				s := texts.Draw(t, "upd")
				return func(p *Permitted) { p.OnlyUpd, p.OnlyNew = s, s }
			}},
	}
}

var decimals = rapid.SampledFrom([]Decimal{"0", "1.5", "1.50", "-3.1234", "99999999.9999"})

func drawDoc(t *rapid.T) Doc {
	inner := rapid.SampledFrom([]any{nil, true, 1, 1.5, "x", []any{}, []any{1, "a"}, map[string]any{}, map[string]any{"k": []any{1, map[string]any{"z": 0}}}})
	settings := rapid.MapOfN(rapid.SampledFrom([]string{"a", "b", "a.b", "c[0]", "dé"}), inner, 0, 3)
	return Doc{Title: texts.Draw(t, "title"), Settings: settings.Draw(t, "settings"), Tags: rapid.SliceOfN(texts, 0, 3).Draw(t, "tags"),
		State: map[string]int{"n": small.Draw(t, "state")}, Seen: int64(rapid.IntRange(1, 3).Draw(t, "seen")), Shout: "s" + codes.Draw(t, "shout"),
		Extra: JSON(settings.Draw(t, "extra")), Spot: Point{small.Draw(t, "x"), 1}}
}

func (k *kind[M]) statement(t *rapid.T, database string) op {
	ways := []func(*rapid.T, string) op{k.create, k.create, k.createMany, k.update, k.update, k.updateWhere, k.updateWhere, k.updateTable, k.delete, k.deleteWhere, k.save, k.firstOrCreate, k.generic}
	if k.on != nil {
		ways = append(ways, k.upsert, k.upsert, k.upsert)
	}
	if k.revive != nil {
		ways = append(ways, k.restore, k.delete)
	}
	return rapid.SampledFrom(ways).Draw(t, "way")(t, database)
}

func (k *kind[M]) create(t *rapid.T, _ string) op {
	m := k.draw(t)
	return op{fmt.Sprintf("create %s %+v", k.table, m), func(h *host, db *gorm.DB) {
		row := m
		h.see("create", db.Create(&row), row)
	}}
}

func (k *kind[M]) createMany(t *rapid.T, _ string) op {
	list := rapid.SliceOfN(rapid.Custom(k.draw), 1, 5).Draw(t, "rows")
	way := rapid.SampledFrom([]string{"slice", "pointers", "batches"}).Draw(t, "form")
	return op{fmt.Sprintf("create %s by %s %+v", k.table, way, list), func(h *host, db *gorm.DB) {
		rows := append([]M(nil), list...)
		switch way {
		case "slice":
			h.see(way, db.Create(&rows), rows)
		case "batches":
			h.see(way, db.CreateInBatches(&rows, 2), rows)
		default:
			pointers := make([]*M, len(rows))
			for i := range rows {
				pointers[i] = &rows[i]
			}
			h.see(way, db.Create(pointers), rows)
		}
	}}
}

func (k *kind[M]) upsert(t *rapid.T, database string) op {
	list := rapid.SliceOfNDistinct(rapid.Custom(k.draw), 1, 4, func(m M) string { return keyOf(m) }).Draw(t, "rows")
	column := rapid.SampledFrom(keysOf(k.columns)).Draw(t, "column")
	way := rapid.SampledFrom([]string{"DoNothing", "DoUpdates", "UpdateAll", "Assignments", "Where"}).Draw(t, "conflict")
	on := clause.OnConflict{}
	for _, c := range k.on {
		on.Columns = append(on.Columns, clause.Column{Name: c})
	}
	switch way {
	case "DoNothing":
		on.DoNothing = true
	case "UpdateAll":
		on.UpdateAll = true
	case "Assignments":
		on.DoUpdates = clause.Assignments(map[string]any{"title": "conflict"})
	default:
		on.DoUpdates = clause.AssignmentColumns([]string{"title", column})
		if way == "Where" && database != "mariadb" {
			on.Where = clause.Where{Exprs: []clause.Expression{clause.Expr{SQL: k.table + ".title <> 'a'"}}}
		}
	}
	return op{fmt.Sprintf("upsert %s, %s (%s) %+v", k.table, way, column, list), func(h *host, db *gorm.DB) {
		rows := append([]M(nil), list...)
		// Which keys are filled in is GORM's guess where rows are passed over.
		h.see(way, db.Clauses(on).Create(&rows))
	}}
}

func keyOf(m any) string {
	switch x := m.(type) {
	case Product:
		return x.Code
	case Place:
		return fmt.Sprint(x.TenantID, x.Code)
	case Ticket:
		return x.ID
	}
	return fmt.Sprint(m)
}

func keysOf[V any](m map[string]V) []string {
	var list []string
	for k := range m {
		list = append(list, k)
	}
	sort.Strings(list)
	return list
}

// nth reads the n-th row, counting round.
func (k *kind[M]) nth(db *gorm.DB, n int) (M, bool) {
	var list []M
	db.Session(&gorm.Session{DryRun: false}).Order(k.order).Find(&list)
	if len(list) == 0 {
		var none M
		return none, false
	}
	return list[n%len(list)], true
}

// values draws what is set, some of it by expressions.
func (k *kind[M]) values(t *rapid.T) map[string]any {
	set := map[string]any{}
	for _, c := range rapid.SliceOfNDistinct(rapid.SampledFrom(keysOf(k.columns)), 1, 3, rapid.ID[string]).Draw(t, "columns") {
		if e, ok := k.exprs[c]; ok && rapid.IntRange(0, 3).Draw(t, "expression") == 0 {
			set[c] = gorm.Expr(e)
		} else {
			set[c] = k.columns[c].Draw(t, c)
		}
	}
	return set
}

func (k *kind[M]) update(t *rapid.T, _ string) op {
	n, set := rapid.IntRange(0, 5).Draw(t, "row"), k.values(t)
	way := rapid.SampledFrom([]string{"Updates", "UpdateColumns", "Update", "UpdateColumn", "Omit"}).Draw(t, "method")
	return op{fmt.Sprintf("%s of %s %d %+v", way, k.table, n, set), func(h *host, db *gorm.DB) {
		row, ok := k.nth(db, n)
		if !ok {
			return
		}
		values := map[string]any{}
		for c, v := range set {
			values[c] = v
		}
		first := keysOf(set)[0]
		switch tx := db.Model(&row); way {
		case "Updates":
			h.see(way, tx.Updates(values), row)
		case "UpdateColumns":
			h.see(way, tx.UpdateColumns(values), row)
		case "Update":
			h.see(way, tx.Update(first, set[first]), row)
		case "UpdateColumn":
			h.see(way, tx.UpdateColumn(first, set[first]), row)
		default:
			h.see(way, tx.Omit(first).Updates(values), row)
		}
	}}
}

func (k *kind[M]) updateWhere(t *rapid.T, _ string) op {
	where, set := rapid.SampledFrom(k.where).Draw(t, "where"), k.values(t)
	unscoped := rapid.IntRange(0, 4).Draw(t, "unscoped") == 0
	m := k.draw(t)
	byStruct := rapid.IntRange(0, 3).Draw(t, "by struct") == 0 && k.on == nil
	return op{fmt.Sprintf("update %s where %s (unscoped %v, struct %v) %+v", k.table, where, unscoped, byStruct, set), func(h *host, db *gorm.DB) {
		tx := db.Model(new(M)).Where(where)
		if unscoped {
			tx = tx.Unscoped()
		}
		if byStruct {
			row := m
			h.see("update where", tx.Updates(&row), row)
			return
		}
		values := map[string]any{}
		for c, v := range set {
			values[c] = v
		}
		h.see("update where", tx.Updates(values))
	}}
}

func (k *kind[M]) updateTable(t *rapid.T, _ string) op {
	where, set := rapid.SampledFrom(k.where).Draw(t, "where"), k.values(t)
	return op{fmt.Sprintf("update the table %s where %s %+v", k.table, where, set), func(h *host, db *gorm.DB) {
		values := map[string]any{}
		for c, v := range set {
			values[c] = v
		}
		h.see("update table", db.Table(k.table).Where(where).Updates(values))
	}}
}

func (k *kind[M]) delete(t *rapid.T, _ string) op {
	n := rapid.IntRange(0, 5).Draw(t, "row")
	way := rapid.SampledFrom([]string{"value", "slice", "unscoped", "table"}).Draw(t, "how")
	return op{fmt.Sprintf("delete %s %d by %s", k.table, n, way), func(h *host, db *gorm.DB) {
		row, ok := k.nth(db, n)
		if !ok {
			return
		}
		switch way {
		case "value":
			h.see(way, db.Delete(&row), row)
		case "slice":
			h.see(way, db.Delete(&[]M{row}))
		case "unscoped":
			h.see(way, db.Unscoped().Delete(&row))
		default:
			h.see(way, db.Table(k.table).Delete(&row))
		}
	}}
}

func (k *kind[M]) deleteWhere(t *rapid.T, _ string) op {
	where := rapid.SampledFrom(k.where).Draw(t, "where")
	unscoped := rapid.Bool().Draw(t, "unscoped")
	return op{fmt.Sprintf("delete %s where %s (unscoped %v)", k.table, where, unscoped), func(h *host, db *gorm.DB) {
		tx := db.Where(where)
		if unscoped {
			tx = tx.Unscoped()
		}
		h.see("delete where", tx.Delete(new(M)))
	}}
}

func (k *kind[M]) save(t *rapid.T, database string) op {
	if k.change == nil {
		return k.create(t, database)
	}
	n, change := rapid.IntRange(0, 5).Draw(t, "row"), k.change(t)
	way := rapid.SampledFrom([]string{"one", "all", "vanished", "twice"}).Draw(t, "what")
	return op{fmt.Sprintf("save %s %d, %s", k.table, n, way), func(h *host, db *gorm.DB) {
		row, ok := k.nth(db, n)
		if !ok {
			return
		}
		change(&row)
		switch way {
		case "all":
			var list []M
			db.Order(k.order).Find(&list)
			if len(list) > 0 {
				change(&list[n%len(list)])
				h.see("save all", db.Save(&list), list)
			}
			return
		case "vanished":
			h.see("delete", db.Unscoped().Delete(&row))
		case "twice":
			h.see("save", db.Save(&row), row)
		}
		h.see("save", db.Save(&row), row)
	}}
}

func (k *kind[M]) firstOrCreate(t *rapid.T, database string) op {
	if _, ok := k.columns["title"]; !ok {
		return k.create(t, database)
	}
	m, where, assign := k.draw(t), rapid.SampledFrom(k.where).Draw(t, "where"), texts.Draw(t, "assign")
	way := rapid.SampledFrom([]string{"Attrs", "Assign"}).Draw(t, "how")
	return op{fmt.Sprintf("FirstOrCreate %s where %s, %s title %q %+v", k.table, where, way, assign, m), func(h *host, db *gorm.DB) {
		row := m
		tx := db.Where(where).Order(k.order)
		if way == "Attrs" {
			tx = tx.Attrs(map[string]any{"title": assign})
		} else {
			tx = tx.Assign(map[string]any{"title": assign})
		}
		h.see(way, tx.FirstOrCreate(&row), row)
	}}
}

func (k *kind[M]) restore(t *rapid.T, _ string) op {
	where := rapid.SampledFrom(k.where).Draw(t, "where")
	return op{fmt.Sprintf("restore %s where %s", k.table, where), func(h *host, db *gorm.DB) {
		values := map[string]any{}
		for c, v := range k.revive {
			values[c] = v
		}
		h.see("restore", db.Unscoped().Model(new(M)).Where(where).Updates(values))
	}}
}

func (k *kind[M]) generic(t *rapid.T, database string) op {
	g := genericOf[M]()
	if g == nil {
		return k.create(t, database)
	}
	m, where := k.draw(t), Where{SQL: rapid.SampledFrom(k.where).Draw(t, "where")}
	column := rapid.SampledFrom(keysOf(k.columns)).Draw(t, "column")
	v := k.columns[column].Draw(t, "value")
	way := rapid.SampledFrom([]string{"create", "update", "delete"}).Draw(t, "how")
	return op{fmt.Sprintf("generic %s %s where %s, %s = %v, %+v", way, k.table, where.SQL, column, v, m), func(h *host, db *gorm.DB) {
		ctx := context.WithoutCancel(db.Statement.Context)
		switch way {
		case "create":
			row := m
			h.note(way, g.Create(ctx, db, &row), 0, row)
		case "update":
			n, err := g.Update(ctx, db, where, column, v)
			h.note(way, err, int64(n))
		default:
			n, err := g.Delete(ctx, db, where)
			h.note(way, err, int64(n))
		}
	}}
}

// drawAssociation draws a change of what belongs together.
func drawAssociation(t *rapid.T) op {
	name := rapid.SampledFrom([]string{"Company", "Card", "Pets", "Toys", "Languages", "Friends", "Team"}).Draw(t, "association")
	way := rapid.SampledFrom([]string{"Append", "Append", "Replace", "Delete", "Clear", "Unscoped", "save", "create", "delete"}).Draw(t, "how")
	n, code := rapid.IntRange(0, 3).Draw(t, "row"), codes.Draw(t, "code")
	full := rapid.Bool().Draw(t, "full")
	return op{fmt.Sprintf("association %s of user %d: %s %s (full %v)", name, n, way, code, full), func(h *host, db *gorm.DB) {
		if way == "create" {
			u := boss()
			u.Name, u.Languages = code, []Language{{Code: code, Name: "new"}}
			h.see("create", db.Create(&u), u)
			return
		}
		var users []User
		db.Order("id").Preload(clause.Associations).Find(&users)
		if len(users) == 0 {
			return
		}
		u := &users[n%len(users)]
		switch way {
		case "save":
			u.Name = code
			u.Pets = append(u.Pets, Pet{Name: code})
			if len(u.Toys) > 0 {
				u.Toys[0].Name = code
			}
			h.see("save", db.Session(&gorm.Session{FullSaveAssociations: full}).Save(u), u)
			return
		case "delete":
			h.see("delete", db.Select(name).Delete(u))
			return
		}
		a := db.Model(u).Association(name)
		other := another(name, code)
		var err error
		switch way {
		case "Append":
			err = a.Append(other)
		case "Replace":
			err = a.Replace(other)
		case "Delete":
			if own := owned(u, name); own != nil {
				err = a.Delete(own)
			}
		case "Unscoped":
			err = a.Unscoped().Clear()
		default:
			if name == "Friends" {
				return // GORM itself panics there
			}
			err = a.Clear()
		}
		h.note(way, err, 0, u)
	}}
}

func another(name, code string) any {
	switch name {
	case "Company":
		return &Company{Name: code}
	case "Card":
		return &Card{Number: code}
	case "Pets":
		return &Pet{Name: code, Toy: Toy{Name: code}}
	case "Toys":
		return &Toy{Name: code}
	case "Languages":
		return &Language{Code: code, Name: code}
	}
	return &User{Name: code}
}

func owned(u *User, name string) any {
	switch {
	case name == "Company" && u.Company != nil:
		return u.Company
	case name == "Card" && u.Card.ID != 0:
		return &u.Card
	case name == "Pets" && len(u.Pets) > 0:
		return &u.Pets[0]
	case name == "Toys" && len(u.Toys) > 0:
		return &u.Toys[0]
	case name == "Languages" && len(u.Languages) > 0:
		return &u.Languages[0]
	case name == "Team" && len(u.Team) > 0:
		return &u.Team[0]
	}
	return nil
}

// drawEnrolment draws a change of what is joined by a model of its own.
func drawEnrolment(t *rapid.T) op {
	way := rapid.SampledFrom([]string{"Append", "Replace", "Delete", "Clear", "join", "revive", "create"}).Draw(t, "how")
	n, grade := rapid.IntRange(0, 2).Draw(t, "row"), small.Draw(t, "grade")
	return op{fmt.Sprintf("enrolment %s %d %d", way, n, grade), func(h *host, db *gorm.DB) {
		if way == "create" {
			s := Student{Name: fmt.Sprint(grade), Courses: []Course{{Title: "new"}}}
			h.see(way, db.Create(&s), s)
			return
		}
		var students []Student
		db.Order("id").Preload("Courses").Find(&students)
		if len(students) == 0 {
			return
		}
		s := &students[n%len(students)]
		a := db.Model(s).Association("Courses")
		switch way {
		case "Append":
			h.note(way, a.Append(&Course{Title: fmt.Sprint(grade)}), 0, s)
		case "Replace":
			h.note(way, a.Replace(&Course{Title: fmt.Sprint(grade)}), 0, s)
		case "Delete":
			if len(s.Courses) > 0 {
				h.note(way, a.Delete(&s.Courses[0]), 0, s)
			}
		case "Clear":
			h.note(way, a.Clear(), 0, s)
		case "join":
			h.see(way, db.Model(&Enrolment{}).Where("student_id = ?", s.ID).Update("grade", grade))
		default:
			h.see(way, db.Unscoped().Model(&Enrolment{}).Where("deleted_at IS NOT NULL").Update("deleted_at", nil))
		}
	}}
}

// drawRaw draws a raw statement, whose rows callbacks can't see.
func drawRaw(t *rapid.T) op {
	q := rapid.SampledFrom([]string{
		"UPDATE products SET price = price + 1 WHERE price > 0", "DELETE FROM notes", "INSERT INTO notes (text) VALUES ('raw')",
		"UPDATE places SET visits = 9 WHERE tenant_id = 1", "DELETE FROM log_lines WHERE source = 'k2'", "UPDATE nonsense SET x = 1",
	}).Draw(t, "raw")
	return op{"raw " + q, func(h *host, db *gorm.DB) {
		if db.DryRun {
			return
		}
		h.e.executes(db, func() { h.see("raw", db.Exec(q)) })
	}}
}
