package row

import (
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage"
)

// A page continues after the values that the database sorted by: those of the columns,
// not those that the entry shows. They differ if a row is damaged. A page that
// continued after the shown values would start over or skip entries.

// Position is the position of the current row in an order by time and ID.
func (s *Scanner) Position(f Format) storage.Position {
	p, at := s.timePosition(f)
	if at == nil && s.id.raw == nil {
		return p
	}
	return rawPosition(s.rawValues(f, at))
}

// KeyPosition is the position of the current row in an order by key, time and ID.
func (s *Scanner) KeyPosition(f Format, key *RawColumn) storage.Position {
	p, at := s.timePosition(f)
	text, ok := key.Text(f)
	if ordinary := ok || key.value == nil; ordinary && at == nil && s.id.raw == nil {
		p.Key = text
		return p
	}
	return rawPosition(append([]any{key.value}, s.rawValues(f, at)...))
}

// timePosition is the position of a row that isn't damaged, and the stored time if no
// entry can have it.
func (s *Scanner) timePosition(f Format) (p storage.Position, at any) {
	if at = s.time.raw; f == Postgres {
		at = impossibleTime(s.time.Time)
	}
	return storage.Position{Time: s.time.Time, ID: s.id.id}, at
}

// rawValues are time and ID as parameters; at is the time if no entry can have it.
func (s *Scanner) rawValues(f Format, at any) []any {
	values := []any{at, s.id.raw}
	if at == nil {
		values[0] = f.TimeArg(s.time.Time.UnixMicro())
	}
	if id, err := ParseID(s.id.id); err == nil {
		values[1] = f.IDArg(id)
	}
	return values
}

// rawKey begins the key of a position that holds the values of all columns of the
// order. No text that entries are sorted by begins with it.
const rawKey = "\x00"

// rawValue is a value with its type, which SQLite doesn't tie to the column.
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
func rawPosition(values []any) storage.Position {
	list := make([]rawValue, len(values))
	for i, v := range values {
		list[i] = newRawValue(v)
	}
	text, _ := json.Marshal(list) // texts and numbers: can't fail
	return storage.Position{Key: rawKey + string(text)}
}

// IsRaw reports whether a position is that of a damaged row.
func IsRaw(p storage.Position) bool { return strings.HasPrefix(p.Key, rawKey) }

// RawArgs are the parameters of such a position in an order of that many columns. Its
// error unwraps to audit.ErrBadCursor.
func RawArgs(p storage.Position, columns int) ([]any, error) {
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
