package storage

import (
	"bytes"
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/glebarez/sqlite"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	cgosqlite "gorm.io/driver/sqlite"
	"gorm.io/gorm"

	"github.com/gormtrail/audit/storage/gormstore"
)

// loader fills an empty table with what Append would store, without Append's
// costs: its indexes are dropped and built again at the end, and nothing is
// safe before that.
type loader interface {
	begin(ctx context.Context, columns []string) error
	// rows stores rows of those columns.
	rows(ctx context.Context, rows [][]any) error
	end(ctx context.Context) error
}

// load is everything but what differs between the databases.
func load(ctx context.Context, l loader, store *gormstore.Store, g *generator, n int) error {
	var sent sentRows
	for n > 0 {
		sent.rows = nil
		// One at a time: several are one list a column on PostgreSQL.
		for _, e := range g.entries(min(n, loadBatch)) {
			if err := store.AppendTx(ctx, &sent, e); err != nil {
				return err
			}
		}
		if !sent.begun {
			if err := l.begin(ctx, sent.columns); err != nil {
				return err
			}
			sent.begun = true
		}
		if err := l.rows(ctx, sent.rows); err != nil {
			return err
		}
		n -= len(sent.rows)
	}
	return l.end(ctx)
}

const loadBatch = 20_000

// sentRows are what the store itself would send to the host's transaction, each
// an INSERT of one row.
type sentRows struct {
	begun   bool
	columns []string
	rows    [][]any
}

var oneRow = regexp.MustCompile(`^INSERT (?:OR FAIL )?INTO \S+ \(([^)]*)\) VALUES \(([^)]*)\)`)

// ExecContext keeps the row. A value is a parameter, or a literal that all rows
// like it have: a number, or an empty text.
func (s *sentRows) ExecContext(_ context.Context, statement string, args ...any) (sql.Result, error) {
	m := oneRow.FindStringSubmatch(statement)
	if m == nil {
		return nil, fmt.Errorf("this is no INSERT of one row: %s", statement)
	}
	s.columns = strings.Split(strings.ReplaceAll(m[1], " ", ""), ",")
	var row []any
	for _, v := range strings.Split(strings.ReplaceAll(m[2], " ", ""), ",") {
		if v == "''" {
			row = append(row, "")
		} else if n, err := strconv.Atoi(v); err == nil {
			row = append(row, n)
		} else {
			row, args = append(row, args[0]), args[1:]
		}
	}
	if len(row) != len(s.columns) || len(args) > 0 {
		return nil, fmt.Errorf("%d columns have %d values, and %d are left: %s", len(s.columns), len(row), len(args), statement)
	}
	s.rows = append(s.rows, row)
	return driver.RowsAffected(1), nil
}

// indexes are the names of the table's own indexes and the statements that make
// them; the first query's rows.
func indexes(ctx context.Context, db *sql.Conn, query string) (names, statements []string, err error) {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return nil, nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var name, statement string
		if err := rows.Scan(&name, &statement); err != nil {
			return nil, nil, err
		}
		names, statements = append(names, name), append(statements, statement)
	}
	return names, statements, rows.Err()
}

func execAll(ctx context.Context, db *sql.Conn, statements ...string) error {
	for _, s := range statements {
		if _, err := db.ExecContext(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
	}
	return nil
}

func dropIndexes(names []string) []string {
	statements := make([]string, len(names))
	for i, name := range names {
		statements[i] = "DROP INDEX " + name
	}
	return statements
}

// postgresLoader sends COPY's text form into a table that isn't logged.
type postgresLoader struct {
	conn    *sql.Conn
	copy    string
	rebuild []string
	buffer  bytes.Buffer
}

func (l *postgresLoader) begin(ctx context.Context, columns []string) error {
	l.copy = "COPY audit_entries (" + strings.Join(columns, ", ") + ") FROM STDIN"
	names, rebuild, err := indexes(ctx, l.conn, `SELECT c.relname, pg_get_indexdef(i.indexrelid) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
		WHERE i.indrelid = 'audit_entries'::regclass AND NOT i.indisprimary`)
	if err != nil {
		return err
	}
	l.rebuild = rebuild
	return execAll(ctx, l.conn, append(dropIndexes(names), "ALTER TABLE audit_entries SET UNLOGGED", "SET maintenance_work_mem = '512MB'")...)
}

func (l *postgresLoader) rows(ctx context.Context, rows [][]any) error {
	l.buffer.Reset()
	for _, row := range rows {
		for i, v := range row {
			if i > 0 {
				l.buffer.WriteByte('\t')
			}
			l.buffer.WriteString(copyText(v))
		}
		l.buffer.WriteByte('\n')
	}
	return l.conn.Raw(func(c any) error {
		_, err := c.(*stdlib.Conn).Conn().PgConn().CopyFrom(ctx, &l.buffer, l.copy)
		return err
	})
}

var copyEscapes = strings.NewReplacer(`\`, `\\`, "\t", `\t`, "\n", `\n`, "\r", `\r`)

func copyText(v any) string {
	switch v := v.(type) {
	case int:
		return strconv.Itoa(v)
	case []byte:
		return `\\x` + hex.EncodeToString(v)
	}
	return copyEscapes.Replace(v.(string))
}

func (l *postgresLoader) end(ctx context.Context) error {
	return execAll(ctx, l.conn, append(l.rebuild, "VACUUM (ANALYZE) audit_entries", "RESET maintenance_work_mem")...)
}

// sqliteLoader inserts in long transactions that no journal protects.
type sqliteLoader struct {
	conn    *sql.Conn
	insert  *sql.Stmt
	rebuild []string
}

func (l *sqliteLoader) begin(ctx context.Context, columns []string) error {
	names, rebuild, err := indexes(ctx, l.conn, "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 'audit_entries' AND sql IS NOT NULL")
	if err != nil {
		return err
	}
	l.rebuild = rebuild
	if err := execAll(ctx, l.conn, append(dropIndexes(names), "PRAGMA journal_mode = OFF", "PRAGMA synchronous = OFF", "PRAGMA cache_size = -262144")...); err != nil {
		return err
	}
	l.insert, err = l.conn.PrepareContext(ctx, "INSERT INTO audit_entries ("+strings.Join(columns, ", ")+") VALUES (?"+strings.Repeat(", ?", len(columns)-1)+")")
	return err
}

func (l *sqliteLoader) rows(ctx context.Context, rows [][]any) error {
	tx, err := l.conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	insert := tx.StmtContext(ctx, l.insert)
	for _, row := range rows {
		if _, err := insert.ExecContext(ctx, row...); err != nil {
			return errors.Join(err, tx.Rollback()) // without a journal this takes nothing back
		}
	}
	return tx.Commit()
}

func (l *sqliteLoader) end(ctx context.Context) error {
	if err := l.insert.Close(); err != nil {
		return err
	}
	return execAll(ctx, l.conn, append(l.rebuild, "PRAGMA journal_mode = WAL", "PRAGMA cache_size = -2000")...)
}

// fillWith loads n entries of the seeded generator.
func fillWith(ctx context.Context, kind string, db *gorm.DB, store *gormstore.Store, n int) error {
	p, err := db.DB()
	if err != nil {
		return err
	}
	conn, err := p.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	if kind == "postgres" {
		return load(ctx, &postgresLoader{conn: conn}, store, newGenerator(1), n)
	}
	return load(ctx, &sqliteLoader{conn: conn}, store, newGenerator(1), n)
}

// A trail that was loaded has what one that was appended has, in every column
// that doesn't depend on when and where it was written, and its indexes.
func TestLoadedAsAppended(t *testing.T) {
	ctx := context.Background()
	for _, s := range servers[:2] {
		t.Run(s.name, func(t *testing.T) {
			appended, loaded := open(t, s.create(t)), open(t, s.create(t))
			require.NoError(t, migrated(t, appended, nil).Append(ctx, newGenerator(1).entries(1000)...))
			require.NoError(t, fillWith(ctx, s.name, loaded, migrated(t, loaded, nil), 1000))
			want, got := dump(t, appended), dump(t, loaded)
			require.Len(t, want, 1000)
			assert.Equal(t, want, got)
			schema := "SELECT indexdef FROM pg_indexes WHERE tablename = 'audit_entries' ORDER BY 1"
			if s.name == "sqlite" {
				schema = "SELECT coalesce(sql, name) FROM sqlite_master WHERE tbl_name = 'audit_entries' ORDER BY 1"
			}
			assert.Equal(t, texts(t, appended, schema), texts(t, loaded, schema))
		})
	}
}

// dump is all of a trail's rows as text, but for the columns that differ each
// time.
func dump(t *testing.T, db *gorm.DB) []string {
	rows, err := pool(t, db).Query("SELECT * FROM audit_entries ORDER BY id")
	require.NoError(t, err)
	defer rows.Close()
	columns, err := rows.Columns()
	require.NoError(t, err)
	values, dest := make([]any, len(columns)), make([]any, len(columns))
	for i := range dest {
		dest[i] = &values[i]
	}
	var all []string
	for rows.Next() {
		require.NoError(t, rows.Scan(dest...))
		var line strings.Builder
		for i, c := range columns {
			if !slices.Contains([]string{"seq", "xid", "salt"}, c) {
				fmt.Fprintf(&line, "%s=%#v\n", c, values[i])
			}
		}
		all = append(all, line.String())
	}
	require.NoError(t, rows.Err())
	return all
}

func texts(t testing.TB, db *gorm.DB, query string) (list []string) {
	require.NoError(t, db.Raw(query).Scan(&list).Error)
	return list
}

// keepVariable is a directory in which the loaded trails stay for later runs:
// SQLite's files are there, PostgreSQL's databases beside all others, named
// audit_trail_ and their number of entries. Without it they are dropped.
const keepVariable = "AUDIT_STORAGE_KEEP"

// trailOf is a trail of n entries, made now or by an earlier run.
func trailOf(t testing.TB, kind string, n int) (*gorm.DB, *gormstore.Store) {
	dir := os.Getenv(keepVariable)
	if dir == "" {
		i := slices.IndexFunc(servers, func(s server) bool { return s.name == kind })
		db := open(t, servers[i].create(t))
		store := migrated(t, db, nil)
		require.NoError(t, fillWith(context.Background(), kind, db, store, n))
		return db, store
	}
	name := fmt.Sprintf("audit_trail_%d", n)
	if kind == "postgres" {
		return keptPostgres(t, name, n)
	}
	return keptSQLite(t, filepath.Join(dir, name+".db"), n)
}

const sqliteOptions = "?_pragma=busy_timeout(30000)&_pragma=journal_mode(WAL)&_pragma=synchronous(OFF)"

// keptSQLite has its name once it is whole.
func keptSQLite(t testing.TB, path string, n int) (*gorm.DB, *gormstore.Store) {
	if _, err := os.Stat(path); err != nil {
		part := path + ".part"
		_ = os.Remove(part)                                        // of a run that was broken off
		db, err := gorm.Open(cgosqlite.Open(part), &gorm.Config{}) // takes a third of the time
		if err != nil {
			db, err = gorm.Open(sqlite.Open(part), &gorm.Config{})
		}
		require.NoError(t, err)
		require.NoError(t, fillWith(context.Background(), "sqlite", db, migrated(t, db, nil), n))
		require.NoError(t, pool(t, db).Close())
		require.NoError(t, os.Rename(part, path))
	}
	db := open(t, sqlite.Open(path+sqliteOptions))
	return db, migrated(t, db, nil)
}

// keptPostgres has its name once it is whole.
func keptPostgres(t testing.TB, name string, n int) (*gorm.DB, *gormstore.Store) {
	server := openPostgres(t, "postgres")
	if len(texts(t, server, "SELECT datname FROM pg_database WHERE datname = '"+name+"'")) == 0 {
		part := name + "_part"
		require.NoError(t, server.Exec("DROP DATABASE IF EXISTS "+part).Error)
		require.NoError(t, server.Exec("CREATE DATABASE "+part).Error)
		db := openPostgres(t, part)
		require.NoError(t, fillWith(context.Background(), "postgres", db, migrated(t, db, nil), n))
		require.NoError(t, pool(t, db).Close())
		require.NoError(t, server.Exec("ALTER DATABASE "+part+" RENAME TO "+name).Error)
	}
	db := openPostgres(t, name)
	return db, migrated(t, db, nil)
}
