package row

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage"
)

// Scanner decodes entries from the rows of one statement. Of a damaged row it decodes
// what it can, and Entry.Damaged names the rest.
type Scanner struct {
	entry    audit.Entry
	id       idColumn
	time     TimeColumn
	form     formColumn
	outcome  string
	behalf   sql.RawBytes
	changes  sql.RawBytes
	metadata sql.RawBytes
	dest     []any
	bad      []string // damaged columns of the current row
}

// NewScanner returns a Scanner of rows of names, which are schema.ReadNames or schema.BriefNames,
// followed by columns that are scanned into more.
func NewScanner(names []string, more ...any) *Scanner {
	s := &Scanner{}
	e := &s.entry
	text := func(name string, to *string) *entryText { return &entryText{to, name, &s.bad} }
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
	s.dest = append(s.dest, more...)
	return s
}

// Scan decodes the current row.
func (s *Scanner) Scan(rows *sql.Rows) (audit.Entry, error) {
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
		e.Outcome = audit.Failure // "" would mean success
		s.bad = append(s.bad, "outcome")
	}
	if e.Action == "" {
		s.bad = append(s.bad, "action")
	}
	e.Damaged = s.damaged()
	return e, nil
}

// damaged is Entry.Damaged of the current row. It names columns, never values, which
// a reader may not be allowed to see.
func (s *Scanner) damaged() string {
	known := s.form.n >= 1 && s.form.n <= FormVersion
	if len(s.bad) == 0 && known {
		return ""
	}
	slices.Sort(s.bad)
	what := strings.Join(slices.Compact(s.bad), ", ")
	if known {
		return "cannot be read: " + what
	}
	form := fmt.Sprintf("is stored in form %d, and this version reads 1 to %d", s.form.n, FormVersion)
	if what != "" {
		form += "; cannot be read: " + what
	}
	return form
}

func (s *Scanner) decode(e *audit.Entry) {
	var err error
	e.OnBehalfOf, e.Changes, e.Metadata = nil, nil, nil
	if raw := s.valid("on_behalf_of", s.behalf); len(raw) > 0 {
		var a behalfForm
		if err := json.Unmarshal(raw, &a); err != nil {
			s.bad = append(s.bad, "on_behalf_of")
		} else {
			e.OnBehalfOf = &audit.Actor{Type: storage.CleanName(a.Type), ID: storage.CleanName(a.ID), Name: storage.CleanName(a.Name), Email: storage.CleanName(a.Email)}
		}
	}
	if e.Changes, err = storage.DecodeChanges(s.valid("changes", s.changes)); err != nil {
		s.bad, e.Changes = append(s.bad, "changes"), nil
	}
	for _, c := range e.Changes {
		if c.Field == "" || c.Op != audit.OpReplace && c.Op != audit.OpAdd && c.Op != audit.OpRemove {
			s.bad = append(s.bad, "changes")
		}
	}
	if e.Metadata, err = storage.DecodeMetadata(s.valid("metadata", s.metadata)); err != nil {
		s.bad, e.Metadata = append(s.bad, "metadata"), nil
	}
}

// valid returns JSON as it is, or with invalid UTF-8 replaced.
func (s *Scanner) valid(name string, raw []byte) []byte {
	if utf8.Valid(raw) {
		return raw
	}
	s.bad = append(s.bad, name)
	return bytes.ToValidUTF8(raw, []byte("\ufffd"))
}
