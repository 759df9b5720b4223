package gormstore_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/gormtrail/audit/storage/gormstore"
)

func TestPartitionsAreForPostgreSQL(t *testing.T) {
	_, err := gormstore.New(openSQLite(t, nil), &gormstore.Options{Partitions: gormstore.Monthly})
	assert.ErrorContains(t, err, "Options.Partitions is for PostgreSQL, and the database is sqlite")
	_, err = gormstore.New(openSQLite(t, nil), &gormstore.Options{Partitions: 7})
	assert.ErrorContains(t, err, "neither Unpartitioned nor Monthly")
}
