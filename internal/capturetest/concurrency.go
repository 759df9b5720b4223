package capturetest

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/gormtrail/audit/internal/capturetest/dbtest"
)

const (
	accounts = 4
	writers  = 6
	rounds   = 20
)

// testConcurrency has many write the same rows: each entry's old values must be
// the new ones of the entry before, in commit order, no deadlock may come that
// the host's own statements don't make, and no goroutine may be left behind.
func testConcurrency(t *testing.T) {
	for _, name := range dbtest.Names {
		levels := []sql.IsolationLevel{sql.LevelReadCommitted, sql.LevelRepeatableRead}
		if name == "sqlite" { // one connection in all, one level
			levels = []sql.IsolationLevel{sql.LevelDefault}
		}
		for _, level := range levels {
			t.Run(name+"/"+strings.ReplaceAll(level.String(), " ", "_"), func(t *testing.T) { concurrent(t, name, level) })
		}
	}
}

func concurrent(t *testing.T, name string, level sql.IsolationLevel) {
	before := libraryRoutines()
	e, err := newEnv(name, nil, &Account{}, &Product{}, &Note{})
	if err != nil {
		dbtest.Missing(t, err)
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	for i := range accounts {
		require.NoError(t, e.plain.Create(&Account{ID: uint(i + 1), Owner: "o"}).Error)
	}
	var deadlocks, conflicts, done atomic.Int64
	wrong := e.judged(func(db *gorm.DB) {
		var group sync.WaitGroup
		for w := range writers {
			group.Go(func() {
				r := rand.New(rand.NewPCG(seed, uint64(w)))
				for range rounds {
					err := transfer(db, r, level)
					switch {
					case err == nil:
						done.Add(1)
					case isDeadlock(err):
						deadlocks.Add(1)
					case isConflict(err):
						conflicts.Add(1) // repeatable read asks to begin again
					default:
						t.Errorf("a writer failed: %v", err)
					}
				}
			})
		}
		group.Wait()
	})
	t.Logf("%d transactions, %d conflicts, %d entries", done.Load(), conflicts.Load(), len(e.entries))
	require.Empty(t, wrong)
	require.Zero(t, deadlocks.Load(), "the statements touch rows in one order, so no deadlock is the host's")
	require.NotZero(t, done.Load())
	require.Zero(t, e.inUse())
	require.NoError(t, e.trail.Close(context.Background()))
	require.NoError(t, e.base.Close())
	require.Eventually(t, func() bool { return len(libraryRoutines().without(before)) == 0 }, 20*time.Second, 10*time.Millisecond,
		"goroutines are left behind: %v", libraryRoutines().without(before))
}

// transfer changes one row or several, in the order of their keys, in one of
// the ways in which hosts do.
func transfer(db *gorm.DB, r *rand.Rand, level sql.IsolationLevel) error {
	id := 1 + r.IntN(accounts)
	return db.Transaction(func(tx *gorm.DB) error {
		switch r.IntN(6) {
		case 0:
			return tx.Model(&Account{ID: uint(id)}).Update("balance", gorm.Expr("balance + ?", r.IntN(5))).Error
		case 1: // read, locked, and saved
			var a Account
			if err := tx.Clauses(clause.Locking{Strength: lockOf(tx)}).First(&a, id).Error; err != nil {
				return err
			}
			a.Balance += int64(r.IntN(3))
			return tx.Save(&a).Error
		case 2: // two rows, the lower key first
			if err := tx.Model(&Account{ID: 1}).UpdateColumn("balance", gorm.Expr("balance - 1")).Error; err != nil {
				return err
			}
			return tx.Model(&Account{ID: 2}).UpdateColumn("balance", gorm.Expr("balance + 1")).Error
		case 3: // all rows, locked in order first: PostgreSQL updates them in any
			var list []Account
			if err := tx.Clauses(clause.Locking{Strength: lockOf(tx)}).Order("id").Find(&list).Error; err != nil {
				return err
			}
			return tx.Model(&Account{}).Where("id > 0").Update("balance", gorm.Expr("balance + 1")).Error
		case 4:
			return tx.Create(&Note{Text: fmt.Sprint("note ", id)}).Error
		default: // the same row twice, one step undone
			if err := tx.Model(&Account{ID: uint(id)}).Update("owner", fmt.Sprint(r.IntN(100))).Error; err != nil {
				return err
			}
			_ = tx.Transaction(func(tx2 *gorm.DB) error {
				if err := tx2.Model(&Account{ID: uint(id)}).Update("balance", gorm.Expr("balance * 2")).Error; err != nil {
					return err
				}
				return errUndo
			})
			return tx.Model(&Account{ID: uint(id)}).Update("balance", gorm.Expr("balance + 10")).Error
		}
	}, &sql.TxOptions{Isolation: level})
}

func lockOf(db *gorm.DB) string {
	if db.Dialector.Name() == "sqlite" {
		return ""
	}
	return "UPDATE"
}

func isDeadlock(err error) bool {
	return strings.Contains(err.Error(), "40P01") || strings.Contains(err.Error(), "1213")
}

func isConflict(err error) bool {
	return strings.Contains(err.Error(), "40001") || strings.Contains(err.Error(), "25P02") || strings.Contains(err.Error(), "1020")
}

// testRacingUpserts has many upsert the same unique values: who inserts and who
// updates is decided inside the database, and the entries must say it right.
func testRacingUpserts(t *testing.T) {
	for _, name := range dbtest.Names {
		t.Run(name, func(t *testing.T) {
			e := envFor(t, name)
			wrong := e.judged(func(db *gorm.DB) {
				var group sync.WaitGroup
				for w := range writers {
					group.Go(func() {
						for i := range rounds / 2 {
							on := clause.OnConflict{Columns: []clause.Column{{Name: "code"}}, DoUpdates: clause.AssignmentColumns([]string{"price"})}
							if i%3 == 0 {
								on = clause.OnConflict{DoNothing: true}
							}
							err := db.Clauses(on).Create(&Product{Code: fmt.Sprint("race ", i%4), Price: w*100 + i}).Error
							if err != nil && !isDeadlock(err) {
								t.Errorf("an upsert failed: %v", err)
							}
						}
					})
				}
				group.Wait()
			})
			require.Empty(t, wrong)
		})
	}
}
