package hooks_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/hooks"
	"github.com/gormtrail/audit/storage/gormstore"
	"github.com/gormtrail/audit/storage/memstore"
)

// flaky is a store that can be unreachable.
type flaky struct {
	audit.Store
	down bool
}

func (f *flaky) Append(ctx context.Context, entries ...audit.Entry) error {
	if f.down {
		return errors.New("unreachable")
	}
	return f.Store.Append(ctx, entries...)
}

// newOutboxHost has its trail elsewhere, and an outbox in its own database.
func newOutboxHost(t *testing.T) (*host, *flaky) {
	remote := &flaky{Store: memstore.New()}
	opts := &hooks.Options{}
	h := newHost(t, setup{opts: opts, store: func(db *gorm.DB) audit.Store {
		outbox, err := gormstore.New(db, &gormstore.Options{Table: "audit_outbox"})
		require.NoError(t, err)
		require.NoError(t, outbox.Migrate(context.Background()))
		opts.Outbox = outbox
		return remote
	}})
	return h, remote
}

func TestOutboxDeliversAfterTheCommit(t *testing.T) {
	h, _ := newOutboxHost(t)
	tx := h.db.Begin()
	require.NoError(t, tx.Create(&item{Name: "a"}).Error)
	require.Empty(t, h.lines())
	require.NoError(t, tx.Commit().Error)
	require.Equal(t, []string{"create items 1 +id=1 +name=a +qty=0"}, h.lines())
	require.Zero(t, h.waiting(), "what is delivered is not kept")
}

// waiting is how many entries are in the outbox.
func (h *host) waiting() int {
	h.t.Helper()
	var n int
	require.NoError(h.t, h.db.Raw("SELECT count(*) FROM audit_outbox").Scan(&n).Error)
	return n
}

func TestOutboxKeepsWhatAnUnreachableStoreCannotTake(t *testing.T) {
	h, remote := newOutboxHost(t)
	remote.down = true
	require.NoError(t, h.db.Create(&item{Name: "a"}).Error, "the host goes on")
	require.NoError(t, h.db.Create(&item{Name: "b"}).Error)
	require.Equal(t, 2, h.waiting())
	require.ErrorContains(t, h.plugin.Deliver(context.Background()), "unreachable")
	remote.down = false
	require.NoError(t, h.plugin.Deliver(context.Background()))
	require.Len(t, h.lines(), 2)
	require.Zero(t, h.waiting())
}

func TestOutboxRollsBackWithTheHost(t *testing.T) {
	h, _ := newOutboxHost(t)
	_ = h.db.Transaction(func(tx *gorm.DB) error {
		require.NoError(t, tx.Create(&item{Name: "a"}).Error)
		return errNo
	})
	require.NoError(t, h.plugin.Deliver(context.Background()))
	require.Empty(t, h.lines())
}

func TestOutboxTakesTransactionsFromOutside(t *testing.T) {
	h, _ := newOutboxHost(t)
	sqlDB, err := h.db.DB()
	require.NoError(t, err)
	sqlTx, err := sqlDB.Begin()
	require.NoError(t, err)
	session := h.db.Session(&gorm.Session{NewDB: true, Context: context.Background()})
	session.Statement.ConnPool = sqlTx
	require.NoError(t, session.Create(&item{Name: "a"}).Error)
	require.NoError(t, sqlTx.Commit())
	require.NoError(t, h.plugin.Deliver(context.Background()))
	require.Len(t, h.lines(), 1)
}

func TestWithoutAnOutboxAStoreThatFailsIsTold(t *testing.T) {
	for _, open := range []bool{false, true} {
		remote := &flaky{Store: memstore.New(), down: true}
		h := newHost(t, setup{opts: &hooks.Options{FailOpen: open}, store: func(*gorm.DB) audit.Store { return remote }})
		err := h.db.Create(&item{Name: "a"}).Error
		if open {
			require.NoError(t, err)
		} else {
			require.ErrorIs(t, err, hooks.ErrNotDelivered)
			require.ErrorContains(t, err, "unreachable")
		}
		require.EqualValues(t, 1, h.count(&item{}))
	}
}

// What waits in the outbox is delivered in the order of its changes, also where
// the clock was set back between them.
func TestOutboxDeliversInTheOrderOfChanges(t *testing.T) {
	h, remote := newOutboxHost(t)
	outbox, err := gormstore.New(h.db, &gormstore.Options{Table: "audit_outbox"})
	require.NoError(t, err)
	var want []string
	for i, second := range []int64{50, 30, 40} {
		e := audit.Entry{ID: uuid.Must(uuid.NewV7()).String(), Time: time.Unix(second, 0), Action: "update", Object: audit.Object{Type: "items", ID: "1"}, Comment: string(rune('a' + i))}
		require.NoError(t, outbox.Append(t.Context(), e))
		want = append(want, e.Comment)
	}
	require.NoError(t, h.plugin.Deliver(t.Context()))
	page, err := remote.Query(t.Context(), audit.Query{Sort: audit.SortRecorded, Limit: 10})
	require.NoError(t, err)
	var got []string
	for _, e := range page.Entries {
		got = append(got, e.Comment)
	}
	require.Equal(t, want, got)
}
