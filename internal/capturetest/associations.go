package capturetest

import (
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

func boss() User {
	return User{Name: "boss", Company: &Company{Name: "acme"}, Card: Card{Number: "1"},
		Pets:      []Pet{{Name: "rex", Toy: Toy{Name: "bone"}}, {Name: "tom"}},
		Toys:      []Toy{{Name: "car"}, {Name: "ball"}},
		Languages: []Language{{Code: "de", Name: "German"}, {Code: "en", Name: "English"}},
		Friends:   []*User{{Name: "ben"}, {Name: "ann"}},
		Team:      []User{{Name: "bob"}, {Name: "kim", Pets: []Pet{{Name: "fish"}}}},
	}
}

func family(e *env, db *gorm.DB) {
	u := boss()
	e.ok(db.Create(&u))
	s := Student{Name: "sue", Courses: []Course{{Title: "math"}, {Title: "art"}}}
	e.ok(db.Create(&s))
	n := Node{Name: "root", Children: []Node{{Name: "l", Children: []Node{{Name: "ll"}}}, {Name: "r"}}}
	e.ok(db.Create(&n))
}

func theBoss(e *env, db *gorm.DB) *User {
	var u User
	e.ok(db.Preload(clause.Associations).Where("name = ?", "boss").First(&u))
	return &u
}

func testAssociations(t *testing.T) {
	// with gives the boss and the association of that name.
	with := func(name string, run func(e *env, db *gorm.DB, u *User, a *gorm.Association)) func(*env, *gorm.DB) {
		return func(e *env, db *gorm.DB) {
			u := theBoss(e, db)
			run(e, db, u, db.Model(u).Association(name))
		}
	}
	cases := []kase{
		{name: "saved along", before: func(*env, *gorm.DB) {}, run: func(e *env, db *gorm.DB) {
			u := boss()
			e.ok(db.Create(&u))
			e.want(u.Pets[0].Toy.ID != 0 && *u.CompanyID == u.Company.ID, "keys were not filled in")
		}, after: func(e *env) {
			for _, x := range e.entries {
				if x.Object.Type == "user_languages" {
					e.want(x.Object.ID != "" && len(x.Changes) == 2, "a join row's entry names not both sides: %v", x)
				}
			}
		}},
		{name: "saved again", run: func(e *env, db *gorm.DB) {
			u := theBoss(e, db)
			e.ok(db.Save(u))
		}, after: func(e *env) { e.want(len(e.entries) == 0, "%d entries for nothing", len(e.entries)) }},
		{name: "saved again with a change inside", run: func(e *env, db *gorm.DB) {
			u := theBoss(e, db)
			u.Pets[0].Name, u.Company.Name, u.Name = "changed", "changed", "boss2"
			u.Pets = append(u.Pets, Pet{Name: "new"})
			e.ok(db.Save(u))
		}},
		{name: "FullSaveAssociations", run: func(e *env, db *gorm.DB) {
			u := theBoss(e, db)
			u.Pets[0].Name, u.Company.Name, u.Languages[0].Name = "changed", "changed", "Deutsch"
			u.Toys = append(u.Toys, Toy{Name: "new"})
			e.ok(db.Session(&gorm.Session{FullSaveAssociations: true}).Updates(u))
			e.ok(db.Session(&gorm.Session{FullSaveAssociations: true}).Save(u))
		}},
		{name: "Omit associations", run: func(e *env, db *gorm.DB) {
			u := boss()
			e.ok(db.Omit(clause.Associations).Create(&u))
			v := boss()
			v.Name = "other"
			e.ok(db.Omit("Languages.*", "Friends", "Team").Create(&v))
		}},
		{name: "belongs to Append", run: with("Company", func(e *env, db *gorm.DB, u *User, a *gorm.Association) {
			e.no(a.Append(&Company{Name: "next"}))
		})},
		{name: "belongs to Replace", run: with("Company", func(e *env, db *gorm.DB, u *User, a *gorm.Association) {
			e.no(a.Replace(&Company{Name: "next"}))
		})},
		{name: "belongs to Delete", run: with("Company", func(e *env, db *gorm.DB, u *User, a *gorm.Association) {
			e.no(a.Delete(u.Company))
		})},
		{name: "belongs to Clear", run: with("Company", func(e *env, db *gorm.DB, u *User, a *gorm.Association) { e.no(a.Clear()) })},
		{name: "has one Replace", run: with("Card", func(e *env, db *gorm.DB, u *User, a *gorm.Association) {
			e.no(a.Replace(&Card{Number: "2"}))
		})},
		{name: "has one Delete", run: with("Card", func(e *env, db *gorm.DB, u *User, a *gorm.Association) { e.no(a.Delete(&u.Card)) })},
		{name: "has one Clear", run: with("Card", func(e *env, db *gorm.DB, u *User, a *gorm.Association) { e.no(a.Clear()) })},
		{name: "has many Append", run: with("Pets", func(e *env, db *gorm.DB, u *User, a *gorm.Association) {
			e.no(a.Append(&[]Pet{{Name: "x"}, {Name: "y", Toy: Toy{Name: "z"}}}))
		})},
		{name: "has many Replace", run: with("Pets", func(e *env, db *gorm.DB, u *User, a *gorm.Association) {
			e.no(a.Replace([]Pet{u.Pets[1], {Name: "new"}}))
		})},
		{name: "has many Delete", run: with("Pets", func(e *env, db *gorm.DB, u *User, a *gorm.Association) { e.no(a.Delete(u.Pets[0])) })},
		{name: "has many Clear", run: with("Pets", func(e *env, db *gorm.DB, u *User, a *gorm.Association) { e.no(a.Clear()) })},
		{name: "has many Unscoped Clear", run: with("Pets", func(e *env, db *gorm.DB, u *User, a *gorm.Association) { e.no(a.Unscoped().Clear()) })},
		{name: "has many Unscoped Replace", run: with("Pets", func(e *env, db *gorm.DB, u *User, a *gorm.Association) {
			e.no(a.Unscoped().Replace(&Pet{Name: "only"}))
		})},
		{name: "many to many Append", run: with("Languages", func(e *env, db *gorm.DB, u *User, a *gorm.Association) {
			e.no(a.Append(&Language{Code: "fr", Name: "French"}, &u.Languages[0]))
		})},
		{name: "many to many Replace", run: with("Languages", func(e *env, db *gorm.DB, u *User, a *gorm.Association) {
			e.no(a.Replace(&Language{Code: "fr", Name: "French"}, &u.Languages[0]))
		})},
		{name: "many to many Delete", run: with("Languages", func(e *env, db *gorm.DB, u *User, a *gorm.Association) {
			e.no(a.Delete(u.Languages[0]))
		})},
		{name: "many to many Clear", run: with("Languages", func(e *env, db *gorm.DB, u *User, a *gorm.Association) { e.no(a.Clear()) })},
		{name: "many to many Unscoped Delete", run: with("Languages", func(e *env, db *gorm.DB, u *User, a *gorm.Association) {
			e.no(a.Unscoped().Delete(u.Languages[0]))
		})},
		{name: "custom join model Append", run: func(e *env, db *gorm.DB) {
			var s Student
			e.ok(db.Preload("Courses").First(&s))
			e.no(db.Model(&s).Association("Courses").Append(&Course{Title: "bio"}))
		}},
		{name: "custom join model Delete is soft", run: func(e *env, db *gorm.DB) {
			var s Student
			e.ok(db.Preload("Courses").First(&s))
			e.no(db.Model(&s).Association("Courses").Delete(&s.Courses[0]))
		}, after: func(e *env) { e.want(len(e.action("destroy")) == 1, "%d entries", len(e.action("destroy"))) }},
		{name: "custom join model Replace", run: func(e *env, db *gorm.DB) {
			var s Student
			e.ok(db.Preload("Courses").First(&s))
			e.no(db.Model(&s).Association("Courses").Replace(&s.Courses[1], &Course{Title: "bio"}))
		}},
		{name: "custom join model written by itself", run: func(e *env, db *gorm.DB) {
			var x Enrolment
			e.ok(db.First(&x))
			e.rows(1, db.Model(&x).Update("grade", 1))
			e.rows(1, db.Delete(&x))
			e.rows(1, db.Create(&Enrolment{StudentID: 4711, CourseID: 1}))
		}},
		{name: "join row written from the other side", run: func(e *env, db *gorm.DB) {
			u := theBoss(e, db)
			e.rows(1, db.Table("user_languages").Create(map[string]any{"user_id": u.ID, "language_code": "xx"}))
			e.rows(1, db.Table("user_languages").Where("language_code = ?", "xx").Delete(nil))
		}},
		{name: "polymorphic Append", run: with("Toys", func(e *env, db *gorm.DB, u *User, a *gorm.Association) {
			e.no(a.Append(&Toy{Name: "kite"}))
		})},
		{name: "polymorphic Replace", run: with("Toys", func(e *env, db *gorm.DB, u *User, a *gorm.Association) {
			e.no(a.Replace(&u.Toys[0], &Toy{Name: "kite"}))
		})},
		{name: "polymorphic Delete", run: with("Toys", func(e *env, db *gorm.DB, u *User, a *gorm.Association) { e.no(a.Delete(&u.Toys[0])) })},
		{name: "polymorphic Clear", run: with("Toys", func(e *env, db *gorm.DB, u *User, a *gorm.Association) { e.no(a.Clear()) })},
		{name: "self-referential many to many", run: with("Friends", func(e *env, db *gorm.DB, u *User, a *gorm.Association) {
			e.no(a.Append(&User{Name: "new friend"}))
			e.no(a.Delete(u.Friends[0]))
		})},
		{name: "self-referential has many", run: with("Team", func(e *env, db *gorm.DB, u *User, a *gorm.Association) {
			e.no(a.Append(&User{Name: "hand"}))
			e.no(a.Delete(&u.Team[0]))
			e.no(a.Clear())
		})},
		{name: "a tree saved whole", run: func(e *env, db *gorm.DB) {
			var n Node
			e.ok(db.Preload("Children.Children").Where("parent_id IS NULL").First(&n))
			n.Children[0].Children = append(n.Children[0].Children, Node{Name: "lr"})
			n.Children[0].Children[0].Name = "changed"
			e.ok(db.Session(&gorm.Session{FullSaveAssociations: true}).Save(&n))
		}},
		{name: "of many models at once", run: func(e *env, db *gorm.DB) {
			var list []User
			e.ok(db.Where("name IN ?", []string{"boss", "kim"}).Order("id").Find(&list))
			e.no(db.Model(&list).Association("Toys").Append(&Toy{Name: "for 1"}, &Toy{Name: "for 2"}))
			e.no(db.Model(&list).Association("Pets").Clear())
		}},
	}
	for i := range cases {
		if cases[i].before == nil {
			cases[i].before = family
		}
	}
	runCases(t, cases)
}
