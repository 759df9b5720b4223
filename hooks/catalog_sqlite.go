package hooks

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"

	"gorm.io/gorm"
)

// sqliteTable is a table while it is read from SQLite's catalog.
type sqliteTable struct {
	*table
	ddl     tableDDL
	effects effects
}

// readSQLite reads a table in four statements: its DDL and the triggers, its
// columns, its indexes, the foreign keys of its schema. A name without a schema
// means the temporary table, the main one, or that of an attached database, in
// this order.
func (p *Plugin) readSQLite(ctx context.Context, conn gorm.ConnPool, want target) (*table, error) {
	t := &sqliteTable{table: &table{schema: want.schema}}
	if err := t.find(ctx, conn, p.dialect, want.name); err != nil || t.name == "" {
		return nil, err
	}
	if t.session = strings.EqualFold(t.schema, "temp"); t.session {
		p.tables.temporary.Store(strings.ToLower(t.name), struct{}{})
	}
	t.object = t.objectOf(t.name)
	if err := t.readColumns(ctx, conn); err != nil {
		return nil, err
	}
	if err := t.readIndexes(ctx, conn); err != nil {
		return nil, err
	}
	t.finish()
	if err := t.readKeys(ctx, conn, p.dialect); err != nil {
		return nil, err
	}
	t.readTriggers()
	return t.table, nil
}

// readTriggers finds out whether triggers change rows of the table.
func (t *sqliteTable) readTriggers() {
	if t.view {
		return
	}
	own := func(g trigger) bool { return g.on.is(relation{name: t.name}) }
	fails := func(g trigger) bool { return g.fails }
	t.table.fails = t.table.fails || slices.ContainsFunc(t.effects.triggers, own) && slices.ContainsFunc(t.effects.triggers, fails)
	t.table.writesBack, _ = t.effects.writesBack([]relation{{name: t.name}}, nil)
	t.selfTriggers = t.table.writesBack != 0
}

// find looks for the table in its schema, or else in each that a name without
// one may mean.
func (t *sqliteTable) find(ctx context.Context, conn gorm.ConnPool, d dialect, name string) error {
	if t.schema != "" {
		return t.findIn(ctx, conn, d, name, t.schema)
	}
	if err := t.findIn(ctx, conn, d, name, "temp", "main"); err != nil || t.name != "" {
		return err
	}
	var attached []string
	err := eachRow(ctx, conn, func(scan func(...any) error) error {
		var schema string
		err := scan(&schema)
		attached = append(attached, schema)
		return err
	}, `SELECT name FROM pragma_database_list WHERE seq > 1 ORDER BY seq`)
	if err != nil || len(attached) == 0 {
		return err
	}
	return t.findIn(ctx, conn, d, name, attached...)
}

// findIn looks in several schemas at once. The first that has the table is the
// table's.
func (t *sqliteTable) findIn(ctx context.Context, conn gorm.ConnPool, d dialect, name string, schemas ...string) error {
	query := `SELECT -1, '', type, name, tbl_name, coalesce(sql, '') FROM sqlite_temp_master WHERE type = 'trigger'`
	var args []any
	for i, schema := range schemas {
		query += ` UNION ALL SELECT ` + strconv.Itoa(i) + `, coalesce((SELECT name FROM pragma_database_list WHERE name = ? COLLATE NOCASE), ?),
			type, name, tbl_name, coalesce(sql, '') FROM ` + d.quote(schema) + `.sqlite_master
			WHERE type = 'trigger' OR type IN ('table', 'view') AND name = ? COLLATE NOCASE`
		args = append(args, schema, schema, name)
	}
	const temporary = -1
	triggers := map[int][]trigger{}
	at := len(schemas)
	err := eachRow(ctx, conn, func(scan func(...any) error) error {
		var in int
		var schema, kind, found, on, ddl string
		if err := scan(&in, &schema, &kind, &found, &on, &ddl); err != nil {
			return err
		}
		switch {
		case kind == "trigger":
			triggers[in] = append(triggers[in], t.trigger(on, ddl))
		case in < at:
			at, t.schema, t.name, t.view, t.ddl = in, schema, found, kind == "view", readTableDDL(ddl)
		}
		return nil
	}, query, args...)
	t.view = t.view || t.ddl.virtual
	t.rowid = !t.view && !t.ddl.withoutRowid
	t.replaces, t.fails = t.ddl.replaces, t.ddl.fails
	t.effects.triggers = append(triggers[at], triggers[temporary]...)
	return err
}

// trigger is a CREATE TRIGGER on a table or view of that name, read when it is
// come to. What is inserted into the table may replace rows of it.
func (t *sqliteTable) trigger(on, ddl string) trigger {
	fails := strings.Contains(strings.ToUpper(ddl), "FAIL") // a word of RAISE, or a part of one
	return trigger{on: relation{name: on}, fails: fails, read: sync.OnceValues(func() (verbs, body) {
		when, does := readTrigger(ddl)
		for i, w := range does.writes {
			if t.replaces && strings.EqualFold(w.name, t.name) {
				does.writes[i].verbs |= deletes
			}
		}
		return when, does
	})}
}

func (t *sqliteTable) readColumns(ctx context.Context, conn gorm.ConnPool) error {
	return eachRow(ctx, conn, func(scan func(...any) error) error {
		var c column
		var pk, hidden int
		if err := scan(&c.name, &c.typeText, &pk, &hidden, &c.fallback); err != nil {
			return err
		}
		if hidden == 1 {
			return nil // of a virtual table, not part of *
		}
		c.kind = sqliteKind(c.typeText)
		c.generated = hidden == 2 || hidden == 3
		t.columns = append(t.columns, c)
		if pk > 0 {
			t.key = append(t.key, c.name)
		}
		return nil
	}, `SELECT name, type, pk, hidden, CASE WHEN "notnull" THEN coalesce(dflt_value, '') ELSE '' END
		FROM pragma_table_xinfo(?, ?) ORDER BY cid`, t.name, t.schema)
}

// readIndexes reads the unique indexes, each part in a row of its own. A primary
// key without one is the rowid.
func (t *sqliteTable) readIndexes(ctx context.Context, conn gorm.ConnPool) error {
	last := ""
	err := eachRow(ctx, conn, func(scan func(...any) error) error {
		var index, origin, part, collation string
		var partial bool
		var cid int
		if err := scan(&index, &origin, &partial, &cid, &part, &collation); err != nil {
			return err
		}
		if index != last {
			last = index
			if origin == "pk" {
				index = primaryKey
			}
			t.uniques = append(t.uniques, uniqueOn{name: index, plain: !partial})
		}
		if cid == -1 && len(t.key) == 1 {
			part = t.key[0] // the rowid, by the column's name
		}
		u := &t.uniques[len(t.uniques)-1]
		u.columns, u.collations = append(u.columns, part), append(u.collations, collation)
		u.plain = u.plain && part != "" && (cid == -1 || strings.EqualFold(collation, t.ddl.collation(part)))
		return nil
	}, `SELECT il.name, il.origin, il.partial, ii.cid, coalesce(ii.name, ''), coalesce(ii.coll, 'BINARY')
		FROM pragma_index_list(?, ?) il, pragma_index_xinfo(il.name, ?) ii
		WHERE il."unique" = 1 AND ii.key = 1 ORDER BY il.origin <> 'pk', il.seq, ii.seqno`, t.name, t.schema, t.schema)
	if len(t.key) > 0 && (len(t.uniques) == 0 || t.uniques[0].name != primaryKey) {
		t.alias = t.key[0]
		rowid := uniqueOn{name: primaryKey, columns: t.key, collations: []string{"BINARY"}, plain: true}
		t.uniques = append([]uniqueOn{rowid}, t.uniques...)
	}
	return err
}

// readKeys reads the foreign keys of the schema that pass on what happens to rows,
// each column in a row of its own. A key that names no columns refers to the
// primary key.
func (t *sqliteTable) readKeys(ctx context.Context, conn gorm.ConnPool, d dialect) error {
	last := ""
	err := eachRow(ctx, conn, func(scan func(...any) error) error {
		var k reference
		var id, column, refers string
		if err := scan(&id, &k.from.name, &k.to.name, &k.onDelete, &k.onUpdate, &column, &refers); err != nil {
			return err
		}
		if id != last {
			last = id
			k.onDelete, k.onUpdate = action(k.onDelete), action(k.onUpdate)
			t.effects.keys = append(t.effects.keys, k)
		}
		at := &t.effects.keys[len(t.effects.keys)-1]
		at.columns, at.refers = append(at.columns, column), append(at.refers, refers)
		return nil
	}, `SELECT m.name || ' ' || f.id, m.name, f."table", f.on_delete, f.on_update, f."from",
			coalesce(f."to", (SELECT k.name FROM pragma_table_xinfo(f."table", ?1) k WHERE k.pk = f.seq + 1), '')
		FROM `+d.quote(t.schema)+`.sqlite_master m, pragma_foreign_key_list(m.name, ?1) f
		WHERE m.type = 'table' AND (f.on_delete NOT IN ('NO ACTION', 'RESTRICT') OR f.on_update NOT IN ('NO ACTION', 'RESTRICT'))
		ORDER BY m.rowid, f.id, f.seq`, t.schema)
	for _, k := range t.effects.keys {
		if strings.EqualFold(k.to.name, t.name) {
			t.referrers = append(t.referrers, t.referrer(k))
		}
	}
	return err
}

func (t *sqliteTable) referrer(k reference) foreignKey {
	f := foreignKey{
		schema: t.schema, table: k.from.name, object: t.objectOf(k.from.name), columns: k.columns, onDelete: k.onDelete, onUpdate: k.onUpdate,
	}
	for _, name := range k.refers {
		f.refers = append(f.refers, t.spelled(name))
	}
	return f
}

// objectOf is how entries name a table of the same schema.
func (t *sqliteTable) objectOf(name string) string {
	return objectIn(t.schema, name, strings.EqualFold(t.schema, "main"))
}

// isTemporarySQLite reports whether a name without a schema means a temporary
// table on this connection.
func isTemporarySQLite(ctx context.Context, conn gorm.ConnPool, want target) bool {
	var n int
	err := conn.QueryRowContext(ctx, `SELECT count(*) FROM sqlite_temp_master WHERE type IN ('table', 'view') AND name = ? COLLATE NOCASE`, want.name).Scan(&n)
	return err == nil && n > 0
}
