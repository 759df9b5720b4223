package gormstore_test

import (
	"context"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/gormstore"
)

// Whichever entries are removed, and whenever, a follower of the feed is told each entry
// once, and none is left out that stayed.
func TestFollowersOverTruncations(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	r := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d", seed)
	for range 10 {
		followTruncated(t, r)
	}
}

func followTruncated(t *testing.T, r *rand.Rand) {
	ctx := context.Background()
	db := openSQLite(t, nil)
	store := migrated(t, db, nil)
	type follower struct {
		position string
		seen     map[string]bool
	}
	followers := []*follower{{seen: map[string]bool{}}, {seen: map[string]bool{}}, {seen: map[string]bool{}}}
	var stored []string
	for n := 0; n < 150; {
		switch r.IntN(4) {
		case 0:
			var entries []audit.Entry
			for range 1 + r.IntN(4) {
				n++
				entries = append(entries, full(n))
				stored = append(stored, full(n).ID)
			}
			require.NoError(t, store.Append(ctx, entries...))
		case 1: // of the newest, of the oldest, or all
			from, to := 0, len(stored)
			if r.IntN(4) > 0 {
				from = []int{0, max(0, len(stored)-3)}[r.IntN(2)]
				to = min(from+3, len(stored))
			}
			require.NoError(t, store.Remove(ctx, stored[from:to]...))
			stored = append(append([]string{}, stored[:from]...), stored[to:]...)
		default:
			f := followers[r.IntN(len(followers))]
			entries, next, err := store.Tail(ctx, audit.Filter{}, f.position, 1+r.IntN(5))
			require.NoError(t, err, f.position)
			for i, e := range entries {
				assert.False(t, f.seen[e.ID], "%s is told twice", e.ID)
				f.seen[e.ID], f.position = true, e.Position
				if i == 0 && r.IntN(2) == 0 {
					break // and goes on behind the first
				}
				f.position = next
			}
		}
	}
	for _, f := range followers {
		for next := ""; next != f.position; {
			entries, to, err := store.Tail(ctx, audit.Filter{}, f.position, 10)
			require.NoError(t, err)
			for _, e := range entries {
				assert.False(t, f.seen[e.ID], "%s is told twice", e.ID)
				f.seen[e.ID] = true
			}
			next, f.position = f.position, to
		}
		for _, id := range stored {
			assert.True(t, f.seen[id], "%s isn't told", id)
		}
	}
}

// dropAll drops all tables as golang-migrate's Drop does on SQLite.
func dropAll(db *gorm.DB) error {
	var names []string
	if err := db.Raw("SELECT name FROM sqlite_master WHERE type = 'table'").Scan(&names).Error; err != nil {
		return err
	}
	for _, name := range names {
		if err := db.Exec("DROP TABLE " + name).Error; err != nil {
			return err
		}
	}
	return nil
}

func TestEveryTableOfANewTrailCanBeDropped(t *testing.T) {
	ctx := context.Background()
	db := openSQLite(t, nil)
	store := migrated(t, db, nil)
	require.NoError(t, store.Append(ctx, full(1)))
	require.NoError(t, dropAll(db))
	require.NoError(t, migrated(t, db, nil).Append(ctx, full(1)), "and be made again")
}

// olderTrail makes a trail as it was when the rowid had AUTOINCREMENT.
func olderTrail(t *testing.T, db *gorm.DB) {
	var create string
	require.NoError(t, db.Raw("SELECT sql FROM sqlite_master WHERE name = 'audit_entries'").Scan(&create).Error)
	var indexes []string
	require.NoError(t, db.Raw("SELECT sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 'audit_entries' AND sql <> ''").Scan(&indexes).Error)
	const now, then = "seq INTEGER PRIMARY KEY,", "seq INTEGER PRIMARY KEY AUTOINCREMENT,"
	require.Contains(t, create, now)
	statements := append([]string{"DROP TABLE audit_entries", "DROP TABLE audit_entries_truncations", strings.Replace(create, now, then, 1)}, indexes...)
	for _, statement := range statements {
		require.NoError(t, db.Exec(statement).Error, statement)
	}
}

// A trail of an earlier version keeps sqlite_sequence, also where its newest entries were
// removed before the upgrade: the numbers that it gave aren't taken for new ones.
func TestUpgradeOfATrailWithAutoincrement(t *testing.T) {
	ctx := context.Background()
	db := openSQLite(t, nil)
	migrated(t, db, nil)
	olderTrail(t, db)
	older, err := gormstore.New(db, nil)
	require.NoError(t, err)
	_, _, err = older.Tail(ctx, audit.Filter{}, "", 1)
	require.ErrorIs(t, err, audit.ErrNotMigrated)
	for i := range 5 {
		require.NoError(t, older.Append(ctx, full(i)))
	}
	// What version 5 removed, and the position that it gave before.
	require.NoError(t, db.Exec("DELETE FROM audit_entries WHERE seq > 3").Error)

	store := migrated(t, db, nil)
	require.NoError(t, store.Migrate(ctx), "again, to no effect")
	require.NoError(t, store.Append(ctx, full(7)))
	for position, want := range map[string][]int{"sqlite:5": {7}, "sqlite:3": {7}, "sqlite:2": {2, 7}, "": {0, 1, 2, 7}} {
		entries, _, err := store.Tail(ctx, audit.Filter{}, position, 10)
		require.NoError(t, err, position)
		var got []string
		for _, e := range entries {
			got = append(got, e.ID)
		}
		var ids []string
		for _, n := range want {
			ids = append(ids, full(n).ID)
		}
		assert.Equal(t, ids, got, position)
	}
	_, _, err = store.Tail(ctx, audit.Filter{}, "sqlite:9:1", 1)
	assert.ErrorIs(t, err, audit.ErrBadCursor)

	assert.ErrorContains(t, dropAll(db), "sqlite_sequence", "SQLite drops it with the file alone")
}
