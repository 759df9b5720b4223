package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/glebarez/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/export"
	"github.com/gormtrail/audit/hooks"
	"github.com/gormtrail/audit/storage/gormstore"
)

// host is the application that the trail is embedded in.
type host struct {
	db    *gorm.DB
	store *gormstore.Store
	trail *audit.Trail
	clock *clock
	log   *slog.Logger
	jobs  *export.Jobs // files that are prepared in the background; nil until prepare
}

// openHost opens the host's database, and adds the trail to it.
func openHost(ctx context.Context, file string, log *slog.Logger) (*host, error) {
	h := &host{clock: &clock{}, log: log}
	// Writers wait for each other instead of failing, and take the lock at the
	// beginning of a transaction, so that none is refused in its middle.
	dsn := file + "?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=foreign_keys(1)&_txlock=immediate"
	db, err := gorm.Open(sqlite.Open(dsn), &gorm.Config{
		NowFunc: h.clock.Now, TranslateError: true, Logger: logger.Discard,
	})
	if err != nil {
		return nil, fmt.Errorf("opening the database %s: %w", file, err)
	}
	h.db = db
	if err := h.addTrail(ctx); err != nil {
		return nil, errors.Join(err, h.close(ctx))
	}
	err = db.WithContext(ctx).AutoMigrate(&Organization{}, &User{}, &APIKey{}, &SecurityGroup{}, &Project{})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("creating the tables: %w", err), h.close(ctx))
	}
	return h, nil
}

// addTrail keeps the entries in the host's own database, so that a change and
// its entry are committed together.
func (h *host) addTrail(ctx context.Context) error {
	store, err := gormstore.New(h.db, &gormstore.Options{Logger: h.log})
	if err != nil {
		return err
	}
	if err := store.Migrate(ctx); err != nil {
		return err
	}
	h.store = store
	h.trail, err = audit.New(store, &audit.Options{Now: h.clock.Now, Logger: h.log, Catalogue: labels()})
	if err != nil {
		return err
	}
	return h.db.Use(hooks.New(h.trail, nil))
}

// labels are how this host names its records to people.
func labels() *audit.Catalogue {
	return audit.NewCatalogue(nil, []audit.ObjectType{
		{Name: "organizations", Label: "Organization"},
		{Name: "users", Label: "User"},
		{Name: "api_key", Label: "API Key"},
		{Name: "security_groups", Label: "Security Group"},
		{Name: "security_group_members", Label: "Security Group Member"},
		{Name: "projects", Label: "Project"},
	})
}

// prepare lets the page prepare files in the background, in a folder that end removes.
// Use a folder of your own to keep the files after a restart.
func (h *host) prepare(ctx context.Context) (end func(context.Context) error, err error) {
	dir, err := os.MkdirTemp("", "quickstart-files-")
	if err != nil {
		return nil, err
	}
	folder, err := export.Folder(dir)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	h.jobs, err = export.NewJobs(ctx, h.trail, folder, &export.JobsOptions{Now: h.clock.Now, Logger: h.log})
	if err != nil {
		return nil, errors.Join(err, folder.Close(), os.RemoveAll(dir))
	}
	return func(ctx context.Context) error {
		return errors.Join(h.jobs.Close(ctx), folder.Close(), os.RemoveAll(dir))
	}, nil
}

// background keeps the filters' choices up to date until end is called.
func (h *host) background(ctx context.Context) (end func()) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = h.store.Run(ctx) // it logs its errors
	}()
	return func() {
		cancel()
		<-ended
	}
}

func (h *host) close(ctx context.Context) error {
	var err error
	if h.trail != nil {
		err = h.trail.Close(ctx)
	}
	db, dbErr := h.db.DB()
	if dbErr == nil {
		dbErr = db.Close()
	}
	return errors.Join(err, dbErr)
}
