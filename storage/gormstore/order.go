package gormstore

import (
	"strings"

	"github.com/gormtrail/audit"
)

// order is the total order of a query: its columns, all in one direction.
type order struct {
	sort       audit.Sort
	columns    []string // the sort key unless it is the time, time, id; or seq alone
	descending bool
}

var sortColumns = map[audit.Sort]string{
	audit.SortObjectType: "object_type",
	audit.SortObjectID:   "object_key",
	audit.SortAction:     "action",
	audit.SortUser:       "actor_user",
	audit.SortIP:         "ip_key",
}

func orderOf(s audit.Sort) order {
	o := order{sort: s, columns: []string{colTime, colID}, descending: s.Descending()}
	if o.recorded() {
		o.columns = []string{colSeq}
	} else if key, ok := sortColumns[s.Key()]; ok {
		o.columns = append([]string{key}, o.columns...)
	}
	return o
}

func (o order) reverse() order {
	o.sort, o.descending = o.sort.Reverse(), !o.descending
	return o
}

// values are the order's columns at a position.
func (o order) values(d dialect, p audit.Position) ([]any, error) {
	if o.recorded() {
		n, err := seqPosition(p)
		return []any{n}, err
	}
	if strings.HasPrefix(p.Key, rawKey) {
		return rawArgs(p, len(o.columns))
	}
	id, err := parseID(p.ID)
	if err != nil {
		return nil, &audit.QueryError{Param: "cursor", Reason: "it is damaged", Err: audit.ErrBadCursor}
	}
	values := []any{d.timeArg(p.Time.UnixMicro()), d.idArg(id)}
	if len(o.columns) == 3 {
		values = append([]any{p.Key}, values...)
	}
	return values, nil
}

// by writes the ORDER BY list, each column behind the prefix.
func (o order) by(b *builder, prefix string) {
	for i, c := range o.columns {
		if i > 0 {
			b.WriteString(", ")
		}
		b.add(prefix, c)
		if o.descending {
			b.WriteString(" DESC")
		}
	}
}
