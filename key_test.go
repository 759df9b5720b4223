package audit_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/memstore"
	"github.com/gormtrail/audit/storage/storagetest"
)

func keyOf(b byte) []byte { return bytes.Repeat([]byte{b}, audit.KeySize) }

func subKey(t *testing.T, trail *audit.Trail, purpose string) []byte {
	t.Helper()
	key, err := trail.SubKey(context.Background(), nil, purpose)
	require.NoError(t, err)
	require.Len(t, key, audit.KeySize)
	return key
}

func TestKeysHave32Bytes(t *testing.T) {
	for name, opts := range map[string]*audit.Options{
		"short":        {Key: make([]byte, 31)},
		"long":         {Key: make([]byte, 33)},
		"empty":        {Key: []byte{}},
		"former short": {Key: keyOf(1), FormerKeys: [][]byte{keyOf(2), make([]byte, 31)}},
		"former nil":   {FormerKeys: [][]byte{nil}},
	} {
		_, err := audit.New(memstore.New(), opts)
		assert.ErrorContains(t, err, "needs exactly 32", name)
	}
	trail, err := audit.New(memstore.New(), &audit.Options{Key: keyOf(1), FormerKeys: [][]byte{keyOf(2)}})
	require.NoError(t, err)
	assert.True(t, trail.HasKey())
}

func TestSubKeys(t *testing.T) {
	own, former := keyOf(1), keyOf(2)
	trail, err := audit.New(memstore.New(), &audit.Options{Key: own, FormerKeys: [][]byte{former}})
	require.NoError(t, err)
	clear(own) // copied
	clear(former)
	cursor := subKey(t, trail, "cursor")
	assert.Equal(t, cursor, subKey(t, trail, "cursor"))
	assert.NotEqual(t, cursor, subKey(t, trail, "position"))
	assert.NotEqual(t, cursor, keyOf(1))

	same, err := audit.New(memstore.New(), &audit.Options{Key: keyOf(1)})
	require.NoError(t, err)
	assert.Equal(t, cursor, subKey(t, same, "cursor"), "another process")
	assert.Empty(t, same.FormerSubKeys("cursor"))

	rotated, err := audit.New(memstore.New(), &audit.Options{Key: keyOf(2)})
	require.NoError(t, err)
	assert.Equal(t, [][]byte{subKey(t, rotated, "cursor")}, trail.FormerSubKeys("cursor"))
}

// What HKDF-SHA-256 gives is part of the stored form.
func TestSubKeysStayWhatTheyAre(t *testing.T) {
	trail, err := audit.New(memstore.New(), &audit.Options{Key: keyOf(1)})
	require.NoError(t, err)
	assert.Equal(t, "f738b59d831fcfd1ff67d0f7a063a53fce7aecc17b45cc4df5c7ce54c6e7cbc8", hex.EncodeToString(subKey(t, trail, "cursor")))
}

func TestTrailsOfAStoreAgreeOnItsKey(t *testing.T) {
	store := memstore.New()
	one, err := audit.New(store, nil)
	require.NoError(t, err)
	two, err := audit.New(store, nil)
	require.NoError(t, err)
	other, err := audit.New(memstore.New(), nil)
	require.NoError(t, err)
	assert.False(t, one.HasKey())
	assert.Equal(t, subKey(t, one, "cursor"), subKey(t, two, "cursor"))
	assert.NotEqual(t, subKey(t, one, "cursor"), subKey(t, other, "cursor"))
}

// New doesn't touch the store; the key is read at the first use, once; errors are not
// remembered.
func TestTheStoresKeyIsReadOnce(t *testing.T) {
	faulty := storagetest.NewFaulty(memstore.New())
	trail, err := audit.New(faulty.Plain(), nil)
	require.NoError(t, err)
	assert.Zero(t, faulty.Calls(storagetest.OpKey))
	faulty.Fail(storagetest.OpKey, 1, audit.ErrNotMigrated)
	_, err = trail.SubKey(context.Background(), nil, "cursor")
	assert.ErrorIs(t, err, audit.ErrNotMigrated)
	cursor := subKey(t, trail, "cursor")
	assert.NotEqual(t, cursor, subKey(t, trail, "position"))
	assert.Equal(t, 2, faulty.Calls(storagetest.OpKey))

	configured, err := audit.New(faulty.Plain(), &audit.Options{Key: keyOf(1)})
	require.NoError(t, err)
	subKey(t, configured, "cursor")
	assert.Equal(t, 2, faulty.Calls(storagetest.OpKey), "with a key of its own a trail doesn't ask")
}

// keyless hides what a store can do.
type keyless struct{ audit.Store }

// brief has a key that is too short.
type brief struct{ audit.Store }

func (brief) Key(context.Context, audit.Queryer) ([]byte, error) { return []byte("short"), nil }

func TestWithoutAKeyTheLoggerSaysSoOnce(t *testing.T) {
	for name, store := range map[string]audit.Store{
		"no ability":   keyless{memstore.New()},
		"of a wrapper": storagetest.NewFaulty(keyless{memstore.New()}).Plain(),
	} {
		var log strings.Builder
		trail, err := audit.New(store, &audit.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
		require.NoError(t, err)
		assert.Empty(t, log.String(), name)
		cursor := subKey(t, trail, "cursor")
		assert.Equal(t, cursor, subKey(t, trail, "cursor"), name)
		assert.NotEqual(t, cursor, subKey(t, trail, "position"), name)
		assert.Equal(t, 1, strings.Count(log.String(), "level=WARN"), name)
		assert.Contains(t, log.String(), "audit.Options.Key", name)
	}
	trail, err := audit.New(brief{memstore.New()}, nil)
	require.NoError(t, err)
	_, err = trail.SubKey(context.Background(), nil, "cursor")
	assert.ErrorContains(t, err, "needs exactly 32")
	assert.False(t, errors.Is(err, errors.ErrUnsupported))
}

// Many at once find one key, whether the store has it or not.
func TestSubKeysAtOnce(t *testing.T) {
	for _, store := range []audit.Store{memstore.New(), keyless{memstore.New()}} {
		trail, err := audit.New(store, nil)
		require.NoError(t, err)
		found := make(chan []byte)
		for range 8 {
			go func() {
				key, _ := trail.SubKey(context.Background(), nil, "cursor")
				found <- key
			}()
		}
		first := <-found
		assert.Len(t, first, audit.KeySize)
		for range 7 {
			assert.Equal(t, first, <-found)
		}
	}
}
