package damagetest

import (
	"context"
	"database/sql"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/history"
)

// Table is where entries are damaged.
type Table struct {
	DB       *sql.DB
	Database string // "sqlite", "postgres", "mysql"
	Name     string
}

// Run appends entries to an empty store, damages a cell of some of them, and fails
// unless every other entry is read as before, in its place: by pages in every order,
// both ways, by All, Tail, Get, Count and History. A damaged entry is there once too,
// and says so. seed chooses what is damaged.
func Run(t *testing.T, store audit.Store, table Table, seed uint64) {
	t.Helper()
	trail, err := audit.New(store, &audit.Options{SearchableMetadata: []string{"k"}})
	if err != nil {
		t.Fatal(err)
	}
	r := &run{T: t, ctx: t.Context(), trail: trail, table: table, random: rand.New(rand.NewPCG(seed, 0)), seed: seed, damaged: map[string]damage{}}
	r.fill()
	before := r.everyOrder()
	r.damage()
	after := r.everyOrder()
	for sort, list := range before {
		r.compare("sort "+string(sort), list, after[sort])
	}
	r.wantOthers()
	r.wantDamaged()
}

type run struct {
	*testing.T
	ctx     context.Context
	trail   *audit.Trail
	table   Table
	random  *rand.Rand
	seed    uint64
	all     []audit.Entry
	damaged map[string]damage // by ID
}

func (r *run) broken(format string, args ...any) {
	r.Helper()
	r.Errorf("seed %d: "+format, append([]any{r.seed}, args...)...)
}

const total = 60

// fill records entries of which many share a time, an object or a user.
func (r *run) fill() {
	r.Helper()
	pick := func(list ...string) string { return list[r.random.IntN(len(list))] }
	for range total {
		e := audit.Entry{
			ID: uuid.Must(uuid.NewV7()).String(), Time: time.Date(2026, 3, 1, 0, 0, 0, 1000*r.random.IntN(20), time.UTC), Tenant: pick("acme", "globex"),
			Actor: audit.Actor{Type: "user", ID: pick("1", "2"), Name: pick("Ada", "Bob", "Eve")}, Action: pick("create", "update", "destroy"),
			Object:   audit.Object{Type: pick("users", "orders"), ID: pick("1", "2", "10", "x"), Name: "name"},
			Request:  audit.Request{IP: pick("10.0.0.1", "10.0.0.2", "2001:db8::1")},
			Metadata: map[string]any{"k": int64(r.random.IntN(9))}, OnBehalfOf: &audit.Actor{Name: pick("Zoe", "Max")},
			Changes: []audit.Change{{Field: "name", Op: audit.OpReplace, Old: pick("a", "b"), New: pick("c", "d")}},
		}
		r.all = append(r.all, e)
	}
	if err := r.trail.Record(r.ctx, r.all...); err != nil {
		r.Fatal(err)
	}
	for i := range r.all {
		var err error
		if r.all[i], err = r.trail.Get(r.ctx, r.all[i].ID); err != nil {
			r.Fatal(err)
		}
	}
}

// damage damages a cell of a third of the entries.
func (r *run) damage() {
	r.Helper()
	list := damages(r.table.Database)
	tx, err := r.table.DB.BeginTx(r.ctx, nil)
	if err != nil {
		r.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	for range total / 3 {
		d, e := list[r.random.IntN(len(list))], r.all[r.random.IntN(len(r.all))]
		if _, again := r.damaged[e.ID]; again {
			continue
		}
		id := uuid.MustParse(e.ID)
		key := map[string]string{"postgres": "'" + e.ID + "'", "sqlite": "x'" + hex.EncodeToString(id[:]) + "'", "mysql": "x'" + hex.EncodeToString(id[:]) + "'"}[r.table.Database]
		statement := "UPDATE " + r.table.Name + " SET " + d.column + " = " + d.value + " WHERE id = " + key
		if _, err := tx.ExecContext(r.ctx, statement); err != nil {
			r.Fatalf("%s: %v", statement, err)
		}
		r.damaged[e.ID] = d
	}
	if err := tx.Commit(); err != nil {
		r.Fatal(err)
	}
}

// everyOrder walks the pages of every order, forth and back, and All.
func (r *run) everyOrder() map[audit.Sort][]audit.Entry {
	r.Helper()
	lists := map[audit.Sort][]audit.Entry{}
	for _, sort := range audit.SortKeys() {
		for _, sort := range []audit.Sort{sort, sort.Reverse()} {
			lists[sort] = r.walk(audit.Query{Sort: sort, Limit: 6 + r.random.IntN(4)})
			var whole []audit.Entry
			for e, err := range r.trail.All(r.ctx, audit.Query{Sort: sort}) {
				if err != nil {
					r.broken("All by %s: %v", sort, err)
					break
				}
				whole = append(whole, e)
			}
			if !reflect.DeepEqual(ids(lists[sort]), ids(whole)) {
				r.broken("by %s the pages have\n%v\nand All has\n%v", sort, r.told(lists[sort]), r.told(whole))
			}
		}
	}
	return lists
}

// walk goes to the last page, and back to the first.
func (r *run) walk(q audit.Query) (list []audit.Entry) {
	r.Helper()
	var pages [][]audit.Entry
	for {
		page, err := r.trail.Query(r.ctx, q)
		if err != nil {
			r.broken("Query by %s: %v", q.Sort, err)
			return nil
		}
		list, pages = append(list, page.Entries...), append(pages, page.Entries)
		if page.Next == "" || len(list) > 2*total {
			q.Cursor = page.Prev
			break
		}
		q.Cursor = page.Next
	}
	for i := len(pages) - 2; i >= 0 && q.Cursor != ""; i-- {
		page, err := r.trail.Query(r.ctx, q)
		if err != nil || !reflect.DeepEqual(ids(page.Entries), ids(pages[i])) {
			r.broken("going back by %s, page %d is %v, %v and was %v", q.Sort, i, r.told(page.Entries), err, r.told(pages[i]))
			break
		}
		q.Cursor = page.Prev
	}
	return list
}

func ids(list []audit.Entry) []string {
	all := make([]string, len(list))
	for i, e := range list {
		all[i] = e.ID
	}
	return all
}

// told are IDs, and how the entries were damaged.
func (r *run) told(list []audit.Entry) string {
	var b strings.Builder
	for _, e := range list {
		fmt.Fprintf(&b, "%.40s %s %s | ", e.ID, r.damaged[e.ID].column, r.damaged[e.ID].value)
	}
	return b.String()
}

// compare fails unless the undamaged entries are the same in both lists, and each
// damaged one is there once.
func (r *run) compare(what string, before, after []audit.Entry) {
	r.Helper()
	whole := func(list []audit.Entry) (whole []audit.Entry, rest map[string]int) {
		rest = map[string]int{}
		for _, e := range list {
			if _, damaged := r.damaged[e.ID]; damaged || e.ID == "" {
				rest[e.ID]++
			} else {
				whole = append(whole, e)
			}
		}
		return whole, rest
	}
	want, _ := whole(before)
	got, damaged := whole(after)
	if !reflect.DeepEqual(want, got) {
		r.broken("%s: the others were\n%v\nand are\n%v", what, r.told(want), r.told(got))
	}
	anonymous := 0
	for id, d := range r.damaged {
		if d.anonymous {
			anonymous++
		} else if damaged[id] != 1 {
			r.broken("%s: an entry with %s = %s is there %d times", what, d.column, d.value, damaged[id])
		}
	}
	if damaged[""] != anonymous {
		r.broken("%s: %d of %d entries without an ID are there", what, damaged[""], anonymous)
	}
}

// wantOthers asks in other ways.
func (r *run) wantOthers() {
	r.Helper()
	var whole []audit.Entry
	for _, e := range r.all {
		d, damaged := r.damaged[e.ID]
		if !damaged {
			whole = append(whole, e)
		}
		got, err := r.trail.Get(r.ctx, e.ID)
		switch {
		case d.anonymous:
		case err != nil:
			r.broken("Get with %s = %s: %v", d.column, d.value, err)
		case !damaged && !reflect.DeepEqual(e, got):
			r.broken("Get returns\n%+v, and did return\n%+v", got, e)
		}
	}
	for _, f := range []audit.Filter{{Tenants: []string{"acme"}}, {ObjectIDs: []string{"10"}}, {Users: []string{"Ada"}}, {Keyword: "ada"}, {Keyword: "zoe"}, {Keyword: "10.0.0.2"}, {Keyword: "7"}, {Keyword: "deleted"}, {Keyword: "ame"}, {Not: []audit.Filter{{Keyword: "zoe"}}}, {Fields: []string{"name"}}, {Actions: []string{"update"}, Tenants: []string{"globex"}}} {
		f = r.trail.Joined(f)
		var want, got []string
		for _, e := range whole {
			if f.Match(e) {
				want = append(want, e.ID)
			}
		}
		for _, e := range r.walk(audit.Query{Filter: f, Limit: 5}) {
			if _, damaged := r.damaged[e.ID]; !damaged && e.ID != "" {
				got = append(got, e.ID)
			}
		}
		slices.Sort(want)
		slices.Sort(got)
		if !reflect.DeepEqual(want, got) {
			r.broken("by the filter %s there are %d others, and were %d", f.Values().Encode(), len(got), len(want))
		}
	}
	r.wantAbilities(whole)
}

func (r *run) wantAbilities(whole []audit.Entry) {
	r.Helper()
	if n, _, err := r.trail.Count(r.ctx, audit.Filter{}, 1000); err != nil || n != total {
		r.broken("Count is %d, %v", n, err)
	}
	if _, err := r.trail.Facets(r.ctx, audit.Filter{}); err != nil {
		r.broken("Facets: %v", err)
	}
	var tailed []audit.Entry
	for position, n := "", 1; n > 0; {
		list, next, err := r.trail.Store().(audit.Tailer).Tail(r.ctx, audit.Filter{}, position, 7)
		if err != nil {
			r.broken("Tail: %v", err)
			return
		}
		for _, e := range list {
			tailed = append(tailed, e.Entry)
		}
		position, n = next, len(list)
	}
	r.compare("Tail", r.all, tailed)
	for _, o := range []audit.Object{{Type: "users", ID: "1"}, {Type: "orders", ID: "10"}} {
		seen := map[string]bool{}
		for e, err := range history.Of(r.ctx, r.trail, o) {
			if err != nil {
				r.broken("History: %v", err)
				break
			}
			seen[e.ID] = true
		}
		for _, e := range whole {
			if e.Object.Type == o.Type && e.Object.ID == o.ID && !seen[e.ID] {
				r.broken("History lacks %s", e.ID)
			}
		}
		if _, err := history.At(r.ctx, r.trail, o, time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)); err != nil {
			r.broken("At: %v", err)
		}
	}
}

// wantDamaged checks that damage is told, and counted.
func (r *run) wantDamaged() {
	r.Helper()
	want := 0
	for id, d := range r.damaged {
		if !d.silent {
			want++
		}
		if d.anonymous {
			continue
		}
		e, err := r.trail.Get(r.ctx, id)
		if err == nil && (e.Damaged != "") == d.silent {
			r.broken("with %s = %s Damaged is %q", d.column, d.value, e.Damaged)
		}
		if _, err := e.Canonical(); err != nil {
			r.broken("with %s = %s there is no canonical form: %v", d.column, d.value, err)
		}
		if e.Damaged != "" && !strings.Contains(e.Damaged, d.column) {
			r.broken("with %s = %s Damaged is %q", d.column, d.value, e.Damaged)
		}
	}
	if n, err := r.trail.Damaged(r.ctx, audit.Filter{}); err != nil || n != want {
		r.broken("%d of %d damaged entries are counted, %v", n, want, err)
	}
}
