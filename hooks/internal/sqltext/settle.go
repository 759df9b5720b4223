package sqltext

import (
	"slices"
)

// settle reads a statement that changes no rows, unless it holds one that does.
func (p part) settle(verb string, bare bool) Text {
	if p.dmlAt(1) >= 0 {
		return p.other(verb)
	}
	return Text{Effect: Settles, Verb: verb, Bare: bare}
}

// set reads SET. On MySQL its values may be queries and calls, and SET STATEMENT
// runs another statement.
func (p part) set(d Dialect) Text {
	switch {
	case d == SQLite:
		return p.other("SET")
	case d == MySQL && len(p) > 1 && p[1].Is("PASSWORD"):
		return Text{Effect: Defines, Verb: "SET"}
	case d == MySQL && (len(p) > 1 && p[1].Is("STATEMENT") || slices.ContainsFunc(p, func(t Token) bool { return t.IsSign('(') })):
		return p.other("SET")
	}
	t := Text{Effect: Settles, Verb: "SET"}
	if d == MySQL && slices.ContainsFunc(p, func(t Token) bool { return t.Is("autocommit") || t.Text == "@autocommit" || t.Text == "@@autocommit" }) {
		t.Bare, t.Controls = true, []Control{{Verb: "COMMIT", chain: true, manual: true}}
	}
	if readOnly, ok := p.setsReadOnly(); ok {
		t.Controls = []Control{{Verb: "SET", ReadOnly: readOnly}}
	}
	return t
}

// setsReadOnly: SET TRANSACTION READ ONLY, SET transaction_read_only = on.
func (p part) setsReadOnly() (readOnly, ok bool) {
	for i, t := range p {
		switch {
		case t.Is("READ") && i+1 < len(p) && p[i+1].isAny("ONLY", "WRITE"):
			readOnly, ok = p[i+1].Is("ONLY"), true
		case t.Is("transaction_read_only") && i+2 < len(p):
			readOnly, ok = !p[i+2].isAny("off", "false", "no"), true
		}
	}
	return readOnly, ok
}
