package schema

import (
	"context"
	"strings"

	"github.com/gormtrail/audit/storage/gormstore/internal/sqldb"
)

// inPath finds the first schema of a path that has the table of versions. It is
// asked of the catalog, which shows every name to every role: what a role may not
// use is then said by the statement that wants it.
const inPath = "SELECT p.name FROM (%s) AS p (name, turn) JOIN pg_namespace n ON n.nspname = p.name JOIN pg_class c ON c.relnamespace = n.oid " +
	"WHERE c.relname = $1 AND c.relkind IN ('r', 'p') ORDER BY p.turn LIMIT 1"

// locate looks along the search_path as it is, and then as it was when the
// connection began: a host that chooses a tenant's schema by SET may hand out the
// connection so.
func (d postgres) locate(ctx context.Context, q sqldb.Queryer, t Table) (string, error) {
	now := strings.Replace(inPath, "%s", "SELECT s, o FROM unnest(current_schemas(false)) WITH ORDINALITY AS u (s, o)", 1)
	schema, err := sqldb.String(ctx, q, now, t.Versions())
	if err != nil || schema != "" {
		return schema, err
	}
	path, err := d.resetPath(ctx, q)
	if err != nil || len(path) == 0 {
		return "", err
	}
	first := strings.Replace(inPath, "%s", "SELECT s, o FROM unnest($2::text[]) WITH ORDINALITY AS u (s, o)", 1)
	return sqldb.String(ctx, q, first, t.Versions(), sqldb.TextArray(path))
}

// resetPath is the search_path that RESET would set.
func (d postgres) resetPath(ctx context.Context, q sqldb.Queryer) ([]string, error) {
	path, err := sqldb.String(ctx, q, "SELECT reset_val FROM pg_settings WHERE name = 'search_path'")
	if err != nil {
		return nil, err
	}
	user, err := sqldb.String(ctx, q, "SELECT current_user")
	return splitPath(path, user), err
}

// splitPath reads a list of names: in quotes, or without and then in small letters.
func splitPath(path, user string) (names []string) {
	for path = strings.TrimSpace(path); path != ""; path = strings.TrimLeft(path, ", \t\n") {
		var name string
		if path[0] == '"' {
			end := 1
			for end < len(path) && (path[end] != '"' || strings.HasPrefix(path[end:], `""`)) {
				end += 1 + strings.Count(path[end:min(end+2, len(path))], `"`)/2
			}
			name, path = strings.ReplaceAll(path[1:end], `""`, `"`), path[min(end+1, len(path)):]
		} else {
			end := strings.IndexAny(path+",", ", \t\n")
			name, path = strings.ToLower(path[:end]), path[end:]
		}
		if name == "$user" {
			name = user
		}
		names = append(names, name)
	}
	return names
}

func (d postgres) firstSchema(ctx context.Context, q sqldb.Queryer, _ Table) (string, error) {
	return sqldb.String(ctx, q, "SELECT coalesce(current_schema(), '')")
}

// elsewhere names the search_path, and the schemas that have such a table.
func (d postgres) elsewhere(ctx context.Context, q sqldb.Queryer, t Table) (string, error) {
	path, err := sqldb.String(ctx, q, "SELECT current_setting('search_path')")
	if err != nil {
		return "", err
	}
	list, err := sqldb.Strings(ctx, q, "SELECT nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "+
		"WHERE c.relname = $1 AND c.relkind IN ('r', 'p') AND nspname !~ '^pg_' ORDER BY 1 LIMIT 10", t.Versions())
	if err != nil {
		return "", err
	}
	said := "the search_path is " + path
	if len(list) > 0 {
		said += ", and such tables are in the schemas " + strings.Join(list, ", ") + ": Options.Schema names the store's"
	}
	return said, nil
}
