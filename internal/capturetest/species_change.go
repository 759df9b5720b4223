package capturetest

import (
	"context"
	"fmt"

	"gorm.io/gorm"
	"pgregory.net/rapid"
)

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
