package audit

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// DefaultLimit and MaxLimit are the entries of a page.
const (
	DefaultLimit = 50
	MaxLimit     = 1000
)

// Query is a Filter with an order and a place in it.
type Query struct {
	Filter
	Sort   Sort   // default: newest first
	Limit  int    // entries a page; 0: DefaultLimit; at most MaxLimit
	Cursor string // Page.Next or Page.Prev of the same query; "": the first page; opaque, and sealed with the Trail's key
	// MaxBytes ends a page before the entry with which its entries would have more
	// bytes together (Entry.Size). A page that isn't the last has at least one
	// entry, and Next and Prev continue from what it has. Default: no bound.
	MaxBytes int
	// Brief is for lists that show no more of an entry than that it happened: its
	// Changes and Metadata are left out, and a store doesn't even read them. Which
	// entries there are, and their order, stay the same, and so do cursors: they
	// lead from brief pages to whole ones and back. No query string asks for it
	// (ParseQuery), since exports and links share that language.
	Brief bool
}

// Sort is a key to sort by, ascending, or with a "-" before it descending.
// "" is Newest. The order is always total: entries with equal keys are sorted
// by time, then by ID, in the same direction.
type Sort string

// The keys that can be sorted by.
const (
	SortTime       Sort = "time"
	SortObjectType Sort = "type"
	SortObjectID   Sort = "record" // numbers as numbers (ObjectIDKey)
	SortAction     Sort = "action"
	SortUser       Sort = "user" // Actor.User
	SortIP         Sort = "ip"   // by address (IPKey)

	// SortRecorded is the order in which entries were appended to the store,
	// whatever their Time says. Of one record that package hooks captures it is
	// the order in which its changes were made: an entry is appended while the
	// transaction that changed the row still holds the row's lock. A Trail whose
	// store doesn't know that order (Sequencer) sorts by time instead.
	//
	// No index serves it: each page reads the keys of all entries that the filter
	// selects. Use it for one record, or a few.
	SortRecorded Sort = "recorded"

	// Newest is the default order.
	Newest Sort = "-time"
)

var sortKeys = []Sort{SortTime, SortObjectType, SortObjectID, SortAction, SortUser, SortIP, SortRecorded}

// Key is what s sorts by, without the direction.
func (s Sort) Key() Sort {
	if s == "" {
		return SortTime
	}
	return Sort(strings.TrimPrefix(string(s), "-"))
}

// Descending reports whether s sorts from the largest to the smallest.
func (s Sort) Descending() bool { return s == "" || strings.HasPrefix(string(s), "-") }

// Reverse is the same key in the other direction.
func (s Sort) Reverse() Sort {
	if s.Descending() {
		return s.Key()
	}
	return "-" + s
}

// Page is a part of what a query selects.
type Page struct {
	Entries []Entry
	// Next and Prev are cursors of the pages behind and before this one; ""
	// where there is none.
	Next, Prev string
	// Partial: a search ended before the page was full and before everything was
	// searched, because it took too long. Next or, going back, Prev continues it.
	// Only a reader of package access returns such pages.
	Partial bool
	// Until is how far a partial search in the order of time has come, to the
	// minute. Zero in another order.
	Until time.Time
}

// Facets are the values that were ever recorded in a scope, sorted, each once,
// without empty ones. Users and OnBehalfOf are named as Actor.User does.
type Facets struct {
	Tenants, Projects, Actions, Outcomes, ObjectTypes, Products, ActorTypes, Users, OnBehalfOf []string
}

// Validate returns q with its defaults filled in, or a *QueryError. The cursor
// is checked when it is used.
func (q Query) Validate() (Query, error) {
	if q.Sort == "" {
		q.Sort = Newest
	}
	if !slices.Contains(sortKeys, q.Sort.Key()) {
		return q, &QueryError{Param: "sort", Reason: fmt.Sprintf("%q is not one of time, type, record, action, user, ip, recorded, with or without - before it", clip(string(q.Sort)))}
	}
	switch {
	case q.Limit == 0:
		q.Limit = DefaultLimit
	case q.Limit < 0 || q.Limit > MaxLimit:
		return q, &QueryError{Param: "limit", Reason: fmt.Sprintf("%d is not one of 1 to %d", q.Limit, MaxLimit)}
	}
	if q.MaxBytes < 0 {
		return q, &QueryError{Param: "limit", Reason: fmt.Sprintf("MaxBytes is %d, and can't be negative", q.MaxBytes)}
	}
	return q, q.Filter.Validate()
}
