package gormstore

import (
	"strings"

	"github.com/gormtrail/audit/storage/gormstore/internal/row"
	"github.com/gormtrail/audit/storage/gormstore/internal/schema"
)

// sqlite writes entries into SQLite and reads their feed.
type sqlite struct {
	t    schema.Table
	into string // an INSERT up to its rows
	// strictInto fails as a whole. Outside of a transaction that costs no journal.
	strictInto string
}

func newSQLite(t schema.Table) *sqlite {
	// OR FAIL, so that SQLite keeps no journal for this one statement, which costs
	// a third of it. Nothing can fail halfway but what ends the transaction anyway
	// (a full disk, an interruption): no column is ever NULL, and the ID's conflict
	// is dealt with.
	into := "INTO " + t.Quoted(`"`) + " (" + strings.Join(schema.InsertNames, ", ") + ") VALUES "
	return &sqlite{t: t, into: "INSERT OR FAIL " + into, strictInto: "INSERT " + into}
}

func (d *sqlite) insert(rows []row.Row, strict bool) (string, []any) {
	b := row.NewBatch(rows)
	if strict {
		return insertValues(b, d.strictInto, "", true)
	}
	return insertValues(b, d.into, " ON CONFLICT (id) DO NOTHING", true)
}

func (d *sqlite) keywordIndex() keywordIndex { return sqliteIndex{d} }
