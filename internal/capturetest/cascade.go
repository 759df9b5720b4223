package capturetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/hooks"
	"github.com/gormtrail/audit/internal/capturetest/judge"
)

// estates makes three owners with what belongs to them.
func estates(e *env, db *gorm.DB) {
	e.ok(db.Create(&[]Owner{{ID: 1, Code: "k1", Name: "ann"}, {ID: 2, Code: "k2", Name: "bob"}, {ID: 3, Code: "k3", Name: "kim"}}))
	e.ok(db.Create(&[]House{{ID: 1, OwnerID: ptr(uint(1)), Street: "a"}, {ID: 2, OwnerID: ptr(uint(1)), Street: "b"}, {ID: 3, OwnerID: ptr(uint(2))}, {ID: 4}}))
	e.ok(db.Create(&[]Room{{ID: 1, HouseID: 1, OwnerID: ptr(uint(1)), Title: "both ways"}, {ID: 2, HouseID: 2, OwnerID: ptr(uint(3))}, {ID: 3, HouseID: 3}, {ID: 4, HouseID: 4, OwnerID: ptr(uint(1))}}))
	e.ok(db.Create(&[]Guest{{ID: 1, RoomID: ptr(uint(1)), Name: "g", Password: "s3cr3t"}, {ID: 2, RoomID: ptr(uint(1))}, {ID: 3, RoomID: ptr(uint(3))}, {ID: 4}}))
	e.ok(db.Create(&[]Badge{{OwnerCode: ptr("k1"), Label: "twice"}, {OwnerCode: ptr("k1"), Label: "twice"}, {OwnerCode: ptr("k2"), Label: "b"}, {Label: "free"}}))
	e.ok(db.Create(&[]Slot{{OwnerID: 1, N: 1, Title: "x"}, {OwnerID: 1, N: 2}, {OwnerID: 2, N: 1}}))
	e.ok(db.Create(&[]Booking{{ID: 1, OwnerID: ptr(uint(1)), SlotN: ptr(1), Who: "w"}, {ID: 2, OwnerID: ptr(uint(1)), SlotN: ptr(2)}, {ID: 3, OwnerID: ptr(uint(2)), SlotN: ptr(1)}, {ID: 4, SlotN: ptr(1)}}))
	e.ok(db.Create(&[]Tree{{ID: 1, Name: "root"}, {ID: 2, ParentID: ptr(uint(1))}, {ID: 3, ParentID: ptr(uint(1))}, {ID: 4, ParentID: ptr(uint(2))}, {ID: 9, Name: "other"}}))
}

// remade drops tables of other cases, and makes them again.
func (e *env) remade(tables []string, ddl ...string) {
	e.dropped(tables...)
	for _, q := range ddl {
		e.ok(e.plain.Exec(q))
	}
	for _, name := range tables {
		e.no(e.judge.Watch(context.Background(), &judge.Table{Name: name, Cascades: true}))
	}
	e.no(e.judge.Forget(context.Background(), e.base.SQL))
}

// dropped drops tables that refer to those before them.
func (e *env) dropped(tables ...string) {
	e.judge.Drop(tables...)
	for _, name := range slices.Backward(tables) {
		e.no(e.plain.Migrator().DropTable(name))
	}
}

// causes are the causes that entries of a type name.
func (e *env) causes(objectType string) []string {
	var list []string
	for _, x := range e.entries {
		if c, ok := x.Metadata["cascade"].(map[string]any); ok && x.Object.Type == objectType {
			list = append(list, fmt.Sprint(x.Action, " ", x.Object.ID, " ", c["rule"], " ", c["table"], " ", c["id"]))
		}
	}
	return list
}

func testCascades(t *testing.T) {
	cases := []kase{
		{name: "delete over two levels and to NULL", run: func(e *env, db *gorm.DB) {
			e.see(db.Unscoped().Delete(&Owner{ID: 1}))
		}, after: func(e *env) {
			e.want(fmt.Sprint(e.causes("houses")) == "[destroy 1 ON DELETE CASCADE owners 1 destroy 2 ON DELETE CASCADE owners 1]", "%v", e.causes("houses"))
			e.want(fmt.Sprint(e.causes("visitor")) == "[update 1 ON DELETE SET NULL rooms 1 update 2 ON DELETE SET NULL rooms 1]", "%v", e.causes("visitor"))
			first := e.entries[0]
			e.want(first.Object.Type == "owners" && first.Metadata["foreign_keys"] == nil, "the owner's entry is not the first: %+v", first)
			for _, x := range e.entries {
				e.want(x.Actor == tester && x.TransactionID == first.TransactionID, "%+v", x)
			}
		}},
		{name: "a soft delete cascades nothing", run: func(e *env, db *gorm.DB) {
			e.see(db.Delete(&Owner{ID: 1}))
		}, after: func(e *env) { e.want(len(e.entries) == 1, "%d entries", len(e.entries)) }},
		{name: "unscoped delete of what is softly deleted", run: func(e *env, db *gorm.DB) {
			e.see(db.Delete(&Owner{ID: 1}))
			e.see(db.Unscoped().Delete(&Owner{ID: 1}))
		}},
		{name: "many parents by Where", run: func(e *env, db *gorm.DB) {
			e.see(db.Unscoped().Where("id < ?", 3).Delete(&Owner{}))
		}},
		{name: "all parents", run: func(e *env, db *gorm.DB) {
			e.see(db.Unscoped().Session(&gorm.Session{AllowGlobalUpdate: true}).Delete(&Owner{}))
		}},
		{name: "no parent", run: func(e *env, db *gorm.DB) {
			e.see(db.Unscoped().Delete(&Owner{ID: 99}))
			e.see(db.Unscoped().Delete(&Owner{ID: 3}))
		}},
		{name: "by table without a model", run: func(e *env, db *gorm.DB) {
			e.see(db.Table("houses").Where("street = ?", "a").Delete(nil))
		}},
		{name: "with RETURNING", only: []string{"sqlite", "postgres"}, run: func(e *env, db *gorm.DB) {
			var list []House
			e.see(db.Clauses(clause.Returning{}).Where("owner_id = 1").Delete(&list))
			e.want(len(list) == 2 && list[0].ID != 0, "returned %v", list)
		}},
		{name: "a changed key that others refer to", run: func(e *env, db *gorm.DB) {
			e.see(db.Model(&Owner{}).Where("id = 1").Update("id", 11))
		}, after: func(e *env) {
			e.want(len(e.causes("houses")) == 2 && len(e.causes("slots")) == 2 && len(e.causes("bookings")) == 2, "%v", e.causes("slots"))
		}},
		{name: "changed keys by an expression", run: func(e *env, db *gorm.DB) {
			e.see(db.Model(&Owner{}).Where("1 = 1").Update("id", gorm.Expr("id + 20")))
		}},
		{name: "changed keys that take each other's place", run: func(e *env, db *gorm.DB) {
			e.see(db.Model(&Slot{}).Where("owner_id = 2").Update("n", 5))
			e.see(db.Model(&Owner{}).Where("id = 3").Update("id", 4))
			e.see(db.Model(&Owner{}).Where("id = 2").Update("id", 3))
			e.see(db.Model(&Owner{}).Where("id = 1").Update("id", 2))
		}},
		{name: "a changed unique column that others refer to", run: func(e *env, db *gorm.DB) {
			e.see(db.Model(&Owner{ID: 1}).Update("code", "new"))
			e.see(db.Model(&Owner{ID: 2}).Updates(map[string]any{"code": "k2", "name": "same code"}))
			e.see(db.Save(&Owner{ID: 3, Code: "k9", Name: "saved"}))
		}, after: func(e *env) { e.want(len(e.causes("badges")) == 2, "%v", e.causes("badges")) }},
		{name: "an upsert that changes what others refer to", run: func(e *env, db *gorm.DB) {
			on := clause.OnConflict{Columns: []clause.Column{{Name: "id"}}, DoUpdates: clause.AssignmentColumns([]string{"code", "name"})}
			e.see(db.Clauses(on).Create(&[]Owner{{ID: 1, Code: "up", Name: "x"}, {ID: 8, Code: "k8"}}))
			e.seen = nil // MariaDB counts in its own way
		}},
		{name: "a changed key that sets others to NULL", run: func(e *env, db *gorm.DB) {
			e.see(db.Model(&Room{}).Where("id = 1").Update("id", 7))
		}},
		{name: "a tree", run: func(e *env, db *gorm.DB) {
			e.see(db.Delete(&Tree{ID: 1}))
		}},
		{name: "a tree, its rows by Where", run: func(e *env, db *gorm.DB) {
			e.see(db.Where("id IN ?", []int{1, 2, 4, 9}).Delete(&Tree{}))
		}},
		{name: "a tree in a circle", run: func(e *env, db *gorm.DB) {
			e.see(db.Model(&Tree{ID: 1}).Update("parent_id", 4))
			e.see(db.Model(&Tree{ID: 9}).Update("parent_id", 9))
			e.see(db.Delete(&Tree{ID: 2}))
			e.see(db.Delete(&Tree{ID: 9}))
		}},
		{name: "the key of a tree's root", only: []string{"sqlite", "postgres"}, run: func(e *env, db *gorm.DB) {
			e.see(db.Model(&Tree{}).Where("id = 1").Update("id", 100))
			e.see(db.Model(&Tree{}).Where("id = 2").Update("id", 200))
		}},
		{name: "Select of an association", run: func(e *env, db *gorm.DB) {
			var o Owner
			e.ok(db.Preload(clause.Associations).First(&o, 1))
			e.see(db.Unscoped().Select("Houses", "Badges").Delete(&o))
		}},
		{name: "an association cleared unscoped", run: func(e *env, db *gorm.DB) {
			var o Owner
			e.ok(db.Preload("Houses").First(&o, 1))
			e.no(db.Model(&o).Association("Houses").Unscoped().Clear())
		}},
		{name: "an association replaced unscoped", run: func(e *env, db *gorm.DB) {
			var o Owner
			e.ok(db.Preload("Houses").First(&o, 1))
			e.no(db.Model(&o).Association("Houses").Unscoped().Replace(&House{ID: 50, Street: "new"}))
		}},
		{name: "an association deleted", run: func(e *env, db *gorm.DB) {
			var o Owner
			e.ok(db.Preload("Houses").First(&o, 1))
			e.no(db.Model(&o).Association("Houses").Unscoped().Delete(&o.Houses[0]))
			e.no(db.Model(&o).Association("Houses").Clear())
		}},
		{name: "a savepoint rolled back", run: func(e *env, db *gorm.DB) {
			e.no(db.Transaction(func(tx *gorm.DB) error {
				e.see(tx.Delete(&House{ID: 3}))
				_ = tx.Transaction(func(tx2 *gorm.DB) error {
					e.see(tx2.Unscoped().Delete(&Owner{ID: 1}))
					return errors.New("undo")
				})
				e.see(tx.Model(&House{ID: 1}).Update("street", "still there"))
				return nil
			}))
		}},
		{name: "one transaction", run: func(e *env, db *gorm.DB) {
			e.no(db.Transaction(func(tx *gorm.DB) error {
				e.see(tx.Model(&Guest{ID: 1}).Update("name", "before"))
				e.see(tx.Delete(&Room{ID: 1}))
				e.see(tx.Model(&Guest{ID: 1}).Update("room_id", 3))
				e.see(tx.Delete(&Room{ID: 3}))
				e.see(tx.Delete(&Guest{ID: 1}))
				return nil
			}))
		}},
		{name: "refused by RESTRICT", run: func(e *env, db *gorm.DB) {
			e.ok(db.Create(&Lease{ID: 1, OwnerID: 1}))
			before := len(e.seen)
			e.see(db.Unscoped().Delete(&Owner{ID: 1}))
			e.want(len(e.seen) == before+1 && e.seen[before] != "1 rows, error <nil>", "nothing was refused: %v", e.seen)
			e.seen = nil // MariaDB names the database
			e.see(db.Unscoped().Delete(&Owner{ID: 2}))
		}},
		{name: "raw SQL is told as a statement", run: func(e *env, db *gorm.DB) {
			e.aside(db, func() { e.see(db.Exec("DELETE FROM houses WHERE id = ?", 1)) })
		}, after: func(e *env) {
			x := e.action("execute")
			e.want(len(x) == 1 && fmt.Sprint(x[0].Metadata["foreign_keys"]) == "[rooms: cascade]", "%v", x)
		}},
		{name: "a masked column of a child", run: func(e *env, db *gorm.DB) {
			e.see(db.Delete(&House{ID: 1}))
			e.ok(db.Model(&Guest{ID: 1}).Update("room_id", 3))
			e.ok(db.Delete(&Guest{ID: 1}))
		}},
		{name: "what it costs nobody", run: func(e *env, db *gorm.DB) { e.see(db.Delete(&Guest{ID: 1})) }},
	}
	for i := range cases {
		cases[i].before = estates
	}
	runCases(t, cases)
}

func testCascadesOfOtherTables(t *testing.T) {
	only := []string{"sqlite", "postgres"}
	runCases(t, []kase{
		{name: "to a default", only: only, before: func(e *env, db *gorm.DB) {
			e.remade([]string{"authors", "posts"}, "CREATE TABLE authors (id integer PRIMARY KEY, name varchar(50))",
				"CREATE TABLE posts (id integer PRIMARY KEY, author_id integer DEFAULT 1 REFERENCES authors(id) ON DELETE SET DEFAULT ON UPDATE SET DEFAULT, body varchar(50))",
				"INSERT INTO authors VALUES (1, 'nobody'), (2, 'ann'), (3, 'bob')", "INSERT INTO posts VALUES (1, 2, 'a'), (2, 3, 'b'), (3, 1, 'c')")
		}, run: func(e *env, db *gorm.DB) {
			e.see(db.Table("authors").Where("id = 2").Delete(nil))
			e.see(db.Table("authors").Where("id = 3").Update("id", 4))
			e.see(db.Table("authors").Where("id = 1").Delete(nil))
			e.seen = nil
		}, after: func(e *env) { e.dropped("authors", "posts") }},
		{name: "names in capitals and with spaces", before: func(e *env, db *gorm.DB) {
			q := func(s string) string { return e.quoted(s) }
			e.remade([]string{"Big Parents", "Kid's"}, "CREATE TABLE "+q("Big Parents")+" ("+q("The Key")+" integer PRIMARY KEY, "+q("Order")+" varchar(50))",
				"CREATE TABLE "+q("Kid's")+" ("+q("Nr")+" integer PRIMARY KEY, "+q("Of Parent")+" integer, CONSTRAINT "+q("My FK")+" FOREIGN KEY ("+q("Of Parent")+") REFERENCES "+q("Big Parents")+"("+q("The Key")+") ON DELETE CASCADE)",
				"INSERT INTO "+q("Big Parents")+" VALUES (1, 'a'), (2, 'b')", "INSERT INTO "+q("Kid's")+" VALUES (1, 1), (2, 1), (3, 2)")
		}, run: func(e *env, db *gorm.DB) {
			e.see(db.Table(e.quoted("Big Parents")).Where(e.quoted("Order")+" = ?", "a").Delete(nil))
		}, after: func(e *env) {
			for _, x := range e.entries {
				if c, ok := x.Metadata["cascade"].(map[string]any); ok {
					want := "My FK"
					if e.name == "sqlite" {
						want = "Of Parent" // SQLite doesn't tell the name
					}
					e.want(c["foreign_key"] == want, "%v", c)
				}
			}
			e.dropped("Big Parents", "Kid's")
		}},
		{name: "a composite key of texts", before: func(e *env, db *gorm.DB) {
			e.remade([]string{"regions", "towns", "streets"}, "CREATE TABLE regions (country varchar(10), code varchar(20), name varchar(50), PRIMARY KEY (code, country))",
				"CREATE TABLE towns (country varchar(10), region varchar(20), n integer, PRIMARY KEY (n, region), FOREIGN KEY (country, region) REFERENCES regions(country, code) ON DELETE CASCADE ON UPDATE CASCADE)",
				"CREATE TABLE streets (id integer PRIMARY KEY, n integer, region varchar(20), FOREIGN KEY (n, region) REFERENCES towns(n, region) ON DELETE SET NULL ON UPDATE CASCADE)",
				"INSERT INTO regions VALUES ('de', 'be', 'a'), ('de', 'by', 'b'), ('fr', 'be', 'c')", "INSERT INTO towns VALUES ('de', 'be', 1), ('fr', 'be', 2), (NULL, 'be', 3)",
				"INSERT INTO streets VALUES (1, 1, 'be'), (2, 2, 'be'), (3, NULL, 'be')")
		}, only: only, run: func(e *env, db *gorm.DB) {
			e.see(db.Table("regions").Where("country = 'fr'").Update("code", "zz"))
			e.see(db.Table("regions").Where("country = 'fr'").Delete(nil))
			e.see(db.Table("regions").Where("code = 'be'").Delete(nil))
		}, after: func(e *env) { e.dropped("regions", "towns", "streets") }},
		{name: "keys of bytes, times and texts", before: func(e *env, db *gorm.DB) {
			binary, when := "varbinary(16)", "datetime(6)"
			one, other := "x'00ff10'", "x'00ff11'"
			switch e.name {
			case "sqlite":
				binary, when = "blob", "varchar(30)"
			case "postgres":
				binary, when, one, other = "bytea", "timestamptz", `'\x00ff10'`, `'\x00ff11'`
			}
			e.remade([]string{"vaults", "coins"}, "CREATE TABLE vaults (id "+binary+" NOT NULL PRIMARY KEY, made "+when+" UNIQUE)",
				"CREATE TABLE coins (id "+binary+" NOT NULL PRIMARY KEY, vault "+binary+", made "+when+", FOREIGN KEY (vault) REFERENCES vaults(id) ON DELETE CASCADE, FOREIGN KEY (made) REFERENCES vaults(made) ON DELETE CASCADE)",
				"INSERT INTO vaults VALUES ("+one+", '2026-01-02 03:04:05.123456'), ("+other+", '2026-01-02 03:04:06')",
				"INSERT INTO coins VALUES ("+one+", "+one+", NULL), ("+other+", NULL, '2026-01-02 03:04:05.123456')")
		}, run: func(e *env, db *gorm.DB) {
			e.see(db.Table("vaults").Where("made < '2026-01-02 03:04:06'").Delete(nil))
		}, after: func(e *env) { e.dropped("vaults", "coins") }},
		{name: "a type that is not captured", before: func(e *env, db *gorm.DB) {
			e.dropped("as", "bs", "cs")
			e.remade([]string{"as", "cs"}, "CREATE TABLE "+e.quoted("as")+" (id integer PRIMARY KEY)",
				"CREATE TABLE bs (id integer PRIMARY KEY, a_id integer, FOREIGN KEY (a_id) REFERENCES "+e.quoted("as")+"(id) ON DELETE CASCADE)",
				"CREATE TABLE cs (id integer PRIMARY KEY, b_id integer, FOREIGN KEY (b_id) REFERENCES bs(id) ON DELETE CASCADE)",
				"INSERT INTO "+e.quoted("as")+" VALUES (1)", "INSERT INTO bs VALUES (1, 1)", "INSERT INTO cs VALUES (1, 1)")
		}, run: func(e *env, db *gorm.DB) {
			some, err := e.open(config(), &hooks.Options{Ignore: []string{"bs"}})
			e.no(err)
			e.see(some.WithContext(db.Statement.Context).Table("as").Where("id = 1").Delete(nil))
		}, after: func(e *env) {
			e.want(len(e.entries) == 2, "%v", e.entries)
			e.dropped("as", "bs", "cs")
		}},
	})
}

// TestCascadesPastTheBudget: one entry stands for the rows of a table, and says
// so.
func testCascadesPastTheBudget(t *testing.T) {
	runCases(t, []kase{{name: "more rows than the budget", before: func(e *env, db *gorm.DB) {
		e.ok(db.Create(&Owner{ID: 1, Code: "k"}))
		e.ok(db.Create(&[]House{{ID: 1, OwnerID: ptr(uint(1))}}))
		for i := range 5 {
			e.ok(db.Create(&Room{ID: uint(i + 1), HouseID: 1}))
			e.ok(db.Create(&Guest{ID: uint(i + 1), RoomID: ptr(uint(i + 1))}))
		}
		e.ok(db.Create(&Owner{ID: 2, Code: "l"}))
	}, run: func(e *env, db *gorm.DB) {
		few, err := e.open(config(), &hooks.Options{RowBudget: 4})
		e.no(err)
		few = few.WithContext(db.Statement.Context)
		e.summed, e.unjudged = true, []string{"rooms", "visitor"}
		e.see(few.Unscoped().Delete(&Owner{ID: 1}))
		e.see(few.Unscoped().Delete(&Owner{ID: 2}))
	}, after: func(e *env) {
		var told []string
		for _, x := range e.entries {
			told = append(told, fmt.Sprint(x.Action, " ", x.Object.Type, " ", x.Object.ID))
			if isSummary(x) {
				c, _ := x.Metadata["cascade"].(map[string]any)
				e.want(x.Metadata["rows"] == int64(5) && x.Metadata["keys_sha256"] != nil && c["table"] == "houses", "%+v", x)
				e.want(fmt.Sprint(x.Metadata["foreign_keys"]) == "[guests: set null]", "%+v", x)
			}
		}
		e.want(fmt.Sprint(told) == "[destroy owners 1 destroy houses 1 destroy rooms  destroy owners 2]", "%v", told)
	}}})
}

// TestCascadesOfASchema: the children are in another schema, and partitioned.
func testCascadesOfASchema(t *testing.T) {
	runCases(t, []kase{{name: "a schema, and partitions", only: []string{"postgres"}, before: func(e *env, db *gorm.DB) {
		e.ok(e.plain.Exec("DROP SCHEMA IF EXISTS shop CASCADE"))
		e.ok(e.plain.Exec("CREATE SCHEMA shop"))
		for _, q := range []string{
			"CREATE TABLE shop.orders (id bigint, part integer, PRIMARY KEY (id, part)) PARTITION BY LIST (part)",
			"CREATE TABLE shop.orders_1 PARTITION OF shop.orders FOR VALUES IN (1)", "CREATE TABLE shop.orders_2 PARTITION OF shop.orders FOR VALUES IN (2)",
			"CREATE TABLE shop.items (id bigint, part integer, order_id bigint, PRIMARY KEY (id, part), FOREIGN KEY (order_id, part) REFERENCES shop.orders(id, part) ON DELETE CASCADE) PARTITION BY LIST (part)",
			"CREATE TABLE shop.items_1 PARTITION OF shop.items FOR VALUES IN (1)", "CREATE TABLE shop.items_2 PARTITION OF shop.items FOR VALUES IN (2)",
			"CREATE TABLE shop.notes (text text, item bigint, part integer, FOREIGN KEY (item, part) REFERENCES shop.items(id, part) ON DELETE SET NULL (item))",
			"INSERT INTO shop.orders VALUES (1, 1), (2, 2), (3, 1)", "INSERT INTO shop.items VALUES (1, 1, 1), (2, 2, 2), (3, 1, 3)",
			"INSERT INTO shop.notes VALUES ('a', 1, 1), ('b', 2, 2), ('b', 2, 2), ('c', 3, 1)",
		} {
			e.ok(e.plain.Exec(q))
		}
		for _, name := range []string{"shop.orders", "shop.items", "shop.notes"} {
			e.no(e.judge.Watch(context.Background(), &judge.Table{Name: name}))
		}
	}, run: func(e *env, db *gorm.DB) {
		e.see(db.Table("shop.orders").Where("id = 1").Delete(nil))
		e.unjudged = []string{"shop.orders", "shop.orders_2"} // by which name, is the statement's to say
		e.see(db.Table("shop.orders_2").Where("id = 2").Delete(nil))
	}, after: func(e *env) { e.ok(e.plain.Exec("DROP SCHEMA shop CASCADE")) }}})
}

// TestCascadesAreOff: SQLite without foreign keys passes nothing on.
func testCascadesAreOff(t *testing.T) {
	e := envFor(t, "sqlite")
	e.reset()
	estates(e, e.plain)
	e.ok(e.plain.Exec("PRAGMA foreign_keys = 0"))
	t.Cleanup(func() { e.ok(e.plain.Exec("PRAGMA foreign_keys = 1")); e.reset() })
	wrong := e.judged(func(db *gorm.DB) {
		e.rows(1, db.Unscoped().Delete(&Owner{ID: 1}))
		e.rows(1, db.Model(&Owner{}).Where("id = 2").Update("id", 20))
		e.no(db.Transaction(func(tx *gorm.DB) error {
			e.rows(1, tx.Delete(&House{ID: 1}))
			e.rows(1, tx.Delete(&Tree{ID: 1}))
			return nil
		}))
	})
	if len(wrong) > 0 {
		t.Errorf("%v", wrong)
	}
	for _, x := range e.entries {
		if x.Metadata["foreign_keys"] != nil || x.Action == audit.ActionExecute {
			t.Errorf("it names what did not happen: %+v", x)
		}
	}
}
