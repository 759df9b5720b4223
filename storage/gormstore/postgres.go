package gormstore

import (
	"github.com/gormtrail/audit/storage/gormstore/internal/schema"
)

// postgres writes entries into PostgreSQL and reads their feed.
type postgres struct {
	t       schema.Table
	inserts postgresInserts
	strict  postgresInserts // that fail for an ID that is stored
}

func newPostgres(t schema.Table) *postgres {
	return &postgres{t: t, inserts: newPostgresInserts(t, once), strict: newPostgresInserts(t, "")}
}

// appended: the newest transaction's last number. A sequence could not be read by
// who may only read tables.
func (d *postgres) appended() string { return lastNumber(d.t.Quoted(`"`)) }

func lastNumber(table string) string {
	return "coalesce((SELECT seq FROM " + table + " ORDER BY xid DESC, seq DESC LIMIT 1), 0)"
}

func (d *postgres) keywordIndex() keywordIndex { return postgresIndex{d.t} }
