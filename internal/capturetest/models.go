package capturetest

import (
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"
	"gorm.io/gorm/schema"
)

// models are all that are judged. Custom join models must have been set up
// (migrate) before they are parsed.
func models() []any {
	return append(estate(),
		&Person{}, &Doc{}, &Money{}, &Moment{}, &Permitted{}, &Branch{}, &Renamed{}, &Place{}, &LogLine{}, &Ticket{}, &Defaulted{},
		&Product{}, &SoftStd{}, &SoftFlag{}, &SoftUnix{}, &SoftMilli{}, &Versioned{}, &Hooked{}, &Note{}, &Typed{}, &Account{},
		&User{}, &Company{}, &Card{}, &Pet{}, &Toy{}, &Language{}, &Student{}, &Course{}, &Enrolment{}, &Node{},
	)
}

func (e *env) migrate(db *gorm.DB) error {
	schema.RegisterSerializer("upper", upper{})
	if err := db.SetupJoinTable(&Student{}, "Courses", &Enrolment{}); err != nil {
		return err
	}
	var plain, constrained []any
	for _, m := range e.models {
		if isEstate(m) {
			constrained = append(constrained, m)
		} else {
			plain = append(plain, m)
		}
	}
	c := config()
	c.DisableForeignKeyConstraintWhenMigrating = false
	with, err := gorm.Open(e.base.Dialector(), c)
	if err != nil {
		return err
	}
	return errors.Join(db.AutoMigrate(plain...), with.AutoMigrate(constrained...))
}

// Person is the everyday model: pointers, nullable types, bytes, times.
type Person struct {
	ID        uint
	Name      string `gorm:"size:100"`
	Age       *int
	Nick      *string `gorm:"size:100"`
	Active    bool
	Vip       *bool
	Score     float64
	Big       int64
	Tiny      int8
	Data      []byte
	Born      *time.Time `gorm:"precision:6"`
	CreatedAt time.Time
	UpdatedAt time.Time
}

// Doc holds structured values: every serializer, and a type with Scan and Value.
type Doc struct {
	ID       uint
	Title    string
	Settings map[string]any `gorm:"serializer:json"`
	Tags     []string       `gorm:"serializer:json"`
	State    map[string]int `gorm:"serializer:gob;type:bytes"`
	Seen     int64          `gorm:"serializer:unixtime;type:timestamp"`
	Shout    string         `gorm:"serializer:upper"`
	Extra    JSON
	Spot     Point
}

// Branch has embedded structs with and without a prefix, and behind a pointer.
type Branch struct {
	Identity
	Head  Address  `gorm:"embedded;embeddedPrefix:head_"`
	Post  *Address `gorm:"embedded;embeddedPrefix:post_"`
	Title string
}

type Identity struct {
	ID        uint
	CreatedAt time.Time
	UpdatedAt time.Time
}

type Address struct {
	Street string
	Zip    *string
}

// Permitted has fields that GORM may only read, create or update.
type Permitted struct {
	ID       uint
	Title    string
	OnlyRead string `gorm:"->;default:fixed;size:50"`
	OnlyNew  string `gorm:"<-:create"`
	OnlyUpd  string `gorm:"<-:update"`
	Ignored  string `gorm:"-"`
}

// Renamed has names that GORM wouldn't give, keywords and capitals among them.
type Renamed struct {
	Key   int64  `gorm:"primaryKey;column:Nr"`
	Title string `gorm:"column:order"`
	Other string `gorm:"column:weird col"`
}

func (Renamed) TableName() string { return "Group" }

// Place has a composite key, part of it text.
type Place struct {
	TenantID int64  `gorm:"primaryKey;autoIncrement:false"`
	Code     string `gorm:"primaryKey;size:50"`
	Title    string
	Visits   int
}

// LogLine has no primary key.
type LogLine struct {
	Source string
	Line   string
	Count  int
}

// Ticket has a key that the client gives.
type Ticket struct {
	ID     string `gorm:"primaryKey;size:36"`
	Title  string
	Status Status `gorm:"size:20"`
}

func (t *Ticket) BeforeCreate(*gorm.DB) error {
	if t.ID == "" {
		t.ID = uuid.NewString()
	}
	return nil
}

// Status is an enumeration.
type Status string

// Defaulted has values that the database gives.
type Defaulted struct {
	ID     uint
	Title  string
	Level  int       `gorm:"default:42"`
	Label  string    `gorm:"default:new;size:50"`
	Made   time.Time `gorm:"type:timestamp;default:CURRENT_TIMESTAMP"`
	Double int       `gorm:"->;type:int GENERATED ALWAYS AS (level * 2) STORED"`
}

// Product has a unique column beside its key, for upserts.
type Product struct {
	ID        uint
	Code      string `gorm:"size:50;uniqueIndex"`
	Title     string
	Price     int
	UpdatedAt time.Time
}

// Money has decimals as text, and an embedded wrapper of another type.
type Money struct {
	ID     uint
	Amount Decimal  `gorm:"type:decimal(20,4)"`
	Rate   *Decimal `gorm:"type:decimal(30,10)"`
}

// TableName implements schema.Tabler.
func (Money) TableName() string { return "moneys" }

// Moment has times of several precisions.
type Moment struct {
	ID     uint
	Second time.Time  `gorm:"precision:0"`
	Micro  time.Time  `gorm:"precision:6"`
	Day    time.Time  `gorm:"type:date"`
	Maybe  *time.Time `gorm:"precision:3"`
	Unix   int64      `gorm:"autoUpdateTime:milli"`
}

// Typed names its own object type, and has a field that is a secret.
type Typed struct {
	ID       uint
	Title    string
	Password string
}

// AuditType is the Object.Type of its entries.
func (Typed) AuditType() string { return "typedThing" }

func ptr[T any](v T) *T { return &v }

// at is a time on the n-th day of the tests.
func at(n int) time.Time {
	return time.Date(2026, 3, n, 10, 20, 30, 123456000, time.FixedZone("", 2*3600))
}

func title(n int) string { return fmt.Sprintf("title %d", n) }
