package hooks_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/hooks"
)

type user struct {
	ID        uint
	Name      string `audit:"name"`
	Email     *string
	Age       int
	Active    bool
	Password  string
	Phone     string         `audit:"mask"`
	SSN       string         `gorm:"column:national_id" audit:"hash"`
	Internal  string         `audit:"-"`
	TokenHint string         `audit:"show"`
	Settings  map[string]any `gorm:"serializer:json"`
	UpdatedAt time.Time
	DeletedAt gorm.DeletedAt
	Pets      []pet
	Roles     []role `gorm:"many2many:user_roles"`
}

func (user) AuditType() string { return "member" }

type pet struct {
	ID     uint
	UserID *uint
	Name   string
}

type role struct {
	Code string `gorm:"primaryKey"`
}

type rate struct {
	TenantID int    `gorm:"primaryKey;autoIncrement:false"`
	Code     string `gorm:"primaryKey"`
	Value    float64
}

type note struct {
	Text string
	N    int
}

func TestCreateUpdateDelete(t *testing.T) {
	h := newHost(t, setup{})
	i := item{Name: "bolt", Qty: 3}
	require.NoError(t, h.db.Create(&i).Error)
	require.NoError(t, h.db.Model(&i).Update("qty", gorm.Expr("qty * ?", 2)).Error)
	require.NoError(t, h.db.Model(&i).Update("qty", 6).Error, "matched, but unchanged")
	require.NoError(t, h.db.Delete(&i).Error)
	require.Equal(t, []string{
		"create items 1 +id=1 +name=bolt +qty=3",
		"update items 1 qty:3→6",
		"destroy items 1 -id=1 -name=bolt -qty=6",
	}, h.lines())
}

func TestBulkWritesAreRecordedRowByRow(t *testing.T) {
	h := newHost(t, setup{})
	require.NoError(t, h.db.Create(&[]item{{Name: "a", Qty: 1}, {Name: "b", Qty: 2}, {Name: "c", Qty: 3}}).Error)
	res := h.db.Model(&item{}).Where("qty >= ?", 2).Updates(map[string]any{"qty": gorm.Expr("qty + 10")})
	require.NoError(t, res.Error)
	require.EqualValues(t, 2, res.RowsAffected)
	res = h.db.Where("qty > ?", 11).Delete(&item{})
	require.NoError(t, res.Error)
	require.EqualValues(t, 2, res.RowsAffected)
	require.Equal(t, []string{
		"create items 1 +id=1 +name=a +qty=1",
		"create items 2 +id=2 +name=b +qty=2",
		"create items 3 +id=3 +name=c +qty=3",
		"update items 2 qty:2→12",
		"update items 3 qty:3→13",
		"destroy items 2 -id=2 -name=b -qty=12",
		"destroy items 3 -id=3 -name=c -qty=13",
	}, h.lines())
}

func TestTableWithoutModelNamesTheSameRow(t *testing.T) {
	h := newHost(t, setup{})
	require.NoError(t, h.db.Table("items").Create(map[string]any{"name": "a", "qty": 1}).Error)
	require.NoError(t, h.db.Table("items").Where("name = ?", "a").Updates(map[string]any{"qty": 2}).Error)
	require.NoError(t, h.db.Table("items AS i").Where("i.name = ?", "a").Updates(map[string]any{"qty": 3}).Error)
	require.NoError(t, h.db.Table("items").Where("name = ?", "a").Delete(nil).Error)
	require.Equal(t, []string{
		"create items 1 +id=1 +name=a +qty=1",
		"update items 1 qty:1→2",
		"update items 1 qty:2→3",
		"destroy items 1 -id=1 -name=a -qty=3",
	}, h.lines())
}

func TestUpserts(t *testing.T) {
	h := newHost(t, setup{models: []any{&item{}, &rate{}}})
	require.NoError(t, h.db.Create(&item{ID: 1, Name: "a", Qty: 1}).Error)
	require.NoError(t, h.db.Clauses(clause.OnConflict{DoNothing: true}).Create(&[]item{{ID: 1, Name: "x"}, {ID: 2, Name: "b"}}).Error)
	require.NoError(t, h.db.Clauses(clause.OnConflict{UpdateAll: true}).Create(&[]item{{ID: 2, Name: "b", Qty: 5}, {ID: 3, Name: "c"}}).Error)
	require.NoError(t, h.db.Clauses(clause.OnConflict{
		Columns: []clause.Column{{Name: "id"}}, DoUpdates: clause.Assignments(map[string]any{"qty": gorm.Expr("items.qty + excluded.qty")}),
	}).Create(&item{ID: 3, Name: "ignored", Qty: 7}).Error)
	require.NoError(t, h.db.Save(&rate{TenantID: 1, Code: "de/1", Value: 0.1}).Error)
	require.NoError(t, h.db.Save(&rate{TenantID: 1, Code: "de/1", Value: 0.25}).Error)
	require.Equal(t, []string{
		"create items 1 +id=1 +name=a +qty=1",
		"create items 2 +id=2 +name=b +qty=0",
		"update items 2 qty:0→5",
		"create items 3 +id=3 +name=c +qty=0",
		"update items 3 qty:0→7",
		"create rates tenant_id=1,code=de%2F1 +tenant_id=1 +code=de/1 +value=0.1",
		"update rates tenant_id=1,code=de%2F1 value:0.1→0.25",
	}, h.lines())
}

func TestReplaceDestroysTheRowsThatItPushesOut(t *testing.T) {
	type coupon struct {
		ID   uint
		Code string `gorm:"unique"`
	}
	h := newHost(t, setup{models: []any{&coupon{}}})
	require.NoError(t, h.db.Create(&[]coupon{{ID: 1, Code: "a"}, {ID: 2, Code: "b"}}).Error)
	require.NoError(t, h.db.Clauses(clause.Insert{Modifier: "OR REPLACE"}).Create(&coupon{ID: 1, Code: "b"}).Error)
	require.Equal(t, []string{
		"create coupons 1 +id=1 +code=a",
		"create coupons 2 +id=2 +code=b",
		"destroy coupons 2 -id=2 -code=b",
		"update coupons 1 code:a→b",
	}, h.lines())
}

func TestSoftDeleteAndRestore(t *testing.T) {
	h := newHost(t, setup{models: []any{&user{}, &pet{}, &role{}}})
	u := user{Name: "eve"}
	require.NoError(t, h.db.Create(&u).Error)
	require.NoError(t, h.db.Delete(&u).Error)
	require.NoError(t, h.db.Delete(&u).Error, "already deleted: no row, no entry")
	require.NoError(t, h.db.Unscoped().Model(&u).UpdateColumn("deleted_at", nil).Error)
	require.NoError(t, h.db.Unscoped().Delete(&u).Error)
	list := h.entries()
	require.Len(t, list, 4)
	require.Equal(t, "destroy", list[1].Action)
	require.Len(t, list[1].Changes, 1)
	require.Equal(t, "deleted_at", list[1].Changes[0].Field)
	require.Equal(t, "replace", list[1].Changes[0].Op)
	require.Nil(t, list[1].Changes[0].Old)
	require.Equal(t, "restore", list[2].Action)
	require.Equal(t, list[1].Changes[0].New, list[2].Changes[0].Old)
	require.Equal(t, "destroy", list[3].Action)
	require.Equal(t, "remove", list[3].Changes[0].Op)
}

func TestTagsAndNames(t *testing.T) {
	h := newHost(t, setup{models: []any{&user{}, &pet{}, &role{}}})
	u := user{Name: "eve", Password: "canary-1", Phone: "canary-2", SSN: "canary-3", Internal: "canary-4", TokenHint: "shown", Settings: map[string]any{"api_token": "canary-5", "theme": "dark"}}
	require.NoError(t, h.db.Create(&u).Error)
	require.NoError(t, h.db.Model(&u).Updates(map[string]any{"password": "canary-6", "phone": "canary-7", "internal": "canary-8"}).Error)
	u.Settings["api_token"] = "canary-9"
	require.NoError(t, h.db.Model(&u).Select("Settings").Updates(&u).Error)
	list := h.entries()
	require.Len(t, list, 3)
	for _, e := range list {
		require.Equal(t, "member", e.Object.Type)
		require.Equal(t, "eve", e.Object.Name)
		require.NotContains(t, fmt.Sprint(e), "canary")
	}
	byField := map[string]audit.Change{}
	for _, c := range list[0].Changes {
		byField[c.Field] = c
	}
	require.Equal(t, audit.RedactedMasked, byField["password"].Redacted)
	require.Equal(t, audit.RedactedMasked, byField["phone"].Redacted)
	require.Equal(t, audit.RedactedHashed, byField["national_id"].Redacted)
	require.Equal(t, "shown", byField["token_hint"].New)
	require.NotContains(t, byField, "internal")
	require.Equal(t, map[string]any{"api_token": audit.Mask, "theme": "dark"}, byField["settings"].New)
	require.Equal(t, "settings.api_token", list[2].Changes[0].Field)
	require.Equal(t, audit.RedactedMasked, list[2].Changes[0].Redacted)
}

func TestOptionsNameWhatTagsCannot(t *testing.T) {
	h := newHost(t, setup{opts: &hooks.Options{
		Types:  map[string]string{"items": "stockItem"},
		Fields: map[string]string{"items.name": "name", "items.qty": "mask"},
	}})
	require.NoError(t, h.db.Table("items").Create(map[string]any{"name": "bolt", "qty": 4}).Error)
	e := h.entries()[0]
	require.Equal(t, audit.Object{Type: "stockItem", ID: "1", Name: "bolt"}, e.Object)
	require.Equal(t, "create stockItem 1 +id=1 +name=bolt +qty=[masked]", line(e))
}

func TestBadOptionsAreRefused(t *testing.T) {
	h := newHost(t, setup{})
	for name, opts := range map[string]*hooks.Options{
		"treatment": {Fields: map[string]string{"items.qty": "hide"}},
		"path":      {Fields: map[string]string{"qty": "mask"}},
		"budget":    {RowBudget: -1},
		"model":     {Models: []any{42}},
		"outbox":    {Outbox: onlyStore{}},
	} {
		db := h.db.Session(&gorm.Session{NewDB: true})
		db.Config.Plugins = map[string]gorm.Plugin{}
		require.Error(t, hooks.New(h.trail, opts).Initialize(db), name)
	}
	require.ErrorContains(t, hooks.New(nil, nil).Initialize(h.db), "nil trail")
}

func TestAssociations(t *testing.T) {
	h := newHost(t, setup{models: []any{&user{}, &pet{}, &role{}}})
	u := user{Name: "a", Pets: []pet{{Name: "rex"}}, Roles: []role{{Code: "admin"}}}
	require.NoError(t, h.db.Create(&u).Error)
	require.NoError(t, h.db.Model(&u).Association("Roles").Replace(&role{Code: "viewer"}))
	require.NoError(t, h.db.Model(&u).Association("Pets").Clear())
	var short []string
	for _, e := range h.entries() {
		short = append(short, strings.TrimSpace(e.Action+" "+e.Object.Type+" "+e.Object.ID))
	}
	require.Equal(t, []string{
		"create member 1", "create pets 1", "create roles admin", "create user_roles user_id=1,role_code=admin",
		"create roles viewer", "create user_roles user_id=1,role_code=viewer", "destroy user_roles user_id=1,role_code=admin",
		"update pets 1",
	}, short)
}

func TestTableWithoutKeyPairsItsRows(t *testing.T) {
	h := newHost(t, setup{models: []any{&note{}}})
	require.NoError(t, h.db.Create(&[]note{{"a", 1}, {"a", 1}, {"b", 2}}).Error)
	require.NoError(t, h.db.Model(&note{}).Where("text = ?", "a").Update("n", gorm.Expr("n + 1")).Error)
	require.NoError(t, h.db.Where("text = ?", "b").Delete(&note{}).Error)
	require.Equal(t, []string{
		"create notes  +text=a +n=1", "create notes  +text=a +n=1", "create notes  +text=b +n=2",
		"update notes  n:1→2", "update notes  n:1→2", "destroy notes  -text=b -n=2",
	}, h.lines())
}

func TestChangedPrimaryKeys(t *testing.T) {
	h := newHost(t, setup{})
	require.NoError(t, h.db.Create(&[]item{{Name: "a"}, {Name: "b"}}).Error)
	require.NoError(t, h.db.Model(&item{}).Where("1 = 1").UpdateColumn("id", gorm.Expr("id + 100")).Error)
	require.Equal(t, []string{"update items 1 id:1→101", "update items 2 id:2→102"}, h.lines()[2:])
}

func TestStatementsReturnWhatTheyReturnWithoutThePlugin(t *testing.T) {
	h := newHost(t, setup{})
	var made []item
	require.NoError(t, h.db.Create(&[]item{{Name: "a", Qty: 1}, {Name: "b", Qty: 2}}).Error)
	res := h.db.Model(&made).Clauses(clause.Returning{}).Where("qty > 0").Update("qty", gorm.Expr("qty * 10"))
	require.NoError(t, res.Error)
	require.EqualValues(t, 2, res.RowsAffected)
	require.Equal(t, []item{{1, "a", 10}, {2, "b", 20}}, made)
	var some []item
	require.NoError(t, h.db.Model(&some).Clauses(clause.Returning{Columns: []clause.Column{{Name: "qty"}}}).Where("id = 2").Update("qty", 5).Error)
	require.Equal(t, []item{{Qty: 5}}, some)
	var gone []item
	require.NoError(t, h.db.Clauses(clause.Returning{}).Where("id = 1").Delete(&gone).Error)
	require.Equal(t, []item{{1, "a", 10}}, gone)
	m := map[string]any{"name": "m"}
	require.NoError(t, h.db.Table("items").Create(&m).Error)
	require.EqualValues(t, 3, m["@id"])
}

func TestAutoTimesAloneAreNoChange(t *testing.T) {
	models := []any{&user{}, &pet{}, &role{}}
	h := newHost(t, setup{models: models})
	u := user{Name: "a"}
	require.NoError(t, h.db.Create(&u).Error)
	require.NoError(t, h.db.Model(&u).Update("name", "a").Error)
	require.Len(t, h.entries(), 1)
	h = newHost(t, setup{models: models, opts: &hooks.Options{AutoTimes: true}})
	require.NoError(t, h.db.Create(&user{ID: 1, Name: "a"}).Error)
	require.NoError(t, h.db.Model(&user{ID: 1}).Update("name", "a").Error)
	require.Len(t, h.entries(), 2)
}

func TestContextReachesEntries(t *testing.T) {
	h := newHost(t, setup{})
	ctx := audit.WithActor(context.Background(), audit.Actor{Type: "user", ID: "7", Email: "a@b.c"})
	ctx = audit.WithRequest(ctx, audit.Request{IP: "::ffff:10.0.0.1", UserAgent: "x\xff\x00", ID: "r1", Method: "POST", Path: "/items"})
	ctx = audit.WithTenant(ctx, "acme", "web")
	ctx = audit.WithComment(ctx, "because")
	ctx = audit.WithMetadata(ctx, "ticket", 42)
	require.NoError(t, h.db.WithContext(ctx).Create(&item{Name: "a"}).Error)
	e := h.entries()[0]
	require.Equal(t, "7", e.Actor.ID)
	require.Equal(t, audit.Request{IP: "10.0.0.1", UserAgent: `x\xff\x00`, ID: "r1", Method: "POST", Path: "/items"}, e.Request)
	require.Equal(t, []string{"acme", "web", "because"}, []string{e.Tenant, e.Project, e.Comment})
	require.Equal(t, map[string]any{"ticket": int64(42)}, e.Metadata)
	require.NotEmpty(t, e.TransactionID)
}

func TestMoreRowsThanTheBudgetHaveOneEntry(t *testing.T) {
	h := newHost(t, setup{opts: &hooks.Options{RowBudget: 3}})
	list := make([]item, 5)
	for i := range list {
		list[i] = item{Name: "secret-name", Qty: i}
	}
	require.NoError(t, h.db.CreateInBatches(&list, 3).Error)
	require.NoError(t, h.db.Model(&item{}).Where("name = ?", "secret-name").Update("qty", 9).Error)
	require.NoError(t, h.db.Where("qty = ?", 9).Delete(&item{}).Error)
	entries := h.entries()
	require.Len(t, entries, 7)
	update, destroy := entries[5], entries[6]
	require.Equal(t, "update", update.Action)
	require.Empty(t, update.Object.ID)
	require.EqualValues(t, 5, update.Metadata["rows"])
	require.Equal(t, []any{"qty"}, update.Metadata["columns"])
	require.Contains(t, update.Metadata["statement"], "WHERE name = ?")
	require.Equal(t, update.Metadata["keys_sha256"], destroy.Metadata["keys_sha256"], "the same rows")
	require.Equal(t, "destroy", destroy.Action)
	require.Zero(t, h.count(&item{}))
}

func TestDryRunAndToSQLRecordNothing(t *testing.T) {
	h := newHost(t, setup{})
	require.NoError(t, h.db.Session(&gorm.Session{DryRun: true}).Create(&item{Name: "a"}).Error)
	sql := h.db.ToSQL(func(tx *gorm.DB) *gorm.DB { return tx.Model(&item{ID: 1}).Update("qty", 2) })
	require.Equal(t, "UPDATE `items` SET `qty`=2 WHERE `id` = 1", sql)
	require.Empty(t, h.lines())
	require.Zero(t, h.count(&item{}))
}

// onlyStore is a store that can do nothing.
type onlyStore struct{}

func (onlyStore) Append(context.Context, ...audit.Entry) error { return fmt.Errorf("no room") }
func (onlyStore) Query(context.Context, audit.Query) (*audit.Page, error) {
	return nil, fmt.Errorf("no room")
}
func (onlyStore) Get(context.Context, string) (audit.Entry, error) {
	return audit.Entry{}, audit.ErrNotFound
}

func TestSoftDeleteByTableAloneIsADestroy(t *testing.T) {
	h := newHost(t, setup{models: []any{&user{}, &pet{}, &role{}}})
	require.NoError(t, h.db.Table("users").Create(map[string]any{"name": "eve"}).Error)
	require.NoError(t, h.db.Table("users").Where("id = 1").Updates(map[string]any{"deleted_at": time.Now()}).Error)
	require.NoError(t, h.db.Table("users").Where("id = 1").Updates(map[string]any{"deleted_at": nil}).Error)
	var actions []string
	for _, e := range h.entries() {
		actions = append(actions, e.Action)
	}
	require.Equal(t, []string{"create", "destroy", "restore"}, actions)
}

func TestRowsBeforeAnErrorReachTheHost(t *testing.T) {
	type coupon struct {
		ID   uint
		Code string `gorm:"unique"`
	}
	h := newHost(t, setup{models: []any{&coupon{}}})
	list := []coupon{{Code: "a"}, {Code: "b"}, {Code: "a"}}
	require.Error(t, h.db.Create(&list).Error)
	require.Empty(t, h.lines())
	require.Zero(t, h.count(&coupon{}))
}
