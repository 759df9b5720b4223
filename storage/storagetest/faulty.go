package storagetest

import (
	"context"
	"errors"
	"iter"
	"sync"
	"testing"

	"github.com/gormtrail/audit"
)

// ErrInjected is what a fault returns where no other error is given.
var ErrInjected = errors.New("storagetest: injected fault")

// Op is an operation of a store.
type Op string

// The operations that can be made to fail.
const (
	OpAppend   Op = "Append"
	OpQuery    Op = "Query"
	OpGet      Op = "Get"
	OpAppendTx Op = "AppendTx"
	OpFacets   Op = "Facets"
	OpCount    Op = "Count"
	OpAll      Op = "All"
	OpPurge    Op = "Purge"
	OpTail     Op = "Tail"
	OpHead     Op = "Head"
	OpKey      Op = "Key"
	OpReplace  Op = "Replace"

	OpCheckpoint Op = "Checkpoint"
	OpAdvance    Op = "Advance"
	OpLease      Op = "Lease"
)

// Always, given as the number of a call, means that call and all behind it.
const Always = 0

// Faulty makes a store fail on purpose, by operation and number of the call.
// Without a fault it does what the store does. It is safe for concurrent use;
// faults may be added at any time.
//
// A Faulty is not itself what code under test is given: Plain and With say
// which optional interfaces that shows.
type Faulty struct {
	store audit.Store

	mu     sync.Mutex
	calls  map[Op]int
	faults []fault
}

// fault is what happens at a call.
type fault struct {
	op      Op
	call    int // counted from the Faulty's beginning
	onwards bool
	err     error
	lost    bool // the store does its work, and the answer is lost
	entries int  // All yields so many before the error
	arrived chan<- struct{}
	release <-chan struct{}
}

// NewFaulty wraps store.
func NewFaulty(store audit.Store) *Faulty {
	return &Faulty{store: store, calls: map[Op]int{}}
}

// Fail makes the call-th call of op from now on, counted from 1, or Always
// every one, return err without reaching the store: failed, nothing stored.
// A nil err is ErrInjected.
func (f *Faulty) Fail(op Op, call int, err error) { f.add(fault{op: op, call: call, err: err}) }

// LoseAnswer makes that call reach the store and return err all the same:
// failed, but stored, as when a connection breaks after the commit. A nil err
// is ErrInjected. All yields everything and then the error.
func (f *Faulty) LoseAnswer(op Op, call int, err error) {
	f.add(fault{op: op, call: call, err: err, lost: true, entries: -1})
}

// CutAll makes the call-th call of All yield entries entries and then err.
// A nil err is ErrInjected.
func (f *Faulty) CutAll(call, entries int, err error) {
	f.add(fault{op: OpAll, call: call, err: err, lost: true, entries: entries})
}

// Hold makes that call wait before it reaches the store, until release is
// called or its context ends, whose error it then returns. arrived is sent to
// when a call begins to wait, so that a test knows without sleeping. Calling
// release again does nothing.
func (f *Faulty) Hold(op Op, call int) (arrived <-chan struct{}, release func()) {
	a, r := make(chan struct{}, 1024), make(chan struct{})
	f.add(fault{op: op, call: call, arrived: a, release: r})
	return a, sync.OnceFunc(func() { close(r) })
}

// Heal takes all faults away. Calls that are held wait on.
func (f *Faulty) Heal() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = nil
}

// Calls returns how many calls of op there were.
func (f *Faulty) Calls(op Op) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls[op]
}

func (f *Faulty) add(n fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if n.err == nil && n.release == nil {
		n.err = ErrInjected
	}
	n.onwards = n.call == Always
	n.call = f.calls[n.op] + max(n.call, 1)
	f.faults = append(f.faults, n)
}

// begin counts a call and returns what happens to it: holds are served, the
// first fault of another kind is returned.
func (f *Faulty) begin(ctx context.Context, op Op) (hit fault, err error) {
	f.mu.Lock()
	f.calls[op]++
	var hits []fault
	for _, n := range f.faults {
		if call := f.calls[op]; n.op == op && (call == n.call || (n.onwards && call > n.call)) {
			hits = append(hits, n)
		}
	}
	f.mu.Unlock()
	for _, n := range hits {
		switch {
		case n.release != nil:
			if err := n.wait(ctx); err != nil {
				return fault{}, err
			}
		case n.lost:
			return n, nil
		default:
			return fault{}, n.err
		}
	}
	return fault{}, nil
}

func (n fault) wait(ctx context.Context) error {
	select {
	case n.arrived <- struct{}{}:
	default: // nobody counts so many
	}
	select {
	case <-n.release:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// do runs a call of the store between its faults.
func do[T any](ctx context.Context, f *Faulty, op Op, call func() (T, error)) (T, error) {
	var none T
	hit, err := f.begin(ctx, op)
	if err != nil {
		return none, err
	}
	v, err := call()
	if hit.lost && err == nil {
		return none, hit.err
	}
	return v, err
}

// Plain returns the store as an audit.Store. Of the optional interfaces it has
// audit.Sequencer, audit.KeyStore and audit.Replacer, if the wrapped store does.
func (f *Faulty) Plain() audit.Store { return faultyStore{f} }

// Ability is a group of optional interfaces.
type Ability int

// The groups, to be or-ed.
const (
	Reading   Ability = 1 << iota // audit.Faceter, audit.Counter, audit.Iterator
	Purging                       // audit.Purger
	Tailing                       // audit.Tailer
	Appending                     // audit.TxAppender
)

// With returns the store with these abilities besides those of Plain. It ends the test
// if the wrapped store lacks one.
func (f *Faulty) With(t testing.TB, abilities Ability) audit.Store {
	t.Helper()
	if missing := abilities &^ f.Abilities(); missing != 0 {
		t.Fatalf("storagetest: a %T lacks abilities %04b of those asked for", f.store, missing)
	}
	s, r, p, l, x := faultyStore{f}, faultyReader{f}, faultyPurger{f}, faultyTailer{f}, faultyTx{f}
	switch abilities {
	case Reading:
		return withReading{s, r}
	case Purging:
		return withPurging{s, p}
	case Tailing:
		return withTailing{s, l}
	case Appending:
		return withAppending{s, x}
	}
	return f.withSeveral(abilities, s, r, p, l, x)
}

// Abilities returns which groups the wrapped store has whole.
func (f *Faulty) Abilities() Ability {
	var a Ability
	if isFaceter(f.store) && isCounter(f.store) && isIterator(f.store) {
		a |= Reading
	}
	if isPurger(f.store) {
		a |= Purging
	}
	if isTailer(f.store) {
		a |= Tailing
	}
	if _, ok := f.store.(audit.TxAppender); ok {
		a |= Appending
	}
	return a
}

// faultyAll puts the faults of a sequence around it.
func (f *Faulty) all(ctx context.Context, seq func() iter.Seq2[audit.Entry, error]) iter.Seq2[audit.Entry, error] {
	return func(yield func(audit.Entry, error) bool) {
		hit, err := f.begin(ctx, OpAll)
		if err != nil {
			yield(audit.Entry{}, err)
			return
		}
		n := 0
		for e, err := range seq() {
			if hit.lost && n == hit.entries {
				break
			}
			if n++; !yield(e, err) || err != nil {
				return
			}
		}
		if hit.lost {
			yield(audit.Entry{}, hit.err)
		}
	}
}
