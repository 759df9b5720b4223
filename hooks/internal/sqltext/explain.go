package sqltext

import "strings"

// explain reads EXPLAIN, which runs the statement behind it with ANALYZE only,
// and MariaDB's ANALYZE, which always does.
func (p part) explain(verb string, d Dialect) Text {
	inner, runs := p.explained(verb, d)
	switch {
	case verb == "ANALYZE" || verb == "ANALYSE":
		if d != MySQL || len(p) < 2 || p[1].isAny("TABLE", "TABLES", "LOCAL", "NO_WRITE_TO_BINLOG") {
			return p.settle(verb, true)
		}
	case d == SQLite && inner != nil && inner[0].Is("PRAGMA"):
		return inner.pragma() // some of them act while they are prepared
	case !runs:
		return Text{Effect: Reads}
	}
	if inner == nil {
		return p.other(verb)
	}
	return inner.text(d)
}

// explained returns the statement behind EXPLAIN and its options, nil if none is
// found, and whether it runs.
func (p part) explained(verb string, d Dialect) (inner part, runs bool) {
	i := 1
	if d == PostgreSQL && len(p) > 2 && p[1].IsSign('(') && !p[2].IsSign('(') && !p[2].isAny("SELECT", "WITH", "VALUES", "TABLE") {
		for i = 2; i < len(p) && !p[i].IsSign(')'); i++ {
			runs = runs || !p[i].isAny(explainOptions...) && !p[i].IsSign(',') && p[i].Kind != Value
		}
		i++
	}
	for ; i < len(p); i++ {
		t := p[i]
		switch {
		case t.isAny("ANALYZE", "ANALYSE"):
			runs = true
		case t.isAny("SELECT", "WITH", "VALUES", "TABLE", "PRAGMA", "EXECUTE", "CREATE", "DECLARE", "REFRESH", "CALL") || t.isAny(dmlVerbs...) || t.IsSign('('):
			return p[i:], runs
		}
	}
	return nil, runs || d == MySQL && p.hasWord("ANALYZE")
}

// explainOptions are the words of PostgreSQL's EXPLAIN (…) under which nothing
// runs.
var explainOptions = []string{
	"VERBOSE", "COSTS", "SETTINGS", "GENERIC_PLAN", "BUFFERS", "WAL", "TIMING", "SUMMARY", "MEMORY", "SERIALIZE", "FORMAT",
	"TEXT", "XML", "JSON", "YAML", "ON", "OFF", "TRUE", "FALSE", "NONE", "BINARY",
}

func (p part) hasWord(word string) bool {
	for _, t := range p {
		if t.Is(word) {
			return true
		}
	}
	return false
}

// pragma reads SQLite's PRAGMA. It is never put into a transaction, in which
// many settings have no effect.
func (p part) pragma() Text {
	name, i := "", 1
	for ; i < len(p) && (p[i].Kind == Word || p[i].Kind == Name || p[i].IsSign('.')); i++ {
		name = strings.ToLower(p[i].Text)
	}
	assigns := i < len(p)
	switch {
	case pragmaReads[name], !assigns && !pragmaActs[name]:
		return Text{Effect: Reads}
	case pragmaActs[name], pragmaSets[name], strings.HasPrefix(name, "cipher_"):
		return Text{Effect: Settles, Verb: "PRAGMA", Bare: true}
	}
	return Text{Effect: Writes, Verb: "PRAGMA", Bare: true}
}

func setOf(words string) map[string]bool {
	set := map[string]bool{}
	for _, w := range strings.Fields(words) {
		set[w] = true
	}
	return set
}

var (
	// pragmaReads have arguments and change nothing.
	pragmaReads = setOf(`table_info table_xinfo table_list index_list index_info index_xinfo foreign_key_list foreign_key_check
		integrity_check quick_check`)
	// pragmaActs do something without an argument, but to no row.
	pragmaActs = setOf("incremental_vacuum optimize wal_checkpoint shrink_memory")
	// pragmaSets are settings of the connection and of the file.
	pragmaSets = setOf(`analysis_limit auto_vacuum automatic_index busy_timeout cache_size cache_spill case_sensitive_like cell_size_check
		checkpoint_fullfsync count_changes defer_foreign_keys empty_result_callbacks encoding foreign_keys full_column_names fullfsync
		hard_heap_limit ignore_check_constraints journal_mode journal_size_limit key legacy_alter_table locking_mode max_page_count mmap_size
		page_size query_only read_uncommitted recursive_triggers rekey reverse_unordered_selects secure_delete short_column_names
		soft_heap_limit synchronous temp_store temp_store_directory threads trusted_schema wal_autocheckpoint`)
)
