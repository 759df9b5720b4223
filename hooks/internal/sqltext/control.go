package sqltext

import (
	"slices"
	"strings"
)

// Control is a statement that begins or ends a transaction or a savepoint.
type Control struct {
	// Verb is BEGIN, COMMIT (also of a statement before which MySQL commits),
	// ROLLBACK, SAVEPOINT, RELEASE, LOCK and UNLOCK (of MySQL's tables), or SET for
	// a statement that makes the transaction read-only or ends that.
	Verb string
	// Savepoint is the name behind SAVEPOINT, RELEASE and ROLLBACK TO, folded as
	// the database compares it.
	Savepoint string
	ReadOnly  bool
	chain     bool // COMMIT AND CHAIN: another transaction begins, or a state like one
	manual    bool // SET autocommit: from here on every COMMIT may do so
}

// EndsByRollback reports whether the statement undoes the whole transaction.
func (c Control) EndsByRollback() bool { return c.Verb == "ROLLBACK" && c.Savepoint == "" }

// commits reports whether MySQL commits the transaction before it runs the
// statement.
func (p part) commits(verb string, e Effect) bool {
	switch e {
	case Defines:
		return !p.hasWord("TEMPORARY")
	case Settles:
		return slices.Contains([]string{"LOCK", "UNLOCK", "ANALYZE", "CHECK", "FLUSH", "OPTIMIZE", "REPAIR", "RESET"}, verb)
	}
	return false
}

// transactionWords may stand behind BEGIN and START TRANSACTION.
var transactionWords = []string{
	"WORK", "TRANSACTION", "DEFERRED", "IMMEDIATE", "EXCLUSIVE", "CONCURRENT", "ISOLATION", "LEVEL", "READ", "WRITE", "ONLY", "SERIALIZABLE",
	"REPEATABLE", "COMMITTED", "UNCOMMITTED", "NOT", "DEFERRABLE", "WITH", "CONSISTENT", "SNAPSHOT",
}

// control reads transaction control. END ends a block on MySQL.
func (p part) control(verb string, d Dialect) (Control, bool) {
	if d == MySQL && (verb == "END" || verb == "ABORT") {
		return Control{}, false
	}
	switch verb {
	case "BEGIN", "START":
		if verb == "START" && !(len(p) > 1 && p[1].Is("TRANSACTION")) || !p.onlyWords(transactionWords) {
			return Control{}, false
		}
		readOnly, _ := p.setsReadOnly()
		return Control{Verb: "BEGIN", ReadOnly: readOnly}, true
	case "COMMIT", "END":
		return Control{Verb: "COMMIT", chain: p.chains()}, true
	case "ROLLBACK", "ABORT":
		return Control{Verb: "ROLLBACK", Savepoint: p.savepointBehind("TO"), chain: p.chains()}, true
	case "SAVEPOINT", "RELEASE":
		return Control{Verb: verb, Savepoint: p.savepointBehind(verb)}, true
	case "PREPARE":
		if len(p) > 1 && p[1].Is("TRANSACTION") {
			return Control{Verb: "COMMIT"}, true
		}
	}
	return Control{}, false
}

// chains: COMMIT AND CHAIN, but not COMMIT AND NO CHAIN.
func (p part) chains() bool {
	return slices.ContainsFunc(p, func(t Token) bool { return t.Is("CHAIN") }) && !p.hasWord("NO")
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

// controlVerbs begin statements that have Controls.
var controlVerbs = []string{"BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT", "SAVEPOINT", "RELEASE", "PREPARE", "SET"}

// ControlsOf returns the Controls of a text on a connection that does not see
// MySQL's implicit commits. It is quick for a text that has none.
func ControlsOf(sql string, d Dialect) []Control {
	if strings.IndexByte(sql, ';') < 0 {
		first := Tokens(sql, d, 1)
		if len(first) == 0 || !first[0].isAny(controlVerbs...) {
			return nil
		}
	}
	return Read(sql, d).Controls
}
