package gormstore

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/gormstore/internal/row"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqldb"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqlgen"
)

// foldStep is how many values one transaction writes, so that on SQLite no writer
// waits for long.
const foldStep = 5000

// errOutrun says that another one has written, or is writing.
var errOutrun = errors.New("gormstore: another one is writing the kept values")

// keptAnew looks for all values of the scope among the entries. Of the whole
// trail they become what is kept.
func (s *Store) keptAnew(ctx context.Context, k checkpoint, scope []audit.Filter) (audit.Facets, error) {
	if s.narrows(scope) || !ofAllTenants(scope) {
		return s.walkedFacets(ctx, scope)
	}
	found, err := s.rebuildFacets(ctx, &k)
	if err != nil {
		return audit.Facets{}, err
	}
	lists := facetLists{}
	lists.add(found)
	_ = s.replaceKept(ctx, k, found) // the answer is right; the next reader tries again
	return lists.facets(), nil
}

// rebuildFacets looks for all values among the entries, and moves the checkpoint.
func (s *Store) rebuildFacets(ctx context.Context, k *checkpoint) (found keptValues, err error) {
	// What is committed before is found, and what is committed after is behind it.
	if k.position, err = s.feed.head(ctx, s); err != nil {
		return found, err
	}
	found.values = map[keptValue]struct{}{}
	err = s.tables.Each(ctx, s.db, func(q sqldb.Queryer, table string) error { return s.everyValue(ctx, q, table, found) })
	return found, err
}

// refreshFacets applies what is behind the checkpoint, if that is much.
func (s *Store) refreshFacets(ctx context.Context) error {
	k, ok, err := s.readCheckpoint(ctx, facetsProjection)
	if err != nil {
		return err
	}
	if ok && k.position != "" && k.behind() <= s.mostBehind {
		news, _, err := s.readNews(ctx, &k, nil)
		switch {
		case err == nil && news.entries < s.foldAfter:
			return nil
		case err == nil:
			return s.fold(ctx, k, news.without(keptValues{}), nil)
		case !errors.Is(err, audit.ErrBadCursor): // else the database was restored
			return err
		}
	}
	found, err := s.rebuildFacets(ctx, &k)
	if err != nil {
		return err
	}
	return s.replaceKept(ctx, k, found)
}

// Refresh brings the projections up to date: the values of facets, and the search terms
// of Options.KeywordIndex. Readers and Purge do so as well, as far as it doesn't take long,
// and Run does it all the time. Refresh is for jobs: after an import, say, or where nothing
// calls Run.
//
// It reads the entries behind the projections' checkpoints, 30 to 60 µs an entry, and writes
// what is new, at most 5,000 rows in a transaction: on SQLite, which has one writer, others
// wait that long. Where another process is writing, it leaves the rest to that one. Any
// number of processes may call it at once.
//
// Errors: audit.ErrNotMigrated, the context's, the database's, also if the projections can't
// be written (a replica, a role that may only append).
func (s *Store) Refresh(ctx context.Context) error {
	s, err := s.ready(ctx, s.db)
	if err != nil {
		return err
	}
	return s.translate(ctx, s.refresh(ctx))
}

func (s *Store) refresh(ctx context.Context) error {
	if s.schema.Values {
		if err := s.refreshFacets(ctx); err != nil && !s.outrun(err) {
			return err
		}
	}
	if s.index == nil {
		return nil
	}
	return s.catchUp(ctx)
}

// everyValue adds what each tenant has in each facet, in a table of entries.
func (s *Store) everyValue(ctx context.Context, q sqldb.Queryer, table string, found keptValues) error {
	w := s.walkOf(nil)
	w.table = table
	return found.read(ctx, q, w.valuesOfTenants())
}

// read adds the rows of a facet's column, a value and a tenant.
func (v *keptValues) read(ctx context.Context, q sqldb.Queryer, b *sqlgen.Builder) error {
	rows, err := q.QueryContext(ctx, b.String(), b.Args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	var facet, value, tenant row.TextColumn
	for rows.Next() {
		if err := rows.Scan(&facet, &value, &tenant); err != nil {
			return err
		}
		v.values[keptValue{string(facet), string(tenant), string(value)}] = struct{}{}
	}
	return rows.Err()
}

// replaceKept makes the projection what was found.
func (s *Store) replaceKept(ctx context.Context, k checkpoint, found keptValues) error {
	had := keptValues{values: map[keptValue]struct{}{}}
	b := s.newBuilder()
	b.WriteString("SELECT facet, value, tenant FROM " + s.quotedFacets())
	if err := had.read(ctx, s.db, b); err != nil {
		return err
	}
	return s.fold(ctx, k, found.without(had), had.without(found))
}

// without are the values of a that aren't in b.
func (v keptValues) without(other keptValues) (list []keptValue) {
	for k := range v.values {
		if _, ok := other.values[k]; !ok {
			list = append(list, k)
		}
	}
	return list
}

// fold writes values and the checkpoint up to which they are. It waits for nobody: it
// returns errOutrun where another process is writing. Readers ignore its errors, and the
// next one reads everything again.
func (s *Store) fold(ctx context.Context, k checkpoint, add, remove []keptValue) error {
	for done := false; !done; k.version++ {
		some, less := add[:min(len(add), foldStep)], remove[:min(len(remove), foldStep)]
		add, remove = add[len(some):], remove[len(less):]
		done = len(add) == 0 && len(remove) == 0
		if err := s.foldSome(ctx, k, some, less, done); err != nil {
			return err
		}
	}
	return nil
}

// foldSome is one transaction of fold; the last one moves the place.
func (s *Store) foldSome(ctx context.Context, k checkpoint, add, remove []keptValue, last bool) error {
	return s.engine.InNoWaitTx(ctx, s.db, func(m sqldb.Conn) error {
		if err := s.takeCheckpoint(ctx, m, k, last); err != nil {
			return err
		}
		if err := s.insertKept(ctx, m, add); err != nil {
			return err
		}
		return s.deleteKept(ctx, m, remove)
	})
}

// keptRows are the rows that one statement deletes: a driver in Go takes time that
// grows with the square of the parameters.
const keptRows = 100

func (s *Store) insertKept(ctx context.Context, m sqldb.Execer, list []keptValue) error {
	return s.insertFacets(ctx, m, s.quotedFacets(), list)
}

func (s *Store) insertFacets(ctx context.Context, m sqldb.Execer, table string, list []keptValue) error {
	rows := make([][]string, len(list))
	for i, k := range list {
		rows[i] = []string{k.facet, k.value, k.tenant}
	}
	return s.insertRows(ctx, m, table, []string{"facet", "value", "tenant"}, rows)
}

// insertRows passes over what is there already.
func (s *Store) insertRows(ctx context.Context, m sqldb.Execer, table string, columns []string, rows [][]string) error {
	names := make([]string, len(columns)) // others than the table's, which ON … could mean
	for i := range columns {
		names[i] = "c" + strconv.Itoa(i)
	}
	for some := range slices.Chunk(rows, s.traits.TableRows) {
		b := s.newBuilder()
		b.Add("INSERT INTO ", table, " (", strings.Join(columns, ", "), ") SELECT ", strings.Join(names, ", "), " FROM ")
		b.Table("news", names, some)
		b.Add(" WHERE 1=1", s.traits.OrIgnore(columns[0])) // a WHERE, or SQLite takes ON for a join's
		if _, err := m.ExecContext(ctx, b.String(), b.Args...); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) deleteKept(ctx context.Context, m sqldb.Execer, list []keptValue) error {
	rows := make([][]string, len(list))
	for i, k := range list {
		rows[i] = []string{k.facet, k.value, k.tenant}
	}
	return s.deleteRows(ctx, m, s.quotedFacets(), []string{"facet", "value", "tenant"}, rows)
}

// deleteRows deletes the rows that have these texts in these columns.
func (s *Store) deleteRows(ctx context.Context, m sqldb.Execer, table string, columns []string, rows [][]string) error {
	for some := range slices.Chunk(rows, keptRows) {
		b := s.newBuilder()
		b.Add("DELETE FROM ", table, " WHERE ")
		b.AnyOf(len(some), func(i int) {
			for j, c := range columns {
				b.Add([]string{"(", " AND "}[min(j, 1)], c, " = ")
				b.Arg(some[i][j])
			}
			b.WriteString(")")
		})
		if _, err := m.ExecContext(ctx, b.String(), b.Args...); err != nil {
			return err
		}
	}
	return nil
}
