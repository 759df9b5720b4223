package capturetest

import (
	"fmt"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"pgregory.net/rapid"
)

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
