// Package gormstore keeps the trail in the host's own SQL database: SQLite,
// PostgreSQL (13 or later), MySQL (8 or later) and MariaDB (10.6 or later).
//
//	store, err := gormstore.New(db, nil)
//	err = store.Migrate(ctx)
//	trail, err := audit.New(store, nil)
//
// The *gorm.DB says which database it is; the store's statements go to the
// *sql.DB underneath, never through GORM's callbacks, its logger, its prepared
// statements or a transaction that the host has open. Only AppendTx writes in
// the host's transaction, through what it is given.
//
// A store is safe for concurrent use, by several processes too.
package gormstore
