package audit

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
)

// Mask stands in the place of a masked value. NULL is not masked: that there
// was no value is no secret.
const Mask = "[masked]"

// Redaction says which values never reach the trail. The zero value and nil
// mean the defaults: what IsSecret names is masked.
type Redaction struct {
	// Secret reports whether a field or metadata key of that name holds a
	// secret. Default: IsSecret. Fields that a tag classifies (package hooks)
	// are not asked about.
	Secret func(name string) bool
	// HashKey keys the hashes of fields that are hashed, so that nobody who
	// reads the trail can find a value by trying all likely ones. Without a key
	// a hash is plain SHA-256, which protects only values that can't be
	// guessed.
	HashKey []byte
	// MaxText cuts longer texts, in bytes, and marks them as truncated. 0: not cut.
	MaxText int
	// MaxValue is how many bytes a value may have, of structured ones their JSON. For
	// a longer one the entry has an object with its size, its SHA-256 and, of a text,
	// its beginning, and is marked as truncated. 0: DefaultMaxValue. Below 0: no bound.
	MaxValue int
	// MaxEntry is how many bytes the values of one entry may have together. Past it
	// the longest are replaced as by MaxValue. What a database takes in a statement
	// must be at least twice that. 0: DefaultMaxEntry. Below 0: no bound.
	MaxEntry int
}

var (
	secretParts = []string{"password", "passwd", "passphrase", "secret", "token", "apikey", "privatekey", "credential", "accesskey", "signingkey", "encryptionkey"}
	secretWhole = []string{"pwd", "pass", "otp", "totp", "pin", "cvv", "cvc", "ssn", "salt", "authorization", "cookie", "setcookie", "sessioncookie", "jwt", "bearer", "pincode"}
	// about: a column that tells of a secret without holding it.
	aboutSecret = []string{"_at", "_on", "_id", "_ids", "_count", "_type", "_name", "_expiry", "_ttl", "_enabled", "_required", "_hint"}
)

// IsSecret reports whether a name says that its value is a secret: password,
// passphrase, token, secret, api key, private key, credential and the like, in
// any spelling ("apiKey", "API_KEY", "api-key"). Names that tell about a secret
// ("token_expires_at", "api_key_id", "password_hint_count") are none.
func IsSecret(name string) bool {
	snake := toSnake(name)
	if slices.ContainsFunc(aboutSecret, func(s string) bool { return strings.HasSuffix(snake, s) }) {
		return false
	}
	flat := strings.ReplaceAll(snake, "_", "")
	if slices.Contains(secretWhole, flat) {
		return true
	}
	return slices.ContainsFunc(secretParts, func(s string) bool { return strings.Contains(flat, s) })
}

// toSnake lowers a name and parts its words by "_".
func toSnake(name string) string {
	var b strings.Builder
	runes := []rune(name)
	for i, r := range runes {
		switch {
		case r == '-' || r == ' ' || r == '.' || r == '_':
			b.WriteByte('_')
		case 'A' <= r && r <= 'Z':
			if i > 0 && 'a' <= runes[i-1] && runes[i-1] <= 'z' {
				b.WriteByte('_')
			}
			b.WriteRune(r + ('a' - 'A'))
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func (r *Redaction) secret(name string) bool {
	if r != nil && r.Secret != nil {
		return r.Secret(name)
	}
	return IsSecret(name)
}

// MaskChange returns c with its values masked.
func (r *Redaction) MaskChange(c Change) Change {
	c.Old, c.New, c.Redacted = maskValue(c.Old), maskValue(c.New), RedactedMasked
	return c
}

// HashChange returns c with each value replaced by its hash: "sha256:…", or
// "hmac-sha256:…" with a HashKey, in lower-case hexadecimal, over the value's
// RFC 8785 encoding.
func (r *Redaction) HashChange(c Change) Change {
	c.Old, c.New, c.Redacted = r.hashValue(c.Old), r.hashValue(c.New), RedactedHashed
	return c
}

func maskValue(v any) any {
	if v == nil {
		return nil
	}
	return Mask
}

func (r *Redaction) hashValue(v any) any {
	if v == nil {
		return nil
	}
	raw, err := AppendCanonical(nil, escapeValue(v))
	if err != nil {
		return Mask // not in normal form, so not hashable; never shown
	}
	if r == nil || len(r.HashKey) == 0 {
		sum := sha256.Sum256(raw)
		return "sha256:" + hex.EncodeToString(sum[:])
	}
	h := hmac.New(sha256.New, r.HashKey)
	h.Write(raw)
	return "hmac-sha256:" + hex.EncodeToString(h.Sum(nil))
}

// Apply redacts a change whose field nobody classified: it masks what the
// field's name says, inside of structured values too, and cuts long texts. A
// change that is redacted already stays as it is.
func (r *Redaction) Apply(c Change) Change {
	if c.Redacted != "" {
		return c
	}
	if r.secretPath(c.Field) {
		return r.MaskChange(c)
	}
	return r.ApplyInside(c)
}

// ApplyInside is Apply for a change whose field is known to name no secret
// (Names).
func (r *Redaction) ApplyInside(c Change) Change {
	if c.Redacted != "" {
		return c
	}
	c.Old, c.New = r.redactInside(c.Old), r.redactInside(c.New)
	return r.Truncate(c)
}

// Names reports whether a name says that its value is a secret, as r sees it.
func (r *Redaction) Names(name string) bool { return r.secret(name) }

// Truncate cuts a change's texts to MaxText, and its values to MaxValue.
func (r *Redaction) Truncate(c Change) Change {
	if c.Redacted != "" {
		return c
	}
	var cutOld, cutNew bool
	c.Old, cutOld = r.truncate(c.Old)
	c.New, cutNew = r.truncate(c.New)
	if cutOld || cutNew {
		c.Redacted = RedactedTruncated
	}
	return c
}

func (r *Redaction) truncate(v any) (any, bool) {
	if s, ok := v.(string); ok && r != nil && r.MaxText > 0 && len(s) > r.MaxText {
		return strings.ToValidUTF8(s[:r.MaxText], ""), true
	}
	return r.shorten(v)
}

// secretPath reports whether a step of the path names a secret: "settings.token",
// "tokens[2]".
func (r *Redaction) secretPath(field string) bool {
	return slices.ContainsFunc(strings.FieldsFunc(field, func(c rune) bool { return c == '.' || c == '[' || c == ']' }), r.secret)
}

// redactInside masks the secrets inside a structured value. It copies what it
// changes: the value may be the caller's.
func (r *Redaction) redactInside(v any) any {
	switch x := v.(type) {
	case []any:
		list := make([]any, len(x))
		for i := range x {
			list[i] = r.redactInside(x[i])
		}
		return list
	case map[string]any:
		return r.redactMap(x)
	}
	return v
}

func (r *Redaction) redactMap(m map[string]any) map[string]any {
	if len(m) == 0 {
		return m
	}
	c := make(map[string]any, len(m))
	for k, v := range m {
		if r.secret(k) {
			c[k] = maskValue(v)
		} else {
			c[k] = r.redactInside(v)
		}
	}
	return c
}
