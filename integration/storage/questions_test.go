package storage

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage"
	"github.com/gormtrail/audit/storage/gormstore"
)

// Two tenants of the generator's: the largest has a tenth of all entries,
// the small one a thousandth.
var (
	largeTenant = audit.Filter{Tenants: []string{tenantName(0)}}
	smallTenant = audit.Filter{Tenants: []string{tenantName(90)}}
	// A project of the largest tenant that has a thousandth of its entries.
	smallProject = audit.Filter{Tenants: largeTenant.Tenants, Projects: []string{"project-150"}}
)

// questions are those that issue after issue of other audit trails tells of.
func questions() []question {
	const newest = " ORDER BY time DESC, id DESC LIMIT 50"
	large, small := largeTenant.Tenants[0], smallTenant.Tenants[0]
	known := newGenerator(1).entries(2000)
	with := func(f audit.Filter, change func(*audit.Filter)) audit.Filter { change(&f); return f }
	list := []question{
		page("newest, all tenants", constant(audit.Query{}), "1=1"+newest, none),
		page("newest, large tenant", constant(audit.Query{Filter: largeTenant}), "tenant = ?"+newest, args(large)),
		page("newest, small tenant", constant(audit.Query{Filter: smallTenant}), "tenant = ?"+newest, args(small)),
		page("brief, newest, large tenant", constant(audit.Query{Filter: largeTenant, Brief: true}), "tenant = ?"+newest, args(large)),
		{"page 1,000", deepPage, deepHand},
		page("range and three multi-selects", func(tr *trail, k int) audit.Query {
			return audit.Query{Filter: multi(tr, k)}
		}, "tenant = ? AND time >= ? AND time < ? AND action IN (?, ?) AND object_type IN (?, ?, ?) AND actor_user IN (?, ?, ?)"+newest, func(tr *trail, k int) []any {
			f := multi(tr, k)
			return append([]any{large, tr.time(f.From), tr.time(f.To)}, anys(f.Actions, f.ObjectTypes, f.Users)...)
		}),
		page("by user, large tenant", constant(audit.Query{Filter: largeTenant, Sort: "-user"}), "tenant = ? ORDER BY actor_user DESC, time DESC, id DESC LIMIT 50", args(large)),
		page("by user, all tenants", constant(audit.Query{Sort: "-user"}), "1=1 ORDER BY actor_user DESC, time DESC, id DESC LIMIT 50", none),
		page("a record's history", func(_ *trail, k int) audit.Query {
			e := known[k%len(known)]
			return audit.Query{Filter: audit.Filter{Tenants: []string{e.Tenant}, ObjectTypes: []string{e.Object.Type}, ObjectIDs: []string{e.Object.ID}}}
		}, "tenant = ? AND object_key = ? AND object_type = ?"+newest, func(_ *trail, k int) []any {
			e := known[k%len(known)]
			return []any{e.Tenant, storage.ObjectIDKey(e.Object.ID), e.Object.Type}
		}),
		page("a record's history, all tenants", func(_ *trail, k int) audit.Query {
			e := known[k%len(known)]
			return audit.Query{Filter: audit.Filter{ObjectTypes: []string{e.Object.Type}, ObjectIDs: []string{e.Object.ID}}}
		}, "tenant IN ("+allTenants+") AND object_key = ? AND object_type = ?"+newest, func(_ *trail, k int) []any {
			e := known[k%len(known)]
			return []any{storage.ObjectIDKey(e.Object.ID), e.Object.Type}
		}),
		page("a user's activity", func(_ *trail, k int) audit.Query {
			return audit.Query{Filter: with(largeTenant, func(f *audit.Filter) { f.Users = []string{userName(uint64(k * 13 % 3000))} })}
		}, "tenant = ? AND actor_user = ?"+newest, func(_ *trail, k int) []any { return []any{large, userName(uint64(k * 13 % 3000))} }),
		page("an actor by its ID", func(_ *trail, k int) audit.Query {
			return audit.Query{Filter: with(largeTenant, func(f *audit.Filter) { f.ActorIDs = []string{fmt.Sprint(k * 13 % 3000)} })}
		}, "tenant = ? AND actor_id = ? AND actor_id <> ''"+newest, func(_ *trail, k int) []any { return []any{large, fmt.Sprint(k * 13 % 3000)} }),
		page("actor: as one types it", func(_ *trail, k int) audit.Query {
			return audit.Query{Filter: typed(fmt.Sprintf("actor:%d,%s", k*13%3000, userName(4000)), largeTenant)}
		}, "tenant = ? AND (actor_user IN (?, ?) OR (actor_id IN (?, ?) AND actor_id <> ''))"+newest, func(_ *trail, k int) []any {
			return append([]any{large}, anys([]string{fmt.Sprint(k * 13 % 3000), userName(4000)}, []string{fmt.Sprint(k * 13 % 3000), userName(4000)})...)
		}),
		page("newest, a small project", constant(audit.Query{Filter: smallProject}), "tenant = ? AND project = ? AND project <> ''"+newest, args(large, smallProject.Projects[0])),
		page("a small project's frequent action", constant(audit.Query{Filter: with(smallProject, func(f *audit.Filter) { f.Actions = []string{"action-00"} })}), "tenant = ? AND project = ? AND project <> '' AND action = 'action-00'"+newest, args(large, smallProject.Projects[0])),
		page("a transaction", func(_ *trail, k int) audit.Query {
			return audit.Query{Filter: audit.Filter{TransactionID: fmt.Sprintf("tx-%d", k*77)}}
		}, "transaction_id = ? AND transaction_id <> ''"+newest, func(_ *trail, k int) []any { return []any{fmt.Sprintf("tx-%d", k*77)} }),
		page("outcome, frequent", constant(audit.Query{Filter: with(largeTenant, func(f *audit.Filter) { f.Outcomes = []audit.Outcome{audit.Failure} })}), "tenant = ? AND outcome = 'failure'"+newest, args(large)),
		page("outcome, absent", constant(audit.Query{Filter: with(largeTenant, func(f *audit.Filter) { f.Outcomes = []audit.Outcome{audit.Denied} })}), "tenant = ? AND outcome = 'denied'"+newest, args(large)),
		page("changed field, absent", constant(audit.Query{Filter: with(largeTenant, func(f *audit.Filter) { f.Fields = []string{"nothing"} })}), "tenant = ? AND CONTAINS(fields, '\x1fnothing\x1f')"+newest, args(large)),
	}
	for _, k := range []struct{ name, word string }{{"rare", "user%d@"}, {"absent", "no such words %d"}} {
		word := func(round int) string { return fmt.Sprintf(k.word, 4999-round) }
		ask := func(_ *trail, k int) audit.Query {
			return audit.Query{Filter: with(largeTenant, func(f *audit.Filter) { f.Keyword = word(k) })}
		}
		// By hand one knows that it is rare, and asks for nothing before the page.
		var by []string
		for _, column := range []string{"actor_user", "object_key", "action"} {
			by = append(by, "SELECT id FROM audit_entries WHERE tenant = ? AND "+column+" IN (SELECT value FROM audit_entries_terms WHERE kind = '"+column+"' AND MATCHES(?))")
		}
		list = append(list, page("keyword, "+k.name, ask, "CONTAINS(search, ?) AND id IN ("+strings.Join(by, " UNION ALL ")+")"+newest, func(tr *trail, k int) []any {
			return []any{storage.Fold(word(k)), large, tr.pattern(word(k)), large, tr.pattern(word(k)), large, tr.pattern(word(k))}
		}))
		list = append(list, page("keyword, "+k.name+noIndex, ask,
			"tenant = ? AND CONTAINS(search, ?)"+newest, func(_ *trail, k int) []any { return []any{large, storage.Fold(word(k))} }))
	}
	list = append(list, page("keyword, common", constant(audit.Query{Filter: with(largeTenant, func(f *audit.Filter) { f.Keyword = "example" })}),
		"tenant = ? AND CONTAINS(search, ?)"+newest, args(large, "EXAMPLE")))
	return append(list, counted(large), facetsOf("facets, large tenant", largeTenant), facetsOf("facets, small tenant", smallTenant), facetsOf("facets, all tenants", audit.Filter{}),
		facetsOf("facets, a project", audit.Filter{Tenants: largeTenant.Tenants, Projects: []string{"project-1"}}),
		facetsOf("facets, a small project", smallProject), newOnes())
}

// multi is a choice in each of three lists, in a week that moves.
func multi(tr *trail, k int) audit.Filter {
	f := largeTenant
	f.To = began.Add(time.Duration(tr.size)*time.Second - time.Duration(k%5)*24*time.Hour)
	f.From = f.To.Add(-7 * 24 * time.Hour)
	f.Actions = []string{"action-00", "action-03"}
	f.ObjectTypes = []string{"type-00", "type-02", "type-07"}
	f.Users = []string{userName(uint64(k % 20)), userName(uint64(20 + k%7)), userName(uint64(100 + k))}
	return f
}

func constant(q audit.Query) func(*trail, int) audit.Query {
	return func(*trail, int) audit.Query { return q }
}

func args(list ...any) func(*trail, int) []any { return func(*trail, int) []any { return list } }

var none = args()

func anys(lists ...[]string) (all []any) {
	for _, list := range lists {
		for _, s := range list {
			all = append(all, s)
		}
	}
	return all
}

// page is a question for a page, and what follows WHERE in its SQL.
func page(name string, q func(*trail, int) audit.Query, where string, args func(*trail, int) []any) question {
	return question{name,
		func(ctx context.Context, tr *trail, k int) (answer, error) {
			store := tr.store
			if strings.HasSuffix(name, noIndex) {
				store = tr.plain
			}
			return pageOf(ctx, store, q(tr, k))
		},
		func(ctx context.Context, tr *trail, k int) (answer, error) {
			columns := readColumns
			if strings.HasPrefix(name, "brief") {
				columns = columns[:len(columns)-2]
			}
			return tr.pageByHand(ctx, columns, where, args(tr, k)...)
		}}
}

// noIndex ends the names of questions that are asked without the keyword index.
const noIndex = ", no index"

func pageOf(ctx context.Context, store *gormstore.Store, q audit.Query) (answer, error) {
	p, err := store.Query(ctx, q)
	if err != nil {
		return nil, err
	}
	var ids answer
	for _, e := range p.Entries {
		ids = append(ids, e.ID)
	}
	return ids, nil
}

func deepPage(ctx context.Context, tr *trail, _ int) (answer, error) {
	q := audit.Query{Filter: largeTenant}
	q.Cursor = storage.EncodeCursor(q, tr.deep)
	return pageOf(ctx, tr.store, q)
}

func deepHand(ctx context.Context, tr *trail, _ int) (answer, error) {
	return tr.pageByHand(ctx, readColumns, "tenant = ? AND (time, id) < (?, ?) ORDER BY time DESC, id DESC LIMIT 50", largeTenant.Tenants[0], tr.time(tr.deep.Time), tr.id(tr.deep.ID))
}

func counted(tenant string) question {
	return question{"count up to 10,000",
		func(ctx context.Context, tr *trail, _ int) (answer, error) {
			n, more, err := tr.store.Count(ctx, largeTenant, 10_000)
			return answer{fmt.Sprint(n, more)}, err
		},
		func(ctx context.Context, tr *trail, _ int) (answer, error) {
			var n int
			err := tr.db.QueryRowContext(ctx, tr.sql("SELECT count(*) FROM (SELECT 1 FROM audit_entries WHERE tenant = ? LIMIT 10001) x"), tenant).Scan(&n)
			return answer{fmt.Sprint(min(n, 10_000), n > 10_000)}, err
		}}
}

// newOnes is what a live feed asks again and again. Other work of the server, which
// PostgreSQL counts in the same numbers, goes on meanwhile. By hand it would be asked
// by time, in which commits that come late are lost.
func newOnes() question {
	return question{"feed, nothing new",
		func(ctx context.Context, tr *trail, _ int) (answer, error) {
			if tr.kind == "postgres" {
				if _, err := tr.db.ExecContext(ctx, "SELECT pg_current_xact_id()"); err != nil {
					return nil, err
				}
			}
			_, _, err := tr.store.Tail(ctx, audit.Filter{}, tr.head, 50)
			return nil, err
		},
		func(ctx context.Context, tr *trail, _ int) (answer, error) {
			return tr.column(ctx, "SELECT tenant FROM audit_entries WHERE time > ? ORDER BY time LIMIT 50", tr.time(began.AddDate(10, 0, 0)))
		}}
}

func facetsOf(name string, f audit.Filter) question {
	return question{name,
		func(ctx context.Context, tr *trail, _ int) (answer, error) {
			got, err := tr.store.Facets(ctx, f)
			if err != nil {
				return nil, err
			}
			var all answer
			for _, list := range [][]string{got.Actions, got.ObjectTypes, got.Users, got.Tenants, got.Projects, got.Products, got.ActorTypes, got.Outcomes} {
				all = append(append(all, list...), "")
			}
			return all, nil
		},
		func(ctx context.Context, tr *trail, _ int) (answer, error) { return tr.facetsByHand(ctx, f) }}
}
