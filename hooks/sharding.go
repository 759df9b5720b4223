package hooks

import (
	"errors"
	"fmt"

	"gorm.io/gorm"
)

// shardingName is the name of gorm.io/sharding's plugin and of its callbacks.
const shardingName = "gorm:sharding"

// errSharding: that plugin chooses the table in a connection pool of its own,
// which it puts in the place of the plugin's. Its statements would go to the table
// without a shard.
var errSharding = errors.New("hooks: gorm.io/sharding rewrites statements below the plugin, and can't be used on the same *gorm.DB: give the sharded tables a *gorm.DB without it")

// unsharded returns errSharding for a *gorm.DB on which gorm.io/sharding is
// registered, or whose pool is one of its kind.
func (p *Plugin) unsharded(db *gorm.DB) error {
	if _, ok := db.Config.Plugins[shardingName]; ok || shards(db.Statement.ConnPool) {
		return errSharding
	}
	return nil
}

// shards reports whether a pool, or one below GORM's prepared statements, is
// gorm.io/sharding's: it says so itself.
func shards(c gorm.ConnPool) bool {
	for c != nil {
		if s, ok := c.(fmt.Stringer); ok && s.String() == "gorm:sharding:conn_pool" {
			return true
		}
		switch x := c.(type) {
		case *gorm.PreparedStmtDB:
			c = x.ConnPool
		case *gorm.PreparedStmtTX:
			c = x.Tx
		default:
			return false
		}
	}
	return false
}
