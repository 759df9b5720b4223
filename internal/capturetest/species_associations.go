package capturetest

import (
	"fmt"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"pgregory.net/rapid"
)

// drawAssociation draws a change of what belongs together.
func drawAssociation(t *rapid.T) op {
	name := rapid.SampledFrom([]string{"Company", "Card", "Pets", "Toys", "Languages", "Friends", "Team"}).Draw(t, "association")
	way := rapid.SampledFrom([]string{"Append", "Append", "Replace", "Delete", "Clear", "Unscoped", "save", "create", "delete"}).Draw(t, "how")
	n, code := rapid.IntRange(0, 3).Draw(t, "row"), codes.Draw(t, "code")
	full := rapid.Bool().Draw(t, "full")
	return op{fmt.Sprintf("association %s of user %d: %s %s (full %v)", name, n, way, code, full), func(h *host, db *gorm.DB) {
		if way == "create" {
			u := boss()
			u.Name, u.Languages = code, []Language{{Code: code, Name: "new"}}
			h.see("create", db.Create(&u), u)
			return
		}
		var users []User
		db.Order("id").Preload(clause.Associations).Find(&users)
		if len(users) == 0 {
			return
		}
		u := &users[n%len(users)]
		switch way {
		case "save":
			u.Name = code
			u.Pets = append(u.Pets, Pet{Name: code})
			if len(u.Toys) > 0 {
				u.Toys[0].Name = code
			}
			h.see("save", db.Session(&gorm.Session{FullSaveAssociations: full}).Save(u), u)
			return
		case "delete":
			h.see("delete", db.Select(name).Delete(u))
			return
		}
		a := db.Model(u).Association(name)
		other := another(name, code)
		var err error
		switch way {
		case "Append":
			err = a.Append(other)
		case "Replace":
			err = a.Replace(other)
		case "Delete":
			if own := owned(u, name); own != nil {
				err = a.Delete(own)
			}
		case "Unscoped":
			err = a.Unscoped().Clear()
		default:
			if name == "Friends" {
				return // GORM itself panics there
			}
			err = a.Clear()
		}
		h.note(way, err, 0, u)
	}}
}

func another(name, code string) any {
	switch name {
	case "Company":
		return &Company{Name: code}
	case "Card":
		return &Card{Number: code}
	case "Pets":
		return &Pet{Name: code, Toy: Toy{Name: code}}
	case "Toys":
		return &Toy{Name: code}
	case "Languages":
		return &Language{Code: code, Name: code}
	}
	return &User{Name: code}
}

func owned(u *User, name string) any {
	switch {
	case name == "Company" && u.Company != nil:
		return u.Company
	case name == "Card" && u.Card.ID != 0:
		return &u.Card
	case name == "Pets" && len(u.Pets) > 0:
		return &u.Pets[0]
	case name == "Toys" && len(u.Toys) > 0:
		return &u.Toys[0]
	case name == "Languages" && len(u.Languages) > 0:
		return &u.Languages[0]
	case name == "Team" && len(u.Team) > 0:
		return &u.Team[0]
	}
	return nil
}

// drawEnrolment draws a change of what is joined by a model of its own.
func drawEnrolment(t *rapid.T) op {
	way := rapid.SampledFrom([]string{"Append", "Replace", "Delete", "Clear", "join", "revive", "create"}).Draw(t, "how")
	n, grade := rapid.IntRange(0, 2).Draw(t, "row"), small.Draw(t, "grade")
	return op{fmt.Sprintf("enrolment %s %d %d", way, n, grade), func(h *host, db *gorm.DB) {
		if way == "create" {
			s := Student{Name: fmt.Sprint(grade), Courses: []Course{{Title: "new"}}}
			h.see(way, db.Create(&s), s)
			return
		}
		var students []Student
		db.Order("id").Preload("Courses").Find(&students)
		if len(students) == 0 {
			return
		}
		s := &students[n%len(students)]
		a := db.Model(s).Association("Courses")
		switch way {
		case "Append":
			h.note(way, a.Append(&Course{Title: fmt.Sprint(grade)}), 0, s)
		case "Replace":
			h.note(way, a.Replace(&Course{Title: fmt.Sprint(grade)}), 0, s)
		case "Delete":
			if len(s.Courses) > 0 {
				h.note(way, a.Delete(&s.Courses[0]), 0, s)
			}
		case "Clear":
			h.note(way, a.Clear(), 0, s)
		case "join":
			h.see(way, db.Model(&Enrolment{}).Where("student_id = ?", s.ID).Update("grade", grade))
		default:
			h.see(way, db.Unscoped().Model(&Enrolment{}).Where("deleted_at IS NOT NULL").Update("deleted_at", nil))
		}
	}}
}
