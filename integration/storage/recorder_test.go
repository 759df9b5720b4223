package storage

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"strings"
	"sync"
)

// recorder is a pool that remembers the statements that return rows, so that a
// test can ask the database for the plan of exactly what a store sends.
type recorder struct {
	connector driver.Connector
	mu        sync.Mutex
	queries   []recorded
}

type recorded struct {
	text  string
	args  []any
	setup string // the settings that the transaction made before
}

func (r *recorder) take() []recorded {
	r.mu.Lock()
	defer r.mu.Unlock()
	q := r.queries
	r.queries = nil
	return q
}

func (r *recorder) Connect(ctx context.Context) (driver.Conn, error) {
	c, err := r.connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &recordedConn{Conn: c, r: r}, nil
}

func (r *recorder) Driver() driver.Driver { return r.connector.Driver() }

// recordedConn passes everything on: each of the three drivers has these
// methods.
type recordedConn struct {
	driver.Conn
	r     *recorder
	setup string
}

func (c *recordedConn) QueryContext(ctx context.Context, query string, named []driver.NamedValue) (driver.Rows, error) {
	q := recorded{text: query, setup: c.setup}
	for _, v := range named {
		q.args = append(q.args, v.Value)
	}
	c.r.mu.Lock()
	c.r.queries = append(c.r.queries, q)
	c.r.mu.Unlock()
	return c.Conn.(driver.QueryerContext).QueryContext(ctx, query, named)
}

func (c *recordedConn) ExecContext(ctx context.Context, query string, named []driver.NamedValue) (driver.Result, error) {
	if strings.HasPrefix(query, "SELECT set_config") {
		c.setup = query
	}
	return c.Conn.(driver.ExecerContext).ExecContext(ctx, query, named)
}

func (c *recordedConn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	c.setup = ""
	return c.Conn.(driver.ConnBeginTx).BeginTx(ctx, opts)
}

func (c *recordedConn) CheckNamedValue(v *driver.NamedValue) error {
	if checker, ok := c.Conn.(driver.NamedValueChecker); ok {
		return checker.CheckNamedValue(v)
	}
	return driver.ErrSkip
}

// dsnConnector opens connections of a driver that has no connector of its own.
type dsnConnector struct {
	driver driver.Driver
	dsn    string
}

func (c dsnConnector) Connect(context.Context) (driver.Conn, error) { return c.driver.Open(c.dsn) }
func (c dsnConnector) Driver() driver.Driver                        { return c.driver }

// record opens the pool's database once more, through a recorder.
func record(p *sql.DB, dsn string) (*sql.DB, *recorder) {
	r := &recorder{connector: dsnConnector{p.Driver(), dsn}}
	return sql.OpenDB(r), r
}
