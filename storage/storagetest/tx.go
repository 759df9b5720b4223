package storagetest

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/gormtrail/audit"
)

// TxOptions say what the database of a TxAppender can't do. nil and the zero
// value mean that it can do all.
type TxOptions struct {
	// OneWriter: a second transaction waits for the first, or for its only
	// connection (SQLite). What needs two at a time is not tried.
	OneWriter bool
}

// RunTx checks every promise of audit.TxAppender, each in a subtest. open
// returns an empty store, which must be a TxAppender, and the database that its
// tables are in; it is called once for each subtest.
func RunTx(t *testing.T, open func(t *testing.T) (audit.Store, *sql.DB), opts *TxOptions) {
	t.Helper()
	if opts == nil {
		opts = &TxOptions{}
	}
	seed := newSeed(t)
	for _, c := range txContracts {
		t.Run(c.name, func(t *testing.T) {
			if c.two && opts.OneWriter {
				t.Skip("this database has one writer at a time")
			}
			store, db := open(t)
			appender, ok := store.(audit.TxAppender)
			if !ok {
				t.Fatalf("a %T is no audit.TxAppender", store)
			}
			c.run(&txTrial{newTrial(t, c.why, store, seed), db, appender})
		})
	}
}

type txContract struct {
	name string
	why  string
	two  bool // needs two transactions at a time
	run  func(*txTrial)
}

type txTrial struct {
	*trial
	db       *sql.DB
	appender audit.TxAppender
}

var txContracts = []txContract{
	{name: "tx/commit and rollback", why: "The entries are durable when, and only when, the host's transaction commits.", run: tryTxEnds},
	{name: "tx/savepoint", why: "A rolled-back savepoint takes its entries along, and no others.", run: tryTxSavepoint},
	{name: "tx/same IDs", why: "An entry that is already stored is passed over, without ending the host's transaction.", run: tryTxSameIDs},
	{name: "tx/conflict", why: "After a ConflictError the host's transaction has none of the call's entries, keeps what it had, and goes on.", run: tryTxConflict},
	{name: "tx/conflict while open", why: "Who appends other content under an ID of a transaction that commits meanwhile gets a ConflictError.", two: true, run: tryTxConflictWhileOpen},
	{name: "tx/many", why: "AppendTx takes any number of entries; of none it does nothing.", run: tryTxMany},
	{name: "tx/context ended", why: "With a context that is done, AppendTx stores nothing and returns its error.", run: tryTxContext},
	{name: "tx/facets", why: "What a rolled-back transaction brought is no facet; what a committed one did is.", run: tryTxFacets},
	{name: "tx/values", why: "What AppendTx stores is what Append would have stored.", run: tryTxValues},
	{name: "tx/at once", why: "Transactions at the same time don't get in each other's way.", run: tryTxAtOnce},
	{name: "tx/key", why: "Key answers a transaction that holds the pool's only connection, and leaves it usable.", run: tryTxKey},
	{name: "tx/the database", why: "InDatabase knows the database of the store's tables, and Tables names them.", run: tryTxDatabase},
	{name: "tx/unseen before commit", why: "Nobody sees an entry whose transaction is not committed.", two: true, run: tryTxUnseen},
	{name: "tx/late commit", why: "Tail tells each entry once and in commit order, also when an older transaction commits late.", two: true, run: tryTxLateCommit},
	{name: "tx/recorded", why: "Transactions that exclude each other, as those that change one row do, are in their order under SortRecorded, whichever began first.", two: true, run: tryTxRecorded},
}

func (c *txTrial) begin() *sql.Tx {
	c.t.Helper()
	tx, err := c.db.BeginTx(c.ctx, nil)
	if err != nil {
		c.t.Fatalf("the database can't begin a transaction: %v", err)
	}
	c.t.Cleanup(func() { _ = tx.Rollback() }) // of one that a failure left open
	return tx
}

func (c *txTrial) appendTx(tx *sql.Tx, entries ...audit.Entry) {
	c.t.Helper()
	if err := c.appender.AppendTx(c.ctx, tx, entries...); err != nil {
		c.broken("AppendTx of %d entries: %v", len(entries), err)
	}
}

// end commits, or rolls back.
func (c *txTrial) end(tx *sql.Tx, commit bool) {
	c.t.Helper()
	finish := tx.Rollback
	if commit {
		finish = tx.Commit
	}
	if err := finish(); err != nil {
		c.broken("the host's transaction can't end after AppendTx: %v", err)
	}
}

func (c *txTrial) exec(tx *sql.Tx, statement string) {
	c.t.Helper()
	if _, err := tx.ExecContext(c.ctx, statement); err != nil {
		c.broken("the host's %s after AppendTx: %v", statement, err)
	}
}

func tryTxEnds(c *txTrial) {
	var stored []audit.Entry
	for round := range 6 {
		list := c.entries(5)
		tx := c.begin()
		c.appendTx(tx, list[:2]...)
		c.appendTx(tx, list[2:]...)
		c.end(tx, round%2 == 0)
		if round%2 == 0 {
			stored = append(stored, list...)
		}
		c.wantAll(stored, audit.Query{})
	}
	// What was rolled back can be stored later.
	list := c.entries(2)
	for _, commit := range []bool{false, true} {
		tx := c.begin()
		c.appendTx(tx, list...)
		c.end(tx, commit)
	}
	c.wantAll(append(stored, list...), audit.Query{})
}

func tryTxSavepoint(c *txTrial) {
	list := c.entries(8)
	tx := c.begin()
	c.appendTx(tx, list[:2]...)
	c.exec(tx, "SAVEPOINT outer_one")
	c.appendTx(tx, list[2:4]...)
	c.exec(tx, "SAVEPOINT inner_one")
	c.appendTx(tx, list[4:6]...)
	c.exec(tx, "ROLLBACK TO SAVEPOINT inner_one")
	c.appendTx(tx, list[6])
	c.exec(tx, "RELEASE SAVEPOINT outer_one")
	c.appendTx(tx, list[7])
	c.end(tx, true)
	c.wantAll(slices.Concat(list[:4], list[6:]), audit.Query{})
}

func tryTxSameIDs(c *txTrial) {
	stored := c.entries(4)
	c.append(stored[:2]...)
	tx := c.begin()
	c.appendTx(tx, stored[2], stored[2])
	c.appendTx(tx, stored[0], stored[2])
	c.appendTx(tx, stored...)
	c.end(tx, true)
	c.wantAll(stored, audit.Query{})
}

func tryTxConflict(c *txTrial) {
	stored, fresh := c.entries(6), c.entries(120)
	c.append(stored[:3]...)
	before := c.entries(2)
	tx := c.begin()
	c.appendTx(tx, before[0])
	c.appendTx(tx, stored[3:]...)
	for i, e := range others(stored) {
		for _, call := range [][]audit.Entry{{e}, {fresh[i], e}, slices.Concat(fresh[:110], []audit.Entry{stored[0], e}, fresh[110:]), {fresh[0], others(fresh)[0]}} {
			id := call[len(call)-1].ID
			if len(call) > 100 {
				id = e.ID
			}
			c.wantConflict(c.appender.AppendTx(c.ctx, tx, copies(call)...), id)
		}
	}
	c.appendTx(tx, before[1])
	c.end(tx, true)
	c.wantAll(append(stored, before...), audit.Query{})
	c.append(fresh...)
	c.wantAll(slices.Concat(stored, before, fresh), audit.Query{Limit: 1000})
}

func tryTxConflictWhileOpen(c *txTrial) {
	for round := range 4 {
		list := c.entries(2)
		tx, late := c.begin(), c.begin()
		c.exec(late, "SELECT 1") // where a transaction has a snapshot, it has it now
		c.appendTx(tx, list...)
		errs := make(chan error)
		go func() { errs <- c.appender.AppendTx(c.ctx, late, others(list[1:])...) }()
		c.end(tx, round%2 == 0)
		err := <-errs
		if round%2 == 1 {
			if err != nil {
				c.broken("AppendTx under an ID of a transaction that was rolled back: %v", err)
			}
			c.end(late, true)
			continue
		}
		c.wantConflict(err, list[1].ID)
		c.end(late, false)
	}
}

func tryTxMany(c *txTrial) {
	n := 2500
	if testing.Short() {
		n = 500
	}
	list := c.entries(n)
	tx := c.begin()
	c.appendTx(tx)
	c.appendTx(tx, list...)
	c.appendTx(tx)
	c.end(tx, true)
	c.wantAll(list, audit.Query{Limit: 1000})
}

func tryTxContext(c *txTrial) {
	list := c.entries(3)
	ctx, cancel := context.WithCancel(c.ctx)
	cancel()
	tx := c.begin()
	c.wantError(c.appender.AppendTx(ctx, tx, list...), context.Canceled, "AppendTx with a cancelled context")
	if err := tx.Commit(); err != nil && !errors.Is(err, sql.ErrTxDone) {
		_ = tx.Rollback() // a database may have ended the transaction by then
	}
	c.wantAll(nil, audit.Query{})
}

func tryTxFacets(c *txTrial) {
	if !isFaceter(c.store) {
		c.t.Skip("no audit.Faceter")
	}
	var stored []audit.Entry
	for round := range 8 {
		list := c.entries(6)
		tx := c.begin()
		c.appendTx(tx, list...)
		c.end(tx, round%2 == 1)
		if round%2 == 1 {
			stored = append(stored, list...)
		}
		c.wantFacets(stored, audit.Filter{})
		c.wantFacets(stored, audit.Filter{Tenants: []string{list[0].Tenant}})
	}
}

func tryTxValues(c *txTrial) {
	var entries []audit.Entry
	for name, v := range exactValues() {
		entries = append(entries, audit.Entry{
			Action: "update", Time: epoch, Comment: name, Metadata: map[string]any{"value": v},
			Changes: []audit.Change{{Field: "a", Op: audit.OpAdd, New: v}, {Field: "b", Op: audit.OpRemove, Old: v}},
		})
	}
	list := append(c.complete(entries...), c.entries(100)...)
	tx := c.begin()
	c.appendTx(tx, list...)
	c.end(tx, true)
	for _, sort := range sorts {
		c.wantAll(list, audit.Query{Sort: sort, Limit: 1000})
	}
	for range 20 {
		c.wantAll(list, c.queryOf(c.filter(1)))
	}
}

// tryTxAtOnce: the transactions bring the same values, in different orders.
func tryTxAtOnce(c *txTrial) {
	const hosts, rounds = 6, 8
	batches := make([][]audit.Entry, hosts*rounds)
	for i := range batches {
		batches[i] = c.entries(10)
	}
	errs := make(chan error, 4*len(batches))
	var wg sync.WaitGroup
	for h := range hosts {
		wg.Go(func() {
			for i := h * rounds; i < (h+1)*rounds; i++ {
				errs <- c.oneTransaction(batches[i])
			}
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			c.broken("one of several transactions: %v", err)
		}
	}
	stored := slices.Concat(batches...)
	c.wantAll(stored, audit.Query{Limit: 1000})
	if isFaceter(c.store) {
		c.wantFacets(stored, audit.Filter{})
	}
}

func (c *txTrial) oneTransaction(list []audit.Entry) error {
	tx, err := c.db.BeginTx(c.ctx, nil)
	if err != nil {
		return err
	}
	for _, part := range [][]audit.Entry{list[5:], list[:5]} {
		if err := c.appender.AppendTx(c.ctx, tx, part...); err != nil {
			return errors.Join(err, tx.Rollback())
		}
	}
	return tx.Commit()
}

func tryTxDatabase(c *txTrial) {
	if !c.appender.InDatabase(c.db) {
		c.broken("InDatabase doesn't know the database of its own tables")
	}
	elsewhere := sql.OpenDB(unreachable{})
	defer elsewhere.Close()
	if c.appender.InDatabase(elsewhere) {
		c.broken("InDatabase takes a database that can't be reached for its own")
	}
	tables := c.appender.Tables()
	if len(tables) == 0 || slices.Contains(tables, "") || len(slices.Compact(slices.Sorted(slices.Values(tables)))) != len(tables) {
		c.broken("Tables are %q", tables)
	}
}

// unreachable connects to no database.
type unreachable struct{}

var errUnreachable = errors.New("storagetest: a database that can't be reached")

func (unreachable) Connect(context.Context) (driver.Conn, error) { return nil, errUnreachable }
func (u unreachable) Driver() driver.Driver                      { return u }
func (unreachable) Open(string) (driver.Conn, error)             { return nil, errUnreachable }

func tryTxUnseen(c *txTrial) {
	stored, list := c.someStored(5), c.entries(5)
	tx := c.begin()
	c.appendTx(tx, list...)
	c.wantAll(stored, audit.Query{})
	_, err := c.store.Get(c.ctx, list[0].ID)
	c.wantError(err, audit.ErrNotFound, "Get of an entry whose transaction is not committed")
	if isFaceter(c.store) {
		c.wantFacets(stored, audit.Filter{})
	}
	c.end(tx, true)
	c.wantAll(append(stored, list...), audit.Query{})
}

func tryTxLateCommit(c *txTrial) {
	if !isTailer(c.store) {
		c.t.Skip("no audit.Tailer")
	}
	var told []audit.Tailed
	var stored []audit.Entry
	position, heads := "", []string{}
	follow := func() {
		list, next := c.tailed(audit.Filter{}, position, 3)
		told, position, heads = append(told, list...), next, append(heads, next)
	}
	for round := range 6 {
		old, young, undone := c.entries(3), c.entries(3), c.entries(2)
		early, rolledBack := c.begin(), c.begin()
		c.appendTx(early, old...)
		c.appendTx(rolledBack, undone...)
		late := c.begin()
		c.appendTx(late, young...)
		follow()
		c.end(late, true)
		follow()
		if round%2 == 0 {
			c.append(c.stored(&stored, 1)...)
			follow()
		}
		c.end(rolledBack, false)
		c.end(early, true)
		follow()
		stored = append(stored, slices.Concat(old, young)...)
	}
	follow()
	c.wantOnce(naive(stored, audit.Query{}), naive(entriesOf(told), audit.Query{}), "following transactions that commit late")
	c.wantResumable(told, heads)
}

// stored draws entries and adds them to list.
func (c *txTrial) stored(list *[]audit.Entry, n int) []audit.Entry {
	c.t.Helper()
	fresh := c.entries(n)
	*list = append(*list, fresh...)
	return fresh
}
