package audit_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/memstore"
)

func TestIsSecret(t *testing.T) {
	for _, name := range []string{
		"password", "Password", "PASSWORD", "user_password", "passwordHash", "password_digest", "encrypted_password", "passwd", "pwd", "passphrase", "pass",
		"secret", "client_secret", "clientSecret", "secretKey", "token", "access_token", "refreshToken", "AuthToken", "X-Auth-Token", "csrf token", "tokens",
		"api_key", "apiKey", "APIKey", "API_KEY", "api-key", "apikey", "private_key", "privateKey", "ssh.private.key", "access_key", "signing_key", "encryption_key",
		"credential", "credentials", "otp", "totp", "pin", "cvv", "cvc", "ssn", "salt", "authorization", "Authorization", "cookie",
	} {
		assert.True(t, audit.IsSecret(name), name)
	}
	for _, name := range []string{
		"", "name", "email", "key", "keyboard", "primary_key", "public_key", "foreign_key", "description", "passenger", "bypass", "compass", "pinned", "spin", "options", "salty", "max_tokens",
		"token_expires_at", "tokenExpiresAt", "api_key_id", "apiKeyID", "secret_type", "password_changed_at", "password_hint_count", "token_count", "token_name", "password_required", "two_factor_enabled", "created_at", "id",
	} {
		assert.False(t, audit.IsSecret(name), name)
	}
}

const canary = "canary-7f3a9"

// TestSecretsReachNothing: a canary under names that say secret, in every place
// that has names, is in nothing that the trail holds or gives out.
func TestSecretsReachNothing(t *testing.T) {
	names := []string{"password", "apiKey", "user_password", "TOKEN", "client-secret", "private key"}
	rapid.Check(t, func(t *rapid.T) {
		hide := func(v any) any {
			name := rapid.SampledFrom(names).Draw(t, "name")
			for range rapid.IntRange(0, 3).Draw(t, "depth") {
				if rapid.Bool().Draw(t, "in a list") {
					v = []any{v}
				} else {
					v = map[string]any{"inner": v}
				}
			}
			return map[string]any{name: v, "name": "shown"}
		}
		field := rapid.SampledFrom([]string{"password", "settings.password", "tokens[2]", "profile.secrets[0].x", "secret.inner"}).Draw(t, "field")
		trail, err := audit.New(memstore.New(), nil)
		require.NoError(t, err)
		ctx := audit.WithMetadata(audit.WithMetadata(t.Context(), "password", canary), "request", hide([]any{canary}))
		require.NoError(t, trail.Record(ctx, audit.Entry{
			Action: "update",
			Changes: []audit.Change{
				{Field: field, Old: canary, New: map[string]any{"x": canary}}, {Field: "settings", Op: audit.OpAdd, New: hide(canary)},
				{Field: "settings", Op: audit.OpRemove, Old: []any{hide(map[string]any{"deep": canary})}},
			},
			Metadata: map[string]any{"params": hide(canary), "api_key": []string{canary}},
		}))
		for e, err := range trail.All(t.Context(), audit.Query{}) {
			require.NoError(t, err)
			raw, err := json.Marshal(e)
			require.NoError(t, err)
			canonical, err := e.Canonical()
			require.NoError(t, err)
			for _, s := range []string{string(raw), string(canonical), fmt.Sprintf("%#v", e)} {
				require.NotContains(t, s, canary)
				require.Contains(t, s, audit.Mask)
				require.Contains(t, s, "shown")
			}
			require.Equal(t, audit.RedactedMasked, e.Changes[0].Redacted)
		}
	})
}

func TestRedactionOfAChange(t *testing.T) {
	change := func(r *audit.Redaction, c audit.Change) audit.Change {
		trail := newTrail(t, nil, r)
		require.NoError(t, trail.Record(t.Context(), audit.Entry{Action: "update", Changes: []audit.Change{c}}))
		return only(t, trail).Changes[0]
	}
	// That there was no value is no secret, nor is that it changed.
	assert.Equal(t, audit.Change{Field: "token", Op: audit.OpReplace, Old: nil, New: audit.Mask, Redacted: audit.RedactedMasked}, change(nil, audit.Change{Field: "token", New: "x"}))
	// The host's own rule replaces the names that are secret by default.
	own := &audit.Redaction{Secret: func(name string) bool { return name == "salary" }}
	assert.Equal(t, "x", change(own, audit.Change{Field: "token", New: "x"}).New)
	assert.Equal(t, audit.Mask, change(own, audit.Change{Field: "salary", New: 1}).New)
	assert.Equal(t, audit.Mask, change(own, audit.Change{Field: "profile.salary", New: 1}).New)
	// What a package classified already is left as it is.
	assert.Equal(t, "sha256:x", change(nil, audit.Change{Field: "token", New: "sha256:x", Redacted: audit.RedactedHashed}).New)
	// Long texts are cut between two runes, and marked.
	cut := change(&audit.Redaction{MaxText: 4}, audit.Change{Field: "notes", Old: "ab", New: "abcé"})
	assert.Equal(t, audit.Change{Field: "notes", Op: audit.OpReplace, Old: "ab", New: "abc", Redacted: audit.RedactedTruncated}, cut)
	assert.Empty(t, change(&audit.Redaction{MaxText: 4}, audit.Change{Field: "notes", New: "abcd"}).Redacted)
}

func TestHashChange(t *testing.T) {
	plain, keyed, other := &audit.Redaction{}, &audit.Redaction{HashKey: []byte("k")}, &audit.Redaction{HashKey: []byte("l")}
	hash := func(r *audit.Redaction, v any) audit.Change {
		return r.HashChange("acme", "users", audit.Change{Field: "email", Op: audit.OpReplace, Old: v, New: nil})
	}
	// The vector: SHA-256 of ["acme","users","email","ada@example.com"].
	got := hash(plain, "ada@example.com")
	sum := sha256.Sum256([]byte(`["acme","users","email","ada@example.com"]`))
	assert.Equal(t, "sha256:"+hex.EncodeToString(sum[:]), got.Old)
	assert.Nil(t, got.New, "NULL is not hashed")
	assert.Equal(t, audit.RedactedHashed, got.Redacted)
	assert.True(t, strings.HasPrefix(hash(keyed, "ada@example.com").Old.(string), "hmac-sha256:"))
	assert.Equal(t, hash(keyed, "a"), hash(keyed, "a"), "equal values have equal hashes")
	assert.NotEqual(t, hash(keyed, "a"), hash(other, "a"))
	assert.NotEqual(t, hash(plain, "1").Old, hash(plain, int64(1)).Old)
	// Any value in normal form has a hash; what is in none is masked, not shown.
	for _, v := range []any{int64(1 << 60), uint64(1 << 63), json.Number("1e400"), []any{map[string]any{"$a": nil}}, true, 0.5} {
		assert.True(t, strings.HasPrefix(hash(plain, v).Old.(string), "sha256:"), "%#v", v)
	}
	assert.Equal(t, audit.Mask, hash(plain, struct{}{}).Old)
	var none *audit.Redaction
	assert.Equal(t, hash(plain, "a"), hash(none, "a"))
	assert.Equal(t, audit.Mask, none.MaskChange(audit.Change{Old: "a"}).Old)
}

// TestHashesOfOtherFieldsAndTenantsDiffer: equal values tell nothing across fields,
// tables and tenants, wherever a boundary between their names lies.
func TestHashesOfOtherFieldsAndTenantsDiffer(t *testing.T) {
	for _, r := range []*audit.Redaction{{}, {HashKey: []byte("k")}} {
		seen := map[any]string{}
		for _, of := range [][3]string{
			{"acme", "users", "email"}, {"acme", "users", "phone"}, {"acme", "orders", "email"}, {"umbrella", "users", "email"}, {"", "users", "email"},
			{"acmeu", "sers", "email"}, {"acme", "userse", "mail"}, {"acme\",\"users", "", "email"},
		} {
			h := r.HashChange(of[0], of[1], audit.Change{Field: of[2], New: "ada@example.com"}).New
			assert.Empty(t, seen[h], "%v", of)
			seen[h] = strings.Join(of[:], "/")
		}
	}
}

func TestTruncatedTextIsValid(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, most := rapid.String().Draw(t, "text"), rapid.IntRange(1, 20).Draw(t, "most")
		trail, err := audit.New(memstore.New(), &audit.Options{Redaction: &audit.Redaction{MaxText: most}})
		require.NoError(t, err)
		ready, err := trail.Enrich(t.Context(), audit.Entry{Action: "x", Changes: []audit.Change{{Field: "notes", New: s}}})
		require.NoError(t, err)
		got := ready[0].Changes[0].New.(string)
		require.True(t, utf8.ValidString(got) && len(got) <= most && strings.HasPrefix(s, got))
		require.Equal(t, len(s) > most, ready[0].Changes[0].Redacted == audit.RedactedTruncated)
	})
}

func ExampleIsSecret() {
	fmt.Println(audit.IsSecret("api-key"), audit.IsSecret("passwordHash"), audit.IsSecret("api_key_id"))
	// Output: true true false
}

func ExampleRedaction() {
	store := memstore.New()
	// region secrets
	trail, err := audit.New(store, &audit.Options{Redaction: &audit.Redaction{
		Secrets: []string{"iban", "employees.salary"},
		Except:  []string{"chats.session_id", "coupons.pin"},
	}})
	// endregion
	if err != nil {
		fmt.Println(err)
		return
	}
	r := trail.Redaction()
	fmt.Println(r.IsSecret("accounts", "IBAN", audit.KindText), r.IsSecret("employees", "salary", audit.KindNumber))
	fmt.Println(r.IsSecret("chats", "sessionId", audit.KindText), r.IsSecret("users", "session_id", audit.KindText))
	// Output:
	// true true
	// false true
}

// BenchmarkRedaction is what an ordinary entry costs until the store gets it.
func BenchmarkRedaction(b *testing.B) {
	trail, err := audit.New(memstore.New(), nil)
	require.NoError(b, err)
	entries := map[string]audit.Entry{
		"columns": {Changes: []audit.Change{
			{Field: "id", New: 17}, {Field: "name", New: "Ada Lovelace"}, {Field: "email", New: "ada@example.com"}, {Field: "password_hash", New: "$2a$10$abc"},
			{Field: "created_at", New: "2026-01-02T03:04:05Z"}, {Field: "active", New: true}, {Field: "city", New: "London"}, {Field: "notes", New: strings.Repeat("text ", 50)},
		}},
		"structured": {Changes: []audit.Change{{Field: "settings", New: map[string]any{
			"theme": "dark", "page_size": 50, "smtp": map[string]any{"host": "mail", "port": 25, "password": "x"}, "tags": []any{"a", "b"},
		}}}, Metadata: map[string]any{"job": "nightly", "attempt": 2}},
	}
	for name, e := range entries {
		e.Action, e.Object = "update", audit.Object{Type: "users", ID: "17"}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := trail.Enrich(b.Context(), e); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
