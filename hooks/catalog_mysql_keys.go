package hooks

import (
	"context"
	"strings"

	"gorm.io/gorm"
)

// InnoDB's own list of foreign keys has those of every schema, and opens no table.
// Reading it takes the PROCESS privilege. Without that, MariaDB is asked for the
// foreign keys of the table's own schema, and opens its tables: cascades into
// other schemas are not known then, and not captured. MySQL 8 reads its data
// dictionary instead.

// readReferrers reads the foreign keys that refer to the table, each column in a
// row of its own.
func (t *mysqlTable) readReferrers(ctx context.Context, conn gorm.ConnPool) error {
	if !t.server.denied.Load() {
		err := t.readInnoDB(ctx, conn)
		if err == nil || ctx.Err() != nil {
			return err
		}
		if lacksPrivilege(err) {
			t.server.denied.Store(true)
		}
	}
	if t.server.mariadb || t.server.old {
		return t.readSchemasKeys(ctx, conn, ` AND k.TABLE_SCHEMA = ? AND r.CONSTRAINT_SCHEMA = ?`, t.schema, t.schema)
	}
	return t.readSchemasKeys(ctx, conn, ` AND r.CONSTRAINT_SCHEMA = k.CONSTRAINT_SCHEMA`)
}

// lacksPrivilege tells a refusal, or a server without such a list, from an error
// that may pass.
func lacksPrivilege(err error) bool {
	return strings.Contains(err.Error(), "1227") || strings.Contains(err.Error(), "1109")
}

// InnoDB's bits of a foreign key; without one of them it restricts.
const (
	innoDeleteCascade = 1 << iota
	innoDeleteSetNull
	innoUpdateCascade
	innoUpdateSetNull
)

// readInnoDB reads InnoDB's list. Names in it are compared without regard to
// case and accents: which of them are meant is told here.
func (t *mysqlTable) readInnoDB(ctx context.Context, conn gorm.ConnPool) error {
	r := referrers{table: t.table}
	unsettled := false
	err := eachRow(ctx, conn, func(scan func(...any) error) error {
		var f foreignKey
		var id, refSchema, refTable, column, refers string
		var building bool
		var bits int
		if err := scan(&id, &f.schema, &f.table, &refSchema, &refTable, &building, &bits, &column, &refers); err != nil {
			return err
		}
		switch {
		case !t.isNamed(refSchema, refTable):
		case building:
			unsettled = true
		default:
			f.name, f.object = constraintIn(id), t.objectOf(f.schema, f.table)
			f.onDelete = rule(bits, innoDeleteCascade, innoDeleteSetNull)
			f.onUpdate = rule(bits, innoUpdateCascade, innoUpdateSetNull)
			r.add(id, f, column, refers)
		}
		return nil
	}, innoDBKeys(t.server), t.schema, t.name)
	if err == nil {
		t.referrers, t.session = r.keys, unsettled
	}
	return err
}

// innoDBKeys is the query. MariaDB has the names of schemas and tables as those
// of their files are written; a table that ALTER TABLE is making has one that
// begins with #sql.
func innoDBKeys(server *mysqlServer) string {
	list, encoded, decoded := "INNODB_FOREIGN", "?", "%s"
	if server.mariadb || server.old {
		list, encoded = "INNODB_SYS_FOREIGN", "CONVERT(CAST(CONVERT(? USING filename) AS BINARY) USING utf8mb4)"
		decoded = "CONVERT(CONVERT(CAST(%s AS BINARY) USING filename) USING utf8mb4)"
	}
	part := func(name, n string) string {
		return strings.Replace(decoded, "%s", "SUBSTRING_INDEX("+name+", '/', "+n+")", 1)
	}
	return `SELECT f.ID, ` + part("f.FOR_NAME", "1") + `, ` + part("f.FOR_NAME", "-1") + `, ` + part("f.REF_NAME", "1") + `, ` + part("f.REF_NAME", "-1") + `,
			f.FOR_NAME LIKE '%/#sql%', f.TYPE, c.FOR_COL_NAME, c.REF_COL_NAME
		FROM information_schema.` + list + ` f JOIN information_schema.` + list + `_COLS c ON c.ID = f.ID AND BINARY c.ID = BINARY f.ID
		WHERE f.REF_NAME = CONCAT(` + encoded + `, '/', ` + encoded + `) ORDER BY BINARY f.ID, c.POS`
}

// isNamed reports whether a foreign key that names the table so means this one.
func (t *mysqlTable) isNamed(schema, name string) bool {
	if t.server.folds {
		return strings.EqualFold(schema, t.schema) && strings.EqualFold(name, t.name)
	}
	return schema == t.schema && name == t.name
}

// constraintIn is a constraint's name in InnoDB's ID of it.
func constraintIn(id string) string {
	_, name, _ := strings.Cut(id, "/")
	return name[strings.LastIndexByte(name, 0xff)+1:]
}

func rule(bits, cascade, setNull int) string {
	switch {
	case bits&cascade != 0:
		return "CASCADE"
	case bits&setNull != 0:
		return "SET NULL"
	}
	return ""
}

func (t *mysqlTable) readSchemasKeys(ctx context.Context, conn gorm.ConnPool, where string, args ...any) error {
	r := referrers{table: t.table}
	err := eachRow(ctx, conn, func(scan func(...any) error) error {
		var f foreignKey
		var refTable, column, refers string
		if err := scan(&f.name, &f.schema, &f.table, &refTable, &f.onDelete, &f.onUpdate, &column, &refers); err != nil {
			return err
		}
		if t.isNamed(t.schema, refTable) {
			f.object = t.objectOf(f.schema, f.table)
			r.add(f.schema+"\x00"+f.table+"\x00"+f.name, f, column, refers)
		}
		return nil
	}, `SELECT k.CONSTRAINT_NAME, k.TABLE_SCHEMA, k.TABLE_NAME, k.REFERENCED_TABLE_NAME,
			r.DELETE_RULE, r.UPDATE_RULE, k.COLUMN_NAME, k.REFERENCED_COLUMN_NAME
		FROM information_schema.KEY_COLUMN_USAGE k JOIN information_schema.REFERENTIAL_CONSTRAINTS r
			ON r.CONSTRAINT_NAME = k.CONSTRAINT_NAME AND r.TABLE_NAME = k.TABLE_NAME
		WHERE k.REFERENCED_TABLE_SCHEMA = ? AND k.REFERENCED_TABLE_NAME = ?`+where+`
		ORDER BY BINARY k.TABLE_SCHEMA, BINARY k.TABLE_NAME, BINARY k.CONSTRAINT_NAME, k.ORDINAL_POSITION`,
		append([]any{t.schema, t.name}, args...)...)
	t.referrers = r.keys
	return err
}
