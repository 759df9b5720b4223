package hooks

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/gormtrail/audit"
)

// maxPending and maxPendingBytes bound what a unit of work keeps in memory; beyond
// them entries are appended early, in the same transaction.
const (
	maxPending      = 1000
	maxPendingBytes = 8 << 20
)

// maxHeld bounds what may wait while a savepoint is set.
const maxHeld = 100

// handOverTimeout bounds how long a host's commit waits for a store that is
// elsewhere, without an outbox.
const handOverTimeout = 5 * time.Second

// unit is the unit of work of one transaction: the entries that are on the trail
// if it commits. GORM uses a transaction from one goroutine at a time, and hosts
// that don't are safe all the same.
type unit struct {
	plugin    *Plugin
	ctx       context.Context
	conn      gorm.ConnPool // the transaction itself, below the plugin's wrappers
	db        *sql.DB       // its pool; nil: unknown
	immediate bool          // the commit can't be seen: append with each statement

	mu      sync.Mutex
	ended   bool  // the host ended the transaction by a statement of its own
	settled bool  // inTx is known
	inTx    bool  // the store can append in this transaction
	unsure  error // why that couldn't be found out
	id      string
	pending []audit.Entry
	bytes   int           // about what pending weighs
	outside []audit.Entry // delivered once the commit has succeeded
	skips   []*audit.SkipUse
	failed  error // capture failed: the transaction must not commit
	marks   []mark
	wrote   atomic.Bool // the transaction holds SQLite's write lock

	changesTables atomic.Bool // DDL ran in the transaction

	enforces atomic.Pointer[bool] // SQLite: foreign keys are on; nil: not asked yet

	readOnly atomic.Bool            // nothing can be written in the transaction
	locked   atomic.Bool            // MySQL: LOCK TABLES keeps other tables from being used
	checked  sync.Map               // PostgreSQL: *table → struct{}: the catalog's columns were compared under a lock that lasts
	created  atomic.Pointer[string] // the table that GORM's migrator has just made to copy another into
}

// mark is a savepoint: what the unit held when it was set.
type mark struct {
	name    string
	pending int
	skips   int
	failed  error
}

func (p *Plugin) newUnit(ctx context.Context, conn gorm.ConnPool, db *sql.DB, immediate bool) *unit {
	u := &unit{plugin: p, ctx: ctx, conn: conn, db: db, immediate: immediate, settled: p.inTx == nil}
	id, err := uuid.NewV7()
	if err != nil {
		id = uuid.New()
	}
	u.id = id.String()
	return u
}

// settle finds out whether the store can append in this transaction. It is asked
// for right before the first write: a transaction that only reads isn't asked, and
// one that sets its isolation level first still may.
func (u *unit) settle(ctx context.Context) error {
	if u.settled {
		return nil
	}
	var err error
	u.inTx, err = u.plugin.inDatabase(ctx, u.db, u.conn)
	if err != nil && ctx.Err() != nil {
		return err
	}
	u.settled, u.unsure = true, err
	return nil
}

// inDatabase reports whether a transaction is in the database of the store that
// appends in transactions.
func (p *Plugin) inDatabase(ctx context.Context, db *sql.DB, tx audit.Queryer) (bool, error) {
	if db == nil {
		db = p.home
	}
	m, ok := p.inTx.(audit.DatabaseMatcher)
	switch {
	case ok && db != nil:
		return m.MatchDatabase(ctx, db, tx)
	case ok:
		same, err := m.MatchDatabase(ctx, nil, tx)
		return same || err != nil, nil // what can't be asked is taken for the host's only database
	}
	return db == nil || p.inTx.InDatabase(db), nil
}

// refuse is asked before a statement runs that writes rows. It returns the
// statement's error if its entries could go nowhere. Under FailOpen the statement
// runs, and add tells the logger.
func (u *unit) refuse(ctx context.Context) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if err := u.settle(ctx); err != nil {
		return err
	}
	if u.inTx || !u.immediate || u.plugin.opts.FailOpen {
		return nil
	}
	return u.elsewhere()
}

// add puts entries into the unit of work. Under FailOpen it returns nil.
func (u *unit) add(ctx context.Context, entries ...audit.Entry) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if err := u.settle(ctx); err != nil {
		return u.failure(ctx, err, len(entries))
	}
	u.immediate = u.immediate || u.ended && u.inTx
	if u.immediate && !u.inTx {
		return u.failure(ctx, u.elsewhere(), len(entries))
	}
	u.pending = append(u.pending, entries...)
	u.bytes += sizeOf(entries)
	if !u.inTx || !u.immediate && len(u.pending) <= maxPending && u.bytes <= maxPendingBytes {
		return nil // what goes elsewhere can only wait
	}
	return u.append(ctx, u.held())
}

// held is how many of the pending entries are older than the last savepoint.
func (u *unit) held() int {
	if len(u.marks) == 0 {
		return 0
	}
	return u.marks[len(u.marks)-1].pending
}

// keep lets go of the pending entries behind the first n.
func (u *unit) keep(n int) {
	if n > 0 {
		u.bytes -= sizeOf(u.pending[n:])
	} else {
		u.bytes = 0
	}
	u.pending = u.pending[:n:n]
}

func sizeOf(entries []audit.Entry) (n int) {
	for i := range entries {
		n += entries[i].Size()
	}
	return n
}

var errElsewhere = errors.New("hooks: the trail's store is in another database, and this transaction was not begun by a *gorm.DB with the plugin: its entries could neither join it nor wait for its commit (Options.Outbox)")

func (u *unit) elsewhere() error {
	if u.unsure != nil {
		return fmt.Errorf("%w; the database couldn't be asked whether it is the store's: %w", errElsewhere, u.unsure)
	}
	return errElsewhere
}

// fail makes the transaction unable to commit: a change of it has no entry.
func (u *unit) fail(ctx context.Context, err error) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.failure(ctx, err, 1)
}

func (u *unit) failure(ctx context.Context, err error, entries int) error {
	if u.plugin.opts.FailOpen {
		u.plugin.logFailure(ctx, err, entries)
		return nil
	}
	if u.failed == nil {
		u.failed = err
	}
	return err
}

// append writes pending entries into the transaction: on its end all; before,
// those since the last savepoint, since the others must survive a ROLLBACK TO.
func (u *unit) append(ctx context.Context, held int) error {
	entries := u.pending[held:]
	// What is kept is not written over by what comes next.
	u.keep(held)
	if len(entries) == 0 {
		return nil
	}
	if u.plugin.trail.Closed() {
		return u.failure(ctx, audit.ErrClosed, len(entries))
	}
	if err := u.appendTx(ctx, entries); err != nil {
		return u.failure(ctx, err, len(entries))
	}
	u.wrote.Store(true)
	return nil
}

// appendTx sees to it that under FailOpen an append that fails leaves a
// PostgreSQL transaction able to commit.
func (u *unit) appendTx(ctx context.Context, entries []audit.Entry) error {
	if !u.plugin.opts.FailOpen || u.plugin.dialect.name != "postgres" {
		return u.plugin.inTx.AppendTx(ctx, u.conn, entries...)
	}
	if _, err := u.conn.ExecContext(ctx, "SAVEPOINT gormtrail_append"); err != nil {
		return err
	}
	err := u.plugin.inTx.AppendTx(ctx, u.conn, entries...)
	if err != nil {
		_, undo := u.conn.ExecContext(ctx, "ROLLBACK TO SAVEPOINT gormtrail_append")
		return errors.Join(err, undo)
	}
	_, err = u.conn.ExecContext(ctx, "RELEASE SAVEPOINT gormtrail_append")
	return err
}

// beforeCommit appends in the transaction, or sets the entries aside for after.
func (u *unit) beforeCommit() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.failed != nil {
		return u.failed
	}
	if u.inTx {
		return u.append(u.ctx, 0)
	}
	if u.plugin.trail.Closed() && len(u.pending) > 0 {
		return u.failure(u.ctx, audit.ErrClosed, len(u.pending))
	}
	u.outside, u.pending, u.bytes = u.pending, nil, 0
	return nil
}

// afterCommit delivers what the transaction's own store could not take, and
// marks the uses of Skip whose entries are now on the trail.
func (u *unit) afterCommit() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, s := range u.skips {
		s.MarkRecorded()
	}
	u.skips = nil
	if u.inTx && u.wrote.Load() && u.plugin.opts.Outbox == nil {
		u.plugin.trail.Committed()
	}
	if len(u.outside) == 0 && (u.plugin.opts.Outbox == nil || !u.inTx || !u.wrote.Load()) {
		return nil
	}
	if len(u.outside) == 0 {
		u.plugin.deliverSoon()
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(u.ctx), handOverTimeout)
	defer cancel()
	entries := u.outside
	u.outside = nil
	return u.handOver(ctx, entries)
}

// ErrNotDelivered: the transaction is committed, and its entries could not be
// handed to a store in another database. An outbox (Options.Outbox) would have
// kept them. Under FailOpen the trail's logger is told instead.
var ErrNotDelivered = errors.New("hooks: the change is committed, but its entries are not on the trail")

// handOver hands on the committed entries of a transaction that was in another
// database than the outbox, or the store.
func (u *unit) handOver(ctx context.Context, entries []audit.Entry) error {
	if u.plugin.opts.Outbox != nil && u.plugin.opts.Outbox.Append(ctx, entries...) == nil {
		u.plugin.deliverSoon()
		return nil
	}
	err := u.plugin.trail.Append(ctx, entries...)
	if err == nil {
		return nil
	}
	u.plugin.logFailure(ctx, err, len(entries))
	if u.plugin.opts.FailOpen {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrNotDelivered, err)
}

func (u *unit) discard() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.pending, u.bytes, u.outside, u.skips, u.marks, u.failed = nil, 0, nil, nil, nil, nil
}

// skip notes a use of audit.Skip and reports whether it is the first in this
// transaction that no entry tells of yet.
func (u *unit) skip(use *audit.SkipUse) bool {
	if use.Recorded() {
		return false
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, s := range u.skips {
		if s == use {
			return false
		}
	}
	u.skips = append(u.skips, use)
	if u.immediate {
		use.MarkRecorded()
	}
	return true
}

func (u *unit) markAt(name string) int {
	for i := len(u.marks) - 1; i >= 0; i-- {
		if strings.EqualFold(u.marks[i].name, name) {
			return i
		}
	}
	return -1
}
