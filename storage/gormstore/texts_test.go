package gormstore

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorm.io/gorm"
	"pgregory.net/rapid"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage"
	"github.com/gormtrail/audit/storage/gormstore/internal/row"
	"github.com/gormtrail/audit/storage/gormstore/internal/schema"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqlgen"
)

// calling is an entry of a user and a record with these names.
func calling(n int, user, object string) audit.Entry {
	return audit.Entry{
		ID: fmt.Sprintf("01950000-0000-7000-8000-%012d", n), Time: time.UnixMicro(int64(n)), Tenant: "acme", Action: "login",
		Actor: audit.Actor{Name: user, Email: "a@example.com"}, Object: audit.Object{Type: "t", ID: "7", Name: object},
	}
}

func withTexts(t *testing.T) (*Store, *gorm.DB, context.Context) {
	t.Helper()
	db, _ := openHost(t)
	s, err := New(db, &Options{KeywordIndex: true})
	require.NoError(t, err)
	require.NoError(t, s.Migrate(context.Background()))
	return s, db, context.Background()
}

// keptNames are the texts that are kept, in no order.
func keptNames(t *testing.T, s *Store) (list []string) {
	t.Helper()
	rows, err := s.db.Query("SELECT x.search FROM audit_entries_terms x JOIN audit_entries_terms_of o ON o.id = x.id")
	require.NoError(t, err)
	defer rows.Close()
	for rows.Next() {
		var text string
		require.NoError(t, rows.Scan(&text))
		list = append(list, strings.Trim(strings.ReplaceAll(text, row.Separator, " "), " "))
	}
	require.NoError(t, rows.Err())
	return list
}

// A keyword is looked for in an entry's search column, and found by its texts: what
// lies in the one must lie in one of the others, of whatever letters.
func TestTextsAreThoseOfTheEntry(t *testing.T) {
	text := rapid.StringOf(rapid.RuneFrom([]rune("aAäß \x1d\x1e\x1f"))).Filter(func(s string) bool { return len(s) < 20 })
	rapid.Check(t, func(t *rapid.T) {
		e := calling(1, text.Draw(t, "user"), text.Draw(t, "object"))
		e.Actor.Email, e.Object.ID, e.Action = text.Draw(t, "email"), text.Draw(t, "id"), text.Draw(t, "action")
		terms := row.SearchTerms(&e)
		search := string(row.AppendSeparated(nil, terms[:]))
		together := row.Separator
		for _, x := range textsOf(&e) {
			require.Contains(t, search, x.search)
			together += strings.TrimPrefix(x.search, row.Separator)
			require.Equal(t, map[string]string{schema.ColUser: e.Actor.User(), schema.ColObject: storage.ObjectIDKey(e.Object.ID), schema.ColAction: e.Action}[x.column], x.value)
		}
		require.Equal(t, search, together)
	})
}

// Two texts, or the same one of two values, are never one row.
func TestTextsHaveIDsOfTheirOwn(t *testing.T) {
	part := rapid.SampledFrom([]string{"", "1", "a", row.Separator, "2" + row.Separator, row.Separator + "a" + row.Separator})
	text := rapid.Custom(func(t *rapid.T) keptText {
		return keptText{rapid.SampledFrom(textKinds).Draw(t, "column"), part.Draw(t, "value") + part.Draw(t, "more"), row.Separator + part.Draw(t, "text") + row.Separator}
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b := text.Draw(t, "a"), text.Draw(t, "b")
		require.Equal(t, a == b, a.id() == b.id())
	})
}

// A person's former name goes with the last entry that has it, though there are
// others of that person.
func TestAFormerNameDoesNotOutliveItsLastEntry(t *testing.T) {
	s, _, ctx := withTexts(t)
	require.NoError(t, s.Append(ctx, calling(1, "Ada Byron", "Notes"), calling(2, "Ada Lovelace", "Notes"), calling(3, "Ada Byron", "Engine")))
	require.NoError(t, s.Refresh(ctx))
	all := []string{"ADA BYRON A@EXAMPLE.COM", "ADA LOVELACE A@EXAMPLE.COM", "NOTES 7", "ENGINE 7", "LOGIN"}
	assert.ElementsMatch(t, all, keptNames(t, s))
	require.NoError(t, s.Remove(ctx, calling(1, "", "").ID))
	assert.ElementsMatch(t, all, keptNames(t, s), "the name and the record have entries yet")
	require.NoError(t, s.Remove(ctx, calling(3, "", "").ID))
	assert.ElementsMatch(t, []string{"ADA LOVELACE A@EXAMPLE.COM", "NOTES 7", "LOGIN"}, keptNames(t, s))
	_, err := s.Purge(ctx, audit.Filter{}, 10)
	require.NoError(t, err)
	assert.Empty(t, keptNames(t, s))
}

// An index of entries is not needed to forget their texts: a store that looks for no
// keywords, and one that keeps no facets, does it too.
func TestAnyStoreForgetsTexts(t *testing.T) {
	for name, opts := range map[string]*Options{"without keywords": nil, "lean": {Without: Lean()}, "lean with keywords": {Without: Lean(), KeywordIndex: true}} {
		t.Run(name, func(t *testing.T) {
			s, db, ctx := withTexts(t)
			other, err := New(db, opts)
			require.NoError(t, err)
			require.NoError(t, other.Append(ctx, calling(1, "Ada", "Notes"), calling(2, "Bob", "Notes")))
			require.NoError(t, s.Refresh(ctx))
			_, err = other.Purge(ctx, audit.Filter{Keyword: "ada"}, 10)
			require.NoError(t, err)
			assert.ElementsMatch(t, []string{"BOB A@EXAMPLE.COM", "NOTES 7", "LOGIN"}, keptNames(t, s))
		})
	}
}

// What was read before entries were removed isn't written after it; and what was
// written before it isn't taken for known after it, though the next step of the same
// job has it again.
func TestTextsAreNotKnownAfterAnotherWrote(t *testing.T) {
	s, _, ctx := withTexts(t)
	s.mostBehind = 1
	require.NoError(t, s.Append(ctx, calling(1, "Ada", "Notes"), calling(2, "Bob", "Notes")))
	var known knownTexts
	rest, err := s.foldBehind(ctx, &known)
	require.NoError(t, err)
	require.True(t, rest)
	require.Contains(t, keptNames(t, s), "ADA A@EXAMPLE.COM")
	require.NoError(t, s.Remove(ctx, calling(1, "", "").ID))
	require.NotContains(t, keptNames(t, s), "ADA A@EXAMPLE.COM")
	require.NoError(t, s.Append(ctx, calling(3, "Ada", "Notes")))
	for rest {
		rest, err = s.foldBehind(ctx, &known)
		require.NoError(t, err)
	}
	assert.ElementsMatch(t, []string{"ADA A@EXAMPLE.COM", "BOB A@EXAMPLE.COM", "NOTES 7", "LOGIN"}, keptNames(t, s))

	k, _, err := s.readCheckpoint(ctx, termsProjection)
	require.NoError(t, err)
	require.NoError(t, s.Remove(ctx, calling(2, "", "").ID))
	news := newTexts()
	e := calling(2, "Bob", "Notes")
	news.add(&e)
	known.at(k.version)
	require.ErrorIs(t, s.foldTexts(ctx, k, news.texts, news.pairs(nil), &known), errOutrun)
	assert.NotContains(t, keptNames(t, s), "BOB A@EXAMPLE.COM")
}

// A store that is far behind looks for keywords without the index, and each search
// brings it nearer.
func TestKeywordsFarBehindAreWalkedFor(t *testing.T) {
	s, db, ctx := withTexts(t)
	s.seeks, s.seekAlways, s.foldAfter, s.mostBehind = true, true, 3, 10
	for n := range 35 {
		require.NoError(t, s.Append(ctx, calling(n, fmt.Sprintf("user %d", n), "")))
	}
	f := audit.Filter{Keyword: "user 7"}
	sel := selection{filter: f, order: sqlgen.IndexedOrder(audit.Newest), limit: 50}
	for _, want := range []struct {
		far     bool
		entries int
	}{{true, 10}, {true, 20}, {true, 30}, {false, 35}, {false, 35}} {
		found, err := s.seek(ctx, sel)
		require.NoError(t, err)
		assert.Equal(t, want.far, found == nil)
		k, _, err := s.readCheckpoint(ctx, termsProjection)
		require.NoError(t, err)
		assert.Equal(t, want.entries, k.entries)
		sel.sought = found
		page, err := s.slice(ctx, sel)
		require.NoError(t, err)
		require.Len(t, page.entries, 1)
		sel.sought = nil
	}
	// Without the indexes that texts lead to, there is nothing to find by them.
	lean, err := New(db, &Options{KeywordIndex: true, Without: Lean()})
	require.NoError(t, err)
	lean.seeks, lean.seekAlways = true, true
	found, err := lean.seek(ctx, sel)
	require.NoError(t, err)
	assert.Nil(t, found)
	page, err := lean.Query(ctx, audit.Query{Filter: f})
	require.NoError(t, err)
	assert.Len(t, page.Entries, 1)
}

// Of a value with many texts each is a row, so that there may be more rows than are
// asked for though there are few values: then some values aren't among them.
func TestMoreTextsThanAreAskedFor(t *testing.T) {
	s, _, ctx := withTexts(t)
	s.seeks, s.seekAlways = true, true
	var entries []audit.Entry
	for n := range mostTexts + 300 {
		e := calling(n, "Ada", fmt.Sprintf("version %d", n))
		if n%5 == 0 {
			e.Object.ID = fmt.Sprint(n)
		}
		entries = append(entries, e)
	}
	require.NoError(t, s.Append(ctx, entries...))
	require.NoError(t, s.Refresh(ctx))
	n, _, err := s.Count(ctx, audit.Filter{Keyword: "version"}, 10_000)
	require.NoError(t, err)
	assert.Equal(t, len(entries), n)
}

// Who refreshes waits for another writer, and for nothing else.
func TestRefreshWaitsForWriters(t *testing.T) {
	s, db, ctx := withTexts(t)
	require.NoError(t, s.Append(ctx, calling(1, "Ada", "Notes")))
	tx, err := s.db.BeginTx(ctx, nil)
	require.NoError(t, err)
	require.NoError(t, s.AppendTx(ctx, tx, calling(2, "Bob", "Notes")))
	refreshed := make(chan error)
	go func() { refreshed <- s.Refresh(ctx) }()
	time.Sleep(20 * time.Millisecond) // so that it has met the writer, as a rule
	require.NoError(t, tx.Commit())
	require.NoError(t, <-refreshed)
	require.NoError(t, s.Refresh(ctx))
	assert.Len(t, keptNames(t, s), 4)

	require.NoError(t, db.Exec("CREATE TRIGGER full BEFORE INSERT ON audit_entries_terms BEGIN SELECT RAISE(ABORT, 'the disk is full'); END").Error)
	require.NoError(t, s.Append(ctx, calling(3, "Eve", "Notes")))
	require.ErrorContains(t, s.Refresh(ctx), "the disk is full")
	ended, cancel := context.WithCancel(ctx)
	cancel()
	require.ErrorIs(t, s.Refresh(ended), context.Canceled)
}

// A former name of somebody with many entries leads to all of these: where a walk
// comes upon the name soon, it is better. What all texts of somebody have doesn't.
func TestAFormerNameThatIsNearIsWalkedFor(t *testing.T) {
	s, _, ctx := withTexts(t)
	s.seeks, s.seekAlways, s.shortStreams = true, true, 3
	require.NoError(t, s.Append(ctx, calling(9, "Ada Byron", "")))
	for n := range 5 {
		require.NoError(t, s.Append(ctx, calling(n, "Ada Lovelace", "")))
	}
	require.NoError(t, s.Refresh(ctx))
	for keyword, walked := range map[string]bool{"byron": true, "lovelace": true, "a@example": false} {
		sel := selection{filter: audit.Filter{Keyword: keyword}, order: sqlgen.IndexedOrder(audit.Newest), limit: 50}
		found, err := s.seek(ctx, sel)
		require.NoError(t, err)
		require.NotNil(t, found)
		assert.Equal(t, walked, found.mixed != nil, keyword)
		for _, near := range []bool{true, false} {
			found.near = near
			sel.sought = found
			p, err := s.choose(ctx, s.db, sel, s.planStreams(sel))
			require.NoError(t, err)
			assert.Equal(t, !walked || !near, p.exact(), "%s, near: %v", keyword, near)
		}
	}
}
