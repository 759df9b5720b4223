package gormstore

import (
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"github.com/gormtrail/audit/storage/gormstore/internal/row"
	"github.com/gormtrail/audit/storage/gormstore/internal/schema"
)

// postgresInserts are the INSERTs of one row and of many. The text of many is
// the same for any number of them, so that the server plans it once.
type postgresInserts struct {
	one   string
	alike string // what the rows have in common is a value, all else a list
	apart string // every column is a list
}

// once ends an INSERT that passes over stored IDs.
const once = " ON CONFLICT (id) DO NOTHING"

func newPostgresInserts(t schema.Table, once string) postgresInserts {
	into := "INSERT INTO " + t.Quoted(`"`) + " (" + strings.Join(schema.InsertNames, ", ") + ") "
	return postgresInserts{
		one:   into + "VALUES (" + strings.Join(postgresValues(), ", ") + ")" + once,
		alike: into + "SELECT " + strings.Join(postgresLists(row.SharedCount), ", ") + once,
		apart: into + "SELECT " + strings.Join(postgresLists(0), ", ") + once,
	}
}

// postgresValues are the columns of one row, in the order of schema.InsertNames.
func postgresValues() []string {
	values := []string{strconv.Itoa(row.FormVersion)}
	for i, name := range schema.InsertNames[1:] {
		values = append(values, "$"+strconv.Itoa(i+1)+"::"+schema.PostgresType(name))
	}
	return values
}

// postgresLists are the columns of many rows that have the first texts in
// common.
//
// A list is sent as one text and taken apart by string_to_array, which costs the
// server and this side less than an array's own text, in which each quotation
// mark of the changes needs a backslash. The separator is the first parameter:
// one that is in none of the texts. Lists are unnested in a SELECT's own list and
// not in its FROM, which would write all rows to a buffer before the first is
// used.
func postgresLists(shared int) []string {
	lists := []string{strconv.Itoa(row.FormVersion)}
	for i, name := range schema.InsertNames[1:] {
		param := "$" + strconv.Itoa(i+2)
		switch kind := schema.PostgresType(name); {
		case i < shared:
			lists = append(lists, param+"::text")
		case kind == "text":
			lists = append(lists, "unnest(string_to_array("+param+", $1))")
		default:
			lists = append(lists, "unnest(string_to_array("+param+", $1)::"+kind+"[])")
		}
	}
	return lists
}

func (d *postgres) insert(rows []row.Row, strict bool) (string, []any) {
	inserts := &d.inserts
	if strict {
		inserts = &d.strict
	}
	b := row.NewBatch(rows)
	if len(rows) == 1 {
		r, args := &rows[0], make([]any, 0, len(schema.InsertNames))
		for _, text := range b.Texts[0] {
			args = append(args, text)
		}
		return inserts.one, append(args, r.Entry.ID, string(appendTime(nil, r.Time)), r.Salt[:])
	}
	separator := "\x1e"
	for n := 0; ; n++ {
		if args, ok := listArgs(b, separator); ok {
			if b.Alike {
				return inserts.alike, args
			}
			return inserts.apart, args
		}
		// The first character comes once in it, so that what stands before and
		// behind it can't make it appear elsewhere.
		separator = "\x1e" + strconv.Itoa(n)
	}
}

// listArgs are the parameters of an INSERT of many rows; ok is false if the separator
// is in one of the texts.
func listArgs(b row.Batch, separator string) (args []any, ok bool) {
	args = append(make([]any, 0, len(schema.InsertNames)), separator)
	shared := 0
	if b.Alike {
		for _, text := range b.Texts[0][:row.SharedCount] {
			args = append(args, text)
		}
		shared = row.SharedCount
	}
	column := make([]string, len(b.Rows))
	for i := shared; i < row.TextCount; i++ {
		for j := range b.Texts {
			column[j] = b.Texts[j][i]
		}
		list := strings.Join(column, separator)
		if strings.Count(list, separator) != len(b.Rows)-1 {
			return nil, false
		}
		args = append(args, list)
	}
	var ids, times, salts []byte
	for i := range b.Rows {
		r := &b.Rows[i]
		if i > 0 {
			ids, times, salts = append(ids, separator...), append(times, separator...), append(salts, separator...)
		}
		ids, times = append(ids, r.Entry.ID...), appendTime(times, r.Time)
		salts = hex.AppendEncode(append(salts, `\x`...), r.Salt[:])
	}
	return append(args, string(ids), string(times), string(salts)), true
}

// appendTime writes what timestamptz reads of the years 1 to 9999.
func appendTime(to []byte, micros int64) []byte {
	return time.UnixMicro(micros).UTC().AppendFormat(to, time.RFC3339Nano)
}
