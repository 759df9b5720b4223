package capturetest

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/gormtrail/audit/internal/capturetest/dbtest"
)

const jobWorkers = 6

// jobCount is how many a queue has.
func jobCount() int {
	if os.Getenv("GORMTRAIL_JOB_RUNS") != "" {
		return 100
	}
	return 40
}

// testJobQueues: workers take jobs from a table, each with a statement or a
// transaction that skips what others have locked. Each job is taken once and each
// change is on the trail. GORMTRAIL_JOB_RUNS repeats each queue, with more jobs,
// and logs the deadlocks without capture and with it.
func testJobQueues(t *testing.T) {
	oldest := "(SELECT id FROM jobs WHERE status = 'new' ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)"
	derived := "(SELECT id FROM (SELECT id FROM jobs WHERE status = 'new' ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED) q)"
	queues := []struct {
		name string
		only []string
		take func(e *env, db *gorm.DB, worker int) (int64, error)
	}{
		{"an update of what a subquery locks", nil, func(e *env, db *gorm.DB, worker int) (int64, error) {
			tx := db.Model(&Job{}).Where("id = " + e.by("", oldest, derived)).Updates(map[string]any{"status": "taken", "worker": worker})
			return tx.RowsAffected, tx.Error
		}},
		{"an update of several that a subquery locks", nil, func(e *env, db *gorm.DB, worker int) (int64, error) {
			three := "(SELECT id FROM (SELECT id FROM jobs WHERE status = 'new' ORDER BY id LIMIT 3 FOR UPDATE SKIP LOCKED) q)"
			tx := db.Table("jobs").Where("id IN " + three).Updates(map[string]any{"status": "taken", "worker": worker})
			return tx.RowsAffected, tx.Error
		}},
		{"a delete of what a subquery locks", nil, func(e *env, db *gorm.DB, worker int) (int64, error) {
			tx := db.Where("id = " + e.by("", oldest, derived)).Delete(&Job{})
			return tx.RowsAffected, tx.Error
		}},
		{"an update that returns the job", []string{"postgres"}, func(e *env, db *gorm.DB, worker int) (int64, error) {
			var list []Job
			tx := db.Model(&list).Clauses(clause.Returning{}).Where("id = " + oldest).Updates(map[string]any{"status": "taken", "worker": worker})
			e.want(int64(len(list)) == tx.RowsAffected || tx.Error != nil, "%d jobs returned, %d taken", len(list), tx.RowsAffected)
			return tx.RowsAffected, tx.Error
		}},
		{"a select that locks, and an update by key", nil, func(e *env, db *gorm.DB, worker int) (n int64, err error) {
			err = db.Transaction(func(tx *gorm.DB) error {
				var list []Job
				locking := clause.Locking{Strength: "UPDATE", Options: "SKIP LOCKED"}
				if err := tx.Clauses(locking).Where("status = ?", "new").Order("id").Limit(1).Find(&list).Error; err != nil || len(list) == 0 {
					return err
				}
				update := tx.Model(&list[0]).Updates(map[string]any{"status": "taken", "worker": worker})
				n = update.RowsAffected
				return update.Error
			})
			return n, err
		}},
		{"an update with its own limit", []string{"mariadb"}, func(e *env, db *gorm.DB, worker int) (int64, error) {
			tx := db.Model(&Job{}).Where("status = ?", "new").Order("id").Limit(1).Updates(map[string]any{"status": "taken", "worker": worker})
			return tx.RowsAffected, tx.Error
		}},
	}
	for _, q := range queues {
		only := q.only
		if only == nil {
			only = []string{"postgres", "mariadb"}
		}
		t.Run(q.name, func(t *testing.T) {
			for _, name := range dbtest.Names {
				if !slices.Contains(only, name) {
					continue
				}
				t.Run(name, func(t *testing.T) { runQueue(t, rowsEnvFor(t, name), q.take) })
			}
		})
	}
}

func runQueue(t *testing.T, e *env, take func(e *env, db *gorm.DB, worker int) (int64, error)) {
	runs, err := strconv.Atoi(os.Getenv("GORMTRAIL_JOB_RUNS"))
	if err != nil {
		runs = 1
	}
	var wrong []string
	var without, with int64
	for range runs {
		plain, s := e.worked(e.plain.WithContext(context.Background()), take)
		if s != "" {
			t.Fatalf("without capture: %s", s)
		}
		captured, s := e.worked(e.db.WithContext(context.Background()), take)
		if s != "" {
			wrong = append(wrong, s)
		}
		without, with = without+plain, with+captured
	}
	t.Logf("deadlocks in %d runs: %d without capture, %d with", runs, without, with)
	if with > 2*without+2 {
		wrong = append(wrong, fmt.Sprintf("%d deadlocks, %d without capture", with, without))
	}
	verdict(t, wrong)
}

// worked has workers empty a new queue, and returns the deadlocks that they met.
func (e *env) worked(db *gorm.DB, take func(e *env, db *gorm.DB, worker int) (int64, error)) (deadlocks int64, wrong string) {
	table := rowCase{tables: []string{"jobs"}, ddl: everywhere("CREATE TABLE jobs (id integer PRIMARY KEY, status varchar(10), worker integer)", "CREATE INDEX jobs_status ON jobs (status)")}
	wrong = recovered(func() {
		e.remake(table)
		var list []Job
		for i := range jobCount() {
			list = append(list, Job{ID: int64(i + 1), Status: "new"})
		}
		e.ok(e.plain.Create(&list))
		e.replayed(db, table.tables, func() {
			var taken int64
			taken, deadlocks = e.work(db, take)
			e.want(taken == int64(jobCount()), "%d jobs were taken, there are %d", taken, jobCount())
		})
	})
	return deadlocks, wrong
}

// work ends when a worker finds no job and all workers agree.
func (e *env) work(db *gorm.DB, take func(e *env, db *gorm.DB, worker int) (int64, error)) (taken, deadlocks int64) {
	var mu sync.Mutex
	var failed string
	var group sync.WaitGroup
	for w := range jobWorkers {
		group.Go(func() {
			s := recovered(func() {
				for {
					n, err := take(e, db, w+1)
					switch {
					case err != nil && isDeadlock(err):
						mu.Lock()
						deadlocks++
						mu.Unlock()
						continue
					case err != nil:
						e.no(err)
					case n == 0:
						return
					}
					mu.Lock()
					taken += n
					mu.Unlock()
				}
			})
			mu.Lock()
			failed += s
			mu.Unlock()
		})
	}
	group.Wait()
	// What others had locked, and gave back in a deadlock, is taken last.
	for {
		n, err := take(e, db, 0)
		e.no(err)
		if taken += n; n == 0 {
			break
		}
	}
	e.want(failed == "", "a worker failed: %s", failed)
	return taken, deadlocks
}
