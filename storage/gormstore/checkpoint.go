package gormstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/gormtrail/audit/storage"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqldb"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqlgen"
)

var _ storage.Checkpointer = (*Store)(nil)

// A checkpoint is one row of a table of its own, advanced by comparing and setting its
// version in one UPDATE. That row's lock, and nothing else, keeps followers apart.

func (s *Store) quotedCheckpoints() string {
	return s.table.In(s.table.Checkpoints(), s.traits.Quote)
}

// clocks are expressions of the database's time in microseconds since 1970, in no time
// zone, as it is when the statement runs and not when its transaction began.
var clocks = map[string]string{
	"sqlite":   "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) * 1000",
	"postgres": "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint",
	"mysql":    "TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6))",
}

// Checkpoint implements storage.Checkpointer.
func (s *Store) Checkpoint(ctx context.Context, name string) (storage.Checkpoint, error) {
	c := storage.Checkpoint{Name: name}
	if err := storage.CheckName(name); err != nil {
		return c, err
	}
	s, err := s.ready(ctx, s.db)
	if err != nil {
		return c, err
	}
	b := s.newBuilder()
	b.Add("SELECT version, position, state FROM ", s.quotedCheckpoints(), " WHERE name = ")
	b.Arg(name)
	rows, err := s.db.QueryContext(ctx, b.String(), b.Args...)
	if err != nil {
		return c, s.translate(ctx, err)
	}
	defer rows.Close()
	if rows.Next() {
		err = rows.Scan(&c.Version, &c.Position, &c.State)
	}
	return c, s.translate(ctx, errors.Join(err, rows.Err()))
}

// Advance implements storage.Checkpointer.
func (s *Store) Advance(ctx context.Context, from, to storage.Checkpoint) error {
	if err := storage.CheckAdvance(from, to); err != nil {
		return err
	}
	s, err := s.ready(ctx, s.db)
	if err != nil {
		return err
	}
	return s.translate(ctx, s.retried(ctx, func() error { return s.advance(ctx, s.db, from, to) }))
}

// retried runs fn again while another writer is in its way.
func (s *Store) retried(ctx context.Context, fn func() error) error {
	for try := 1; ; try++ {
		err := fn()
		if err == nil || try == foldTries || !s.outrun(err) {
			return err
		}
		if err := sqldb.Pause(ctx, min(4*try, 40)); err != nil {
			return err
		}
	}
}

// advance is Advance through m, which may be a transaction of what is to be stored
// together with the checkpoint.
func (s *Store) advance(ctx context.Context, m sqldb.Execer, from, to storage.Checkpoint) error {
	b := s.newBuilder()
	b.Add("UPDATE ", s.quotedCheckpoints(), " SET version = version + 1, position = ")
	b.Arg(to.Position)
	b.WriteString(", state = ")
	b.Arg(to.State)
	b.WriteString(" WHERE name = ")
	b.Arg(from.Name)
	b.WriteString(" AND version = ")
	b.Arg(from.Version)
	if b.WriteString(" AND leased_until "); from.Fence == 0 {
		b.Add("<= ", clocks[s.database])
	} else {
		b.Add("> ", clocks[s.database], " AND fence = ")
		b.Arg(from.Fence)
	}
	advanced, err := changesRow(ctx, m, b)
	if err != nil || advanced {
		return err
	}
	if from.Version > 0 || from.Fence > 0 {
		return storage.ErrStale
	}
	made, err := s.insertCheckpoint(ctx, m, checkpointRow{name: from.Name, version: 1, position: to.Position, state: to.State})
	if err == nil && !made {
		err = storage.ErrStale
	}
	return err
}

// Lease implements storage.Checkpointer.
func (s *Store) Lease(ctx context.Context, name, holder string, ttl time.Duration) (fence int64, err error) {
	if err := storage.CheckLease(name, holder, ttl); err != nil {
		return 0, err
	}
	s, err = s.ready(ctx, s.db)
	if err != nil {
		return 0, err
	}
	err = s.retried(ctx, func() error {
		return sqldb.InTx(ctx, s.db, &sql.TxOptions{Isolation: leaseIsolation[s.database]}, func(m sqldb.Conn) error {
			fence, err = s.lease(ctx, m, name, holder, ttl)
			return err
		})
	})
	if err != nil {
		return 0, s.translate(ctx, err)
	}
	return fence, nil
}

// leaseIsolation: the transaction sees what others committed while it waited for the row.
var leaseIsolation = map[string]sql.IsolationLevel{"postgres": sql.LevelReadCommitted, "mysql": sql.LevelReadCommitted}

func (s *Store) lease(ctx context.Context, m sqldb.Conn, name, holder string, ttl time.Duration) (int64, error) {
	taken, err := s.updateLease(ctx, m, name, holder, ttl)
	if err != nil {
		return 0, err
	}
	row, found, err := s.leaseOf(ctx, m, name)
	switch {
	case err != nil:
		return 0, err
	case ttl == 0:
		return 0, nil
	case taken:
		return row.fence, nil
	case found:
		return 0, fmt.Errorf("%w, %s, for another %v", storage.ErrLeased, row.holder, time.Duration(row.remaining)*time.Microsecond)
	}
	made, err := s.insertCheckpoint(ctx, m, checkpointRow{name: name, fence: 1, holder: holder, lease: ttl.Microseconds()})
	if err == nil && !made {
		err = errOutrun // another process has inserted it since
	}
	return 1, err
}

// updateLease reports whether the row is there and the holder has its lease now.
func (s *Store) updateLease(ctx context.Context, m sqldb.Conn, name, holder string, ttl time.Duration) (bool, error) {
	now := clocks[s.database]
	b := s.newBuilder()
	b.Add("UPDATE ", s.quotedCheckpoints(), " SET ")
	if ttl > 0 { // the fence comes first: MariaDB assigns from left to right
		b.Add("fence = fence + CASE WHEN leased_until > ", now, " THEN 0 ELSE 1 END, ")
	}
	b.WriteString("holder = ")
	b.Arg(holder)
	b.Add(", leased_until = ", now, " + ")
	b.Arg(ttl.Microseconds())
	b.WriteString(" WHERE name = ")
	b.Arg(name)
	b.WriteString(" AND (holder = ")
	b.Arg(holder)
	b.Add(" OR leased_until <= ", now, ")")
	return changesRow(ctx, m, b)
}

// leaseRow is what a checkpoint's row tells of its lease.
type leaseRow struct {
	fence     int64
	holder    string
	remaining int64 // µs
}

func (s *Store) leaseOf(ctx context.Context, m sqldb.Conn, name string) (l leaseRow, found bool, err error) {
	b := s.newBuilder()
	b.Add("SELECT fence, holder, leased_until - ", clocks[s.database], " FROM ", s.quotedCheckpoints(), " WHERE name = ")
	b.Arg(name)
	rows, err := m.QueryContext(ctx, b.String(), b.Args...)
	if err != nil {
		return l, false, err
	}
	defer rows.Close()
	if found = rows.Next(); found {
		err = rows.Scan(&l.fence, &l.holder, &l.remaining)
	}
	return l, found, errors.Join(err, rows.Err())
}

// checkpointRow is a row to be inserted; lease is what its lease lasts from now, in µs.
type checkpointRow struct {
	name            string
	version         int64
	position, state string
	fence           int64
	holder          string
	lease           int64
}

// insertCheckpoint reports whether it inserted the row; false: there is one.
func (s *Store) insertCheckpoint(ctx context.Context, m sqldb.Execer, r checkpointRow) (bool, error) {
	b := s.newBuilder()
	b.Add("INSERT INTO ", s.quotedCheckpoints(), " (name, version, position, state, fence, holder, leased_until) VALUES (")
	for _, v := range []any{r.name, r.version, r.position, r.state, r.fence, r.holder} {
		b.Arg(v)
		b.WriteString(", ")
	}
	if r.lease == 0 {
		b.WriteString("0")
	} else {
		b.Add(clocks[s.database], " + ")
		b.Arg(r.lease)
	}
	b.Add(")", s.traits.OrIgnore("name"))
	return changesRow(ctx, m, b)
}

// changesRow runs a statement and reports whether it changed a row.
func changesRow(ctx context.Context, m sqldb.Execer, b *sqlgen.Builder) (bool, error) {
	result, err := m.ExecContext(ctx, b.String(), b.Args...)
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n > 0, err
}
