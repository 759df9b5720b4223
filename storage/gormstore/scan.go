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
	form     int
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
		&s.id, &s.form, &s.time, &e.Tenant, &e.Project,
		&e.Actor.Type, &e.Actor.ID, &e.Actor.Name, &e.Actor.Email,
		&e.Action, &s.outcome, &e.Object.Type, &e.Object.ID, &e.Object.Name, &e.Object.Product,
		&e.Request.IP, &e.Request.ID, &e.Request.Method, &e.Request.Path, &e.Request.UserAgent, &e.TransactionID,
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
	e.OnBehalfOf, e.Changes = nil, nil
	if len(s.behalf) > 0 {
		var a behalfForm
		if err := json.Unmarshal(s.behalf, &a); err != nil {
			return fmt.Errorf("on_behalf_of: %w", err)
		}
		e.OnBehalfOf = (*audit.Actor)(&a)
	}
	if len(s.changes) > 0 {
		if err := json.Unmarshal(s.changes, &e.Changes); err != nil {
			return fmt.Errorf("changes: %w", err)
		}
	}
	e.Metadata, err = audit.DecodeMetadata(s.metadata)
	return err
}

// idColumn reads a UUID as 16 bytes or as text.
type idColumn string

// Scan implements sql.Scanner.
func (c *idColumn) Scan(src any) error {
	var id uuid.UUID
	if err := id.Scan(src); err != nil {
		return err
	}
	*c = idColumn(id.String())
	return nil
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
