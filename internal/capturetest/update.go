package capturetest

import (
	"errors"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// three people, and one thing of most other kinds.
func populate(e *env, db *gorm.DB) {
	list := people(3)
	e.ok(db.Create(&list))
	e.ok(db.Create(docs()))
	e.ok(db.Create(&[]Product{{Code: "a", Title: "A", Price: 1}, {Code: "b", Title: "B", Price: 2}, {Code: "c", Title: "C", Price: 3}}))
	e.ok(db.Create(&[]Place{{TenantID: 1, Code: "x", Title: "one"}, {TenantID: 1, Code: "y,z"}, {TenantID: 2, Code: "x"}}))
	e.ok(db.Create(&[]LogLine{{Source: "s", Line: "1"}, {Source: "s", Line: "2"}, {Source: "s", Line: "2"}, {Source: "t", Line: "3"}}))
	e.ok(db.Create(&[]Ticket{{ID: "t-1", Title: "one", Status: "open"}, {ID: "t-2", Status: "open"}}))
}

func firstPerson(e *env, db *gorm.DB) Person {
	var p Person
	e.ok(db.Order("id").First(&p))
	return p
}

func testUpdate(t *testing.T) {
	cases := []kase{
		{name: "struct", run: func(e *env, db *gorm.DB) {
			p := firstPerson(e, db)
			e.rows(1, db.Model(&p).Updates(Person{Name: "new", Age: ptr(99), Data: []byte("x")}))
		}},
		{name: "map", run: func(e *env, db *gorm.DB) {
			p := firstPerson(e, db)
			e.rows(1, db.Model(&p).Updates(map[string]any{"name": "new", "Age": nil, "active": true}))
		}},
		{name: "zero values by Select", run: func(e *env, db *gorm.DB) {
			p := firstPerson(e, db)
			e.rows(1, db.Model(&p).Select("Name", "Age", "Score").Updates(Person{}))
		}},
		{name: "Select star", run: func(e *env, db *gorm.DB) {
			p := firstPerson(e, db)
			e.rows(1, db.Model(&p).Select("*").Updates(Person{ID: p.ID, Name: "all"}))
		}},
		{name: "Omit", run: func(e *env, db *gorm.DB) {
			p := firstPerson(e, db)
			e.rows(1, db.Model(&p).Omit("Name").Updates(Person{Name: "no", Age: ptr(50)}))
		}},
		{name: "one column", run: func(e *env, db *gorm.DB) {
			p := firstPerson(e, db)
			e.rows(1, db.Model(&p).Update("name", "one"))
			e.rows(1, db.Model(&Person{}).Where("id = ?", p.ID).Update("Nick", "nick"))
		}},
		{name: "gorm.Expr", run: func(e *env, db *gorm.DB) {
			p := firstPerson(e, db)
			e.rows(1, db.Model(&p).Update("age", gorm.Expr("age * ? + 1", 2)))
			e.rows(3, db.Model(&Person{}).Where("1 = 1").Updates(map[string]any{"score": gorm.Expr("score + age"), "name": gorm.Expr("upper(name)")}))
		}},
		{name: "subquery", run: func(e *env, db *gorm.DB) {
			e.rows(3, db.Model(&Person{}).Where("1 = 1").Update("name", db.Model(&Product{}).Select("max(code)")))
		}},
		{name: "subquery in Where", run: func(e *env, db *gorm.DB) {
			e.rows(3, db.Model(&Person{}).Where("age > (?)", db.Model(&Product{}).Select("min(price)")).Update("score", 7))
		}},
		{name: "Returning", only: []string{"sqlite", "postgres"}, run: func(e *env, db *gorm.DB) {
			var list []Person
			tx := db.Model(&list).Clauses(clause.Returning{}).Where("age > ?", 21).Update("score", 5)
			e.ok(tx)
			e.want(len(list) == 2 && list[0].Score == 5, "Returning gave %v", list)
		}},
		{name: "Returning columns", only: []string{"sqlite", "postgres"}, run: func(e *env, db *gorm.DB) {
			var list []Person
			e.ok(db.Model(&list).Clauses(clause.Returning{Columns: []clause.Column{{Name: "score"}}}).Where("age > ?", 21).Update("score", 5))
			e.want(len(list) == 2 && list[0].Score == 5 && list[0].Name == "" && list[0].ID == 0, "Returning gave %v", list)
		}},
		{name: "UpdateColumn", run: func(e *env, db *gorm.DB) {
			p := firstPerson(e, db)
			e.rows(1, db.Model(&p).UpdateColumn("name", "col"))
			e.rows(1, db.Model(&p).UpdateColumns(map[string]any{"name": "cols", "age": 1}))
			e.rows(1, db.Model(&p).UpdateColumn("age", gorm.Expr("age + 1")))
		}},
		{name: "by Where without key", run: func(e *env, db *gorm.DB) {
			e.rows(2, db.Model(&Person{}).Where("age > ?", 21).Updates(Person{Name: "old"}))
		}},
		{name: "by struct conditions and Or", run: func(e *env, db *gorm.DB) {
			e.rows(2, db.Model(&Person{}).Where(&Person{Name: title(1)}).Or("age = ?", 23).Update("nick", "x"))
		}},
		{name: "by Not and In", run: func(e *env, db *gorm.DB) {
			e.rows(1, db.Model(&Person{}).Not("age IN ?", []int{21, 22}).Update("nick", "x"))
		}},
		{name: "key and Where together", run: func(e *env, db *gorm.DB) {
			p := firstPerson(e, db)
			e.rows(0, db.Model(&p).Where("age > ?", 100).Update("nick", "x"))
			e.rows(1, db.Model(&p).Where("age < ?", 100).Update("nick", "x"))
		}},
		{name: "a slice as model", run: func(e *env, db *gorm.DB) {
			var list []Person
			e.ok(db.Order("id").Limit(2).Find(&list))
			e.rows(2, db.Model(&list).Update("nick", "s"))
		}},
		{name: "Limit and Order", run: func(e *env, db *gorm.DB) {
			e.ok(db.Model(&Person{}).Where("1 = 1").Order("age desc").Limit(1).Update("nick", "last"))
		}},
		{name: "update from", only: []string{"postgres", "sqlite"}, run: func(e *env, db *gorm.DB) {
			e.ok(db.Model(&Person{}).Clauses(clause.From{Tables: []clause.Table{{Name: "products"}}}).
				Where("people.age = 20 + products.price AND products.price > 1").Update("name", gorm.Expr("products.title")))
		}},
		{name: "update with join", only: []string{"mariadb"}, run: func(e *env, db *gorm.DB) {
			e.ok(db.Table("people JOIN products ON people.age = 20 + products.price").Where("products.price > 1").
				UpdateColumn("people.name", gorm.Expr("products.title")))
		}},
		{name: "AllowGlobalUpdate", run: func(e *env, db *gorm.DB) {
			e.want(errors.Is(db.Model(&Person{}).Update("nick", "g").Error, gorm.ErrMissingWhereClause), "a global update was let through")
			e.rows(3, db.Session(&gorm.Session{AllowGlobalUpdate: true}).Model(&Person{}).Update("nick", "g"))
		}},
		{name: "a changed key", run: func(e *env, db *gorm.DB) {
			p := firstPerson(e, db)
			e.rows(1, db.Model(&Person{}).Where("id = ?", p.ID).Update("id", p.ID+5000))
			e.rows(1, db.Model(&Person{}).Where("id = ?", p.ID+5000).Update("name", "moved"))
			e.rows(1, db.Model(&Place{}).Where("tenant_id = 2").Update("code", "moved"))
			e.rows(1, db.Model(&Ticket{}).Where("id = ?", "t-1").Update("id", "t-9"))
		}},
		{name: "keys that move on by one", only: []string{"mariadb"}, run: func(e *env, db *gorm.DB) {
			e.ok(db.Model(&Person{}).Where("1 = 1").Order("id DESC").Update("id", gorm.Expr("id + 1")))
		}},
		{name: "keys that swap", run: func(e *env, db *gorm.DB) {
			e.ok(db.Model(&Place{}).Where("1 = 1").Update("tenant_id", gorm.Expr("tenant_id + 10")))
			e.ok(db.Model(&Place{}).Where("code = 'x'").Update("tenant_id", gorm.Expr("tenant_id + 100")))
		}},
		{name: "hooks that change fields", before: func(e *env, db *gorm.DB) { e.ok(db.Create(&Hooked{Title: "h"})) }, run: func(e *env, db *gorm.DB) {
			var h Hooked
			e.ok(db.First(&h))
			e.rows(1, db.Model(&h).Update("title", "changed"))
			e.rows(1, db.Model(&h).Updates(map[string]any{"title": "again"}))
			h.Title = "saved"
			e.rows(1, db.Save(&h))
		}},
		{name: "optimistic lock", before: func(e *env, db *gorm.DB) { e.ok(db.Create(&Versioned{ID: 1, Title: "v", Version: 1})) },
			run: func(e *env, db *gorm.DB) {
				var v, stale Versioned
				e.ok(db.First(&v))
				e.ok(db.First(&stale))
				e.rows(1, db.Model(&v).Update("title", "first"))
				e.rows(0, db.Model(&stale).Update("title", "second"))
				e.ok(db.First(&v))
				e.want(v.Version == 2, "the version is %d", v.Version)
				e.rows(1, db.Model(&v).Updates(Versioned{Title: "third"}))
			}},
		{name: "matched but unchanged", run: func(e *env, db *gorm.DB) {
			p := firstPerson(e, db)
			e.ok(db.Model(&p).UpdateColumn("name", p.Name))
			e.ok(db.Model(&Person{}).Where("1 = 1").UpdateColumn("big", gorm.Expr("big + 0")))
			e.ok(db.Model(&Product{}).Where("1 = 1").Update("title", gorm.Expr("title")))
			e.ok(db.Save(&p))
		}, after: func(e *env) { e.want(len(e.entries) == 0, "entries for nothing") }},
		{name: "some of many changed", run: func(e *env, db *gorm.DB) {
			e.ok(db.Model(&Product{}).Where("1 = 1").Update("price", 2))
		}, after: func(e *env) { e.want(len(e.entries) == 2, "%d entries", len(e.entries)) }},
		{name: "the same row twice in one transaction", run: func(e *env, db *gorm.DB) {
			p := firstPerson(e, db)
			e.no(db.Transaction(func(tx *gorm.DB) error {
				e.ok(tx.Model(&p).Update("name", "a"))
				e.ok(tx.Model(&p).Update("name", "b"))
				e.ok(tx.Model(&p).Update("name", p.Name))
				return nil
			}))
		}},
		{name: "there and back in one transaction", run: func(e *env, db *gorm.DB) {
			p := firstPerson(e, db)
			old := p.Name
			e.no(db.Transaction(func(tx *gorm.DB) error {
				e.ok(tx.Model(&p).UpdateColumn("name", "a"))
				return tx.Model(&p).UpdateColumn("name", old).Error
			}))
		}},
		{name: "created, changed and deleted in one transaction", run: func(e *env, db *gorm.DB) {
			e.no(db.Transaction(func(tx *gorm.DB) error {
				p := person(9)
				e.ok(tx.Create(&p))
				e.ok(tx.Model(&p).Update("name", "z"))
				return tx.Delete(&p).Error
			}))
		}},
		{name: "structured values", run: func(e *env, db *gorm.DB) {
			var d Doc
			e.ok(db.Order("id").First(&d))
			d.Settings["theme"], d.Settings["list"] = "light", []any{1, "z"}
			delete(d.Settings, "n")
			d.Settings["new"] = map[string]any{"deeper": []any{1}}
			d.Settings["deep"].(map[string]any)["k"] = "text now"
			d.Tags = append(d.Tags, "z")
			d.State["a"] = 9
			d.Extra = JSON{"k": "v", "a.b": 1, "x[0]": nil}
			d.Spot, d.Shout, d.Seen = Point{5, 6}, "LOUDER", d.Seen+1
			e.rows(1, db.Save(&d))
			d.Tags, d.Settings, d.Extra = d.Tags[1:], map[string]any{"theme": "light"}, JSON{}
			e.rows(1, db.Save(&d))
			d.Tags = nil
			e.rows(1, db.Save(&d))
			e.rows(1, db.Model(&d).Select("Extra").Updates(&Doc{}))
		}},
		{name: "structured values that are written again", run: func(e *env, db *gorm.DB) {
			var list []Doc
			e.ok(db.Find(&list))
			for i := range list {
				e.ok(db.Save(&list[i]))
			}
		}},
		{name: "bytes and NULLs", run: func(e *env, db *gorm.DB) {
			p := firstPerson(e, db)
			e.rows(1, db.Model(&p).Updates(map[string]any{"data": nil}))
			e.rows(1, db.Model(&p).Updates(map[string]any{"data": []byte{}}))
			e.rows(1, db.Model(&p).Updates(map[string]any{"data": []byte{1, 2}, "nick": ""}))
			e.rows(1, db.Model(&p).Updates(map[string]any{"nick": nil, "born": nil, "vip": false}))
		}},
		{name: "times in another zone", run: func(e *env, db *gorm.DB) {
			p := firstPerson(e, db)
			e.ok(db.Model(&p).UpdateColumn("born", at(1).UTC()))
			e.ok(db.Model(&p).UpdateColumn("born", at(1).Add(time.Microsecond)))
		}},
		{name: "decimals", before: func(e *env, db *gorm.DB) { e.ok(db.Create(&Money{ID: 1, Amount: "1.50"})) }, run: func(e *env, db *gorm.DB) {
			e.ok(db.Model(&Money{ID: 1}).Update("amount", Decimal("1.5")))
			e.ok(db.Model(&Money{ID: 1}).Update("amount", Decimal("1.51")))
			e.ok(db.Model(&Money{ID: 1}).Update("rate", Decimal("123456789.0123456789")))
		}},
		{name: "generated columns and defaults", before: func(e *env, db *gorm.DB) { e.ok(db.Create(&Defaulted{ID: 1, Title: "d"})) },
			run: func(e *env, db *gorm.DB) {
				e.rows(1, db.Model(&Defaulted{ID: 1}).Update("level", 50))
				e.rows(1, db.Model(&Defaulted{}).Where("id = 1").Update("level", gorm.Expr("level + 1")))
			}},
		{name: "field permissions", before: func(e *env, db *gorm.DB) { e.ok(db.Create(&Permitted{ID: 1, Title: "t", OnlyNew: "n"})) },
			run: func(e *env, db *gorm.DB) {
				e.rows(1, db.Model(&Permitted{ID: 1}).Updates(Permitted{Title: "x", OnlyNew: "y", OnlyUpd: "z", OnlyRead: "r"}))
			}},
		{name: "embedded", before: func(e *env, db *gorm.DB) {
			e.ok(db.Create(&Branch{Title: "b", Head: Address{Street: "s"}}))
		}, run: func(e *env, db *gorm.DB) {
			var b Branch
			e.ok(db.First(&b))
			b.Head.Zip, b.Post = ptr("2"), &Address{Street: "new"}
			e.ok(db.Save(&b))
			e.ok(db.Model(&b).Update("head_street", "other"))
		}},
		{name: "renamed", before: func(e *env, db *gorm.DB) { e.ok(db.Create(&Renamed{Key: 4, Title: "t"})) }, run: func(e *env, db *gorm.DB) {
			e.rows(1, db.Model(&Renamed{Key: 4}).Updates(Renamed{Title: "x", Other: "y"}))
			e.rows(1, db.Delete(&Renamed{Key: 4}))
		}},
		{name: "composite key", run: func(e *env, db *gorm.DB) {
			e.rows(1, db.Model(&Place{TenantID: 1, Code: "y,z"}).Updates(Place{Title: "new"}))
			e.rows(2, db.Model(&Place{}).Where("code = ?", "x").Update("visits", gorm.Expr("visits + 1")))
		}},
		{name: "no key", run: func(e *env, db *gorm.DB) {
			e.rows(2, db.Model(&LogLine{}).Where("line = ?", "2").Update("count", 8))
			e.rows(3, db.Model(&LogLine{}).Where("source = ?", "s").Updates(map[string]any{"source": "r", "count": gorm.Expr("count + 1")}))
		}},
		{name: "Table and map without a model", run: func(e *env, db *gorm.DB) {
			e.rows(2, db.Table("people").Where("age > ?", 21).Updates(map[string]any{"name": "t", "score": 4.25}))
			e.rows(1, db.Table("places").Where("tenant_id = 2").Updates(map[string]any{"title": "t"}))
			e.rows(4, db.Table("log_lines").Where("1 = 1").Update("count", gorm.Expr("count + 2")))
			e.rows(2, db.Table("docs").Where("1 = 1").Updates(map[string]any{"title": "t"}))
		}},
		{name: "the column that the condition asks for", run: func(e *env, db *gorm.DB) {
			e.rows(2, db.Model(&Person{}).Where("age > ?", 21).Update("age", 1))
			e.rows(2, db.Model(&Person{}).Where("age = 1").Update("age", gorm.Expr("age + 30")))
		}},
		{name: "only the time of the update", run: func(e *env, db *gorm.DB) {
			p := firstPerson(e, db)
			e.ok(db.Model(&p).Update("updated_at", at(20)))
		}, after: func(e *env) { e.want(len(e.entries) == 0, "an entry for the time alone") }},
		{name: "fails on a duplicate", run: func(e *env, db *gorm.DB) {
			e.want(db.Model(&Product{}).Where("code = ?", "b").Update("code", "a").Error != nil, "a duplicate was taken")
			e.want(db.Model(&Product{}).Where("1 = 1").Update("nonsense", "a").Error != nil, "a column was invented")
		}},
		{name: "FirstOrInit and Save", run: func(e *env, db *gorm.DB) {
			var p Product
			e.ok(db.Where(Product{Code: "init"}).FirstOrInit(&p))
			e.ok(db.Save(&p))
		}},
	}
	for i := range cases {
		if cases[i].before == nil {
			cases[i].before = populate
		}
	}
	runCases(t, cases)
}

func softs(e *env, db *gorm.DB) {
	for i := uint(1); i <= 3; i++ {
		e.ok(db.Create(&SoftStd{ID: i, Title: "s"}))
		e.ok(db.Create(&SoftFlag{ID: i, Title: "s"}))
		e.ok(db.Create(&SoftUnix{ID: i, Title: "s"}))
		e.ok(db.Create(&SoftMilli{ID: i, Title: "s"}))
	}
}

func testDelete(t *testing.T) {
	cases := []kase{
		{name: "by value", run: func(e *env, db *gorm.DB) {
			p := firstPerson(e, db)
			e.rows(1, db.Delete(&p))
			e.rows(0, db.Delete(&p))
		}},
		{name: "by slice", run: func(e *env, db *gorm.DB) {
			var list []Person
			e.ok(db.Limit(2).Find(&list))
			e.rows(2, db.Delete(&list))
		}},
		{name: "by key list", run: func(e *env, db *gorm.DB) {
			p := firstPerson(e, db)
			e.rows(2, db.Delete(&Person{}, []uint{p.ID, p.ID + 1, 99999999}))
		}},
		{name: "by Where", run: func(e *env, db *gorm.DB) {
			e.rows(2, db.Where("age > ?", 21).Delete(&Person{}))
			e.rows(1, db.Delete(&Person{}, "age = ?", 21))
		}},
		{name: "composite keys", run: func(e *env, db *gorm.DB) {
			e.rows(1, db.Delete(&Place{TenantID: 1, Code: "y,z"}))
			e.rows(2, db.Delete(&[]Place{{TenantID: 1, Code: "x"}, {TenantID: 2, Code: "x"}}))
		}},
		{name: "no key", run: func(e *env, db *gorm.DB) {
			e.rows(2, db.Where("line = ?", "2").Delete(&LogLine{}))
			e.rows(2, db.Where("1 = 1").Delete(&LogLine{}))
		}},
		{name: "global", run: func(e *env, db *gorm.DB) {
			e.want(errors.Is(db.Delete(&Person{}).Error, gorm.ErrMissingWhereClause), "a global delete was let through")
			e.rows(3, db.Session(&gorm.Session{AllowGlobalUpdate: true}).Delete(&Person{}))
		}},
		{name: "Returning", run: func(e *env, db *gorm.DB) {
			var list []Person
			e.ok(db.Clauses(clause.Returning{}).Where("age > ?", 21).Delete(&list))
			e.want(len(list) == 2 && list[0].Name != "", "Returning gave %v", list)
		}},
		{name: "Limit and Order", run: func(e *env, db *gorm.DB) {
			e.ok(db.Where("1 = 1").Order("age").Limit(1).Delete(&Person{}))
		}},
		{name: "Table without a model", run: func(e *env, db *gorm.DB) {
			e.rows(2, db.Table("people").Where("age > ?", 21).Delete(nil))
			e.rows(1, db.Table("places").Where("tenant_id = 2").Delete(&map[string]any{}))
		}},
		{name: "soft", before: softs, run: func(e *env, db *gorm.DB) {
			e.rows(1, db.Delete(&SoftStd{ID: 1}))
			e.rows(0, db.Delete(&SoftStd{ID: 1}))
			e.rows(2, db.Where("title = 's'").Delete(&SoftStd{}))
		}, after: func(e *env) { e.want(len(e.action("destroy")) == 3, "not three") }},
		{name: "soft by flag", before: softs, run: func(e *env, db *gorm.DB) {
			e.rows(1, db.Delete(&SoftFlag{ID: 1}))
			e.rows(2, db.Where("title = 's'").Delete(&SoftFlag{}))
		}},
		{name: "soft by seconds", before: softs, run: func(e *env, db *gorm.DB) {
			e.rows(1, db.Delete(&SoftUnix{ID: 1}))
			e.rows(2, db.Where("title = 's'").Delete(&SoftUnix{}))
		}},
		{name: "soft by milliseconds", before: softs, run: func(e *env, db *gorm.DB) {
			e.rows(1, db.Delete(&SoftMilli{ID: 1}))
			e.rows(2, db.Where("title = 's'").Delete(&SoftMilli{}))
		}},
		{name: "soft slice", before: softs, run: func(e *env, db *gorm.DB) {
			e.rows(2, db.Delete(&[]SoftStd{{ID: 1}, {ID: 3}}))
			e.rows(2, db.Delete(&SoftUnix{}, []uint{2, 3}))
		}},
		{name: "Unscoped", before: softs, run: func(e *env, db *gorm.DB) {
			e.rows(1, db.Delete(&SoftStd{ID: 1}))
			e.rows(1, db.Unscoped().Delete(&SoftStd{ID: 1}))
			e.rows(1, db.Unscoped().Delete(&SoftStd{ID: 2}))
			e.rows(3, db.Unscoped().Where("1 = 1").Delete(&SoftFlag{}))
			e.rows(1, db.Unscoped().Delete(&SoftMilli{ID: 2}))
		}},
		{name: "restore", before: softs, run: func(e *env, db *gorm.DB) {
			e.ok(db.Where("1 = 1").Delete(&SoftStd{}))
			e.rows(1, db.Unscoped().Model(&SoftStd{ID: 2}).Update("deleted_at", nil))
			e.rows(2, db.Unscoped().Model(&SoftStd{}).Where("deleted_at IS NOT NULL").Updates(map[string]any{"deleted_at": nil, "title": "back"}))
		}, after: func(e *env) { e.want(len(e.action("restore")) == 3, "not three") }},
		{name: "restore of other kinds", before: softs, run: func(e *env, db *gorm.DB) {
			e.ok(db.Where("1 = 1").Delete(&SoftFlag{}))
			e.ok(db.Where("1 = 1").Delete(&SoftUnix{}))
			e.ok(db.Where("1 = 1").Delete(&SoftMilli{}))
			e.rows(1, db.Unscoped().Model(&SoftFlag{ID: 2}).Update("removed", 0))
			e.rows(1, db.Unscoped().Model(&SoftUnix{ID: 2}).Update("removed", 0))
			e.rows(3, db.Unscoped().Model(&SoftMilli{}).Where("1 = 1").Update("removed", 0))
		}, after: func(e *env) { e.want(len(e.action("restore")) == 5, "not five") }},
		{name: "update of deleted rows", before: softs, run: func(e *env, db *gorm.DB) {
			e.ok(db.Delete(&SoftStd{ID: 1}))
			e.rows(0, db.Model(&SoftStd{ID: 1}).Update("title", "x"))
			e.rows(1, db.Unscoped().Model(&SoftStd{ID: 1}).Update("title", "x"))
			e.rows(2, db.Model(&SoftStd{}).Where("1 = 1").Update("title", "y"))
		}},
		{name: "deleted by an update", before: softs, run: func(e *env, db *gorm.DB) {
			e.rows(1, db.Model(&SoftStd{ID: 1}).Update("deleted_at", at(1)))
			e.rows(1, db.Model(&SoftFlag{ID: 1}).Update("removed", 1))
		}},
		{name: "hooks", before: func(e *env, db *gorm.DB) { e.ok(db.Create(&Hooked{Title: "h"})) }, run: func(e *env, db *gorm.DB) {
			var h Hooked
			e.ok(db.First(&h))
			e.rows(1, db.Delete(&h))
		}},
		{name: "Select associations", before: family, run: func(e *env, db *gorm.DB) {
			var u User
			e.ok(db.Where("name = ?", "boss").First(&u))
			e.ok(db.Select(clause.Associations).Delete(&u))
		}},
		{name: "Select one association", before: family, run: func(e *env, db *gorm.DB) {
			var list []User
			e.ok(db.Where("name LIKE ?", "b%").Find(&list))
			e.ok(db.Select("Pets", "Languages").Delete(&list))
		}},
		{name: "refused by a hook", before: softs, run: func(e *env, db *gorm.DB) {
			stop := errors.New("no")
			e.no(db.Callback().Delete().Before("gorm:delete").Register("test:refuse", func(tx *gorm.DB) {
				if strings.HasPrefix(tx.Statement.Table, "soft_flags") {
					_ = tx.AddError(stop)
				}
			}))
			defer func() { e.no(db.Callback().Delete().Remove("test:refuse")) }()
			e.want(errors.Is(db.Delete(&SoftFlag{ID: 1}).Error, stop), "the hook's error was lost")
		}},
	}
	for i := range cases {
		if cases[i].before == nil {
			cases[i].before = populate
		}
	}
	runCases(t, cases)
}
