package gormstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/gormstore/internal/schema"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqldb"
)

// Migrate creates the store's tables, or brings those of an earlier version up
// to this one. It is safe to run at every start and by several processes at
// once: one migrates, the others wait for it. Nothing is ever dropped, and no
// entry is changed; columns derived from entries may be. The tables are made in Options.Schema, whose default says where
// they are looked for.
//
// A database that a later version of the library has migrated is left alone:
// the error unwraps to audit.ErrNotMigrated.
func (s *Store) Migrate(ctx context.Context) error {
	placed, err := s.migrateTables(ctx)
	if err == nil {
		err = placed.tables.Settle(ctx, s.db)
	}
	if err == nil {
		err = placed.startProjections(ctx)
	}
	if err == nil {
		err = placed.buildTexts(ctx)
	}
	if err != nil {
		return fmt.Errorf("gormstore: migrating %s: %w", s.table.Name(), err)
	}
	s.known.placed.Store(placed)
	s.known.migrated.Store(true)
	_ = placed.learnIdentity(ctx) // it is asked again when it is needed
	_ = placed.learnPacket(ctx, s.db)
	return nil
}

// migrateTables returns the store with the schema in which the tables are now.
func (s *Store) migrateTables(ctx context.Context) (placed *Store, err error) {
	before := cmp.Or(s.known.placed.Load(), s) // whose lock has the database's name
	err = before.schema.Lock(ctx, s.db, func(m sqldb.Conn) (err error) {
		if placed, err = s.place(ctx, m); err != nil {
			return err
		}
		if err := sqldb.ExecAll(ctx, m, placed.schema.CreateVersions()); err != nil {
			return err
		}
		return placed.migrate(ctx, m)
	})
	return placed, err
}

func (s *Store) migrate(ctx context.Context, m sqldb.Conn) error {
	have, err := s.version(ctx, m)
	if err != nil {
		return err
	}
	versions := s.schema.Versions()
	if have > len(versions) {
		return newerError(have, len(versions))
	}
	for i := have; i < len(versions); i++ {
		for _, statement := range versions[i] {
			if _, err := m.ExecContext(ctx, statement); err != nil && !s.engine.AlreadyDone(err) {
				return fmt.Errorf("version %d: %w", i+1, err)
			}
		}
		if i+1 == schema.UsersVersion {
			if err := s.deriveUsers(ctx, m); err != nil {
				return fmt.Errorf("version %d: %w", i+1, err)
			}
		}
		if err := s.setVersion(ctx, m, i+1); err != nil {
			return fmt.Errorf("version %d: %w", i+1, err)
		}
	}
	for _, f := range s.schema.Features {
		if err := s.addFeature(ctx, m, f); err != nil {
			return fmt.Errorf("option %s: %w", f.Option, err)
		}
	}
	if err := s.makeKey(ctx, m); err != nil {
		return err
	}
	if err := sqldb.ExecAll(ctx, m, s.schema.CreateCheckpoints()); err != nil {
		return err
	}
	if err := s.createTruncations(ctx, m); err != nil {
		return err
	}
	return s.repair(ctx, m)
}

// repair repairs what a restored database needs; places in the feed that were kept
// before are none of this server's then.
func (s *Store) repair(ctx context.Context, m sqldb.Conn) error {
	statement := s.schema.Repair()
	if statement == "" {
		return nil
	}
	result, err := m.ExecContext(ctx, statement)
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return err
	}
	if err := s.discardFacets(ctx, m); err != nil {
		return err
	}
	return s.resetCheckpoint(ctx, m, termsProjection)
}

// version reads the version of the tables, and learns which partitions they have.
func (s *Store) version(ctx context.Context, q sqldb.Queryer) (int, error) {
	n, err := s.schema.Version(ctx, q)
	if err == nil && n > 0 {
		err = s.tables.Learn(ctx, q)
	}
	return n, err
}

func (s *Store) setVersion(ctx context.Context, m sqldb.Conn, version int) error {
	b := s.newBuilder()
	b.Add("INSERT INTO ", s.table.QuotedVersions(s.traits.Quote), " (version, applied_at) VALUES (")
	b.Arg(version)
	b.Add(", ")
	b.Arg(time.Now().UTC().Format(time.RFC3339))
	b.Add(")")
	_, err := m.ExecContext(ctx, b.String(), b.Args...)
	return err
}

// checkMigrated asks once in a store's life.
func (s *Store) checkMigrated(ctx context.Context, q sqldb.Queryer) error {
	if s.known.migrated.Load() {
		return nil
	}
	have, err := s.version(ctx, q)
	if err != nil {
		return s.translate(ctx, err)
	}
	switch want := len(s.schema.Versions()); {
	case have > want:
		return newerError(have, want)
	case have == 0:
		return fmt.Errorf("%w: the database has no table %s", audit.ErrNotMigrated, s.table.Name())
	case have < want:
		return fmt.Errorf("%w: the tables are of version %d, this library needs %d", audit.ErrNotMigrated, have, want)
	}
	for _, f := range s.schema.Features {
		there, err := sqldb.Number(ctx, q, f.There)
		if err != nil {
			return s.translate(ctx, err)
		}
		if there == 0 {
			return fmt.Errorf("%w: table %s lacks what option %s adds; Migrate must run with it", audit.ErrNotMigrated, s.table.Name(), f.Option)
		}
	}
	if err := s.learnPacket(ctx, q); err != nil {
		return s.translate(ctx, err)
	}
	s.known.migrated.Store(true)
	return nil
}

func newerError(have, want int) error {
	return fmt.Errorf("%w: the tables are of version %d, of a newer library than this one, which knows %d; update the library", audit.ErrNotMigrated, have, want)
}

// translate tells a missing table by audit.ErrNotMigrated and a statement that
// the context has ended by the context's error, each with the driver's own error
// behind it.
func (s *Store) translate(ctx context.Context, err error) error {
	if err == nil || errors.Is(err, audit.ErrNotMigrated) {
		return err
	}
	if s.engine.IsMissing(err) {
		s.known.forget()
		return fmt.Errorf("%w: %w", audit.ErrNotMigrated, err)
	}
	if ended := ctx.Err(); ended != nil && !errors.Is(err, ended) {
		return fmt.Errorf("%w: %w", ended, err)
	}
	return err
}
