package audit

import (
	"fmt"
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
	if err := q.Sort.validate(); err != nil {
		return q, err
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
