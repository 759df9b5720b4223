package sqlgen

import (
	"slices"
	"strconv"
	"strings"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage"
	"github.com/gormtrail/audit/storage/gormstore/internal/row"
	"github.com/gormtrail/audit/storage/gormstore/internal/schema"
)

// Order is the total order of a query: its columns, all in one direction.
type Order struct {
	Sort       audit.Sort
	Columns    []string // the sort key unless it is the time, time, id; or seq alone
	Key        string   // the expression of the first column, sortKey; "": it is a column of the table
	Descending bool
	OneTenant  bool // all entries have the same tenant, so ORDER BY leaves it out: MariaDB would sort otherwise
}

// sortKey is the alias of the expression in ORDER BY.
const (
	SortKey   = "sort_key"
	asSortKey = " AS " + SortKey
)

var sortColumns = map[audit.Sort]string{
	audit.SortObjectType: "object_type",
	audit.SortObjectID:   "object_key",
	audit.SortAction:     schema.ColAction,
	audit.SortUser:       schema.ColUser,
	audit.SortIP:         schema.ColIP,
	audit.SortTenant:     schema.ColTenant,
}

// boundedColumns are the columns and expressions of orders without an index; long texts sort by their beginning.
var boundedColumns = map[audit.Sort]struct {
	column string
	long   bool
}{
	audit.SortOutcome:     {column: schema.ColOutcome},
	audit.SortObjectName:  {column: "object_name", long: true},
	audit.SortOnBehalfOf:  {column: schema.ColBehalf},
	audit.SortComment:     {column: "comment", long: true},
	audit.SortError:       {column: "error", long: true},
	audit.SortProduct:     {column: "object_product"},
	audit.SortProject:     {column: schema.ColProject},
	audit.SortActorType:   {column: "actor_type"},
	audit.SortActorID:     {column: schema.ColActor},
	audit.SortActorName:   {column: "actor_name"},
	audit.SortActorEmail:  {column: "actor_email"},
	audit.SortRequestID:   {column: schema.ColRequest},
	audit.SortTransaction: {column: schema.ColTx},
	audit.SortMethod:      {column: "method", long: true},
	audit.SortPath:        {column: "path", long: true},
	audit.SortUserAgent:   {column: "user_agent", long: true},
}

// sortedRunes is the number of characters by which long texts sort (audit.Sort.KeyOf).
const sortedRunes = 200

// IndexedOrder is the order of a sort by time, by recording or along an index.
func IndexedOrder(s audit.Sort) Order {
	o := Order{Sort: s, Columns: []string{schema.ColTime, schema.ColID}, Descending: s.Descending()}
	if o.Recorded() {
		o.Columns = []string{schema.ColSeq}
	} else if key, ok := sortColumns[s.Key()]; ok {
		o.Columns = append([]string{key}, o.Columns...)
	}
	return o
}

// OrderOf is the order of any sort.
func OrderOf(t *Traits, sort audit.Sort) Order {
	o := IndexedOrder(sort)
	if !sort.Bounded() {
		return o
	}
	o.Columns = append([]string{SortKey}, o.Columns...)
	switch key := sort.Key(); key {
	case audit.SortChanges:
		o.Key = t.firstField()
	case audit.SortBehalfType, audit.SortBehalfID, audit.SortBehalfName, audit.SortBehalfEmail:
		o.Key = t.jsonText("on_behalf_of", strings.TrimPrefix(string(key), "for_"))
	case audit.SortEntryID:
		o.Key = t.beginning("lower("+t.upperID()+")", sortedRunes)
	default:
		by := boundedColumns[key]
		if o.Key = by.column; by.long {
			o.Key = t.beginning(by.column, sortedRunes)
		}
	}
	return o
}

// Selected are the order's columns in the list of a SELECT from the table.
func (o Order) Selected() []string {
	columns := slices.Clone(o.Columns)
	if o.Key != "" {
		columns[0] = o.Key + asSortKey
	}
	return columns
}

// Compared are the order's columns in a condition.
func (o Order) Compared() []string {
	columns := slices.Clone(o.Columns)
	if o.Key != "" {
		columns[0] = o.Key
	}
	return columns
}

// Reverse is the order from its other end.
func (o Order) Reverse() Order {
	o.Sort, o.Descending = o.Sort.Reverse(), !o.Descending
	return o
}

// Values are the order's columns at a position.
func (o Order) Values(t *Traits, p storage.Position) ([]any, error) {
	if o.Recorded() {
		n, err := SeqPosition(p)
		return []any{n}, err
	}
	if row.IsRaw(p) {
		return row.RawArgs(p, len(o.Columns))
	}
	id, err := row.ParseID(p.ID)
	if err != nil {
		return nil, &audit.QueryError{Param: "cursor", Reason: "it is damaged", Err: audit.ErrBadCursor}
	}
	values := []any{t.Format.TimeArg(p.Time.UnixMicro()), t.Format.IDArg(id)}
	if len(o.Columns) == 3 {
		values = append([]any{p.Key}, values...)
	}
	return values, nil
}

// By writes the ORDER BY list, each column behind the prefix: "" for columns of the table, "e."
// for those of entries beside their keys, p.
func (o Order) By(b *Builder, prefix string) {
	columns := o.Columns
	if o.OneTenant && columns[0] == schema.ColTenant {
		columns = columns[1:]
	}
	for i, c := range columns {
		if i > 0 {
			b.WriteString(", ")
		}
		switch {
		case c != SortKey:
			b.Add(prefix, c)
		case prefix == "":
			b.WriteString(o.Key)
		default:
			b.Add("p.", SortKey)
		}
		if o.Descending {
			b.WriteString(" DESC")
		}
	}
}

// Merged returns the order for rows that a subquery selected, where the key is a column.
func (o Order) Merged() Order {
	if o.Key != "" {
		o.Key = SortKey
	}
	return o
}

// Recorded reports whether the order is that of recording.
func (o Order) Recorded() bool { return o.Sort.Key() == audit.SortRecorded }

// Indexed reports whether the order is that of an index on the time or another column. The
// order of recording and the bounded ones aren't: their rows would be sorted.
func (o Order) Indexed() bool { return o.Key == "" && !o.Recorded() }

// SeqPosition reads the number of a cursor.
func SeqPosition(p storage.Position) (int64, error) {
	n, err := strconv.ParseInt(p.Key, 10, 64)
	if err != nil {
		return 0, &audit.QueryError{Param: "cursor", Reason: "it is damaged", Err: audit.ErrBadCursor}
	}
	return n, nil
}
