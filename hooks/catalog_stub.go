package hooks

import (
	"context"
	"strings"

	"gorm.io/gorm"
)

func (t *table) rowidName() string {
	if t.rowid {
		return "rowid"
	}
	return ""
}

func (p *Plugin) tableByOID(ctx context.Context, conn gorm.ConnPool, u *unit, oid uint32) (*table, error) {
	var schema, name string
	err := eachRow(ctx, conn, func(scan func(...any) error) error { return scan(&schema, &name) },
		`SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $1`, int64(oid))
	if err != nil || name == "" {
		return nil, err
	}
	return p.readTable(ctx, conn, schema, name)
}

var _ = strings.ToUpper
