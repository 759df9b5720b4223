package audit

import (
	"bytes"
	"strings"
)

// nameRules are Redaction's Secrets and Except by the words of their names, so that
// "APIKeys.userPin" is "api_keys.user_pin".
type nameRules struct {
	secret map[string]bool // "user pin" or "api key.user pin" → whether it is a secret's
}

// rules returns the redaction's own names; nil if it has none.
func (r *Redaction) rules() *nameRules {
	if r.names != nil || len(r.Secrets) == 0 && len(r.Except) == 0 {
		return r.names
	}
	return newNameRules(r.Secrets, r.Except) // not made by New
}

// ready is the redaction with its names ready to be looked up.
func (r *Redaction) ready() *Redaction {
	if r == nil {
		return &Redaction{}
	}
	c := *r
	c.names, c.HashKey = nil, bytes.Clone(r.HashKey)
	c.names = c.rules()
	return &c
}

func newNameRules(secrets, except []string) *nameRules {
	n := &nameRules{secret: map[string]bool{}}
	for _, name := range secrets {
		n.secret[ruleKey(name)] = true
	}
	for _, name := range except {
		n.secret[ruleKey(name)] = false
	}
	return n
}

// ruleKey is the words of "column" or "table.column".
func ruleKey(name string) string {
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		return joinWords(name[:i]) + "." + joinWords(name[i+1:])
	}
	return joinWords(name)
}

// find returns what the options say of a name; Except wins.
func (n *nameRules) find(object, name string) (secret, ok bool) {
	column := joinWords(name)
	general, hasGeneral := n.secret[column]
	exact, hasExact := n.secret[joinWords(object)+"."+column]
	switch {
	case hasGeneral && hasExact:
		return general && exact, true
	case hasExact:
		return exact, true
	}
	return general, hasGeneral
}

func joinWords(name string) string {
	var room [8]nameWord
	var b strings.Builder
	for i, w := range splitName(room[:0], name) {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(w.text)
	}
	return b.String()
}
