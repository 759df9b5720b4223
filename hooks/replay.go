package hooks

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"reflect"
)

// GORM and hosts take a statement's rows as *sql.Rows, which only database/sql
// makes. When the plugin has read a statement's rows itself, it hands them on
// through a driver that holds nothing but them.

// tape is the rows that a statement returned, or the part of them that GORM
// asked for, with their columns' types.
type tape struct {
	names []string
	types []*sql.ColumnType
	rows  [][]driver.Value
	more  *tape // the next result of a text with several statements
	err   error // that ended the rows: GORM gets those before it, as without the plugin
}

// record reads all rows: each is given to see, and those of its columns that
// kept names are kept for GORM, from first on.
func record(rows *sql.Rows, kept columns, first int, see func(raw []any)) (*tape, error) {
	defer func() { _ = rows.Close() }()
	t, err := recordFrom(rows, kept, first, see)
	if err != nil {
		return t, err
	}
	return t, rows.Close()
}

// recordFrom is record for one of several results.
func recordFrom(rows *sql.Rows, kept columns, first int, see func(raw []any)) (*tape, error) {
	t := &tape{names: kept.names, types: kept.types}
	all, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	s := newScanner(len(all))
	for rows.Next() {
		raw, err := s.scan(rows)
		if err != nil {
			return nil, err
		}
		see(raw)
		if len(kept.names) == 0 {
			continue // GORM asked for none: a million rows need no buffer
		}
		values := make([]driver.Value, len(kept.names))
		for i := range values {
			values[i] = raw[first+i]
		}
		t.rows = append(t.rows, values)
	}
	t.err = rows.Err()
	return t, t.err
}

// recordAll keeps everything.
func recordAll(rows *sql.Rows) (*tape, error) {
	cols, err := columnsIn(rows)
	if err != nil {
		_ = rows.Close()
		return nil, err
	}
	return record(rows, cols, 0, func([]any) {})
}

// play returns the tape as rows. The *sql.DB behind them is closed at once: it
// lets rows that are open be read to their end, and leaves no goroutine.
func (t *tape) play(ctx context.Context) (*sql.Rows, error) {
	db := sql.OpenDB(tapeConnector{t})
	rows, err := db.QueryContext(ctx, "")
	return rows, errors.Join(err, db.Close())
}

// playRow is play for QueryRowContext.
func (t *tape) playRow(ctx context.Context) *sql.Row {
	db := sql.OpenDB(tapeConnector{t})
	row := db.QueryRowContext(ctx, "")
	_ = db.Close()
	return row
}

type tapeConnector struct{ tape *tape }

func (c tapeConnector) Connect(context.Context) (driver.Conn, error) { return tapeConn(c), nil }
func (c tapeConnector) Driver() driver.Driver                        { return tapeDriver{} }

type tapeDriver struct{}

func (tapeDriver) Open(string) (driver.Conn, error) { return nil, driver.ErrBadConn }

type tapeConn struct{ tape *tape }

func (c tapeConn) Prepare(string) (driver.Stmt, error) { return nil, driver.ErrSkip }
func (c tapeConn) Begin() (driver.Tx, error)           { return nil, driver.ErrSkip }
func (c tapeConn) Close() error                        { return nil }

func (c tapeConn) QueryContext(context.Context, string, []driver.NamedValue) (driver.Rows, error) {
	return &tapeRows{tape: c.tape}, nil
}

type tapeRows struct {
	tape *tape
	next int
}

func (r *tapeRows) Columns() []string { return r.tape.names }
func (r *tapeRows) Close() error      { return nil }

func (r *tapeRows) Next(dest []driver.Value) error {
	if r.next >= len(r.tape.rows) {
		if r.tape.err != nil {
			return r.tape.err
		}
		return io.EOF
	}
	copy(dest, r.tape.rows[r.next])
	r.next++
	return nil
}

func (r *tapeRows) HasNextResultSet() bool { return r.tape.more != nil }

func (r *tapeRows) NextResultSet() error {
	if r.tape.more == nil {
		return io.EOF
	}
	r.tape, r.next = r.tape.more, 0
	return nil
}

func (r *tapeRows) ColumnTypeDatabaseTypeName(i int) string {
	return r.tape.types[i].DatabaseTypeName()
}

func (r *tapeRows) ColumnTypeScanType(i int) reflect.Type {
	if t := r.tape.types[i].ScanType(); t != nil {
		return t
	}
	return reflect.TypeFor[any]()
}

func (r *tapeRows) ColumnTypeNullable(i int) (nullable, ok bool) { return r.tape.types[i].Nullable() }

func (r *tapeRows) ColumnTypeLength(i int) (length int64, ok bool) { return r.tape.types[i].Length() }

func (r *tapeRows) ColumnTypePrecisionScale(i int) (precision, scale int64, ok bool) {
	return r.tape.types[i].DecimalSize()
}
