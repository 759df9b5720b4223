package capturetest

import (
	"context"
	"errors"
	"strings"

	"gorm.io/gorm"

	"github.com/gormtrail/audit/hooks"
)

// estate are models whose foreign keys have the database change other rows
// along: deeper, by two ways, in composite keys, without a key, and in a tree.
func estate() []any {
	return []any{&Owner{}, &House{}, &Room{}, &Guest{}, &Badge{}, &Slot{}, &Booking{}, &Lease{}, &Tree{}}
}

func isEstate(m any) bool {
	switch m.(type) {
	case *Owner, *House, *Room, *Guest, *Badge, *Slot, *Booking, *Lease, *Tree:
		return true
	}
	return false
}

// Owner is what the others refer to, by its key and by its code.
type Owner struct {
	ID        uint
	Code      string `gorm:"size:50;uniqueIndex"`
	Name      string
	DeletedAt gorm.DeletedAt
	Houses    []House `gorm:"constraint:OnDelete:CASCADE,OnUpdate:CASCADE"`
	Rooms     []Room  `gorm:"constraint:OnDelete:CASCADE,OnUpdate:CASCADE"`
	Slots     []Slot  `gorm:"constraint:OnDelete:CASCADE,OnUpdate:CASCADE"`
	Badges    []Badge `gorm:"foreignKey:OwnerCode;references:Code;constraint:OnDelete:CASCADE,OnUpdate:CASCADE"`
	Leases    []Lease `gorm:"constraint:OnDelete:RESTRICT,OnUpdate:CASCADE"`
}

// House goes with its owner.
type House struct {
	ID      uint
	OwnerID *uint
	Street  string
	Rooms   []Room `gorm:"constraint:OnDelete:CASCADE,OnUpdate:CASCADE"`
}

// Room goes with its house, and with an owner of its own.
type Room struct {
	ID      uint
	HouseID uint
	OwnerID *uint
	Title   string
	Guests  []Guest `gorm:"constraint:OnDelete:SET NULL,OnUpdate:SET NULL"`
}

// Guest loses the room, and has a secret.
type Guest struct {
	ID       uint
	RoomID   *uint
	Name     string
	Password string
}

// AuditType is the Object.Type of its entries.
func (Guest) AuditType() string { return "visitor" }

// Badge has no key, and refers to what is no key.
type Badge struct {
	OwnerCode *string `gorm:"size:50"`
	Label     string
}

// Slot has a key that a foreign key changes.
type Slot struct {
	OwnerID  uint `gorm:"primaryKey;autoIncrement:false"`
	N        int  `gorm:"primaryKey;autoIncrement:false"`
	Title    string
	Bookings []Booking `gorm:"foreignKey:OwnerID,SlotN;references:OwnerID,N;constraint:OnDelete:SET NULL,OnUpdate:CASCADE"`
}

// Booking refers by two columns.
type Booking struct {
	ID      uint
	OwnerID *uint
	SlotN   *int
	Who     string
}

// Lease keeps its owner from going.
type Lease struct {
	ID      uint
	OwnerID uint
}

// Tree refers to itself.
type Tree struct {
	ID       uint
	Name     string
	ParentID *uint
	Children []Tree `gorm:"foreignKey:ParentID;constraint:OnDelete:CASCADE,OnUpdate:CASCADE"`
}

// settles has the judge look, after each of the handle's statements, for what
// foreign keys did on MariaDB.
func (e *env) settles(db *gorm.DB) error {
	if e.name != "mariadb" {
		return nil
	}
	look := func(tx *gorm.DB) {
		pool, ok := hooks.Unwrap(tx.Statement.ConnPool).(interface{ gorm.ConnPool })
		if tx.DryRun || tx.Error != nil || !ok || e.judge == nil {
			return
		}
		if table := strings.Trim(tx.Statement.Table, "`"); table != "" && !e.judge.Cascades(table) {
			return
		}
		_ = tx.AddError(e.judge.Settle(context.WithoutCancel(tx.Statement.Context), pool))
	}
	cb := db.Callback()
	return errors.Join(
		cb.Create().After("gorm:create").Before("gorm:save_after_associations").Register("judge:create", look),
		cb.Update().After("gorm:update").Before("gorm:save_after_associations").Register("judge:update", look),
		cb.Delete().After("gorm:delete").Before("gorm:after_delete").Register("judge:delete", look),
		cb.Raw().After("gorm:raw").Register("judge:raw", look),
	)
}
