package gormstore

import (
	"strconv"
	"strings"

	"github.com/gormtrail/audit/storage/gormstore/internal/row"
	"github.com/gormtrail/audit/storage/gormstore/internal/schema"
)

// insertValues writes an INSERT of VALUES between head and tail. Fewer parameters cost
// less to parse and to bind: a column that is empty in all rows has none, and with
// numbered parameters (?1) the shared texts are sent once.
func insertValues(b row.Batch, head, tail string, numbered bool) (string, []any) {
	numbered = numbered && b.Alike && len(b.Rows) > 1
	args := make([]any, 0, len(b.Rows)*len(schema.InsertNames))
	values := make([]byte, 0, 128)
	values = append(append(values, '('), strconv.Itoa(row.FormVersion)...)
	var own []int // the columns of which each row has a parameter
	for i := range row.TextCount {
		switch {
		case b.Empty(i):
			values = append(values, ",''"...)
		case numbered && i < row.SharedCount:
			args = append(args, b.Texts[0][i])
			values = append(append(values, ",?"...), strconv.Itoa(len(args))...)
		default:
			own = append(own, i)
			values = append(values, ",?"...)
		}
	}
	values = append(values, ",?,?,?),"...)
	for i := range b.Rows {
		for _, column := range own {
			args = append(args, b.Texts[i][column])
		}
		r := &b.Rows[i]
		args = append(args, r.ID[:], r.Time, r.Salt[:])
	}
	return head + strings.TrimSuffix(strings.Repeat(string(values), len(b.Rows)), ",") + tail, args
}
