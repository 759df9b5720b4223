package audit

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gormtrail/audit/internal/seal"
)

// Options of a Trail. nil and the zero value mean every default.
type Options struct {
	// Redaction says which values never reach the trail. Default: those whose
	// name says secret are masked.
	Redaction *Redaction
	// Catalogue explains actions and object types. Default: the common ones.
	Catalogue *Catalogue
	// SearchableMetadata names metadata whose values Filter.Keyword finds, wherever they
	// stand in an entry's Metadata: texts and whole numbers, as they are stored, so a
	// masked secret is never found. Readers with hidden fields (access.Grant.Hidden) don't
	// find entries by metadata. Default: none.
	SearchableMetadata []string
	// Logger is told what can't be returned as an error. Default: slog.Default().
	Logger *slog.Logger
	// Now is the clock that gives entries their time. Default: time.Now.
	Now func() time.Time
	// DefaultActor is who did what is recorded under a context without an actor:
	// a job's own name, {Type: "service", Name: "billing worker"}. In a web server
	// leave it out, or visitors are taken for it. Default: none.
	DefaultActor Actor
	// RequireActor says what happens to an entry without an actor, after
	// DefaultActor. Default: ActorOptional, which records it.
	RequireActor ActorPolicy
	// Key keys what readers of the trail compare or hand back, and must not guess or
	// forge: hashes, the IDs of records whose primary key is a secret, cursors and
	// live positions. Exactly 32 random bytes, the same in every process, kept out of
	// the database. It is copied. Default: a random key that the store keeps
	// (KeyStore), which whoever reads the database has.
	Key []byte
	// FormerKeys are earlier values of Key, newest first: what was made with them is
	// still accepted, and nothing is made with them. Default: none.
	FormerKeys [][]byte
}

// Trail is an audit trail: it completes, checks and redacts entries, hands them
// to its store, and reads them back. It is a Reader. A Trail is safe for
// concurrent use.
type Trail struct {
	store      Store
	redaction  *Redaction
	catalogue  *Catalogue
	logger     *slog.Logger
	searchable []string // Options.SearchableMetadata
	now        func() time.Time
	actor      Actor // where the context has none
	actors     actorCheck
	keys       *keys
	joined     joinedIDs
	cursors    atomic.Pointer[seal.Box] // nil until the first cursor

	mu      sync.Mutex
	maskers []Masker // replaced, never changed
	closed  bool
	inside  int           // calls under way
	idle    chan struct{} // closed when the last of them ends, for Close to wait on

	watchers atomic.Pointer[[]chan struct{}] // replaced under mu, never changed
}

var _ interface {
	Reader
	Paginator
	Counter
} = (*Trail)(nil)

// New returns a trail whose entries are kept in store, which must not be nil.
// It starts no goroutine and doesn't touch the store. An error means a nil store, or
// options that can't be used: a key that hasn't 32 bytes, an unknown RequireActor.
func New(store Store, opts *Options) (*Trail, error) {
	if isNil(store) {
		return nil, errors.New("audit: New needs a store, and got nil")
	}
	if opts == nil {
		opts = &Options{}
	}
	if err := opts.RequireActor.validate(); err != nil {
		return nil, err
	}
	keys, err := newKeys(opts)
	if err != nil {
		return nil, err
	}
	redaction := opts.Redaction.ready()
	redaction.keys = keys
	t := &Trail{
		store: store, redaction: redaction, catalogue: opts.Catalogue, logger: opts.Logger, now: opts.Now,
		actor: opts.DefaultActor, keys: keys, searchable: slices.Clone(opts.SearchableMetadata),
	}
	if t.catalogue == nil {
		t.catalogue = NewCatalogue(nil, nil)
	}
	if t.logger == nil {
		t.logger = slog.Default()
	}
	if t.now == nil {
		t.now = time.Now
	}
	t.actors.policy, t.actors.logger = opts.RequireActor, t.logger
	return t, nil
}

// Store returns the store that the trail was made with.
func (t *Trail) Store() Store { return t.store }

// Catalogue returns what explains the trail's actions; never nil.
func (t *Trail) Catalogue() *Catalogue { return t.catalogue }

// Redaction returns what the trail redacts; never nil.
func (t *Trail) Redaction() *Redaction { return t.redaction }

// Logger returns where the trail writes what it can't return; never nil.
func (t *Trail) Logger() *slog.Logger { return t.logger }

// Now is the time by Options.Now. A package that captures changes asks for it
// before each change, and gives it to the entries.
func (t *Trail) Now() time.Time { return t.now() }

// Record puts entries on the trail: all of them, or on an error none, with one
// exception that no program can rule out: if the connection to the store breaks
// after it committed and before it answered, an error is returned and the
// entries are there. A caller that repeats itself after an error gives the
// entries IDs; then they are stored once. If it gives their Time too, that must be
// the same each time.
//
// What an entry leaves out is taken from the context, as the fields of Entry
// say. Entries are redacted before the store sees them. On nil they are durable
// as the store promises it.
//
// Record writes on the store's own connection, not in a transaction that the
// caller may have open (package hooks has a Record that does).
//
// Errors: *EntryError for what can't be recorded (ErrNoActor for the lack of an
// actor, by Options.RequireActor), *ConflictError for an ID that is on the trail with
// other content, ErrClosed, ErrNotMigrated, the context's, the store's.
func (t *Trail) Record(ctx context.Context, entries ...Entry) error {
	if len(entries) == 0 {
		return nil
	}
	done, err := t.enter(ctx)
	if err != nil {
		return err
	}
	defer done()
	ready, err := t.Enrich(ctx, entries...)
	if err != nil {
		return err
	}
	return t.append(ctx, ready)
}

// Append puts entries on the trail that Enrich, of this trail or of another process,
// has completed: it is for packages that keep them elsewhere for a while. Everything
// else is as with Record.
func (t *Trail) Append(ctx context.Context, entries ...Entry) error {
	if len(entries) == 0 {
		return nil
	}
	done, err := t.enter(ctx)
	if err != nil {
		return err
	}
	defer done()
	return t.append(ctx, entries)
}

func (t *Trail) append(ctx context.Context, ready []Entry) error {
	if err := t.store.Append(ctx, ready...); err != nil {
		return err
	}
	t.Committed()
	return nil
}

// Begin admits work on the trail that goes on in the background, as every method does:
// Close waits until done is called. It returns ErrClosed after Close, or the context's
// error. The work must end soon when its own calls return ErrClosed.
func (t *Trail) Begin(ctx context.Context) (done func(), err error) { return t.enter(ctx) }

// enter admits a call unless the trail is closed or the context is done.
func (t *Trail) enter(ctx context.Context) (done func(), err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil, ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	t.inside++
	return t.leave, nil
}

func (t *Trail) leave() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.inside--; t.inside == 0 && t.idle != nil {
		close(t.idle)
		t.idle = nil
	}
}

// Closed reports whether Close was called.
func (t *Trail) Closed() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.closed
}

// Close lets no further call in and waits for those under way, or for the
// context, whose error it then returns; the trail is closed either way. A loop
// over All is a call under way until it is left, so Close must not be waited
// for inside of one. It leaves the store and the host's database open: they are
// not the trail's. Closing again waits likewise.
func (t *Trail) Close(ctx context.Context) error {
	t.mu.Lock()
	t.closed = true
	if t.inside > 0 && t.idle == nil {
		t.idle = make(chan struct{})
	}
	idle := t.idle
	t.mu.Unlock()
	t.Committed() // so that those who follow end at once
	if idle == nil {
		return nil
	}
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Query returns one page. See Reader.
func (t *Trail) Query(ctx context.Context, q Query) (*Page, error) {
	done, err := t.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	if q, err = t.open(ctx, q); err != nil {
		return nil, err
	}
	page, err := t.store.Query(ctx, q)
	if err != nil {
		return nil, err
	}
	return t.sealPage(ctx, page)
}

// valid checks q. A store that isn't a Sequencer can't sort by SortRecorded: q is
// sorted by time then.
func (t *Trail) valid(q Query) (Query, error) {
	if s, ok := t.store.(Sequencer); q.Sort.Key() == SortRecorded && (!ok || !s.Sequenced()) {
		if q.Sort.Descending() {
			q.Sort = Newest
		} else {
			q.Sort = SortTime
		}
	}
	q, err := q.Validate()
	q.Filter = t.Joined(q.Filter)
	return q, err
}

// All yields every entry that q selects. See Reader. Where the store has no way
// of its own (Iterator), it reads page after page: entries that are appended
// meanwhile may or may not be among them, and those that were there at the
// start are each there once.
func (t *Trail) All(ctx context.Context, q Query) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		done, err := t.enter(ctx)
		if err != nil {
			yield(Entry{}, err)
			return
		}
		defer done()
		q.Limit = MaxLimit
		if q, err = t.open(ctx, q); err != nil {
			yield(Entry{}, err)
			return
		}
		if it, ok := t.store.(Iterator); ok {
			it.All(ctx, q)(yield)
			return
		}
		t.walk(ctx, q, yield)
	}
}

func (t *Trail) walk(ctx context.Context, q Query, yield func(Entry, error) bool) {
	for {
		page, err := t.store.Query(ctx, q)
		if err != nil {
			yield(Entry{}, err)
			return
		}
		for _, e := range page.Entries {
			if !yield(e, nil) {
				return
			}
		}
		if page.Next == "" {
			return
		}
		q.Cursor = page.Next
	}
}

// Get returns the entry with that ID, or ErrNotFound.
func (t *Trail) Get(ctx context.Context, id string) (Entry, error) {
	done, err := t.enter(ctx)
	if err != nil {
		return Entry{}, err
	}
	defer done()
	id, err = parseID(id)
	if err != nil {
		return Entry{}, ErrNotFound // no entry has such an ID
	}
	return t.store.Get(ctx, id)
}

// Facets returns every value ever recorded in f's scope. See Reader. The error
// is errors.ErrUnsupported where the store can't tell (Faceter).
func (t *Trail) Facets(ctx context.Context, f Filter) (Facets, error) {
	done, err := t.enter(ctx)
	if err != nil {
		return Facets{}, err
	}
	defer done()
	if err := f.Validate(); err != nil {
		return Facets{}, err
	}
	faceter, ok := t.store.(Faceter)
	if !ok {
		return Facets{}, fmt.Errorf("audit: facets of a %T: %w", t.store, errors.ErrUnsupported)
	}
	return faceter.Facets(ctx, t.Joined(f))
}

// Count returns how many entries match f, and false; or bound, and true, if
// there are more. The error is errors.ErrUnsupported where the store can't
// count (Counter).
func (t *Trail) Count(ctx context.Context, f Filter, bound int) (n int, more bool, err error) {
	done, err := t.enter(ctx)
	if err != nil {
		return 0, false, err
	}
	defer done()
	if err := f.Validate(); err != nil {
		return 0, false, err
	}
	if bound < 1 {
		return 0, false, &QueryError{Param: "bound", Reason: fmt.Sprintf("%d is not at least 1", bound)}
	}
	counter, ok := t.store.(Counter)
	if !ok {
		return 0, false, fmt.Errorf("audit: counting in a %T: %w", t.store, errors.ErrUnsupported)
	}
	return counter.Count(ctx, t.Joined(f), bound)
}

// Damaged returns how many of the entries that f selects can't be read whole
// (Entry.Damaged). It reads all of them, which takes as long as an export.
func (t *Trail) Damaged(ctx context.Context, f Filter) (n int, err error) {
	for e, err := range t.All(ctx, Query{Filter: f, Sort: SortTime}) {
		if err != nil {
			return n, err
		}
		if e.Damaged != "" {
			n++
		}
	}
	return n, nil
}

// Scope returns a Reader that can't see past limit, whatever filter, cursor,
// sort, ID or keyword it is given: a tenant's own view. limit is copied, and means
// what it means to Filter.And: a non-nil empty list in it selects nothing. The
// Reader is a Counter and a Paginator too. For readers who may not see all of an entry, see
// package access.
func (t *Trail) Scope(limit Filter) Reader { return scope{t, Filter{}.And(limit)} }

type scope struct {
	trail *Trail
	limit Filter
}

func (s scope) Query(ctx context.Context, q Query) (*Page, error) {
	q.Filter = q.Filter.And(s.limit)
	return s.trail.Query(ctx, q)
}

func (s scope) All(ctx context.Context, q Query) iter.Seq2[Entry, error] {
	q.Filter = q.Filter.And(s.limit)
	return s.trail.All(ctx, q)
}

func (s scope) Get(ctx context.Context, id string) (Entry, error) {
	e, err := s.trail.Get(ctx, id)
	if err != nil {
		return Entry{}, err
	}
	if !s.Joined(s.limit).Match(e) {
		return Entry{}, ErrNotFound
	}
	return e, nil
}

func (s scope) Joined(f Filter) Filter { return s.trail.Joined(f) }

func (s scope) Facets(ctx context.Context, f Filter) (Facets, error) {
	return s.trail.Facets(ctx, f.And(s.limit))
}

func (s scope) CursorAt(ctx context.Context, q Query, e Entry, back bool) (string, error) {
	q.Filter = q.Filter.And(s.limit)
	return s.trail.CursorAt(ctx, q, e, back)
}

func (s scope) CursorBack(ctx context.Context, q Query) (bool, error) {
	q.Filter = q.Filter.And(s.limit)
	return s.trail.CursorBack(ctx, q)
}

func (s scope) Count(ctx context.Context, f Filter, bound int) (int, bool, error) {
	return s.trail.Count(ctx, f.And(s.limit), bound)
}

// joinedIDs are the IDs under which a record has entries beside its present one.
type joinedIDs struct {
	mu    sync.RWMutex
	byID  map[string]joined
	order []string // oldest first
}

type joined struct {
	objectType string
	others     []string
}

// maxJoined bounds how many records are kept in mind.
const maxJoined = 10_000

// JoinIDs notes that the record o has entries under other IDs too: those of an earlier
// version of the library, or made with a former key. From then on a filter by o's ID
// selects them too, in this process. It holds for the 10,000 records that were
// noted last. It doesn't hold the other way round: who guesses an ID of old must not
// learn whose it is. Package hooks calls it (hooks.ObjectID).
func (t *Trail) JoinIDs(o Object, others ...string) {
	j := &t.joined
	j.mu.Lock()
	defer j.mu.Unlock()
	if _, known := j.byID[o.ID]; !known {
		if j.byID == nil {
			j.byID = map[string]joined{}
		}
		if len(j.order) == maxJoined {
			delete(j.byID, j.order[0])
			j.order = j.order[1:]
		}
		j.order = append(j.order, o.ID)
	}
	j.byID[o.ID] = joined{o.Type, slices.Clone(others)}
}

// Joined returns f with the other IDs of the records that it names (JoinIDs), and with
// what the trail knows of its keywords (Filter.Search) and its actions
// (Catalogue.Resolve). What selects entries by f
// otherwise than through a Reader, as a live feed does, selects by
// this. Joining again changes nothing.
func (t *Trail) Joined(f Filter) Filter {
	f = t.catalogue.Resolve(t.searching(f))
	t.joined.mu.RLock()
	defer t.joined.mu.RUnlock()
	if len(t.joined.byID) == 0 {
		return f
	}
	return t.joined.in(f)
}

func (j *joinedIDs) in(f Filter) Filter {
	f.Not, f.and = j.inEach(f.Not), j.inEach(f.and)
	for _, id := range f.ObjectIDs {
		record, ok := j.byID[id]
		if !ok || len(f.ObjectTypes) > 0 && !slices.Contains(f.ObjectTypes, record.objectType) {
			continue
		}
		f = record.into(f)
	}
	return f
}

func (j *joinedIDs) inEach(list []Filter) []Filter {
	if len(list) == 0 {
		return list
	}
	joined := make([]Filter, len(list))
	for i, f := range list {
		joined[i] = j.in(f)
	}
	return joined
}

// into adds the IDs, for entries of the record's type alone.
func (r joined) into(f Filter) Filter {
	for _, other := range r.others {
		if slices.Contains(f.ObjectIDs, other) {
			continue
		}
		f.ObjectIDs = append(slices.Clip(f.ObjectIDs), other)
		if len(f.ObjectTypes) != 1 {
			elsewhere := Filter{ObjectIDs: []string{other}, Not: []Filter{{ObjectTypes: []string{r.objectType}}}}
			f.Not = append(slices.Clip(f.Not), elsewhere)
		}
	}
	return f
}

// Watch returns a channel that holds a token once entries may have been
// committed, or the trail was closed, since the last one was taken: who follows
// the trail then looks at once and not only by the clock. Tokens don't queue,
// and there may be one without a new entry. stop ends it; calling it again does
// nothing. The channel is never closed.
//
// It tells of what this process commits: by Record, by package hooks, and by
// who calls Committed. What other processes commit to the same database is
// found by asking it from time to time, or told by package pgnotify.
func (t *Trail) Watch() (woken <-chan struct{}, stop func()) {
	c := make(chan struct{}, 1)
	t.watching(func(list []chan struct{}) []chan struct{} { return append(list, c) })
	return c, func() {
		t.watching(func(list []chan struct{}) []chan struct{} {
			return slices.DeleteFunc(list, func(other chan struct{}) bool { return other == c })
		})
	}
}

// watching replaces the list: Committed reads it without a lock, since it runs
// behind every commit.
func (t *Trail) watching(change func([]chan struct{}) []chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var list []chan struct{}
	if old := t.watchers.Load(); old != nil {
		list = slices.Clone(*old)
	}
	list = change(list)
	t.watchers.Store(&list)
}

// Committed tells those who watch that entries of this trail were committed. Who
// appends to the store in a transaction of its own (TxAppender) calls it behind
// the commit; Record and package hooks do so by themselves. It never waits.
// Without it entries are seen all the same, a moment later.
func (t *Trail) Committed() {
	list := t.watchers.Load()
	if list == nil {
		return
	}
	for _, c := range *list {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}
