// Package history reads the history of one record from the audit log: its entries in
// the order of its changes (Of), its state at a moment (At, After), and the changes
// between two moments (Between). It needs a Reader and nothing else, so what the Reader
// doesn't show isn't in the history either.
package history
