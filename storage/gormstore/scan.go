package gormstore

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/gormtrail/audit"
)

const formVersion = audit.FormVersion

// scanner reads entries from rows of readNames, or of briefNames. It is made once
// for a statement and used for each of its rows. It reads what it can of a damaged row,
// and says in Entry.Damaged what it can't.
type scanner struct {
	entry    audit.Entry
	id       idColumn
	time     timeColumn
	form     intColumn
	outcome  string
	behalf   sql.RawBytes
	changes  sql.RawBytes
	metadata sql.RawBytes
	dest     []any
	bad      []string // what can't be read of the row at hand
}

func newScanner(names []string) *scanner {
	s := &scanner{}
	e := &s.entry
	text := func(name string, to *string) *textColumn { return &textColumn{to, name, &s.bad} }
	s.id.bad, s.time.bad, s.form.bad = &s.bad, &s.bad, &s.bad
	s.dest = []any{
		&s.id, &s.form, &s.time, text("tenant", &e.Tenant), text("project", &e.Project),
		text("actor_type", &e.Actor.Type), text("actor_id", &e.Actor.ID), text("actor_name", &e.Actor.Name), text("actor_email", &e.Actor.Email),
		text("action", &e.Action), text("outcome", &s.outcome),
		text("object_type", &e.Object.Type), text("object_id", &e.Object.ID), text("object_name", &e.Object.Name), text("object_product", &e.Object.Product),
		text("ip", &e.Request.IP), text("request_id", &e.Request.ID), text("method", &e.Request.Method), text("path", &e.Request.Path),
		text("user_agent", &e.Request.UserAgent), text("transaction_id", &e.TransactionID),
		&s.behalf, text("error", &e.Error), text("comment", &e.Comment), &s.changes, &s.metadata,
	}[:len(names)]
	return s
}

func (s *scanner) scan(rows *sql.Rows) (audit.Entry, error) {
	s.bad = s.bad[:0]
	if err := rows.Scan(s.dest...); err != nil {
		return audit.Entry{}, err
	}
	e := s.entry
	e.ID, e.Time, e.Outcome = s.id.id, s.time.shown(), audit.Outcome(s.outcome)
	s.decode(&e)
	switch e.Outcome {
	case audit.Success, audit.Failure, audit.Denied:
	default:
		e.Outcome = audit.Failure // "" would say that it worked
		s.bad = append(s.bad, "outcome")
	}
	if e.Action == "" {
		s.bad = append(s.bad, "action")
	}
	e.Damaged = s.damaged()
	return e, nil
}

// damaged is Entry.Damaged of the row at hand. It has no values, which a reader may
// not be allowed to see.
func (s *scanner) damaged() string {
	known := s.form.n >= 1 && s.form.n <= formVersion
	if len(s.bad) == 0 && known {
		return ""
	}
	slices.Sort(s.bad)
	what := strings.Join(slices.Compact(s.bad), ", ")
	if known {
		return "cannot be read: " + what
	}
	form := fmt.Sprintf("is stored in form %d, and this version reads 1 to %d", s.form.n, formVersion)
	if what != "" {
		form += "; cannot be read: " + what
	}
	return form
}

func (s *scanner) decode(e *audit.Entry) {
	var err error
	e.OnBehalfOf, e.Changes, e.Metadata = nil, nil, nil
	if raw := s.valid("on_behalf_of", s.behalf); len(raw) > 0 {
		var a behalfForm
		if err := json.Unmarshal(raw, &a); err != nil {
			s.bad = append(s.bad, "on_behalf_of")
		} else {
			e.OnBehalfOf = &audit.Actor{Type: audit.CleanName(a.Type), ID: audit.CleanName(a.ID), Name: audit.CleanName(a.Name), Email: audit.CleanName(a.Email)}
		}
	}
	if e.Changes, err = audit.DecodeChanges(s.valid("changes", s.changes)); err != nil {
		s.bad, e.Changes = append(s.bad, "changes"), nil
	}
	for _, c := range e.Changes {
		if c.Field == "" || c.Op != audit.OpReplace && c.Op != audit.OpAdd && c.Op != audit.OpRemove {
			s.bad = append(s.bad, "changes")
		}
	}
	if e.Metadata, err = audit.DecodeMetadata(s.valid("metadata", s.metadata)); err != nil {
		s.bad, e.Metadata = append(s.bad, "metadata"), nil
	}
}

// valid returns JSON as it is, or without the bytes that aren't UTF-8.
func (s *scanner) valid(name string, raw []byte) []byte {
	if utf8.Valid(raw) {
		return raw
	}
	s.bad = append(s.bad, name)
	return bytes.ToValidUTF8(raw, []byte("\ufffd"))
}

// sameColumn reads a text that often equals the row's before, and then shares
// its memory: a page has a handful of users, types and actions.
type sameColumn string

// Scan implements sql.Scanner.
func (c *sameColumn) Scan(src any) error {
	s, _ := columnText(src, string(*c))
	*c = sameColumn(s)
	return nil
}

// columnText is a value as text: the row's before if it equals that. ok is false if it is
// no text.
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

// textColumn is sameColumn for a text of an entry, made fit to be shown.
type textColumn struct {
	to   *string
	name string
	bad  *[]string
}

// Scan implements sql.Scanner.
func (c *textColumn) Scan(src any) error {
	s, ok := columnText(src, *c.to)
	if ok && s == *c.to {
		return nil // it was clean
	}
	if clean := audit.CleanText(s); !ok || clean != s {
		s = clean
		*c.bad = append(*c.bad, c.name)
	}
	*c.to = s
	return nil
}

// intColumn reads a small number, without the way through text that
// database/sql takes to an int. Of anything else it is 0.
type intColumn struct {
	n   int64
	bad *[]string
}

// Scan implements sql.Scanner.
func (c *intColumn) Scan(src any) error {
	var err error
	switch v := src.(type) {
	case int64:
		c.n = v
	case []byte:
		c.n, err = strconv.ParseInt(string(v), 10, 64)
	default:
		err = errColumn
	}
	if err != nil {
		c.n = 0
		*c.bad = append(*c.bad, "form")
	}
	return nil
}

var errColumn = errors.New("a value of another type")

// idColumn reads a UUID as 16 bytes or as text. Of anything else it is "".
type idColumn struct {
	id  string
	raw any // what can't be read; nil: it can
	bad *[]string
}

// Scan implements sql.Scanner.
func (c *idColumn) Scan(src any) error {
	c.raw = nil
	if s, ok := src.(string); ok && isUUIDText(s) {
		c.id = s
		return nil
	}
	var id uuid.UUID
	if err := id.Scan(src); err != nil || src == nil {
		c.id, c.raw = "", rawOf(src)
		*c.bad = append(*c.bad, "id")
		return nil
	}
	c.id = id.String()
	return nil
}

// isUUIDText reports whether s is a UUID as it is written here: lower case.
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

// timeColumn reads microseconds or a time. Of anything else it is the zero time.
type timeColumn struct {
	t   time.Time
	raw any       // what is no time; nil: it is one
	bad *[]string // nil: nobody asks
}

// Scan implements sql.Scanner.
func (c *timeColumn) Scan(src any) error {
	var err error
	switch v := src.(type) {
	case int64:
		c.t = time.UnixMicro(v).UTC()
	case time.Time:
		c.t = v.UTC()
	case []byte:
		err = c.parse(string(v))
	case string:
		err = c.parse(v)
	default:
		err = errColumn
	}
	if c.raw = nil; err != nil {
		c.t, c.raw = time.Time{}, rawOf(src)
	}
	if y := c.t.Year(); c.bad != nil && (err != nil || y < 1 || y > 9999) {
		*c.bad = append(*c.bad, "time")
	}
	return nil
}

func (c *timeColumn) parse(s string) error {
	micros, err := strconv.ParseInt(s, 10, 64)
	c.t = time.UnixMicro(micros).UTC()
	return err
}

// shown is the time as an entry can have it.
func (c *timeColumn) shown() time.Time {
	if y := c.t.Year(); y < 1 || y > 9999 {
		return time.Time{}
	}
	return c.t
}
