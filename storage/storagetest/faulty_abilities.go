package storagetest

import (
	"context"
	"database/sql"
	"errors"
	"iter"
	"time"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage"
)

// Go asks for an interface by a value's type, so each set of abilities is a
// type of its own.
type (
	withReading struct {
		faultyStore
		faultyReader
	}
	withPurging struct {
		faultyStore
		faultyPurger
	}
	withTailing struct {
		faultyStore
		faultyTailer
	}
	withAppending struct {
		faultyStore
		faultyTx
	}
)

func (f *Faulty) withSeveral(a Ability, s faultyStore, r faultyReader, p faultyPurger, l faultyTailer, x faultyTx) audit.Store {
	switch a {
	case Reading | Purging:
		return struct {
			withReading
			faultyPurger
		}{withReading{s, r}, p}
	case Reading | Tailing:
		return struct {
			withReading
			faultyTailer
		}{withReading{s, r}, l}
	case Reading | Appending:
		return struct {
			withReading
			faultyTx
		}{withReading{s, r}, x}
	case Purging | Tailing:
		return struct {
			withPurging
			faultyTailer
		}{withPurging{s, p}, l}
	case Purging | Appending:
		return struct {
			withPurging
			faultyTx
		}{withPurging{s, p}, x}
	case Tailing | Appending:
		return struct {
			withTailing
			faultyTx
		}{withTailing{s, l}, x}
	case Reading | Purging | Tailing:
		return struct {
			withReading
			faultyPurger
			faultyTailer
		}{withReading{s, r}, p, l}
	case Reading | Purging | Appending:
		return struct {
			withReading
			faultyPurger
			faultyTx
		}{withReading{s, r}, p, x}
	case Reading | Tailing | Appending:
		return struct {
			withReading
			faultyTailer
			faultyTx
		}{withReading{s, r}, l, x}
	case Purging | Tailing | Appending:
		return struct {
			withPurging
			faultyTailer
			faultyTx
		}{withPurging{s, p}, l, x}
	case Reading | Purging | Tailing | Appending:
		return struct {
			withReading
			faultyPurger
			faultyTailer
			faultyTx
		}{withReading{s, r}, p, l, x}
	}
	return s
}

type faultyStore struct{ f *Faulty }

func (s faultyStore) Append(ctx context.Context, entries ...audit.Entry) error {
	_, err := do(ctx, s.f, OpAppend, func() (struct{}, error) { return struct{}{}, s.f.store.Append(ctx, entries...) })
	return err
}

func (s faultyStore) Query(ctx context.Context, q audit.Query) (*audit.Page, error) {
	return do(ctx, s.f, OpQuery, func() (*audit.Page, error) { return s.f.store.Query(ctx, q) })
}

func (s faultyStore) Get(ctx context.Context, id string) (audit.Entry, error) {
	return do(ctx, s.f, OpGet, func() (audit.Entry, error) { return s.f.store.Get(ctx, id) })
}

func (s faultyStore) Sequenced() bool { return isSequencer(s.f.store) }

func (s faultyStore) Key(ctx context.Context, q audit.Queryer) ([]byte, error) {
	return do(ctx, s.f, OpKey, func() ([]byte, error) {
		keeper, ok := s.f.store.(audit.KeyStore)
		if !ok {
			return nil, errors.ErrUnsupported
		}
		return keeper.Key(ctx, q)
	})
}

func (s faultyStore) Replace(ctx context.Context, old, masked []audit.Entry) (int, error) {
	return do(ctx, s.f, OpReplace, func() (int, error) {
		replacer, ok := s.f.store.(audit.Replacer)
		if !ok {
			return 0, errors.ErrUnsupported
		}
		return replacer.Replace(ctx, old, masked)
	})
}

// checkpoints runs a method of the store's Checkpointer, if it is one.
func checkpoints[T any](ctx context.Context, f *Faulty, op Op, fn func(storage.Checkpointer) (T, error)) (T, error) {
	return do(ctx, f, op, func() (none T, err error) {
		c, ok := f.store.(storage.Checkpointer)
		if !ok {
			return none, errors.ErrUnsupported
		}
		return fn(c)
	})
}

func (s faultyStore) Checkpoint(ctx context.Context, name string) (storage.Checkpoint, error) {
	return checkpoints(ctx, s.f, OpCheckpoint, func(c storage.Checkpointer) (storage.Checkpoint, error) { return c.Checkpoint(ctx, name) })
}

func (s faultyStore) Advance(ctx context.Context, from, to storage.Checkpoint) error {
	_, err := checkpoints(ctx, s.f, OpAdvance, func(c storage.Checkpointer) (struct{}, error) { return struct{}{}, c.Advance(ctx, from, to) })
	return err
}

func (s faultyStore) Lease(ctx context.Context, name, holder string, ttl time.Duration) (int64, error) {
	return checkpoints(ctx, s.f, OpLease, func(c storage.Checkpointer) (int64, error) { return c.Lease(ctx, name, holder, ttl) })
}

type faultyReader struct{ f *Faulty }

func (s faultyReader) Facets(ctx context.Context, f audit.Filter) (audit.Facets, error) {
	return do(ctx, s.f, OpFacets, func() (audit.Facets, error) { return s.f.store.(audit.Faceter).Facets(ctx, f) })
}

func (s faultyReader) Count(ctx context.Context, f audit.Filter, bound int) (int, bool, error) {
	var more bool
	n, err := do(ctx, s.f, OpCount, func() (n int, err error) {
		n, more, err = s.f.store.(audit.Counter).Count(ctx, f, bound)
		return n, err
	})
	return n, more && err == nil, err
}

func (s faultyReader) All(ctx context.Context, q audit.Query) iter.Seq2[audit.Entry, error] {
	return s.f.all(ctx, func() iter.Seq2[audit.Entry, error] { return s.f.store.(audit.Iterator).All(ctx, q) })
}

type faultyPurger struct{ f *Faulty }

func (s faultyPurger) Purge(ctx context.Context, f audit.Filter, limit int) (int, error) {
	return do(ctx, s.f, OpPurge, func() (int, error) { return s.f.store.(audit.Purger).Purge(ctx, f, limit) })
}

type faultyTailer struct{ f *Faulty }

func (s faultyTailer) Tail(ctx context.Context, f audit.Filter, after string, limit int) ([]audit.Tailed, string, error) {
	return s.TailUntil(ctx, f, after, "", limit)
}

func (s faultyTailer) TailUntil(ctx context.Context, f audit.Filter, after, until string, limit int) ([]audit.Tailed, string, error) {
	var next string
	entries, err := do(ctx, s.f, OpTail, func() (entries []audit.Tailed, err error) {
		entries, next, err = s.f.store.(audit.Tailer).TailUntil(ctx, f, after, until, limit)
		return entries, err
	})
	if err != nil {
		return nil, "", err
	}
	return entries, next, nil
}

func (s faultyTailer) Head(ctx context.Context) (string, error) {
	return do(ctx, s.f, OpHead, func() (string, error) { return s.f.store.(audit.Tailer).Head(ctx) })
}

type faultyTx struct{ f *Faulty }

func (s faultyTx) AppendTx(ctx context.Context, tx audit.Execer, entries ...audit.Entry) error {
	_, err := do(ctx, s.f, OpAppendTx, func() (struct{}, error) {
		return struct{}{}, s.f.store.(audit.TxAppender).AppendTx(ctx, tx, entries...)
	})
	return err
}

func (s faultyTx) InDatabase(db *sql.DB) bool { return s.f.store.(audit.TxAppender).InDatabase(db) }
func (s faultyTx) Tables() []string           { return s.f.store.(audit.TxAppender).Tables() }
