package gormstore

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage"
	"github.com/gormtrail/audit/storage/gormstore/internal/row"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqldb"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqlgen"
)

// ErrNoKeywordIndex is unwrapped from Migrate's error where the database can't
// have the index that Options.KeywordIndex asks for; the text says what it lacks
// and what is to be run.
var ErrNoKeywordIndex = errors.New("gormstore: the database can't index keywords")

// keywordIndex is what a dialect can that has an index of trigrams, which is of the
// texts' table (texts.go).
type keywordIndex interface {
	// indexable reports whether the index can tell anything about a keyword, in
	// the form that a text has.
	indexable(keyword string) bool
	// texts writes a SELECT of the column, the value and the tenant of texts that
	// contain a keyword, at most so many, and whether the value has texts there that
	// don't. tenants are the only ones asked about; nil: all.
	texts(b *sqlgen.Builder, keyword string, tenants []string, most int)
	// position is the function of where a text has another one.
	position() string
	// seeking runs fn with what such statements need.
	seeking(ctx context.Context, db *sql.DB, fn func(sqldb.Queryer) error) error
}

// sought is what a keyword was found by: the values whose entries may contain it,
// each with its tenant, and these tenants.
type sought struct {
	leads   []lead
	tenants []string
	// mixed are the leads whose values have other texts too: a former name of somebody
	// with many entries. near says that a walk comes upon one soon.
	mixed []lead
	near  bool
}

// A keyword that is frequent is found soonest by walking in the page's order, as
// without an index, and one that is rare by its texts. What it is, is asked for:
//
//   - The newest entries, sampleSize of them, are looked through. The look ends
//     with as many matches as promise that a walk of some maxWalk entries fills
//     the page.
//   - Else its texts are asked for. If they are no more than mostTexts, each with
//     each tenant that has it, the page is made of the streams that they lead to
//     (planSought says which are too long); if they are more, it is walked, since
//     what is in so many texts is seldom far.
//
// So the questions cost little beside the walk that they may save, also where
// they save none.
const (
	sampleSize = 1_000
	maxWalk    = 3_000
	mostTexts  = 1_000
)

// seek asks by what streams a keyword is found; nil where a walk is better, or
// there is no index that has all texts (Store.seeks).
func (s *Store) seek(ctx context.Context, sel selection) (*sought, error) {
	keyword := s.indexedKeyword(sel.filter)
	if !s.seeks || keyword == "" || sel.order.Recorded() || linked(sel.filter.Terms()) {
		return nil, nil
	}
	near, err := s.sample(ctx, sel, searched(keyword))
	if err != nil || near >= sel.enough() && !s.seekAlways {
		return nil, err
	}
	p := streams{terms: sel.filter.Terms()}
	if p.takeTenants(); p.none() {
		return nil, nil
	}
	found, err := s.findTexts(ctx, p.tenants, keyword)
	if found != nil {
		found.near = near > 0
	}
	return found, s.translate(ctx, err)
}

// indexedKeyword is the longest keyword that everything selected must contain and
// that an index can find.
func (s *Store) indexedKeyword(f audit.Filter) string {
	longest, length := "", 0
	if s.index == nil {
		return longest
	}
	for _, term := range f.Terms() {
		k := searched(term.Keyword)
		if n := utf8.RuneCountInString(k); n > length && s.index.indexable(k) {
			longest, length = term.Keyword, n
		}
	}
	return longest
}

// searched is a keyword as it stands in a search column.
func searched(keyword string) string { return row.Guard(storage.Fold(keyword)) }

// foundText is a value that leads to entries of a text, and a tenant that has it.
type foundText struct{ column, value, tenant string }

// foundTexts says of each whether the value has other texts there too.
type foundTexts map[foundText]bool

// findTexts asks for the texts that contain the keyword: those that are kept, and
// those of the entries behind their place. What is behind is folded in by who asks,
// if it fails by who asks next.
func (s *Store) findTexts(ctx context.Context, tenants []string, keyword string) (*sought, error) {
	k, ok, err := s.readCheckpoint(ctx, termsProjection)
	if err != nil || !ok {
		return nil, err
	}
	found := foundTexts{}
	behind := k.behind()
	ok = behind <= s.mostBehind
	if ok {
		if ok, err = s.findNews(ctx, k, tenants, keyword, found); err != nil {
			return nil, err
		}
	}
	if !ok || behind >= s.foldAfter {
		_, _ = s.foldBehind(ctx, &knownTexts{})
	}
	if !ok {
		return nil, nil
	}
	if ok, err := s.findKept(ctx, tenants, searched(keyword), found); err != nil || !ok {
		return nil, err
	}
	return s.soughtBy(found), nil
}

// findNews adds the texts behind the place; false if these are many, or the place is
// none of this database.
func (s *Store) findNews(ctx context.Context, k checkpoint, tenants []string, keyword string, found foundTexts) (bool, error) {
	news := selection{filter: audit.Filter{Tenants: tenants, Keyword: keyword}, brief: true, limit: mostTexts + 1}
	entries, _, err := s.tail(ctx, news, k.position)
	if errors.Is(err, audit.ErrBadCursor) {
		return false, nil
	}
	keyword = searched(keyword)
	for i := range entries {
		for _, t := range textsOf(&entries[i]) {
			if strings.Contains(t.search, keyword) {
				found[foundText{t.column, t.value, entries[i].Tenant}] = false
			}
		}
	}
	return len(entries) <= mostTexts, err
}

// findKept adds the texts that are kept; false if these are too many, of however few
// values.
func (s *Store) findKept(ctx context.Context, tenants []string, keyword string, found foundTexts) (bool, error) {
	n := 0
	err := s.index.seeking(ctx, s.db, func(q sqldb.Queryer) error {
		b := s.newBuilder()
		s.index.texts(b, keyword, tenants, mostTexts+1)
		rows, err := s.rowsOn(ctx, q, b)
		if err != nil {
			return err
		}
		defer rows.Close()
		for ; rows.Next(); n++ {
			var f foundText
			var mixed bool
			if err := rows.Scan(&f.column, &f.value, &f.tenant, &mixed); err != nil {
				return err
			}
			found[f] = mixed
		}
		return rows.Err()
	})
	return n <= mostTexts, err
}

// soughtBy makes streams of what was found; nil if they are too many, or one has no
// index.
func (s *Store) soughtBy(found foundTexts) *sought {
	if len(found) > mostTexts {
		return nil
	}
	list := slices.SortedFunc(maps.Keys(found), func(a, b foundText) int {
		return cmp.Or(cmp.Compare(a.column, b.column), cmp.Compare(a.tenant, b.tenant), cmp.Compare(a.value, b.value))
	})
	so := sought{}
	for _, f := range list {
		if !s.schema.Has(leadIndexes[f.column]) {
			return nil
		}
		so.leads = withPair(so.leads, f)
		if found[f] {
			so.mixed = withPair(so.mixed, f)
		}
	}
	so.tenants = tenantsOf(so.leads)
	return &so
}

func withPair(leads []lead, f foundText) []lead {
	if n := len(leads); n == 0 || leads[n-1].column != f.column {
		leads = append(leads, lead{column: f.column})
	}
	l := &leads[len(leads)-1]
	l.values, l.tenants = append(l.values, f.value), append(l.tenants, f.tenant)
	return leads
}

// enough are the matches in a sample that make a walk the better way.
func (sel selection) enough() int {
	const frequent = sampleSize / 8
	if sel.limit == 0 {
		return frequent
	}
	return min(max(1, sel.limit*sampleSize/maxWalk), frequent)
}

// scopeOf is what a walk would go through, by time: one tenant, and in it one
// value; otherwise the whole trail. It is what the questions are asked of, so it
// needs to be about right, no more.
func (s *Store) scopeOf(sel selection) (selection, streams) {
	scope := selection{filter: sel.filter, order: sqlgen.IndexedOrder(audit.SortTime)}
	if sel.order.Sort.Key() == audit.SortTime {
		scope.order, scope.after = sel.order, sel.after
	} else {
		scope.order = scope.order.Reverse()
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
func (s *Store) sample(ctx context.Context, sel selection, keyword string) (int, error) {
	scope, p := s.scopeOf(sel)
	scope.limit = sampleSize
	b := s.newBuilder()
	b.WriteString("SELECT count(*) FROM (SELECT 1 FROM (")
	if err := s.walkScope(b, scope, p); err != nil {
		return 0, err
	}
	b.WriteString(") walked WHERE ")
	b.Contains("search", keyword)
	b.Add(" LIMIT ", strconv.Itoa(sel.enough()), ") found")
	return s.numberOf(ctx, s.db, b)
}

func (s *Store) walkScope(b *sqlgen.Builder, scope selection, p streams) error {
	if p.tenants != nil {
		return s.stream1(b, scope, p, []string{"search"})
	}
	b.Add("SELECT search FROM ", s.quoted, " WHERE ")
	return scope.writeTerms(b, p.terms)
}

func (s *Store) numberOf(ctx context.Context, q sqldb.Queryer, b *sqlgen.Builder) (int, error) {
	if err := s.checkMigrated(ctx, q); err != nil {
		return 0, err
	}
	if err := s.checkArgs(b); err != nil {
		return 0, err
	}
	n, err := sqldb.Number(ctx, q, b.String(), b.Args...)
	return n, s.translate(ctx, err)
}
