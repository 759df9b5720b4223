package capturetest

import (
	"time"

	"gorm.io/gorm"
)

// SoftStd is deleted by gorm.DeletedAt.
type SoftStd struct {
	ID        uint
	Title     string
	UpdatedAt time.Time
	DeletedAt gorm.DeletedAt `gorm:"index"`
}

// SoftFlag is deleted by a flag.
type SoftFlag struct {
	ID      uint
	Title   string
	Removed DeletedFlag `gorm:"not null;default:0"`
}

// SoftUnix is deleted by the second.
type SoftUnix struct {
	ID      uint
	Title   string
	Removed DeletedUnix `gorm:"not null;default:0"`
}

// SoftMilli is deleted by the millisecond.
type SoftMilli struct {
	ID      uint
	Title   string
	Removed DeletedMilli `gorm:"not null;default:0"`
}

// Versioned is locked optimistically.
type Versioned struct {
	ID      uint
	Title   string
	Version Version
}

// Hooked changes fields and writes other rows in its hooks.
type Hooked struct {
	ID    uint
	Title string
	Slug  string
	Saves int
}

// BeforeSave changes a field on its way.
func (h *Hooked) BeforeSave(tx *gorm.DB) error {
	tx.Statement.SetColumn("Slug", "slug of "+h.Title)
	return nil
}

// BeforeUpdate changes another one.
func (h *Hooked) BeforeUpdate(tx *gorm.DB) error {
	tx.Statement.SetColumn("Saves", h.Saves+1)
	return nil
}

// AfterCreate writes another row.
func (h *Hooked) AfterCreate(tx *gorm.DB) error {
	return tx.Create(&Note{Text: "created " + h.Title}).Error
}

// AfterUpdate writes another row.
func (h *Hooked) AfterUpdate(tx *gorm.DB) error {
	return tx.Create(&Note{Text: "updated " + h.Title}).Error
}

// BeforeDelete changes and removes other rows.
func (h *Hooked) BeforeDelete(tx *gorm.DB) error {
	return tx.Where("text = ?", "created "+h.Title).Delete(&Note{}).Error
}

// Note is what hooks write.
type Note struct {
	ID   uint
	Text string
}

// Account is a row that many change at once.
type Account struct {
	ID      uint
	Owner   string
	Balance int64
}

// User has associations of every kind.
type User struct {
	ID        uint
	Name      string
	CompanyID *uint
	Company   *Company
	Card      Card // has one
	Pets      []Pet
	Toys      []Toy      `gorm:"polymorphic:Owner"`
	Languages []Language `gorm:"many2many:user_languages"`
	Friends   []*User    `gorm:"many2many:user_friends"`
	ManagerID *uint
	Manager   *User
	Team      []User `gorm:"foreignKey:ManagerID"`
}

// Company is what users belong to.
type Company struct {
	ID   uint
	Name string
}

// Card is what a user has one of.
type Card struct {
	ID     uint
	Number string
	UserID *uint
}

// Pet is what a user has many of; it has a polymorphic toy itself.
type Pet struct {
	ID     uint
	Name   string
	UserID *uint
	Toy    Toy `gorm:"polymorphic:Owner"`
}

// Toy belongs to a user or a pet.
type Toy struct {
	ID        uint
	Name      string
	OwnerID   *uint
	OwnerType *string `gorm:"size:50"`
}

// Language is spoken by many.
type Language struct {
	Code string `gorm:"primaryKey;size:10"`
	Name string
}

// Student and Course are joined by a model of its own.
type Student struct {
	ID      uint
	Name    string
	Courses []Course `gorm:"many2many:enrolments"`
}

// Course is the other side.
type Course struct {
	ID    uint
	Title string
}

// Enrolment is the join model, with columns of its own.
type Enrolment struct {
	StudentID uint `gorm:"primaryKey"`
	CourseID  uint `gorm:"primaryKey"`
	Grade     *int
	CreatedAt time.Time
	DeletedAt gorm.DeletedAt
}

// Node is a tree.
type Node struct {
	ID       uint
	Name     string
	ParentID *uint
	Children []Node `gorm:"foreignKey:ParentID"`
}
