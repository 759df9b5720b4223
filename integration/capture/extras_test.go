package capture

import (
	"context"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/plugin/dbresolver"

	"github.com/gormtrail/audit/internal/capturetest"
)

var resolver = &capturetest.Resolver{
	Plugin: func(sources, replicas []gorm.Dialector) gorm.Plugin {
		return dbresolver.Register(dbresolver.Config{Sources: sources, Replicas: replicas})
	},
	Write: dbresolver.Write,
}

var generics = []capturetest.Generic{
	generic[capturetest.Person]{}, generic[capturetest.Product]{}, generic[capturetest.Place]{}, generic[capturetest.LogLine]{},
	generic[capturetest.Ticket]{}, generic[capturetest.Doc]{}, generic[capturetest.Hooked]{}, generic[capturetest.Versioned]{},
	generic[capturetest.SoftStd]{}, generic[capturetest.SoftFlag]{}, generic[capturetest.SoftUnix]{}, generic[capturetest.SoftMilli]{},
	generic[capturetest.Money]{}, generic[capturetest.Moment]{}, generic[capturetest.Branch]{}, generic[capturetest.Permitted]{},
}

// generic is gorm.G of a model.
type generic[M any] struct{}

func (generic[M]) Model() any { return new(M) }

func (generic[M]) Create(ctx context.Context, db *gorm.DB, row any, opts ...clause.Expression) error {
	return gorm.G[M](db, opts...).Create(ctx, row.(*M))
}

func (generic[M]) CreateInBatches(ctx context.Context, db *gorm.DB, rows any, size int) error {
	return gorm.G[M](db).CreateInBatches(ctx, rows.(*[]M), size)
}

func (generic[M]) Update(ctx context.Context, db *gorm.DB, where capturetest.Where, column string, value any) (int, error) {
	return gorm.G[M](db).Where(where.SQL, where.Args...).Update(ctx, column, value)
}

func (generic[M]) Updates(ctx context.Context, db *gorm.DB, where capturetest.Where, row any) (int, error) {
	return gorm.G[M](db).Where(where.SQL, where.Args...).Updates(ctx, *row.(*M))
}

func (generic[M]) Delete(ctx context.Context, db *gorm.DB, where capturetest.Where) (int, error) {
	return gorm.G[M](db).Where(where.SQL, where.Args...).Delete(ctx)
}
