package capturetest

import (
	"fmt"
	"sort"
	"time"

	"gorm.io/gorm"
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
