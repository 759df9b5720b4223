package gormstore

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/gormtrail/audit"
)

// A page goes on behind the values that the database has sorted by: those of the
// columns, not those that the entry shows. They differ if a row is damaged, and a page
// that went on behind the shown ones would begin again, or leave others out.

// rawColumn keeps a value as the driver gave it.
type rawColumn struct{ value any }

// Scan implements sql.Scanner.
func (c *rawColumn) Scan(src any) error {
	c.value = rawOf(src)
	return nil
}

// rawOf is a value that outlives the row.
func rawOf(src any) any {
	if b, ok := src.([]byte); ok {
		return bytes.Clone(b)
	}
	return src
}

// position is the place of the row at hand in an order of texts and times, whose first
// column, if it isn't the time, is read into key.
func (s *scanner) position(o order, key any, database string) audit.Position {
	p := audit.Position{Time: s.time.t, ID: s.id.id}
	at := s.time.raw
	if database == "postgres" {
		at = rawPostgresTime(s.time.t)
	}
	ordinary := at == nil && s.id.raw == nil
	switch x := key.(type) {
	case nil:
	case string:
		p.Key = x
	case []byte:
		p.Key = string(x)
		ordinary = ordinary && database != "sqlite" // a text is a string there
	default:
		ordinary = false
	}
	if ordinary {
		return p
	}
	return rawPosition(s.rawValues(o, key, at, database))
}

// rawValues are the values of the order's columns; at is the time, if it isn't one.
func (s *scanner) rawValues(o order, key, at any, database string) []any {
	values := []any{at, s.id.raw}
	if at == nil {
		values[0] = s.time.t.UnixMicro()
		if database == "postgres" {
			values[0] = postgresTime(s.time.t)
		}
	}
	if id, err := parseID(s.id.id); err == nil {
		values[1] = id[:]
		if database == "postgres" {
			values[1] = s.id.id
		}
	}
	if len(o.columns) == 3 {
		values = append([]any{key}, values...)
	}
	return values
}

// rawKey begins a position's key that holds the values of all of an order's columns.
// No text that is sorted by begins so.
const rawKey = "\x00"

// rawValue is a value with its type, which SQLite doesn't insist on.
type rawValue struct {
	Int   *int64  `json:"i,omitempty"`
	Float *string `json:"f,omitempty"` // JSON has no infinity
	Text  *string `json:"t,omitempty"` // base64
	Bytes *string `json:"b,omitempty"` // base64
}

func newRawValue(v any) (r rawValue) {
	encode := func(b []byte) *string {
		s := base64.RawStdEncoding.EncodeToString(b)
		return &s
	}
	switch x := v.(type) {
	case int64:
		r.Int = &x
	case float64:
		text := strconv.FormatFloat(x, 'g', -1, 64)
		r.Float = &text
	case string:
		r.Text = encode([]byte(x))
	case []byte:
		r.Bytes = encode(x)
	}
	return r
}

func (r rawValue) arg() (any, error) {
	decode := func(s string) ([]byte, error) { return base64.RawStdEncoding.DecodeString(s) }
	switch {
	case r.Int != nil:
		return *r.Int, nil
	case r.Float != nil:
		return strconv.ParseFloat(*r.Float, 64)
	case r.Text != nil:
		b, err := decode(*r.Text)
		return string(b), err
	case r.Bytes != nil:
		return decode(*r.Bytes)
	}
	return nil, nil
}

// rawPosition is the position of values of any type.
func rawPosition(values []any) audit.Position {
	list := make([]rawValue, len(values))
	for i, v := range values {
		list[i] = newRawValue(v)
	}
	text, _ := json.Marshal(list) // of texts and numbers of a database: can't fail
	return audit.Position{Key: rawKey + string(text)}
}

// rawArgs are the values of such a position.
func rawArgs(p audit.Position, columns int) ([]any, error) {
	bad := &audit.QueryError{Param: "cursor", Reason: "it is damaged", Err: audit.ErrBadCursor}
	var list []rawValue
	if err := json.Unmarshal([]byte(strings.TrimPrefix(p.Key, rawKey)), &list); err != nil || len(list) != columns {
		return nil, bad
	}
	args := make([]any, len(list))
	for i, r := range list {
		var err error
		if args[i], err = r.arg(); err != nil {
			return nil, bad
		}
	}
	return args, nil
}
