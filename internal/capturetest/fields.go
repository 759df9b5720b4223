package capturetest

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/schema"
)

// JSON is a document with Scan and Value, in the database's own type.
type JSON map[string]any

// Value implements driver.Valuer.
func (j JSON) Value() (driver.Value, error) {
	if j == nil {
		return nil, nil
	}
	raw, err := json.Marshal(map[string]any(j))
	return string(raw), err
}

// Scan implements sql.Scanner.
func (j *JSON) Scan(v any) error {
	switch x := v.(type) {
	case nil:
		*j = nil
		return nil
	case []byte:
		return json.Unmarshal(x, (*map[string]any)(j))
	case string:
		return json.Unmarshal([]byte(x), (*map[string]any)(j))
	}
	return fmt.Errorf("a JSON from a %T", v)
}

// GormDataType implements schema.GormDataTypeInterface.
func (JSON) GormDataType() string { return "json" }

// GormDBDataType implements migrator.GormDataTypeInterface.
func (JSON) GormDBDataType(db *gorm.DB, _ *schema.Field) string {
	if db.Dialector.Name() == "postgres" {
		return "jsonb"
	}
	return "json"
}

// Point is two numbers in one text column.
type Point struct{ X, Y int }

// Value implements driver.Valuer.
func (p Point) Value() (driver.Value, error) { return fmt.Sprintf("%d,%d", p.X, p.Y), nil }

// Scan implements sql.Scanner.
func (p *Point) Scan(v any) error {
	_, err := fmt.Sscanf(fmt.Sprintf("%s", v), "%d,%d", &p.X, &p.Y)
	return err
}

// GormDataType implements schema.GormDataTypeInterface.
func (Point) GormDataType() string { return "varchar(40)" }

// Decimal is an exact number as text.
type Decimal string

// Value implements driver.Valuer.
func (d Decimal) Value() (driver.Value, error) {
	if d == "" {
		return "0", nil
	}
	return string(d), nil
}

// Scan implements sql.Scanner.
func (d *Decimal) Scan(v any) error {
	switch x := v.(type) {
	case nil:
		*d = ""
	case []byte:
		*d = Decimal(x)
	default:
		*d = Decimal(fmt.Sprint(x))
	}
	return nil
}

// upper is a serializer of the tests' own.
type upper struct{}

// Scan implements schema.SerializerInterface.
func (upper) Scan(ctx context.Context, f *schema.Field, dst reflect.Value, v any) error {
	if raw, ok := v.([]byte); ok {
		v = string(raw)
	}
	if v == nil {
		v = ""
	}
	return f.Set(ctx, dst, strings.ToLower(v.(string)))
}

// Value implements schema.SerializerInterface.
func (upper) Value(_ context.Context, _ *schema.Field, _ reflect.Value, v any) (any, error) {
	return strings.ToUpper(v.(string)), nil
}

// DeletedFlag, DeletedUnix and DeletedMilli mark a row as deleted by 1, by the
// second and by the millisecond: a delete sets them, and reads pass by what is
// marked.
type (
	DeletedFlag  int
	DeletedUnix  int64
	DeletedMilli int64
)

// QueryClauses implements schema.QueryClausesInterface.
func (DeletedFlag) QueryClauses(f *schema.Field) []clause.Interface {
	return []clause.Interface{alive{f}}
}

// UpdateClauses implements schema.UpdateClausesInterface.
func (DeletedFlag) UpdateClauses(f *schema.Field) []clause.Interface {
	return []clause.Interface{updateAlive{alive{f}}}
}

// DeleteClauses implements schema.DeleteClausesInterface.
func (DeletedFlag) DeleteClauses(f *schema.Field) []clause.Interface {
	return []clause.Interface{markDeleted{alive{f}, func(time.Time) any { return 1 }}}
}

// QueryClauses implements schema.QueryClausesInterface.
func (DeletedUnix) QueryClauses(f *schema.Field) []clause.Interface {
	return []clause.Interface{alive{f}}
}

// UpdateClauses implements schema.UpdateClausesInterface.
func (DeletedUnix) UpdateClauses(f *schema.Field) []clause.Interface {
	return []clause.Interface{updateAlive{alive{f}}}
}

// DeleteClauses implements schema.DeleteClausesInterface.
func (DeletedUnix) DeleteClauses(f *schema.Field) []clause.Interface {
	return []clause.Interface{markDeleted{alive{f}, func(t time.Time) any { return t.Unix() }}}
}

// QueryClauses implements schema.QueryClausesInterface.
func (DeletedMilli) QueryClauses(f *schema.Field) []clause.Interface {
	return []clause.Interface{alive{f}}
}

// UpdateClauses implements schema.UpdateClausesInterface.
func (DeletedMilli) UpdateClauses(f *schema.Field) []clause.Interface {
	return []clause.Interface{updateAlive{alive{f}}}
}

// DeleteClauses implements schema.DeleteClausesInterface.
func (DeletedMilli) DeleteClauses(f *schema.Field) []clause.Interface {
	return []clause.Interface{markDeleted{alive{f}, func(t time.Time) any { return t.UnixMilli() }}}
}

// alive limits a statement to rows that aren't marked.
type alive struct{ field *schema.Field }

func (alive) Name() string               { return "" }
func (alive) Build(clause.Builder)       {}
func (alive) MergeClause(*clause.Clause) {}

func (a alive) ModifyStatement(stmt *gorm.Statement) {
	if _, done := stmt.Clauses["alive"]; done || stmt.Unscoped {
		return
	}
	stmt.AddClause(clause.Where{Exprs: []clause.Expression{
		clause.Eq{Column: clause.Column{Table: clause.CurrentTable, Name: a.field.DBName}, Value: 0},
	}})
	stmt.Clauses["alive"] = clause.Clause{}
}

type updateAlive struct{ alive }

func (a updateAlive) ModifyStatement(stmt *gorm.Statement) {
	if stmt.SQL.Len() == 0 {
		a.alive.ModifyStatement(stmt)
	}
}

// markDeleted turns a delete into an update of the mark.
type markDeleted struct {
	alive
	mark func(time.Time) any
}

func (m markDeleted) ModifyStatement(stmt *gorm.Statement) {
	if stmt.SQL.Len() > 0 || stmt.Unscoped {
		return
	}
	v := m.mark(stmt.DB.NowFunc())
	stmt.AddClause(clause.Set{{Column: clause.Column{Name: m.field.DBName}, Value: v}})
	stmt.SetColumn(m.field.DBName, v, true)
	if stmt.Schema != nil {
		_, values := schema.GetIdentityFieldValuesMap(stmt.Context, stmt.ReflectValue, stmt.Schema.PrimaryFields)
		column, list := schema.ToQueryValues(stmt.Table, stmt.Schema.PrimaryFieldDBNames, values)
		if len(list) > 0 {
			stmt.AddClause(clause.Where{Exprs: []clause.Expression{clause.IN{Column: column, Values: list}}})
		}
	}
	m.alive.ModifyStatement(stmt)
	stmt.AddClauseIfNotExists(clause.Update{})
	stmt.Build(stmt.DB.Callback().Update().Clauses...)
}

// Version is an optimistic lock: every update asks for the version that was
// read, and sets the next.
type Version int64

// UpdateClauses implements schema.UpdateClausesInterface.
func (Version) UpdateClauses(f *schema.Field) []clause.Interface {
	return []clause.Interface{nextVersion{f}}
}

type nextVersion struct{ field *schema.Field }

func (nextVersion) Name() string               { return "" }
func (nextVersion) Build(clause.Builder)       {}
func (nextVersion) MergeClause(*clause.Clause) {}

func (v nextVersion) ModifyStatement(stmt *gorm.Statement) {
	if _, done := stmt.Clauses["version"]; done || stmt.SQL.Len() > 0 {
		return
	}
	stmt.Clauses["version"] = clause.Clause{}
	if c, ok := stmt.Clauses["WHERE"]; ok {
		if where, ok := c.Expression.(clause.Where); ok && len(where.Exprs) > 0 {
			where.Exprs = []clause.Expression{clause.And(where.Exprs...)}
			c.Expression = where
			stmt.Clauses["WHERE"] = c
		}
	}
	column := clause.Column{Table: clause.CurrentTable, Name: v.field.DBName}
	if stmt.ReflectValue.Kind() == reflect.Struct && stmt.ReflectValue.Type() == stmt.Schema.ModelType {
		if read, zero := v.field.ValueOf(stmt.Context, stmt.ReflectValue); !zero {
			stmt.AddClause(clause.Where{Exprs: []clause.Expression{clause.Eq{Column: column, Value: read}}})
		}
	}
	v.intoMap(stmt)
	stmt.SetColumn(v.field.DBName, gorm.Expr("? + 1", clause.Column{Name: v.field.DBName}), true)
}

// intoMap turns what is to be set into a map, which can hold an expression.
func (v nextVersion) intoMap(stmt *gorm.Statement) {
	dest := reflect.Indirect(reflect.ValueOf(stmt.Dest))
	if dest.Kind() != reflect.Struct {
		return
	}
	set := map[string]any{}
	for _, f := range stmt.Schema.Fields {
		if value, zero := f.ValueOf(stmt.Context, dest); f.DBName != "" && !f.PrimaryKey && !zero {
			set[f.DBName] = value
		}
	}
	stmt.Dest = set
}
