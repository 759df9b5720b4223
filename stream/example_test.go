package stream_test

import (
	"context"
	"fmt"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/memstore"
	"github.com/gormtrail/audit/stream"
)

func ExampleTail() {
	trail, err := audit.New(memstore.New(), nil)
	if err != nil {
		panic(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	_ = trail.Record(ctx,
		audit.Entry{Action: "create", Object: audit.Object{Type: "invoice", ID: "1"}},
		audit.Entry{Action: "login", Object: audit.Object{Type: "session", ID: "7"}},
		audit.Entry{Action: "update", Object: audit.Object{Type: "invoice", ID: "1"}},
	)
	seen := 0
	for event, err := range stream.Tail(ctx, trail, audit.Filter{ObjectTypes: []string{"invoice"}}, "") {
		if err != nil {
			fmt.Println("ends:", err)
			break
		}
		fmt.Println(event.Action, event.Object.ID)
		if seen++; seen == 2 {
			cancel() // a program would keep event.Position, and resume from it
		}
	}
	// Output:
	// create 1
	// update 1
	// ends: context canceled
}
