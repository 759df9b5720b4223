package capturetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/hooks"
	"github.com/gormtrail/audit/internal/capturetest/dbtest"
	"github.com/gormtrail/audit/internal/capturetest/judge"
	"github.com/gormtrail/audit/storage/memstore"
)

// wrapper is how many hosts embed a handle.
type wrapper struct{ *gorm.DB }

func (w wrapper) rename(id uint, name string) *gorm.DB {
	return w.Model(&Person{}).Where("id = ?", id).Update("name", name)
}

func adults(min int) func(*gorm.DB) *gorm.DB {
	return func(db *gorm.DB) *gorm.DB { return db.Where("age > ?", min) }
}

func testCalling(t *testing.T) {
	cases := []kase{
		{name: "generics", needs: needsGeneric, run: func(e *env, db *gorm.DB) {
			ctx, g := db.Statement.Context, genericOf[Person]()
			p := person(9)
			e.no(g.Create(ctx, db, &p))
			list := people(3)
			e.no(g.CreateInBatches(ctx, db, &list, 2))
			n, err := g.Update(ctx, db, Where{"age > ?", []any{22}}, "name", "g")
			e.no(err)
			e.want(n == 3, "%d rows", n)
			_, err = g.Updates(ctx, db, Where{"id = ?", []any{p.ID}}, &Person{Name: "h", Age: ptr(1)})
			e.no(err)
			n, err = g.Delete(ctx, db, Where{"age = ?", []any{1}})
			e.no(err)
			e.want(n == 1, "%d rows", n)
		}},
		{name: "generics with OnConflict", needs: needsGeneric, run: func(e *env, db *gorm.DB) {
			e.no(genericOf[Product]().Create(db.Statement.Context, db, &Product{Code: "a"}, clause.OnConflict{DoNothing: true}))
		}},
		{name: "SkipHooks", run: func(e *env, db *gorm.DB) {
			s := db.Session(&gorm.Session{SkipHooks: true})
			e.ok(s.Create(&Hooked{Title: "x"}))
			e.ok(s.Model(&Hooked{}).Where("title = 'x'").Update("title", "y"))
			e.ok(s.Where("title = 'y'").Delete(&Hooked{}))
		}},
		{name: "DryRun", run: func(e *env, db *gorm.DB) {
			s := db.Session(&gorm.Session{DryRun: true})
			p := firstPerson(e, db)
			e.want(s.Create(&Person{Name: "x"}).Statement.SQL.String() != "", "no SQL")
			e.want(s.Model(&p).Update("name", "x").Statement.SQL.String() != "", "no SQL")
			e.want(s.Delete(&p).Statement.SQL.String() != "", "no SQL")
		}, after: func(e *env) { e.want(len(e.entries) == 0, "entries of a dry run") }},
		{name: "ToSQL", run: func(e *env, db *gorm.DB) {
			q := db.ToSQL(func(tx *gorm.DB) *gorm.DB { return tx.Model(&Person{}).Where("id = 1").Update("name", "x") })
			e.want(strings.HasPrefix(q, "UPDATE"), "ToSQL gave %q", q)
		}, after: func(e *env) { e.want(len(e.entries) == 0, "entries of ToSQL") }},
		{name: "PrepareStmt", run: func(e *env, db *gorm.DB) {
			s := db.Session(&gorm.Session{PrepareStmt: true})
			everything(e, s)
			e.no(s.Transaction(func(tx *gorm.DB) error { everything(e, tx); return nil }))
			e.no(db.Transaction(func(tx *gorm.DB) error { everything(e, tx.Session(&gorm.Session{PrepareStmt: true})); return nil }))
		}},
		{name: "NewDB", run: func(e *env, db *gorm.DB) {
			everything(e, db.Session(&gorm.Session{NewDB: true, Context: db.Statement.Context}))
			e.no(db.Transaction(func(tx *gorm.DB) error { everything(e, tx.Session(&gorm.Session{NewDB: true})); return nil }))
		}},
		{name: "other session flags", run: func(e *env, db *gorm.DB) {
			everything(e, db.Session(&gorm.Session{QueryFields: true, AllowGlobalUpdate: true, PropagateUnscoped: true}))
			everything(e, db.Session(&gorm.Session{Logger: db.Logger, NowFunc: func() time.Time { return at(5) }}))
		}},
		{name: "Scopes", run: func(e *env, db *gorm.DB) {
			e.rows(2, db.Model(&Person{}).Scopes(adults(21)).Update("name", "s"))
			e.rows(2, db.Scopes(adults(21)).Delete(&Person{}))
		}},
		{name: "Table with an alias", only: []string{"postgres", "sqlite"}, run: func(e *env, db *gorm.DB) {
			e.ok(db.Table("people AS p").Where("p.age > ?", 21).Updates(map[string]any{"name": "alias"}))
		}},
		{name: "Table with a model", run: func(e *env, db *gorm.DB) {
			e.rows(2, db.Table("people").Model(&Person{}).Where("age > 21").Update("name", "x"))
			e.rows(1, db.Table("people").Create(&Person{Name: "t"}))
		}},
		{name: "a partial struct", run: func(e *env, db *gorm.DB) {
			type partial struct {
				ID   uint
				Name string
			}
			p := firstPerson(e, db)
			e.rows(1, db.Table("people").Where("id = ?", p.ID).Updates(partial{Name: "part"}))
			e.rows(1, db.Model(&p).Updates(partial{Name: "part 2"}))
			e.rows(1, db.Table("people").Create(&partial{Name: "new"}))
			e.rows(1, db.Table("people").Delete(&partial{ID: p.ID}))
		}},
		{name: "a model of another type", run: func(e *env, db *gorm.DB) {
			e.rows(1, db.Model(&Person{}).Where("age = 21").Updates(&struct{ Name string }{"other"}))
			e.rows(2, db.Model(&Product{}).Where("price > 1").Updates(map[string]any{"title": "m"}))
		}},
		{name: "an embedded handle", run: func(e *env, db *gorm.DB) { e.rows(1, wrapper{db}.rename(firstPerson(e, db).ID, "w")) }},
		{name: "FindInBatches with writes inside", run: func(e *env, db *gorm.DB) {
			var list []Person
			e.ok(db.Where("age > 0").FindInBatches(&list, 2, func(tx *gorm.DB, n int) error {
				for i := range list {
					list[i].Name = title(100*n + i)
					// With one connection the batch's own rows are read to their end by now.
					if err := tx.Session(&gorm.Session{NewDB: true}).Save(&list[i]).Error; err != nil {
						return err
					}
				}
				return nil
			}))
		}},
		{name: "a second handle on the same trail", run: func(e *env, db *gorm.DB) {
			second, err := e.open(config(), nil)
			e.no(err)
			everything(e, second)
			everything(e, db)
			e.no(second.Transaction(func(tx *gorm.DB) error { everything(e, tx); return nil }))
		}},
		{name: "a trail elsewhere", run: func(e *env, db *gorm.DB) {
			var err error
			e.elsewhere, err = audit.New(memstore.New(), nil)
			e.no(err)
			other, err := gorm.Open(e.base.Dialector(), config())
			e.no(err)
			e.no(other.Use(hooks.New(e.elsewhere, nil)))
			everything(e, other)
			e.no(other.Transaction(func(tx *gorm.DB) error {
				everything(e, tx)
				_ = tx.Transaction(func(tx2 *gorm.DB) error { everything(e, tx2); return errStop })
				return tx.Create(&Note{Text: "kept"}).Error
			}))
			_ = other.Transaction(func(tx *gorm.DB) error { everything(e, tx); return errStop })
		}},
		{name: "another plugin before and behind", run: func(e *env, db *gorm.DB) {
			for _, first := range []bool{true, false} {
				c, err := gorm.Open(e.base.Dialector(), config())
				e.no(err)
				plugins := []gorm.Plugin{hooks.New(e.trail, nil), &stamper{}}
				if first {
					slices.Reverse(plugins)
				}
				for _, p := range plugins {
					e.no(c.Use(p))
				}
				everything(e, c)
			}
		}},
		{name: "dbresolver with a read replica", needs: needsResolver, run: func(e *env, db *gorm.DB) { e.withReplica() }},
		{name: "a table made at run time", run: func(e *env, db *gorm.DB) {
			for _, name := range []string{"shard_1", "shard_2"} {
				e.no(db.Table(name).AutoMigrate(&Product{}))
				e.no(e.watch(context.Background(), &judge.Table{Name: name, AutoUpdate: []string{"updated_at"}}))
				e.rows(1, db.Table(name).Create(&Product{Code: "x", Price: 1}))
				e.rows(1, db.Table(name).Where("code = 'x'").Updates(&Product{Price: 2}))
				e.rows(1, db.Table(name).Where("code = 'x'").Delete(&Product{}))
			}
		}},
		{name: "a table dropped and remade", run: func(e *env, db *gorm.DB) {
			for _, column := range []string{"name", "other"} {
				e.no(db.Migrator().DropTable("remade"))
				e.ok(db.Exec("CREATE TABLE remade (id integer PRIMARY KEY, " + column + " varchar(50))"))
				e.no(e.watch(context.Background(), &judge.Table{Name: "remade"}))
				e.rows(1, db.Table("remade").Create(map[string]any{"id": 1, column: "a"}))
				e.rows(1, db.Table("remade").Where("id = 1").Update(column, "b"))
			}
		}},
		{name: "a column added", run: func(e *env, db *gorm.DB) {
			e.no(db.Migrator().DropTable("grown"))
			e.ok(db.Exec("CREATE TABLE grown (id integer PRIMARY KEY, a varchar(50))"))
			e.no(e.watch(context.Background(), &judge.Table{Name: "grown"}))
			e.rows(1, db.Table("grown").Create(map[string]any{"id": 1, "a": "x"}))
			e.ok(e.plain.Exec("ALTER TABLE grown ADD COLUMN b varchar(50)")) // by another program
			e.no(e.watch(context.Background(), &judge.Table{Name: "grown"}))
			e.rows(1, db.Table("grown").Where("id = 1").Updates(map[string]any{"b": "y"}))
			e.rows(1, db.Table("grown").Create(map[string]any{"id": 2, "b": "z"}))
		}},
		{name: "a table in another schema", only: []string{"postgres"}, run: func(e *env, db *gorm.DB) {
			e.ok(e.plain.Exec("CREATE SCHEMA IF NOT EXISTS sales"))
			e.ok(e.plain.Exec("DROP TABLE IF EXISTS sales.people"))
			e.ok(e.plain.Exec("CREATE TABLE sales.people (id bigserial PRIMARY KEY, name text)"))
			e.no(e.watch(context.Background(), &judge.Table{Name: "sales.people"}))
			e.rows(1, db.Table("sales.people").Create(map[string]any{"name": "s"}))
			e.rows(1, db.Table("sales.people").Where("name = 's'").Update("name", "t"))
			e.rows(1, db.Model(&Person{}).Where("age = 21").Update("name", "not there"))
			e.rows(1, db.Table("sales.people").Where("name = 't'").Delete(nil))
		}},
		{name: "the context's actor, request and tenant", run: func(e *env, db *gorm.DB) {
			ctx := audit.WithRequest(audit.WithTenant(db.Statement.Context, "acme", "web"), audit.Request{IP: "192.0.2.1"})
			e.ok(db.WithContext(audit.WithComment(ctx, "because")).Create(&Note{Text: "n"}))
		}, after: func(e *env) {
			x := e.entries[0]
			e.want(x.Actor == tester && x.Tenant == "acme" && x.Project == "web" && x.Request.IP == "192.0.2.1" && x.Comment == "because", "%+v", x)
		}},
		{name: "more rows than the budget", run: func(e *env, db *gorm.DB) {
			small, err := e.open(config(), &hooks.Options{RowBudget: 2})
			e.no(err)
			small = small.WithContext(db.Statement.Context)
			e.summed = true
			e.aside(small, func() {
				e.rows(3, small.Model(&Person{}).Where("age > ?", 1).Update("nick", "s3cr3t"))
			})
			e.rows(2, small.Model(&Person{}).Where("age > ?", 21).Update("nick", "t"))
			e.aside(small, func() { e.rows(3, small.Where("age > ?", 1).Delete(&Person{})) })
		}, after: func(e *env) {
			list := slices.DeleteFunc(slices.Clone(e.entries), func(x audit.Entry) bool { return !isSummary(x) })
			e.want(len(list) == 2 && list[0].Action == "update" && list[1].Action == "destroy", "the summaries are %v", list)
			for _, x := range list {
				text := fmt.Sprint(x.Metadata)
				e.want(x.Object.Type == "people" && x.Metadata["rows"] == int64(3) && x.TransactionID != "", "%+v", x)
				e.want(strings.Contains(text, "keys_sha256") && strings.Contains(text, "age >") && !strings.Contains(text, "s3cr3t"), "%s", text)
			}
		}},
		{name: "nothing of a read", run: func(e *env, db *gorm.DB) {
			var list []Person
			e.ok(db.Clauses(clause.Locking{Strength: "UPDATE"}).Find(&list, "1 = 1").Session(&gorm.Session{NewDB: true}))
			var n int64
			e.ok(db.Model(&Person{}).Count(&n))
			e.ok(db.Raw("SELECT 1").Scan(&n))
		}, after: func(e *env) { e.want(len(e.entries) == 0, "entries of reads: %v", e.entries) }},
		{name: "Skip", run: func(e *env, db *gorm.DB) {
			skipped := db.WithContext(audit.Skip(db.Statement.Context, "import"))
			e.aside(db, func() {
				e.ok(skipped.Create(&Note{Text: "a"}))
				e.ok(skipped.Create(&Note{Text: "b"}))
			})
			e.ok(db.Create(&Note{Text: "c"}))
		}, after: func(e *env) {
			s := e.action(audit.ActionSkip)
			e.want(len(s) == 1 && s[0].Comment == "import", "the use of Skip is not told once: %v", s)
		}},
	}
	for i := range cases {
		if cases[i].before == nil {
			cases[i].before = populate
		}
	}
	runCases(t, cases)
}

// everything writes in each of the main ways.
func everything(e *env, db *gorm.DB) {
	p := person(7)
	e.ok(db.Create(&p))
	e.ok(db.Model(&p).Updates(map[string]any{"name": "e", "age": gorm.Expr("age + 1")}))
	e.ok(db.Model(&Person{}).Where("name = ?", "e").Update("score", 9.5))
	e.ok(db.Delete(&p))
	e.ok(db.Clauses(clause.OnConflict{Columns: []clause.Column{{Name: "code"}}, DoUpdates: clause.AssignmentColumns([]string{"price"})}).
		Create(&Product{Code: "every", Price: int(p.ID)}))
}

// stamper is another plugin, with callbacks around the same statements.
type stamper struct{ seen int }

func (*stamper) Name() string { return "stamper" }

func (s *stamper) Initialize(db *gorm.DB) error {
	count := func(*gorm.DB) { s.seen++ }
	return errors.Join(
		db.Callback().Create().Before("gorm:create").Register("stamper:create", count),
		db.Callback().Update().After("gorm:update").Register("stamper:update", count),
		db.Callback().Delete().Before("*").Register("stamper:delete", count),
	)
}

// withReplica reads from an empty copy: a before-image that came from there
// would be empty.
func (e *env) withReplica() {
	replica, err := dbtest.Open(e.name)
	e.no(err)
	defer func() { e.no(replica.Close()) }()
	copied, err := gorm.Open(replica.Dialector(), config())
	e.no(err)
	e.no(copied.AutoMigrate(&Person{}, &Product{}))
	db, err := gorm.Open(e.base.Dialector(), config())
	e.no(err)
	e.no(db.Use(extras.Resolver.Plugin(nil, []gorm.Dialector{replica.Dialector()})))
	e.no(db.Use(hooks.New(e.trail, nil)))
	var p Person
	e.want(errors.Is(db.First(&p).Error, gorm.ErrRecordNotFound), "the read did not go to the replica")
	e.ok(db.Clauses(extras.Resolver.Write).Order("id").First(&p))
	e.rows(1, db.Model(&p).Update("name", "by key"))
	e.rows(2, db.Model(&Person{}).Where("age > 21").Update("age", gorm.Expr("age + 1")))
	e.rows(1, db.Delete(&p))
	e.ok(db.Clauses(clause.OnConflict{Columns: []clause.Column{{Name: "code"}}, DoUpdates: clause.AssignmentColumns([]string{"price"})}).
		Create(&Product{Code: "a", Price: 77}))
	e.no(db.Transaction(func(tx *gorm.DB) error { return tx.Model(&Person{}).Where("1 = 1").Update("nick", "tx").Error }))
}
