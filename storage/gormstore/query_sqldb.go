package gormstore

import (
	"context"
	"database/sql"
	"strings"

	"github.com/gormtrail/audit"
)

// execer runs statements without rows.
type execer = audit.Execer

// querier runs statements with rows.
type querier = audit.Queryer

// conn runs both: a connection or a transaction.
type conn interface {
	execer
	querier
}

// number reads one whole number.
func number(ctx context.Context, q querier, query string, args ...any) (int, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return numberIn(rows)
}

// numberIn reads one whole number, 0 if there is no row, and closes the rows.
func numberIn(rows *sql.Rows) (n int, err error) {
	defer rows.Close()
	if rows.Next() {
		if err := rows.Scan(&n); err != nil {
			return 0, err
		}
	}
	return n, rows.Err()
}

// text reads one text, "" if there is no row.
func text(ctx context.Context, q querier, query string, args ...any) (string, error) {
	list, err := texts(ctx, q, query, args...)
	if err != nil || len(list) == 0 {
		return "", err
	}
	return list[0], nil
}

// texts reads a column of texts.
func texts(ctx context.Context, q querier, query string, args ...any) ([]string, error) {
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

func execAll(ctx context.Context, m execer, statements ...string) error {
	for _, statement := range statements {
		if _, err := m.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// inWrite runs fn in a transaction.
func inTx(ctx context.Context, db *sql.DB, opts *sql.TxOptions, fn func(conn) error) error {
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

// arrayText is a list as PostgreSQL reads an array of text.
func arrayText(list []string) string {
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

// readTx runs fn in a transaction that only reads.
func readTx(ctx context.Context, db *sql.DB, opts *sql.TxOptions, fn func(conn) error) error {
	tx, err := db.BeginTx(ctx, opts)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // it only read
	return fn(tx)
}
