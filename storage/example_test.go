package storage_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage"
	"github.com/gormtrail/audit/storage/memstore"
)

// A follower takes the lease of its checkpoint, deals with the entries behind it, and
// advances it. Of two processes only the one with the lease advances.
func ExampleCheckpointer() {
	ctx := context.Background()
	store := memstore.New()
	trail, err := audit.New(store, nil)
	if err != nil {
		log.Fatal(err)
	}
	for _, action := range []string{"create", "update"} {
		if err := trail.Record(ctx, audit.Entry{Action: action}); err != nil {
			log.Fatal(err)
		}
	}

	fence, err := store.Lease(ctx, "sink/siem", "host-1", time.Minute)
	if err != nil {
		log.Fatal(err)
	}
	from, err := store.Checkpoint(ctx, "sink/siem")
	if err != nil {
		log.Fatal(err)
	}
	entries, next, err := store.Tail(ctx, audit.Filter{}, from.Position, 100)
	if err != nil {
		log.Fatal(err)
	}
	for _, e := range entries {
		fmt.Println("send", e.Action)
	}
	from.Fence = fence
	to := from
	to.Position = next
	if err := store.Advance(ctx, from, to); err != nil {
		log.Fatal(err)
	}

	_, err = store.Lease(ctx, "sink/siem", "host-2", time.Minute)
	fmt.Println("another process:", errors.Is(err, storage.ErrLeased))
	fmt.Println("advanced twice:", errors.Is(store.Advance(ctx, from, to), storage.ErrStale))
	// Output:
	// send create
	// send update
	// another process: true
	// advanced twice: true
}
