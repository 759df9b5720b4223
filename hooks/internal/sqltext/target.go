package sqltext

import "slices"

// noise are the words that may stand between a verb and its table.
var noise = []string{
	"INTO", "FROM", "ONLY", "IGNORE", "OR", "ABORT", "FAIL", "ROLLBACK", "REPLACE", "LOW_PRIORITY", "DELAYED", "HIGH_PRIORITY", "QUICK",
	"OVERWRITE", "TABLE", "IF", "NOT", "EXISTS", "BINARY",
}

// dml reads a statement that changes rows.
func (p part) dml(verb string) Text {
	t := Text{Effect: Writes, Verb: verb, Partial: p.hasWord("FAIL")}
	var next int
	t.Schema, t.Table, next = p.tableAt(1)
	if t.Table != "" {
		t.targets = append(t.targets, Target{verb, t.Schema, t.Table})
	}
	if verb == "UPDATE" || verb == "DELETE" {
		t.targets = append(t.targets, p.alsoNamed(verb, next)...)
	}
	return t
}

// alsoNamed are the other tables of an UPDATE up to its SET, and of a DELETE of
// several tables: MySQL writes any of them.
func (p part) alsoNamed(verb string, from int) []Target {
	if _, joined := p.alias(from); verb == "UPDATE" && !joined {
		return nil
	}
	until := []string{"SET", "WHERE", "RETURNING", "ORDER", "LIMIT"}
	if verb == "DELETE" && !(from < len(p) && p[from].isSignOf(",.") || p.severalTables(from)) {
		return nil
	}
	var list []Target
	for i := from; i < len(p) && !p[i].isAny(until...) && !p[i].IsSign(';'); i++ {
		if p[i].names() {
			list = append(list, Target{Verb: verb, Table: p[i].Text})
		}
	}
	return list
}

// severalTables: DELETE a FROM a JOIN b …, and DELETE FROM a USING a JOIN b ….
func (p part) severalTables(from int) bool {
	return from < len(p) && p[from].Is("FROM") || from < len(p) && p[from].Is("USING") && p.hasWord("JOIN")
}

// tableAt returns the table that is named at i, and the index behind its name.
func (p part) tableAt(i int) (schema, table string, next int) {
	for i < len(p) && (p[i].Kind == Word && p[i].isAny(noise...) || p[i].IsSign('(') && p[i-1].Is("ONLY")) {
		i++
	}
	if i >= len(p) || !p[i].names() {
		return "", "", i
	}
	table = p[i].Text
	for i+2 < len(p) && p[i+1].IsSign('.') && p[i+2].names() {
		schema, table = table, p[i+2].Text
		i += 2
	}
	return schema, table, i + 1
}

// ddl reads DDL. What a table or view is created from may change rows; what a
// trigger, rule or routine does is in its body.
func (p part) ddl(verb string) Text {
	t := Text{Effect: Defines, Verb: verb, Bare: p.outsideTransactions()}
	kind := p.defined()
	switch {
	case verb == "CREATE" && (kind == "TABLE" || kind == "VIEW"):
		if p.hasWord("WITH") && p.dmlAt(1) >= 0 {
			return p.other(verb)
		}
	case verb == "CREATE" && kind != "" && kind != "INDEX":
		t.targets = p.other(verb).targets
		t.Opaque = kind == "EVENT"
		if kind == "TRIGGER" || kind == "RULE" {
			t.targets = append(t.targets, p.names(verb)...)
		}
	}
	t.Schema, t.Table = p.definedTable(verb)
	if verb == "ALTER" || verb == "DROP" || verb == "TRUNCATE" || verb == "RENAME" {
		t.targets = append(t.targets, p.names(verb)...)
	}
	return t
}

// names reports whether the token can be a name: a quoted text is one to SQLite,
// and to MySQL under ANSI_QUOTES.
func (t Token) names() bool {
	return t.Kind == Word || t.Kind == Name || t.Kind == Value && t.Text != ""
}

// names are all names of a statement.
func (p part) names(verb string) []Target {
	var list []Target
	for _, t := range p[1:] {
		if t.names() {
			list = append(list, Target{Verb: verb, Table: t.Text})
		}
	}
	return list
}

func (p part) definedTable(verb string) (schema, table string) {
	i := slices.IndexFunc(p, func(t Token) bool { return t.Is("TABLE") })
	if i < 0 && verb == "TRUNCATE" {
		i = 0
	}
	if i < 0 {
		return "", ""
	}
	schema, table, _ = p.tableAt(i + 1)
	return schema, table
}

// outsideTransactions reports whether PostgreSQL refuses the statement in a
// transaction.
func (p part) outsideTransactions() bool {
	if p.hasWord("CONCURRENTLY") {
		return true
	}
	return len(p) > 1 && p[1].isAny("DATABASE", "TABLESPACE", "SYSTEM", "SUBSCRIPTION")
}
