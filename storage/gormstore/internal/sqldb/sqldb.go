// Package sqldb runs statements: it reads a number or a column of texts, and knows how each
// database runs transactions and tells why one has failed.
package sqldb

import (
	"context"
	"database/sql"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/gormtrail/audit"
)

// Execer runs statements without rows.
type Execer = audit.Execer

// Queryer runs statements with rows.
type Queryer = audit.Queryer

// Conn runs both: a connection or a transaction.
type Conn interface {
	Execer
	Queryer
}

// Number reads one whole number.
func Number(ctx context.Context, q Queryer, query string, args ...any) (int, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return NumberIn(rows)
}

// NumberIn reads one whole number, 0 if there is no row, and closes the rows.
func NumberIn(rows *sql.Rows) (n int, err error) {
	defer rows.Close()
	if rows.Next() {
		if err := rows.Scan(&n); err != nil {
			return 0, err
		}
	}
	return n, rows.Err()
}

// String reads one text, "" if there is no row.
func String(ctx context.Context, q Queryer, query string, args ...any) (string, error) {
	list, err := Strings(ctx, q, query, args...)
	if err != nil || len(list) == 0 {
		return "", err
	}
	return list[0], nil
}

// Strings reads a column of texts.
func Strings(ctx context.Context, q Queryer, query string, args ...any) ([]string, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []string
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return list, rows.Err()
}

// ExecAll runs statements until one fails.
func ExecAll(ctx context.Context, m Execer, statements ...string) error {
	for _, statement := range statements {
		if _, err := m.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// InTx runs fn in a transaction.
func InTx(ctx context.Context, db *sql.DB, opts *sql.TxOptions, fn func(Conn) error) error {
	tx, err := db.BeginTx(ctx, opts)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	if err := fn(tx); err != nil {
		return err
	}
	return tx.Commit()
}

// TextArray is a list as PostgreSQL reads an array of text.
func TextArray(list []string) string {
	if len(list) == 0 {
		return "{}"
	}
	var a []byte
	for i, v := range list {
		a = appendQuoted(append(a, "{,"[min(i, 1)]), v)
	}
	return string(append(a, '}'))
}

func appendQuoted(a []byte, s string) []byte {
	a = append(a, '"')
	for {
		i := strings.IndexAny(s, `"\`)
		if i < 0 {
			break
		}
		a = append(append(append(a, s[:i]...), '\\'), s[i])
		s = s[i+1:]
	}
	return append(append(a, s...), '"')
}

// ReadTx runs fn in a transaction that only reads.
func ReadTx(ctx context.Context, db *sql.DB, opts *sql.TxOptions, fn func(Conn) error) error {
	tx, err := db.BeginTx(ctx, opts)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // it only read
	return fn(tx)
}

// Pause waits at random, longer with each try, so that transactions that met don't meet
// again. It returns the context's error if that ends first.
func Pause(ctx context.Context, try int) error {
	t := time.NewTimer(rand.N(time.Duration(try) * 5 * time.Millisecond))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
