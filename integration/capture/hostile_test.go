package capture

import (
	"context"
	"database/sql"
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/hooks"
	"github.com/gormtrail/audit/integration/capture/dbtest"
	"github.com/gormtrail/audit/storage/gormstore"
)

var (
	hostileRuns = flag.Int("hostile", 300, "texts of TestHostileTexts on each database under each policy")
	hostileSeed = flag.Uint64("hostile-seed", 0, "seed of TestHostileTexts; 0: by the clock")
)

// hostileTable is a database of one table, whose triggers count its changes, and a
// handle that captures.
type hostileTable struct {
	t   *testing.T
	db  *gorm.DB
	sql *sql.DB
	hostile
}

func newHostileTable(t *testing.T, kind hostileKind, raw hooks.RawPolicy, seed uint64) *hostileTable {
	base := dbtest.For(t, kind.database)
	pool, err := sql.Open(kind.driver, base.DSN+kind.settings)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, pool.Close()) })
	if kind.database == "sqlite" {
		pool.SetMaxOpenConns(1)
	} else {
		pool.SetMaxIdleConns(0) // a transaction that a text leaves open ends with its connection
	}
	db, err := gorm.Open(base.On(pool), config())
	require.NoError(t, err)
	for _, s := range kind.tables {
		require.NoError(t, db.Exec(s).Error, s)
	}
	store, err := gormstore.New(db, nil)
	require.NoError(t, err)
	require.NoError(t, store.Migrate(context.Background()))
	trail, err := audit.New(store, nil)
	require.NoError(t, err)
	require.NoError(t, db.Use(hooks.New(trail, &hooks.Options{Raw: raw})))
	return &hostileTable{t, db, pool, hostile{rand.New(rand.NewPCG(seed, uint64(raw))), kind}}
}

// counts returns how many changes there were, and how many entries.
func (h *hostileTable) counts() (changes, entries int) {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if h.database == "sqlite" {
		_, _ = h.sql.ExecContext(ctx, "ROLLBACK") // what a BEGIN left open
	}
	err := h.sql.QueryRowContext(ctx, "SELECT (SELECT count(*) FROM changes), (SELECT count(*) FROM audit_entries)").Scan(&changes, &entries)
	require.NoError(h.t, err)
	return changes, entries
}

// attempt runs texts in one of the ways that GORM has; errors are of no interest.
func (h *hostileTable) attempt(texts ...string) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	db := h.db.WithContext(ctx)
	prepared := h.IntN(4) == 0
	if prepared {
		db = db.Session(&gorm.Session{PrepareStmt: true})
	}
	if h.IntN(2) == 0 {
		tx := db.Begin()
		defer func() {
			if h.IntN(4) > 0 {
				tx.Commit()
			} else {
				tx.Rollback()
			}
		}()
		db = tx
	}
	for _, text := range texts {
		h.one(db, prepared, text)
	}
}

func (h *hostileTable) one(db *gorm.DB, prepared bool, text string) {
	way := h.IntN(7)
	if prepared && way == 2 {
		way = 0 // GORM's Row panics where a statement can't be prepared
	}
	switch way {
	case 0:
		db.Raw(text).Scan(&[]map[string]any{})
	case 1:
		if rows, err := db.Raw(text).Rows(); err == nil {
			rows.Close()
		}
	case 2:
		if row := db.Raw(text).Row(); row != nil {
			row.Scan(new(any))
		}
	case 3:
		db.Table("things").Where("1 = 1" + h.gap() + h.of(";", "") + text).Find(&[]map[string]any{})
	case 4:
		db.Table("things").Where("id = ?"+h.gap()+h.of(";", "")+text, 1).Update("a", fmt.Sprint(h.Int()))
	default:
		db.Exec(text)
	}
}

// TestHostileTexts: whatever changes a row is on the log, or was refused.
func TestHostileTexts(t *testing.T) {
	seed := *hostileSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("-hostile-seed=%d -hostile=%d", seed, *hostileRuns)
	for _, kind := range hostileKinds {
		for _, raw := range []hooks.RawPolicy{hooks.RawRecord, hooks.RawRefuse} {
			t.Run(fmt.Sprintf("%s/%d", kind.name, raw), func(t *testing.T) { tryHostile(t, kind, raw, seed) })
		}
	}
}

func tryHostile(t *testing.T, kind hostileKind, raw hooks.RawPolicy, seed uint64) {
	h := newHostileTable(t, kind, raw, seed)
	changed := 0
	for i := range *hostileRuns {
		var texts []string
		for range 1 + h.IntN(2) {
			texts = append(texts, h.text())
		}
		before, entries := h.counts()
		h.attempt(texts...)
		after, now := h.counts()
		if before == after {
			continue
		}
		changed++
		// The one statement that GORM builds in the middle of a condition is an
		// update of its own.
		require.True(t, raw == hooks.RawRecord || now > entries, "seed %d, text %d: refused, and yet %q changed a row", seed, i, texts)
		require.Greater(t, now, entries, "seed %d, text %d: %q changed a row and is not on the log", seed, i, texts)
	}
	t.Logf("%d of %d texts changed rows", changed, *hostileRuns)
	require.True(t, raw == hooks.RawRefuse || changed > 0, "no text changed a row")
}
