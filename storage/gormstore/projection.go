package gormstore

import (
	"context"
	"errors"
	"strconv"

	"github.com/gormtrail/audit/storage/gormstore/internal/sqldb"
)

// A projection is a table that is derived from the entries: the values of facets, the
// search terms. It follows the feed behind a checkpoint, and no transaction of the
// application ever writes it, since two that record the same new value would wait for
// each other. Readers read the entries behind the checkpoint themselves, and apply them to
// the projection when they are many, so an answer covers everything that is committed,
// however old the projection is.
//
// Whoever writes a projection first counts up its checkpoint's version. That row's lock
// keeps writers apart, and what was read before another one wrote isn't written
// (optimistic locking). So a value whose last entry is purged can't be put back by a
// process that has read it before.

// The names of the projections' checkpoints.
const (
	facetsProjection = "gormstore/facets"
	termsProjection  = "gormstore/terms"
)

// checkpoint is how far a projection got.
type checkpoint struct {
	name     string
	version  int64
	position string // in the feed; "": the beginning
	entries  int    // how many had been appended by then, about: the checkpoint's state
	appended int    // how many have been by now, about
}

// behind is about how many entries the projection lacks.
func (c checkpoint) behind() int { return c.appended - c.entries }

// readCheckpoint reads a projection's checkpoint; false if there is none.
func (s *Store) readCheckpoint(ctx context.Context, name string) (c checkpoint, ok bool, err error) {
	rows, err := s.db.QueryContext(ctx, "SELECT version, position, state, "+s.dialect.appended()+" FROM "+s.quotedCheckpoints()+" WHERE name = '"+name+"'")
	if err != nil {
		return c, false, err
	}
	defer rows.Close()
	c.name = name
	var state string
	if ok = rows.Next(); ok {
		err = rows.Scan(&c.version, &c.position, &state, &c.appended)
		c.entries, _ = strconv.Atoi(state) // "" is 0
	}
	return c, ok, errors.Join(err, rows.Err())
}

// takeCheckpoint locks the checkpoint's row, unless another transaction has it, and counts
// its version up, unless another one has. moved also stores the position.
func (s *Store) takeCheckpoint(ctx context.Context, m sqldb.Conn, c checkpoint, moved bool) error {
	if skip := s.traits.SkipLocked; skip != "" {
		free, err := sqldb.Number(ctx, m, "SELECT 1 FROM "+s.quotedCheckpoints()+" WHERE name = '"+c.name+"'"+skip)
		if err != nil || free == 0 {
			return errors.Join(errOutrun, err)
		}
	}
	b := s.newBuilder()
	b.Add("UPDATE ", s.quotedCheckpoints(), " SET version = version + 1")
	if moved {
		b.WriteString(", position = ")
		b.Arg(c.position)
		b.WriteString(", state = ")
		b.Arg(strconv.Itoa(c.appended))
	}
	b.Add(" WHERE name = '", c.name, "' AND version = ")
	b.Arg(c.version)
	taken, err := changesRow(ctx, m, b)
	if err == nil && !taken {
		err = errOutrun
	}
	return err
}

// lockCheckpoint counts the version up, so that nothing is applied that was read before.
// It waits for another writer.
func (s *Store) lockCheckpoint(ctx context.Context, m sqldb.Execer, name string) error {
	return sqldb.ExecAll(ctx, m, "UPDATE "+s.quotedCheckpoints()+" SET version = version + 1 WHERE name = '"+name+"'")
}

// resetCheckpoint goes back to the feed's beginning.
func (s *Store) resetCheckpoint(ctx context.Context, m sqldb.Execer, name string) error {
	return sqldb.ExecAll(ctx, m, "UPDATE "+s.quotedCheckpoints()+" SET version = version + 1, position = '', state = '' WHERE name = '"+name+"'")
}

// startProjections adds the checkpoints that are missing. The facets' begins at the head of
// a trail without entries, and where an earlier version's projection stands.
func (s *Store) startProjections(ctx context.Context) error {
	if s.schema.Values {
		if err := s.startFacets(ctx); err != nil {
			return err
		}
	}
	if s.index == nil {
		return nil
	}
	_, err := s.insertCheckpoint(ctx, s.db, checkpointRow{name: termsProjection})
	return err
}

func (s *Store) startFacets(ctx context.Context) error {
	if _, there, err := s.readCheckpoint(ctx, facetsProjection); err != nil || there {
		return err
	}
	if older, err := has(ctx, s.db, s.schema.HasOlderFacets()); err != nil {
		return err
	} else if older {
		return sqldb.InTx(ctx, s.db, s.engine.RemoveOptions, func(m sqldb.Conn) error { return s.takeOverFacets(ctx, m) })
	}
	head, err := s.feed.head(ctx, s)
	if err != nil {
		return err
	}
	some, err := sqldb.Number(ctx, s.db, "SELECT count(*) FROM (SELECT 1 FROM "+s.quoted+" LIMIT 1) one")
	if err != nil {
		return err
	}
	if some > 0 {
		head = ""
	}
	_, err = s.insertCheckpoint(ctx, s.db, checkpointRow{name: facetsProjection, position: head})
	return err
}

// takeOverFacets copies the facets of an earlier version, whose checkpoint had a table of
// its own. Processes of that version go on with their own tables, since they wouldn't see
// the lock of this one.
func (s *Store) takeOverFacets(ctx context.Context, m sqldb.Conn) error {
	at := s.table.In(s.table.OlderFacetsAt(), s.traits.Quote)
	if err := sqldb.ExecAll(ctx, m, "UPDATE "+at+" SET version = version + 1"); err != nil { // the lock
		return err
	}
	copied := "INSERT INTO " + s.quotedFacets() + " (facet, value, tenant) SELECT c0, c1, c2 FROM (SELECT facet AS c0, value AS c1, tenant AS c2 FROM " + s.table.In(s.table.OlderFacets(), s.traits.Quote) + ") o WHERE 1=1"
	if err := sqldb.ExecAll(ctx, m, copied+s.traits.OrIgnore("facet")); err != nil {
		return err
	}
	made := "INSERT INTO " + s.quotedCheckpoints() + " (name, version, position, state, fence, holder, leased_until) SELECT '" + facetsProjection + "', 1, o.position, o.entries, 0, '', 0 FROM " + at + " o WHERE 1=1"
	return sqldb.ExecAll(ctx, m, made+s.traits.OrIgnore("name"))
}

// has asks one of the schema's questions whether there is a table.
func has(ctx context.Context, q sqldb.Queryer, question string) (bool, error) {
	n, err := sqldb.Number(ctx, q, question)
	return n > 0, err
}
