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
	// on with the next one. It is opaque, sealed with the trail's key, and valid
	// for every filter and across restarts.
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
	sealer, err := newSealer(ctx, trail)
	if err != nil {
		return "", err
	}
	head, err := tailer.Head(ctx)
	if err != nil {
		return "", err
	}
	return sealer.position(place{after: head}), nil
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
// audit.ErrBadCursor for a position that was made up, was sealed with a key that
// the trail no longer has, or is none of the store's,
// errors.ErrUnsupported for a store that is no audit.Tailer, or the store's.
// Tail starts no goroutine and retries nothing: go on from the last Position.
func Tail(ctx context.Context, trail *audit.Trail, f audit.Filter, after string) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		tailer, err := tailerOf(trail)
		if err == nil {
			err = f.Validate()
		}
		var s *sealer
		if err == nil {
			s, err = newSealer(ctx, trail)
		}
		var at place
		if err == nil && after != "" {
			at, err = s.place(after)
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
			if !yieldAll(yield, s, events) {
				return
			}
			if at.quiet {
				err = clock.wait(ctx)
			}
		}
		yield(Event{}, err)
	}
}

// yieldAll yields what one read returned, and reports whether to go on.
func yieldAll(yield func(Event, error) bool, s *sealer, items []*item) bool {
	if len(items) == 0 {
		return true
	}
	p := newParcel(items)
	for i, it := range items {
		if !yield(Event{Entry: it.Entry, Position: s.position(p.behind(i))}, nil) {
			return false
		}
	}
	return true
}
