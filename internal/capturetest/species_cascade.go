package capturetest

import (
	"fmt"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"pgregory.net/rapid"
)

// holding is an owner with all that goes along.
func holding(code string) Owner {
	return Owner{Code: code, Name: "owner " + code,
		Houses: []House{{Street: code, Rooms: []Room{{Title: "x", Guests: []Guest{{Name: "g", Password: code}, {Name: "h"}}}, {Title: "y"}}}, {Street: "empty"}},
	}
}

// apart makes what GORM can't save along with an owner.
func apart(e *env, db *gorm.DB, owner uint, code string) {
	e.ok(db.Create(&[]Badge{{OwnerCode: &code, Label: "twice"}, {OwnerCode: &code, Label: "twice"}}))
	e.ok(db.Create(&[]Slot{{OwnerID: owner, N: 1, Title: "s"}, {OwnerID: owner, N: 2}}))
	e.ok(db.Create(&[]Booking{{OwnerID: ptr(owner), SlotN: ptr(1), Who: "a"}, {OwnerID: ptr(owner), SlotN: ptr(2)}, {Who: "nobody"}}))
}

func estatePrologue(e *env, db *gorm.DB) {
	for _, code := range []string{"k1", "k2"} {
		o := holding(code)
		e.ok(db.Create(&o))
		apart(e, db, o.ID, code)
		// A room that goes by two ways.
		e.ok(db.Model(&Room{}).Where("house_id = ? AND title = 'x'", o.Houses[0].ID).Update("owner_id", o.ID))
	}
	e.ok(db.Create(&Tree{Name: "root", Children: []Tree{{Name: "l", Children: []Tree{{Name: "ll"}}}, {Name: "r"}}}))
}

// any row of a model, by its place; false if there is none.
func some[M any](db *gorm.DB, order string, n int) (M, bool) {
	var list []M
	db.Unscoped().Order(order).Find(&list)
	if len(list) == 0 {
		var none M
		return none, false
	}
	return list[n%len(list)], true
}

var estateWays = []string{
	"build", "delete owner", "delete owner", "delete owners", "soft delete", "delete house", "delete rooms", "delete slot", "delete with Select",
	"move house", "move room", "rekey owner", "rekey owners", "rekey room", "recode", "recode all", "save owner", "upsert owner", "renumber slot",
	"grow tree", "graft tree", "fell tree", "fell trees", "lease", "end leases", "clear houses", "replace houses", "change guests", "raw",
}

// drawEstate draws a change that foreign keys may pass on.
func drawEstate(t *rapid.T) op {
	way := rapid.SampledFrom(estateWays).Draw(t, "way")
	n, m, code := rapid.IntRange(0, 3).Draw(t, "row"), rapid.IntRange(0, 3).Draw(t, "other"), codes.Draw(t, "code")
	return op{fmt.Sprintf("estate: %s %d %d %s", way, n, m, code), func(h *host, db *gorm.DB) {
		if !h.trees(db, way, n, m) && !h.parts(db, way, n, m, code) {
			h.owners(db, way, n, code)
		}
	}}
}

// owners changes owners.
func (h *host) owners(db *gorm.DB, way string, n int, code string) {
	o, ok := some[Owner](db, "id", n)
	switch {
	case way == "build":
		fresh := holding(code)
		h.see(way, db.Create(&fresh), fresh)
		return
	case !ok:
		return
	}
	switch way {
	case "delete owner":
		h.see(way, db.Unscoped().Delete(&o))
	case "delete owners":
		h.see(way, db.Unscoped().Where("id % 2 = ?", n%2).Delete(&Owner{}))
	case "soft delete":
		h.see(way, db.Delete(&o))
	case "delete with Select": // under SkipDefaultTransaction the plugin makes it one, and a lease may refuse half of it
		h.note(way, db.Transaction(func(tx *gorm.DB) error { return tx.Unscoped().Select("Houses", "Badges").Delete(&o).Error }), 0)
	case "rekey owner":
		h.see(way, db.Unscoped().Model(&Owner{}).Where("id = ?", o.ID).Update("id", o.ID+1000))
	case "rekey owners":
		h.see(way, db.Unscoped().Model(&Owner{}).Where("id > 0").Update("id", gorm.Expr("id + 5000")))
	case "recode":
		h.see(way, db.Unscoped().Model(&Owner{ID: o.ID}).Updates(map[string]any{"code": code + "'", "name": "recoded"}))
	case "recode all":
		h.see(way, db.Unscoped().Model(&Owner{}).Where("1 = 1").Update("code", gorm.Expr("replace(code, 'k', ?)", code)))
	case "save owner":
		o.Code = code + " saved"
		h.see(way, db.Save(&o), o)
	case "upsert owner":
		on := clause.OnConflict{Columns: []clause.Column{{Name: "id"}}, DoUpdates: clause.AssignmentColumns([]string{"code", "name"})}
		tx := db.Clauses(on).Create(&Owner{ID: o.ID, Code: code + "^", Name: "upserted"})
		tx.RowsAffected = 0 // MariaDB counts in its own way
		h.see(way, tx)
	case "lease":
		h.see(way, db.Create(&Lease{OwnerID: o.ID}))
	case "end leases":
		h.see(way, db.Where("owner_id = ?", o.ID).Delete(&Lease{}))
	case "clear houses":
		h.note(way, db.Model(&o).Association("Houses").Unscoped().Clear(), 0)
	case "replace houses":
		h.note(way, db.Model(&o).Association("Houses").Unscoped().Replace(&House{Street: code}), 0)
	}
}

// parts changes what belongs to owners.
func (h *host) parts(db *gorm.DB, way string, n, m int, code string) bool {
	switch way {
	case "delete house":
		if x, ok := some[House](db, "id", n); ok {
			h.see(way, db.Delete(&x))
		}
	case "delete rooms":
		h.see(way, db.Where("title = ?", []string{"x", "y"}[n%2]).Delete(&Room{}))
	case "delete slot":
		if x, ok := some[Slot](db, "owner_id, n", n); ok {
			h.see(way, db.Delete(&x))
		}
	case "renumber slot":
		if x, ok := some[Slot](db, "owner_id, n", n); ok {
			h.see(way, db.Model(&Slot{}).Where("owner_id = ? AND n = ?", x.OwnerID, x.N).Updates(map[string]any{"n": x.N + 10, "title": code}))
		}
	case "move house":
		x, ok := some[House](db, "id", n)
		o, there := some[Owner](db, "id", m)
		if ok && there {
			h.see(way, db.Model(&x).Update("owner_id", o.ID))
		}
	case "move room":
		x, ok := some[Room](db, "id", n)
		to, there := some[House](db, "id", m)
		if ok && there {
			h.see(way, db.Model(&x).Update("house_id", to.ID))
		}
	case "rekey room":
		if x, ok := some[Room](db, "id", n); ok {
			h.see(way, db.Model(&Room{}).Where("id = ?", x.ID).Update("id", x.ID+1000))
		}
	case "change guests":
		h.see(way, db.Model(&Guest{}).Where("room_id IS NULL").Update("password", code))
	case "raw":
		if !db.DryRun {
			h.e.executes(db, func() { h.see(way, db.Exec("DELETE FROM houses WHERE street = ?", code)) })
		}
	default:
		return false
	}
	return true
}

// trees changes a tree.
func (h *host) trees(db *gorm.DB, way string, n, m int) bool {
	x, ok := some[Tree](db, "id", n)
	switch way {
	case "grow tree":
		fresh := Tree{Name: "fresh", Children: []Tree{{Name: "leaf"}}}
		if ok {
			fresh.ParentID = &x.ID
		}
		h.see(way, db.Create(&fresh), fresh)
	case "graft tree":
		if to, there := some[Tree](db, "id", m); ok && there {
			h.see(way, db.Model(&x).Update("parent_id", to.ID))
		}
	case "fell tree":
		if ok {
			h.see(way, db.Delete(&x))
		}
	case "fell trees":
		h.see(way, db.Where("id % 2 = ?", m%2).Delete(&Tree{}))
	default:
		return false
	}
	return true
}
