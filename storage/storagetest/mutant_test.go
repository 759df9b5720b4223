package storagetest

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage"
	"github.com/gormtrail/audit/storage/memstore"
)

// mutant is the memory store with one mistake. What is not set is right.
type mutant struct {
	*memstore.Store
	append func(context.Context, ...audit.Entry) error
	query  func(context.Context, audit.Query) (*audit.Page, error)
	get    func(context.Context, string) (audit.Entry, error)
	facets func(context.Context, audit.Filter) (audit.Facets, error)
	count  func(context.Context, audit.Filter, int) (int, bool, error)
	all    func(context.Context, audit.Query) iter.Seq2[audit.Entry, error]
	purge  func(context.Context, audit.Filter, int) (int, error)
	tail   func(ctx context.Context, f audit.Filter, after, until string, limit int) ([]audit.Tailed, string, error)

	key     func(context.Context, audit.Queryer) ([]byte, error)
	replace func(context.Context, []audit.Entry, []audit.Entry) (int, error)

	checkpoint func(context.Context, string) (storage.Checkpoint, error)
	advance    func(context.Context, storage.Checkpoint, storage.Checkpoint) error
	lease      func(context.Context, string, string, time.Duration) (int64, error)
}

func (m *mutant) Append(ctx context.Context, entries ...audit.Entry) error {
	return m.append(ctx, entries...)
}
func (m *mutant) Query(ctx context.Context, q audit.Query) (*audit.Page, error) {
	return m.query(ctx, q)
}
func (m *mutant) Get(ctx context.Context, id string) (audit.Entry, error) { return m.get(ctx, id) }
func (m *mutant) Facets(ctx context.Context, f audit.Filter) (audit.Facets, error) {
	return m.facets(ctx, f)
}
func (m *mutant) Count(ctx context.Context, f audit.Filter, bound int) (int, bool, error) {
	return m.count(ctx, f, bound)
}
func (m *mutant) All(ctx context.Context, q audit.Query) iter.Seq2[audit.Entry, error] {
	return m.all(ctx, q)
}
func (m *mutant) Purge(ctx context.Context, f audit.Filter, limit int) (int, error) {
	return m.purge(ctx, f, limit)
}
func (m *mutant) Tail(ctx context.Context, f audit.Filter, after string, limit int) ([]audit.Tailed, string, error) {
	return m.tail(ctx, f, after, "", limit)
}
func (m *mutant) TailUntil(ctx context.Context, f audit.Filter, after, until string, limit int) ([]audit.Tailed, string, error) {
	return m.tail(ctx, f, after, until, limit)
}

// onFilter puts a mistake into how filters are read.
func (m *mutant) onFilter(wrong func(audit.Filter) audit.Filter) {
	m.query = func(ctx context.Context, q audit.Query) (*audit.Page, error) {
		changed := q
		changed.Filter = wrong(q.Filter)
		if q.Cursor != "" {
			p, err := storage.DecodeCursor(q)
			if err != nil {
				return nil, err
			}
			changed.Cursor = storage.EncodeCursor(changed, p)
		}
		page, err := m.Store.Query(ctx, changed)
		return again(q, changed, page), err
	}
}

// again makes a page's cursors those of q.
func again(q, of audit.Query, page *audit.Page) *audit.Page {
	if page == nil {
		return nil
	}
	for _, c := range []*string{&page.Next, &page.Prev} {
		if of.Cursor = *c; *c != "" {
			p, _ := storage.DecodeCursor(of)
			*c = storage.EncodeCursor(q, p)
		}
	}
	return page
}

// onEntry puts a mistake into what is stored.
func (m *mutant) onEntry(wrong func(*audit.Entry)) {
	m.append = func(ctx context.Context, entries ...audit.Entry) error {
		for i := range entries {
			wrong(&entries[i])
		}
		return m.Store.Append(ctx, entries...)
	}
}

func lower(list []string) []string {
	var all []string
	for _, s := range list {
		all = append(all, s, strings.ToLower(s), strings.ToUpper(s), s+" ", strings.TrimSpace(s))
	}
	return all
}

// mistakes are those that stores make. Each must break one of the contracts
// named, at least.
var mistakes = map[string]struct {
	make   func(*mutant)
	breaks []string
}{
	"an append loses its last entry": {func(m *mutant) {
		m.append = func(ctx context.Context, entries ...audit.Entry) error {
			return m.Store.Append(ctx, entries[:max(len(entries)-1, 0)]...)
		}
	}, []string{"append/stores"}},
	"an append stores before it looks at the context": {func(m *mutant) {
		m.append = func(ctx context.Context, entries ...audit.Entry) error {
			_ = m.Store.Append(context.Background(), entries...)
			return ctx.Err()
		}
	}, []string{"context/ended before"}},
	"a cancelled append stores a half": {func(m *mutant) {
		m.append = func(ctx context.Context, entries ...audit.Entry) error {
			half := len(entries) / 2
			if err := m.Store.Append(ctx, entries[:half]...); err != nil {
				return err
			}
			return m.Store.Append(ctx, entries[half:]...)
		}
	}, []string{"append/all or none"}},
	"two appends of a batch can be seen apart": {func(m *mutant) {
		m.append = func(ctx context.Context, entries ...audit.Entry) error {
			for _, e := range entries {
				if err := m.Store.Append(ctx, e); err != nil {
					return err
				}
			}
			return nil
		}
	}, []string{"append/all or none"}},
	"a half of a batch is seen while it is appended": {func(m *mutant) {
		var reads atomic.Int64
		m.query = func(ctx context.Context, q audit.Query) (*audit.Page, error) {
			defer reads.Add(1)
			return m.Store.Query(ctx, q)
		}
		m.append = func(ctx context.Context, entries ...audit.Entry) error {
			if err := m.Store.Append(ctx, entries[0]); err != nil {
				return err
			}
			// As many as may have begun before, and one more that sees it, unless
			// the readers have seen enough and stopped.
			before := reads.Load()
			for n := 0; reads.Load() < before+4 && n < 100_000; n++ {
				runtime.Gosched()
			}
			return m.Store.Append(ctx, entries...)
		}
	}, []string{"concurrent use"}},
	"a stored ID is an error": {func(m *mutant) {
		m.append = func(ctx context.Context, entries ...audit.Entry) error {
			for _, e := range entries {
				if _, err := m.Store.Get(ctx, e.ID); err == nil {
					return errors.New("duplicate key")
				}
			}
			return m.Store.Append(ctx, entries...)
		}
	}, []string{"append/same again", "append/old among new", "append/same IDs at once"}},
	"a stored ID is overwritten": {func(m *mutant) {
		m.append = func(ctx context.Context, entries ...audit.Entry) error {
			byID := map[string]audit.Entry{}
			for e := range m.Store.All(ctx, audit.Query{}) {
				byID[e.ID] = e
			}
			for _, e := range entries {
				byID[e.ID] = e
			}
			if _, err := m.Store.Purge(ctx, audit.Filter{}, len(byID)); err != nil {
				return err
			}
			return m.Store.Append(ctx, slices.Collect(maps.Values(byID))...)
		}
	}, []string{"append/conflict"}},
	"other content under a stored ID is dropped": {func(m *mutant) {
		m.append = func(ctx context.Context, entries ...audit.Entry) error {
			byID := map[string]audit.Entry{}
			var list []audit.Entry
			for _, e := range entries {
				if _, again := byID[e.ID]; again {
					continue
				}
				byID[e.ID] = e
				if _, err := m.Store.Get(ctx, e.ID); err != nil {
					list = append(list, e)
				}
			}
			return m.Store.Append(ctx, list...)
		}
	}, []string{"append/conflict", "append/conflict in one call", "append/conflict at once", "append/another time"}},
	"a conflict stores what stands before it": {func(m *mutant) {
		m.append = func(ctx context.Context, entries ...audit.Entry) error {
			err := m.Store.Append(ctx, entries...)
			for i := len(entries); errors.Is(err, audit.ErrConflict) && i > 0; i-- {
				if m.Store.Append(ctx, entries[:i]...) == nil {
					break
				}
			}
			return err
		}
	}, []string{"append/conflict", "append/conflict in one call", "append/conflict at once"}},
	"a conflict isn't named": {func(m *mutant) {
		m.append = func(ctx context.Context, entries ...audit.Entry) error {
			err := m.Store.Append(ctx, entries...)
			if errors.Is(err, audit.ErrConflict) {
				return audit.ErrConflict
			}
			return err
		}
	}, []string{"append/conflict", "append/conflict in one call", "append/conflict at once"}},
	"times are not compared": {func(m *mutant) {
		m.append = func(ctx context.Context, entries ...audit.Entry) error {
			for i, e := range entries {
				if old, err := m.Store.Get(ctx, e.ID); err == nil {
					entries[i].Time = old.Time
				}
			}
			return m.Store.Append(ctx, entries...)
		}
	}, []string{"append/conflict", "append/another time"}},
	"a time that Enrich gave is compared": {func(m *mutant) {
		m.append = func(ctx context.Context, entries ...audit.Entry) error {
			for i := range entries {
				raw, err := json.Marshal(entries[i])
				if err == nil {
					err = json.Unmarshal(raw, &entries[i])
				}
				if err != nil {
					return err
				}
			}
			return m.Store.Append(ctx, entries...)
		}
	}, []string{"append/another time"}},
	"a damaged entry is stored": {func(m *mutant) { m.onEntry(func(e *audit.Entry) { e.Damaged = "" }) }, []string{"append/damaged"}},
	"an append tidies the caller's entries": {func(m *mutant) {
		m.append = func(ctx context.Context, entries ...audit.Entry) error {
			slices.SortFunc(entries, func(a, b audit.Entry) int { return cmp.Compare(a.Action, b.Action) })
			return m.Store.Append(ctx, entries...)
		}
	}, []string{"append/changes nothing"}},
	"integers go through float64": {func(m *mutant) {
		m.onEntry(func(e *audit.Entry) {
			for k, v := range e.Metadata {
				if n, ok := v.(int64); ok {
					e.Metadata[k] = int64(float64(n))
				}
			}
		})
	}, []string{"values/exact"}},
	"NULL and the empty text are one": {func(m *mutant) {
		m.onEntry(func(e *audit.Entry) {
			e.Changes = slices.Clone(e.Changes)
			for i := range e.Changes {
				if e.Changes[i].Old == nil && e.Changes[i].Op != audit.OpAdd {
					e.Changes[i].Old = ""
				}
			}
		})
	}, []string{"values/exact"}},
	"texts are cut at 64 kB": {func(m *mutant) {
		m.onEntry(func(e *audit.Entry) { e.Comment = e.Comment[:min(len(e.Comment), 1<<16-1)] })
	}, []string{"values/large"}},
	"runes beyond U+FFFF are lost": {func(m *mutant) {
		m.onEntry(func(e *audit.Entry) {
			e.Object.Name = strings.Map(func(r rune) rune { return min(r, 0xFFFF) }, e.Object.Name)
		})
	}, []string{"values/text"}},
	"blanks at the end are lost": {func(m *mutant) {
		m.onEntry(func(e *audit.Entry) { e.Actor.Name = strings.TrimRight(e.Actor.Name, " ") })
	}, []string{"values/text"}},
	"times are cut to milliseconds": {func(m *mutant) { m.onEntry(func(e *audit.Entry) { e.Time = e.Time.Truncate(1_000_000) }) }, []string{"values/time"}},
	"changes are sorted": {func(m *mutant) {
		m.onEntry(func(e *audit.Entry) {
			slices.SortFunc(e.Changes, func(a, b audit.Change) int { return cmp.Compare(a.Field, b.Field) })
		})
	}, []string{"values/changes"}},
	"a text is compared in any case and without blanks": {func(m *mutant) {
		m.onFilter(func(f audit.Filter) audit.Filter { f.Tenants = lower(f.Tenants); return f })
	}, []string{"filter/each field", "text/exact"}},
	"outcomes are not looked at": {func(m *mutant) {
		m.onFilter(func(f audit.Filter) audit.Filter { f.Outcomes = nil; return f })
	}, []string{"filter/each field"}},
	"only the first value of a list counts": {func(m *mutant) {
		m.onFilter(func(f audit.Filter) audit.Filter { f.Actions = f.Actions[:min(1, len(f.Actions))]; return f })
	}, []string{"filter/each field", "filter/many values"}},
	"Not is forgotten": {func(m *mutant) {
		m.onFilter(func(f audit.Filter) audit.Filter { f.Not = nil; return f })
	}, []string{"filter/not"}},
	"And is forgotten": {func(m *mutant) {
		m.onFilter(func(f audit.Filter) audit.Filter { return f.Terms()[0] })
	}, []string{"filter/and"}},
	"the end of the range is inside": {func(m *mutant) {
		m.onFilter(func(f audit.Filter) audit.Filter {
			if !f.To.IsZero() {
				f.To = f.To.Add(1000)
			}
			return f
		})
	}, []string{"filter/time range"}},
	"a range is cut to milliseconds": {func(m *mutant) {
		m.onFilter(func(f audit.Filter) audit.Filter { f.From = f.From.Truncate(1_000_000); return f })
	}, []string{"filter/time range"}},
	"a prefix is its first address": {func(m *mutant) {
		m.onFilter(func(f audit.Filter) audit.Filter {
			f.IPs = slices.Clone(f.IPs)
			for i := range f.IPs {
				f.IPs[i], _, _ = strings.Cut(f.IPs[i], "/")
			}
			return f
		})
	}, []string{"filter/addresses"}},
	"% is any text": {func(m *mutant) {
		m.onFilter(func(f audit.Filter) audit.Filter { f.Keyword = strings.Trim(f.Keyword, "%"); return f })
	}, []string{"keyword/ordinary signs"}},
	"the order has no end": {func(m *mutant) {
		m.query = func(ctx context.Context, q audit.Query) (*audit.Page, error) {
			page, err := m.Store.Query(ctx, q)
			if err == nil && q.Sort == "-"+audit.SortUser {
				slices.SortStableFunc(page.Entries, func(a, b audit.Entry) int { return -cmp.Compare(a.Actor.User(), b.Actor.User()) })
				slices.SortStableFunc(page.Entries, func(a, b audit.Entry) int {
					if a.Actor.User() != b.Actor.User() {
						return 0
					}
					return cmp.Compare(a.ID, b.ID)
				})
			}
			return page, err
		}
	}, []string{"sort/each", "pages/one microsecond"}},
	"numbers are sorted as text": {func(m *mutant) {
		m.query = func(ctx context.Context, q audit.Query) (*audit.Page, error) {
			page, err := m.Store.Query(ctx, q)
			if err == nil && q.Sort.Key() == audit.SortObjectID {
				slices.SortStableFunc(page.Entries, func(a, b audit.Entry) int { return cmp.Compare(a.Object.ID, b.Object.ID) })
			}
			return page, err
		}
	}, []string{"sort/numbers"}},
	"a page has one entry too many": {func(m *mutant) {
		m.query = func(ctx context.Context, q audit.Query) (*audit.Page, error) {
			q.Limit = min(q.Limit+1, audit.MaxLimit)
			return m.Store.Query(ctx, q)
		}
	}, []string{"pages/sizes"}},
	"there is no way back": {func(m *mutant) {
		m.query = func(ctx context.Context, q audit.Query) (*audit.Page, error) {
			page, err := m.Store.Query(ctx, q)
			if err == nil {
				page.Prev = ""
			}
			return page, err
		}
	}, []string{"pages/back"}},
	"the way back is upside down": {func(m *mutant) {
		m.query = func(ctx context.Context, q audit.Query) (*audit.Page, error) {
			page, err := m.Store.Query(ctx, q)
			if err == nil && q.Cursor != "" {
				if p, _ := storage.DecodeCursor(q); p.Back {
					slices.Reverse(page.Entries)
				}
			}
			return page, err
		}
	}, []string{"pages/back"}},
	"an end page offers a next one": {func(m *mutant) {
		m.query = func(ctx context.Context, q audit.Query) (*audit.Page, error) {
			page, err := m.Store.Query(ctx, q)
			if err == nil && page.Next == "" && len(page.Entries) == q.Limit {
				last := page.Entries[len(page.Entries)-1]
				page.Next = storage.EncodeCursor(q, storage.Position{Key: q.Sort.KeyOf(last), Time: last.Time, ID: last.ID})
			}
			return page, err
		}
	}, []string{"pages/sizes"}},
	"a list view is whole": {func(m *mutant) {
		m.query = func(ctx context.Context, q audit.Query) (*audit.Page, error) {
			q.Brief = false
			return m.Store.Query(ctx, q)
		}
	}, []string{"pages/brief"}},
	"all of a list view is whole": {func(m *mutant) {
		m.all = func(ctx context.Context, q audit.Query) iter.Seq2[audit.Entry, error] {
			q.Brief = false
			return m.Store.All(ctx, q)
		}
	}, []string{"pages/brief"}},
	"a list view has cursors of its own": {func(m *mutant) {
		m.query = func(ctx context.Context, q audit.Query) (*audit.Page, error) {
			other := q
			if q.Brief {
				other.Filter = q.Filter.And(audit.Filter{})
			}
			page, err := m.Store.Query(ctx, other)
			return page, err
		}
	}, []string{"pages/brief"}},
	"pages are counted, not keyed": {func(m *mutant) { m.query = byOffset(m) }, []string{"pages/while others append"}},
	"any cursor will do": {func(m *mutant) {
		m.query = func(ctx context.Context, q audit.Query) (*audit.Page, error) {
			if q.Cursor != "" {
				if _, err := storage.DecodeCursor(q); err != nil {
					q.Cursor = ""
				}
			}
			return m.Store.Query(ctx, q)
		}
	}, []string{"cursor/foreign", "cursor/damaged"}},
	"an unknown ID is an empty entry": {func(m *mutant) {
		m.get = func(ctx context.Context, id string) (audit.Entry, error) {
			e, err := m.Store.Get(ctx, id)
			if errors.Is(err, audit.ErrNotFound) {
				err = nil
			}
			return e, err
		}
	}, []string{"get/unknown"}},
	"facets are narrowed by the range": {func(m *mutant) {
		m.facets = func(ctx context.Context, f audit.Filter) (audit.Facets, error) {
			return m.Store.Facets(ctx, f.And(audit.Filter{From: f.From, To: f.To}))
		}
	}, []string{"facets/scope"}},
	"facets see past a scope": {func(m *mutant) {
		m.facets = func(ctx context.Context, f audit.Filter) (audit.Facets, error) {
			return m.Store.Facets(ctx, f.Terms()[0])
		}
	}, []string{"facets/scope"}},
	"facets are kept from the first look": {func(m *mutant) {
		var kept *audit.Facets
		m.facets = func(ctx context.Context, f audit.Filter) (audit.Facets, error) {
			facets, err := m.Store.Facets(ctx, f)
			if kept == nil && len(facets.Actions) > 0 {
				kept = &facets
			}
			if kept != nil {
				return *kept, err
			}
			return facets, err
		}
	}, []string{"facets/fresh"}},
	"a count never says more": {func(m *mutant) {
		m.count = func(ctx context.Context, f audit.Filter, bound int) (int, bool, error) {
			n, _, err := m.Store.Count(ctx, f, bound)
			return n, false, err
		}
	}, []string{"count/bound"}},
	"a sequence ends at a page": {func(m *mutant) {
		m.all = func(ctx context.Context, q audit.Query) iter.Seq2[audit.Entry, error] {
			return func(yield func(audit.Entry, error) bool) {
				page, err := m.Store.Query(ctx, q)
				if err != nil {
					yield(audit.Entry{}, err)
					return
				}
				for _, e := range page.Entries {
					if !yield(e, nil) {
						return
					}
				}
			}
		}
	}, []string{"all/same as pages", "all/one snapshot"}},
	"a sequence hides its error": {func(m *mutant) {
		m.all = func(ctx context.Context, q audit.Query) iter.Seq2[audit.Entry, error] {
			return func(yield func(audit.Entry, error) bool) {
				for e, err := range m.Store.All(ctx, q) {
					if err != nil || !yield(e, nil) {
						return
					}
				}
			}
		}
	}, []string{"all/bad cursor", "context/ends during"}},
	"a purge knows no limit": {func(m *mutant) {
		m.purge = func(ctx context.Context, f audit.Filter, _ int) (int, error) { return m.Store.Purge(ctx, f, 1<<30) }
	}, []string{"purge/oldest first"}},
	"a purge knows no Not": {func(m *mutant) {
		m.purge = func(ctx context.Context, f audit.Filter, limit int) (int, error) {
			f.Not = nil
			return m.Store.Purge(ctx, f, limit)
		}
	}, []string{"purge/oldest first"}},
	"a tail goes by time": {func(m *mutant) {
		m.tail = func(ctx context.Context, f audit.Filter, after, until string, limit int) ([]audit.Tailed, string, error) {
			list, next, err := m.Store.TailUntil(ctx, f, after, until, limit)
			slices.SortFunc(list, func(a, b audit.Tailed) int { return a.Time.Compare(b.Time) })
			return list, next, err
		}
	}, []string{"tail/once and in order"}},
	"a tail tells the last one twice": {func(m *mutant) {
		previous := ""
		m.tail = func(ctx context.Context, f audit.Filter, after, until string, limit int) ([]audit.Tailed, string, error) {
			if after != "" && previous != "" && after != previous {
				after, previous = previous, after
			} else {
				previous = after
			}
			return m.Store.TailUntil(ctx, f, after, until, limit)
		}
	}, []string{"tail/once and in order", "tail/while others append"}},
	"a tail begins anew at an unknown position": {func(m *mutant) {
		m.tail = func(ctx context.Context, f audit.Filter, after, until string, limit int) ([]audit.Tailed, string, error) {
			list, next, err := m.Store.TailUntil(ctx, f, after, until, limit)
			if errors.Is(err, audit.ErrBadCursor) {
				return m.Store.TailUntil(ctx, f, "", until, limit)
			}
			return list, next, err
		}
	}, []string{"tail/unknown position"}},
	"a tail stays where nothing matches": {func(m *mutant) {
		m.tail = func(ctx context.Context, f audit.Filter, after, until string, limit int) ([]audit.Tailed, string, error) {
			list, next, err := m.Store.TailUntil(ctx, f, after, until, limit)
			if len(list) == 0 && err == nil {
				next = after
			}
			return list, next, err
		}
	}, []string{"tail/next"}},
	"a position is that behind the whole answer": {func(m *mutant) {
		m.tail = func(ctx context.Context, f audit.Filter, after, until string, limit int) ([]audit.Tailed, string, error) {
			list, next, err := m.Store.TailUntil(ctx, f, after, until, limit)
			for i := range list {
				list[i].Position = next
			}
			return list, next, err
		}
	}, []string{"tail/positions", "tail/until", "tail/while others append"}},
	"a position is before its entry": {func(m *mutant) {
		m.tail = func(ctx context.Context, f audit.Filter, after, until string, limit int) ([]audit.Tailed, string, error) {
			list, next, err := m.Store.TailUntil(ctx, f, after, until, limit)
			for i := range list {
				list[i].Position, after = after, list[i].Position
			}
			return list, next, err
		}
	}, []string{"tail/positions"}},
	"a position counts only what the filter selects": {func(m *mutant) {
		m.tail = func(ctx context.Context, f audit.Filter, after, until string, limit int) ([]audit.Tailed, string, error) {
			list, next, err := m.Store.TailUntil(ctx, f, after, until, limit)
			head, _ := m.Head(ctx)
			name, _, _ := strings.Cut(head, ":")
			for i := range list {
				list[i].Position = fmt.Sprintf("%s:%d", name, i+1)
			}
			return list, next, err
		}
	}, []string{"tail/positions"}},
	"a tail knows no end": {func(m *mutant) {
		m.tail = func(ctx context.Context, f audit.Filter, after, until string, limit int) ([]audit.Tailed, string, error) {
			return m.Store.TailUntil(ctx, f, after, "", limit)
		}
	}, []string{"tail/until", "tail/unknown position"}},
	"a tail returns less than there is": {func(m *mutant) {
		m.tail = func(ctx context.Context, f audit.Filter, after, until string, limit int) ([]audit.Tailed, string, error) {
			return m.Store.TailUntil(ctx, f, after, until, max(limit/2, 1))
		}
	}, []string{"tail/once and in order"}},
}

// byOffset pages by counting, as LIMIT and OFFSET do.
func byOffset(m *mutant) func(context.Context, audit.Query) (*audit.Page, error) {
	return func(ctx context.Context, q audit.Query) (*audit.Page, error) {
		offset := int64(0)
		if q.Cursor != "" {
			p, err := storage.DecodeCursor(q)
			if err != nil {
				return nil, err
			}
			offset = p.Time.UnixMicro()
		}
		var list []audit.Entry
		q.Cursor = ""
		for e, err := range m.Store.All(ctx, q) {
			if err != nil {
				return nil, err
			}
			list = append(list, e)
		}
		list = list[min(int(offset), len(list)):]
		page := &audit.Page{Entries: list[:min(q.Limit, len(list))]}
		if len(list) > q.Limit {
			page.Next = storage.EncodeCursor(q, storage.Position{Time: time.UnixMicro(offset + int64(q.Limit))})
		}
		if offset > 0 {
			page.Prev = storage.EncodeCursor(q, storage.Position{Time: time.UnixMicro(max(offset-int64(q.Limit), 0))})
		}
		return page, nil
	}
}

func newMutant() *mutant {
	s := memstore.New()
	return &mutant{Store: s, append: s.Append, query: s.Query, get: s.Get, facets: s.Facets, count: s.Count, all: s.All, purge: s.Purge, tail: s.TailUntil, key: s.Key, replace: s.Replace,
		checkpoint: s.Checkpoint, advance: s.Advance, lease: s.Lease}
}

// recorder is a testing.TB whose failures are no failures of the test.
type recorder struct {
	testing.TB
	failures []string
}

// stop ends a trial as Fatalf ends a test.
type stop struct{}

func (r *recorder) Errorf(format string, args ...any) {
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}
func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	panic(stop{})
}
func (r *recorder) Skipf(string, ...any) { panic(stop{}) }

// failuresOf returns what a contract says of a store.
func failuresOf(t *testing.T, c contract, store audit.Store) []string {
	r := &recorder{TB: t}
	func() {
		defer func() {
			if p := recover(); p != nil && p != (stop{}) {
				panic(p)
			}
		}()
		c.check(r, store, 1)
	}()
	return r.failures
}

// TestEveryMistakeIsFound: a suite that passes stores with mistakes proves
// nothing. Each mistake breaks what it is said to break, and the failure holds
// the sentence of the contract.
func TestEveryMistakeIsFound(t *testing.T) {
	all := map[string]contract{}
	for _, c := range contracts() {
		assert.NotContains(t, all, c.name, "two contracts of one name")
		assert.NotEmpty(t, c.why)
		all[c.name] = c
	}
	mistakes := maps.Clone(mistakes)
	maps.Copy(mistakes, recordedMistakes)
	maps.Copy(mistakes, keepingMistakes)
	maps.Copy(mistakes, checkpointMistakes)
	for _, name := range slices.Sorted(maps.Keys(mistakes)) {
		t.Run(name, func(t *testing.T) {
			for _, broken := range mistakes[name].breaks {
				c, ok := all[broken]
				if !assert.True(t, ok, "no contract is called %q", broken) {
					continue
				}
				store := newMutant()
				mistakes[name].make(store)
				failures := failuresOf(t, c, store)
				if assert.NotEmpty(t, failures, "%q was not found broken", broken) {
					assert.Contains(t, failures[0], c.why)
				}
			}
		})
	}
}

// The mutant without a mistake is right, or the test above proves nothing. What
// takes long is left to TestMemoryStoreKeepsTheContract.
func TestNoMistakeIsFoundWhereNoneIs(t *testing.T) {
	long := []string{"append/many", "filter/combined", "pages/any of several", "pages/back", "pages/one microsecond", "sort/each"}
	for _, c := range contracts() {
		if !slices.Contains(long, c.name) {
			assert.Empty(t, failuresOf(t, c, newMutant()), c.name)
		}
	}
}
