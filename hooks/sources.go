package hooks

import (
	"context"

	"gorm.io/gorm"

	"github.com/gormtrail/audit"
)

// Another plugin may choose the pool of each statement: dbresolver sends writes to
// its sources, and a host may do so by tenant. The plugin sees the commits of such
// a pool, as those of the *gorm.DB's own, if it is wrapped before the transaction
// begins.

// resolverName is dbresolver's callback, which Clauses(dbresolver.Use(…)) also
// calls by itself, before a transaction is begun by hand.
const resolverName = "gorm:db_resolver"

func (p *Plugin) registerSources(db *gorm.DB) error {
	cb := db.Callback()
	begins := func(db *gorm.DB) bool { return !db.SkipDefaultTransaction } // else open does
	see := p.guard(p.seeSource)
	for _, err := range []error{
		cb.Create().Match(begins).Before("gorm:begin_transaction").Register("audit:source_create", see),
		cb.Update().Match(begins).Before("gorm:begin_transaction").Register("audit:source_update", see),
		cb.Delete().Match(begins).Before("gorm:begin_transaction").Register("audit:source_delete", see),
	} {
		if err != nil {
			return err
		}
	}
	choose := cb.Query().Get(resolverName)
	if choose == nil {
		return nil
	}
	return cb.Query().Before("*").Replace(resolverName, func(db *gorm.DB) {
		choose(db)
		p.seeSource(db)
	})
}

// seeSource wraps the pool that was chosen for a statement.
func (p *Plugin) seeSource(db *gorm.DB) {
	if db.Error == nil && !db.DryRun && !inTransaction(db.Statement.ConnPool) {
		db.Statement.ConnPool = p.seen(db.Statement.ConnPool)
	}
}

// seen is a pool whose commits the plugin sees. Of GORM's prepared statements it
// is a copy with the same statements: the one given may be in use.
func (p *Plugin) seen(c gorm.ConnPool) gorm.ConnPool {
	switch x := c.(type) {
	case *pool:
		return x
	case *gorm.PreparedStmtDB:
		if wrapped(x.ConnPool) {
			return x
		}
		prepared := *x
		prepared.ConnPool = p.seen(x.ConnPool)
		return &prepared
	case gorm.TxBeginner, gorm.ConnPoolBeginner:
		return &pool{ConnPool: c, plugin: p}
	}
	return c
}

// refuse returns the error of a statement that would write a row whose entry could
// go nowhere, before it runs. ctx is the statement's context, c its transaction.
func (p *Plugin) refuse(ctx context.Context, c gorm.ConnPool) error {
	if use := audit.SkipFrom(ctx); use != nil && use.Recorded() {
		return nil // there is no entry to come
	}
	return p.unitOf(c).refuse(ctx)
}
