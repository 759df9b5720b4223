package audit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gormtrail/audit/internal/cleantext"
	"github.com/gormtrail/audit/internal/sortkey"
	"github.com/gormtrail/audit/internal/words"
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

// Sort is a key to sort by, ascending, or with a "-" before it descending.
// "" is Newest. The order is always total: entries with equal keys are sorted
// by time, then by ID, in the same direction.
type Sort string

// The keys that can be sorted by.
const (
	SortTime       Sort = "time"
	SortObjectType Sort = "type"
	SortObjectID   Sort = "record" // numbers as numbers
	SortAction     Sort = "action"
	SortUser       Sort = "user" // Actor.User
	SortIP         Sort = "ip"   // by address
	SortTenant     Sort = "tenant"

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

// The keys that no index serves (Sort.Bounded).
const (
	SortOutcome     Sort = "outcome" // denied, failure, success
	SortObjectName  Sort = "name"
	SortChanges     Sort = "changes"      // name of the first changed field, without the path inside it
	SortOnBehalfOf  Sort = "on_behalf_of" // Entry.OnBehalfOfUser
	SortBehalfType  Sort = "for_type"     // fields of Entry.OnBehalfOf
	SortBehalfID    Sort = "for_id"
	SortBehalfName  Sort = "for_name"
	SortBehalfEmail Sort = "for_email"
	SortComment     Sort = "comment"
	SortError       Sort = "error"
	SortProduct     Sort = "product"
	SortProject     Sort = "project"
	SortActorType   Sort = "actor_type"
	SortActorID     Sort = "actor"
	SortActorName   Sort = "actor_name"
	SortActorEmail  Sort = "actor_email"
	SortRequestID   Sort = "request"
	SortTransaction Sort = "transaction"
	SortMethod      Sort = "method"
	SortPath        Sort = "path"
	SortUserAgent   Sort = "user_agent"
	SortEntryID     Sort = "entry"
)

// MaxSorted is how many entries a query in a bounded order may select.
const MaxSorted = 100_000

var (
	servedKeys  = []Sort{SortTime, SortObjectType, SortObjectID, SortAction, SortUser, SortIP, SortTenant, SortRecorded}
	boundedKeys = []Sort{
		SortOutcome, SortObjectName, SortChanges, SortOnBehalfOf, SortBehalfType, SortBehalfID, SortBehalfName, SortBehalfEmail, SortComment, SortError, SortProduct, SortProject, SortActorType,
		SortActorID, SortActorName, SortActorEmail, SortRequestID, SortTransaction, SortMethod, SortPath, SortUserAgent, SortEntryID,
	}
)

// SortKeys returns every key that can be sorted by, ascending.
func SortKeys() []Sort { return slices.Concat(servedKeys, boundedKeys) }

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

// Bounded reports whether no index serves s, so that each page sorts everything that
// the query selects. Such a query may select at most MaxSorted entries: beyond them
// Query and All return the error of TooMany.
func (s Sort) Bounded() bool { return slices.Contains(boundedKeys, s.Key()) }

// TooMany returns the error of a query in the order s that selects more than MaxSorted
// entries: a *QueryError that unwraps to ErrTooManyToSort. Stores return it.
func (s Sort) TooMany() error {
	return &QueryError{
		Param: "sort", Err: ErrTooManyToSort,
		Reason: fmt.Sprintf("sorting by %s is possible for at most %s entries, and more match: narrow the filter, or sort by time", s.Key(), grouped(MaxSorted)),
	}
}

// grouped formats a number with a comma before its last three digits.
func grouped(n int) string { return fmt.Sprintf("%d,%03d", n/1000, n%1000) }

func (s Sort) validate() error {
	keys := SortKeys()
	if slices.Contains(keys, s.Key()) {
		return nil
	}
	names := make([]string, len(keys))
	for i, key := range keys {
		names[i] = string(key)
	}
	return &QueryError{Param: "sort", Reason: fmt.Sprintf("%q is not one of %s, with or without - before it", words.Clip(string(s)), strings.Join(names, ", "))}
}

// KeyOf returns the text by which e is sorted under s, byte by byte: "" for
// the sort by time, and for SortRecorded, which only the store knows. Entries
// with equal keys are sorted by time, then by ID, all in the same direction.
// Of texts that may be long (name, comment, error, method, path, user agent) it is the
// first 200 characters.
func (s Sort) KeyOf(e Entry) string {
	switch s.Key() {
	case SortObjectType:
		return e.Object.Type
	case SortObjectID:
		return sortkey.ObjectID(e.Object.ID)
	case SortAction:
		return e.Action
	case SortUser:
		return e.Actor.User()
	case SortIP:
		return sortkey.IP(e.Request.IP)
	case SortTenant:
		return e.Tenant
	}
	if key := boundedKey[s.Key()]; key != nil {
		return key(&e)
	}
	return ""
}

// boundedKey has KeyOf for each key without an index.
var boundedKey = map[Sort]func(*Entry) string{
	SortOutcome:     func(e *Entry) string { return string(e.Outcome.orSuccess()) },
	SortObjectName:  func(e *Entry) string { return firstRunes(e.Object.Name) },
	SortChanges:     func(e *Entry) string { return firstField(e.Changes) },
	SortOnBehalfOf:  func(e *Entry) string { return e.OnBehalfOfUser() },
	SortBehalfType:  ofBehalf(func(a *Actor) string { return a.Type }),
	SortBehalfID:    ofBehalf(func(a *Actor) string { return a.ID }),
	SortBehalfName:  ofBehalf(func(a *Actor) string { return a.Name }),
	SortBehalfEmail: ofBehalf(func(a *Actor) string { return a.Email }),
	SortComment:     func(e *Entry) string { return firstRunes(e.Comment) },
	SortError:       func(e *Entry) string { return firstRunes(e.Error) },
	SortProduct:     func(e *Entry) string { return e.Object.Product },
	SortProject:     func(e *Entry) string { return e.Project },
	SortActorType:   func(e *Entry) string { return e.Actor.Type },
	SortActorID:     func(e *Entry) string { return e.Actor.ID },
	SortActorName:   func(e *Entry) string { return e.Actor.Name },
	SortActorEmail:  func(e *Entry) string { return e.Actor.Email },
	SortRequestID:   func(e *Entry) string { return e.Request.ID },
	SortTransaction: func(e *Entry) string { return e.TransactionID },
	SortMethod:      func(e *Entry) string { return firstRunes(e.Request.Method) },
	SortPath:        func(e *Entry) string { return firstRunes(e.Request.Path) },
	SortUserAgent:   func(e *Entry) string { return firstRunes(e.Request.UserAgent) },
	SortEntryID:     func(e *Entry) string { return e.ID },
}

// ofBehalf returns a field of Entry.OnBehalfOf, "" without one.
func ofBehalf(field func(*Actor) string) func(*Entry) string {
	return func(e *Entry) string {
		if e.OnBehalfOf == nil {
			return ""
		}
		return field(e.OnBehalfOf)
	}
}

// sortedRunes is the number of characters by which long texts are sorted: MySQL compares 1,024 bytes.
const sortedRunes = 200

// firstRunes returns the part of a text by which it is sorted.
func firstRunes(s string) string {
	if len(s) <= sortedRunes {
		return s
	}
	n := 0
	for i := range s {
		if n == sortedRunes {
			return s[:i]
		}
		n++
	}
	return s
}

// firstField returns the column of the first change, up to the control character with which
// stores separate names.
func firstField(changes []Change) string {
	if len(changes) == 0 {
		return ""
	}
	name := changes[0].Field
	if i := strings.IndexAny(name, ".[\x1d\x1e\x1f"); i >= 0 {
		name = name[:i]
	}
	return firstRunes(name)
}

// FacetQuery asks for some values of facets: a menu shows a few, and finds others
// by what is typed.
type FacetQuery struct {
	Filter        // the scope, as for Reader.Facets
	Name   string // the facet by its parameter: "user", "action", …; "": all of them
	Find   string // part of the values, in any case; "": any value
	Limit  int    // the most values of a facet; at least 1
}

// FacetFinder is a Faceter that finds some values without reading all.
type FacetFinder interface {
	// FindFacets returns, sorted, at most q.Limit values of each facet asked for
	// that contain q.Find. Where there are more, it chooses.
	FindFacets(ctx context.Context, q FacetQuery) (Facets, error)
}

// facetNames are the facets by their parameters.
var facetNames = []struct {
	name   string
	values func(*Facets) *[]string
}{
	{"tenant", func(f *Facets) *[]string { return &f.Tenants }},
	{"project", func(f *Facets) *[]string { return &f.Projects }},
	{"action", func(f *Facets) *[]string { return &f.Actions }},
	{"outcome", func(f *Facets) *[]string { return &f.Outcomes }},
	{"type", func(f *Facets) *[]string { return &f.ObjectTypes }},
	{"product", func(f *Facets) *[]string { return &f.Products }},
	{"actor_type", func(f *Facets) *[]string { return &f.ActorTypes }},
	{"user", func(f *Facets) *[]string { return &f.Users }},
	{"on_behalf_of", func(f *Facets) *[]string { return &f.OnBehalfOf }},
}

// Validate returns a *QueryError for a query that names no facet there is, or has
// no limit, and for a scope that isn't a valid filter.
func (q FacetQuery) Validate() error {
	known := q.Name == ""
	for _, n := range facetNames {
		known = known || n.name == q.Name
	}
	if !known {
		return &QueryError{Param: "facet", Reason: fmt.Sprintf("%q is not action, type, user, on_behalf_of, outcome, actor_type, tenant, project or product", words.Clip(q.Name))}
	}
	if q.Limit < 1 {
		return &QueryError{Param: "limit", Reason: fmt.Sprintf("%d is not at least 1", q.Limit)}
	}
	if len(q.Find) > MaxKeyword {
		return &QueryError{Param: "find", Reason: fmt.Sprintf("has %d bytes, at most %d are possible", len(q.Find), MaxKeyword)}
	}
	return q.Filter.Validate()
}

// Of returns what f has of the values that q asks for, all of them: Limit is not
// looked at.
func (q FacetQuery) Of(f Facets) Facets {
	needle := words.Fold(cleantext.Text(q.Find))
	for _, n := range facetNames {
		list := n.values(&f)
		switch {
		case q.Name != "" && n.name != q.Name:
			*list = nil
		case needle != "":
			*list = slices.DeleteFunc(slices.Clone(*list), func(v string) bool { return !strings.Contains(words.Fold(v), needle) })
		}
	}
	return f
}

// FindFacets returns some values of facets. See FacetFinder; if the store is only a
// Faceter it returns all that match, and the error is errors.ErrUnsupported if it
// is neither.
func (t *Trail) FindFacets(ctx context.Context, q FacetQuery) (Facets, error) {
	done, err := t.enter(ctx)
	if err != nil {
		return Facets{}, err
	}
	defer done()
	if err := q.Validate(); err != nil {
		return Facets{}, err
	}
	q.Filter = t.Joined(q.Filter)
	switch store := t.store.(type) {
	case FacetFinder:
		return store.FindFacets(ctx, q)
	case Faceter:
		f, err := store.Facets(ctx, q.Filter)
		return q.Of(f), err
	}
	return Facets{}, fmt.Errorf("audit: facets of a %T: %w", t.store, errors.ErrUnsupported)
}

func (s scope) FindFacets(ctx context.Context, q FacetQuery) (Facets, error) {
	q.Filter = q.Filter.And(s.limit)
	return s.trail.FindFacets(ctx, q)
}
