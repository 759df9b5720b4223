// Package hooks is the GORM plugin that captures row changes: every create,
// update, destroy and restore of a row becomes an audit.Entry with the old and
// new value of each column, appended in the host's own transaction.
//
//	err := db.Use(hooks.New(trail, nil))
//
// In the order in which a statement passes through:
//
//   - plugin.go registers the callbacks and wraps the connection pool, so that
//     the plugin sees each transaction begin, commit, roll back and set
//     savepoints (pool.go). Each transaction has a unit of work (unit.go).
//   - While GORM runs its own create, update or delete, the statement's
//     connection is a probe (probe.go): it gets the finished SQL at the moment
//     of execution, when all that GORM, its plugins and the model add to the
//     condition is in it.
//   - The probe reads the rows before (update.go, delete.go, insert.go), runs
//     the statement, with RETURNING where the database has it, and knows the
//     rows after. What GORM asked for is handed back unchanged (replay.go).
//   - Where foreign keys pass on what the statement does, the rows that refer to
//     its own are read before and after it (foreign.go, cascade.go).
//   - Rows are compared column by column in their database meaning (value.go,
//     diff.go). A table is described by the database's catalog (table.go,
//     catalog*.go) and by the tags of its model (model.go).
//   - Secrets in primary keys are hashed in IDs (secretkey.go), for which a host asks
//     by its model (objectid.go); what earlier versions stored is masked likewise
//     (masker.go).
//   - The entries wait in the unit of work and are appended just before the
//     commit, in one statement.
//
// What callbacks can't see is not captured row by row: raw SQL (recorded as
// one entry of action "execute", see Options.Raw), the effects of database
// triggers on other rows, other programs.
package hooks
