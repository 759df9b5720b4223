package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"gorm.io/gorm"

	"github.com/gormtrail/audit"
)

// days is how much history the seed makes.
const days = 21

// password is everybody's.
const password = "correct horse"

// story makes the history: real changes through GORM, by several people and
// programs, at times that the clock is set to.
type story struct {
	h       *host
	ctx     context.Context
	chance  *rand.Rand // always the same, so that each run tells the same story
	start   time.Time
	request int

	acme, globex Organization
	people       map[string]*person
	groups       []*SecurityGroup
	projects     []*Project
	keys         []*APIKey
}

// person is a user, and where they work from.
type person struct {
	User
	org   *Organization
	ip    string
	agent string
}

// seed fills an empty database, and leaves any other as it is.
func (h *host) seed(ctx context.Context) error {
	var n int64
	if err := h.db.WithContext(ctx).Unscoped().Model(&Organization{}).Count(&n).Error; err != nil || n > 0 {
		return err
	}
	s := &story{
		h: h, ctx: ctx, chance: rand.New(rand.NewPCG(2026, 1)), people: map[string]*person{},
		start: time.Now().UTC().Add(-days * 24 * time.Hour).Truncate(time.Second),
	}
	defer h.clock.Release()
	for day := range days {
		h.clock.Set(s.start.AddDate(0, 0, day))
		if err := s.tell(day); err != nil {
			return fmt.Errorf("day %d: %w", day+1, err)
		}
	}
	return nil
}

// tell makes one day.
func (s *story) tell(day int) error {
	if day == 0 {
		return s.inOrder(s.found, s.settleIn)
	}
	if err := s.inOrder(s.logins, s.dailyWork); err != nil {
		return err
	}
	if event := s.events()[day]; event != nil {
		return s.inOrder(event)
	}
	return nil
}

// inOrder runs the steps until one fails, with some minutes between them.
func (s *story) inOrder(steps ...func() error) error {
	for _, step := range steps {
		s.wait()
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func (s *story) wait() {
	s.h.clock.Set(s.h.clock.Now().Add(time.Duration(30+s.chance.IntN(2400)) * time.Second))
}

// by is the context of a request that a person sends.
func (s *story) by(name, method, path string) context.Context {
	p := s.people[name]
	ctx := audit.WithTenant(audit.WithActor(s.ctx, userActor(p.User)), p.org.Slug, "")
	return s.from(ctx, p.ip, p.agent, method, path)
}

// operator is the context of a request that the platform's operator sends.
func (s *story) operator(tenant, method, path string) context.Context {
	ctx := audit.WithTenant(audit.WithActor(s.ctx, caller{operator: true, user: User{Name: "Olivia Berg", Email: operator}}.actor()), tenant, "")
	return s.from(ctx, "198.51.100.5", firefox, method, path)
}

// program is the context of a program's work, which comes from no browser.
func (s *story) program(a audit.Actor, tenant, agent, method, path string) context.Context {
	return s.from(audit.WithTenant(audit.WithActor(s.ctx, a), tenant, ""), "10.20.0.4", agent, method, path)
}

func (s *story) from(ctx context.Context, ip, agent, method, path string) context.Context {
	s.request++
	return audit.WithRequest(ctx, audit.Request{
		IP: ip, UserAgent: agent, ID: fmt.Sprintf("req-%05d", s.request), Method: method, Path: path,
	})
}

// db is the host's database, for a context: all that a host does for the trail.
func (s *story) db(ctx context.Context) *gorm.DB { return s.h.db.WithContext(ctx) }

const (
	firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
	safari  = "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15"
	curl    = "curl/8.9.1"
)
