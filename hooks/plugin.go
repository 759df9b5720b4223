package hooks

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"gorm.io/gorm"

	"github.com/gormtrail/audit"
)

// pluginName is the key in gorm.Config.Plugins: one capture a *gorm.DB.
const pluginName = "gormtrail:audit"

// RawPolicy says what happens to a raw statement that writes rows.
type RawPolicy int

const (
	// RawRecord records the statement as one entry of action "execute": its
	// text with placeholders instead of values, and the rows affected.
	RawRecord RawPolicy = iota
	// RawRefuse fails the statement with ErrRawRefused before it runs.
	RawRefuse
	// RawIgnore lets it pass without an entry.
	RawIgnore
)

// ErrRawRefused is the error of a raw statement under RawRefuse.
var ErrRawRefused = errors.New("hooks: a raw statement that writes rows is refused (Options.Raw)")

// DefaultRowBudget is Options.RowBudget's default.
const DefaultRowBudget = 10_000

// Options of the plugin. nil and the zero value mean every default.
type Options struct {
	// Models are models whose tags and names hold for their tables from the
	// first statement on, also for statements that name the table only
	// (db.Table("users")). Without it a model is known from its first use.
	Models []any
	// Types names object types by table: {"api_keys": "apiKey"}. It wins over a
	// model's AuditType. Default: the table's name.
	Types map[string]string
	// Fields classifies columns as the audit tag does, for models that a host
	// can't edit: {"users.phone": "mask", "users.email": "name"}. Values: "-",
	// "mask", "hash", "name", "show". It wins over tags. WITHOUT audit.Options.Key,
	// "hash" DOES NOT PROTECT SHORT OR GUESSABLE VALUES from whoever reads the
	// database: a dictionary finds them.
	Fields map[string]string
	// Ignore are tables that are not captured. The trail's own never are.
	Ignore []string
	// Raw says what happens to raw statements that write. Default: RawRecord.
	Raw RawPolicy
	// TrailWrites lets statements through the *gorm.DB write the audit log's own
	// tables, for test suites that empty all tables. Default: they fail with a
	// *TrailWriteError. Reading them is always allowed.
	TrailWrites bool
	// DDL also records CREATE, ALTER, DROP and the like. Default: not.
	DDL bool
	// AutoTimes also records updates that change nothing but the columns that
	// GORM sets to the time of the update. Default: no entry.
	AutoTimes bool
	// RowBudget is how many rows of one statement are captured one by one. A
	// statement that touches more has one entry for all: table, condition,
	// rows affected and a digest of the keys. 0: DefaultRowBudget.
	RowBudget int
	// FailOpen lets the host's transaction commit without its entries when they
	// can't be made or appended; the trail's logger is told. Default: the
	// transaction fails.
	FailOpen bool
	// Outbox is a store in the host's database for entries on their way to a
	// trail that is elsewhere: they are appended to it in the host's
	// transaction, and carried to the trail's store in the background once that is
	// committed (Plugin.Deliver). It must be an audit.TxAppender and audit.Remover.
	// Without it, entries for a trail elsewhere wait in memory until the commit
	// has succeeded: a crash right then loses them, and of a store that doesn't
	// take them the commit's error tells (ErrNotDelivered).
	Outbox audit.Store
}

// Plugin captures what one *gorm.DB writes. It is safe for concurrent use.
type Plugin struct {
	trail  *audit.Trail
	opts   Options
	budget int
	tables catalog
	models sync.Map // *schema.Schema → struct{}: learned
	hints  hints
	own    map[string]bool // tables never captured
	// trailTables are those of them that are the log's, in lower case and without
	// a schema.
	trailTables []string
	home        *sql.DB // the database of the *gorm.DB; nil if unknown
	inTx        audit.TxAppender
	dialect     dialect
	delivery    *delivery
	idKey       atomic.Pointer[[]byte] // for IDs, once a statement needed it
	guessable   sync.Once              // the logger was told of hashes without a key
	namesRead   atomic.Bool            // SQLite: all tables were looked up
	begun       sync.Map               // weak.Pointer[sql.Conn] → struct{}: a transaction begun by hand
	outside     sync.Map               // weak.Pointer[sql.Tx] → string: transactions that were handed in
}

var _ gorm.Plugin = (*Plugin)(nil)

// New returns the plugin for trail. It is to be given to db.Use, once for each
// *gorm.DB; db.Use fails for a nil or closed trail, for options that contradict
// each other, and for a database other than SQLite, PostgreSQL, MySQL and
// MariaDB.
//
// Statements of handles made before db.Use (sessions, transactions) are
// captured too, each appended by itself.
func New(trail *audit.Trail, opts *Options) gorm.Plugin {
	p := &Plugin{trail: trail, delivery: newDelivery()}
	if opts != nil {
		p.opts = *opts
	}
	p.budget = p.opts.RowBudget
	if p.budget == 0 {
		p.budget = DefaultRowBudget
	}
	return p
}

// Name is the plugin's key in gorm.Config.Plugins.
func (p *Plugin) Name() string { return pluginName }

// Initialize is called by db.Use.
func (p *Plugin) Initialize(db *gorm.DB) error {
	if p.trail == nil {
		return errors.New("hooks: New was given a nil trail")
	}
	if p.trail.Closed() {
		return audit.ErrClosed
	}
	if err := p.unsharded(db); err != nil {
		return err
	}
	if p.budget < 0 {
		return fmt.Errorf("hooks: RowBudget is %d, and can't be below 0", p.budget)
	}
	if err := p.setDialect(db); err != nil {
		return err
	}
	if err := p.setStores(); err != nil {
		return err
	}
	if p.home == nil { // a plugin that opens more databases passes this one on to each
		p.home, _ = db.DB() // a *gorm.DB over a *sql.Conn has none
		p.trail.AddMasker(p.maskStored)
	}
	if err := p.hints.learnOptions(p.opts); err != nil {
		return err
	}
	for _, m := range p.opts.Models {
		stmt := &gorm.Statement{DB: db}
		if err := stmt.Parse(m); err != nil {
			return fmt.Errorf("hooks: Options.Models: %T: %w", m, err)
		}
		p.learn(db, stmt.Schema)
	}
	if err := p.register(db); err != nil {
		return err
	}
	if err := p.registerSources(db); err != nil {
		return err
	}
	p.wrapPool(db)
	return nil
}

func (p *Plugin) setStores() error {
	p.own = map[string]bool{}
	for _, t := range p.opts.Ignore {
		p.own[t] = true
	}
	target := p.trail.Store()
	if p.opts.Outbox != nil {
		target = p.opts.Outbox
		if _, ok := target.(audit.TxAppender); !ok {
			return fmt.Errorf("hooks: Options.Outbox: a %T can't append in a transaction", target)
		}
		if _, ok := target.(audit.Remover); !ok {
			return fmt.Errorf("hooks: Options.Outbox: a %T can't forget what was delivered", target)
		}
	}
	p.inTx, _ = target.(audit.TxAppender)
	p.protect(p.trail.Store(), p.opts.Outbox)
	return nil
}

func (p *Plugin) register(db *gorm.DB) error {
	cb := db.Callback()
	var errs []error
	add := func(err error) { errs = append(errs, err) }
	create, update, remove := cb.Create(), cb.Update(), cb.Delete()
	add(create.Before("gorm:before_create").Register("audit:open_create", p.guard(p.open)))
	add(create.Before("gorm:create").After("gorm:save_before_associations").Register("audit:begin_create", p.guard(p.begin(opCreate))))
	add(create.After("gorm:create").Before("gorm:save_after_associations").Register("audit:end_create", p.guard(p.end)))
	add(create.After("gorm:after_create").Before("gorm:commit_or_rollback_transaction").Register("audit:close_create", p.guard(p.close)))

	add(update.Before("gorm:setup_reflect_value").Register("audit:open_update", p.guard(p.open)))
	add(update.Before("gorm:update").After("gorm:save_before_associations").Register("audit:begin_update", p.guard(p.begin(opUpdate))))
	add(update.After("gorm:update").Before("gorm:save_after_associations").Register("audit:end_update", p.guard(p.end)))
	add(update.After("gorm:after_update").Before("gorm:commit_or_rollback_transaction").Register("audit:close_update", p.guard(p.close)))

	add(remove.Before("gorm:before_delete").Register("audit:open_delete", p.guard(p.open)))
	add(remove.Before("gorm:delete").After("gorm:delete_before_associations").Register("audit:begin_delete", p.guard(p.begin(opDelete))))
	add(remove.After("gorm:delete").Before("gorm:after_delete").Register("audit:end_delete", p.guard(p.end)))
	add(remove.After("gorm:after_delete").Before("gorm:commit_or_rollback_transaction").Register("audit:close_delete", p.guard(p.close)))

	add(cb.Raw().Before("gorm:raw").Register("audit:begin_raw", p.guard(p.beginRaw)))
	add(cb.Raw().After("gorm:raw").Register("audit:end_raw", p.guard(p.endRaw)))
	add(cb.Row().Before("gorm:row").Register("audit:begin_row", p.guard(p.beginRaw)))
	add(cb.Row().After("gorm:row").Register("audit:end_row", p.guard(p.endRaw)))
	add(cb.Query().Before("gorm:query").Register("audit:begin_query", p.guard(p.beginRaw)))
	add(cb.Query().After("gorm:query").Before("gorm:preload").Register("audit:end_query", p.guard(p.endRaw)))
	return errors.Join(errs...)
}

// guard turns a panic into the statement's error: one that a caller recovers
// above GORM would leak the open transaction.
func (p *Plugin) guard(fn func(*gorm.DB)) func(*gorm.DB) {
	return func(db *gorm.DB) {
		defer func() {
			if r := recover(); r != nil {
				_ = db.AddError(fmt.Errorf("hooks: capture panicked: %v", r))
			}
		}()
		fn(db)
	}
}

// openedKey marks a statement for which open began the transaction that GORM
// leaves out under SkipDefaultTransaction.
const openedKey = "audit:opened"

// open begins a transaction where there is none: a change and its entry can't
// be one otherwise.
func (p *Plugin) open(db *gorm.DB) {
	if err := p.unsharded(db); err != nil {
		_ = db.AddError(err)
	}
	if db.Error != nil || db.DryRun || inTransaction(db.Statement.ConnPool) || p.ignores(db.Statement) {
		return
	}
	p.openTransaction(db)
}

func (p *Plugin) openTransaction(db *gorm.DB) {
	pool := db.Statement.ConnPool
	if p.begunByHand(pool) {
		return
	}
	db.Statement.ConnPool = p.seen(pool)
	tx := db.Begin()
	db.Statement.ConnPool = pool
	switch {
	case tx.Error == nil:
		db.Statement.ConnPool = tx.Statement.ConnPool
		db.InstanceSet(openedKey, pool)
	case !errors.Is(tx.Error, gorm.ErrInvalidTransaction):
		db.Error = tx.Error
	}
}

func (p *Plugin) close(db *gorm.DB) {
	v, ok := db.InstanceGet(openedKey)
	if !ok {
		return
	}
	pool, ok := v.(gorm.ConnPool)
	if !ok || !inTransaction(db.Statement.ConnPool) {
		return
	}
	if db.Error != nil {
		db.Rollback()
	} else {
		db.Commit()
	}
	db.InstanceSet(openedKey, nil)
	db.Statement.ConnPool = pool
}

// begin puts the probe in the connection's place for the time of the operation.
func (p *Plugin) begin(op operation) func(*gorm.DB) {
	return func(db *gorm.DB) {
		if db.Error != nil || db.DryRun {
			return
		}
		if err := p.refusesModel(db.Statement, op); err != nil {
			_ = db.AddError(err)
			return
		}
		if p.ignores(db.Statement) {
			db.Statement.ConnPool = &rawProbe{ConnPool: db.Statement.ConnPool, plugin: p, db: db, model: true}
			return
		}
		if err := p.lockedOut(db.Statement.ConnPool); err != nil {
			_ = db.AddError(err)
			return
		}
		p.learn(db, db.Statement.Schema)
		if err := p.refuse(db.Statement.Context, db.Statement.ConnPool); err != nil {
			_ = db.AddError(err)
			return
		}
		db.Statement.ConnPool = &probe{plugin: p, ConnPool: db.Statement.ConnPool, stmt: db.Statement, op: op, at: p.trail.Now()}
	}
}

func (p *Plugin) end(db *gorm.DB) {
	if probe, ok := db.Statement.ConnPool.(*probe); ok {
		db.Statement.ConnPool = probe.ConnPool
	}
	p.restore(db)
}

// ignores reports whether the statement's table is one that is not captured.
func (p *Plugin) ignores(stmt *gorm.Statement) bool {
	return p.own[stmt.Table] && !aliased(stmt)
}

// aliased reports whether stmt.Table may be an alias: Table("other AS name").
func aliased(stmt *gorm.Statement) bool {
	return stmt.TableExpr != nil && strings.ContainsAny(stmt.TableExpr.SQL, " \t\r\n(")
}

// isOwn is ignores for a table that a statement's text names.
func (p *Plugin) isOwn(schema, table string) bool {
	return p.own[table] || schema != "" && p.own[schema+"."+table]
}

// Record puts entries on the trail inside db's transaction: they are there if
// it commits. Outside of one it is Trail.Record. The context is db's.
//
// Errors are those of Trail.Record; a *gorm.DB without the plugin is an error
// that says so.
func Record(db *gorm.DB, entries ...audit.Entry) error {
	p, ok := db.Config.Plugins[pluginName].(*Plugin)
	if !ok {
		return errNoPlugin
	}
	pool := db.Statement.ConnPool
	if !inTransaction(pool) {
		return p.trail.Record(db.Statement.Context, entries...)
	}
	u := p.unitOf(pool)
	ready, err := p.trail.Enrich(db.Statement.Context, entries...)
	if err != nil {
		return err
	}
	for i := range ready {
		if ready[i].TransactionID == "" {
			ready[i].TransactionID = u.id
		}
	}
	return u.add(db.Statement.Context, ready...)
}

// logFailure tells the trail's logger of what FailOpen lets pass.
func (p *Plugin) logFailure(ctx context.Context, err error, entries int) {
	p.trail.Logger().ErrorContext(ctx, "audit: change committed without its entries", "error", err, "entries", entries)
}
