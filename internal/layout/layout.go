// Package layout holds the repository's own rules, as tests that parse its
// sources: who may import whom, what is documented, what the README shows. It
// has no other code.
//
// The tests read files and run nothing: a test that calls the go command passes
// stale, because the test cache doesn't know what that command read.
package layout
