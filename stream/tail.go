package stream

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/gormtrail/audit"
)

// pollEvery is how long a quiet feed waits before it asks the store again.
const pollEvery = 200 * time.Millisecond

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
// within a second.
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
		for at := parsePlace(after); err == nil; {
			var events []Event
			if events, at, err = at.read(ctx, tailer, f, batch); err != nil {
				break
			}
			for _, e := range events {
				if !yield(e, nil) {
					return
				}
			}
			if at.quiet {
				err = pause(ctx, trail)
			}
		}
		yield(Event{}, err)
	}
}

// pause waits before the next question.
func pause(ctx context.Context, trail *audit.Trail) error {
	timer := time.NewTimer(pollEvery)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
	}
	if trail.Closed() {
		return audit.ErrClosed
	}
	return nil
}

// place is a store's position, or one between the entries of a batch that was
// read from a store's position: "position~ID", behind the entry with that ID.
type place struct {
	after string // the store's
	skip  string // the ID up to which the batch was seen already; "" for none
	quiet bool   // the last read found all there was
}

// idLength is that of a UUID's text.
const idLength = 36

func parsePlace(s string) place {
	if i := len(s) - idLength - 1; i >= 0 && s[i] == '~' {
		return place{after: s[:i], skip: s[i+1:]}
	}
	return place{after: s}
}

func (p place) String() string {
	if p.skip == "" {
		return p.after
	}
	return p.after + "~" + p.skip
}

// read returns the next events, and the place behind them.
func (p place) read(ctx context.Context, tailer audit.Tailer, f audit.Filter, limit int) ([]Event, place, error) {
	if err := ctx.Err(); err != nil {
		return nil, p, err
	}
	entries, next, err := tailer.Tail(ctx, f, p.after, limit)
	if err != nil {
		return nil, p, err
	}
	events := placed(entries, p.after, next)
	if p.skip != "" {
		events = behind(events, p.skip)
	}
	return events, place{after: next, quiet: len(entries) < limit}, nil
}

// placed gives each entry of a batch its position. The store tells the one
// behind the last entry only.
func placed(entries []audit.Entry, after, next string) []Event {
	events := make([]Event, len(entries))
	for i, e := range entries {
		events[i] = Event{Entry: e, Position: place{after: after, skip: e.ID}.String()}
	}
	if n := len(events); n > 0 {
		events[n-1].Position = next
	}
	return events
}

// behind drops the events up to the one with that ID. If it isn't among them
// (it was purged, or the filter has changed), all of them are new.
func behind(events []Event, id string) []Event {
	for i := range events {
		if events[i].ID == id {
			return events[i+1:]
		}
	}
	return events
}
