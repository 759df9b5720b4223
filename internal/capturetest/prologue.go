package capturetest

import (
	"time"

	"gorm.io/gorm"
)

// prologue makes the rows that every program begins with, times and all.
func prologue(e *env, db *gorm.DB) {
	list := people(3)
	e.ok(db.Create(&list))
	e.ok(db.Create(&[]Doc{{Title: "a", Settings: map[string]any{"a": 1, "b": []any{1, 2}}, Tags: []string{"x"}, State: map[string]int{"n": 1}, Seen: 1, Extra: JSON{"a": nil}}, {Title: "b", Seen: 2}}))
	e.ok(db.Create(&[]Product{{Code: "k1", Title: "a", Price: 1}, {Code: "k2", Title: "b", Price: 2}, {Code: "k3", Price: 3}}))
	e.ok(db.Create(&[]Place{{TenantID: 1, Code: "k1", Title: "a"}, {TenantID: 1, Code: "k2"}, {TenantID: 2, Code: "k1"}}))
	e.ok(db.Create(&[]LogLine{{Source: "k1", Line: "1"}, {Source: "k1", Line: "2"}, {Source: "k1", Line: "2"}, {Source: "k2", Line: "3", Count: 1}}))
	e.ok(db.Create(&[]Ticket{{ID: "k1", Title: "a", Status: "k1"}, {ID: "k2", Status: "k2"}}))
	e.ok(db.Create(&[]Hooked{{Title: "a"}, {Title: "b"}}))
	e.ok(db.Create(&[]Versioned{{Title: "a", Version: 1}, {Title: "b", Version: 1}}))
	e.ok(db.Create(&[]SoftStd{{Title: "a"}, {Title: "b"}, {Title: "a", DeletedAt: gorm.DeletedAt{Time: at(1), Valid: true}}}))
	e.ok(db.Create(&[]SoftFlag{{Title: "a"}, {Title: "b", Removed: 1}}))
	e.ok(db.Create(&[]SoftUnix{{Title: "a"}, {Title: "b", Removed: 1}}))
	e.ok(db.Create(&[]SoftMilli{{Title: "a"}, {Title: "b", Removed: 1}}))
	e.ok(db.Create(&[]Money{{Amount: "1.5"}, {Amount: "2", Rate: ptr(Decimal("3"))}}))
	e.ok(db.Create(&[]Moment{{Second: at(1), Micro: at(1), Day: at(1)}}))
	e.ok(db.Create(&[]Branch{{Title: "a", Head: Address{Street: "s"}}}))
	e.ok(db.Create(&[]Permitted{{Title: "a", OnlyNew: "n"}}))
	u := boss()
	e.ok(db.Create(&u))
	estatePrologue(e, db)
	e.ok(db.Create(&Student{Name: "sue", Courses: []Course{{Title: "math"}, {Title: "art"}}}))
}

func at1() time.Time { return at(1) }
