package hooks

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"gorm.io/gorm"
)

// dialect is what the plugin needs to know of a database.
type dialect struct {
	name      string // "sqlite", "postgres", "mysql"
	returning bool   // INSERT … RETURNING
	// deleteReturning and updateReturning: MariaDB has the one, not the other.
	deleteReturning, updateReturning bool
	lock                             string // behind a SELECT whose rows are about to change
	// oneCall: the SQLite driver runs all statements of one Query call.
	oneCall bool
}

func (p *Plugin) setDialect(db *gorm.DB) error {
	p.dialect = dialect{name: db.Dialector.Name()}
	returning := slices.Contains(db.Callback().Create().Clauses, "RETURNING")
	switch p.dialect.name {
	case "sqlite", "sqlite3":
		p.dialect.name = "sqlite"
		p.dialect.returning, p.dialect.deleteReturning, p.dialect.updateReturning = returning, returning, returning
		p.dialect.oneCall = runsAllStatements(db)
	case "postgres":
		p.dialect.returning, p.dialect.deleteReturning, p.dialect.updateReturning = true, true, true
		p.dialect.lock = " FOR UPDATE"
	case "mysql":
		p.dialect.returning, p.dialect.deleteReturning = returning, returning
		p.dialect.lock = " FOR UPDATE"
	default:
		return fmt.Errorf("hooks: the database %q is not one of sqlite, postgres, mysql", p.dialect.name)
	}
	return nil
}

// runsAllStatements: the drivers built on modernc.org/sqlite run every
// statement of a Query; mattn's doesn't step through the first ones.
func runsAllStatements(db *gorm.DB) bool {
	sqlDB, err := db.DB()
	if err != nil {
		return false
	}
	t := reflect.TypeOf(sqlDB.Driver())
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return strings.HasSuffix(t.PkgPath(), "glebarez/go-sqlite") || strings.HasPrefix(t.PkgPath(), "modernc.org/sqlite")
}

// unknownColumn reports whether a statement failed because it names a column
// that the table doesn't have.
func (d dialect) unknownColumn(err error) bool {
	switch d.name {
	case "sqlite":
		return strings.Contains(err.Error(), "no such column")
	case "mysql":
		return strings.Contains(err.Error(), "Unknown column")
	}
	var state interface{ SQLState() string }
	return errors.As(err, &state) && state.SQLState() == "42703"
}

// aborted reports whether err says that a PostgreSQL transaction failed earlier
// and can only roll back (SQLSTATE 25P02).
func (d dialect) aborted(err error) bool {
	var state interface{ SQLState() string }
	return d.name == "postgres" && errors.As(err, &state) && state.SQLState() == "25P02"
}

// quote writes a name as the database's SQL has it.
func (d dialect) quote(name string) string {
	if d.name == "mysql" {
		return "`" + strings.ReplaceAll(name, "`", "``") + "`"
	}
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}

// bind is the n-th placeholder, from 1.
func (d dialect) bind(n int) string {
	if d.name == "postgres" {
		return fmt.Sprintf("$%d", n)
	}
	return "?"
}

// takeWriteLock makes a SQLite transaction a writing one, waiting as long as
// the host's busy timeout says. Were its first statement a SELECT, the write
// that follows would fail at once if another connection wrote in between
// (SQLITE_BUSY_SNAPSHOT), which the host would not meet without the plugin.
const takeWriteLock = "DELETE FROM %s WHERE 0"

// lockFirst runs takeWriteLock where a read is about to come first.
func (p *Plugin) lockFirst(ctx context.Context, conn gorm.ConnPool, u *unit, t *table) error {
	if p.dialect.name != "sqlite" || u.wrote.Load() || t.view {
		return nil
	}
	_, err := conn.ExecContext(ctx, fmt.Sprintf(takeWriteLock, t.quoted(p.dialect)))
	if err == nil {
		u.wrote.Store(true)
	}
	return err
}
