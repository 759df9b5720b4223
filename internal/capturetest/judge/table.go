package judge

import (
	"net/url"
	"reflect"
	"strings"

	"gorm.io/gorm/schema"
)

// Table is one judged table: what the catalog says, and the little that only
// the model knows.
type Table struct {
	// Name is the table's name, with its schema if it isn't in the default one.
	Name string
	// Type is the Object.Type of its entries. Default: Name.
	Type string
	// AutoUpdate are the columns whose change alone is no entry.
	AutoUpdate []string
	// SoftDelete is the column that marks a row as deleted when it is neither
	// NULL nor zero; "" if there is none.
	SoftDelete string
	// Optional are columns that entries may name and need not, whatever is in them.
	Optional []string
	// Cascades says that foreign keys change its rows (see Judge.Settle).
	Cascades bool
	// SameRow says that triggers change the row that fired them: one entry stands
	// for all steps that a statement takes with a row.
	SameRow bool
	// Replaces says that statements may remove a row and insert another one under its
	// key: an entry stands for what became of the key in a statement.
	Replaces bool

	noted   string // how its triggers name it
	columns []column
	index   map[string]int
}

// column is what the catalog says of a column.
type column struct {
	name  string
	class class
	key   bool
	// exact has the database write the value so that nothing is lost, where its text
	// is shorter (MariaDB's FLOAT) or not the value's (BIT).
	exact string
}

// FromSchema describes the table of a parsed model.
func FromSchema(s *schema.Schema) *Table {
	t := &Table{Name: s.Table}
	if named, ok := reflect.New(s.ModelType).Interface().(interface{ AuditType() string }); ok {
		t.Type = named.AuditType()
	}
	for _, f := range s.Fields {
		if f.DBName == "" {
			continue
		}
		if f.AutoUpdateTime > 0 {
			t.AutoUpdate = append(t.AutoUpdate, f.DBName)
		}
		if hasDeleteClauses(f) {
			t.SoftDelete = f.DBName
		}
	}
	return t
}

func hasDeleteClauses(f *schema.Field) bool {
	_, ok := schemaValue(f).(schema.DeleteClausesInterface)
	return ok
}

// ObjectType is the Object.Type that its entries have.
func (t *Table) ObjectType() string {
	if t.Type != "" {
		return t.Type
	}
	return t.Name
}

// setColumns takes what the catalog says, in the order of the columns.
func (t *Table) setColumns(columns []column) {
	t.columns, t.index = columns, make(map[string]int, len(columns))
	for i, c := range columns {
		t.index[c.name] = i
	}
}

func (t *Table) class(name string) class {
	i, ok := t.index[name]
	if !ok {
		return classText
	}
	return t.columns[i].class
}

// objectID is the row's primary key as the contract writes it.
func (t *Table) objectID(r Row) string {
	var keys []column
	for _, c := range t.columns {
		if c.key {
			keys = append(keys, c)
		}
	}
	switch len(keys) {
	case 0:
		return ""
	case 1:
		return keyText(r[keys[0].name], keys[0].class)
	}
	var pairs []string
	for _, c := range keys {
		pairs = append(pairs, url.QueryEscape(c.name)+"="+url.QueryEscape(keyText(r[c.name], c.class)))
	}
	return strings.Join(pairs, ",")
}

// deleted reports whether the row is marked as deleted.
func (t *Table) deleted(r Row) bool {
	if t.SoftDelete == "" {
		return false
	}
	v := r[t.SoftDelete]
	if v == nil {
		return false
	}
	if n, ok := number(v); ok {
		return n.Sign() != 0
	}
	return true
}
