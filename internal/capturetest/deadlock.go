package capturetest

import (
	"database/sql"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/gormtrail/audit/internal/capturetest/dbtest"
)

// testNoNewDeadlocks runs one mixed load, of foreign keys that cascade, upserts
// and updates of shared rows, without capture and with it. Each transaction locks
// in an order that no other contradicts, save what the database locks of its
// own accord; so what dies of a deadlock without capture is the measure of what
// may with it.
func testNoNewDeadlocks(t *testing.T) {
	for _, name := range dbtest.Names {
		if name == "sqlite" { // one writer at a time
			continue
		}
		for _, level := range []sql.IsolationLevel{sql.LevelReadCommitted, sql.LevelRepeatableRead} {
			t.Run(name+"/"+strings.ReplaceAll(level.String(), " ", "_"), func(t *testing.T) {
				e, err := newEnv(name, nil, append(estate(), &Account{}, &Product{})...)
				if err != nil {
					dbtest.Missing(t, err)
				}
				t.Cleanup(func() { require.NoError(t, e.base.Close()) })
				seed := rand.Uint64()
				t.Logf("seed %d", seed)
				without := loaded(t, e, e.plain, seed, level)
				e.reset()
				with := loaded(t, e, e.db, seed, level)
				t.Logf("without capture %s; with %s", without, with)
				require.NotZero(t, with.done)
				require.LessOrEqual(t, with.deadlocks, 2*without.deadlocks+2, "capture makes deadlocks of its own")
			})
		}
	}
}

// tally is how the transactions of a load ended.
type tally struct{ done, deadlocks, conflicts int64 }

func (c tally) String() string {
	return fmt.Sprintf("%d done, %d deadlocks, %d conflicts", c.done, c.deadlocks, c.conflicts)
}

func loaded(t *testing.T, e *env, db *gorm.DB, seed uint64, level sql.IsolationLevel) tally {
	t.Helper()
	for i := range accounts {
		require.NoError(t, e.plain.Create(&Account{ID: uint(i + 1), Owner: "o"}).Error)
	}
	for w := range writers {
		for i := range rounds {
			o := holding(fmt.Sprint(w, " ", i))
			o.ID = uint(1 + w*rounds + i)
			require.NoError(t, e.plain.Create(&o).Error)
		}
	}
	var done, deadlocks, conflicts atomic.Int64
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			r := rand.New(rand.NewPCG(seed, uint64(w)))
			for i := range rounds {
				switch err := mixed(db, r, uint(1+w*rounds+i), w*rounds+i, level); {
				case err == nil:
					done.Add(1)
				case isDeadlock(err):
					deadlocks.Add(1)
				case isConflict(err):
					conflicts.Add(1)
				default:
					t.Errorf("a writer failed: %v", err)
				}
			}
		})
	}
	group.Wait()
	return tally{done.Load(), deadlocks.Load(), conflicts.Load()}
}

// mixed is one transaction: a shared row, then owners of the writer's own.
func mixed(db *gorm.DB, r *rand.Rand, owner uint, n int, level sql.IsolationLevel) error {
	return db.Transaction(func(tx *gorm.DB) error {
		if err := tx.Model(&Account{ID: uint(1 + r.IntN(accounts))}).Update("balance", gorm.Expr("balance + 1")).Error; err != nil {
			return err
		}
		switch r.IntN(5) {
		case 0:
			return tx.Unscoped().Delete(&Owner{ID: owner}).Error
		case 1:
			return tx.Unscoped().Model(&Owner{}).Where("id = ?", owner).Update("code", fmt.Sprint("new ", n)).Error
		case 2:
			fresh := holding(fmt.Sprint("fresh ", n))
			fresh.ID = uint(10_000 + n)
			return tx.Create(&fresh).Error
		case 3:
			on := clause.OnConflict{Columns: []clause.Column{{Name: "code"}}, DoUpdates: clause.AssignmentColumns([]string{"price"})}
			return tx.Clauses(on).Create(&Product{Code: fmt.Sprint("race ", r.IntN(4)), Price: n}).Error
		default:
			return tx.Where("owner_id = ?", owner).Delete(&House{}).Error
		}
	}, &sql.TxOptions{Isolation: level})
}
