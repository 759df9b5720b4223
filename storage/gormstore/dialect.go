package gormstore

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/gormstore/internal/row"
	"github.com/gormtrail/audit/storage/gormstore/internal/schema"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqldb"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqlgen"
)

// dialect is all that differs between the databases.
type dialect interface {

	// migrations are the statements of each version, from 1.
	migrations() [][]string
	// features are what these options add to the schema of the last version.
	features(opts Options) []feature
	// keywordIndex is what finds keywords, nil where there is nothing that does.
	keywordIndex() keywordIndex
	// keptFeature is the tables of the facets' values.
	keptFeature() feature
	// repair is a statement that each Migrate runs at its end, "" for none. It changes
	// no entry; where it finds anything to repair, places in the feed aren't good.
	repair() string
	// locked runs fn on one connection while no other process migrates.
	locked(ctx context.Context, db *sql.DB, fn func(sqldb.Conn) error) error
	// createVersions makes the table of versions where there is none.
	createVersions(ctx context.Context, m sqldb.Conn) error
	// locate is the schema of the tables as a connection finds them without one, ""
	// where there are none. It leaves a transaction as it was.
	locate(ctx context.Context, q sqldb.Queryer) (string, error)
	// firstSchema is the schema in which a connection makes tables; "": none.
	firstSchema(ctx context.Context, q sqldb.Queryer) (string, error)
	// elsewhere says where tables of that name are that locate doesn't find; "":
	// nowhere, or it isn't known.
	elsewhere(ctx context.Context, q sqldb.Queryer) (string, error)
	// version reads the schema's version, 0 where there is none.
	version(ctx context.Context, q sqldb.Queryer) (int, error)

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
	// longReads reports whether a statement may be read slowly without keeping
	// others from writing.
	longReads(ctx context.Context, q sqldb.Queryer) (bool, error)
	// untilNow writes a condition that selects what is committed now, and nothing
	// that is committed later.
	untilNow(ctx context.Context, q sqldb.Queryer) (func(*sqlgen.Builder), error)
	// tail and head are audit.Tailer.
	tail(ctx context.Context, s *Store, sel selection, after string) ([]audit.Entry, string, error)
	head(ctx context.Context, s *Store) (string, error)
}

func dialectOf(name string, t schema.Table) (dialect, error) {
	switch name {
	case "sqlite":
		return newSQLite(t), nil
	case "postgres":
		return newPostgres(t), nil
	case "mysql":
		return newMySQL(t), nil
	}
	return nil, fmt.Errorf("gormstore: the database %q is none of sqlite, postgres, mysql", name)
}
