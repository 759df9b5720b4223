package hooks

import (
	"context"
	"database/sql"
	"testing"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/memstore"
)

// panicking is a connection on which every statement panics.
type panicking struct{ *sql.DB }

func (panicking) ExecContext(context.Context, string, ...any) (sql.Result, error) { panic("boom") }
func (panicking) QueryContext(context.Context, string, ...any) (*sql.Rows, error) { panic("boom") }

func TestAPanicWhileCapturingIsTheStatementsError(t *testing.T) {
	trail, err := audit.New(memstore.New(), nil)
	require.NoError(t, err)
	p := New(trail, nil).(*Plugin)
	pr := &probe{ConnPool: panicking{}, plugin: p, stmt: &gorm.Statement{Context: context.Background()}}
	_, err = pr.ExecContext(context.Background(), "UPDATE t SET a = 1")
	require.ErrorContains(t, err, "boom")
	rows, err := pr.QueryContext(context.Background(), "UPDATE t SET a = 1 RETURNING a")
	require.ErrorContains(t, err, "boom")
	require.Nil(t, rows)
}
