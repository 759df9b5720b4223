package stream

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/gormtrail/audit"
)

// batch is how many entries are read at once.
const batch = 200

// Event is an entry in its place in the feed.
type Event struct {
	audit.Entry
	// Position is the place behind this entry: given as "after", the feed goes
	// on with the next one. It is opaque, and stays valid across restarts.
	Position string
}

// Head is the position behind the newest committed entry: a feed after it
// begins with what is committed from now on. The error is
// errors.ErrUnsupported where the store is no audit.Tailer.
func Head(ctx context.Context, trail *audit.Trail) (string, error) {
	tailer, err := tailerOf(trail)
	if err != nil {
		return "", err
	}
	return tailer.Head(ctx)
}

func tailerOf(trail *audit.Trail) (audit.Tailer, error) {
	if trail == nil {
		return nil, errors.New("stream: a trail is needed, and nil was given")
	}
	if trail.Closed() {
		return nil, audit.ErrClosed
	}
	tailer, ok := trail.Store().(audit.Tailer)
	if !ok {
		return nil, fmt.Errorf("stream: following a %T: %w", trail.Store(), errors.ErrUnsupported)
	}
	return tailer, nil
}

// Tail yields every entry that f selects and that was committed after the
// position, then waits for more, until the context is done, the trail is
// closed or the loop is left. The position "" is the beginning of the trail;
// Head is now.
//
// Each entry comes once, in commit order, also when an older transaction
// commits late, and also entries that other processes wrote. A new entry comes
// within a second; one of this process, where nothing came before it for a
// moment, at once.
//
// The sequence ends with an error and a zero Event: the context's,
// audit.ErrClosed, *audit.QueryError for a filter that can't be meant,
// audit.ErrBadCursor for a position that the store doesn't know,
// errors.ErrUnsupported for a store that is no audit.Tailer, or the store's.
// Tail starts no goroutine and retries nothing: go on from the last Position.
func Tail(ctx context.Context, trail *audit.Trail, f audit.Filter, after string) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		tailer, err := tailerOf(trail)
		if err == nil {
			err = f.Validate()
		}
		var at place
		if err == nil {
			at, err = parsePlace(after)
		}
		if err != nil {
			yield(Event{}, err)
			return
		}
		f = trail.Joined(f)
		clock := newClock(trail, nil, gather)
		defer clock.stop()
		for err == nil {
			clock.ask()
			var events []*item
			if events, at, err = at.read(ctx, tailer, f, batch); err != nil {
				break
			}
			for _, e := range events {
				event := Event{Entry: e.Entry, Position: e.batch.behind(e.index).String()}
				if !yield(event, nil) {
					return
				}
			}
			if at.quiet {
				err = clock.wait(ctx)
			}
		}
		yield(Event{}, err)
	}
}
