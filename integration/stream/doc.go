// Package stream follows one database from several processes: on PostgreSQL,
// MariaDB and SQLite, with processes that are killed, connections that break and
// transactions that commit late.
package stream
