package gormstore

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/gormstore/internal/row"
)

func sized(n int) audit.Entry {
	return audit.Entry{
		ID: uuid.NewString(), Time: time.Now(), Action: "update", Object: audit.Object{Type: "articles", ID: "7"},
		Changes: []audit.Change{{Field: "title", Old: "a", New: "b"}, {Field: "body", New: strings.Repeat(`"`, n)}},
	}
}

// limited is a store whose server takes so many bytes in a statement.
func limited(t *testing.T, packet int64) *Store {
	t.Helper()
	db, _ := openHost(t)
	s, err := New(db, nil)
	require.NoError(t, err)
	require.NoError(t, s.Migrate(t.Context()))
	s.known.packet.Store(packet)
	return s
}

// Many large entries are made into rows part by part, and all are checked first.
func TestManyLargeEntriesAreAppendedInParts(t *testing.T) {
	s := limited(t, 16<<20)
	var entries []audit.Entry
	for range 12 {
		entries = append(entries, sized(1<<20))
	}
	require.Len(t, row.Split(entries), 2)
	tx, err := s.db.Begin()
	require.NoError(t, err)
	defer tx.Rollback()
	err = s.AppendTx(t.Context(), tx, append(entries, sized(4<<20))...)
	var bad *audit.EntryError
	require.ErrorAs(t, err, &bad)
	assert.Equal(t, 12, bad.Index)
	require.NoError(t, s.AppendTx(t.Context(), tx, entries...))
	require.NoError(t, tx.Commit())
	n, _, err := s.Count(t.Context(), audit.Filter{}, 100)
	require.NoError(t, err)
	assert.Equal(t, 12, n)
}

// What no statement can hold is refused before anything is sent, and the error
// says where it is.
func TestAnEntryTooLargeIsRefusedByName(t *testing.T) {
	s := limited(t, 1<<20)
	fits, not := sized(100_000), sized(400_000)
	for _, list := range [][]audit.Entry{{not}, {fits, not}} {
		err := s.Append(t.Context(), list...)
		var bad *audit.EntryError
		require.ErrorAs(t, err, &bad)
		assert.Equal(t, len(list)-1, bad.Index)
		assert.Equal(t, "changes.body", bad.Field)
		assert.Contains(t, bad.Reason, "articles 7")
		assert.Contains(t, bad.Reason, "1048576")
		assert.Less(t, len(err.Error()), 500)
	}
	// Of quotation marks JSON makes two bytes each, and a driver that writes them into
	// the statement four.
	n, _, err := s.Count(t.Context(), audit.Filter{}, 10)
	require.NoError(t, err)
	assert.Zero(t, n)
	require.NoError(t, s.Append(t.Context(), fits))
}
