package capturetest

import (
	"context"
	"reflect"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// Extras are what the root module doesn't have: its GORM is the lowest that the
// library promises to work with. Cases that need them run where they are set.
type Extras struct {
	// Generics are GORM's generic interface, one value for each model.
	Generics []Generic
	Resolver *Resolver
}

// Generic is GORM's generic interface for one model.
type Generic interface {
	// Model is a pointer to the model.
	Model() any
	Create(ctx context.Context, db *gorm.DB, row any, opts ...clause.Expression) error
	CreateInBatches(ctx context.Context, db *gorm.DB, rows any, size int) error
	Update(ctx context.Context, db *gorm.DB, where Where, column string, value any) (int, error)
	Updates(ctx context.Context, db *gorm.DB, where Where, row any) (int, error)
	Delete(ctx context.Context, db *gorm.DB, where Where) (int, error)
}

// Where is a condition with its arguments.
type Where struct {
	SQL  string
	Args []any
}

// Resolver is gorm.io/plugin/dbresolver.
type Resolver struct {
	Plugin func(sources, replicas []gorm.Dialector) gorm.Plugin
	Write  clause.Expression // has a statement use a source
}

var extras Extras

// Use sets the extras. It is called once, before any test runs.
func Use(x Extras) { extras = x }

func genericOf[M any]() Generic {
	for _, g := range extras.Generics {
		if reflect.TypeOf(g.Model()) == reflect.TypeFor[*M]() {
			return g
		}
	}
	return nil
}

// What a case needs.
func needsGeneric() bool  { return genericOf[Person]() != nil }
func needsResolver() bool { return extras.Resolver != nil }
