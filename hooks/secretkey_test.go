package hooks_test

import (
	"bytes"
	"context"
	"database/sql/driver"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/history"
	"github.com/gormtrail/audit/hooks"
	"github.com/gormtrail/audit/storage/gormstore"
	"github.com/gormtrail/audit/storage/memstore"
)

// session has a secret for its key, by its name.
type session struct {
	Token string `gorm:"primaryKey"`
	Note  string
}

// visit refers to a session by a column whose own name says nothing.
type visit struct {
	ID      uint
	Opened  string
	Session session `gorm:"foreignKey:Opened;references:Token;constraint:OnDelete:CASCADE,OnUpdate:CASCADE"`
}

// device has a secret in a composite key.
type device struct {
	TenantID uint   `gorm:"primaryKey;autoIncrement:false"`
	Pin      string `gorm:"primaryKey"`
	Name     string
}

func keyOf(b byte) []byte { return bytes.Repeat([]byte{b}, audit.KeySize) }

// dump is all that the trail's tables hold, as text.
func (h *host) dump() string {
	h.t.Helper()
	var b strings.Builder
	for _, table := range h.trail.Store().(audit.TxAppender).Tables() {
		rows, err := h.db.Raw("SELECT * FROM " + table).Rows()
		require.NoError(h.t, err)
		columns, err := rows.Columns()
		require.NoError(h.t, err)
		for rows.Next() {
			values := make([]any, len(columns))
			for i := range values {
				values[i] = new(any)
			}
			require.NoError(h.t, rows.Scan(values...))
			for _, v := range values {
				fmt.Fprintf(&b, "%s ", *v.(*any))
			}
			b.WriteByte('\n')
		}
		require.NoError(h.t, rows.Err())
		require.NoError(h.t, rows.Close())
	}
	return b.String()
}

func (h *host) objectID(model any) string {
	h.t.Helper()
	id, err := hooks.ObjectID(h.db, model)
	require.NoError(h.t, err)
	return id
}

// TestSecretKeysStayOffTheTrail: whichever way rows with a secret in their key change,
// no table of the trail has the secret, and hooks.ObjectID gives the ID of their
// entries.
func TestSecretKeysStayOffTheTrail(t *testing.T) {
	h := newHost(t, setup{
		models: []any{&session{}, &visit{}, &device{}}, opts: &hooks.Options{RowBudget: 4},
		store: func(db *gorm.DB) audit.Store {
			store, err := gormstore.New(db, &gormstore.Options{KeywordIndex: true})
			require.NoError(t, err)
			require.NoError(t, store.Migrate(context.Background()))
			return store
		},
	})
	db := h.db
	secret := func(i int) string { return fmt.Sprintf("%s-%d", canary, i) }
	for _, do := range []func() error{
		func() error { return db.Create(&session{Token: secret(1), Note: "a"}).Error },
		func() error {
			return db.Create(&[]device{{1, secret(1), "a"}, {1, secret(2), "b"}, {2, secret(1), "c"}}).Error
		},
		func() error {
			return db.Create(&[]visit{{ID: 1, Opened: secret(1)}, {ID: 2, Opened: secret(1)}}).Error
		},
		func() error { return db.Model(&session{Token: secret(1)}).Update("note", "b").Error },
		func() error { return db.Table("devices").Where("pin = ?", secret(1)).Update("name", "x").Error },
		func() error {
			return db.Model(&session{}).Where("token = ?", secret(1)).Update("token", secret(3)).Error
		}, // cascades
		func() error {
			return db.Clauses(clause.OnConflict{UpdateAll: true}).Create(&session{Token: secret(3), Note: "c"}).Error
		},
		func() error {
			return db.Clauses(clause.OnConflict{DoUpdates: clause.Assignments(map[string]any{"token": secret(4)}), Columns: []clause.Column{{Name: "token"}}}).
				Create(&session{Token: secret(3), Note: "c"}).Error
		},
		func() error {
			return db.Clauses(clause.Insert{Modifier: "OR REPLACE"}).Create(&device{1, secret(2), "replaced"}).Error
		},
		func() error { return db.Save(&device{2, secret(1), "saved"}).Error },
		func() error { return db.Delete(&device{1, secret(1), ""}).Error },
		func() error { return db.Delete(&session{Token: secret(4)}).Error }, // cascades
		func() error {
			return db.Exec("INSERT INTO sessions VALUES ('"+secret(5)+"', 'raw'), (?, '')", secret(6)).Error
		},
		func() error { return db.Exec(`DELETE FROM sessions WHERE token = "` + secret(5) + `"`).Error },
		func() error {
			many := make([]session, 6) // past the budget
			for i := range many {
				many[i] = session{Token: secret(10 + i)}
			}
			return db.Create(&many).Error
		},
		func() error { return db.Where("1 = 1").Delete(&session{}).Error },
		func() error {
			return hooks.Record(db, audit.Entry{Action: "login", Object: audit.Object{Type: "sessions", ID: h.objectID(session{Token: secret(1)})}})
		},
	} {
		require.NoError(t, do())
	}
	_, err := h.trail.Facets(context.Background(), audit.Filter{})
	require.NoError(t, err)
	require.NoError(t, h.trail.Store().(*gormstore.Store).Refresh(context.Background()))
	require.NotContains(t, h.dump(), canary)

	one := h.objectID(&session{Token: secret(1)})
	require.Regexp(t, "^hmac-[0-9a-f]{32}$", one)
	require.NotEqual(t, one, h.objectID(&session{Token: secret(2)}))
	require.Equal(t, "tenant_id=1,pin="+h.objectID(device{1, secret(1), ""})[len("tenant_id=1,pin="):], h.objectID(device{1, secret(1), ""}))
	seen := map[string]int{}
	var caused []any
	for _, e := range h.entries() {
		seen[e.Object.ID]++
		if c, ok := e.Metadata["cascade"].(map[string]any); ok {
			caused = append(caused, c["id"])
		}
	}
	assert.Equal(t, 4, seen[one], "created, updated twice, recorded by hand: %v", h.lines())
	assert.Equal(t, 3, seen[h.objectID(&device{1, secret(1), ""})])
	assert.Equal(t, []any{one, one, h.objectID(&session{Token: secret(3)}), h.objectID(&session{Token: secret(3)}), h.objectID(&session{Token: secret(4)}), h.objectID(&session{Token: secret(4)})}, caused)
}

// TestTagsOfSecretKeys: what a tag or an option says of a key's column holds for the ID.
func TestTagsOfSecretKeys(t *testing.T) {
	type byMask struct {
		Code string `gorm:"primaryKey" audit:"mask"`
	}
	type byHash struct {
		Code string `gorm:"primaryKey" audit:"hash"`
	}
	type byOmit struct {
		Code string `gorm:"primaryKey" audit:"-"`
	}
	type byName struct {
		Token string `gorm:"primaryKey" audit:"name"`
	}
	type byOption struct {
		Code string `gorm:"primaryKey"`
	}
	type byField struct {
		Code string `gorm:"primaryKey"`
	}
	type property struct {
		Key   string `gorm:"primaryKey"`
		Value string `gorm:"primaryKey"`
	}
	type shown struct {
		Token string `gorm:"primaryKey" audit:"show"`
	}
	type plain struct {
		Code string `gorm:"primaryKey"`
	}
	type numbered struct {
		ID   uint `audit:"-"`
		Name string
	}
	h := newHost(t, setup{
		models: []any{&byMask{}, &byHash{}, &byOmit{}, &byName{}, &byOption{}, &byField{}, &property{}, &shown{}, &plain{}, &numbered{}},
		opts:   &hooks.Options{Fields: map[string]string{"by_fields.code": "mask"}},
		trail:  &audit.Options{Redaction: &audit.Redaction{Secrets: []string{"by_options.code"}}},
	})
	for _, m := range []any{
		&byMask{canary}, &byHash{canary}, &byOmit{canary}, &byName{canary}, &byOption{canary}, &byField{canary}, &property{"smtp.password", canary},
	} {
		require.NoError(t, h.db.Create(m).Error)
		e := h.entries()[len(h.entries())-1]
		assert.Contains(t, e.Object.ID, "hmac-", "%T", m)
		assert.Equal(t, e.Object.ID, h.objectID(m), "%T", m)
		assert.Empty(t, e.Object.Name, "%T", m)
	}
	assert.NotContains(t, h.dump(), canary)
	for id, m := range map[string]any{"visible": &shown{"visible"}, "plain": &plain{"plain"}, "7": &numbered{7, "x"}, "key=theme,value=dark": &property{"theme", "dark"}} {
		require.NoError(t, h.db.Create(m).Error)
		assert.Equal(t, id, h.entries()[len(h.entries())-1].Object.ID)
		assert.Equal(t, id, h.objectID(m))
	}
}

// TestReferencesToSecretKeys: a column that refers to a secret key has the hash that is
// the other row's ID, also in GORM's own join tables and through several tables; a tag
// of its own comes first.
func TestReferencesToSecretKeys(t *testing.T) {
	type badge struct {
		Code string `gorm:"primaryKey" audit:"mask"`
	}
	type holder struct {
		ID     uint
		Badges []badge `gorm:"many2many:holder_badges"`
	}
	type door struct {
		Held  string `gorm:"primaryKey"` // a badge's code
		Badge badge  `gorm:"foreignKey:Held;references:Code"`
	}
	type pass struct {
		ID     uint
		Opener string
		Door   door   `gorm:"foreignKey:Opener;references:Held"`
		Hidden string `audit:"mask"`
		Other  badge  `gorm:"foreignKey:Hidden;references:Code"`
	}
	h := newHost(t, setup{models: []any{&badge{}, &holder{}, &door{}, &pass{}}, opts: &hooks.Options{Models: []any{&pass{}, &holder{}}}})
	require.NoError(t, h.db.Create(&holder{ID: 1, Badges: []badge{{canary}}}).Error)
	require.NoError(t, h.db.Create(&door{Held: canary}).Error)
	require.NoError(t, h.db.Create(&pass{ID: 1, Opener: canary, Hidden: canary}).Error)
	require.NotContains(t, h.dump(), canary)
	id := h.objectID(&badge{canary})
	require.Equal(t, []string{
		"create holders 1 +id=1",
		"create badges " + id + " +code=[masked]",
		"create holder_badges holder_id=1,badge_code=" + id + " +holder_id=1 +badge_code=" + id,
		"create doors " + id + " +held=" + id,
		"create passes 1 +id=1 +opener=" + id + " +hidden=[masked]",
	}, h.lines())
}

// TestIDsOfOneRecordAreJoined: the entries of before the upgrade, which have the secret
// for an ID, those of former keys and of the store's, and the present ones, are one
// history for who asks by hooks.ObjectID, and by it alone.
func TestIDsOfOneRecordAreJoined(t *testing.T) {
	ctx := context.Background()
	store := memstore.New()
	outside := func(*gorm.DB) audit.Store { return store }
	before, err := audit.New(store, nil)
	require.NoError(t, err)
	require.NoError(t, before.Record(ctx,
		audit.Entry{Action: audit.ActionCreate, Object: audit.Object{Type: "sessions", ID: canary}, Changes: []audit.Change{{Field: "note", New: "1"}}},
		audit.Entry{Action: audit.ActionCreate, Object: audit.Object{Type: "others", ID: canary}},
	))
	var h *host
	for i, options := range []*audit.Options{nil, {Key: keyOf(1)}, {Key: keyOf(2), FormerKeys: [][]byte{keyOf(1)}}} {
		h = newHost(t, setup{models: []any{&session{}, &visit{}}, store: outside, trail: options})
		require.NoError(t, h.db.Create(&session{canary, fmt.Sprint(i + 1)}).Error)
		require.NoError(t, h.db.Model(&session{Token: canary}).Update("note", fmt.Sprint(i+2)).Error)
		require.NoError(t, h.db.Create(&visit{ID: uint(i), Opened: canary}).Error)
	}
	id := h.objectID(session{Token: canary})
	record := audit.Object{Type: "sessions", ID: id}
	scoped := h.trail.Scope(audit.Filter{ObjectTypes: []string{"sessions", "visits"}})
	for name, reader := range map[string]audit.Reader{"trail": h.trail, "scope": scoped} {
		var ids []string
		for e, err := range history.Of(ctx, reader, record) {
			require.NoError(t, err)
			ids = append(ids, e.Object.ID)
		}
		require.Len(t, ids, 7, name)
		assert.Equal(t, canary, ids[0])
		assert.Equal(t, id, ids[6])
		state, err := history.At(ctx, reader, record, h.trail.Now())
		require.NoError(t, err)
		assert.Equal(t, "4", state.Fields["note"], name)
		n := 0
		for e, err := range history.Of(ctx, reader, record, history.Child{Type: "visits", Field: "opened"}) {
			require.NoError(t, err)
			assert.Contains(t, []string{"sessions", "visits"}, e.Object.Type)
			n++
		}
		assert.Equal(t, 10, n, "with the visits")
	}
	for _, types := range [][]string{nil, {"sessions"}, {"sessions", "others"}} {
		f := audit.Filter{ObjectIDs: []string{id}, ObjectTypes: types}
		n, _, err := h.trail.Count(ctx, f, 100)
		require.NoError(t, err)
		assert.Equal(t, 7, n, "%v: not the entry of another type with that ID", types)
		var all []audit.Entry
		q := audit.Query{Filter: f, Limit: 2}
		for {
			page, err := h.trail.Query(ctx, q)
			require.NoError(t, err)
			all = append(all, page.Entries...)
			if q.Cursor = page.Next; q.Cursor == "" {
				break
			}
		}
		assert.Len(t, all, 7)
		n, _, err = h.trail.Count(ctx, audit.Filter{Not: []audit.Filter{f}}, 100)
		require.NoError(t, err)
		assert.Equal(t, 4, n, "the visits and the other type's")
	}
	e, err := h.trail.Scope(audit.Filter{ObjectIDs: []string{id}}).Get(ctx, h.entries()[0].ID)
	require.NoError(t, err)
	assert.Equal(t, canary, e.Object.ID)
	n, _, err := h.trail.Count(ctx, audit.Filter{ObjectIDs: []string{canary}}, 100)
	require.NoError(t, err)
	assert.Equal(t, 2, n, "a guessed secret doesn't lead to the entries that hide it")
}

// prefixed is a key type whose column holds something else.
type prefixed int

func (p prefixed) Value() (driver.Value, error) { return fmt.Sprintf("usr_%d", int(p)), nil }

func TestObjectID(t *testing.T) {
	type byNumber struct{ ID uint }
	type byBytes struct {
		ID []byte `gorm:"primaryKey"`
	}
	type byPrefix struct {
		ID   prefixed `gorm:"primaryKey;type:text"`
		Name string
	}
	type byParts struct {
		B string `gorm:"primaryKey"`
		A int    `gorm:"primaryKey;autoIncrement:false"`
		C bool   `gorm:"primaryKey"`
	}
	type embedded struct {
		Key byNumber `gorm:"embedded;embeddedPrefix:own_"`
	}
	type keyless struct{ Name string }
	h := newHost(t, setup{models: []any{&byNumber{}, &byBytes{}, &byPrefix{}, &byParts{}, &embedded{}, &keyless{}, &session{}}})
	seven := &byNumber{7}
	for _, m := range []any{seven, &byBytes{[]byte{1, 0xff}}, &byPrefix{9, "x"}, &byParts{"ä,=", 3, true}, &byParts{"", 3, false}, &embedded{byNumber{8}}, &session{"tok", ""}} {
		require.NoError(t, h.db.Create(m).Error)
		e := h.entries()[len(h.entries())-1]
		assert.Equal(t, e.Object.ID, h.objectID(m), "%T", m)
	}
	assert.Equal(t, "7", h.objectID(&seven), "a pointer to a pointer")
	assert.Equal(t, "7", h.objectID(*seven))
	require.NoError(t, h.db.Transaction(func(tx *gorm.DB) error {
		id, err := hooks.ObjectID(tx, byNumber{1 << 40})
		assert.Equal(t, "1099511627776", id)
		return err
	}))
	var none *byNumber
	for _, c := range []struct {
		model any
		want  error
	}{
		{nil, hooks.ErrNotModel}, {7, hooks.ErrNotModel}, {"7", hooks.ErrNotModel}, {none, hooks.ErrNotModel}, {[]byNumber{{7}}, hooks.ErrNotModel},
		{map[string]any{"id": 7}, hooks.ErrNotModel}, {&keyless{"x"}, hooks.ErrNoKey}, {&byNumber{}, hooks.ErrKeyUnset}, {&byParts{}, hooks.ErrKeyUnset},
		{&session{Note: "x"}, hooks.ErrKeyUnset},
	} {
		id, err := hooks.ObjectID(h.db, c.model)
		assert.ErrorIs(t, err, c.want, "%#v", c.model)
		assert.Empty(t, id)
	}
	type unknown struct{ ID uint }
	_, err := hooks.ObjectID(h.db, &unknown{7})
	assert.ErrorContains(t, err, "no table")
	_, err = hooks.ObjectID(&gorm.DB{Config: &gorm.Config{}}, seven)
	assert.ErrorContains(t, err, "plugin")
	_, err = hooks.ObjectID(nil, seven)
	assert.ErrorContains(t, err, "plugin")
}

// TestTheKeyIsReadInTheTransaction: a pool of one connection, which the host's
// transaction has, is enough.
func TestTheKeyIsReadInTheTransaction(t *testing.T) {
	h := newHost(t, setup{models: []any{&session{}}})
	pool, err := h.db.DB()
	require.NoError(t, err)
	pool.SetMaxOpenConns(1)
	require.NoError(t, h.db.Transaction(func(tx *gorm.DB) error {
		if err := tx.Create(&session{Token: canary}).Error; err != nil {
			return err
		}
		_, err := hooks.ObjectID(tx, &session{Token: canary})
		return err
	}))
	require.Equal(t, h.objectID(&session{Token: canary}), h.entries()[0].Object.ID)
}

// TestWithoutTheStoresKey: a statement that needs the key fails, and others don't.
func TestWithoutTheStoresKey(t *testing.T) {
	for _, open := range []bool{false, true} {
		h := newHost(t, setup{models: []any{&session{}, &item{}}, opts: &hooks.Options{FailOpen: open}})
		h.outside("DELETE FROM audit_entries_key")
		err := h.db.Create(&session{Token: canary}).Error
		if open {
			require.NoError(t, err)
		} else {
			require.ErrorIs(t, err, audit.ErrNotMigrated)
			require.Zero(t, h.count(&session{}))
		}
		require.NoError(t, h.db.Create(&item{Name: "a"}).Error)
		_, err = hooks.ObjectID(h.db, &session{Token: canary})
		require.ErrorIs(t, err, audit.ErrNotMigrated)
		require.NoError(t, h.trail.Store().(*gormstore.Store).Migrate(context.Background()))
		require.NoError(t, h.db.Create(&session{Token: canary + "2"}).Error)
		require.NotContains(t, h.dump(), canary)
	}
}

// TestSecretKeysInAnOutbox: the entries on their way have no secret either.
func TestSecretKeysInAnOutbox(t *testing.T) {
	elsewhere := memstore.New()
	var outbox audit.Store
	h := newHost(t, setup{models: []any{&session{}}, store: func(db *gorm.DB) audit.Store {
		outbox = migratedStore(t)(db)
		return elsewhere
	}})
	trail, err := audit.New(storeThatFails{elsewhere}, nil)
	require.NoError(t, err)
	db, err := gorm.Open(h.db.Dialector, &gorm.Config{})
	require.NoError(t, err)
	require.NoError(t, db.Use(hooks.New(trail, &hooks.Options{Outbox: outbox})))
	require.NoError(t, db.Create(&session{Token: canary}).Error)
	page, err := outbox.Query(context.Background(), audit.Query{Limit: 10})
	require.NoError(t, err)
	require.Len(t, page.Entries, 1)
	id, err := hooks.ObjectID(db, &session{Token: canary})
	require.NoError(t, err)
	require.Equal(t, id, page.Entries[0].Object.ID)
}

// storeThatFails takes no entries, and knows its key.
type storeThatFails struct{ *memstore.Store }

func (storeThatFails) Append(context.Context, ...audit.Entry) error { return fmt.Errorf("down") }

// TestHashesUseTheTrailsKey: without Redaction.HashKey, audit.Options.Key keys hashes,
// and without that the store's key, of which the logger warns once.
func TestHashesUseTheTrailsKey(t *testing.T) {
	type person struct {
		ID    uint
		Phone string `audit:"hash"`
	}
	hash := func(options *audit.Options) (got string, warnings int) {
		var log bytes.Buffer
		options.Logger = slog.New(slog.NewTextHandler(&log, nil))
		h := newHost(t, setup{models: []any{&person{}}, trail: options})
		for range 2 {
			require.NoError(t, h.db.Create(&person{Phone: "5551234"}).Error)
		}
		entries := h.entries()
		require.Equal(t, entries[0].Changes[1], entries[1].Changes[1])
		require.Equal(t, audit.RedactedHashed, entries[0].Changes[1].Redacted)
		require.Contains(t, entries[0].Changes[1].New, "hmac-sha256:")
		return entries[0].Changes[1].New.(string), strings.Count(log.String(), "level=WARN")
	}
	one, warnings := hash(&audit.Options{Key: keyOf(1)})
	assert.Zero(t, warnings)
	again, _ := hash(&audit.Options{Key: keyOf(1)})
	assert.Equal(t, one, again)
	other, _ := hash(&audit.Options{Key: keyOf(2)})
	assert.NotEqual(t, one, other)
	older, warnings := hash(&audit.Options{Key: keyOf(1), Redaction: &audit.Redaction{HashKey: []byte("k")}})
	assert.Zero(t, warnings)
	assert.NotEqual(t, one, older, "HashKey wins")
	older2, _ := hash(&audit.Options{Redaction: &audit.Redaction{HashKey: []byte("k")}})
	assert.Equal(t, older, older2)
	stores, warnings := hash(&audit.Options{})
	assert.Equal(t, 1, warnings, "loudly, once")
	assert.NotEqual(t, one, stores)
}
