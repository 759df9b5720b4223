package audit_test

import (
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
		"", "name", "email", "key", "keyboard", "primary_key", "public_key", "foreign_key", "description", "passenger", "bypass", "compass", "pinned", "pinCode_x", "spin", "options", "salty",
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
	c := audit.Change{Field: "email", Op: audit.OpReplace, Old: "ada@example.com", New: nil}
	// The vector: SHA-256 of "ada@example.com" with its quotes.
	got := plain.HashChange(c)
	assert.Equal(t, "sha256:c525d356ee379bcf0bc280eab6d3a94fb85f7905b5b8e6419f7549379eb64413", got.Old)
	assert.Nil(t, got.New, "NULL is not hashed")
	assert.Equal(t, audit.RedactedHashed, got.Redacted)
	assert.True(t, strings.HasPrefix(keyed.HashChange(c).Old.(string), "hmac-sha256:"))
	assert.Equal(t, keyed.HashChange(c), keyed.HashChange(c), "equal values have equal hashes")
	assert.NotEqual(t, keyed.HashChange(c).Old, other.HashChange(c).Old)
	assert.NotEqual(t, plain.HashChange(audit.Change{Old: "1"}).Old, plain.HashChange(audit.Change{Old: int64(1)}).Old)
	// Any value in normal form has a hash; what is in none is masked, not shown.
	for _, v := range []any{int64(1 << 60), uint64(1 << 63), json.Number("1e400"), []any{map[string]any{"$a": nil}}, true, 0.5} {
		assert.True(t, strings.HasPrefix(plain.HashChange(audit.Change{Old: v}).Old.(string), "sha256:"), "%#v", v)
	}
	assert.Equal(t, audit.Mask, plain.HashChange(audit.Change{Old: struct{}{}}).Old)
	var none *audit.Redaction
	assert.Equal(t, plain.HashChange(c), none.HashChange(c))
	assert.Equal(t, audit.Mask, none.MaskChange(c).Old)
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
