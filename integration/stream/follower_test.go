package stream

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/stream"
)

// follower reads a feed, and goes on from its last position whatever ends it.
type follower struct {
	name   string
	filter audit.Filter
	read   func(ctx context.Context, f *follower) error // until something ends it

	mu    sync.Mutex
	got   []string // objects
	after string
}

func (f *follower) take(e stream.Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.got, f.after = append(f.got, e.Object.ID), e.Position
}

func (f *follower) list() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.got
}

func (f *follower) run(ctx context.Context, t *testing.T) {
	for ctx.Err() == nil {
		err := f.read(ctx, f)
		if errors.Is(err, audit.ErrBadCursor) || errors.Is(err, audit.ErrInvalidQuery) {
			t.Errorf("%s: %v", f.name, err) // connections may break, positions not
			return
		}
	}
}

// tail reads with stream.Tail; if it is restless, it leaves again and again, at
// any event.
func tail(p *program, restless bool) func(context.Context, *follower) error {
	return func(ctx context.Context, f *follower) error {
		if restless {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, time.Duration(rand.IntN(600))*time.Millisecond)
			defer cancel()
		}
		for e, err := range stream.Tail(ctx, p.trail, f.filter, f.after) {
			if err != nil {
				return err
			}
			if f.take(e); restless && rand.IntN(20) == 0 {
				break
			}
		}
		return nil
	}
}

// follow reads from a hub.
func follow(hub *stream.Hub, restless bool) func(context.Context, *follower) error {
	return func(ctx context.Context, f *follower) error {
		r, err := hub.Follow(ctx, f.filter, f.after)
		if err != nil {
			return err
		}
		defer r.Close()
		for n := 0; !restless || n < 1+rand.IntN(6); n++ {
			events, err := r.Next(ctx)
			for _, e := range events {
				f.take(e)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
}

// reconnect is another process each time: connections, store and trail of its
// own, and only the position is handed over.
func reconnect(kind, dsn string) func(context.Context, *follower) error {
	return func(ctx context.Context, f *follower) error {
		p, err := connect(kind, dsn)
		if err != nil {
			return err
		}
		defer p.pool.Close()
		return tail(p, true)(ctx, f)
	}
}

// sleeper reads for a moment, and then not for a long time.
func sleeper(p *program) func(context.Context, *follower) error {
	return func(ctx context.Context, f *follower) error {
		awake, cancel := context.WithTimeout(ctx, time.Second)
		err := tail(p, false)(awake, f)
		cancel()
		select {
		case <-ctx.Done():
		case <-time.After(3 * time.Second):
		}
		return err
	}
}
