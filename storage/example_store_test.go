package storage_test

import (
	"fmt"
	"time"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage"
)

// A store ends a page with the cursor of its last entry, and begins the next page behind the
// position that the cursor names.
func ExampleEncodeCursor() {
	q := audit.Query{Sort: audit.SortUser}
	last := audit.Entry{ID: "0195c0de-0000-7000-8000-000000000001", Time: time.Unix(1, 0), Actor: audit.Actor{Email: "ada@example.com"}}

	next := storage.EncodeCursor(q, storage.Position{Key: q.Sort.KeyOf(last), Time: last.Time, ID: last.ID})

	q.Cursor = next
	p, err := storage.DecodeCursor(q)
	fmt.Println("after", p.Key, p.ID, err)

	q.Tenants = []string{"acme"}
	_, err = storage.DecodeCursor(q)
	fmt.Println(err)
	// Output:
	// after ada@example.com 0195c0de-0000-7000-8000-000000000001 <nil>
	// audit: invalid query: cursor: the filter, the scope or the order has changed since it was made, or it is damaged; start from the first page
}

// A prefix is a range of keys, so an index of keys serves it.
func ExampleIPRange() {
	low, high, err := storage.IPRange("10.0.0.0/8")
	key := storage.IPKey("10.1.2.3")
	fmt.Println(low <= key && key <= high, err)
	// Output: true <nil>
}
