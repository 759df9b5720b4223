package hooks

import (
	"context"
	"database/sql"
)

// preparing is a connection that prepares each text, as GORM's pool does that it
// stands in for: some databases refuse several statements then. The statements
// are closed with closeAll, since their rows may be open until then.
type preparing struct {
	*sql.Conn
	list []*sql.Stmt
}

func (c *preparing) prepare(ctx context.Context, query string) (*sql.Stmt, error) {
	stmt, err := c.PrepareContext(ctx, query)
	if err == nil {
		c.list = append(c.list, stmt)
	}
	return stmt, err
}

func (c *preparing) closeAll() {
	for _, stmt := range c.list {
		_ = stmt.Close()
	}
}

// ExecContext prepares the text and runs it.
func (c *preparing) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	stmt, err := c.prepare(ctx, query) //nolint:sqlclosecheck // closeAll closes it
	if err != nil {
		return nil, err
	}
	return stmt.ExecContext(ctx, args...)
}

// QueryContext prepares the text and runs it.
func (c *preparing) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	stmt, err := c.prepare(ctx, query) //nolint:sqlclosecheck // closeAll closes it
	if err != nil {
		return nil, err
	}
	return stmt.QueryContext(ctx, args...)
}
