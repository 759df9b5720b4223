package schema

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/gormtrail/audit/storage/gormstore/internal/sqldb"
)

// Options are what a store has beside the entries.
type Options struct {
	Without  []Index // optional indexes that it does without
	Values   bool    // the table of the values of facets
	Keywords bool    // the tables and the index of keywords
	Months   bool    // partitions, on PostgreSQL
}

// Schema is the tables of one store: the statements that make them, and where they are.
type Schema struct {
	Options
	table Table
	database
	dialect
	// Features are what the options add to the last version.
	Features []Feature
}

// database asks one kind of database about tables, and makes those that differ most.
type database interface {
	// entries are the statements that make the tables of entries, without indexes.
	entries(t Table) []string
	// exists is a query of one number, 0 if there is no such table. It doesn't fail, since
	// an error would leave the host's transaction good for a rollback only.
	exists(t Table, name string) string
	// indexesExist is a query of how many of these indexes exist.
	indexesExist(t Table, kinds []string) string
	// check returns an error if the tables aren't of the kind that the options say.
	check(ctx context.Context, q sqldb.Queryer, t Table) error
	// lock runs fn on one connection while no other process migrates.
	lock(ctx context.Context, db *sql.DB, t Table, fn func(sqldb.Conn) error) error
	// locate is the schema of the tables as a connection finds them without one, ""
	// where there are none. It leaves a transaction as it was.
	locate(ctx context.Context, q sqldb.Queryer, t Table) (string, error)
	// firstSchema is the schema in which a connection makes tables; "": none.
	firstSchema(ctx context.Context, q sqldb.Queryer, t Table) (string, error)
	// elsewhere says where tables of that name are that locate doesn't find; "":
	// nowhere, or it isn't known.
	elsewhere(ctx context.Context, q sqldb.Queryer, t Table) (string, error)
}

// dialect is how one kind of database writes statements that make tables.
type dialect struct {
	quote          string // the quotation mark of names
	types          map[kind]string
	collation      string // of texts
	indexInSchema  bool   // an index's name has the schema, and its table's name none
	ifNotExists    bool   // CREATE INDEX passes over an existing one
	partialIndexes bool   // an index can have a part of the rows

	versions    string // the columns of the table of versions
	secret      string // the type of the key, and
	keyEnd      string // what follows the columns of its table
	name        string // the type of a text of at most 512 bytes
	clustered   string // ends a table that is its key
	checkpoints struct{ name, text, number, end string }

	// feedTable is the table of the feed's index; "": it needs none.
	feedTable func(Table) string
	// repair is a statement that each Migrate runs at its end; nil: none. It changes no
	// entry; where it finds anything to repair, positions in the feed aren't good.
	repair func(Table) string
	// keywords is the tables and the index of keywords; nil: the database can't have them.
	keywords func(Schema) Feature
}

// New returns the schema of a table in a database: "sqlite", "postgres" or "mysql".
func New(database string, t Table, o Options) (Schema, error) {
	s := Schema{Options: o, table: t}
	switch {
	case database == "sqlite":
		s.database, s.dialect = sqlite{}, sqliteDialect
	case database == "postgres":
		s.database, s.dialect = postgres{}, postgresDialect
		if o.Months {
			s.database = postgres{months: true}
			s.feedTable, s.repair = Table.IDs, repairMonths
		}
	case database == "mysql":
		s.database, s.dialect = mysql{}, mysqlDialect
	default:
		return s, fmt.Errorf("gormstore: the database %q is none of sqlite, postgres, mysql", database)
	}
	s.Features = []Feature{s.optionalIndexes()}
	if o.Values {
		s.Features = append(s.Features, s.FacetTable())
	}
	if f, ok := s.KeywordTables(); ok && o.Keywords {
		s.Features = append(s.Features, f)
	}
	return s, nil
}

// UsersVersion is the version whose columns are derived from entries, after its
// statements.
const UsersVersion = 5

// Versions are the statements of each version, from 1. They never change: databases of
// hosts have them.
func (s Schema) Versions() [][]string {
	added := make([]string, 0, 1)
	for _, column := range definitions(UsersVersion, s.dialect) {
		added = append(added, "ALTER TABLE "+s.table.Quoted(s.quote)+" ADD COLUMN "+column+" DEFAULT ''")
	}
	return [][]string{
		append(s.entries(s.table), s.indexesSince(1)...),
		{}, // made the indexes that are now a feature
		s.indexesSince(3),
		{"CREATE TABLE IF NOT EXISTS " + s.table.In(s.table.Key(), s.quote) + " (only_row INTEGER NOT NULL PRIMARY KEY, secret " + s.secret + " NOT NULL)" + s.keyEnd},
		added,
	}
}

// CreateVersions makes the table of versions where there is none.
func (s Schema) CreateVersions() string {
	return "CREATE TABLE IF NOT EXISTS " + s.table.QuotedVersions(s.quote) + " (" + s.versions
}

// CreateCheckpoints makes the table of checkpoints where there is none.
func (s Schema) CreateCheckpoints() string {
	t := s.checkpoints
	return "CREATE TABLE IF NOT EXISTS " + s.table.In(s.table.Checkpoints(), s.quote) + " (name " + t.name + " NOT NULL PRIMARY KEY, version " + t.number + " NOT NULL, position " + t.text +
		" NOT NULL, state " + t.text + " NOT NULL, fence " + t.number + " NOT NULL, holder " + t.name + " NOT NULL, leased_until " + t.number + " NOT NULL)" + t.end
}

// Repair is a statement that each Migrate runs at its end; "": none. It changes no entry;
// where it finds anything to repair, positions in the feed aren't good.
func (s Schema) Repair() string {
	if s.repair == nil {
		return ""
	}
	return s.repair(s.table)
}

// Lock runs fn on one connection while no other process migrates.
func (s Schema) Lock(ctx context.Context, db *sql.DB, fn func(sqldb.Conn) error) error {
	return s.lock(ctx, db, s.table, fn)
}

// Locate returns the schema of the tables as a connection finds them without one, ""
// where there are none. It leaves a transaction as it was.
func (s Schema) Locate(ctx context.Context, q sqldb.Queryer) (string, error) {
	return s.locate(ctx, q, s.table)
}

// FirstSchema returns the schema in which a connection makes tables; "": none.
func (s Schema) FirstSchema(ctx context.Context, q sqldb.Queryer) (string, error) {
	return s.firstSchema(ctx, q, s.table)
}

// Elsewhere says where tables of that name are that Locate doesn't find; "": nowhere, or
// it isn't known.
func (s Schema) Elsewhere(ctx context.Context, q sqldb.Queryer) (string, error) {
	return s.elsewhere(ctx, q, s.table)
}

// Version reads the version of the tables, 0 where there are none. Its error unwraps to
// ErrPartitions if they aren't partitioned as the options say.
func (s Schema) Version(ctx context.Context, q sqldb.Queryer) (int, error) {
	n, err := sqldb.Number(ctx, q, s.exists(s.table, s.table.Versions()))
	if err != nil || n == 0 {
		return 0, err
	}
	n, err = sqldb.Number(ctx, q, "SELECT coalesce(max(version), 0) FROM "+s.table.QuotedVersions(s.quote))
	if err != nil || n == 0 {
		return 0, err
	}
	return n, s.check(ctx, q, s.table)
}
