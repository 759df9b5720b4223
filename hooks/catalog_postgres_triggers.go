package hooks

import (
	"context"
	"encoding/json"
	"strings"

	"gorm.io/gorm"

	"github.com/gormtrail/audit/hooks/internal/sqltext"
)

// Bounds of the search for what the triggers of a PostgreSQL table write. Beyond
// them they are taken to change rows of the table.
const (
	maxTriggerSteps = 6
	maxTriggerFacts = 500
)

// triggerReader collects what a write of a table leads to: the functions of its
// triggers, the tables that these write, the functions that they call, the
// triggers of those tables, and so on.
type triggerReader struct {
	effects
	own    []relation
	next   namesToAsk
	asked  map[string]bool
	facts  int
	opaque bool
}

// namesToAsk are tables and functions that the catalog was not asked for yet.
type namesToAsk struct{ tables, functions []string }

// triggerFact is one row of the catalog queries, by its kind: "own" (relation),
// "trigger" (relation, verbs, language, source), "function" (name, language,
// source), "key" (relation, of, columns, refers and the rules) or "underlying"
// (relation, of).
type triggerFact struct {
	Kind               string
	Schema, Name       string // the relation; the name of a function
	OfSchema, OfName   string
	Type               int // pg_trigger.tgtype
	Language, Source   string
	Columns, Refers    []string
	OnDelete, OnUpdate string
}

// writesBackPostgres learns by which kinds of statements triggers may change or
// remove rows of the table after they were written.
func (t *table) writesBackPostgres(ctx context.Context, conn gorm.ConnPool) error {
	r := &triggerReader{asked: map[string]bool{}}
	r.functions = map[string][]body{}
	if err := r.read(ctx, conn, firstTriggers, int64(t.oid)); err != nil {
		return err
	}
	for range maxTriggerSteps {
		if r.opaque || len(r.next.tables)+len(r.next.functions) == 0 {
			break
		}
		ask := r.next
		r.next = namesToAsk{}
		if err := r.read(ctx, conn, nextTriggers, postgresArray(ask.tables), postgresArray(ask.functions)); err != nil {
			return err
		}
	}
	if r.opaque || len(r.next.tables)+len(r.next.functions) > 0 {
		t.writesBack, t.rekeys = inserts|updates|deletes, true
		return nil
	}
	t.writesBack, t.rekeys = r.writesBack(r.own, t.key)
	return nil
}

func (r *triggerReader) read(ctx context.Context, conn gorm.ConnPool, query string, args ...any) error {
	return eachRow(ctx, conn, func(scan func(...any) error) error {
		var text string
		if err := scan(&text); err != nil {
			return err
		}
		var f triggerFact
		if err := json.Unmarshal([]byte(text), &f); err != nil {
			return err
		}
		r.facts++
		r.opaque = r.opaque || r.facts > maxTriggerFacts
		r.take(f)
		return nil
	}, query, args...)
}

func (r *triggerReader) take(f triggerFact) {
	at, of := relation{f.Schema, f.Name}, relation{f.OfSchema, f.OfName}
	switch f.Kind {
	case "own":
		r.own = append(r.own, at)
		r.asked["table "+f.Name] = true
	case "trigger":
		when, does := verbsOfType(f.Type), r.body(f.Language, f.Source)
		r.triggers = append(r.triggers, trigger{on: at, read: func() (verbs, body) { return when, does }})
	case "function":
		r.functions[f.Name] = append(r.functions[f.Name], r.body(f.Language, f.Source))
	case "key":
		r.keys = append(r.keys, reference{at, of, f.Columns, f.Refers, action(f.OnDelete), action(f.OnUpdate)})
		r.askTable(f.Name)
	case "underlying":
		r.underlies = append(r.underlies, underlying{of, at})
		r.askTable(f.Name)
	}
}

// verbsOfType reads pg_trigger.tgtype.
func verbsOfType(bits int) verbs {
	var v verbs
	for bit, verb := range map[int]verbs{4: inserts, 8: deletes, 16: updates} {
		if bits&bit != 0 {
			v |= verb
		}
	}
	return v
}

// body reads a function's source. Functions in other languages and dynamic SQL
// may do anything.
func (r *triggerReader) body(language, source string) body {
	list := sqltext.Tokens(source, sqltext.PostgreSQL, len(source))
	opaque := language != "sql" && language != "plpgsql" || source == ""
	for i := range list {
		if list[i].Kind == sqltext.Word {
			list[i].Text = strings.ToLower(list[i].Text)
			opaque = opaque || list[i].Text == "execute" || list[i].Text == "truncate"
		}
	}
	b := readBody(source, list)
	b.opaque = opaque
	for _, w := range b.writes {
		r.askTable(w.name)
	}
	for _, name := range b.calls {
		if !r.asked["function "+name] {
			r.asked["function "+name] = true
			r.next.functions = append(r.next.functions, name)
		}
	}
	return b
}

func (r *triggerReader) askTable(name string) {
	if !r.asked["table "+name] {
		r.asked["table "+name] = true
		r.next.tables = append(r.next.tables, name)
	}
}

// postgresPassesOn is true of a foreign key f that changes the rows that refer.
const postgresPassesOn = `f.contype = 'f' AND (f.confdeltype IN ('c', 'n', 'd') OR f.confupdtype IN ('c', 'n', 'd'))`

// triggersFrom selects facts about the relations in "written": the triggers that
// meet the condition, and the foreign keys that change other rows.
func triggersFrom(condition string) string {
	return `SELECT json_build_object('kind', 'trigger', 'schema', n.nspname, 'name', c.relname, 'type', g.tgtype, 'language', l.lanname, 'source', p.prosrc)::text
		FROM pg_trigger g JOIN pg_proc p ON ` + postgresUserTrigger + ` JOIN pg_language l ON l.oid = p.prolang
		JOIN pg_class c ON c.oid = g.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE g.tgrelid IN (SELECT oid FROM written) AND ` + condition + `
	UNION SELECT json_build_object('kind', 'key', 'schema', n.nspname, 'name', c.relname, 'ofSchema', rn.nspname, 'ofName', rc.relname,
			'onDelete', f.confdeltype::text, 'onUpdate', f.confupdtype::text,
			'columns', (SELECT json_agg(a.attname) FROM pg_attribute a WHERE a.attrelid = f.conrelid AND a.attnum = ANY (f.conkey)),
			'refers', (SELECT json_agg(a.attname) FROM pg_attribute a WHERE a.attrelid = f.confrelid AND a.attnum = ANY (f.confkey)))::text
		FROM pg_constraint f JOIN pg_class c ON c.oid = f.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
		JOIN pg_class rc ON rc.oid = f.confrelid JOIN pg_namespace rn ON rn.oid = rc.relnamespace
		WHERE f.confrelid IN (SELECT oid FROM written) AND ` + postgresPassesOn
}

// firstTriggers selects what writing the table with the OID $1 leads to. Only
// triggers that fire after its rows were written count.
var firstTriggers = `WITH RECURSIVE up(oid) AS (
		SELECT $1::bigint::oid UNION SELECT i.inhparent FROM pg_inherits i JOIN up ON i.inhrelid = up.oid),
	down(oid) AS (
		SELECT $1::bigint::oid UNION SELECT i.inhrelid FROM pg_inherits i JOIN down ON i.inhparent = down.oid),
	written AS (SELECT oid FROM up UNION SELECT oid FROM down)
	SELECT json_build_object('kind', 'own', 'schema', n.nspname, 'name', c.relname)::text
		FROM written JOIN pg_class c ON c.oid = written.oid JOIN pg_namespace n ON n.oid = c.relnamespace
	UNION ` + triggersFrom(postgresAfter)

// nextTriggers selects what writing the tables $1 and calling the functions $2
// leads to. Names are looked for in every schema: which one is meant depends on
// the search_path of the moment. A function that is not volatile writes nothing,
// and those of extensions in C are taken to write no tables.
var nextTriggers = `WITH written AS (SELECT c.oid FROM pg_class c WHERE c.relname = ANY ($1::text[]) AND c.relkind IN ('r', 'p', 'v', 'f'))
	SELECT json_build_object('kind', 'function', 'name', p.proname, 'language', l.lanname, 'source', p.prosrc)::text
		FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
		WHERE p.proname = ANY ($2::text[]) AND p.provolatile = 'v' AND p.prokind IN ('f', 'p') AND l.lanname NOT IN ('internal', 'c')
			AND p.pronamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
	UNION SELECT json_build_object('kind', 'trigger', 'schema', n.nspname, 'name', c.relname, 'type', 28, 'language', 'rule', 'source', '')::text
		FROM pg_rewrite w JOIN pg_class c ON c.oid = w.ev_class JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE w.ev_class IN (SELECT oid FROM written) AND w.rulename <> '_RETURN' AND w.ev_enabled <> 'D'
	UNION SELECT json_build_object('kind', 'underlying', 'schema', n.nspname, 'name', c.relname, 'ofSchema', vn.nspname, 'ofName', v.relname)::text
		FROM (SELECT i.inhparent AS of, i.inhrelid AS base FROM pg_inherits i
			UNION ALL SELECT i.inhrelid, i.inhparent FROM pg_inherits i
			UNION ALL SELECT w.ev_class, d.refobjid FROM pg_rewrite w JOIN pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::regclass
				AND d.objid = w.oid AND d.refclassid = 'pg_catalog.pg_class'::regclass WHERE d.refobjid <> w.ev_class) u
		JOIN pg_class v ON v.oid = u.of JOIN pg_namespace vn ON vn.oid = v.relnamespace
		JOIN pg_class c ON c.oid = u.base JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE u.of IN (SELECT oid FROM written)
	UNION ` + triggersFrom("true")
