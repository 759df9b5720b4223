package hooks

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
)

// LogValue describes the table: with a logger that takes debug messages, the
// trail tells what capture knows of each table that it reads.
func (t *table) LogValue() slog.Value {
	var columns, uniques, referrers []string
	for _, c := range t.columns {
		columns = append(columns, described(c.name, map[string]bool{"auto": c.auto, "invisible": c.invisible, "generated": c.generated}))
	}
	for _, u := range t.uniques {
		name := u.name + "(" + strings.Join(u.columns, ",") + ")"
		uniques = append(uniques, described(name, map[string]bool{"plain": u.plain, "deferrable": u.deferrable}))
	}
	for _, f := range t.referrers {
		referrers = append(referrers, f.String())
	}
	return slog.GroupValue(
		slog.String("object", t.object), slog.String("table", t.schema+"."+t.name), slog.Any("key", t.key), slog.Any("columns", columns),
		slog.Any("uniques", uniques), slog.Any("referrers", referrers), slog.String("is", strings.TrimSpace(described("", map[string]bool{
			"view": t.view, "rowid": t.rowid, "parts": t.parts, "rules": t.rules, "ambiguous": t.ambiguous, "replaces": t.replaces, "fails": t.fails,
			"versioned": t.versioned, "session": t.session, "writesBack(insert)": t.writesBack&inserts != 0,
			"rekeys": t.rekeys, "writesBack(update)": t.writesBack&updates != 0, "writesBack(delete)": t.writesBack&deletes != 0,
		}))))
}

// described is a name, and what is true of it.
func described(name string, facts map[string]bool) string {
	var list []string
	for fact, is := range facts {
		if is {
			list = append(list, fact)
		}
	}
	slices.Sort(list)
	return strings.Join(append([]string{name}, list...), " ")
}

func (f foreignKey) String() string {
	s := fmt.Sprintf("%s(%s) to (%s)", f.object, strings.Join(f.columns, ","), strings.Join(f.refers, ","))
	if f.onDelete != "" {
		s += " on delete " + strings.ToLower(f.onDelete)
	}
	if f.onUpdate != "" {
		s += " on update " + strings.ToLower(f.onUpdate)
	}
	if len(f.kept) > 0 {
		s += " but " + strings.Join(f.kept, ",")
	}
	return s
}
