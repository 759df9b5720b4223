// Package export shows how a trail is written to files. The code in
// docs/export.md is a part of its tests.
package export
