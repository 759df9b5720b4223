package hooks

import (
	"testing"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"
)

// TestInsertIgnoreMeetsRows: on MySQL, which doesn't return rows, those that
// INSERT IGNORE passes over are found again like those that it inserts.
func TestInsertIgnoreMeetsRows(t *testing.T) {
	c := &capture{plugin: &Plugin{dialect: dialect{name: "mysql"}}, stmt: &gorm.Statement{}, table: &table{}}
	c.text = headOf("INSERT INTO t (id) VALUES (1)", c.plugin.dialect.sql())
	require.False(t, c.meetsRows())
	c.text = headOf("INSERT IGNORE INTO t (id) VALUES (1)", c.plugin.dialect.sql())
	require.True(t, c.meetsRows())
	c.plugin.dialect.returning = true // MariaDB
	require.False(t, c.meetsRows())
}
