package sqltext

import (
	"slices"
	"strings"
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

// Control is a statement that begins or ends a transaction or a savepoint.
type Control struct {
	// Verb is BEGIN, COMMIT, ROLLBACK, SAVEPOINT, RELEASE, or SET for a
	// statement that makes the transaction read-only or ends that.
	Verb string
	// Savepoint is the name behind SAVEPOINT, RELEASE and ROLLBACK TO, folded as
	// the database compares it.
	Savepoint string
	ReadOnly  bool
}

// transactionWords may stand behind BEGIN and START TRANSACTION.
var transactionWords = []string{
	"WORK", "TRANSACTION", "DEFERRED", "IMMEDIATE", "EXCLUSIVE", "CONCURRENT", "ISOLATION", "LEVEL", "READ", "WRITE", "ONLY", "SERIALIZABLE",
	"REPEATABLE", "COMMITTED", "UNCOMMITTED", "NOT", "DEFERRABLE", "WITH", "CONSISTENT", "SNAPSHOT",
}

// control reads transaction control.
func (p part) control(verb string) (Control, bool) {
	switch verb {
	case "BEGIN", "START":
		if verb == "START" && !(len(p) > 1 && p[1].Is("TRANSACTION")) || !p.onlyWords(transactionWords) {
			return Control{}, false
		}
		readOnly, _ := p.setsReadOnly()
		return Control{Verb: "BEGIN", ReadOnly: readOnly}, true
	case "COMMIT", "END":
		return Control{Verb: "COMMIT"}, true
	case "ROLLBACK", "ABORT":
		return Control{Verb: "ROLLBACK", Savepoint: p.savepointBehind("TO")}, true
	case "SAVEPOINT", "RELEASE":
		return Control{Verb: verb, Savepoint: p.savepointBehind(verb)}, true
	case "PREPARE":
		if len(p) > 1 && p[1].Is("TRANSACTION") {
			return Control{Verb: "COMMIT"}, true
		}
	}
	return Control{}, false
}

func (p part) onlyWords(words []string) bool {
	return !slices.ContainsFunc(p[1:], func(t Token) bool { return !t.isAny(words...) && !t.IsSign(',') })
}

// savepointBehind returns the name behind a word and an optional SAVEPOINT.
func (p part) savepointBehind(word string) string {
	i := slices.IndexFunc(p, func(t Token) bool { return t.Is(word) }) + 1
	if i > 0 && i+1 < len(p) && p[i].Is("SAVEPOINT") {
		i++
	}
	if i == 0 || i >= len(p) || p[i].Kind != Word && p[i].Kind != Name {
		return ""
	}
	return strings.ToUpper(p[i].Text)
}
