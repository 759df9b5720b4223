package capturetest

import (
	"gorm.io/gorm"
	"pgregory.net/rapid"
)

// resolved are handles with dbresolver, registered before capture and after it.
// Replicas and sources are pools of one database.
func resolved(name string, plugin func(e *env) gorm.Plugin) *workload {
	return &workload{
		name: name, world: world{models: models()}, prologue: prologue, needs: needsResolver, alone: true, share: 4,
		handles: map[string]handle{"before": {before: plugin}, "after": {after: plugin}},
		parts: []part{{name: "statements", draw: func(t *rapid.T, database string) op {
			return drawOp(t, database, 2)
		}}},
	}
}

func replicas() *workload {
	return resolved("replicas", func(e *env) gorm.Plugin {
		return extras.Resolver.Plugin(nil, []gorm.Dialector{e.pool(), e.pool()})
	})
}

func sources() *workload {
	return resolved("sources", func(e *env) gorm.Plugin {
		return extras.Resolver.Plugin([]gorm.Dialector{e.pool(), e.pool()}, []gorm.Dialector{e.pool()})
	})
}

// pool is another pool of the same database, closed with it.
func (e *env) pool() gorm.Dialector {
	pool, err := e.base.Another()
	e.no(err)
	return e.base.On(pool)
}
