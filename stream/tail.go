package stream

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/gormtrail/audit"
)

// batchSize is how many entries are read at once.
const batchSize = 200

// Event is an entry of the feed.
type Event struct {
	audit.Entry
	// Position is the one behind this entry: given as "after", the feed goes
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
	return sealer.seal(head), nil
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
		var at string
		if err == nil && after != "" {
			at, err = s.open(after)
		}
		if err != nil {
			yield(Event{}, err)
			return
		}
		f = trail.Joined(f)
		clock := newClock(trail, nil, gather)
		defer clock.stop()
		for err = ctx.Err(); err == nil; {
			clock.ask()
			var entries []audit.Tailed
			if entries, at, err = tailer.Tail(ctx, f, at, batchSize); err != nil {
				break
			}
			for _, e := range entries {
				if !yield(Event{Entry: e.Entry, Position: s.seal(e.Position)}, nil) {
					return
				}
			}
			if err = ctx.Err(); err == nil && len(entries) < batchSize {
				err = clock.wait(ctx)
			}
		}
		yield(Event{}, err)
	}
}
