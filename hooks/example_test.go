package hooks_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/glebarez/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/history"
	"github.com/gormtrail/audit/hooks"
	"github.com/gormtrail/audit/storage/gormstore"
)

func Example() {
	type Customer struct {
		ID       uint
		Name     string `audit:"name"`
		Plan     string
		Password string
	}
	ctx := context.Background()
	db, err := gorm.Open(sqlite.Open(":memory:"), &gorm.Config{})
	if err != nil {
		log.Fatal(err)
	}
	sqlDB, err := db.DB()
	if err != nil {
		log.Fatal(err)
	}
	sqlDB.SetMaxOpenConns(1) // each connection to :memory: is a database of its own
	if err := db.AutoMigrate(&Customer{}); err != nil {
		log.Fatal(err)
	}

	store, err := gormstore.New(db, nil)
	if err != nil {
		log.Fatal(err)
	}
	if err := store.Migrate(ctx); err != nil {
		log.Fatal(err)
	}
	trail, err := audit.New(store, nil)
	if err != nil {
		log.Fatal(err)
	}
	if err := db.Use(hooks.New(trail, nil)); err != nil {
		log.Fatal(err)
	}

	ctx = audit.WithActor(ctx, audit.Actor{Type: "user", ID: "7", Email: "alice@example.com"})
	tx := db.WithContext(ctx)
	tx.Create(&[]Customer{{Name: "Acme", Plan: "team", Password: "s3cret"}, {Name: "Globex", Plan: "team"}})
	tx.Model(&Customer{}).Where("plan = ?", "team").Update("plan", "enterprise") // every row has its entry
	tx.Model(&Customer{ID: 1}).Update("password", "n3w")
	tx.Delete(&Customer{}, 2)

	for e, err := range trail.All(ctx, audit.Query{Sort: audit.SortTime}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(e.Actor.User(), e.Action, e.Object.Type, e.Object.ID, e.Object.Name)
		for _, c := range e.Changes {
			if e.Action == audit.ActionUpdate {
				fmt.Printf("  %s: %v → %v\n", c.Field, c.Old, c.New)
			}
		}
	}
	// Output:
	// alice@example.com create customers 1 Acme
	// alice@example.com create customers 2 Globex
	// alice@example.com update customers 1 Acme
	//   plan: team → enterprise
	// alice@example.com update customers 2 Globex
	//   plan: team → enterprise
	// alice@example.com update customers 1 Acme
	//   password: [masked] → [masked]
	// alice@example.com destroy customers 2 Globex
}

func ExampleRecord() {
	db, trail := exampleHost()
	err := db.Transaction(func(tx *gorm.DB) error {
		if err := tx.Create(&item{Name: "bolt"}).Error; err != nil {
			return err
		}
		// On the trail if, and only if, the bolt is in the database.
		return hooks.Record(tx, audit.Entry{Action: "approve", Object: audit.Object{Type: "orders", ID: "17"}})
	})
	if err != nil {
		log.Fatal(err)
	}
	for e := range trail.All(context.Background(), audit.Query{Sort: audit.SortTime}) {
		fmt.Println(e.Action, e.Object.Type, e.Object.ID)
	}
	// Output:
	// create items 1
	// approve orders 17
}

// Whatever a condition finds, what changed is on the log: here one row at random,
// with a comment for whoever reads the database's own log.
func ExampleNew_anyCondition() {
	db, trail := exampleHost()
	if err := db.Create([]*item{{Name: "bolt"}, {Name: "nut"}, {Name: "washer"}}).Error; err != nil {
		log.Fatal(err)
	}
	pick := db.Model(&item{}).Select("id").Order("random()").Limit(1)
	if err := db.Where("id = (?) -- sampled", pick).Delete(&item{}).Error; err != nil {
		log.Fatal(err)
	}
	page, err := trail.Query(context.Background(), audit.Query{Filter: audit.Filter{Actions: []string{audit.ActionDestroy}}})
	if err != nil {
		log.Fatal(err)
	}
	var left int64
	db.Model(&item{}).Count(&left)
	fmt.Println(len(page.Entries), "destroyed,", left, "left")
	// Output: 1 destroyed, 2 left
}

// The log's own tables can't be written through the audited handle.
func ExampleTrailWriteError() {
	db, _ := exampleHost()
	db.Logger = logger.Discard
	err := db.Exec("DELETE FROM audit_entries").Error
	var refused *hooks.TrailWriteError
	fmt.Println(errors.As(err, &refused), err)
	// Output: true hooks: DELETE of the audit log's own table "audit_entries" is refused (hooks.Options.TrailWrites allows it)
}

// The history of a record whose primary key is a secret.
func ExampleObjectID() {
	type Session struct {
		Token string `gorm:"primaryKey"` // a secret, by its name
		Agent string
	}
	db, trail := exampleHost()
	if err := db.AutoMigrate(&Session{}); err != nil {
		log.Fatal(err)
	}
	session := Session{Token: "a8Xk2", Agent: "phone"}
	if err := db.Create(&session).Error; err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	// region objectid
	id, err := hooks.ObjectID(db, &session)
	if err != nil {
		log.Fatal(err)
	}
	entries := history.Of(ctx, trail, audit.Object{Type: "sessions", ID: id})
	// endregion
	for e, err := range entries {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(e.Action, e.Object.ID == id, len(id), e.Changes[0].Field, e.Changes[0].New)
	}
	// Output: create true 37 token [masked]
}

func exampleHost() (*gorm.DB, *audit.Trail) {
	db, err := gorm.Open(sqlite.Open(":memory:"), &gorm.Config{})
	if err != nil {
		log.Fatal(err)
	}
	sqlDB, err := db.DB()
	if err != nil {
		log.Fatal(err)
	}
	sqlDB.SetMaxOpenConns(1)
	store, err := gormstore.New(db, nil)
	if err != nil {
		log.Fatal(err)
	}
	if err := store.Migrate(context.Background()); err != nil {
		log.Fatal(err)
	}
	trail, err := audit.New(store, nil)
	if err != nil {
		log.Fatal(err)
	}
	if err := db.AutoMigrate(&item{}); err != nil {
		log.Fatal(err)
	}
	if err := db.Use(hooks.New(trail, nil)); err != nil {
		log.Fatal(err)
	}
	return db, trail
}
