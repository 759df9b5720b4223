package main

import (
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"github.com/gormtrail/audit"
)

// found is the first day's beginning: the operator makes the organizations and
// their users, each in one transaction.
func (s *story) found() error {
	s.acme = Organization{Slug: "acme", Name: "Acme Rockets", Plan: "free", Settings: map[string]any{"theme": "light", "locale": "en"}}
	s.globex = Organization{Slug: "globex", Name: "Globex Trading", Settings: map[string]any{"theme": "light", "locale": "de"}}
	type newcomer struct{ key, name, role, ip, agent string }
	for _, org := range []struct {
		o      *Organization
		people []newcomer
	}{
		{&s.acme, []newcomer{
			{"ada", "Ada Lindqvist", "owner", "203.0.113.10", firefox},
			{"ben", "Ben Okafor", "admin", "203.0.113.24", safari},
			{"cleo", "Cléo Martin", "member", "203.0.113.31", firefox},
			{"dan", "Dan Petrov", "member", "198.51.100.77", curl},
			{"eve", "Eve Tanaka", "member", "203.0.113.40", safari},
		}},
		{&s.globex, []newcomer{
			{"gus", "Gus Weber", "owner", "2001:db8:42::7", firefox},
			{"hana", "Hana Nováková", "admin", "2001:db8:42::19", safari},
			{"ivo", "Ivo Marić", "member", "192.0.2.80", firefox},
			{"joy", "Joy Mensah", "member", "192.0.2.81", safari},
		}},
	} {
		ctx := s.operator(org.o.Slug, "POST", "/api/organizations")
		err := s.db(ctx).Transaction(func(tx *gorm.DB) error {
			if err := tx.Create(org.o).Error; err != nil {
				return err
			}
			users := make([]*User, len(org.people))
			for i, p := range org.people {
				users[i] = &User{OrganizationID: org.o.ID, Email: p.key + "@" + org.o.Slug + ".example", Name: p.name, Role: p.role, Active: true, Password: password}
			}
			if err := tx.Create(&users).Error; err != nil {
				return err
			}
			for i, p := range org.people {
				s.people[p.key] = &person{User: *users[i], org: org.o, ip: p.ip, agent: p.agent}
			}
			return nil
		})
		if err != nil {
			return err
		}
		s.wait()
	}
	return nil
}

// settleIn: the owners make groups, projects and keys.
func (s *story) settleIn() error {
	for _, owner := range []string{"ada", "gus"} {
		if err := s.login(owner, true, ""); err != nil {
			return err
		}
		for _, make := range []func(string) error{s.makeGroups, s.makeProjects, s.makeKeys} {
			s.wait()
			if err := make(owner); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *story) makeGroups(owner string) error {
	org := s.people[owner].org
	var members []User
	for _, p := range s.people {
		if p.org == org {
			members = append(members, p.User)
		}
	}
	for _, g := range []*SecurityGroup{
		{Name: "Web", Rules: []Rule{{443, "0.0.0.0/0", "HTTPS"}, {80, "0.0.0.0/0", "redirects"}}},
		{Name: "Office VPN", Rules: []Rule{{22, "203.0.113.0/24", "SSH from the office"}}},
	} {
		g.OrganizationID = org.ID
		ctx := s.by(owner, "POST", "/api/security_groups")
		if err := s.db(ctx).Create(g).Error; err != nil {
			return err
		}
		if g.Name == "Office VPN" {
			if err := s.db(ctx).Model(g).Omit("Members.*").Association("Members").Append(members); err != nil {
				return err
			}
		}
		s.groups = append(s.groups, g)
	}
	return nil
}

func (s *story) makeProjects(owner string) error {
	p := s.people[owner]
	names := map[string][]string{"acme": {"Website", "Rocket telemetry", "Shop", "Data lake", "Staging"}, "globex": {"Ledger", "Trading desk", "Customs", "Archive"}}
	var rows []*Project
	for i, name := range names[p.org.Slug] {
		rows = append(rows, &Project{
			OrganizationID: p.org.ID, OwnerID: &p.ID, Name: name, Region: []string{"eu-west", "us-east"}[i%2], BudgetCents: int64(i+1) * 100_000,
			Settings: map[string]any{"replicas": 2, "image": "app:1.0", "alerts": map[string]any{"email": true, "threshold": 0.8}},
		})
	}
	s.projects = append(s.projects, rows...)
	return s.db(s.by(owner, "POST", "/api/projects")).Create(&rows).Error
}

func (s *story) makeKeys(owner string) error {
	p := s.people[owner]
	for _, label := range []string{"ci-deploy", "metrics", "backup"} {
		k := &APIKey{OrganizationID: p.org.ID, UserID: &p.ID, Label: label, Scopes: []string{"projects:read", "projects:write"}}
		if err := s.db(s.by(owner, "POST", "/api/api_keys")).Create(k).Error; err != nil {
			return err
		}
		s.keys = append(s.keys, k)
		s.wait()
	}
	return nil
}

// names are the people in an order that doesn't depend on a map.
var names = []string{"ada", "ben", "cleo", "dan", "eve", "gus", "hana", "ivo", "joy"}

// logins are entries that the host records itself.
func (s *story) logins() error {
	for _, name := range names {
		if s.people[name].DeletedAt.Valid || s.chance.IntN(100) >= 45 {
			continue
		}
		s.wait()
		if s.chance.IntN(8) == 0 {
			if err := s.login(name, false, ""); err != nil {
				return err
			}
		}
		if err := s.login(name, true, ""); err != nil {
			return err
		}
	}
	return nil
}

// login notes when someone was last here, too; the column is not on the trail.
func (s *story) login(name string, ok bool, ip string) error {
	p := s.people[name]
	if ip == "" {
		ip = p.ip
	}
	ctx := s.from(s.ctx, ip, p.agent, "POST", "/login")
	u := p.User
	u.Organization = p.org
	if err := s.h.trail.Record(ctx, loginEntry(u, ok)); err != nil || !ok {
		return err
	}
	return s.db(ctx).Model(&p.User).UpdateColumn("last_login_at", s.h.clock.Now()).Error
}

// dailyWork are the changes of every day: settings, budgets, rules.
func (s *story) dailyWork() error {
	for range 3 + s.chance.IntN(4) {
		s.wait()
		p := s.projects[s.chance.IntN(len(s.projects))]
		who := "ben"
		if p.OrganizationID == s.globex.ID {
			who = "hana"
		}
		ctx := s.by(who, "PATCH", fmt.Sprintf("/api/projects/%d", p.ID))
		var err error
		switch s.chance.IntN(3) {
		case 0:
			err = s.db(ctx).Model(p).Update("budget_cents", gorm.Expr("budget_cents + ?", 10_000)).Error
		case 1:
			err = s.changeSetting(p, who, "replicas", 1+s.chance.IntN(9))
		default:
			err = s.changeSetting(p, who, "image", fmt.Sprintf("app:1.%d", s.chance.IntN(40)))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// changeSetting loads a project and saves all of it, as many hosts do.
func (s *story) changeSetting(p *Project, who, name string, value any) error {
	db := s.db(s.by(who, "PATCH", fmt.Sprintf("/api/projects/%d", p.ID)))
	var row Project
	err := db.First(&row, p.ID).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil // deleted for the time being
	}
	if err != nil {
		return err
	}
	row.Settings[name] = value
	return db.Save(&row).Error
}

// events are what doesn't happen every day.
func (s *story) events() map[int]func() error {
	return map[int]func() error{
		1:  s.nightlyBilling,
		2:  s.ruleAdded,
		3:  s.promotion,
		5:  s.bruteForce,
		6:  s.deployByKey,
		7:  s.nightlyBilling,
		8:  s.projectDeleted,
		9:  s.projectRestored,
		10: s.offboarding,
		11: s.deniedAndRolledBack,
		12: s.plansChange,
		14: s.nightlyBilling,
		15: s.keysRotate,
		16: s.groupDissolved,
		17: s.passwordChanged,
		18: s.membersSuspended,
		19: s.membersBack,
		20: s.websiteGrows,
	}
}

// nightlyBilling is one statement for all rows; each row has its entry.
func (s *story) nightlyBilling() error {
	for _, o := range []Organization{s.acme, s.globex} {
		ctx := s.program(audit.Actor{Type: "service", ID: "billing", Name: "Billing job"}, o.Slug, "", "", "")
		ctx = audit.WithMetadata(ctx, "period", s.h.clock.Now().Format("2006-01-02"))
		err := s.db(ctx).Model(&Project{}).Where("organization_id = ?", o.ID).
			Update("spent_cents", gorm.Expr("spent_cents + budget_cents / ?", 20+s.chance.IntN(20))).Error
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *story) ruleAdded() error {
	g := s.groups[1]
	g.Rules = append(g.Rules, Rule{5432, "198.51.100.77/32", "Dan from home"})
	ctx := audit.WithComment(s.by("ada", "PATCH", fmt.Sprintf("/api/security_groups/%d", g.ID)), "ticket 4711")
	return s.db(ctx).Omit("Members").Save(g).Error
}

func (s *story) promotion() error {
	ctx := s.by("ada", "PATCH", fmt.Sprintf("/api/users/%d", s.people["eve"].ID))
	if err := s.db(ctx).Model(&s.people["eve"].User).Updates(map[string]any{"role": "admin", "name": "Eve Tanaka-Ruiz"}).Error; err != nil {
		return err
	}
	return s.db(ctx).Model(&s.acme).Updates(Organization{Name: "Acme Rockets Ltd"}).Error
}

func (s *story) bruteForce() error {
	for range 6 {
		s.h.clock.Set(s.h.clock.Now().Add(2 * time.Second))
		if err := s.login("ada", false, "192.0.2.66"); err != nil {
			return err
		}
	}
	return nil
}

func (s *story) deployByKey() error {
	k := s.keys[0]
	for _, p := range s.projects[:3] {
		s.wait()
		ctx := s.program(audit.Actor{Type: "apiKey", ID: fmt.Sprint(k.ID), Name: k.Label}, "acme", curl, "PATCH", fmt.Sprintf("/api/projects/%d", p.ID))
		p.Settings = map[string]any{"replicas": 4, "image": "app:2.0", "alerts": map[string]any{"email": true, "threshold": 0.9}}
		if err := s.db(ctx).Model(p).Select("Settings").Updates(p).Error; err != nil {
			return err
		}
	}
	return nil
}

func (s *story) projectDeleted() error {
	ctx := audit.WithComment(s.by("ben", "DELETE", "/api/projects/1"), "wrong one, sorry")
	if err := s.db(ctx).Delete(&Project{}, s.projects[0].ID).Error; err != nil {
		return err
	}
	s.wait()
	return s.db(s.by("gus", "DELETE", "/api/projects")).Where("organization_id = ? AND name = ?", s.globex.ID, "Archive").Delete(&Project{}).Error
}

func (s *story) projectRestored() error {
	ctx := audit.WithComment(s.by("ada", "POST", "/api/projects/1/restore"), "it was still in use")
	return s.db(ctx).Unscoped().Model(&Project{}).Where("id = ?", s.projects[0].ID).Update("deleted_at", nil).Error
}

// offboarding is one transaction over four tables; its entries share its ID.
func (s *story) offboarding() error {
	dan := s.people["dan"]
	ctx := audit.WithComment(s.by("ada", "DELETE", fmt.Sprintf("/api/users/%d", dan.ID)), "Dan has left the company")
	err := s.db(ctx).Transaction(func(tx *gorm.DB) error {
		if err := tx.Model(&Project{}).Where("owner_id = ?", dan.ID).Update("owner_id", s.people["ada"].ID).Error; err != nil {
			return err
		}
		if err := tx.Model(s.groups[1]).Association("Members").Delete(&dan.User); err != nil {
			return err
		}
		s.groups[1].Rules = s.groups[1].Rules[:1]
		if err := tx.Model(s.groups[1]).Select("Rules").Updates(s.groups[1]).Error; err != nil {
			return err
		}
		if err := tx.Model(&dan.User).Update("active", false).Error; err != nil {
			return err
		}
		return tx.Delete(&dan.User).Error
	})
	dan.DeletedAt.Valid = err == nil
	return err
}

// deniedAndRolledBack: what was refused is on the trail, and what was undone
// is not.
func (s *story) deniedAndRolledBack() error {
	p := s.projects[5]
	ctx := s.by("ivo", "DELETE", fmt.Sprintf("/api/projects/%d", p.ID))
	err := s.h.trail.Record(ctx, audit.Entry{
		Action: audit.ActionDestroy, Outcome: audit.Denied, Error: "ivo@globex.example may not do that",
		Object: audit.Object{Type: "projects", ID: fmt.Sprint(p.ID), Name: p.Name},
	})
	if err != nil {
		return err
	}
	s.wait()
	undo := errors.New("the import was not complete")
	ctx = s.by("hana", "POST", "/api/projects")
	err = s.db(ctx).Transaction(func(tx *gorm.DB) error {
		if err := tx.Create(&Project{OrganizationID: s.globex.ID, Name: "Half an import"}).Error; err != nil {
			return err
		}
		return undo
	})
	if !errors.Is(err, undo) {
		return fmt.Errorf("a transaction that should have been rolled back: %w", err)
	}
	return nil
}

func (s *story) plansChange() error {
	if err := s.db(s.operator("acme", "PATCH", "/api/organizations/1")).Model(&s.acme).Update("plan", "team").Error; err != nil {
		return err
	}
	s.acme.Settings["theme"] = "dark"
	s.acme.Settings["sso"] = map[string]any{"issuer": "https://login.acme.example", "client_secret": "s3cr3t"}
	return s.db(s.by("ada", "PATCH", "/api/organizations/1")).Save(&s.acme).Error
}

func (s *story) keysRotate() error {
	ctx := audit.WithComment(s.by("ben", "POST", "/api/api_keys"), "yearly rotation")
	now := s.h.clock.Now()
	expires := now.AddDate(1, 0, 0)
	return s.db(ctx).Transaction(func(tx *gorm.DB) error {
		fresh := &APIKey{OrganizationID: s.acme.ID, UserID: &s.people["ben"].ID, Label: "ci-deploy", Scopes: []string{"projects:write"}, ExpiresAt: &expires}
		if err := tx.Create(fresh).Error; err != nil {
			return err
		}
		if err := tx.Model(&APIKey{}).Where("organization_id = ? AND expires_at IS NULL", s.acme.ID).Update("revoked_at", now).Error; err != nil {
			return err
		}
		return tx.Where("organization_id = ? AND label <> ? AND revoked_at IS NOT NULL", s.acme.ID, "ci-deploy").Delete(&APIKey{}).Error
	})
}

func (s *story) groupDissolved() error {
	g := s.groups[3] // Globex's Office VPN
	return s.db(s.by("hana", "DELETE", fmt.Sprintf("/api/security_groups/%d", g.ID))).Transaction(func(tx *gorm.DB) error {
		if err := tx.Model(g).Association("Members").Clear(); err != nil {
			return err
		}
		return tx.Delete(g).Error
	})
}

// passwordChanged: that it changed is on the trail, what it is isn't.
func (s *story) passwordChanged() error {
	cleo := s.people["cleo"]
	cleo.Password = password
	ctx := s.by("cleo", "PATCH", fmt.Sprintf("/api/users/%d", cleo.ID))
	return s.db(ctx).Omit("Organization", "LastLoginAt").Save(&cleo.User).Error
}

func (s *story) membersSuspended() error {
	ctx := audit.WithComment(s.operator("globex", "POST", "/api/organizations/2/suspend"), "invoice overdue")
	return s.db(ctx).Model(&User{}).Where("organization_id = ? AND role = ?", s.globex.ID, "member").Update("active", false).Error
}

func (s *story) membersBack() error {
	ctx := audit.WithComment(s.operator("globex", "POST", "/api/organizations/2/resume"), "paid")
	return s.db(ctx).Model(&User{}).Where("organization_id = ? AND NOT active", s.globex.ID).Update("active", true).Error
}

// websiteGrows changes several fields of the record whose history is printed.
func (s *story) websiteGrows() error {
	var site Project
	db := s.db(audit.WithComment(s.by("ada", "PATCH", "/api/projects/1"), "ready for the launch"))
	if err := db.First(&site, s.projects[0].ID).Error; err != nil {
		return err
	}
	site.Name, site.Region, site.BudgetCents = "Public website", "eu-central", 900_000
	site.Settings["replicas"] = 12
	site.Settings["alerts"] = map[string]any{"email": true, "pager": true, "threshold": 0.95}
	return db.Save(&site).Error
}
