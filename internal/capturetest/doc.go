// Package capturetest judges the capture of row changes: every way in which GORM
// can change a row, in named cases and in random programs, compared with what
// the database's own triggers saw. Package judge beneath it holds the judge.
//
// It is a library, and its tests are run from two places: package hooks runs
// them on SQLite with nothing but Go, integration/capture on the servers too,
// with what only newer versions of GORM have (see Extras).
package capturetest
