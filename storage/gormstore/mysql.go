package gormstore

import (
	"strings"

	"github.com/gormtrail/audit/storage/gormstore/internal/row"
	"github.com/gormtrail/audit/storage/gormstore/internal/schema"
)

// mysql writes entries into MySQL and MariaDB and reads their feed.
type mysql struct {
	t    schema.Table
	into string // an INSERT up to its rows
}

func newMySQL(t schema.Table) *mysql {
	return &mysql{t: t, into: "INSERT INTO " + t.Quoted("`") + " (" + strings.Join(schema.InsertNames, ", ") + ") VALUES "}
}

// insert is always strict: a statement that fails leaves the transaction as it was,
// and ON DUPLICATE KEY UPDATE counts a row that it passes over as the connection's
// clientFoundRows says.
func (d *mysql) insert(rows []row.Row, _ bool) (string, []any) {
	b := row.NewBatch(rows)
	return insertValues(b, d.into, "", false)
}

func (d *mysql) appended() string {
	return "coalesce((SELECT max(seq) FROM " + d.t.Quoted("`") + "), 0)"
}

// keywordIndex: MySQL's ngrams want a column of characters, and MariaDB has none.
func (d *mysql) keywordIndex() keywordIndex { return nil }
