package row

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/gormtrail/audit/storage"
)

// TextColumn reads a text that often equals that of the preceding row, and then
// shares its memory: a page has a handful of users, types and actions.
type TextColumn string

// Scan implements sql.Scanner.
func (c *TextColumn) Scan(src any) error {
	s, _ := columnText(src, string(*c))
	*c = TextColumn(s)
	return nil
}

// columnText is a value as text. It returns before, the text of the preceding row, if
// the value equals that. ok is false if the value is not a text.
func columnText(src any, before string) (s string, ok bool) {
	switch v := src.(type) {
	case string:
		if v == before {
			return before, true
		}
		return v, true
	case []byte:
		if string(v) == before {
			return before, true
		}
		return string(v), true
	case nil:
		return "", false
	}
	return fmt.Sprint(src), false
}

// entryText reads a text of an entry like TextColumn, and replaces what can't be
// shown.
type entryText struct {
	to   *string
	name string
	bad  *[]string
}

// Scan implements sql.Scanner.
func (c *entryText) Scan(src any) error {
	s, ok := columnText(src, *c.to)
	if ok && s == *c.to {
		return nil // it was clean
	}
	if clean := storage.CleanText(s); !ok || clean != s {
		s = clean
		*c.bad = append(*c.bad, c.name)
	}
	*c.to = s
	return nil
}

// formColumn reads a small number, without the conversion to text that database/sql
// makes for an int. Any other value reads as 0.
type formColumn struct {
	n   int64
	bad *[]string
}

// Scan implements sql.Scanner.
func (c *formColumn) Scan(src any) error {
	var err error
	switch v := src.(type) {
	case int64:
		c.n = v
	case []byte:
		c.n, err = strconv.ParseInt(string(v), 10, 64)
	default:
		err = errType
	}
	if err != nil {
		c.n = 0
		*c.bad = append(*c.bad, "form")
	}
	return nil
}

var errType = errors.New("a value of another type")

// idColumn reads a UUID of 16 bytes or 36 characters. Any other value, for which no
// query by ID finds the row, reads as "".
type idColumn struct {
	id  string
	raw any // the value, if it is not a UUID
	bad *[]string
}

// Scan implements sql.Scanner.
func (c *idColumn) Scan(src any) error {
	var id uuid.UUID
	err := errType
	switch v := src.(type) {
	case string:
		if isUUIDText(v) { // nearly always
			c.id, c.raw = v, nil
			return nil
		}
		id, err = ParseID(v)
	case []byte:
		if len(v) == len(id) {
			copy(id[:], v)
			err = nil
		} else {
			id, err = ParseID(string(v))
		}
	}
	if err != nil {
		c.id, c.raw = "", cloneValue(src)
		*c.bad = append(*c.bad, "id")
		return nil
	}
	c.id, c.raw = id.String(), nil
	return nil
}

// isUUIDText reports whether s is a UUID in lower case.
func isUUIDText(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if c != '-' {
				return false
			}
		case ('0' > c || c > '9') && ('a' > c || c > 'f'):
			return false
		}
	}
	return true
}

// TimeColumn reads microseconds or a time. Any other value reads as the zero time.
type TimeColumn struct {
	Time time.Time
	raw  any       // the value, if it is not a time
	bad  *[]string // nil: nobody asks
}

// Scan implements sql.Scanner.
func (c *TimeColumn) Scan(src any) error {
	var err error
	switch v := src.(type) {
	case int64:
		c.Time = time.UnixMicro(v).UTC()
	case time.Time:
		c.Time = v.UTC()
	case []byte:
		err = c.parse(string(v))
	case string:
		err = c.parse(v)
	default:
		err = errType
	}
	if c.raw = nil; err != nil {
		c.Time, c.raw = time.Time{}, cloneValue(src)
	}
	if c.bad != nil && (err != nil || !possible(c.Time)) {
		*c.bad = append(*c.bad, "time")
	}
	return nil
}

func (c *TimeColumn) parse(s string) error {
	micros, err := strconv.ParseInt(s, 10, 64)
	c.Time = time.UnixMicro(micros).UTC()
	return err
}

// shown is the time as an entry can have it: zero if it can't.
func (c *TimeColumn) shown() time.Time {
	if !possible(c.Time) {
		return time.Time{}
	}
	return c.Time
}

// possible reports whether an entry can have the time.
func possible(t time.Time) bool { return 1 <= t.Year() && t.Year() <= 9999 }

// RawColumn keeps a value as the driver returned it.
type RawColumn struct{ value any }

// Scan implements sql.Scanner.
func (c *RawColumn) Scan(src any) error {
	c.value = cloneValue(src)
	return nil
}

// Text returns the value as text. ok is false if it is not stored as text, so that no
// comparison with a text finds it.
func (c *RawColumn) Text(f Format) (s string, ok bool) {
	s, ok = columnText(c.value, "")
	if _, blob := c.value.([]byte); blob && f == SQLite {
		ok = false // its texts are strings
	}
	return s, ok
}

// cloneValue is a value that outlives the row.
func cloneValue(src any) any {
	if b, ok := src.([]byte); ok {
		return bytes.Clone(b)
	}
	return src
}
