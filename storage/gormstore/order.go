package gormstore

import (
	"slices"
	"strconv"
	"strings"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/gormstore/internal/row"
)

// order is the total order of a query: its columns, all in one direction.
type order struct {
	sort       audit.Sort
	columns    []string // the sort key unless it is the time, time, id; or seq alone
	key        string   // the expression of the first column, sortKey; "": it is a column of the table
	descending bool
	oneTenant  bool // all entries have the same tenant, so ORDER BY leaves it out: MariaDB would sort otherwise
}

// sortKey is the alias of the expression in ORDER BY.
const (
	sortKey   = "sort_key"
	asSortKey = " AS " + sortKey
)

var sortColumns = map[audit.Sort]string{
	audit.SortObjectType: "object_type",
	audit.SortObjectID:   "object_key",
	audit.SortAction:     colAction,
	audit.SortUser:       colUser,
	audit.SortIP:         colIP,
	audit.SortTenant:     colTenant,
}

// boundedColumns are the columns and expressions of orders without an index; long texts sort by their beginning.
var boundedColumns = map[audit.Sort]struct {
	column string
	long   bool
}{
	audit.SortOutcome:     {column: colOutcome},
	audit.SortObjectName:  {column: "object_name", long: true},
	audit.SortOnBehalfOf:  {column: colBehalf},
	audit.SortComment:     {column: "comment", long: true},
	audit.SortError:       {column: "error", long: true},
	audit.SortProduct:     {column: "object_product"},
	audit.SortProject:     {column: colProject},
	audit.SortActorType:   {column: "actor_type"},
	audit.SortActorID:     {column: colActor},
	audit.SortActorName:   {column: "actor_name"},
	audit.SortActorEmail:  {column: "actor_email"},
	audit.SortRequestID:   {column: colRequest},
	audit.SortTransaction: {column: colTx},
	audit.SortMethod:      {column: "method", long: true},
	audit.SortPath:        {column: "path", long: true},
	audit.SortUserAgent:   {column: "user_agent", long: true},
}

// sortedRunes is the number of characters by which long texts sort (audit.SortKey).
const sortedRunes = 200

// orderOf is the order of a sort by time, by recording or along an index.
func orderOf(s audit.Sort) order {
	o := order{sort: s, columns: []string{colTime, colID}, descending: s.Descending()}
	if o.recorded() {
		o.columns = []string{colSeq}
	} else if key, ok := sortColumns[s.Key()]; ok {
		o.columns = append([]string{key}, o.columns...)
	}
	return o
}

// orderOf is the order of any sort.
func orderIn(t *traits, sort audit.Sort) order {
	o := orderOf(sort)
	if !sort.Bounded() {
		return o
	}
	o.columns = append([]string{sortKey}, o.columns...)
	switch key := sort.Key(); key {
	case audit.SortChanges:
		o.key = t.firstField()
	case audit.SortBehalfType, audit.SortBehalfID, audit.SortBehalfName, audit.SortBehalfEmail:
		o.key = t.jsonText("on_behalf_of", strings.TrimPrefix(string(key), "for_"))
	case audit.SortEntryID:
		o.key = t.beginning("lower("+t.upperID()+")", sortedRunes)
	default:
		by := boundedColumns[key]
		if o.key = by.column; by.long {
			o.key = t.beginning(by.column, sortedRunes)
		}
	}
	return o
}

// selected are the order's columns in the list of a SELECT from the table.
func (o order) selected() []string {
	columns := slices.Clone(o.columns)
	if o.key != "" {
		columns[0] = o.key + asSortKey
	}
	return columns
}

// compared are the order's columns in a condition.
func (o order) compared() []string {
	columns := slices.Clone(o.columns)
	if o.key != "" {
		columns[0] = o.key
	}
	return columns
}

func (o order) reverse() order {
	o.sort, o.descending = o.sort.Reverse(), !o.descending
	return o
}

// values are the order's columns at a position.
func (o order) values(t *traits, p audit.Position) ([]any, error) {
	if o.recorded() {
		n, err := seqPosition(p)
		return []any{n}, err
	}
	if row.IsRaw(p) {
		return row.RawArgs(p, len(o.columns))
	}
	id, err := row.ParseID(p.ID)
	if err != nil {
		return nil, &audit.QueryError{Param: "cursor", Reason: "it is damaged", Err: audit.ErrBadCursor}
	}
	values := []any{t.format.TimeArg(p.Time.UnixMicro()), t.format.IDArg(id)}
	if len(o.columns) == 3 {
		values = append([]any{p.Key}, values...)
	}
	return values, nil
}

// by writes the ORDER BY list, each column behind the prefix: "" for columns of the table, "e."
// for those of entries beside their keys, p.
func (o order) by(b *builder, prefix string) {
	columns := o.columns
	if o.oneTenant && columns[0] == colTenant {
		columns = columns[1:]
	}
	for i, c := range columns {
		if i > 0 {
			b.WriteString(", ")
		}
		switch {
		case c != sortKey:
			b.add(prefix, c)
		case prefix == "":
			b.WriteString(o.key)
		default:
			b.add("p.", sortKey)
		}
		if o.descending {
			b.WriteString(" DESC")
		}
	}
}

// merged returns the order for rows that a subquery selected, where the key is a column.
func (o order) merged() order {
	if o.key != "" {
		o.key = sortKey
	}
	return o
}

func (o order) recorded() bool { return o.sort.Key() == audit.SortRecorded }

// seqPosition reads the number of a cursor.
func seqPosition(p audit.Position) (int64, error) {
	n, err := strconv.ParseInt(p.Key, 10, 64)
	if err != nil {
		return 0, &audit.QueryError{Param: "cursor", Reason: "it is damaged", Err: audit.ErrBadCursor}
	}
	return n, nil
}
