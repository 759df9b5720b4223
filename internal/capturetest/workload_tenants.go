package capturetest

import (
	"context"
	"fmt"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"pgregory.net/rapid"

	"github.com/gormtrail/audit/internal/capturetest/judge"
)

// Order and Item are tables that each tenant has in a schema of its own.
type Order struct {
	ID   int64
	Code string
	N    int
}

// Item goes with its order.
type Item struct {
	ID      int64
	OrderID *int64
	Title   string
}

var tenantSchemas = world{
	create: func(string) []string {
		return []string{
			`CREATE SCHEMA tenant_a`, `CREATE SCHEMA tenant_b`,
			`CREATE TABLE tenant_a.orders (id bigserial PRIMARY KEY, code text UNIQUE, n bigint NOT NULL DEFAULT 0)`,
			`CREATE TABLE tenant_a.items (id bigserial PRIMARY KEY, order_id bigint REFERENCES tenant_a.orders ON DELETE CASCADE ON UPDATE CASCADE, title text)`,
			// Another order of columns, other types, other columns, another rule.
			`CREATE TABLE tenant_b.orders (n numeric NOT NULL DEFAULT 0, region text NOT NULL DEFAULT 'north', code varchar(30) UNIQUE, id bigserial PRIMARY KEY)`,
			`CREATE TABLE tenant_b.items (title text, id bigserial PRIMARY KEY, order_id bigint REFERENCES tenant_b.orders ON DELETE SET NULL, made text DEFAULT 'made')`,
			// What the path's last schema has.
			`CREATE TABLE public.items (id bigserial PRIMARY KEY, order_id bigint, title text)`,
			`CREATE TABLE public.shared (id bigserial PRIMARY KEY, n bigint)`,
		}
	},
	tables: func(string) []judge.Table {
		return []judge.Table{{Name: "tenant_a.orders"}, {Name: "tenant_a.items"}, {Name: "tenant_b.orders"}, {Name: "tenant_b.items"}, {Name: "items"}, {Name: "shared"}}
	},
	rows: func(string) (list []string) {
		for _, schema := range []string{"tenant_a", "tenant_b"} {
			list = append(list, `INSERT INTO `+schema+`.orders (id, code, n) VALUES (1000001, 'k1', 1), (1000002, 'k2', 2), (1000003, 'k3', 3)`,
				`INSERT INTO `+schema+`.items (id, order_id, title) VALUES (1000001, 1000001, 'x'), (1000002, 1000001, 'y'), (1000003, 1000002, 'x'), (1000004, NULL, 'z')`)
		}
		return append(list, `INSERT INTO public.shared (id, n) VALUES (1000001, 1)`)
	},
}

// tenants are schemas that a session's search_path chooses.
func tenants() *workload {
	w := &workload{name: "tenants", only: []string{"postgres"}, world: tenantSchemas, alone: true, share: 3}
	for name, paths := range map[string][]string{
		"path":                {"tenant_a, public", "tenant_b, public"},
		"path without public": {"tenant_a", "tenant_b"},
		"public first":        {"public, tenant_a", "public, tenant_b"},
	} {
		w.parts = append(w.parts, part{name: name, draw: func(t *rapid.T, _ string) op { return drawTenant(t, paths) }})
	}
	return w
}

// drawTenant draws some statements of a tenant.
func drawTenant(t *rapid.T, paths []string) op {
	path := rapid.SampledFrom(paths).Draw(t, "path")
	local := rapid.Bool().Draw(t, "local")
	body := rapid.SliceOfN(rapid.Custom(drawOrder), 1, 3).Draw(t, "body")
	name := fmt.Sprintf("search_path %s, local %v:", path, local)
	for _, o := range body {
		name += "\n        " + o.name
	}
	return op{name, func(h *host, db *gorm.DB) {
		if local {
			h.note("transaction", db.Transaction(func(tx *gorm.DB) error {
				h.e.ok(tx.Exec("SET LOCAL search_path TO " + path))
				for _, o := range body {
					o.run(h, tx)
				}
				return nil
			}), 0)
			return
		}
		ctx := context.WithoutCancel(db.Statement.Context)
		h.e.no(db.WithContext(ctx).Connection(func(tx *gorm.DB) error {
			tx = tx.Session(&gorm.Session{})
			h.e.ok(tx.Exec("SET search_path TO " + path))
			for _, o := range body {
				o.run(h, tx)
			}
			return tx.Exec("RESET search_path").Error
		}))
	}}
}

func drawOrder(t *rapid.T) op {
	way := rapid.SampledFrom([]string{"create", "update", "update where", "delete", "delete where", "upsert", "item", "item update", "item delete", "rekey", "shared", "by schema"}).Draw(t, "way")
	id, n := int64(rapid.IntRange(1000001, 1000003).Draw(t, "id")), rapid.IntRange(0, 4).Draw(t, "n")
	code := codes.Draw(t, "code")
	return op{fmt.Sprintf("%s %d %s %d", way, id, code, n), func(h *host, db *gorm.DB) {
		switch way {
		case "create":
			o := Order{Code: fmt.Sprint(code, n), N: n}
			h.see(way, db.Create(&o), o)
		case "update":
			h.see(way, db.Model(&Order{ID: id}).Update("n", n))
		case "update where":
			h.see(way, db.Model(&Order{}).Where("n >= ?", n).Updates(map[string]any{"n": gorm.Expr("n + 1")}))
		case "delete":
			h.see(way, db.Delete(&Order{ID: id}))
		case "delete where":
			h.see(way, db.Where("n = ?", n).Delete(&Order{}))
		case "upsert":
			h.see(way, db.Clauses(clause.OnConflict{Columns: []clause.Column{{Name: "code"}}, DoUpdates: clause.AssignmentColumns([]string{"n"})}).Create(&Order{Code: code, N: n}))
		case "item":
			i := Item{OrderID: &id, Title: code}
			h.see(way, db.Create(&i), i)
		case "item update":
			h.see(way, db.Model(&Item{}).Where("title = 'x'").Update("title", code))
		case "item delete":
			h.see(way, db.Table("items").Where("title = ?", code).Delete(nil))
		case "rekey":
			h.see(way, db.Model(&Order{}).Where("id = ?", id).Update("id", id+1000))
		case "shared":
			h.see(way, db.Table("public.shared").Where("id = 1000001").Updates(map[string]any{"n": n}))
		default:
			h.see(way, db.Table("tenant_b.orders").Where("id = ?", id).Updates(map[string]any{"n": n}))
		}
	}}
}
