package gormstore

import (
	"context"
	"database/sql"

	"github.com/gormtrail/audit/storage/gormstore/internal/row"
	"github.com/gormtrail/audit/storage/gormstore/internal/schema"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqldb"
)

// dialect is what still differs between the databases.
type dialect interface {
	// keywordIndex is what finds keywords, nil where there is nothing that does.
	keywordIndex() keywordIndex

	// identity is a text that connections to the same database of the same server
	// have in common, and no others; "" where there is none. ownIdentity is that of
	// the store's pool, asked in the way in which a transaction's is.
	identity(ctx context.Context, q sqldb.Queryer) (string, error)
	ownIdentity(ctx context.Context, db *sql.DB) (string, error)
	sameIdentity(own, other string) bool

	// insert is an INSERT of these rows and its parameters. It passes over IDs that
	// are stored; if it is strict it fails, inserts nothing, and isDuplicate knows the
	// error.
	insert(rows []row.Row, strict bool) (statement string, args []any)

	// appended is an expression of about how many entries there ever were.
	appended() string
}

func dialectOf(database string, t schema.Table) dialect {
	switch database {
	case "sqlite":
		return newSQLite(t)
	case "postgres":
		return newPostgres(t)
	}
	return newMySQL(t)
}
