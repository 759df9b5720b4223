package hooks_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/history"
	"github.com/gormtrail/audit/hooks"
	"github.com/gormtrail/audit/storage/gormstore"
)

// account has columns that tags and options classify.
type account struct {
	ID       uint
	Phone    string `audit:"mask"`
	Nickname string `audit:"hash"`
	Internal string `audit:"-"`
	APIToken string `audit:"show"`
	IBAN     string
	Secretly bool
	Prefs    map[string]any `gorm:"serializer:json"`
}

// AuditType makes the object's type another one than the table's name.
func (account) AuditType() string { return "member" }

// recordOld appends entries as an earlier version did.
func recordOld(t *testing.T, store audit.Store, entries ...audit.Entry) {
	t.Helper()
	open, err := audit.New(store, &audit.Options{Redaction: &audit.Redaction{Secret: func(string) bool { return false }}})
	require.NoError(t, err)
	for _, e := range entries {
		require.NoError(t, open.Record(context.Background(), e))
	}
}

func set(field string, v any) audit.Change {
	return audit.Change{Field: field, Op: audit.OpAdd, New: v}
}

// TestStoredSecretsAreMasked: what the plugin knows of tags, options and keys holds for
// entries that were recorded before, and nothing of a secret is left in the trail's
// tables.
func TestStoredSecretsAreMasked(t *testing.T) {
	ctx := context.Background()
	h := newHost(t, setup{
		models: []any{&session{}, &visit{}, &device{}, &account{}},
		opts:   &hooks.Options{Models: []any{&session{}, &visit{}, &device{}, &account{}}, Fields: map[string]string{"accounts.iban": "mask"}},
		store: func(db *gorm.DB) audit.Store {
			store, err := gormstore.New(db, &gormstore.Options{KeywordIndex: true})
			require.NoError(t, err)
			require.NoError(t, store.Migrate(ctx))
			return store
		},
	})
	object := func(kind, id string) audit.Object { return audit.Object{Type: kind, ID: id} }
	recordOld(t, h.trail.Store(),
		audit.Entry{Action: "create", Object: object("sessions", canary), Changes: []audit.Change{{Field: "token", Op: audit.OpAdd, New: audit.Mask, Redacted: audit.RedactedMasked}, set("note", "a")}},
		audit.Entry{Action: "create", Object: object("visits", "1"), Changes: []audit.Change{set("id", 1), set("opened", canary)}},
		audit.Entry{Action: "destroy", Object: object("visits", "1"), Metadata: map[string]any{"cascade": map[string]any{"table": "sessions", "id": canary, "rule": "ON DELETE CASCADE"}}},
		audit.Entry{Action: "create", Object: object("devices", "tenant_id=1,pin="+canary), Changes: []audit.Change{set("name", canary+" is shown")}},
		audit.Entry{Action: "update", Object: object("member", "1"), Changes: []audit.Change{
			set("phone", canary), set("nickname", canary), set("internal", canary), set("api_token", "shown"), set("iban", canary), set("secretly", true),
			set("prefs", map[string]any{"token": canary, "lang": "de"}), set("gone_token", canary),
		}},
		audit.Entry{Action: "execute", Object: object("sessions", ""), Metadata: map[string]any{"statement": `UPDATE "sessions" SET "note" = "` + canary + `"`}},
	)
	require.NoError(t, h.trail.Store().(*gormstore.Store).Refresh(ctx))
	require.Contains(t, h.dump(), canary)
	require.NoError(t, h.db.Create(&session{Token: canary, Note: "b"}).Error)

	want := []audit.StoredSecret{
		{ObjectType: "devices", Field: "object.id", Entries: 1},
		{ObjectType: "member", Field: "gone_token", Entries: 1}, {ObjectType: "member", Field: "iban", Entries: 1}, {ObjectType: "member", Field: "internal", Entries: 1},
		{ObjectType: "member", Field: "nickname", Entries: 1}, {ObjectType: "member", Field: "phone", Entries: 1}, {ObjectType: "member", Field: "prefs", Entries: 1},
		{ObjectType: "sessions", Field: "metadata.statement", Entries: 1}, {ObjectType: "sessions", Field: "object.id", Entries: 1},
		{ObjectType: "visits", Field: "metadata.cascade", Entries: 1}, {ObjectType: "visits", Field: "opened", Entries: 1},
	}
	found, err := h.trail.FindSecrets(ctx, nil)
	require.NoError(t, err)
	require.Equal(t, want, found.Secrets)
	done, err := h.trail.MaskSecrets(ctx, nil)
	require.NoError(t, err)
	require.Equal(t, want, done.Secrets)
	left, err := h.trail.FindSecrets(ctx, nil)
	require.NoError(t, err)
	require.Empty(t, left.Secrets)

	lines := h.lines()
	id, device := h.objectID(&session{Token: canary}), h.objectID(&device{1, canary, ""})
	assert.Equal(t, "create sessions "+id+" +token=[masked] +note=a", lines[0])
	assert.Equal(t, "create visits 1 +id=1 +opened="+id, lines[1])
	assert.Equal(t, id, h.entries()[2].Metadata["cascade"].(map[string]any)["id"])
	assert.Equal(t, "create devices "+device+" +name="+canary+" is shown", lines[3], "what no rule takes for a secret stays")
	assert.Equal(t, "update member 1 +phone=[masked] +nickname=[masked] +internal=[masked] +api_token=shown +iban=[masked] +secretly=true "+
		"+prefs=map[lang:de token:[masked]] +gone_token=[masked]", lines[4])
	assert.Equal(t, `UPDATE "sessions" SET "note" = ?`, h.entries()[5].Metadata["statement"])

	// Without ObjectID's memory, since the old entry has the present ID.
	again, err := audit.New(h.trail.Store(), nil)
	require.NoError(t, err)
	n := 0
	for e, err := range history.Of(ctx, again, audit.Object{Type: "sessions", ID: id}, history.Child{Type: "visits", Field: "opened"}) {
		require.NoError(t, err)
		require.NotEmpty(t, e.ID)
		n++
	}
	assert.Equal(t, 4, n, "both of the session and both of the visit: %v", lines)
	for keyword, want := range map[string]int{canary: 0, id[5:20]: 2} {
		page, err := h.trail.Query(ctx, audit.Query{Filter: audit.Filter{Keyword: keyword}})
		require.NoError(t, err)
		assert.Len(t, page.Entries, want, keyword)
	}
	h.outside("UPDATE audit_entries SET changes = replace(changes, '" + canary + " is shown', '')")
	require.NotContains(t, h.dump(), canary)
}
