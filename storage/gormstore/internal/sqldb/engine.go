package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Engine is how one database runs transactions, and how it says why one has failed.
type Engine struct {
	// SnapshotOptions are of a transaction whose statements all see the same.
	SnapshotOptions *sql.TxOptions
	// RemoveOptions are of a transaction that removes entries: whatever the default,
	// PostgreSQL's later statements see earlier commits. Elsewhere it is the default; what
	// MySQL reads after a removal comes from the snapshot of what was to be removed, and
	// locks nothing.
	RemoveOptions *sql.TxOptions
	// InNoWaitTx runs fn in a transaction that writes, and that fails where it would have
	// to wait for another one (with traits.skipLocked).
	InNoWaitTx func(ctx context.Context, db *sql.DB, fn func(Conn) error) error
	// InSkipScanTx runs fn in what a statement of many small steps needs, which may only
	// read. skipScanSettings is a statement that does the same to a transaction; "": none.
	InSkipScanTx     func(ctx context.Context, db *sql.DB, fn func(Queryer) error) error
	SkipScanSettings string

	IsDuplicate func(error) bool // an ID exists
	// IsDeadlock: a transaction was ended because of another one, so that it is right to
	// run it again.
	IsDeadlock func(error) bool
	// AlreadyDone: what a migration makes exists. Only where DDL isn't part of a
	// transaction.
	AlreadyDone func(error) bool
	IsMissing   func(error) bool // a table or a column
}

func never(error) bool { return false }

// SQLite is the engine of SQLite.
var SQLite = Engine{
	SnapshotOptions: &sql.TxOptions{ReadOnly: true},
	InNoWaitTx:      sqliteNoWait,
	InSkipScanTx:    onPool,
	IsDuplicate:     said("UNIQUE constraint failed"),
	IsDeadlock:      never, // it has one writer, and the driver waits for it
	AlreadyDone:     never,
	IsMissing:       said("no such table: ", "no such column: ", "has no column named"),
}

// Postgres is the engine of PostgreSQL.
var Postgres = Engine{
	SnapshotOptions: &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true},
	RemoveOptions:   readCommitted,
	InNoWaitTx: func(ctx context.Context, db *sql.DB, fn func(Conn) error) error {
		return InTx(ctx, db, readCommitted, fn)
	},
	InSkipScanTx: func(ctx context.Context, db *sql.DB, fn func(Queryer) error) error {
		return ReadTx(ctx, db, &sql.TxOptions{ReadOnly: true}, func(m Conn) error {
			if _, err := m.ExecContext(ctx, postgresSkipScan); err != nil {
				return err
			}
			return fn(m)
		})
	},
	SkipScanSettings: postgresSkipScan,
	IsDuplicate:      state("23505"),          // unique_violation
	IsDeadlock:       state("40P01", "40001"), // deadlock_detected, serialization_failure
	AlreadyDone:      never,
	IsMissing:        state("42P01", "42703", "3F000"), // undefined_table, undefined_column, invalid_schema_name
}

var readCommitted = &sql.TxOptions{Isolation: sql.LevelReadCommitted}

// postgresSkipScan: the planner expects millions of rows of nested recursion, and would
// compile the statement to machine code for longer than it runs; and for a first
// value it would read the table from its beginning, in the hope that it comes
// soon, which for a rare tenant it doesn't.
const postgresSkipScan = "SELECT set_config('jit', 'off', true), set_config('enable_seqscan', 'off', true)"

// MySQL is the engine of MySQL and MariaDB.
var MySQL = Engine{
	SnapshotOptions: &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true},
	InNoWaitTx: func(ctx context.Context, db *sql.DB, fn func(Conn) error) error {
		return InTx(ctx, db, nil, fn)
	},
	InSkipScanTx: onPool,
	IsDuplicate:  said("Error 1062"),
	IsDeadlock:   said("Error 1213"),
	AlreadyDone:  said("Error 1061", "Error 1060"), // an index of that name exists, a column does
	IsMissing:    said("Error 1146", "Error 1054"), // no such table, no such column
}

// EngineOf returns the engine of a database by its name.
func EngineOf(database string) *Engine {
	switch database {
	case "sqlite":
		return &SQLite
	case "postgres":
		return &Postgres
	}
	return &MySQL
}

func onPool(_ context.Context, db *sql.DB, fn func(Queryer) error) error { return fn(db) }

// said reports whether an error's text contains one of these.
func said(texts ...string) func(error) bool {
	return func(err error) bool {
		return slices.ContainsFunc(texts, func(s string) bool { return strings.Contains(err.Error(), s) })
	}
}

// state reports whether PostgreSQL's error has one of these codes.
func state(codes ...string) func(error) bool {
	return func(err error) bool { return HasState(err, codes...) }
}

// HasState reports whether PostgreSQL's error has one of these codes. pgx and lib/pq both
// have this method.
func HasState(err error, states ...string) bool {
	var coded interface{ SQLState() string }
	return errors.As(err, &coded) && slices.Contains(states, coded.SQLState())
}

// IsBusy knows SQLITE_BUSY and SQLITE_LOCKED by their texts, which every driver
// passes on.
func IsBusy(err error) bool {
	return strings.Contains(err.Error(), "database is locked") || strings.Contains(err.Error(), "database table is locked")
}

// finish commits, or rolls back what has ended with an error.
func finish(ctx context.Context, conn *sql.Conn, err error) error {
	end := "COMMIT"
	if err != nil {
		end = "ROLLBACK"
	}
	// Not ctx: a connection must not go back to the pool inside a transaction.
	_, endErr := conn.ExecContext(context.WithoutCancel(ctx), end)
	if err == nil && endErr != nil {
		err = endErr
		_, _ = conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
	}
	return err
}

// sqliteNoWait sets the connection's patience aside, which may be long.
func sqliteNoWait(ctx context.Context, db *sql.DB, fn func(Conn) error) (err error) {
	one, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer one.Close()
	patience, err := Number(ctx, one, "PRAGMA busy_timeout")
	if err != nil {
		return err
	}
	set := func(ctx context.Context, millis int) error {
		_, err := Number(ctx, one, "PRAGMA busy_timeout = "+strconv.Itoa(millis))
		return err
	}
	// Not ctx: a connection must not go back to the pool other than it came.
	defer func() { err = errors.Join(err, set(context.WithoutCancel(ctx), patience)) }()
	if err := set(ctx, 0); err != nil {
		return err
	}
	if _, err := one.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	return finish(ctx, one, fn(one))
}

// WriteSQLite runs fn in a transaction that holds the write lock from its beginning (BEGIN
// IMMEDIATE).
func WriteSQLite(ctx context.Context, db *sql.DB, fn func(Conn) error) error {
	one, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer one.Close()
	if err := begin(ctx, one); err != nil {
		return err
	}
	return finish(ctx, one, fn(one))
}

// begin waits for another writer as long as ctx lets it: the connection's
// busy_timeout may be none.
func begin(ctx context.Context, conn *sql.Conn) error {
	for wait := time.Millisecond; ; wait = min(2*wait, 100*time.Millisecond) {
		_, err := conn.ExecContext(ctx, "BEGIN IMMEDIATE")
		if err == nil || !IsBusy(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
}
