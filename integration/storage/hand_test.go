package storage

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage"
)

// What somebody would write who knows the table, its indexes and the database,
// and needs no filter but this one.

// readColumns are what the store reads an entry from.
var readColumns = strings.Split("id form time tenant project actor_type actor_id actor_name actor_email action outcome object_type object_id object_name object_product ip request_id method path user_agent transaction_id on_behalf_of error comment changes metadata", " ")

// allTenants jumps from tenant to tenant.
const allTenants = "WITH RECURSIVE t (v) AS (SELECT min(tenant) FROM audit_entries UNION ALL SELECT (SELECT min(e.tenant) FROM audit_entries e WHERE e.tenant > t.v) FROM t WHERE t.v IS NOT NULL) SELECT v FROM t WHERE v IS NOT NULL"

// sql writes parameters, and what an expression is called, as the database does.
func (tr *trail) sql(s string) string {
	name, matches := "instr", "no IN (SELECT rowid FROM audit_entries_terms_search WHERE audit_entries_terms_search MATCH ?)"
	if tr.kind == "postgres" {
		name, matches = "strpos", "lower(search) LIKE ?"
	}
	if strings.Contains(s, "MATCHES(?)") && tr.kind == "sqlite" {
		s = strings.Replace(s, "ORDER BY time", "ORDER BY +time", 1) // or it walks the tenant by time
	}
	s = strings.ReplaceAll(s, "MATCHES(?)", matches)
	if tr.kind == "postgres" {
		for n := 1; strings.Contains(s, "?"); n++ {
			s = strings.Replace(s, "?", fmt.Sprintf("$%d", n), 1)
		}
	}
	for before, rest, found := strings.Cut(s, "CONTAINS("); found; before, rest, found = strings.Cut(s, "CONTAINS(") {
		inner, after, _ := strings.Cut(rest, ")")
		s = before + name + "(" + inner + ") > 0" + after
	}
	return s
}

// pattern is what MATCHES compares a text with: a substring of it.
func (tr *trail) pattern(word string) any {
	if tr.kind == "postgres" {
		return "%" + word + "%"
	}
	return `"` + storage.Fold(word) + `"`
}

func (tr *trail) time(t time.Time) any {
	if tr.kind == "postgres" {
		return t
	}
	return t.UnixMicro()
}

func (tr *trail) id(s string) any {
	if tr.kind == "postgres" {
		return s
	}
	id := uuid.MustParse(s)
	return id[:]
}

// handRow is a row as a host would read it: nothing decoded.
type handRow struct {
	id, time any
	form     int
	texts    [21]string
	long     [2]sql.RawBytes
}

func (r *handRow) dest(columns []string) []any {
	dest := []any{&r.id, &r.form, &r.time}
	for i := range r.texts {
		dest = append(dest, &r.texts[i])
	}
	return append(dest, &r.long[0], &r.long[1])[:len(columns)]
}

func (tr *trail) pageByHand(ctx context.Context, columns []string, where string, args ...any) (answer, error) {
	rows, err := tr.db.QueryContext(ctx, tr.sql("SELECT "+strings.Join(columns, ", ")+" FROM audit_entries WHERE "+where), args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var ids answer
	var row handRow
	for dest := row.dest(columns); rows.Next(); {
		if err := rows.Scan(dest...); err != nil {
			return nil, err
		}
		ids = append(ids, idText(row.id))
	}
	return ids, rows.Err()
}

func idText(v any) string {
	if raw, ok := v.([]byte); ok && len(raw) == 16 {
		return uuid.UUID(raw).String()
	}
	return fmt.Sprint(v)
}

func (tr *trail) findDeep(ctx context.Context) error {
	var id any
	var at any
	err := tr.db.QueryRowContext(ctx, tr.sql("SELECT id, time FROM audit_entries WHERE tenant = ? ORDER BY time DESC, id DESC LIMIT 1 OFFSET ?"),
		largeTenant.Tenants[0], min(50_000, tr.size/20)-1).Scan(&id, &at)
	if err != nil {
		return err
	}
	tr.deep = storage.Position{ID: idText(id)}
	if micros, ok := at.(int64); ok {
		tr.deep.Time = time.UnixMicro(micros).UTC()
	} else {
		tr.deep.Time = at.(time.Time).UTC()
	}
	return nil
}

// facetsByHand asks for one column after the other: within one tenant by jumps
// (what PostgreSQL's own documentation of loose index scans says), in all of them
// and in the columns without an index by the database's own DISTINCT, as within a
// project.
func (tr *trail) facetsByHand(ctx context.Context, f audit.Filter) (answer, error) {
	var all answer
	for _, column := range []string{"action", "object_type", "actor_user", "tenant", "project", "object_product", "actor_type", "outcome"} {
		query, args := "SELECT DISTINCT "+column+" FROM audit_entries", []any(nil)
		switch {
		case len(f.Projects) > 0:
			query, args = query+" WHERE tenant = ? AND project = ?", []any{f.Tenants[0], f.Projects[0]}
		case column == "tenant" && len(f.Tenants) > 0:
			query, args = "SELECT CAST(? AS text)", []any{f.Tenants[0]}
		case column == "tenant":
			query = allTenants
		case len(f.Tenants) > 0 && slices.Contains([]string{"action", "object_type", "actor_user"}, column):
			query = strings.ReplaceAll("WITH RECURSIVE t (v) AS (SELECT min(COLUMN) FROM audit_entries WHERE tenant = ? UNION ALL "+
				"SELECT (SELECT min(e.COLUMN) FROM audit_entries e WHERE e.tenant = ? AND e.COLUMN > t.v) FROM t WHERE t.v IS NOT NULL) SELECT v FROM t WHERE v IS NOT NULL", "COLUMN", column)
			args = []any{f.Tenants[0], f.Tenants[0]}
		case len(f.Tenants) > 0:
			query, args = query+" WHERE tenant = ?", []any{f.Tenants[0]}
		}
		list, err := tr.column(ctx, query, args...)
		if err != nil {
			return nil, err
		}
		all = append(append(all, list...), "")
	}
	return all, nil
}

func (tr *trail) column(ctx context.Context, query string, args ...any) (list []string, err error) {
	rows, err := tr.db.QueryContext(ctx, tr.sql(query), args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var v string
		if err := rows.Scan(&v); err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	slices.Sort(list)
	return list, rows.Err()
}
