package hooks

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"

	"gorm.io/gorm"

	"github.com/gormtrail/audit/hooks/internal/sqltext"
)

// On MariaDB, and on MySQL before 8, information_schema opens the tables that it
// describes, and waits if DDL holds one of them. So each query here compares schema
// and table with constants, which lets the server open that table alone. A
// comparison with another column, even a redundant one, makes it open every table
// of every schema. Foreign keys are the exception (catalog_mysql_keys.go).

// mysqlServer describes a server. It is asked once per *sql.DB.
type mysqlServer struct {
	mariadb bool
	old     bool   // MySQL before 8
	folds   bool   // lower_case_table_names: names of tables differ in more than case
	home    string // the database that was current first: entries name its tables without it
	denied  atomic.Bool
}

func (p *Plugin) mysqlServer(ctx context.Context, conn gorm.ConnPool) (*mysqlServer, error) {
	db := p.databaseOf(conn)
	if s, ok := p.tables.servers.Load(db); ok {
		return s.(*mysqlServer), nil
	}
	var version string
	s := &mysqlServer{}
	if err := conn.QueryRowContext(ctx, "SELECT VERSION(), @@lower_case_table_names <> 0, COALESCE(DATABASE(), '')").Scan(&version, &s.folds, &s.home); err != nil {
		return nil, err
	}
	s.mariadb = strings.Contains(strings.ToLower(version), "mariadb")
	s.old = !s.mariadb && strings.HasPrefix(version, "5.")
	p.tables.servers.Store(db, s)
	return s, nil
}

// mysqlTable is a table while it is read.
type mysqlTable struct {
	*table
	server *mysqlServer
	rowEnd string // the column that MariaDB adds to each key of a table with a system-time period
}

// readMySQL reads a table in three statements: its columns, its keys, the foreign
// keys that refer to it.
func (p *Plugin) readMySQL(ctx context.Context, conn gorm.ConnPool, want target) (*table, error) {
	server, err := p.mysqlServer(ctx, conn)
	if err != nil {
		return nil, err
	}
	t := &mysqlTable{table: &table{}, server: server}
	if err := t.readColumns(ctx, conn, want); err != nil || len(t.columns) == 0 {
		return nil, err
	}
	if t.view {
		t.finish()
		return t.table, nil
	}
	if err := t.readKeys(ctx, conn, p.dialect); err != nil {
		return nil, err
	}
	t.finish()
	if slices.ContainsFunc(t.uniques, t.mayHavePeriod) {
		if err := t.readPeriods(ctx, conn, p.dialect); err != nil {
			return nil, err
		}
	}
	return t.table, t.readReferrers(ctx, conn)
}

func (t *mysqlTable) readColumns(ctx context.Context, conn gorm.ConnPool, want target) error {
	schema := any(nil)
	if want.schema != "" {
		schema = want.schema
	}
	return eachRow(ctx, conn, func(scan func(...any) error) error {
		var c column
		var kind, extra, expression string
		if err := scan(&t.schema, &t.name, &kind, &c.name, &c.typeText, &extra, &expression); err != nil {
			return err
		}
		t.object = t.objectOf(t.schema, t.name)
		t.view = kind != "BASE TABLE" && kind != "SYSTEM VERSIONED"
		t.versioned = kind == "SYSTEM VERSIONED"
		extra = strings.ToUpper(extra)
		c.kind = mysqlKind(c.typeText)
		c.auto = strings.Contains(extra, "AUTO_INCREMENT")
		c.invisible = strings.Contains(extra, "INVISIBLE")
		c.generated = strings.Contains(extra, "VIRTUAL GENERATED") || strings.Contains(extra, "STORED GENERATED")
		c.unversioned = strings.Contains(extra, "WITHOUT SYSTEM VERSIONING")
		c.period = expression == "ROW START" || expression == "ROW END"
		if expression == "ROW END" {
			t.rowEnd = c.name
		}
		t.columns = append(t.columns, c)
		return nil
	}, `SELECT TABLE_SCHEMA, TABLE_NAME, COALESCE((SELECT TABLE_TYPE FROM information_schema.TABLES
			WHERE TABLE_SCHEMA = COALESCE(?, DATABASE()) AND TABLE_NAME = ?), ''),
		COLUMN_NAME, COLUMN_TYPE, EXTRA, COALESCE(GENERATION_EXPRESSION, '')
		FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = COALESCE(?, DATABASE()) AND TABLE_NAME = ?
		ORDER BY ORDINAL_POSITION`, schema, want.name, schema, want.name)
}

// objectOf is how entries name a table.
func (t *mysqlTable) objectOf(schema, name string) string {
	return objectIn(schema, name, schema == t.server.home || t.server.folds && strings.EqualFold(schema, t.server.home))
}

// readKeys reads the unique keys, each part in a row of its own, and, where JSON is
// an alias for text with a check, the checks. A part of a text's first letters,
// or of an expression, is not a plain one.
func (t *mysqlTable) readKeys(ctx context.Context, conn gorm.ConnPool, d dialect) error {
	query := `SELECT 'key', INDEX_NAME, COALESCE(COLUMN_NAME, ''), SUB_PART IS NULL, INDEX_NAME <> 'PRIMARY' AS later, SEQ_IN_INDEX AS seq
		FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? AND NON_UNIQUE = 0`
	args := []any{t.schema, t.name}
	if t.server.mariadb {
		query += ` UNION ALL SELECT 'check', CONSTRAINT_NAME, CHECK_CLAUSE, 1, 1, 0
			FROM information_schema.CHECK_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = ? AND TABLE_NAME = ?`
		args = append(args, t.schema, t.name)
	}
	return eachRow(ctx, conn, func(scan func(...any) error) error {
		var what, name, of string
		var whole, later bool
		var seq int
		if err := scan(&what, &name, &of, &whole, &later, &seq); err != nil {
			return err
		}
		if what == "key" {
			t.addKeyPart(name, of, whole)
		} else if of == "json_valid("+d.quote(name)+")" {
			t.addJSON(name)
		}
		return nil
	}, query+` ORDER BY 1, later, 2, seq`, args...)
}

// addKeyPart takes the next part of a unique key. The end of a row's system time
// is a part that the server adds by itself: it is another value in each version
// of the row.
func (t *mysqlTable) addKeyPart(index, column string, whole bool) {
	if n := len(t.uniques); n == 0 || t.uniques[n-1].name != index {
		t.uniques = append(t.uniques, uniqueOn{name: index, plain: true})
	}
	if column == t.rowEnd && column != "" {
		return
	}
	u := &t.uniques[len(t.uniques)-1]
	u.columns = append(u.columns, column)
	u.plain = u.plain && whole && column != ""
}

func (t *mysqlTable) addJSON(name string) {
	i := slices.IndexFunc(t.columns, func(c column) bool { return c.name == name && c.typeText == "longtext" })
	if i >= 0 {
		t.columns[i].kind = kindJSON
	}
}

// mayHavePeriod reports whether a key may end in a period WITHOUT OVERLAPS, of
// which information_schema lists the two columns like any others.
func (t *mysqlTable) mayHavePeriod(u uniqueOn) bool {
	n := len(u.columns)
	if !t.server.mariadb || n < 3 {
		return false
	}
	return !slices.ContainsFunc(u.columns[n-2:], func(name string) bool {
		c, _ := t.column(name)
		return c.kind != kindDate && c.kind != kindWall && c.kind != kindTime
	})
}

// readPeriods finds the keys WITHOUT OVERLAPS: their rows meet others whose values
// differ.
func (t *mysqlTable) readPeriods(ctx context.Context, conn gorm.ConnPool, d dialect) error {
	var name, ddl string
	if err := conn.QueryRowContext(ctx, "SHOW CREATE TABLE "+t.quoted(d)).Scan(&name, &ddl); err != nil {
		return err
	}
	list := sqltext.Tokens(ddl, d.sql(), len(ddl))
	open := 0
	for i := range list {
		switch {
		case isSign(list, i, '('):
			open = i
		case areWords(list, i, "WITHOUT", "OVERLAPS"):
			key := list[open-1].Text
			if isWord(list, open-1, "KEY") {
				key = primaryKey
			}
			at := slices.IndexFunc(t.uniques, func(u uniqueOn) bool { return u.name == key })
			if at >= 0 {
				t.uniques[at].plain = false
			}
		}
	}
	return nil
}

// currentDatabase is the one that names without a schema mean now; "" if there is
// none.
func currentDatabase(ctx context.Context, conn gorm.ConnPool) (string, error) {
	var name string
	err := conn.QueryRowContext(ctx, "SELECT COALESCE(DATABASE(), '')").Scan(&name)
	return name, err
}

// isTemporaryMySQL reports whether a name means a temporary table on this
// connection: the catalog doesn't list those.
func isTemporaryMySQL(ctx context.Context, conn gorm.ConnPool, d dialect, want target) bool {
	var name, ddl string
	err := conn.QueryRowContext(ctx, "SHOW CREATE TABLE "+(&table{schema: want.schema, name: want.name}).quoted(d)).Scan(&name, &ddl)
	return err == nil && strings.HasPrefix(ddl, "CREATE TEMPORARY")
}
