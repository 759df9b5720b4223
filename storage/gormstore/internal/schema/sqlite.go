package schema

import (
	"context"
	"database/sql"
	"strings"

	"github.com/gormtrail/audit/storage/gormstore/internal/sqldb"
)

// sqlite: times are integers, since a driver would write a time as text in a
// form of its own; IDs are blobs of 16 bytes; texts compare by their bytes
// (collation BINARY).
//
// seq is the rowid. There is one writer at a time, so its order is the order of
// commits (CreateTruncations says what keeps it so once the newest entries are removed).
type sqlite struct{}

var sqliteDialect = dialect{
	quote: `"`, indexInSchema: true, ifNotExists: true, partialIndexes: true,
	types: map[kind]string{
		uuidKind: "BLOB", formKind: "INTEGER", timeKind: "INTEGER", saltKind: "BLOB",
		nameKind: "TEXT", sortKeyKind: "TEXT", wordKind: "TEXT", textKind: "TEXT",
	},
	versions: "version INTEGER PRIMARY KEY, applied_at TEXT NOT NULL)",
	secret:   "TEXT", name: "TEXT",
	clustered:   " WITHOUT ROWID", // a table that is its key has no row beside it
	checkpoints: struct{ name, text, number, end string }{"TEXT", "TEXT", "INTEGER", ""},
	feedTable:   func(Table) string { return "" },
	keywords:    sqliteKeywords,
}

func (sqlite) entries(t Table) []string {
	columns := definitions(1, sqliteDialect)
	return []string{`CREATE TABLE ` + t.Quoted(`"`) + ` (
	seq INTEGER PRIMARY KEY,
	` + columns[0] + ` UNIQUE,
	` + strings.Join(columns[1:], ",\n\t") + `
)`}
}

func (sqlite) exists(t Table, name string) string {
	return "SELECT count(*) FROM " + t.SQLiteTable("sqlite_master") + " WHERE type = 'table' AND name = '" + name + "'"
}

func (sqlite) indexesExist(t Table, kinds []string) string {
	return "SELECT count(*) FROM " + t.SQLiteTable("sqlite_master") + " WHERE type = 'index' AND name IN (" + t.indexNames(kinds) + ")"
}

// SQLiteTable is one of SQLite's own tables in the schema.
func (t Table) SQLiteTable(name string) string {
	if t.Schema == "" {
		return name
	}
	return QuoteName(t.Schema, `"`) + "." + name
}

func (sqlite) check(context.Context, sqldb.Queryer, Table) error { return nil }

func (sqlite) lock(ctx context.Context, db *sql.DB, _ Table, fn func(sqldb.Conn) error) error {
	return sqldb.WriteSQLite(ctx, db, fn)
}

// locate: the schema is always known.
func (sqlite) locate(_ context.Context, _ sqldb.Queryer, t Table) (string, error) {
	return t.Schema, nil
}

func (sqlite) firstSchema(_ context.Context, _ sqldb.Queryer, t Table) (string, error) {
	return t.Schema, nil
}

func (sqlite) elsewhere(context.Context, sqldb.Queryer, Table) (string, error) { return "", nil }

// HasTruncations is a query of one number, 0 if truncations aren't kept yet.
func (s Schema) HasTruncations() string {
	return "SELECT count(*) FROM " + s.table.SQLiteTable("sqlite_master") + " WHERE type = 'trigger' AND name = '" + s.table.Base + "_truncate'"
}

// CreateTruncations keeps when the newest entries were removed, on SQLite.
//
// SQLite gives a rowid again once it and all greater ones are removed, unless the table
// has AUTOINCREMENT. That makes the table sqlite_sequence, which nothing can drop: not the
// Drop of a migration tool, nor a restore by hand. So a trigger notes each removal of the
// newest entries, and cursors learn about it there (feed.Rows). An append does nothing
// for it.
//
// Of truncations only those are kept that left less than all later ones, since a cursor
// needs the least that any later one left. removed counts the numbers that all of them
// together took back.
func (s Schema) CreateTruncations() []string {
	// In a trigger a name without its schema means the trigger's own.
	t := s.table
	entries, truncations := QuoteName(t.Base, `"`), QuoteName(t.Truncations(), `"`)
	last := "(SELECT coalesce(max(seq), 0) FROM " + entries + ")"
	return []string{
		"CREATE TABLE IF NOT EXISTS " + t.In(t.Truncations(), `"`) + " (epoch INTEGER PRIMARY KEY, last INTEGER NOT NULL, removed INTEGER NOT NULL)",
		"CREATE TRIGGER " + t.SchemaIndex("truncate", `"`) + " AFTER DELETE ON " + entries + " WHEN old.seq > " + last + " BEGIN" +
			" INSERT INTO " + truncations + " (epoch, last, removed) SELECT coalesce(max(epoch), 0) + 1, " + last + ", coalesce(max(removed), 0) + old.seq - " + last + " FROM " + truncations + ";" +
			" DELETE FROM " + truncations + " WHERE epoch < (SELECT max(epoch) FROM " + truncations + ") AND last >= (SELECT last FROM " + truncations + " ORDER BY epoch DESC LIMIT 1);" +
			" END",
	}
}

// HasSequences is a query of one number, 0 if no table of the schema has AUTOINCREMENT, as
// that of entries had in earlier versions.
func (s Schema) HasSequences() string {
	return "SELECT count(*) FROM " + s.table.SQLiteTable("sqlite_master") + " WHERE name = 'sqlite_sequence'"
}

// TakeOverSequence makes a truncation of what was removed before truncations were kept.
func (s Schema) TakeOverSequence() string {
	t := s.table
	return "INSERT INTO " + t.In(t.Truncations(), `"`) + " (epoch, last, removed) SELECT 1, e.last, q.seq - e.last" +
		" FROM (SELECT coalesce(max(seq), 0) AS last FROM " + t.Quoted(`"`) + ") e JOIN " + t.SQLiteTable("sqlite_sequence") + " q ON q.name = '" + t.Base + "' AND q.seq > e.last"
}

// sqliteKeywords is an FTS5 table of trigrams over the texts' table, whose texts it
// doesn't keep a second time. Triggers keep it. A name without its schema is looked for in
// the trigger's own.
func sqliteKeywords(s Schema) Feature {
	t := s.table
	fts, on := t.Index("terms_search", `"`), t.Index("terms", `"`)
	add := "INSERT INTO " + fts + " (rowid, search) VALUES (new.no, new.search)"
	remove := "INSERT INTO " + fts + " (" + fts + ", rowid, search) VALUES ('delete', old.no, old.search)"
	trigger := func(kind, when, body string) string {
		return "CREATE TRIGGER " + t.SchemaIndex(kind, `"`) + " AFTER " + when + " ON " + on + " BEGIN " + body + "; END"
	}
	return Feature{
		Option: "KeywordIndex",
		There:  s.HasTerms(),
		Statements: append(s.termTables("no INTEGER PRIMARY KEY, "),
			// case_sensitive: the texts are folded as storage.Fold does. With less detail
			// FTS5 couldn't skip in its lists, and took ten times as long to read.
			"CREATE VIRTUAL TABLE "+t.SchemaIndex("terms_search", `"`)+" USING fts5 (search, content='"+t.Terms()+
				"', content_rowid='no', tokenize='trigram case_sensitive 1')",
			trigger("terms_add", "INSERT", add),
			trigger("terms_remove", "DELETE", remove),
		),
		Lacks: func(err error) string {
			if text := err.Error(); strings.Contains(text, "no such module: fts5") {
				return "the driver's SQLite has no FTS5 (github.com/mattn/go-sqlite3 has it if it is built with -tags sqlite_fts5)"
			} else if strings.Contains(text, "no such tokenizer") {
				return "the driver's SQLite is older than 3.34, whose FTS5 has no trigrams"
			}
			return ""
		},
	}
}
