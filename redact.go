package audit

import (
	"bytes"
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

// nameRules are Redaction's Secrets and Except by the words of their names, so that
// "APIKeys.userPin" is "api_keys.user_pin".
type nameRules struct {
	secret map[string]bool // "user pin" or "api key.user pin" → whether it is a secret's
}

// rules returns the redaction's own names; nil if it has none.
func (r *Redaction) rules() *nameRules {
	if r.names != nil || len(r.Secrets) == 0 && len(r.Except) == 0 {
		return r.names
	}
	return newNameRules(r.Secrets, r.Except) // not made by New
}

// ready is the redaction with its names ready to be looked up.
func (r *Redaction) ready() *Redaction {
	if r == nil {
		return &Redaction{}
	}
	c := *r
	c.names, c.HashKey = nil, bytes.Clone(r.HashKey)
	c.names = c.rules()
	return &c
}

func newNameRules(secrets, except []string) *nameRules {
	n := &nameRules{secret: map[string]bool{}}
	for _, name := range secrets {
		n.secret[ruleKey(name)] = true
	}
	for _, name := range except {
		n.secret[ruleKey(name)] = false
	}
	return n
}

// ruleKey is the words of "column" or "table.column".
func ruleKey(name string) string {
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		return joinWords(name[:i]) + "." + joinWords(name[i+1:])
	}
	return joinWords(name)
}

// find returns what the options say of a name; Except wins.
func (n *nameRules) find(object, name string) (secret, ok bool) {
	column := joinWords(name)
	general, hasGeneral := n.secret[column]
	exact, hasExact := n.secret[joinWords(object)+"."+column]
	switch {
	case hasGeneral && hasExact:
		return general && exact, true
	case hasExact:
		return exact, true
	}
	return general, hasGeneral
}

func joinWords(name string) string {
	var room [8]nameWord
	var b strings.Builder
	for i, w := range splitName(room[:0], name) {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(w.text)
	}
	return b.String()
}

// Messages of databases quote values: "Duplicate entry 'ada@example.com' for key
// 'email'", "Key (email)=(ada@example.com) already exists". Entries keep the message
// and lose the values.

// quotedValue is where a message has a value: behind begin, up to the last of the
// ends, since the value may have an end in it. Where none of them follows, it is up to
// the last closing character, and in a message that was cut off, up to its end.
type quotedValue struct {
	begin, closing string
	ends           []string
}

// valuesInAny are looked for in the error of any entry: no other message has them.
var valuesInAny = []quotedValue{
	// PostgreSQL
	{"Failing row contains (", ")", []string{")."}},
	{")=(", ")", []string{") already exists", ") is not present", ") is still referenced", ") is duplicated", ") conflicts with"}},
	{"JSON data, line ", "", nil},
	{"unnamed portal with parameters: ", "", nil},
	// MySQL and MariaDB
	{"Duplicate entry '", "'", []string{"' for key"}},
}

// valuesInCaptured are looked for in errors that capture recorded, which are the
// database's.
var valuesInCaptured = []quotedValue{
	{" value: '", "'", []string{"' for column"}}, // MySQL: Incorrect integer value: 'x' for column 'n'
	{" in value '", "'", []string{"' for column"}},
	{"near '", "'", []string{"' at line"}},
	{"near \"", "\"", []string{"\": syntax error"}},
	{": \"", "\"", nil}, // PostgreSQL: invalid input syntax for type integer: "x"
	{"Token \"", "\"", []string{"\" is invalid"}},
	{"no such column: ", "", nil}, // SQLite: of a text in double quotes
	{"unrecognized token: ", "", nil},
}

// withoutValues is a database's error without the values that it quotes.
func withoutValues(message string, lists ...[]quotedValue) string {
	if message == "" {
		return ""
	}
	for _, list := range lists {
		for _, q := range list {
			message = q.cut(message)
		}
	}
	return message
}

func (q quotedValue) cut(s string) string {
	i := strings.Index(s, q.begin)
	if i < 0 {
		return s
	}
	from := i + len(q.begin)
	to := -1
	for _, end := range q.ends {
		to = max(to, strings.LastIndex(s[from:], end))
	}
	if to < 0 && q.closing != "" {
		to = strings.LastIndex(s[from:], q.closing)
	}
	if to < 0 {
		return s[:from] + "?"
	}
	return s[:from] + "?" + q.cut(s[from+to:])
}
