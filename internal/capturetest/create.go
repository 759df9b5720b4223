package capturetest

import (
	"testing"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

func person(n int) Person {
	return Person{Name: title(n), Age: ptr(20 + n), Active: n%2 == 0, Score: 0.1 * float64(n), Big: 1 << 60, Data: []byte{0, 255, byte(n)}, Born: ptr(at(n))}
}

func people(n int) []Person {
	list := make([]Person, n)
	for i := range list {
		list[i] = person(i + 1)
	}
	return list
}

func testCreate(t *testing.T) {
	runCases(t, []kase{
		{name: "struct", run: func(e *env, db *gorm.DB) {
			p := person(1)
			e.rows(1, db.Create(&p))
			e.want(p.ID != 0, "the ID was not filled in")
		}},
		{name: "zero values", run: func(e *env, db *gorm.DB) { e.rows(1, db.Create(&Person{})) }},
		{name: "slice", run: func(e *env, db *gorm.DB) {
			list := people(7)
			e.rows(7, db.Create(&list))
			e.want(list[6].ID == list[0].ID+6, "the IDs were not filled in")
		}},
		{name: "slice by value", run: func(e *env, db *gorm.DB) { e.rows(3, db.Create(people(3))) }},
		{name: "slice of pointers", run: func(e *env, db *gorm.DB) {
			a, b := person(1), person(2)
			e.rows(2, db.Create([]*Person{&a, &b}))
			e.want(a.ID != 0 && b.ID > a.ID, "the IDs were not filled in")
		}},
		{name: "array", run: func(e *env, db *gorm.DB) { e.rows(2, db.Create(&[2]Person{person(1), person(2)})) }},
		{name: "map", run: func(e *env, db *gorm.DB) {
			e.rows(1, db.Model(&Person{}).Create(map[string]any{"name": "m", "Age": 3}))
		}},
		{name: "slice of maps", run: func(e *env, db *gorm.DB) {
			e.rows(2, db.Model(&Person{}).Create(&[]map[string]any{{"Name": "a"}, {"Name": "b", "Age": 4}}))
		}},
		{name: "map with an expression", run: func(e *env, db *gorm.DB) {
			e.rows(1, db.Model(&Person{}).Create(map[string]any{"Name": "x", "Age": clause.Expr{SQL: "1 + ?", Vars: []any{2}}}))
		}},
		{name: "CreateInBatches", run: func(e *env, db *gorm.DB) {
			list := people(10)
			e.rows(10, db.CreateInBatches(&list, 3))
		}},
		{name: "CreateBatchSize", run: func(e *env, db *gorm.DB) {
			list := people(5)
			e.rows(5, db.Session(&gorm.Session{CreateBatchSize: 2}).Create(&list))
		}},
		{name: "150 rows at once", run: func(e *env, db *gorm.DB) {
			list := people(150)
			e.rows(150, db.Create(&list))
		}},
		{name: "FirstOrCreate", run: func(e *env, db *gorm.DB) {
			var p Person
			e.rows(1, db.Where(Person{Name: "f"}).Attrs(Person{Age: ptr(1)}).FirstOrCreate(&p))
			e.rows(0, db.Where(Person{Name: "f"}).Attrs(Person{Age: ptr(2)}).FirstOrCreate(&p))
			e.want(*p.Age == 1, "Attrs changed a row that was there")
		}},
		{name: "FirstOrCreate with Assign", run: func(e *env, db *gorm.DB) {
			var p, q Person
			e.rows(1, db.Where(Person{Name: "f"}).Assign(Person{Age: ptr(1)}).FirstOrCreate(&p))
			e.rows(1, db.Where(Person{Name: "f"}).Assign(Person{Age: ptr(2)}).FirstOrCreate(&q))
		}},
		{name: "Select", run: func(e *env, db *gorm.DB) {
			p := person(1)
			e.rows(1, db.Select("Name", "Age").Create(&p))
		}},
		{name: "Omit", run: func(e *env, db *gorm.DB) {
			p := person(1)
			e.rows(1, db.Omit("Age", "CreatedAt").Create(&p))
		}},
		{name: "database defaults", run: func(e *env, db *gorm.DB) {
			d := Defaulted{Title: "d"}
			e.rows(1, db.Create(&d))
			e.rows(2, db.Create(&[]Defaulted{{Title: "a", Level: 3}, {Title: "b"}}))
		}},
		{name: "given key", run: func(e *env, db *gorm.DB) {
			p := person(1)
			p.ID = 900001
			e.rows(1, db.Create(&p))
		}},
		{name: "keys given and not in one batch", run: func(e *env, db *gorm.DB) {
			list := people(3)
			list[1].ID = 910001
			e.ok(db.Create(&list))
		}},
		{name: "UUID key", run: func(e *env, db *gorm.DB) {
			e.rows(1, db.Create(&Ticket{Title: "u", Status: "open"}))
			e.rows(2, db.Create(&[]Ticket{{Title: "a"}, {Title: "b"}}))
		}},
		{name: "composite key", run: func(e *env, db *gorm.DB) {
			e.rows(1, db.Create(&Place{TenantID: 1, Code: "de"}))
			e.rows(2, db.Create(&[]Place{{TenantID: 1, Code: "a=b,c d&é"}, {TenantID: 2, Code: ""}}))
		}},
		{name: "no key", run: func(e *env, db *gorm.DB) {
			e.rows(1, db.Create(&LogLine{Source: "s", Line: "l"}))
			e.rows(3, db.Create(&[]LogLine{{Source: "s", Line: "l"}, {Source: "s", Line: "l"}, {Source: "t"}}))
		}},
		{name: "embedded", run: func(e *env, db *gorm.DB) {
			e.rows(2, db.Create(&[]Branch{{Title: "a", Head: Address{Street: "s", Zip: ptr("1")}, Post: &Address{Street: "p"}}, {Title: "b"}}))
		}},
		{name: "serializers", run: func(e *env, db *gorm.DB) { e.rows(2, db.Create(docs())) }},
		{name: "serializers without values", run: func(e *env, db *gorm.DB) { e.rows(1, db.Create(&Doc{Title: "empty", Seen: 1})) }},
		{name: "decimals", run: func(e *env, db *gorm.DB) {
			e.rows(2, db.Create(&[]Money{{Amount: "1.5", Rate: ptr(Decimal("0.0000000001"))}, {Amount: "12345678901.1234"}}))
		}},
		{name: "times", run: func(e *env, db *gorm.DB) {
			e.rows(1, db.Create(&Moment{Second: at(1), Micro: at(2), Day: at(3), Maybe: ptr(at(4))}))
			e.rows(1, db.Create(&Moment{Second: at(1).UTC(), Micro: time.Date(1969, 12, 31, 23, 59, 59, 0, time.UTC), Day: at(3)}))
		}},
		{name: "field permissions", run: func(e *env, db *gorm.DB) {
			e.rows(1, db.Create(&Permitted{Title: "t", OnlyRead: "r", OnlyNew: "n", OnlyUpd: "u", Ignored: "i"}))
		}},
		{name: "renamed", run: func(e *env, db *gorm.DB) { e.rows(1, db.Create(&Renamed{Title: "t", Other: "o"})) }},
		{name: "object type of the model's own, and a secret", run: func(e *env, db *gorm.DB) {
			e.rows(1, db.Create(&Typed{Title: "t", Password: "hunter2"}))
		}},
		{name: "strange texts", run: func(e *env, db *gorm.DB) {
			e.rows(1, db.Create(&Person{Name: "'\"\\;--%_ \r\n\té 漢字 🙂 ‮", Nick: ptr("")}))
		}},
		{name: "long bytes", run: func(e *env, db *gorm.DB) {
			e.rows(1, db.Create(&Person{Name: "big", Data: make([]byte, 60_000)}))
		}},
		{name: "Table and map without a model", run: func(e *env, db *gorm.DB) {
			e.rows(1, db.Table("people").Create(map[string]any{"name": "m", "age": 3, "score": 1.5, "active": true}))
			e.rows(2, db.Table("people").Create([]map[string]any{{"name": "a"}, {"name": "b"}}))
			e.rows(1, db.Table("log_lines").Create(map[string]any{"source": "m"}))
			e.rows(1, db.Table("places").Create(map[string]any{"tenant_id": 4, "code": "m"}))
		}},
		{name: "hooks that change fields and write rows", run: func(e *env, db *gorm.DB) {
			e.rows(1, db.Create(&Hooked{Title: "h"}))
			e.rows(2, db.Create(&[]Hooked{{Title: "a"}, {Title: "b"}}))
		}},
		{name: "fails on a duplicate", before: func(e *env, db *gorm.DB) { e.ok(db.Create(&Product{Code: "dup"})) },
			run: func(e *env, db *gorm.DB) {
				e.want(db.Create(&[]Product{{Code: "x"}, {Code: "dup"}}).Error != nil, "a duplicate was taken")
			}},
		{name: "an empty slice", run: func(e *env, db *gorm.DB) {
			e.want(db.Create(&[]Person{}).Error != nil, "an empty slice was taken")
		}},
		{name: "soft-deleted from the start", run: func(e *env, db *gorm.DB) {
			e.rows(1, db.Create(&SoftStd{Title: "s", DeletedAt: gorm.DeletedAt{Time: at(1), Valid: true}}))
		}},
	})
}

func docs() []Doc {
	return []Doc{
		{Title: "a", Settings: map[string]any{"theme": "dark", "n": 1.5, "list": []any{1, "x", nil}, "deep": map[string]any{"k": true}},
			Tags: []string{"x", "y"}, State: map[string]int{"a": 1, "b": 2}, Seen: 1_700_000_000, Shout: "loud", Extra: JSON{"k": "v"}, Spot: Point{1, -2}},
		{Title: "b", Settings: map[string]any{}, Tags: []string{}, State: map[string]int{}, Seen: 2, Extra: JSON{}},
	}
}

func testUpsert(t *testing.T) {
	stock := func(e *env, db *gorm.DB) {
		e.ok(db.Create(&[]Product{{Code: "a", Title: "A", Price: 1}, {Code: "b", Title: "B", Price: 2}, {Code: "c", Title: "C", Price: 3}}))
	}
	onCode := []clause.Column{{Name: "code"}}
	runCases(t, []kase{
		{name: "DoNothing", before: stock, run: func(e *env, db *gorm.DB) {
			e.some(0, db.Clauses(clause.OnConflict{DoNothing: true}).Create(&Product{Code: "a", Title: "X"}))
			e.rows(1, db.Clauses(clause.OnConflict{DoNothing: true}).Create(&Product{Code: "n", Title: "N"}))
		}},
		{name: "DoNothing in a batch", before: stock, run: func(e *env, db *gorm.DB) {
			list := []Product{{Code: "x"}, {Code: "a"}, {Code: "y"}, {Code: "b"}, {Code: "z"}}
			e.some(3, db.Clauses(clause.OnConflict{DoNothing: true}).Create(&list))
		}},
		{name: "DoNothing by key", before: stock, run: func(e *env, db *gorm.DB) {
			var p Product
			e.ok(db.First(&p))
			e.some(0, db.Clauses(clause.OnConflict{DoNothing: true}).Create(&Product{ID: p.ID, Code: "other"}))
		}},
		{name: "DoUpdates", before: stock, run: func(e *env, db *gorm.DB) {
			on := clause.OnConflict{Columns: onCode, DoUpdates: clause.AssignmentColumns([]string{"price"})}
			e.ok(db.Clauses(on).Create(&Product{Code: "a", Title: "ignored", Price: 10}))
			e.ok(db.Clauses(on).Create(&[]Product{{Code: "b", Price: 20}, {Code: "n", Price: 30}, {Code: "c", Price: 3}}))
		}},
		{name: "DoUpdates with an expression", before: stock, run: func(e *env, db *gorm.DB) {
			on := clause.OnConflict{Columns: onCode, DoUpdates: clause.Assignments(map[string]any{"price": gorm.Expr("products.price + 1")})}
			e.ok(db.Clauses(on).Create(&[]Product{{Code: "a", Price: 10}, {Code: "n", Price: 10}}))
		}},
		{name: "UpdateAll", before: stock, run: func(e *env, db *gorm.DB) {
			on := clause.OnConflict{Columns: onCode, UpdateAll: true}
			e.ok(db.Clauses(on).Create(&[]Product{{Code: "a", Title: "A2", Price: 1}, {Code: "n", Title: "N"}}))
		}},
		{name: "UpdateAll by key", before: stock, run: func(e *env, db *gorm.DB) {
			var list []Product
			e.ok(db.Order("id").Find(&list))
			list[1].Title = "changed"
			list = append(list, Product{ID: list[2].ID + 1000, Code: "new"})
			e.ok(db.Clauses(clause.OnConflict{UpdateAll: true}).Create(&list))
		}},
		{name: "with Where", only: []string{"sqlite", "postgres"}, before: stock, run: func(e *env, db *gorm.DB) {
			on := clause.OnConflict{Columns: onCode, DoUpdates: clause.AssignmentColumns([]string{"price"}),
				Where: clause.Where{Exprs: []clause.Expression{clause.Expr{SQL: "products.price < excluded.price"}}}}
			e.rows(1, db.Clauses(on).Create(&[]Product{{Code: "a", Price: 0}, {Code: "b", Price: 9}}))
		}},
		{name: "forty rows that change one", before: func(e *env, db *gorm.DB) {
			list := make([]Product, 40)
			for i := range list {
				list[i] = Product{Code: title(i), Title: "t", Price: i}
			}
			e.ok(db.Create(&list))
		}, run: func(e *env, db *gorm.DB) {
			var list []Product
			e.ok(db.Order("id").Find(&list))
			list[17].Price = -1
			e.ok(db.Clauses(clause.OnConflict{Columns: onCode, DoUpdates: clause.AssignmentColumns([]string{"title", "price"})}).Create(&list))
		}},
		{name: "composite key", before: func(e *env, db *gorm.DB) { e.ok(db.Create(&Place{TenantID: 1, Code: "a", Visits: 1})) },
			run: func(e *env, db *gorm.DB) {
				e.ok(db.Clauses(clause.OnConflict{UpdateAll: true}).Create(&[]Place{{TenantID: 1, Code: "a", Visits: 2}, {TenantID: 1, Code: "b"}}))
			}},
		{name: "twice the same row in one batch", only: []string{"sqlite", "mariadb"}, run: func(e *env, db *gorm.DB) {
			e.ok(db.Clauses(clause.OnConflict{Columns: onCode, DoUpdates: clause.AssignmentColumns([]string{"price"})}).
				Create(&[]Product{{Code: "t", Price: 1}, {Code: "t", Price: 2}}))
		}},
		{name: "maps without a model", before: stock, run: func(e *env, db *gorm.DB) {
			on := clause.OnConflict{Columns: onCode, DoUpdates: clause.AssignmentColumns([]string{"price"})}
			e.ok(db.Table("products").Clauses(on).Create([]map[string]any{{"code": "a", "price": 50}, {"code": "m", "price": 51}}))
		}},
		{name: "a deleted row comes back", before: func(e *env, db *gorm.DB) {
			e.ok(db.Create(&SoftStd{ID: 77, Title: "s", DeletedAt: gorm.DeletedAt{Time: at(1), Valid: true}}))
		}, run: func(e *env, db *gorm.DB) {
			e.ok(db.Clauses(clause.OnConflict{UpdateAll: true}).Create(&SoftStd{ID: 77, Title: "s"}))
		}},
		{name: "Save a new row", run: func(e *env, db *gorm.DB) {
			p := person(1)
			e.rows(1, db.Save(&p))
		}},
		{name: "Save an existing row", before: stock, run: func(e *env, db *gorm.DB) {
			var p Product
			e.ok(db.First(&p))
			p.Price = 99
			e.ok(db.Save(&p))
			e.ok(db.Save(&p)) // changes nothing but the time of the update
		}},
		{name: "Save a vanished row", before: stock, run: func(e *env, db *gorm.DB) {
			var p Product
			e.ok(db.First(&p))
			e.ok(db.Delete(&p))
			e.ok(db.Save(&p))
		}},
		{name: "Save a slice", before: stock, run: func(e *env, db *gorm.DB) {
			var list []Product
			e.ok(db.Order("id").Find(&list))
			list[0].Price, list[2].Title = 100, "changed"
			list = append(list, Product{Code: "saved"})
			e.ok(db.Save(&list))
		}},
		{name: "Save a slice with an optimistic lock", before: func(e *env, db *gorm.DB) {
			e.ok(db.Create(&[]Versioned{{ID: 1, Title: "a", Version: 1}, {ID: 2, Title: "b", Version: 1}}))
		}, run: func(e *env, db *gorm.DB) {
			var list []Versioned
			e.ok(db.Order("id").Find(&list))
			list[1].Title, list[1].Version = "c", 2
			e.ok(db.Save(&list))
			var after Versioned
			e.ok(db.First(&after, 2))
			e.want(after.Title == "c" && after.Version == 2, "%+v", after)
		}},
		{name: "Save a soft-deleted row", before: func(e *env, db *gorm.DB) {
			s := SoftStd{ID: 5, Title: "s"}
			e.ok(db.Create(&s))
			e.ok(db.Delete(&s))
		}, run: func(e *env, db *gorm.DB) { e.ok(db.Save(&SoftStd{ID: 5, Title: "again"})) }},
	})
}
