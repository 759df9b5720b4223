package hooks

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"

	"gorm.io/gorm"

	"github.com/gormtrail/audit"
)

// A secret that is part of a primary key isn't part of the row's ID: a keyed hash
// stands in its place. The hash covers the table and the column, and not the tenant: a
// row has one ID, whoever changes it. A column that refers to such a key is recorded
// as the same hash, so that rows still lead to the one that they refer to.

const (
	idPurpose = "object id"     // of audit.Trail.SubKey
	idMark    = "hmac-"         // begins the hash of a secret in an ID
	idSum     = sha256.Size / 2 // bytes of the hash
)

// hidden is what is hashed in IDs: the values of a column.
type hidden struct {
	how           treatment // treatMask: all values; treatTexts: texts; else none
	table, column string    // what the hash is of
}

func (h hidden) hides(v any) bool {
	return v != nil && (h.how == treatMask || h.how == treatTexts && isText(v))
}

// hash is what stands for a secret, whose text is given.
func (h hidden) hash(key []byte, text string) string {
	sum := hmac.New(sha256.New, key)
	for _, s := range []string{h.table, h.column, text} {
		sum.Write([]byte(s))
		sum.Write([]byte{0}) // no name has one
	}
	return idMark + hex.EncodeToString(sum.Sum(nil)[:idSum])
}

// hiddenAs says which values of a column are kept out of IDs. A tag "-" keeps numbers
// out only if their name is a secret's: others number the rows.
func (p *Plugin) hiddenAs(table, column string, t treatment, k kind) treatment {
	switch t {
	case treatMask, treatHash:
		return treatMask
	case treatTexts:
		return treatTexts
	case treatOmit:
		if p.trail.Redaction().IsSecret(table, column, secretKind(k)) {
			return treatMask
		}
		return treatTexts
	}
	return treatPlain
}

// keyed says what needs the trail's key in a table.
type keyed struct {
	hint   *hint
	ids    bool // values are kept out of IDs
	hashes bool // a column is hashed
}

func (p *Plugin) keyedIn(t *table) *keyed {
	h := p.hints.of(t.name)
	if known := t.keyed.Load(); known != nil && known.hint == h {
		return known
	}
	set := p.newColumnSet(t, h, columns{names: t.names()})
	k := &keyed{hint: h}
	for i, name := range set.names {
		k.hashes = k.hashes || set.treatments[i] == treatHash
		k.ids = k.ids || set.treatments[i] == treatRefers || t.isKey(name) && (set.hidden[i].how != treatPlain || set.settings != nil && set.settings.treatments[i] == treatMask)
	}
	t.keyed.Store(k)
	return k
}

// readKey sees to it that the trail's key is known if capture of the table needs it.
// It is read in the statement's transaction: a connection of the store's own may be
// the one that this has.
func (p *Plugin) readKey(ctx context.Context, conn gorm.ConnPool, u *unit, t *table) error {
	k := p.keyedIn(t)
	if k.hashes {
		p.warnGuessable(ctx, t)
	}
	hashes := k.hashes && len(p.trail.Redaction().HashKey) == 0
	if !k.ids && !hashes || p.idKey.Load() != nil {
		return nil
	}
	var q audit.Queryer
	if u != nil && u.holdsTrail(ctx) {
		_ = p.lockFirst(ctx, conn, u, t) // reading would begin a read transaction of SQLite
		q = conn
	}
	ctx, cancel := context.WithTimeout(ctx, deliveryTimeout)
	defer cancel()
	key, err := p.trail.SubKey(ctx, q, idPurpose)
	if err == nil {
		p.idKey.Store(&key)
	}
	return err
}

func (p *Plugin) warnGuessable(ctx context.Context, t *table) {
	if p.trail.HasKey() || len(p.trail.Redaction().HashKey) > 0 {
		return
	}
	p.guessable.Do(func() {
		p.trail.Logger().WarnContext(ctx, "audit: fields are hashed without a configured key: WHOEVER READS THE DATABASE FINDS SHORT VALUES WITH A DICTIONARY; set audit.Options.Key", "table", t.object)
	})
}

// holdsTrail reports whether the transaction is in the database of the trail's own
// store.
func (u *unit) holdsTrail(ctx context.Context) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.plugin.opts.Outbox == nil {
		return u.settle(ctx) == nil && u.inTx
	}
	m, ok := u.plugin.trail.Store().(audit.DatabaseMatcher)
	if !ok {
		return false
	}
	same, err := m.MatchDatabase(ctx, u.db, u.conn)
	return same && err == nil
}

// secretText is what stands for a value that is kept out of IDs.
func (p *Plugin) secretText(h hidden, v any) string {
	key := p.idKey.Load()
	if key == nil { // a model was learned since the table was looked up
		panic("the key for IDs of " + h.table + " is not known yet; run the statement again")
	}
	return h.hash(*key, keyText(v))
}
