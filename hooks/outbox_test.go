package hooks_test

import (
	"context"
	"errors"
	"sync/atomic"
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

// flaky is a store that can be unreachable, or hang.
type flaky struct {
	audit.Store
	down atomic.Bool
	hang chan struct{} // not nil: an Append waits until it is closed, whatever its context says
	now  atomic.Int32  // how many Appends are under way
	most atomic.Int32
	wait chan struct{} // not nil: an Append tells that it has begun
}

func (f *flaky) Append(ctx context.Context, entries ...audit.Entry) error {
	f.most.Store(max(f.most.Load(), f.now.Add(1)))
	defer f.now.Add(-1)
	if f.down.Load() {
		return errors.New("unreachable")
	}
	if f.hang != nil {
		f.wait <- struct{}{}
		<-f.hang
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
	t.Cleanup(func() { require.NoError(t, h.trail.Close(context.Background())) }) // before the database is closed
	return h, remote
}

func TestOutboxDeliversAfterTheCommit(t *testing.T) {
	h, _ := newOutboxHost(t)
	tx := h.db.Begin()
	require.NoError(t, tx.Create(&item{Name: "a"}).Error)
	require.Empty(t, h.lines())
	require.NoError(t, tx.Commit().Error)
	require.NoError(t, h.plugin.Deliver(t.Context()), "it waits for the delivery that the commit began")
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
	remote.down.Store(true)
	require.NoError(t, h.db.Create(&item{Name: "a"}).Error, "the host goes on")
	require.NoError(t, h.db.Create(&item{Name: "b"}).Error)
	require.Equal(t, 2, h.waiting())
	require.ErrorContains(t, h.plugin.Deliver(context.Background()), "unreachable")
	remote.down.Store(false)
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
		remote := &flaky{Store: memstore.New()}
		remote.down.Store(true)
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

// A commit waited for the store of the trail: five seconds for one that hung, and for
// ever if it didn't look at its context.
func TestNoCommitWaitsForAHangingStore(t *testing.T) {
	h, remote := newOutboxHost(t)
	remote.hang, remote.wait = make(chan struct{}), make(chan struct{}, 100)
	require.NoError(t, h.db.Create(&item{Name: "a"}).Error)
	<-remote.wait // the delivery hangs
	require.NoError(t, h.db.Create(&item{Name: "b"}).Error)
	require.NoError(t, h.db.Transaction(func(tx *gorm.DB) error { return tx.Create(&item{Name: "c"}).Error }))
	require.Equal(t, 3, h.waiting())
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, h.plugin.Deliver(ended), context.Canceled, "it waits for no longer than its context")
	require.ErrorIs(t, h.trail.Close(ended), context.Canceled, "Close waits for what is under way")
	close(remote.hang)
	require.NoError(t, h.trail.Close(t.Context()))
	require.ErrorIs(t, h.plugin.Deliver(t.Context()), audit.ErrClosed)
	require.EqualValues(t, 1, remote.most.Load(), "one delivery at a time")
	require.Zero(t, remote.now.Load())
	page, err := remote.Query(t.Context(), audit.Query{Limit: 10})
	require.NoError(t, err)
	require.Equal(t, 3, h.waiting()+len(page.Entries), "what isn't delivered is in the outbox")
}

// What was committed while a delivery was under way is delivered behind it.
func TestWhatComesMeanwhileIsDeliveredToo(t *testing.T) {
	h, remote := newOutboxHost(t)
	remote.hang, remote.wait = make(chan struct{}), make(chan struct{}, 100)
	require.NoError(t, h.db.Create(&item{Name: "a"}).Error)
	<-remote.wait
	require.NoError(t, h.db.Create(&item{Name: "b"}).Error)
	close(remote.hang)
	<-remote.wait // without another commit, and nobody calls Deliver
	require.NoError(t, h.plugin.Deliver(t.Context()))
	require.Len(t, h.lines(), 2)
	require.Zero(t, h.waiting())
}

// One entry in conflict kept everything behind it in the outbox for good.
func TestAConflictBlocksNoDelivery(t *testing.T) {
	h, remote := newOutboxHost(t)
	outbox, err := gormstore.New(h.db, &gormstore.Options{Table: "audit_outbox"})
	require.NoError(t, err)
	id := uuid.Must(uuid.NewV7()).String()
	entry := func(comment string) audit.Entry {
		return audit.Entry{ID: id, Time: time.Unix(50, 0), Action: "update", Comment: comment, Metadata: map[string]any{"k": int64(1)}}
	}
	require.NoError(t, remote.Append(t.Context(), entry("first")))
	for range 2 { // the second time as after a crash between delivering and removing
		other := entry("behind")
		other.ID = "01980000-0000-7000-8000-0000000000aa"
		require.NoError(t, outbox.Append(t.Context(), entry("second"), other))
		require.NoError(t, h.plugin.Deliver(t.Context()))
		require.Zero(t, h.waiting())
	}
	page, err := remote.Query(t.Context(), audit.Query{Sort: audit.SortRecorded, Limit: 10})
	require.NoError(t, err)
	require.Len(t, page.Entries, 3)
	require.Equal(t, entry("first").Comment, page.Entries[0].Comment)
	require.Equal(t, map[string]any{"k": int64(1), "conflict": id}, page.Entries[1].Metadata)
	require.Equal(t, "second", page.Entries[1].Comment)
	require.NotEqual(t, id, page.Entries[1].ID)
}

// A host that runs its transaction again gives its entry the same ID. The transaction
// and the time of the second try are others, which is no conflict.
func TestATransactionThatRunsAgainIsNoConflict(t *testing.T) {
	h := newHost(t, setup{})
	e := audit.Entry{ID: uuid.Must(uuid.NewV7()).String(), Action: "import"}
	run := func(e audit.Entry) error {
		return h.db.Transaction(func(tx *gorm.DB) error {
			if err := hooks.Record(tx, e); err != nil {
				return err
			}
			return tx.Create(&item{Name: "a"}).Error
		})
	}
	require.NoError(t, run(e))
	require.NoError(t, run(e))
	require.EqualValues(t, 2, h.count(&item{}))
	e.Comment = "another"
	err := run(e)
	require.ErrorIs(t, err, audit.ErrConflict)
	require.ErrorContains(t, err, e.ID)
	require.EqualValues(t, 2, h.count(&item{}), "the transaction fails")
	require.Len(t, h.lines(), 3)
}

// An entry that this version can't read, say of a newer one's form, kept everything
// behind it in the outbox.
func TestADamagedEntryBlocksNoDelivery(t *testing.T) {
	h, _ := newOutboxHost(t)
	outbox, err := gormstore.New(h.db, &gormstore.Options{Table: "audit_outbox"})
	require.NoError(t, err)
	for i := range 5 {
		require.NoError(t, outbox.Append(t.Context(), audit.Entry{ID: uuid.Must(uuid.NewV7()).String(), Time: time.Unix(int64(i), 0), Action: "update"}))
	}
	sqlDB, err := h.db.DB()
	require.NoError(t, err)
	_, err = sqlDB.ExecContext(t.Context(), "UPDATE audit_outbox SET form = 99 WHERE seq IN (1, 3)")
	require.NoError(t, err)
	for range 2 {
		require.NoError(t, h.plugin.Deliver(t.Context()))
		require.Len(t, h.lines(), 3)
		require.Equal(t, 2, h.waiting())
	}
	require.NoError(t, h.db.Create(&item{Name: "a"}).Error)
	require.NoError(t, h.plugin.Deliver(t.Context()))
	require.Len(t, h.lines(), 4)
}
