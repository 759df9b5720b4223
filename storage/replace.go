package storage

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/gormtrail/audit"
)

// CheckReplacement is for a Replacer: it returns an *audit.EntryError unless the entries
// differ in nothing but what masking changes.
func CheckReplacement(old, masked []audit.Entry) error {
	if len(old) != len(masked) {
		return &audit.EntryError{Field: "id", Reason: fmt.Sprintf("%d entries can't replace %d", len(masked), len(old))}
	}
	for i, e := range masked {
		was := old[i]
		e.Object.ID, e.Object.Name, e.Error = was.Object.ID, was.Object.Name, was.Error
		e.Metadata, was.Metadata = nil, nil
		sameFields := slices.EqualFunc(e.Changes, was.Changes, func(a, b audit.Change) bool { return a.Field == b.Field && a.Op == b.Op })
		if e.Changes, was.Changes = nil, nil; !sameFields || !Identical(was, e) {
			return &audit.EntryError{Index: i, Field: "id", Reason: "differs in more than masking changes"}
		}
	}
	return nil
}

// Identical is for a Replacer: it reports whether two entries, as a store returned them,
// are the same in every field.
func Identical(a, b audit.Entry) bool {
	return a.Time.Equal(b.Time) && reflect.DeepEqual(canonicalEntry(a), canonicalEntry(b))
}

// canonicalEntry is without what stores may return in other ways.
func canonicalEntry(e audit.Entry) audit.Entry {
	e.Time, e.Outcome = time.Time{}, cmp.Or(e.Outcome, audit.Success)
	if len(e.Changes) == 0 {
		e.Changes = nil
	}
	if len(e.Metadata) == 0 {
		e.Metadata = nil
	}
	return e
}
