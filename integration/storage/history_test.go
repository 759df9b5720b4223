package storage

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/history"
	"github.com/gormtrail/audit/hooks"
	"github.com/gormtrail/audit/storage/gormstore"
)

// stock is a row that several processes change.
type stock struct {
	ID        uint
	Qty       int
	Name      *string
	UpdatedAt time.Time
	DeletedAt gorm.DeletedAt
}

// process is a program with a pool and a clock of its own.
type process struct {
	db    *gorm.DB
	trail *audit.Trail
	skew  time.Duration
}

// processes are three whose clocks are right, an hour behind and a second ahead.
func processes(t *testing.T, d gorm.Dialector, opts *gormstore.Options) []*process {
	dsn := dsnOf(d)
	if d.Name() == "mysql" {
		dsn += "?parseTime=true"
	}
	var list []*process
	for _, skew := range []time.Duration{0, -time.Hour, time.Second} {
		p := &process{skew: skew}
		now := func() time.Time { return time.Now().Add(p.skew) }
		var err error
		p.db, err = gorm.Open(dialector(d.Name(), dsn), &gorm.Config{NowFunc: now})
		require.NoError(t, err)
		t.Cleanup(func() { _ = pool(t, p.db).Close() })
		trail, err := audit.New(migrated(t, p.db, opts), &audit.Options{Now: now})
		require.NoError(t, err)
		p.trail = trail
		require.NoError(t, p.db.Use(hooks.New(trail, nil)))
		list = append(list, p)
	}
	require.NoError(t, list[0].db.AutoMigrate(&stock{}, &other{}))
	return list
}

// other is a row that is changed before, so that its transaction is the older one.
type other struct {
	ID uint
	N  int
}

// onEachAndMonthly runs a test on every kind of database, and on tables by month.
func onEachAndMonthly(t *testing.T, run func(t *testing.T, s server, opts *gormstore.Options)) {
	onEach(t, func(t *testing.T, s server) { run(t, s, nil) })
	t.Run("postgres, monthly", func(t *testing.T) { run(t, servers[1], &monthly) })
}

func theStock(id uint) audit.Object { return audit.Object{Type: "stocks", ID: fmt.Sprint(id)} }

// told is a record's history, with nothing missing between one entry and the next.
func told(t require.TestingT, r audit.Reader, id uint) []audit.Entry {
	var list []audit.Entry
	qty := any(nil)
	for e, err := range history.Of(context.Background(), r, theStock(id)) {
		require.NoError(t, err)
		for _, c := range e.Changes {
			if c.Field == "qty" {
				require.Equal(t, qty, c.Old, "entry %d of %d", len(list), id)
				qty = c.New
			}
		}
		list = append(list, e)
	}
	return list
}

// isRow fails unless a state is the row as the database has it.
func isRow(t *testing.T, db *gorm.DB, s history.State) {
	t.Helper()
	var row stock
	found := db.Unscoped().Limit(1).Find(&row, s.Object.ID)
	require.NoError(t, found.Error)
	assert.Empty(t, s.Gaps)
	assert.True(t, s.Complete)
	if found.RowsAffected == 0 {
		assert.False(t, s.Exists)
		assert.Empty(t, s.Fields)
		return
	}
	assert.Equal(t, !row.DeletedAt.Valid, s.Exists)
	assert.EqualValues(t, row.Qty, s.Fields["qty"])
	name, _ := s.Fields["name"].(string)
	if row.Name == nil {
		assert.Nil(t, s.Fields["name"])
	} else {
		assert.Equal(t, *row.Name, name)
	}
}

// rowTimes is when the row itself says that it was last changed.
func rowTimes(t *testing.T, db *gorm.DB, id uint) []time.Time {
	var rows []stock
	require.NoError(t, db.Unscoped().Find(&rows, id).Error)
	switch {
	case len(rows) == 0:
		return nil
	case rows[0].DeletedAt.Valid:
		return []time.Time{rows[0].DeletedAt.Time}
	}
	return []time.Time{rows[0].UpdatedAt}
}

// change changes a row at random, in one statement or in a transaction that has
// written before, and returns how many entries that makes.
func (p *process) change(r *rand.Rand, id uint) (entries int, err error) {
	var row stock
	err = p.db.Transaction(func(tx *gorm.DB) error {
		if r.IntN(2) == 0 {
			if err := tx.Create(&other{N: 1}).Error; err != nil {
				return err
			}
		}
		found := tx.Unscoped().Limit(1).Find(&row, id)
		switch {
		case found.Error != nil:
			return found.Error
		case found.RowsAffected == 0:
			entries = 1
			return tx.Create(&stock{ID: id, Qty: r.IntN(100)}).Error
		case row.DeletedAt.Valid:
			entries = 1
			return tx.Unscoped().Model(&row).Update("deleted_at", nil).Error
		}
		switch r.IntN(8) {
		case 0:
			entries = 1
			return tx.Delete(&row).Error
		case 1:
			entries = 1
			return tx.Unscoped().Delete(&row).Error
		case 2: // twice in one transaction
			entries = 2
			if err := tx.Model(&row).Update("qty", gorm.Expr("qty + 1")).Error; err != nil {
				return err
			}
			return tx.Model(&row).Update("qty", gorm.Expr("qty + 1")).Error
		case 3:
			entries = 1
			return tx.Model(&row).Update("name", fmt.Sprint("name ", r.Int())).Error
		}
		entries = 1
		return tx.Model(&row).Update("qty", gorm.Expr("qty + ?", 1+r.IntN(9))).Error
	})
	return entries, err
}

// Processes whose clocks differ, jump and stand still change rows in turns: each
// row's history is in the order of its changes, and what it tells is the row.
func TestHistoryOfProcessesWhoseClocksDiffer(t *testing.T) {
	onEachAndMonthly(t, func(t *testing.T, s server, opts *gormstore.Options) {
		list := processes(t, s.create(t), opts)
		seed := rand.Uint64()
		t.Logf("the seed is %d", seed)
		r := rand.New(rand.NewPCG(seed, 0))
		entries := map[uint]int{}
		for range 120 {
			p, id := list[r.IntN(len(list))], uint(1+r.IntN(3))
			if r.IntN(4) == 0 {
				p.skew = time.Duration(r.Int64N(int64(4*time.Hour))) - 3*time.Hour
			}
			n, err := p.change(r, id)
			require.NoError(t, err)
			entries[id] += n
			entriesOf := told(t, p.trail, id)
			require.Len(t, entriesOf, entries[id])
			last := entriesOf[len(entriesOf)-1]
			for _, moment := range append(rowTimes(t, p.db, id), last.Time, time.Now().Add(24*time.Hour)) {
				state, err := history.At(t.Context(), p.trail, theStock(id), moment)
				require.NoError(t, err)
				isRow(t, p.db, state)
			}
			state, err := history.After(t.Context(), p.trail, last)
			require.NoError(t, err)
			isRow(t, p.db, state)
		}
	})
}

// The same at once: who waits for the row comes behind who had it, whichever
// transaction began first.
func TestHistoryOfProcessesAtOnce(t *testing.T) {
	onEachAndMonthly(t, func(t *testing.T, s server, opts *gormstore.Options) {
		list := processes(t, s.create(t), opts)
		require.NoError(t, list[0].db.Create(&stock{ID: 1}).Error)
		const rounds = 25
		var wg sync.WaitGroup
		errs := make(chan error, rounds*len(list))
		for i, p := range list {
			wg.Go(func() {
				for n := range rounds {
					errs <- p.db.Transaction(func(tx *gorm.DB) error {
						if (n+i)%2 == 0 {
							if err := tx.Create(&other{N: n}).Error; err != nil {
								return err
							}
						}
						return tx.Model(&stock{ID: 1}).Update("qty", gorm.Expr("qty + 1")).Error
					})
				}
			})
		}
		wg.Wait()
		close(errs)
		for err := range errs {
			require.NoError(t, err)
		}
		for _, r := range []audit.Reader{list[0].trail, list[1].trail.Scope(audit.Filter{Tenants: []string{""}})} {
			assert.Len(t, told(t, r, 1), 1+rounds*len(list))
		}
		var newest []audit.Entry
		q := audit.Query{Filter: audit.Filter{ObjectTypes: []string{"stocks"}, ObjectIDs: []string{"1"}}, Sort: audit.SortRecorded.Reverse(), Limit: 20}
		for {
			page, err := list[2].trail.Query(t.Context(), q)
			require.NoError(t, err)
			newest = append(newest, page.Entries...)
			if q.Cursor = page.Next; q.Cursor == "" {
				break
			}
		}
		slices.Reverse(newest)
		assert.Equal(t, told(t, list[0].trail, 1), newest, "page by page")
	})
}

// A pool of one connection reads page after page.
func TestHistoryThroughOneConnection(t *testing.T) {
	onEachAndMonthly(t, func(t *testing.T, s server, opts *gormstore.Options) {
		list := processes(t, s.create(t), opts)
		require.NoError(t, list[0].db.Create(&stock{ID: 1}).Error)
		for i := range 9 {
			require.NoError(t, list[i%3].db.Model(&stock{ID: 1}).Update("qty", i+1).Error)
		}
		pool(t, list[0].db).SetMaxOpenConns(1)
		assert.Len(t, told(t, list[0].trail, 1), 10)
		newest := 0
		for e, err := range list[0].trail.All(t.Context(), audit.Query{Sort: audit.SortRecorded.Reverse()}) {
			require.NoError(t, err)
			if newest == 0 {
				assert.EqualValues(t, 9, e.Changes[0].New)
			}
			newest++
		}
		assert.Equal(t, 10, newest)
	})
}
