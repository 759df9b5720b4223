package gormstore

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage"
	"github.com/gormtrail/audit/storage/gormstore/internal/row"
	"github.com/gormtrail/audit/storage/gormstore/internal/schema"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqldb"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqlgen"
)

// With Options.KeywordIndex, the texts that a keyword is looked for in are kept in
// a table: each once, with the value that leads to its entries (the user, the
// record, the action), and beside it the tenants that have it. There are as many
// of them as a trail has people and records, however many entries these have. So
// that table has the index of trigrams, and not the entries: a keyword finds texts,
// and the texts' values find the entries, by the indexes that are there anyway.
//
// It is a projection of the feed, as what is kept of facets (kept.go): no
// transaction of the host ever writes it, who asks reads what is newer than it,
// and its place's version keeps writers apart.

// keptText is a text of entries that have this value in this column.
type keptText struct{ column, value, search string }

// textsOf are the texts of an entry, as they stand in its search column: each is a
// part of that, and together they have all of it.
func textsOf(e *audit.Entry) []keptText {
	texts := row.SearchTerms(e)
	list := []keptText{
		{schema.ColUser, e.Actor.User(), markedText(texts[:2])},
		{schema.ColObject, storage.ObjectIDKey(e.Object.ID), markedText(texts[2:4])},
		{schema.ColAction, e.Action, markedText(texts[4:])},
	}
	return slices.DeleteFunc(list, func(t keptText) bool { return t.search == row.Separator })
}

func markedText(texts []string) string { return string(row.AppendSeparated(nil, texts)) }

// id is the text's key in the table, which has a bound whatever the text's length.
func (t keptText) id() string {
	sum := sha256.Sum256([]byte(t.column + row.Separator + strconv.Itoa(len(t.value)) + row.Separator + t.value + t.search))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

// textOf says that a tenant has entries of a text.
type textOf struct{ id, tenant string }

// keptTexts are texts, whose they are, and how many entries they were read of.
type keptTexts struct {
	texts   map[string]keptText // by ID
	of      map[textOf]struct{}
	entries int
}

func newTexts() keptTexts {
	return keptTexts{texts: map[string]keptText{}, of: map[textOf]struct{}{}}
}

func (k *keptTexts) add(e *audit.Entry) {
	k.entries++
	for _, t := range textsOf(e) {
		id := t.id()
		k.texts[id] = t
		k.of[textOf{id, e.Tenant}] = struct{}{}
	}
}

// pairs are those that aren't in done, in an order that any two processes write
// them in.
func (k *keptTexts) pairs(done map[textOf]struct{}) []textOf {
	list := make([]textOf, 0, len(k.of))
	for p := range k.of {
		if _, ok := done[p]; !ok {
			list = append(list, p)
		}
	}
	slices.SortFunc(list, func(a, b textOf) int {
		if c := strings.Compare(a.id, b.id); c != 0 {
			return c
		}
		return strings.Compare(a.tenant, b.tenant)
	})
	return list
}

func (s *Store) quotedTerms() string   { return s.table.In(s.table.Terms(), s.traits.Quote) }
func (s *Store) quotedTermsOf() string { return s.table.In(s.table.TermsOf(), s.traits.Quote) }

// mixed writes whether the value of the text x has texts in the tenant o that don't
// contain the keyword.
func mixed(b *sqlgen.Builder, t schema.Table, keyword string) {
	b.Add("EXISTS (SELECT 1 FROM ", t.In(t.Terms(), `"`), " y CROSS JOIN ", t.In(t.TermsOf(), `"`), " p WHERE y.kind = x.kind AND y.value = x.value AND NOT ")
	b.Contains("y.search", keyword)
	b.WriteString(" AND p.id = y.id AND p.tenant = o.tenant)")
}

// hasTerms reports whether any store keeps texts.
func (s *Store) hasTerms(ctx context.Context, q sqldb.Queryer) (bool, error) {
	if s.index != nil {
		return true, nil
	}
	f, ok := s.schema.KeywordTables()
	if !ok {
		return false, nil
	}
	n, err := sqldb.Number(ctx, q, f.There)
	return n > 0, err
}
