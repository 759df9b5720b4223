package tasks_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/glebarez/sqlite"
	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/history"
	"github.com/gormtrail/audit/hooks"
	"github.com/gormtrail/audit/storage/gormstore"
)

type order struct {
	ID     uint
	Number string `audit:"name"`
	Status string
}

type orderLine struct {
	ID      uint
	OrderID uint
	Article string
}

type pageView struct {
	ID   uint
	Path string
}

// app is an application with an audit log.
type app struct {
	db    *gorm.DB
	store *gormstore.Store
	trail *audit.Trail
}

func newApp(t *testing.T, opts *audit.Options, plugin *hooks.Options) app {
	t.Helper()
	db, err := gorm.Open(sqlite.Open(filepath.Join(t.TempDir(), "app.db")), nil)
	require.NoError(t, err)
	sqlDB, err := db.DB()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, sqlDB.Close()) })
	require.NoError(t, db.AutoMigrate(&order{}, &orderLine{}, &pageView{}))
	store, err := gormstore.New(db, nil)
	require.NoError(t, err)
	require.NoError(t, store.Migrate(t.Context()))
	trail, err := audit.New(store, opts)
	require.NoError(t, err)
	require.NoError(t, db.Use(hooks.New(trail, plugin)))
	return app{db, store, trail}
}

// entries are the log's, oldest first.
func (a app) entries(t *testing.T) []audit.Entry {
	t.Helper()
	page, err := a.trail.Query(t.Context(), audit.Query{Sort: audit.SortTime})
	require.NoError(t, err)
	return page.Entries
}

// region catalogue
var catalogue = audit.NewCatalogue(
	[]audit.Action{{
		Name: "order.approve", Label: "Order approved", Group: "orders", Severity: audit.Notice,
		Explanation: "Someone released an order for delivery.",
		Noun:        "Order approval", Verb: "approve an order", // "Order approval denied", "Tried to approve an order, …"
	}},
	[]audit.ObjectType{{Name: "order_lines", Label: "Order line"}},
)

// endregion

func TestNameYourOwnActions(t *testing.T) {
	// region catalogue-use
	opts := &audit.Options{Catalogue: catalogue}
	// endregion
	a := newApp(t, opts, nil)
	ctx, trail := t.Context(), a.trail
	// region catalogue-record
	err := trail.Record(ctx, audit.Entry{
		Action: "order.approve", Outcome: audit.Denied, Error: "over the limit",
		Object: audit.Object{Type: "orders", ID: "7", Name: "2026-0007"},
	})
	// endregion
	require.NoError(t, err)
	format, words := trail.Catalogue().Action("order.approve").LabelOf(a.entries(t)[0].Outcome)
	require.Equal(t, "Order approval denied", fmt.Sprintf(format, words))
}

func TestActForSomebodyElse(t *testing.T) {
	a := newApp(t, nil, nil)
	ctx, db := t.Context(), a.db
	agent, customer := audit.Actor{Type: "user", Email: "ada@support.example"}, audit.Actor{Type: "user", Email: "ben@acme.example"}
	// region behalf
	ctx = audit.WithActor(ctx, agent)         // who sits at the keyboard
	ctx = audit.WithOnBehalfOf(ctx, customer) // whose account is used
	err := db.WithContext(ctx).Create(&order{Number: "2026-0008"}).Error
	// endregion
	require.NoError(t, err)
	e := a.entries(t)[0]
	require.Equal(t, "ada@support.example", e.Actor.Email)
	require.Equal(t, "ben@acme.example", e.OnBehalfOf.Email)
}

func TestReadARecordsHistory(t *testing.T) {
	a := newApp(t, nil, nil)
	ctx, trail := t.Context(), a.trail
	o := order{Number: "2026-0009", Status: "open"}
	require.NoError(t, a.db.WithContext(ctx).Create(&o).Error)
	yesterday := a.entries(t)[0].Time
	require.NoError(t, a.db.WithContext(ctx).Create(&orderLine{OrderID: o.ID, Article: "chair"}).Error)
	require.NoError(t, a.db.WithContext(ctx).Model(&o).Update("status", "paid").Error)
	var actions []string
	// region history
	record := audit.Object{Type: "orders", ID: "1"}
	lines := history.Child{Type: "order_lines", Field: "order_id"}
	for e, err := range history.Of(ctx, trail, record, lines) { // oldest first, with the order's lines
		if err != nil {
			break
		}
		actions = append(actions, e.Object.Type+" "+e.Action)
	}
	state, err := history.At(ctx, trail, record, yesterday) // the order's fields at that time
	// endregion
	require.NoError(t, err)
	require.Equal(t, "open", state.Fields["status"])
	require.Equal(t, []string{"orders create", "order_lines create", "orders update"}, actions)
}

func TestLeaveOutABulkJob(t *testing.T) {
	a := newApp(t, nil, nil)
	ctx, db := t.Context(), a.db
	// region skip
	ctx = audit.Skip(ctx, "import of the old shop") // one entry says so, with this reason
	err := db.WithContext(ctx).Create(&[]order{{Number: "1"}, {Number: "2"}}).Error
	// endregion
	require.NoError(t, err)
	entries := a.entries(t)
	require.Len(t, entries, 1)
	require.Equal(t, "import of the old shop", entries[0].Comment)
}

func TestLeaveOutATable(t *testing.T) {
	// region ignore
	opts := &hooks.Options{Ignore: []string{"page_views"}}
	// endregion
	a := newApp(t, nil, opts)
	require.NoError(t, a.db.Create(&pageView{Path: "/"}).Error)
	require.Empty(t, a.entries(t))
}

func TestDeleteOldEntries(t *testing.T) {
	a := newApp(t, nil, nil)
	ctx, store := t.Context(), a.store
	old := time.Now().AddDate(-8, 0, 0)
	require.NoError(t, a.trail.Record(ctx, audit.Entry{Time: old, Action: "login"}, audit.Entry{Action: "login"}))
	// region purge
	purge := func(ctx context.Context, keep time.Duration) error {
		before := audit.Filter{To: time.Now().Add(-keep)}
		for {
			n, err := store.Purge(ctx, before, 100_000) // the oldest first
			if err != nil || n == 0 {
				return err
			}
		}
	}
	// endregion
	require.NoError(t, purge(ctx, 7*365*24*time.Hour))
	require.Len(t, a.entries(t), 1)
}
