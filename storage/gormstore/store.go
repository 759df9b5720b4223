package gormstore

import (
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"gorm.io/gorm"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/gormstore/internal/layout"
	"github.com/gormtrail/audit/storage/gormstore/internal/schema"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqldb"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqlgen"
)

// DefaultTable is the name of the entries' table.
const DefaultTable = "audit_entries"

// Options of a Store. nil and the zero value mean every default.
type Options struct {
	// Table is the name of the entries' table, with or without a schema before
	// it ("audit.entries"), at most 40 letters, digits and underscores each. It
	// is used as it stands. The names of the store's indexes and other tables
	// begin with it. Default: DefaultTable behind the table prefix of db's
	// naming strategy.
	Table string

	// Schema is the schema of the store's tables, under any name that it has in the
	// database: on MySQL and MariaDB a database, on SQLite one that is attached. It must
	// exist. Every statement names it, so the search_path of a connection, or USE,
	// doesn't matter to the store.
	//
	// Default: the schema in which Migrate finds the tables by the search_path of db's
	// own connections, or else the first of that path; the database that they use on
	// MySQL and MariaDB; main on SQLite. It is looked for once. A host whose
	// connections have no fixed path, and one with a trail in each of several schemas
	// (one store for each), sets it.
	Schema string

	// Without names indexes that the table is to do without, for hosts that write
	// much and read by tenant, record and time: Lean() for all of them. Migrate
	// doesn't make them, and no query counts on them. What they serve still works,
	// by walking or sorting all entries in the query's scope; without one of facets
	// (IndexType, IndexAction, IndexUser, IndexBehalf, IndexFacet) Facets keeps no values and reads
	// the scope each time.
	// Default: none.
	//
	// An index that was left out before is made by the next Migrate without its
	// name here. One that is there stays: Migrate drops nothing (docs/storage.md
	// says how).
	Without []Index

	// Partitions cuts the table into one for each month, so that retention drops
	// whole months instead of deleting their rows: PostgreSQL only, and only for a
	// table that is made with it. With a table that isn't as the option says, every
	// method returns ErrPartitions. Default: Unpartitioned.
	//
	// Migrate, Append and Purge make the partitions of this month and the next
	// three. AppendTx makes none, so a process that calls none of the others for
	// three months should call Migrate now and then. An entry without a partition
	// is in a default one, from which Migrate moves it.
	Partitions Partitions

	// KeywordIndex keeps names, email addresses, record IDs and actions, each once, in
	// tables of their own with an index of trigrams: on PostgreSQL a GIN index of the
	// extension pg_trgm, on SQLite an FTS5 table (SQLite 3.34 or later). On MySQL and
	// MariaDB the option changes nothing. Searches don't use the index yet:
	// Filter.Keyword is also looked for in texts that the index lacks, so a rare keyword
	// reads all entries in the filter's scope, with the option and without it.
	//
	// An append writes nothing to these tables. Refresh and Purge bring them up to date;
	// removing entries also removes the texts that no other entry has
	// (docs/performance-storage.md has what each costs).
	//
	// Migrate fills the tables from the entries that exist (docs/storage.md). If the
	// database can't have the index, Migrate's error unwraps to ErrNoKeywordIndex. A
	// store with this option returns audit.ErrNotMigrated until Migrate has run with it.
	// Without the option, existing tables stay and texts of removed entries are deleted.
	// Default: false.
	KeywordIndex bool

	// Logger receives the errors of Run. Default: slog.Default.
	Logger *slog.Logger
}

// Store keeps entries in a SQL database. It is an audit.Store, and a
// TxAppender, Faceter, Counter, Iterator, Purger, Tailer, KeyStore and
// Replacer, and a storage.Checkpointer.
//
// Inside of the package, a store whose schema isn't known yet (ready) names its
// tables without one.
type Store struct {
	db       *sql.DB
	database string // the dialect's name
	schema   schema.Schema
	dialect  dialect
	traits   *sqlgen.Traits
	engine   *sqldb.Engine
	feed     feedReader
	tables   layout.Tables
	rows     layout.Rows
	table    schema.Table
	opts     Options
	index    keywordIndex // nil: none
	// seeks lets searches ask the index. Only tests set it, for keywords that the index is
	// complete for: it lacks most of the texts in builder.keyword.
	seeks bool
	// seekAlways is set by tests, whose trails are small: no keyword is looked for
	// that the index can find.
	seekAlways bool
	// foldAfter and mostBehind are their constants, or smaller ones of a test.
	foldAfter, mostBehind int
	runEvery              time.Duration // likewise
	shortStreams          int           // likewise
	blockKeys             int           // likewise
	maxSorted             int           // audit.MaxSorted; tests lower it
	quoted                string        // the table in SQL
	known                 *known
}

var (
	_ audit.Store      = (*Store)(nil)
	_ audit.TxAppender = (*Store)(nil)
	_ audit.Faceter    = (*Store)(nil)
	_ audit.Counter    = (*Store)(nil)
	_ audit.Iterator   = (*Store)(nil)
	_ audit.Sequencer  = (*Store)(nil)
	_ audit.Purger     = (*Store)(nil)
	_ audit.Tailer     = (*Store)(nil)
	_ audit.KeyStore   = (*Store)(nil)
	_ audit.Replacer   = (*Store)(nil)

	_ audit.DatabaseMatcher = (*Store)(nil)
)

// New returns a store in the database that db is connected to. It sends no
// statement; Migrate must have run before the store is used, by this process or
// another one, or its methods return audit.ErrNotMigrated.
//
// An error means that db is nil or has no *sql.DB, that its dialect is none of
// "sqlite", "postgres" and "mysql", or that the table's name can't be used.
func New(db *gorm.DB, opts *Options) (*Store, error) {
	if db == nil || db.Config == nil || db.Dialector == nil {
		return nil, errors.New("gormstore: New needs an open *gorm.DB, and got nil")
	}
	if opts == nil {
		opts = &Options{}
	}
	pool, err := db.DB()
	if err != nil {
		return nil, fmt.Errorf("gormstore: the *gorm.DB has no *sql.DB: %w", err)
	}
	name := opts.Table
	if name == "" {
		name = DefaultTable
		if db.NamingStrategy != nil {
			// The one method of a naming strategy that adds its prefix and leaves
			// the name as it is.
			name = db.NamingStrategy.JoinTableName(name)
		}
	}
	if err := checkWithout(opts.Without); err != nil {
		return nil, err
	}
	t, err := schema.ParseTable(name, opts.Schema)
	if err != nil {
		return nil, err
	}
	s := &Store{
		db: pool, database: db.Dialector.Name(), opts: *opts, known: &known{woken: make(chan struct{}, 1)},
		foldAfter: foldAfter, mostBehind: mostBehind, runEvery: runEvery, shortStreams: shortStreams, blockKeys: blockKeys, maxSorted: audit.MaxSorted,
	}
	if s.database == "sqlite" && t.Schema == "" {
		t.Schema = "main"
	}
	if err := s.name(t); err != nil {
		return nil, err
	}
	if t.Schema != "" {
		s.known.fixed = true
		s.known.placed.Store(s)
	}
	return s, nil
}

// name gives the store its tables' names.
func (s *Store) name(t schema.Table) (err error) {
	s.dialect = dialectOf(s.database, t)
	if s.schema, err = schema.New(s.database, t, s.opts.ofSchema()); err != nil {
		return err
	}
	s.traits, s.engine = sqlgen.TraitsOf(s.database), sqldb.EngineOf(s.database)
	s.table, s.quoted = t, t.Quoted(s.traits.Quote)
	s.feed = feedOf(s.database)
	switch s.opts.Partitions {
	case Unpartitioned:
		s.tables, s.rows = layout.One(s.quoted, s.engine)
	case Monthly:
		if s.database != "postgres" {
			return fmt.Errorf("gormstore: Options.Partitions is for PostgreSQL, and the database is %s", s.database)
		}
		months := newPartitioned(t)
		s.dialect, s.traits = months, monthsTraits
		s.tables, s.rows, s.feed = months.layout, months.layout, monthsFeed{layout: months.layout}
	default:
		return fmt.Errorf("gormstore: Options.Partitions is %d, neither Unpartitioned nor Monthly", s.opts.Partitions)
	}
	if s.opts.KeywordIndex {
		s.index = s.dialect.keywordIndex()
	}
	return nil
}

// Tables are the names of the store's tables, with their schema if the options
// name it: the entries, the versions of the schema, the key, the checkpoints, the facets' values and
// how far they go (without Options.Without of an index that facets need), with
// Options.KeywordIndex the texts, their tenants and how far they go, and with
// Options.Partitions the IDs, and on SQLite the truncations.
func (s *Store) Tables() []string {
	names := []string{s.table.Base, s.table.Versions(), s.table.Key(), s.table.Checkpoints()}
	if s.schema.Values {
		names = append(names, s.table.Facets())
	}
	if s.index != nil {
		names = append(names, s.table.Terms(), s.table.TermsOf())
	}
	if s.tables.Several() {
		names = append(names, s.table.IDs())
	}
	if s.database == "sqlite" {
		names = append(names, s.table.Truncations())
	}
	for i := range names {
		names[i] = s.table.Given + names[i]
	}
	return names
}

func (s *Store) newBuilder() *sqlgen.Builder { return sqlgen.New(s.traits) }

// use writes, behind the table's name, that the database is to use an index.
func (s *Store) use(i Index) string {
	return s.traits.UseIndex(s.table.Index(string(i), s.traits.Quote))
}
