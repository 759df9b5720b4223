package audit

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/gormtrail/audit/internal/jsonvalue"
)

// Mask stands in the place of a masked value. NULL is not masked: that there
// was no value is no secret.
const Mask = "[masked]"

// Redaction says which values never reach the trail. The zero value and nil
// mean the defaults: the values of names that IsSecret reports are masked.
type Redaction struct {
	// Secrets are further names whose values are masked: "column" or "table.column",
	// in any spelling. They hold for values of every kind.
	Secrets []string
	// Except are names whose values are shown although the rule takes them for
	// secrets, spelled as in Secrets. They win over Secrets.
	Except []string
	// Secret replaces the rule: it reports whether a column, a name inside a
	// structured value or a metadata key is a secret's, whatever its value. Secrets
	// and Except come first. Columns that a tag classifies (package hooks) are not
	// asked about. Default: the rule of IsSecret, which also reads the kind of the
	// value and the name of the table.
	Secret func(name string) bool
	// HashKey is an older way to key the hashes of fields alone, and wins over
	// Options.Key. Default: nil, so that Options.Key does it, or the store's random
	// key. WHOEVER READS THE DATABASE HAS THE STORE'S KEY, and finds phone numbers,
	// emails, PINs and national IDs by hashing a dictionary. Use at least 32 random
	// bytes, and keep them out of the database.
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

	names *nameRules // Secrets and Except, ready to be looked up (New)
	keys  *keys      // of the trail; nil: HashKey alone
}

// IsSecret reports whether a column of a table holds a secret. An object that isn't
// a table has its type in the table's place. Inside a structured value, name is a
// member's and object the name that the structure itself has.
func (r *Redaction) IsSecret(object, name string, k Kind) bool {
	if r == nil {
		return isSecret(object, name, k)
	}
	if rules := r.rules(); rules != nil {
		if secret, ok := rules.find(object, name); ok {
			return secret
		}
	}
	if r.Secret != nil {
		return r.Secret(name)
	}
	return isSecret(object, name, k)
}

// MaskChange returns c with its values masked.
func (r *Redaction) MaskChange(c Change) Change {
	c.Old, c.New, c.Redacted = maskValue(c.Old), maskValue(c.New), RedactedMasked
	return c
}

// HashChange returns c with each value replaced by its hash: "hmac-sha256:…" in
// lower-case hexadecimal, over the RFC 8785 encoding of the list [tenant, object,
// c.Field, value]. So equal values have equal hashes within one field of one tenant
// only. object is the table's name.
//
// The key is HashKey or, in the Redaction of a trail, Trail.SubKey's for "hash". As long
// as a trail hasn't read its store's key, values are masked instead. A Redaction without
// either key makes "sha256:…".
func (r *Redaction) HashChange(tenant, object string, c Change) Change {
	key, ok := r.hashKey()
	if !ok {
		return r.MaskChange(c)
	}
	hash := func(v any) any { return hashValue(key, []any{tenant, object, c.Field, nil}, v) }
	c.Old, c.New, c.Redacted = hash(c.Old), hash(c.New), RedactedHashed
	return c
}

// hashKey is nil where hashes have none, and false if it isn't known yet.
func (r *Redaction) hashKey() (key []byte, ok bool) {
	switch {
	case r == nil:
		return nil, true
	case len(r.HashKey) > 0 || r.keys == nil:
		return r.HashKey, true
	}
	key = r.keys.known("hash")
	return key, key != nil
}

func maskValue(v any) any {
	if v == nil {
		return nil
	}
	return Mask
}

// hashValue hashes v as the last item of the list.
func hashValue(key []byte, list []any, v any) any {
	if v == nil {
		return nil
	}
	list[len(list)-1] = jsonvalue.Escape(v)
	raw, err := jsonvalue.AppendCanonical(nil, list)
	if err != nil {
		return Mask // not in normal form, so not hashable; never shown
	}
	if len(key) == 0 {
		sum := sha256.Sum256(raw)
		return "sha256:" + hex.EncodeToString(sum[:])
	}
	h := hmac.New(sha256.New, key)
	h.Write(raw)
	return "hmac-sha256:" + hex.EncodeToString(h.Sum(nil))
}

// Apply redacts a change whose field nobody classified: it masks what the field's
// name says, and inside structured values and JSON texts too, and cuts long texts.
// object is the table's name, or the type of the object. A change that is redacted
// already stays as it is.
func (r *Redaction) Apply(object string, c Change) Change {
	if c.Redacted != "" {
		return c
	}
	if r.secretPath(object, c.Field, kindOf(c.Old, c.New)) {
		return r.MaskChange(c)
	}
	return r.ApplyInside(c)
}

// ApplyInside is Apply for a change whose field is known to name no secret.
func (r *Redaction) ApplyInside(c Change) Change {
	if c.Redacted != "" {
		return c
	}
	if !hasInside(c.Old) && !hasInside(c.New) {
		return r.Truncate(c)
	}
	return r.applyInside(c)
}

func (r *Redaction) applyInside(c Change) Change {
	var hidOld, hidNew bool
	name := lastStep(c.Field)
	c.Old, hidOld = r.redactInside(name, c.Old)
	c.New, hidNew = r.redactInside(name, c.New)
	if hidOld || hidNew {
		return r.MaskChange(c)
	}
	return r.Truncate(c)
}

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
