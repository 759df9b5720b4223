package gormstore_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/glebarez/sqlite"
	"gorm.io/gorm"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/gormstore"
)

func Example() {
	dir, err := os.MkdirTemp("", "audit")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	db, err := gorm.Open(sqlite.Open(filepath.Join(dir, "app.db")), &gorm.Config{})
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	// region open
	store, err := gormstore.New(db, nil) // nil: every default
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
	// endregion
	err = trail.Record(ctx, audit.Entry{
		Action: "login", Outcome: audit.Failure, Error: "wrong password",
		Tenant: "acme", Actor: audit.Actor{Type: "user", Email: "ana@example.com"},
	})
	if err != nil {
		log.Fatal(err)
	}
	page, err := trail.Query(ctx, audit.Query{Filter: audit.Filter{Outcomes: []audit.Outcome{audit.Failure}}})
	if err != nil {
		log.Fatal(err)
	}
	for _, e := range page.Entries {
		fmt.Println(e.Actor.User(), e.Action, e.Outcome, e.Error)
	}
	pool, _ := db.DB()
	pool.Close()
	// Output: ana@example.com login failure wrong password
}

// A job that keeps the keyword index near, for a host in which people search seldom.
// Run keeps the projections up to date for as long as the process lives.
func ExampleStore_Run() {
	db, err := gorm.Open(sqlite.Open("file:run?mode=memory"), &gorm.Config{})
	if err != nil {
		log.Fatal(err)
	}
	pool, err := db.DB()
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Close()
	pool.SetMaxOpenConns(1) // the memory is a connection's
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	store, err := gormstore.New(db, nil)
	if err != nil {
		log.Fatal(err)
	}
	if err := store.Migrate(ctx); err != nil {
		log.Fatal(err)
	}
	// region run
	go func() {
		if err := store.Run(ctx); err != nil { // the tables are missing, or can't be read
			log.Print(err)
		}
	}()
	// endregion
	facets, err := store.Facets(ctx, audit.Filter{})
	fmt.Println(len(facets.Actions), err)
	// Output: 0 <nil>
}

func ExampleStore_Refresh() {
	dir, err := os.MkdirTemp("", "audit")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	db, err := gorm.Open(sqlite.Open(filepath.Join(dir, "app.db")), &gorm.Config{})
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	// region refresh
	store, err := gormstore.New(db, &gormstore.Options{KeywordIndex: true})
	if err != nil {
		log.Fatal(err)
	}
	if err := store.Migrate(ctx); err != nil {
		log.Fatal(err)
	}
	everyHour := func() {
		if err := store.Refresh(ctx); err != nil {
			log.Print(err) // nothing is lost: the next one goes on
		}
	}
	// endregion
	err = store.Append(ctx, audit.Entry{
		ID: "01950000-0000-7000-8000-000000000001", Time: time.Now(), Action: "update",
		Actor: audit.Actor{Email: "ana@example.com"}, Object: audit.Object{Type: "projects", ID: "7", Name: "Apollo"},
	})
	if err != nil {
		log.Fatal(err)
	}
	everyHour()
	page, err := store.Query(ctx, audit.Query{Filter: audit.Filter{Keyword: "apol"}})
	if err != nil {
		log.Fatal(err)
	}
	for _, e := range page.Entries {
		fmt.Println(e.Actor.User(), e.Action, e.Object.Name)
	}
	pool, _ := db.DB()
	pool.Close()
	// Output: ana@example.com update Apollo
}

// A trail in a schema of its own: here an attached file, on PostgreSQL a schema, on
// MySQL and MariaDB a database.
func ExampleOptions_schema() {
	dir, err := os.MkdirTemp("", "audit")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	db, err := gorm.Open(sqlite.Open(filepath.Join(dir, "app.db")), &gorm.Config{})
	if err != nil {
		log.Fatal(err)
	}
	pool, err := db.DB()
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Close()
	pool.SetMaxOpenConns(1) // a file is attached to a connection
	if err := db.Exec("ATTACH ? AS trail", filepath.Join(dir, "trail.db")).Error; err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	// region schema
	store, err := gormstore.New(db, &gormstore.Options{Schema: "trail"}) // where the trail's tables are
	// endregion
	if err != nil {
		log.Fatal(err)
	}
	if err := store.Migrate(ctx); err != nil {
		log.Fatal(err)
	}
	err = store.Append(ctx, audit.Entry{ID: "01950000-0000-7000-8000-000000000001", Time: time.Now(), Action: "login"})
	if err != nil {
		log.Fatal(err)
	}
	var entries int
	if err := db.Raw("SELECT count(*) FROM trail.audit_entries").Scan(&entries).Error; err != nil {
		log.Fatal(err)
	}
	fmt.Println(store.Tables()[0], entries)
	// Output: trail.audit_entries 1
}
