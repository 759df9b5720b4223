package stream_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/memstore"
	"github.com/gormtrail/audit/stream"
)

func keyOf(b byte) []byte { return bytes.Repeat([]byte{b}, audit.KeySize) }

func keyed(t testing.TB, store audit.Store, key byte, former ...[]byte) *audit.Trail {
	t.Helper()
	trail, err := audit.New(store, &audit.Options{Key: keyOf(key), FormerKeys: former, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	require.NoError(t, err)
	return trail
}

func head(t testing.TB, trail *audit.Trail) string {
	t.Helper()
	position, err := stream.Head(t.Context(), trail)
	require.NoError(t, err)
	return position
}

// after is the first error of a feed behind a position, or nil if it gets an entry.
func after(t testing.TB, trail *audit.Trail, position string) error {
	t.Helper()
	hub, err := stream.NewHub(trail, nil)
	require.NoError(t, err)
	r, err := hub.Follow(t.Context(), audit.Filter{}, position)
	if err == nil {
		r.Close()
	}
	for _, tailErr := range stream.Tail(t.Context(), trail, audit.Filter{}, position) {
		require.Equal(t, err == nil, tailErr == nil, "Tail and Follow agree: %v, %v", err, tailErr)
		break
	}
	return err
}

// TestPositionsTellNothing: neither how many entries there are, nor whether there was
// one since the last position.
func TestPositionsTellNothing(t *testing.T) {
	trail := newTrail(t)
	seen := map[string]bool{}
	for i := range 200 {
		for range 2 {
			position := head(t, trail)
			require.Len(t, position, 171)
			require.False(t, seen[position], "the same place has other positions")
			seen[position] = true
			raw, err := base64.RawURLEncoding.DecodeString(position)
			require.NoError(t, err)
			if i >= 100 { // fewer bytes are among random ones by chance
				require.NotContains(t, string(raw), fmt.Sprintf(":%d", i))
			}
		}
		record(t, trail, "x")
	}
}

// TestPositionsNameOnlyOwnEntries: a place in the middle of what the hub read at once
// doesn't grow with the entries of other tenants.
func TestPositionsNameOnlyOwnEntries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		trail := newTrail(t)
		hub, err := stream.NewHub(trail, nil)
		require.NoError(t, err)
		r, err := hub.Follow(t.Context(), audit.Filter{Tenants: []string{"mine"}}, "")
		require.NoError(t, err)
		type step struct {
			events []stream.Event
			err    error
		}
		next := make(chan step)
		go func() {
			events, err := r.Next(t.Context())
			next <- step{events, err}
		}()
		synctest.Wait() // it has joined the hub
		var all []audit.Entry
		for i := range 190 {
			all = append(all, audit.Entry{Action: "login", Tenant: map[bool]string{true: "mine", false: "theirs"}[i%63 == 62]})
		}
		require.NoError(t, trail.Record(t.Context(), all...))
		got := <-next
		require.NoError(t, got.err)
		require.Len(t, got.events, 3)
		for i, e := range got.events {
			require.Len(t, e.Position, 171)
			again, err := hub.Follow(t.Context(), audit.Filter{Tenants: []string{"mine"}}, e.Position)
			require.NoError(t, err)
			if i < 2 {
				rest, err := again.Next(t.Context())
				require.NoError(t, err)
				require.Len(t, rest, 2-i, "nothing is lost or repeated")
			}
			again.Close()
		}
		r.Close()
		require.NoError(t, hub.Close(t.Context()))
	})
}

func TestForgedPositionsAreRefused(t *testing.T) {
	store := memstore.New()
	trail := keyed(t, store, 1)
	record(t, trail, "a", "b")
	var position string
	for e, err := range stream.Tail(t.Context(), trail, audit.Filter{}, "") {
		require.NoError(t, err)
		position = e.Position
		break
	}
	require.NoError(t, after(t, trail, position))
	plain, err := store.Head(t.Context())
	require.NoError(t, err)
	forged := []string{"made up", plain, "~~" + plain, position[:170], position + "A", position[1:], strings.ToLower(position), position + "\n", head(t, keyed(t, store, 2))}
	raw, err := base64.RawURLEncoding.DecodeString(position)
	require.NoError(t, err)
	for i := range raw {
		flipped := bytes.Clone(raw)
		flipped[i] ^= 1 << (i % 8)
		forged = append(forged, base64.RawURLEncoding.EncodeToString(flipped))
	}
	page, err := trail.Query(t.Context(), audit.Query{Limit: 1})
	require.NoError(t, err)
	forged = append(forged, page.Next, head(t, keyed(t, memstore.New(), 1))) // of another store, with the same key
	for _, position := range forged {
		require.ErrorIs(t, after(t, trail, position), audit.ErrBadCursor, position)
	}

	require.NoError(t, after(t, keyed(t, store, 1), position), "after a restart")
	require.NoError(t, after(t, keyed(t, store, 3, keyOf(2), keyOf(1)), position), "after a new key")
	require.ErrorIs(t, after(t, keyed(t, store, 3), position), audit.ErrBadCursor)
}

// TestLostPositionsAreSaidToBe: a client whose position can't be used is served from
// now on, and told so.
func TestLostPositionsAreSaidToBe(t *testing.T) {
	trail := newTrail(t)
	record(t, trail, "before")
	server := serve(t, trail, nil)
	for _, position := range []string{head(t, newTrail(t)), head(t, keyed(t, memstore.New(), 1))} {
		conn := dial(t, server.URL+"?after="+position)
		first := frame(t, conn)
		require.True(t, first.Lost)
		require.Empty(t, first.Entries)
		_, next := subscribe(t, server.URL, position)
		require.True(t, next().Lost)
		record(t, trail, "since")
		got, _ := ids(t, func() stream.Frame { return frame(t, conn) }, 1)
		require.Equal(t, []string{"since"}, got)
		again := dial(t, server.URL+"?after="+first.Cursor)
		require.False(t, frame(t, again).Lost)
	}
}

// TestPositionsNeedTheKey: a store whose key can't be read gives none.
func TestPositionsNeedTheKey(t *testing.T) {
	trail, err := audit.New(lockedStore{memstore.New()}, nil)
	require.NoError(t, err)
	_, err = stream.Head(t.Context(), trail)
	require.ErrorIs(t, err, errLocked)
	hub, err := stream.NewHub(trail, nil)
	require.NoError(t, err)
	_, err = hub.Follow(t.Context(), audit.Filter{}, "")
	require.ErrorIs(t, err, errLocked)
	for _, err := range stream.Tail(t.Context(), trail, audit.Filter{}, "") {
		require.ErrorIs(t, err, errLocked)
	}
}

var errLocked = errors.New("locked")

type lockedStore struct{ *memstore.Store }

func (lockedStore) Key(context.Context, audit.Queryer) ([]byte, error) { return nil, errLocked }

// A position is bounded before anything is opened; the handler answers 400.
func TestLongPositionsAreNotOpened(t *testing.T) {
	hub, err := stream.NewHub(keyed(t, memstore.New(), 1), nil)
	require.NoError(t, err)
	_, err = hub.Follow(t.Context(), audit.Filter{}, base64.RawURLEncoding.EncodeToString(make([]byte, 256<<10)))
	require.ErrorContains(t, err, "this is not a position")
}
