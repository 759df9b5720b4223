package sqltext

import "slices"

// Splits reports whether the text commits changes and leaves another transaction
// open, so that nothing that follows it on its connection could be committed with
// them, or may do so. inTx: the text runs in a transaction of the host's.
func (t Text) Splits(d Dialect, inTx bool) bool {
	if t.unsteady && t.controlsUnsure() {
		return true
	}
	x := transaction{dialect: d, open: inTx}
	for _, c := range t.steps {
		x.follow(c)
		if inTx && x.ended && x.open { // an error would leave it open
			return x.wrote
		}
	}
	return x.open && x.committed
}

// LeavesOpen reports whether a transaction is open behind the text.
func (t Text) LeavesOpen(d Dialect, inTx bool) bool {
	x := transaction{dialect: d, open: inTx}
	for _, c := range t.steps {
		x.follow(c)
	}
	return x.open
}

// controlsUnsure: the text has transaction control that not every reading sees.
func (t Text) controlsUnsure() bool { return len(t.Controls) > 0 || t.Sets }

// transaction is what is known of a connection's transaction while the
// statements of a text run.
type transaction struct {
	dialect    Dialect
	open       bool
	changed    bool     // it holds changes
	savepoints []string // that began it, outermost first
	wrote      bool
	committed  bool // changes were committed
	ended      bool
	manual     bool // a transaction may begin by itself
}

func (x *transaction) follow(c Control) {
	x.manual = x.manual || c.manual
	switch c.Verb {
	case "WRITE":
		x.wrote = true
		x.changed = x.open
		x.committed = x.committed || !x.open
	case "BEGIN":
		if x.dialect == MySQL && x.open {
			x.end(true, false)
		}
		x.open = true
	case "COMMIT":
		x.end(true, c.chain)
	case "ROLLBACK":
		if c.Savepoint == "" {
			x.end(false, c.chain)
		}
	case "SAVEPOINT":
		if x.dialect == SQLite && (!x.open || len(x.savepoints) > 0) {
			x.open = true
			x.savepoints = append(x.savepoints, c.Savepoint)
		}
	case "RELEASE":
		x.release(c.Savepoint)
	}
}

// release: SQLite commits with the outermost savepoint, if that began the
// transaction.
func (x *transaction) release(name string) {
	for i, s := range slices.Backward(x.savepoints) {
		if s != name {
			continue
		}
		if i == 0 {
			x.end(true, false)
		}
		x.savepoints = x.savepoints[:min(i, len(x.savepoints))]
		return
	}
}

func (x *transaction) end(commits, chain bool) {
	x.committed = x.committed || commits && x.changed
	x.changed, x.open, x.ended, x.savepoints = false, chain || x.manual, true, nil
}
