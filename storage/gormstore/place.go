package gormstore

import (
	"context"
	"database/sql"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqldb"
)

// known is what a store has learned of its database.
type known struct {
	// migrated is set once the tables are known to be of this version, so that
	// the question costs one statement in a store's life.
	migrated atomic.Bool
	// placed is the store with the schema of its tables in every name. What a name
	// without a schema means is a connection's own business, and may change there
	// between two statements (SET search_path, USE).
	placed atomic.Pointer[Store]
	fixed  bool // the options name the schema
	// identity is the store's own database; nil: not asked yet.
	identity atomic.Pointer[string]
	pools    verdicts
	// packet is what the server takes in a statement, in bytes; 0: not known, or any.
	packet atomic.Int64
	// unfolded counts what this process has appended since Run last looked, and woken
	// wakes it.
	unfolded atomic.Int64
	woken    chan struct{}
}

// forget: the tables are gone, or have moved.
func (k *known) forget() {
	k.migrated.Store(false)
	if !k.fixed {
		k.placed.Store(nil)
	}
}

// ready returns the store with the schema of its tables, and checks that they are
// migrated. q is a connection that may be asked.
func (s *Store) ready(ctx context.Context, q sqldb.Queryer) (*Store, error) {
	if placed := s.known.placed.Load(); placed != nil {
		return placed, placed.checkMigrated(ctx, q)
	}
	placed, err := s.find(ctx, q)
	if err != nil {
		return nil, err
	}
	if err := placed.checkMigrated(ctx, q); err != nil {
		return nil, err
	}
	s.known.placed.Store(placed)
	return placed, nil
}

// readyIn is ready for what may only be able to run statements. Then nothing is
// checked, and where the tables are is asked of the store's own pool alone.
func (s *Store) readyIn(ctx context.Context, tx sqldb.Execer) (*Store, error) {
	if q, ok := tx.(sqldb.Queryer); ok {
		return s.ready(ctx, q)
	}
	if placed := s.known.placed.Load(); placed != nil {
		return placed, nil
	}
	schema, err := s.findByOwn(ctx, nil)
	if err != nil || schema == "" {
		return s, err
	}
	return s.in(schema)
}

// find looks for the tables: by the store's own connections, and where those
// don't see them by q, which is the host's and may have a path of its own.
func (s *Store) find(ctx context.Context, q sqldb.Queryer) (*Store, error) {
	schema, err := s.findByOwn(ctx, q)
	if err == nil && schema == "" {
		schema, err = s.schema.Locate(ctx, q)
	}
	if err != nil {
		return nil, s.translate(ctx, err)
	}
	if schema == "" {
		return nil, s.notFound(ctx, q)
	}
	return s.in(schema)
}

// ownPatience is how long the store's own pool may take to answer while the host's
// transaction waits.
const ownPatience = 2 * time.Second

// findByOwn answers "" where q is the store's own pool, or that pool has no
// connection to spare: q may be a transaction on its only one.
func (s *Store) findByOwn(ctx context.Context, q sqldb.Queryer) (string, error) {
	if q == sqldb.Queryer(s.db) || !spare(s.db) {
		return "", nil
	}
	own, cancel := context.WithTimeout(ctx, ownPatience)
	defer cancel()
	schema, err := s.schema.Locate(own, s.db)
	if err != nil {
		return "", ctx.Err() // q may be able to tell
	}
	return schema, nil
}

// spare reports whether a pool can give a connection without waiting for one.
func spare(db *sql.DB) bool {
	stats := db.Stats()
	return stats.MaxOpenConnections == 0 || stats.InUse < stats.MaxOpenConnections
}

// place is where the tables are or are to be made.
func (s *Store) place(ctx context.Context, m sqldb.Conn) (*Store, error) {
	if placed := s.known.placed.Load(); placed != nil {
		there, err := placed.version(ctx, m)
		if err != nil || there > 0 || s.known.fixed {
			return placed, err
		}
	}
	schema, err := s.schema.Locate(ctx, m)
	if err == nil && schema == "" {
		schema, err = s.schema.FirstSchema(ctx, m)
	}
	if err != nil {
		return nil, err
	}
	if schema == "" {
		return nil, fmt.Errorf("the connection has no schema to make tables in; Options.Schema names one")
	}
	return s.in(schema)
}

// in is the store with its tables in a schema.
func (s *Store) in(schema string) (*Store, error) {
	placed := *s
	t := s.table
	t.Schema = schema
	return &placed, placed.name(t)
}

func (s *Store) notFound(ctx context.Context, q sqldb.Queryer) error {
	there, err := s.schema.Elsewhere(ctx, q)
	if err != nil {
		return s.translate(ctx, err)
	}
	if there != "" {
		there = "; " + there
	}
	return fmt.Errorf("%w: the database has no table %s where the connection looks for it%s", audit.ErrNotMigrated, s.table.Name(), there)
}
