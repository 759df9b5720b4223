package gormstore

import (
	"context"
	"database/sql"
	"errors"
	"unicode/utf8"

	"github.com/gormtrail/audit"
)

// ErrNoKeywordIndex is unwrapped from Migrate's error where the database can't
// have the index that Options.KeywordIndex asks for; the text says what it lacks
// and what is to be run.
var ErrNoKeywordIndex = errors.New("gormstore: the database can't index keywords")

// keywordIndex is what a dialect can that has an index of trigrams. The index
// only narrows: what it finds is compared with the keyword all the same, so that
// a keyword means what audit.Filter.Match says with it and without it.
type keywordIndex interface {
	// indexable reports whether the index can tell anything about a keyword, in
	// the form that the column has.
	indexable(keyword string) bool
	// candidates writes a SELECT of the keys of the rows that the index can't
	// exclude, at most so many (0: all) and those that it doesn't have yet.
	candidates(b *builder, keyword string, most int)
	// rows writes what follows FROM: the rows with these keys, named e.
	rows(b *builder, keys []rowKey)
	// seeking runs fn with what statements upon candidates need.
	seeking(ctx context.Context, db *sql.DB, fn func(querier) error) error
}

// rowKey is a row by its dialect's rowKey.
type rowKey struct {
	at  timeColumn // of months
	key string     // the last column
}

// sought are the rows among which a selection is, by the keyword index.
type sought struct{ keys []rowKey }

// A keyword that is frequent is found soonest by walking in the page's order, as
// without an index, and one that is rare by the index. What it is, is asked for:
//
//   - The newest entries, sampleSize of them, are looked through. The look ends
//     with as many matches as promise that a walk of some maxWalk entries fills
//     the page.
//   - Else the scope's size is asked for (of an index alone, so far as it matters).
//     A scope that was looked through is walked.
//   - Else the index is asked for its candidates, until they are a quarter of the
//     scope. If they end before, they are the page. A few are asked for first, and
//     more only if the scope is as large, and has none among its newest: to look a
//     thousand up takes longer than the walk that a single one there promises.
//
// So the questions cost little beside the walk that they may save, also where
// they save none.
const (
	sampleSize    = 1_000
	maxWalk       = 15_000
	fewCandidates = sampleSize / scopePerCandidate
	// mostCandidates are those that a page is sorted of; what is read whole, or
	// counted, may have more.
	mostCandidates      = 10_000
	mostCandidatesOfAll = 100_000
	scopePerCandidate   = 4
)

// seek asks the index for the rows of what is selected; nil where a walk is better,
// or there is no index.
func (s *Store) seek(ctx context.Context, sel selection) (*sought, error) {
	keyword := s.indexedKeyword(sel.filter)
	if keyword == "" || linked(sel.filter.Terms()) {
		return nil, nil
	}
	if s.seekAlways {
		keys, err := s.candidates(ctx, keyword, 0)
		return &sought{keys}, err
	}
	scope, plan := s.scopeOf(sel)
	found, err := s.sample(ctx, scope, plan, keyword, sel.enough())
	if err != nil || found >= sel.enough() {
		return nil, err
	}
	bounds := []int{fewCandidates, mostCandidates}
	switch {
	case sel.limit == 0 || sel.unordered:
		bounds[1] = mostCandidatesOfAll
	case found > 0:
		bounds = bounds[:1]
	}
	for _, most := range bounds {
		size, err := s.size(ctx, scope, plan, most*scopePerCandidate)
		if err != nil || size < fewCandidates*scopePerCandidate {
			return nil, err
		}
		bound := size / scopePerCandidate
		keys, err := s.candidates(ctx, keyword, bound+1)
		if err != nil {
			return nil, err
		}
		if len(keys) <= bound {
			return &sought{keys}, nil
		}
		if size < most*scopePerCandidate {
			break // a larger bound is no larger
		}
	}
	return nil, nil
}

// enough are the matches in a sample that make a walk the better way.
func (sel selection) enough() int {
	const frequent = sampleSize / 8
	if sel.limit == 0 {
		return frequent
	}
	return min(max(1, sel.limit*sampleSize/maxWalk), frequent)
}

// indexedKeyword is the longest keyword that everything selected must contain and
// that an index can find, as its column has it.
func (s *Store) indexedKeyword(f audit.Filter) string {
	longest := ""
	if s.index == nil {
		return longest
	}
	for _, term := range f.Terms() {
		if k := guarded(audit.Fold(term.Keyword)); utf8.RuneCountInString(k) > utf8.RuneCountInString(longest) && s.index.indexable(k) {
			longest = k
		}
	}
	return longest
}

// scopeOf is what a walk would go through, by time: one tenant, and in it one
// value; otherwise the whole trail. It is what the questions are asked of, so it
// needs to be about right, no more.
func (s *Store) scopeOf(sel selection) (selection, streams) {
	scope := selection{filter: sel.filter, order: orderOf(audit.SortTime)}
	if sel.order.sort.Key() == audit.SortTime {
		scope.order, scope.after = sel.order, sel.after
	} else {
		scope.order = scope.order.reverse()
	}
	p := s.planStreams(scope)
	if len(p.tenants) != 1 {
		p.tenants, p.leads = nil, nil
	} else if p.count() != 1 {
		p.leads = nil
	}
	p.ranged = false
	for i, term := range p.terms {
		p.terms[i] = audit.Filter{From: term.From, To: term.To}
	}
	return scope, p
}

// sample counts the matches in the scope's first entries, up to enough.
func (s *Store) sample(ctx context.Context, scope selection, p streams, keyword string, enough int) (int, error) {
	b := s.newBuilder()
	b.WriteString("SELECT count(*) FROM (SELECT 1 FROM (")
	scope.limit = sampleSize
	if err := s.walkScope(b, scope, p, "search"); err != nil {
		return 0, err
	}
	b.WriteString(") walked WHERE ")
	b.dialect.contains(b, "search", keyword)
	b.add(" LIMIT ", itoa(enough), ") found")
	return s.numberOf(ctx, s.db, b)
}

// size counts the scope's entries, up to most, by an index alone.
func (s *Store) size(ctx context.Context, scope selection, p streams, most int) (int, error) {
	b := s.newBuilder()
	b.WriteString("SELECT count(*) FROM (")
	scope.limit = most
	if err := s.walkScope(b, scope, p, colTime); err != nil {
		return 0, err
	}
	b.WriteString(") walked")
	return s.numberOf(ctx, s.db, b)
}

func (s *Store) walkScope(b *builder, scope selection, p streams, column string) error {
	if p.tenants != nil {
		return s.stream1(b, scope, p, []string{column})
	}
	b.add("SELECT ", column, " FROM ", s.quoted, " WHERE ")
	return scope.writeTerms(b, p.terms)
}

// candidates asks the index for rows, at most so many.
func (s *Store) candidates(ctx context.Context, keyword string, most int) (keys []rowKey, err error) {
	err = s.index.seeking(ctx, s.db, func(q querier) error {
		b := s.newBuilder()
		s.index.candidates(b, keyword, most)
		rows, err := s.rowsOn(ctx, q, b)
		if err != nil {
			return err
		}
		defer rows.Close()
		var k rowKey
		dest := []any{&k.at, &k.key}
		for dest = dest[2-len(s.dialect.rowKey()):]; rows.Next(); keys = append(keys, k) {
			if err := rows.Scan(dest...); err != nil {
				return err
			}
		}
		return rows.Err()
	})
	return keys, s.translate(ctx, err)
}

func (s *Store) numberOf(ctx context.Context, q querier, b *builder) (int, error) {
	rows, err := s.rowsOn(ctx, q, b)
	if err != nil {
		return 0, err
	}
	n, err := numberIn(rows)
	return n, s.translate(ctx, err)
}

// from writes the rows of which sel selects, named e.
func (s *Store) from(b *builder, sel selection) {
	if sel.sought != nil {
		s.index.rows(b, sel.sought.keys)
		return
	}
	b.add(s.quoted, " e")
}

// lockIndex makes tx ready for a statement that changes entries. A connection to
// SQLite reads the index's settings when it first prepares a statement with its
// triggers: in a transaction that hasn't written yet, that is a read before a write.
func (s *Store) lockIndex(ctx context.Context, tx execer) error {
	if s.index == nil {
		return nil
	}
	return s.translate(ctx, s.lockWrites(ctx, tx))
}

// lockWrites takes the lock that a transaction needs that reads before it writes.
func (s *Store) lockWrites(ctx context.Context, tx execer) error {
	lock := s.dialect.writeLock()
	if lock == "" {
		return nil
	}
	_, err := tx.ExecContext(ctx, lock)
	return err
}
