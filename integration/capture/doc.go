// Package capture judges the capture of row changes: every way in which GORM
// can change a row, on SQLite, PostgreSQL and MariaDB, compared with what the
// databases' own triggers saw. It holds tests only; package judge beneath it
// holds the judge.
package capture
