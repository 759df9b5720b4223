package audit_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/memstore"
	"github.com/gormtrail/audit/storage/storagetest"
)

// recordOld records as a version did that masked nothing.
func recordOld(t *testing.T, store audit.Store, entries ...audit.Entry) {
	t.Helper()
	open, err := audit.New(store, &audit.Options{Redaction: &audit.Redaction{Secret: func(string) bool { return false }}})
	require.NoError(t, err)
	for _, e := range entries {
		if e.Action == "" {
			e.Action = audit.ActionUpdate
		}
		ready, err := open.Enrich(context.Background(), e)
		require.NoError(t, err)
		ready[0].Error = e.Error
		require.NoError(t, store.Append(context.Background(), ready...))
	}
}

func change(field string, old, now any) audit.Change {
	return audit.Change{Field: field, Old: old, New: now}
}

// secretsOfOld are entries of a version that masked nothing.
func secretsOfOld() []audit.Entry {
	user, setting := audit.Object{Type: "users", ID: "7"}, audit.Object{Type: "settings", ID: "1"}
	return []audit.Entry{
		{Object: user, Changes: []audit.Change{change("password", canary, canary+"2"), change("name", "Ada", "Bea"), change("pin", 12, 1234)}},
		{Object: user, Changes: []audit.Change{change("password", nil, canary)}},
		{Object: user, Changes: []audit.Change{change("profile.token", nil, canary), change("notes", nil, `{"api_key":"`+canary+`","a":1}`)}},
		{Object: user, Changes: []audit.Change{change("profile", nil, map[string]any{"secret": canary, "lang": "de"})}},
		{Object: user, Changes: []audit.Change{change("has_password", false, true), change("token_expires_at", nil, "2026-01-02T03:04:05Z"), change("secret_since", nil, "2026-01-02T03:04:05Z")}},
		{Object: setting, Action: audit.ActionCreate, Changes: []audit.Change{change("key", nil, "smtp.password"), change("value", nil, canary), change("description", nil, "of the relay")}},
		{Object: setting, Changes: []audit.Change{change("value", canary, canary+"2")}},
		{Object: audit.Object{Type: "settings", ID: "2"}, Changes: []audit.Change{change("value", "a", "b")}},
		{Object: user, Changes: []audit.Change{change("env[0].name", nil, "DB_PASSWORD"), change("env[0].value", nil, canary), change("env[1].value", nil, "1")}},
		{Object: user, Changes: []audit.Change{change("env[0].value", canary, canary+"2"), change("env[1].value", "1", "2")}},
		{Action: "login", Object: user, Metadata: map[string]any{"session_id": canary, "browser": "x"}, Error: "Duplicate entry '" + canary + "' for key 'users.email'"},
		{Object: user, Changes: []audit.Change{{Field: "token", Old: "sha256:1", New: "sha256:2", Redacted: audit.RedactedHashed}, {Field: "secret", New: audit.Mask, Redacted: audit.RedactedMasked}}},
	}
}

func shown(t *testing.T, trail *audit.Trail) (list []string) {
	t.Helper()
	for e, err := range trail.All(context.Background(), audit.Query{Sort: audit.SortRecorded}) {
		require.NoError(t, err)
		list = append(list, fmt.Sprintf("%s %s %v %v %s", e.Object.Type, e.Action, e.Changes, e.Metadata, e.Error))
	}
	return list
}

func TestMaskSecrets(t *testing.T) {
	store := memstore.New()
	recordOld(t, store, secretsOfOld()...)
	trail := newTrail(t, store, nil)
	before := shown(t, trail)
	want := []audit.StoredSecret{
		{"settings", "value", 2},
		{"users", "env[0].value", 2}, {"users", "error", 1}, {"users", "metadata.session_id", 1}, {"users", "notes", 1}, {"users", "password", 2},
		{"users", "pin", 1}, {"users", "profile", 1}, {"users", "profile.token", 1},
	}
	found, err := trail.FindSecrets(t.Context(), nil)
	require.NoError(t, err)
	assert.Equal(t, want, found.Secrets)
	assert.Equal(t, before, shown(t, trail), "a dry run changes nothing, and leaves no entry")

	ctx := audit.WithActor(t.Context(), audit.Actor{Type: "user", ID: "9", Name: "Root"})
	done, err := trail.MaskSecrets(ctx, &audit.MaskOptions{Batch: 3})
	require.NoError(t, err)
	assert.Equal(t, want, done.Secrets)
	assert.Equal(t, 9, done.Masked)
	assert.GreaterOrEqual(t, done.Seen, 12)
	after := shown(t, trail)
	require.Len(t, after, len(before)+2)
	for i, line := range after {
		assert.NotContains(t, line, canary)
		if i == 4 || i == 7 || i == 11 {
			assert.Equal(t, before[i], line)
		}
	}
	assert.Contains(t, after[0], "{password replace [masked] [masked] masked} {name replace Ada Bea }")
	assert.Contains(t, after[2], `{"api_key":"[masked]","a":1}`)
	assert.Contains(t, after[3], "map[lang:de secret:[masked]]")
	assert.Contains(t, after[5], "of the relay")
	assert.Contains(t, after[9], "{env[1].value replace 1 2 }")
	assert.Contains(t, after[10], "Duplicate entry '?' for key 'users.email'")

	page, err := trail.Query(t.Context(), audit.Query{Filter: audit.Filter{Actions: []string{audit.ActionMask}}, Sort: audit.SortRecorded})
	require.NoError(t, err)
	require.Len(t, page.Entries, 2)
	assert.Equal(t, []string{"begun", "ended"}, []string{page.Entries[0].Comment, page.Entries[1].Comment})
	assert.Equal(t, "Root", page.Entries[1].Actor.Name)
	m := page.Entries[1].Metadata
	assert.Equal(t, []any{int64(9), true}, []any{m["entries"], m["complete"]})
	assert.Contains(t, m["fields"], "users password: 2")

	again, err := trail.MaskSecrets(ctx, nil)
	require.NoError(t, err)
	assert.Empty(t, again.Secrets)
	assert.Len(t, shown(t, trail), len(after), "nothing to do leaves no entry")
}

// A run that fails or is cancelled says what it did, leaves an entry, and goes on from
// Next, while entries are recorded.
func TestMaskSecretsInParts(t *testing.T) {
	faulty := storagetest.NewFaulty(memstore.New())
	store := faulty.Plain()
	for range 10 {
		recordOld(t, store, audit.Entry{Object: audit.Object{Type: "users", ID: "7"}, Changes: []audit.Change{change("password", nil, canary)}})
	}
	trail := newTrail(t, store, nil)
	faulty.LoseAnswer(storagetest.OpReplace, 3, nil)
	broken, err := trail.MaskSecrets(t.Context(), &audit.MaskOptions{Batch: 2})
	require.ErrorIs(t, err, storagetest.ErrInjected)
	assert.Equal(t, 4, broken.Masked)
	assert.NotEmpty(t, broken.Next)
	assert.Contains(t, shown(t, trail)[11], "complete:false")

	ctx, cancel := context.WithCancel(t.Context())
	cancelled, err := trail.MaskSecrets(ctx, &audit.MaskOptions{Batch: 2, After: broken.Next, Progress: func(audit.MaskResult) {
		recordOld(t, store, audit.Entry{Object: audit.Object{Type: "users", ID: "8"}, Changes: []audit.Change{change("name", nil, "x")}})
		cancel()
	}})
	require.ErrorIs(t, err, context.Canceled)
	assert.Zero(t, cancelled.Masked, "the answer that was lost was of this batch")
	last, err := trail.MaskSecrets(t.Context(), &audit.MaskOptions{Batch: 2, After: cancelled.Next})
	require.NoError(t, err)
	assert.Equal(t, 4, last.Masked)
	assert.Empty(t, last.Next)
	for _, line := range shown(t, trail) {
		assert.NotContains(t, line, canary)
	}
}

func TestMaskSecretsOfOneTenant(t *testing.T) {
	store := memstore.New()
	for _, tenant := range []string{"a", "b"} {
		recordOld(t, store, audit.Entry{Tenant: tenant, Object: audit.Object{Type: "users", ID: "7"}, Changes: []audit.Change{change("password", nil, canary)}})
	}
	trail := newTrail(t, store, nil)
	done, err := trail.MaskSecrets(t.Context(), &audit.MaskOptions{Filter: audit.Filter{Tenants: []string{"a"}}})
	require.NoError(t, err)
	assert.Equal(t, 1, done.Masked)
	left, err := trail.FindSecrets(t.Context(), nil)
	require.NoError(t, err)
	assert.Equal(t, []audit.StoredSecret{{"users", "password", 1}}, left.Secrets)
}

func TestMaskSecretsRefuses(t *testing.T) {
	_, err := newTrail(t, keyless{memstore.New()}, nil).MaskSecrets(t.Context(), nil)
	assert.ErrorIs(t, err, errors.ErrUnsupported)
	trail := newTrail(t, memstore.New(), nil)
	_, err = trail.MaskSecrets(t.Context(), &audit.MaskOptions{Batch: audit.MaxLimit + 1})
	assert.ErrorIs(t, err, audit.ErrInvalidQuery)
	_, err = trail.FindSecrets(t.Context(), &audit.MaskOptions{After: "nonsense"})
	assert.ErrorIs(t, err, audit.ErrBadCursor)
	broken := errors.New("broken")
	trail.AddMasker(func(context.Context, *audit.Entry) ([]string, bool, error) { return nil, false, broken })
	recordOld(t, trail.Store(), secretsOfOld()...)
	_, err = trail.FindSecrets(t.Context(), nil)
	assert.ErrorIs(t, err, broken)
	require.NoError(t, trail.Close(t.Context()))
	_, err = trail.MaskSecrets(t.Context(), nil)
	assert.ErrorIs(t, err, audit.ErrClosed)
}
