package audit

import (
	"slices"
	"sync"
)

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
