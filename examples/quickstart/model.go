package main

import (
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"
	"time"

	"gorm.io/gorm"
)

// The host's own models: a small cloud platform. Nothing in them knows of the
// trail but the tags `audit:"name"`, which says what people call a record, and
// `audit:"-"`, which keeps a column off the trail. What is secret by its name,
// such as password_hash, is masked without a tag.

// Organization is a customer.
type Organization struct {
	ID        uint           `json:"id"`
	Slug      string         `json:"slug" gorm:"uniqueIndex;not null"`
	Name      string         `json:"name" audit:"name"`
	Plan      string         `json:"plan" gorm:"not null;default:free"`
	Settings  map[string]any `json:"settings" gorm:"serializer:json"`
	CreatedAt time.Time      `json:"created_at"`
	UpdatedAt time.Time      `json:"updated_at"`
	DeletedAt gorm.DeletedAt `json:"deleted_at" gorm:"index"`
}

// User is someone who works for an organization.
type User struct {
	ID             uint           `json:"id"`
	OrganizationID uint           `json:"organization_id" gorm:"index;not null"`
	Organization   *Organization  `json:"-"`
	Email          string         `json:"email" gorm:"uniqueIndex;not null"`
	Name           string         `json:"name" audit:"name"`
	Role           string         `json:"role" gorm:"not null;default:member"`
	Active         bool           `json:"active" gorm:"not null;default:true"`
	Password       string         `json:"password,omitempty" gorm:"-"` // only ever sent to us
	PasswordHash   string         `json:"-"`
	LastLoginAt    *time.Time     `json:"last_login_at" audit:"-"` // the logins are on the trail themselves
	CreatedAt      time.Time      `json:"created_at"`
	UpdatedAt      time.Time      `json:"updated_at"`
	DeletedAt      gorm.DeletedAt `json:"deleted_at" gorm:"index"`
}

// APIKey lets a program act for an organization.
type APIKey struct {
	ID             uint       `json:"id"`
	OrganizationID uint       `json:"organization_id" gorm:"index;not null"`
	UserID         *uint      `json:"user_id"`
	User           *User      `json:"-"`
	Label          string     `json:"label" audit:"name"`
	Token          string     `json:"token,omitempty" gorm:"-"` // shown once, when it is made
	TokenHash      string     `json:"-"`
	Scopes         []string   `json:"scopes" gorm:"serializer:json"`
	ExpiresAt      *time.Time `json:"expires_at"`
	RevokedAt      *time.Time `json:"revoked_at"`
	CreatedAt      time.Time  `json:"created_at"`
	UpdatedAt      time.Time  `json:"updated_at"`
}

// SecurityGroup says which traffic reaches its members' machines.
type SecurityGroup struct {
	ID             uint      `json:"id"`
	OrganizationID uint      `json:"organization_id" gorm:"index;not null"`
	Name           string    `json:"name" audit:"name"`
	Rules          []Rule    `json:"rules" gorm:"serializer:json"`
	Members        []User    `json:"-" gorm:"many2many:security_group_members"`
	CreatedAt      time.Time `json:"created_at"`
	UpdatedAt      time.Time `json:"updated_at"`
}

// Rule opens a port to a network.
type Rule struct {
	Port    int    `json:"port"`
	From    string `json:"from"`
	Comment string `json:"comment,omitempty"`
}

// Project is where an organization's work lives.
type Project struct {
	ID             uint           `json:"id"`
	OrganizationID uint           `json:"organization_id" gorm:"index;not null"`
	OwnerID        *uint          `json:"owner_id"`
	Owner          *User          `json:"-"`
	Name           string         `json:"name" audit:"name"`
	Region         string         `json:"region" gorm:"not null;default:eu-west"`
	BudgetCents    int64          `json:"budget_cents"`
	SpentCents     int64          `json:"spent_cents"`
	Settings       map[string]any `json:"settings" gorm:"serializer:json"`
	CreatedAt      time.Time      `json:"created_at"`
	UpdatedAt      time.Time      `json:"updated_at"`
	DeletedAt      gorm.DeletedAt `json:"deleted_at" gorm:"index"`
}

// AuditType names the records as people and links do; without it the type is
// the table's name, here "api_keys".
func (APIKey) AuditType() string { return "api_key" }

// invalid is what the host refuses to store, in words for who sent it.
type invalid string

func (e invalid) Error() string { return string(e) }

var (
	slugPattern  = regexp.MustCompile(`^[a-z][a-z0-9-]{1,40}$`)
	emailPattern = regexp.MustCompile(`^[^@\s]+@[^@\s]+\.[^@\s]+$`)
)

func (o *Organization) valid() error {
	if !slugPattern.MatchString(o.Slug) {
		return invalid("slug must be 2 to 41 of a-z, 0-9 and -, and begin with a letter")
	}
	return required("name", o.Name)
}

func (u *User) valid() error {
	if !emailPattern.MatchString(u.Email) {
		return invalid("email must be an address, such as ada@acme.example")
	}
	switch u.Role {
	case "", "owner", "admin", "member":
		return required("name", u.Name)
	}
	return invalid("role must be owner, admin or member")
}

func (k *APIKey) valid() error { return required("label", k.Label) }

func (g *SecurityGroup) valid() error {
	for _, r := range g.Rules {
		if r.Port < 1 || r.Port > 65535 {
			return invalid(fmt.Sprintf("rules: %d is no port", r.Port))
		}
	}
	return required("name", g.Name)
}

func (p *Project) valid() error {
	if p.BudgetCents < 0 {
		return invalid("budget_cents must not be negative")
	}
	return required("name", p.Name)
}

// BeforeSave turns a password that was sent into its hash.
func (u *User) BeforeSave(*gorm.DB) error {
	if u.Password == "" {
		return nil
	}
	hash, err := hashPassword(u.Password)
	u.PasswordHash, u.Password = hash, ""
	return err
}

// BeforeCreate makes the key's token, which is stored only as a hash.
func (k *APIKey) BeforeCreate(*gorm.DB) error {
	k.Token = "qs_" + rand.Text()
	sum := sha256.Sum256([]byte(k.Token))
	k.TokenHash = hex.EncodeToString(sum[:])
	return nil
}

func required(field, value string) error {
	if strings.TrimSpace(value) == "" {
		return invalid(field + " is missing")
	}
	return nil
}

// hashRounds is far below what a real host takes, so that the example starts
// at once.
const hashRounds = 1000

func hashPassword(password string) (string, error) {
	salt := rand.Text()
	key, err := pbkdf2.Key(sha256.New, password, []byte(salt), hashRounds, 32)
	return salt + ":" + hex.EncodeToString(key), err
}

func (u *User) passwordIs(password string) bool {
	salt, want, ok := strings.Cut(u.PasswordHash, ":")
	if !ok {
		return false
	}
	key, err := pbkdf2.Key(sha256.New, password, []byte(salt), hashRounds, 32)
	return err == nil && subtle.ConstantTimeCompare([]byte(hex.EncodeToString(key)), []byte(want)) == 1
}
