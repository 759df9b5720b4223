package gormstore

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/gormtrail/audit"
)

const formVersion = audit.FormVersion

// scanner reads entries from rows of readNames, or of briefNames. It is made once
// for a statement and used for each of its rows.
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
}

func newScanner(names []string) *scanner {
	s := &scanner{}
	e := &s.entry
	s.dest = []any{
		&s.id, &s.form, &s.time, same(&e.Tenant), same(&e.Project),
		same(&e.Actor.Type), same(&e.Actor.ID), same(&e.Actor.Name), same(&e.Actor.Email),
		same(&e.Action), same(&s.outcome), same(&e.Object.Type), &e.Object.ID, &e.Object.Name, same(&e.Object.Product),
		&e.Request.IP, &e.Request.ID, same(&e.Request.Method), same(&e.Request.Path), same(&e.Request.UserAgent), &e.TransactionID,
		&s.behalf, &e.Error, &e.Comment, &s.changes, &s.metadata,
	}[:len(names)]
	return s
}
func (s *scanner) scan(rows *sql.Rows) (audit.Entry, error) {
	if err := rows.Scan(s.dest...); err != nil {
		return audit.Entry{}, err
	}
	if s.form < 1 || s.form > formVersion {
		return audit.Entry{}, fmt.Errorf("gormstore: entry %s has form %d; this library reads 1 to %d", s.id, s.form, formVersion)
	}
	e := s.entry
	e.ID, e.Time, e.Outcome = string(s.id), time.Time(s.time), audit.Outcome(s.outcome)
	if err := s.decode(&e); err != nil {
		return audit.Entry{}, fmt.Errorf("gormstore: entry %s: %w", e.ID, err)
	}
	return e, nil
}

func (s *scanner) decode(e *audit.Entry) (err error) {
	e.OnBehalfOf = nil
	if len(s.behalf) > 0 {
		var a behalfForm
		if err := json.Unmarshal(s.behalf, &a); err != nil {
			return fmt.Errorf("on_behalf_of: %w", err)
		}
		e.OnBehalfOf = (*audit.Actor)(&a)
	}
	if e.Changes, err = audit.DecodeChanges(s.changes); err != nil {
		return fmt.Errorf("changes: %w", err)
	}
	e.Metadata, err = audit.DecodeMetadata(s.metadata)
	return err
}

// sameColumn reads a text that often equals the row's before, and then shares
// its memory: a page has a handful of users, types and actions.
type sameColumn string

func same(s *string) *sameColumn { return (*sameColumn)(s) }

// Scan implements sql.Scanner.
func (c *sameColumn) Scan(src any) error {
	switch v := src.(type) {
	case string:
		if v != string(*c) {
			*c = sameColumn(v)
		}
	case []byte:
		if string(v) != string(*c) {
			*c = sameColumn(v)
		}
	default:
		return fmt.Errorf("a text can't be read from a %T", src)
	}
	return nil
}

// intColumn reads a small number, without the way through text that
// database/sql takes to an int.
type intColumn int64

// Scan implements sql.Scanner.
func (c *intColumn) Scan(src any) error {
	switch v := src.(type) {
	case int64:
		*c = intColumn(v)
	case []byte:
		n, err := strconv.ParseInt(string(v), 10, 64)
		*c = intColumn(n)
		return err
	default:
		return fmt.Errorf("a number can't be read from a %T", src)
	}
	return nil
}

// idColumn reads a UUID as 16 bytes or as text.
type idColumn string

// Scan implements sql.Scanner.
func (c *idColumn) Scan(src any) error {
	if s, ok := src.(string); ok && isUUIDText(s) {
		*c = idColumn(s)
		return nil
	}
	var id uuid.UUID
	if err := id.Scan(src); err != nil {
		return err
	}
	*c = idColumn(id.String())
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

// timeColumn reads microseconds or a time.
type timeColumn time.Time

// Scan implements sql.Scanner.
func (c *timeColumn) Scan(src any) error {
	switch v := src.(type) {
	case int64:
		*c = timeColumn(time.UnixMicro(v).UTC())
	case time.Time:
		*c = timeColumn(v.UTC())
	case []byte:
		return c.parse(string(v))
	case string:
		return c.parse(v)
	default:
		return fmt.Errorf("a time can't be read from a %T", src)
	}
	return nil
}

func (c *timeColumn) parse(s string) error {
	micros, err := strconv.ParseInt(s, 10, 64)
	*c = timeColumn(time.UnixMicro(micros).UTC())
	return err
}
