package gormstore

import (
	"context"
	"slices"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/gormstore/internal/row"
	"github.com/gormtrail/audit/storage/gormstore/internal/schema"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqldb"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqlgen"
)

// upgradeStep is how many entries are read at a time.
const upgradeStep = 1000

// deriveUsers brings actor_user and behalf_user of stored entries to what
// audit.Actor.User returns now, which an ID can be, and adds the new values to those
// kept for facets. Run again after it was stopped, it does the rest.
func (s *Store) deriveUsers(ctx context.Context, m sqldb.Conn) error {
	kept, err := has(ctx, m, s.schema.HasOlderFacets())
	if err != nil {
		return err
	}
	const byID = schema.ColUser + " = '' AND " + schema.ColActor + " <> ''"
	if kept {
		values := "INSERT INTO " + s.table.In(s.table.OlderFacets(), s.traits.Quote) + " (facet, value, tenant) SELECT DISTINCT '" + schema.ColUser + "', " + schema.ColActor + ", " + schema.ColTenant + " FROM " + s.quoted + " WHERE " + byID
		if err := sqldb.ExecAll(ctx, m, values+s.traits.OrIgnore("facet")); err != nil {
			return err
		}
	}
	if err := sqldb.ExecAll(ctx, m, "UPDATE "+s.quoted+" SET "+schema.ColUser+" = "+schema.ColActor+" WHERE "+byID); err != nil {
		return err
	}
	return s.deriveBehalf(ctx, m, kept)
}

func (s *Store) deriveBehalf(ctx context.Context, m sqldb.Conn, kept bool) error {
	sel := selection{order: sqlgen.IndexedOrder(audit.SortTime), limit: upgradeStep, brief: true}
	for {
		found, err := s.onBehalf(ctx, m, sel)
		if err != nil {
			return err
		}
		if kept {
			if err := s.insertFacets(ctx, m, s.table.In(s.table.OlderFacets(), s.traits.Quote), behalfValues(found.entries)); err != nil {
				return err
			}
		}
		if err := s.updateBehalf(ctx, m, found.entries); err != nil {
			return err
		}
		n := len(found.entries)
		if n < sel.limit {
			return nil
		}
		last := found.position(n - 1)
		sel.after = &last
	}
}

// onBehalf reads entries of actors who stood in for someone.
func (s *Store) onBehalf(ctx context.Context, m sqldb.Conn, sel selection) (run, error) {
	r := run{sort: sel.order.Sort}
	b := s.newBuilder()
	b.List(schema.BriefNames, "SELECT ", "")
	b.Add(" FROM ", s.quoted, " WHERE on_behalf_of <> '' AND ")
	if err := sel.write(b); err != nil {
		return r, err
	}
	rows, err := m.QueryContext(ctx, b.String(), b.Args...)
	if err != nil {
		return r, err
	}
	defer rows.Close()
	for sc := row.NewScanner(schema.BriefNames); rows.Next(); {
		e, err := sc.Scan(rows)
		if err != nil {
			return r, err
		}
		r.entries, r.at = append(r.entries, e), append(r.at, sc.Position(row.Format(s.database)))
	}
	return r, rows.Err()
}

// behalfValues are the entries' values of the facet.
func behalfValues(entries []audit.Entry) []keptValue {
	values := keptValues{values: map[keptValue]struct{}{}}
	for i := range entries {
		if user := entries[i].OnBehalfOfUser(); user != "" {
			values.values[keptValue{schema.ColBehalf, entries[i].Tenant, user}] = struct{}{}
		}
	}
	return values.without(keptValues{})
}

// updateBehalf writes the column of entries, those of one user by one statement.
func (s *Store) updateBehalf(ctx context.Context, m sqldb.Execer, entries []audit.Entry) error {
	byUser := map[string][]row.Row{}
	for i := range entries {
		e := &entries[i]
		user := e.OnBehalfOfUser()
		id, err := row.ParseID(e.ID)
		if err != nil || user == "" {
			continue // its ID is damaged, or nobody is named
		}
		byUser[user] = append(byUser[user], row.Row{ID: id, Time: e.Time.UnixMicro()})
	}
	for user, rows := range byUser {
		for some := range slices.Chunk(rows, keptRows) {
			b := s.newBuilder()
			b.Add("UPDATE ", s.quoted, " SET ", schema.ColBehalf, " = ")
			b.Arg(user)
			b.WriteString(" WHERE ")
			b.AnyOf(len(some), func(i int) { s.rows.IsRow(b, some[i].ID, some[i].Time) })
			if _, err := m.ExecContext(ctx, b.String(), b.Args...); err != nil {
				return err
			}
		}
	}
	return nil
}
