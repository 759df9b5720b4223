// Package capture runs the cases and random programs of package capturetest on
// PostgreSQL and MariaDB, and on SQLite with the newest GORM. It holds tests only.
package capture
