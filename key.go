package audit

import (
	"bytes"
	"context"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
)

// KeySize is how many bytes Options.Key has.
const KeySize = 32

// keys are the keys of a trail, and what was derived from them.
type keys struct {
	configured []byte   // Options.Key; nil: the store's
	former     [][]byte // Options.FormerKeys
	found      atomic.Pointer[[]byte]
	derived    sync.Map // purpose → []byte
	lacking    sync.Once
}

// newKeys checks and copies what the options give.
func newKeys(opts *Options) (*keys, error) {
	if opts.Key != nil && len(opts.Key) != KeySize {
		return nil, fmt.Errorf("audit: Options.Key has %d bytes, and needs exactly %d", len(opts.Key), KeySize)
	}
	k := &keys{configured: bytes.Clone(opts.Key)}
	for i, former := range opts.FormerKeys {
		if len(former) != KeySize {
			return nil, fmt.Errorf("audit: Options.FormerKeys[%d] has %d bytes, and needs exactly %d", i, len(former), KeySize)
		}
		k.former = append(k.former, bytes.Clone(former))
	}
	return k, nil
}

// HasKey reports whether Options.Key is set. Without it, whoever reads the store's
// database can derive the trail's keys.
func (t *Trail) HasKey() bool { return t.keys.configured != nil }

// SubKey returns the trail's key for one purpose: 32 bytes that tell nothing about the
// keys of other purposes. It is derived from Options.Key or, where that is nil, from
// the store's random key (KeyStore). The caller must not change it.
//
// The store's key is read once in the trail's life, at the first use, through q. q is
// the caller's open transaction in the store's database, or nil for the store's own
// connection. A caller that holds the only connection of a pool and passes nil waits
// for itself. After an error the next call reads again.
//
// A store that is no KeyStore leaves the trail with a random key of its own: what is
// keyed by it means nothing to other trails, and after a restart. The logger says so,
// once.
//
// Errors: ErrNotMigrated, the context's, the store's. There is none with Options.Key.
func (t *Trail) SubKey(ctx context.Context, q Queryer, purpose string) ([]byte, error) {
	if key, ok := t.keys.derived.Load(purpose); ok {
		return key.([]byte), nil
	}
	root, err := t.rootKey(ctx, q)
	if err != nil {
		return nil, err
	}
	key, _ := t.keys.derived.LoadOrStore(purpose, deriveKey(root, purpose))
	return key.([]byte), nil
}

// FormerSubKeys returns the keys for a purpose that Options.FormerKeys give, in their
// order. What they key can still be read; nothing new is made with them.
func (t *Trail) FormerSubKeys(purpose string) [][]byte {
	derived := make([][]byte, len(t.keys.former))
	for i, former := range t.keys.former {
		derived[i] = deriveKey(former, purpose)
	}
	return derived
}

// rootKey holds no lock while it reads: a caller whose transaction has the pool's only
// connection would wait for one that waits for that connection. All readers find the
// same key.
func (t *Trail) rootKey(ctx context.Context, q Queryer) ([]byte, error) {
	if t.keys.configured != nil {
		return t.keys.configured, nil
	}
	if found := t.keys.found.Load(); found != nil {
		return *found, nil
	}
	key, err := t.storeKey(ctx, q)
	if errors.Is(err, errors.ErrUnsupported) {
		t.keys.lacking.Do(func() {
			t.logger.WarnContext(ctx, "audit: the store keeps no key, so cursors, live positions, hashes and IDs of records with a secret key are good for this process only; set audit.Options.Key")
		})
		key, err = randomKey(), nil
	}
	if err != nil {
		return nil, err
	}
	t.keys.found.CompareAndSwap(nil, &key)
	return *t.keys.found.Load(), nil
}

// storeKey is errors.ErrUnsupported where the store has none.
func (t *Trail) storeKey(ctx context.Context, q Queryer) ([]byte, error) {
	store, ok := t.store.(KeyStore)
	if !ok {
		return nil, errors.ErrUnsupported
	}
	key, err := store.Key(ctx, q)
	if err != nil {
		return nil, err
	}
	if len(key) != KeySize {
		return nil, fmt.Errorf("audit: the key of a %T has %d bytes, and needs exactly %d", t.store, len(key), KeySize)
	}
	return bytes.Clone(key), nil
}

func randomKey() []byte {
	key := make([]byte, KeySize)
	_, _ = rand.Read(key) // never fails
	return key
}

// deriveKey is HKDF-SHA-256.
func deriveKey(root []byte, purpose string) []byte {
	key, err := hkdf.Key(sha256.New, root, nil, "gormtrail/audit "+purpose, KeySize)
	if err != nil { // only of a length that HKDF can't give
		panic(err)
	}
	return key
}
