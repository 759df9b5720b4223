package storagetest

import (
	"context"
	"crypto/rand"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage"
)

func (m *mutant) Key(ctx context.Context, q audit.Queryer) ([]byte, error) { return m.key(ctx, q) }
func (m *mutant) Replace(ctx context.Context, old, masked []audit.Entry) (int, error) {
	return m.replace(ctx, old, masked)
}

// keepingMistakes are those of stores that keep a key, and can replace entries.
var keepingMistakes = map[string]struct {
	make   func(*mutant)
	breaks []string
}{
	"the key is another one each time": {func(m *mutant) {
		m.key = func(context.Context, audit.Queryer) ([]byte, error) {
			key := make([]byte, audit.KeySize)
			_, err := rand.Read(key)
			return key, err
		}
	}, []string{"key/one", "key/context ended"}},
	"the key is the store's own slice": {func(m *mutant) {
		key, _ := m.Store.Key(context.Background(), nil)
		m.key = func(ctx context.Context, _ audit.Queryer) ([]byte, error) { return key, ctx.Err() }
	}, []string{"key/one"}},
	"the key is empty": {func(m *mutant) {
		m.key = func(ctx context.Context, _ audit.Queryer) ([]byte, error) {
			return make([]byte, audit.KeySize), ctx.Err()
		}
	}, []string{"key/one"}},
	"nothing is replaced": {func(m *mutant) {
		m.replace = func(ctx context.Context, old, masked []audit.Entry) (int, error) {
			return len(old), storage.CheckReplacement(old, masked)
		}
	}, []string{"replace/entries", "replace/others", "replace/context ended"}},
	"what is replaced comes last": {func(m *mutant) {
		m.replace = func(ctx context.Context, old, masked []audit.Entry) (int, error) {
			n, err := m.Store.Replace(ctx, old, masked)
			if n == 0 || err != nil {
				return n, err
			}
			if _, err := m.Purge(ctx, audit.Filter{ObjectIDs: []string{masked[0].Object.ID}}, n); err != nil {
				return n, err
			}
			return n, m.Store.Append(ctx, masked[:n]...)
		}
	}, []string{"replace/entries"}},
	"whatever is stored is replaced": {func(m *mutant) {
		m.replace = func(ctx context.Context, old, masked []audit.Entry) (int, error) {
			if err := storage.CheckReplacement(old, masked); err != nil {
				return 0, err
			}
			stored := make([]audit.Entry, 0, len(old))
			var by []audit.Entry
			for i, e := range old {
				if now, err := m.Store.Get(ctx, e.ID); err == nil {
					stored, by = append(stored, now), append(by, masked[i])
				}
			}
			return m.Store.Replace(ctx, stored, by)
		}
	}, []string{"replace/others"}},
}
