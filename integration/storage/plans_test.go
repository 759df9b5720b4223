package storage

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/glebarez/sqlite"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorm.io/driver/mysql"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/search"
	"github.com/gormtrail/audit/storage/gormstore"
)

// planEntries is the size of the trail whose plans are looked at.
const planEntries = 100_000

// mostTouched is how many rows or index entries a statement for a page may look
// at, in any step of its plan: 50 for each of 100 tenants, and some more.
const mostTouched = 6000

// standardQueries are what pages, API and exports ask for all day.
func standardQueries(g *generator) map[string]audit.Query {
	one := audit.Filter{Tenants: []string{tenantName(1)}}
	queries := map[string]audit.Query{
		"newest":                    {},
		"oldest":                    {Sort: audit.SortTime},
		"a time range":              {Filter: audit.Filter{From: g.at(36_000), To: g.at(43_200)}},
		"a tenant's newest":         {Filter: one},
		"some tenants' newest":      {Filter: audit.Filter{Tenants: []string{tenantName(1), tenantName(5), tenantName(40)}}},
		"a user's activity":         {Filter: audit.Filter{Users: []string{userName(3)}}},
		"a record's history":        {Filter: audit.Filter{ObjectTypes: []string{"type-01"}, ObjectIDs: []string{"7"}}},
		"an address's activity":     {Filter: audit.Filter{IPs: []string{g.first().entry().Request.IP}}},
		"a rare action":             {Filter: audit.Filter{Actions: []string{"action-19"}}},
		"what failed in a tenant":   {Filter: audit.Filter{Tenants: one.Tenants, Outcomes: []audit.Outcome{audit.Denied, audit.Failure}}},
		"what failed":               {Filter: audit.Filter{Outcomes: []audit.Outcome{audit.Failure}, ObjectTypes: []string{"type-00"}}},
		"a transaction":             {Filter: audit.Filter{TransactionID: "tx-77"}},
		"a request":                 {Filter: audit.Filter{RequestID: "req-777"}},
		"a range and three choices": {Filter: audit.Filter{Tenants: one.Tenants, From: g.began, To: g.at(72_000), Actions: []string{"action-00", "action-03"}, ObjectTypes: []string{"type-00", "type-02", "type-07"}, Users: []string{userName(0), userName(1), userName(17)}}},
	}
	for _, sort := range []audit.Sort{audit.SortRecorded, audit.SortRecorded.Reverse()} {
		record := queries["a record's history"].Filter
		queries["a record, "+string(sort)] = audit.Query{Filter: record, Sort: sort}
		record.Tenants = []string{tenantName(0)}
		queries["a record of a tenant, "+string(sort)] = audit.Query{Filter: record, Sort: sort, Limit: 5}
	}
	queries["an actor by its ID"] = audit.Query{Filter: audit.Filter{ActorIDs: []string{"4000"}}}
	queries["a project"] = audit.Query{Filter: audit.Filter{Projects: []string{"project-10"}}}
	queries["a small project of a tenant"] = audit.Query{Filter: audit.Filter{Tenants: []string{tenantName(0)}, Projects: []string{"project-150"}}}
	queries["a small project's frequent action"] = audit.Query{Filter: audit.Filter{Tenants: []string{tenantName(0)}, Projects: []string{"project-90"}, Actions: []string{"action-00"}}}
	queries["a large project's rare action"] = audit.Query{Filter: audit.Filter{Tenants: []string{tenantName(0)}, Projects: []string{"project-0"}, Actions: []string{"action-19"}}}
	queries["a small project by user"] = audit.Query{Filter: audit.Filter{Tenants: []string{tenantName(0)}, Projects: []string{"project-90"}}, Sort: audit.SortUser}
	queries["a rare actor's frequent action"] = audit.Query{Filter: typed("actor:"+userName(40)+" action:action-00", one)}
	queries["a frequent actor"] = audit.Query{Filter: typed("actor:"+userName(0), one)}
	queries["some actors, by address"] = audit.Query{Filter: typed("actor:300,"+userName(20), one), Sort: audit.SortIP}
	queries["some transactions"] = audit.Query{Filter: typed("transaction:tx-77,tx-780,tx-9000", audit.Filter{})}
	queries["some requests"] = audit.Query{Filter: typed("request:req-77,req-9000", audit.Filter{})}
	one77 := g.first().entries(300)[230] // tx-77's tenant, and its type
	queries["a transaction in a tenant"] = audit.Query{Filter: audit.Filter{TransactionID: one77.TransactionID, ObjectTypes: []string{one77.Object.Type}}.And(audit.Filter{Tenants: []string{one77.Tenant}})}
	queries["a request by user"] = audit.Query{Filter: audit.Filter{RequestID: one77.Request.ID}, Sort: audit.SortUser}
	queries["addresses of a prefix"] = audit.Query{Filter: audit.Filter{Tenants: one.Tenants, IPs: []string{one77.Request.IP + "/24"}}}
	for _, key := range []audit.Sort{audit.SortObjectType, audit.SortObjectID, audit.SortAction, audit.SortUser, audit.SortIP, audit.SortTenant} {
		queries["by "+string(key)] = audit.Query{Sort: key}
		queries["by "+string(key.Reverse())+" in a tenant"] = audit.Query{Filter: one, Sort: key.Reverse()}
	}
	return queries
}

// typed is what a person types into the search box, in a scope.
func typed(keyword string, scope audit.Filter) audit.Filter {
	f, err := search.Parse(keyword, nil, nil)
	if err != nil {
		panic(err)
	}
	return f.And(scope)
}

// otherReads are those that are no pages.
func otherReads(t *testing.T, store *gormstore.Store, g *generator) map[string]func() error {
	ctx := context.Background()
	one := audit.Filter{Tenants: []string{tenantName(1)}}
	head, err := store.Head(ctx)
	require.NoError(t, err)
	require.NoError(t, store.Append(ctx, g.entry()))
	return map[string]func() error{
		"facets of a tenant":    func() error { return askFacets(t, store, one) },
		"facets of all tenants": func() error { return askFacets(t, store, audit.Filter{}) },
		"facets of a project in a tenant": func() error {
			return askFacets(t, store, one.And(audit.Filter{Projects: []string{"project-1"}}))
		},
		"count up to a bound": func() error {
			n, more, err := store.Count(ctx, one, 1000)
			assert.True(t, n == 1000 && more, "%d", n)
			return err
		},
		"facets of a small project": func() error {
			found, err := store.Facets(ctx, audit.Filter{Tenants: []string{tenantName(0)}, Projects: []string{"project-90"}})
			assert.NotEmpty(t, found.Actions)
			return err
		},
		"facets of a user": func() error {
			found, err := store.Facets(ctx, audit.Filter{}.And(audit.Filter{Users: []string{userName(700)}}))
			assert.Equal(t, []string{userName(700)}, found.Users)
			return err
		},
		"get": func() error {
			_, err := store.Get(ctx, g.first().entry().ID)
			return err
		},
		"tail from the beginning": func() error {
			list, _, err := tailEntries(ctx, store, audit.Filter{}, "", 50)
			assert.Len(t, list, 50)
			return err
		},
		"tail of what is new": func() error {
			list, _, err := tailEntries(ctx, store, audit.Filter{}, head, 50)
			assert.Len(t, list, 1)
			return err
		},
	}
}

func askFacets(t *testing.T, store *gormstore.Store, f audit.Filter) error {
	found, err := store.Facets(context.Background(), f)
	assert.Len(t, found.Actions, 20)
	assert.Len(t, found.Outcomes, 2)
	return err
}

// TestPlans holds each statement of the standard queries, of their second pages
// and of the ways back to plans without a full scan and without a sort of more
// than what a page is merged of, and says which statement broke it.
func TestPlans(t *testing.T) {
	if testing.Short() {
		t.Skip("it fills three databases")
	}
	for _, plan := range planned {
		for what, opts := range plan.options {
			t.Run(plan.name+", "+what, func(t *testing.T) {
				t.Parallel()
				holdPlans(t, plan, opts)
			})
		}
	}
}

// planned is a database whose plans are looked at, and the options that change
// them.
type plannedServer struct {
	name    string
	open    func(testing.TB) (*gorm.DB, *sql.DB, *recorder)
	check   func(*testing.T, *sql.DB, recorded)
	options map[string]gormstore.Options
}

var planned = []plannedServer{
	{"sqlite", recordedSQLite, checkSQLitePlan, allAndLean},
	{"postgres", recordedPostgres, checkPostgresPlan, map[string]gormstore.Options{"all indexes": {}, "lean": allAndLean["lean"], "sixty months": monthly}},
	{"mysql", recordedMySQL, checkMySQLPlan, allAndLean},
}

var allAndLean = map[string]gormstore.Options{"all indexes": {}, "lean": {Without: gormstore.Lean()}}

func holdPlans(t *testing.T, plan plannedServer, opts gormstore.Options) {
	db, plain, rec := plan.open(t)
	store := migrated(t, db, &opts)
	g := newGenerator(1)
	if opts.Partitions != gormstore.Unpartitioned {
		g = newSpread(1, planEntries, 60)
	}
	fill(t, store, g, plain, plan.name)
	for what, q := range standardQueries(g) {
		if len(opts.Without) > 0 && !servedLean[what] {
			continue
		}
		t.Run(what, func(t *testing.T) {
			askTwoPages(t, store, q, rec)
			for _, statement := range rec.take() {
				plan.check(t, plain, statement)
				if strings.Contains(statement.text, "s (of_tenant") && strings.Contains(statement.text, " OR (") {
					// At ten million entries, reading all of two indexes took a second.
					assert.Contains(t, statement.text, ") IS TRUE", "a stream's alternatives are no reason to leave its index")
				}
			}
		})
	}
	if len(opts.Without) == 0 {
		t.Run("facets of a tenant that are not kept", func(t *testing.T) {
			rec.take()
			require.NoError(t, askFacets(t, store, audit.Filter{Tenants: []string{tenantName(1)}}))
			for _, statement := range rec.take() {
				plan.check(t, plain, statement)
			}
		})
		require.NoError(t, askFacets(t, store, audit.Filter{})) // from here on they are
	}
	for what, ask := range otherReads(t, store, g) {
		if len(opts.Without) > 0 && !servedLean[what] {
			continue
		}
		t.Run(what, func(t *testing.T) {
			rec.take()
			require.NoError(t, ask())
			for _, statement := range rec.take() {
				plan.check(t, plain, statement)
			}
		})
	}
}

// servedLean are the reads that need none of the indexes that a host may do
// without.
var servedLean = map[string]bool{
	"newest": true, "oldest": true, "a time range": true, "a tenant's newest": true, "some tenants' newest": true, "a record's history": true,
	"a record, recorded": true, "a record, -recorded": true, "a record of a tenant, recorded": true, "a record of a tenant, -recorded": true,
	"a transaction": true, "a request": true, "some transactions": true, "some requests": true, "a transaction in a tenant": true, "a request by user": true, "by record": true, "by -record in a tenant": true,
	"count up to a bound": true, "get": true, "tail from the beginning": true, "tail of what is new": true,
}

func fill(t *testing.T, store *gormstore.Store, g *generator, db *sql.DB, name string) {
	for range planEntries / 2000 {
		require.NoError(t, store.Append(context.Background(), g.entries(2000)...))
	}
	statistics := map[string]string{"postgres": "ANALYZE audit_entries", "mysql": "ANALYZE TABLE audit_entries"}[name]
	if statistics != "" { // SQLite hosts seldom run it
		_, err := db.Exec(statistics)
		require.NoError(t, err)
	}
}

func askTwoPages(t *testing.T, store *gormstore.Store, q audit.Query, rec *recorder) {
	ctx := context.Background()
	rec.take()
	page, err := store.Query(ctx, q)
	require.NoError(t, err)
	require.NotEmpty(t, page.Entries)
	if page.Next == "" {
		return
	}
	q.Cursor = page.Next
	second, err := store.Query(ctx, q)
	require.NoError(t, err)
	q.Cursor = second.Prev
	again, err := store.Query(ctx, q)
	require.NoError(t, err)
	require.Equal(t, page.Entries, again.Entries)
}

// checkSQLitePlan: every table is searched by an index or walked in an index's
// order, and what is sorted is never read from the table itself.
func checkSQLitePlan(t *testing.T, db *sql.DB, q recorded) {
	rows, err := db.Query("EXPLAIN QUERY PLAN "+q.text, q.args...)
	require.NoError(t, err)
	defer rows.Close()
	groups := map[int][]string{}
	var whole strings.Builder
	for rows.Next() {
		var id, parent, unused int
		var detail string
		require.NoError(t, rows.Scan(&id, &parent, &unused, &detail))
		groups[parent] = append(groups[parent], detail)
		fmt.Fprintf(&whole, "%d<%d %s\n", id, parent, detail)
	}
	require.NoError(t, rows.Err())
	for _, steps := range groups {
		sorts := false
		for _, step := range steps {
			sorts = sorts || strings.Contains(step, "TEMP B-TREE")
		}
		for _, step := range steps {
			if strings.Contains(step, "VIRTUAL TABLE INDEX") {
				continue // what the keyword index finds
			}
			scan := wholeTables[step]
			sorted := sorts && strings.Contains(step, "audit_entries") && strings.Contains(step, " INDEX ") && !fewRows.MatchString(step)
			if strings.Contains(q.text, "ORDER BY seq") && strings.Contains(step, " COVERING INDEX audit_entries_object (tenant=? AND object_key=?)") {
				sorted = false // the numbers of one record's entries
			}
			if scan || sorted {
				t.Errorf("%q in the plan\n%s\nof %s", step, whole.String(), q.text)
			}
		}
	}
}

// wholeTables are the steps that read a table of many rows through; e is another
// name of either.
var wholeTables = map[string]bool{"SCAN audit_entries": true, "SCAN audit_entries_facets": true, "SCAN e": true}

// fewRows are searches whose rows may be sorted: those of one transaction, of one
// request, of a prefix of addresses; of a project or actors, if they were counted.
var fewRows = regexp.MustCompile(`transaction_id=\?|request_id=\?|ip_key>\?|(project|actor_user|actor_id)=\?\)$`)

// checkPostgresPlan runs the statement and looks at what each step touched.
func checkPostgresPlan(t *testing.T, db *sql.DB, q recorded) {
	tx, err := db.Begin()
	require.NoError(t, err)
	defer func() { require.NoError(t, tx.Rollback()) }()
	if q.setup != "" {
		_, err := tx.Exec(q.setup)
		require.NoError(t, err)
	}
	var text string
	require.NoError(t, tx.QueryRow("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) "+q.text, q.args...).Scan(&text))
	var plans []struct{ Plan pgPlan }
	require.NoError(t, json.Unmarshal([]byte(text), &plans))
	most := mostTouched
	if strings.Contains(q.text, ") walked WHERE ") {
		most = 15 * 1000 // in the order of time, 1,000 entries of the tenant that has a tenth of all
	}
	plans[0].Plan.walk(func(p pgPlan) {
		touched := int((p.Rows + p.Removed) * p.Loops)
		if p.Type == "BitmapOr" && strings.Contains(q.text, "s (of_tenant") {
			t.Errorf("a stream leaves its index for two in the plan of\n%s\n%s", q.text, text)
		}
		if most := 60; strings.Contains(q.text, "feed_xid") && p.Hit+p.Read > most {
			t.Errorf("%s read %d blocks for a step of the feed in the plan of\n%s\n%s", p.Type, p.Hit+p.Read, q.text, text)
		}
		// A month of a few pages is read as it lies.
		small := p.Relation != "audit_entries" && touched <= 500
		if p.Type == "Seq Scan" && strings.HasPrefix(p.Relation, "audit_entries") && !small || touched > most {
			t.Errorf("%s of %s touched %d rows in the plan of\n%s\n%s", p.Type, p.Relation, touched, q.text, text)
		}
	})
}

type pgPlan struct {
	Type     string  `json:"Node Type"`
	Relation string  `json:"Relation Name"`
	Rows     float64 `json:"Actual Rows"`
	Removed  float64 `json:"Rows Removed by Filter"`
	Hit      int     `json:"Shared Hit Blocks"`
	Read     int     `json:"Shared Read Blocks"`
	Loops    float64 `json:"Actual Loops"`
	Plans    []pgPlan
}

func (p pgPlan) walk(see func(pgPlan)) {
	see(p)
	for _, inner := range p.Plans {
		inner.walk(see)
	}
}

// checkMySQLPlan runs the statement and looks at what was read of each table.
// (MariaDB's ANALYZE; MySQL has EXPLAIN ANALYZE in a form of its own.)
func checkMySQLPlan(t *testing.T, db *sql.DB, q recorded) {
	var text string
	require.NoError(t, db.QueryRow("ANALYZE FORMAT=JSON "+q.text, q.args...).Scan(&text))
	// It quotes binary values in ways that are no JSON.
	for range 2 { // of two in a row the first match takes the second's quote
		text = conditions.ReplaceAllString(text, `"condition": ""$1`)
	}
	text = strings.ToValidUTF8(text, "?")
	var plan any
	require.NoError(t, json.Unmarshal([]byte(text), &plan), "%q", text)
	eachTable(plan, func(table map[string]any) {
		rows, _ := table["r_rows"].(float64)
		loops, _ := table["r_loops"].(float64)
		_, own := table["key"]
		most := float64(mostTouched)
		if strings.Contains(q.text, "DISTINCT") {
			// Where few entries share a value it reads a tenant's index through, and where
			// few tenants do what is kept of them.
			most = planEntries / 10
			if table["table_name"] == "audit_entries_facets" {
				most = planEntries
			}
		}
		if rows*loops > most || (table["access_type"] == "ALL" && own) {
			t.Errorf("%v of %v touched %.0f rows in the plan of\n%s\n%s", table["access_type"], table["table_name"], rows*loops, q.text, text)
		}
	})
}

var conditions = regexp.MustCompile(`(?s)"\w+condition": ".*?"(,?\n\s*["}\]])`)

func eachTable(v any, see func(map[string]any)) {
	switch v := v.(type) {
	case []any:
		for _, inner := range v {
			eachTable(inner, see)
		}
	case map[string]any:
		if _, ok := v["table_name"]; ok {
			see(v)
		}
		for _, inner := range v {
			eachTable(inner, see)
		}
	}
}

func recordedSQLite(t testing.TB) (*gorm.DB, *sql.DB, *recorder) {
	d := createSQLite(t).(*sqlite.Dialector)
	return reopen(t, open(t, d), d.DSN, func(p *sql.DB) gorm.Dialector { return &sqlite.Dialector{Conn: p} })
}

func recordedPostgres(t testing.TB) (*gorm.DB, *sql.DB, *recorder) {
	d := createPostgres(t).(*postgres.Dialector)
	return reopen(t, open(t, d), d.DSN, postgresOn)
}

func recordedMySQL(t testing.TB) (*gorm.DB, *sql.DB, *recorder) {
	d := createMySQL(t).(*mysql.Dialector)
	return reopen(t, open(t, d), d.DSN, func(p *sql.DB) gorm.Dialector { return mysql.New(mysql.Config{Conn: p}) })
}

func postgresOn(p *sql.DB) gorm.Dialector { return postgres.New(postgres.Config{Conn: p}) }

// reopen opens the database once more through a recorder.
func reopen(t testing.TB, plain *gorm.DB, dsn string, dialector func(*sql.DB) gorm.Dialector) (*gorm.DB, *sql.DB, *recorder) {
	p, rec := record(pool(t, plain), dsn)
	db, err := gorm.Open(dialector(p), &gorm.Config{})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, p.Close()) })
	return db, pool(t, plain), rec
}
