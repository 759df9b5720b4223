package hooks

import (
	"errors"
	"fmt"
	"strings"

	"gorm.io/gorm"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/hooks/internal/sqltext"
)

// ErrTrailWrite is what errors.Is finds in a TrailWriteError.
var ErrTrailWrite = errors.New("hooks: a statement that writes the audit log's own tables is refused")

// TrailWriteError is the error of a statement that would change, empty or drop
// one of the audit log's own tables. Nothing of it has run.
type TrailWriteError struct {
	Table string // as the statement names it
	Verb  string // "DELETE", "DROP", …
}

func (e *TrailWriteError) Error() string {
	return fmt.Sprintf("hooks: %s of the audit log's own table %q is refused (hooks.Options.TrailWrites allows it)", e.Verb, e.Table)
}

// Is reports whether target is ErrTrailWrite.
func (e *TrailWriteError) Is(target error) bool { return target == ErrTrailWrite }

// protect notes the tables of the log and of its outbox.
func (p *Plugin) protect(stores ...audit.Store) {
	for _, s := range stores {
		a, ok := s.(audit.TxAppender)
		if !ok {
			continue
		}
		for _, name := range a.Tables() {
			p.own[name] = true
			p.trailTables = append(p.trailTables, strings.ToLower(name[strings.LastIndexByte(name, '.')+1:]))
		}
	}
}

// isTrail reports whether a table is the log's own, whatever schema it is said to
// be in.
func (p *Plugin) isTrail(_, table string) bool {
	for _, own := range p.trailTables {
		if len(table) >= len(own) && strings.EqualFold(table[:len(own)], own) && isPartition(table[len(own):]) {
			return true
		}
	}
	return false
}

// isPartition: "", "_default" and "_p202601" are what gormstore adds to a table's
// name.
func isPartition(suffix string) bool {
	suffix = strings.ToLower(suffix)
	if suffix == "" || suffix == "_default" {
		return true
	}
	digits, ok := strings.CutPrefix(suffix, "_p")
	return ok && len(digits) == len("202601") && strings.Trim(digits, "0123456789") == ""
}

// trailWrite refuses a text that writes a table of the log.
func (p *Plugin) trailWrite(t sqltext.Text, query string) error {
	if p.opts.TrailWrites {
		return nil
	}
	if target, found := t.Target(p.isTrail); found {
		return &TrailWriteError{Table: target.Table, Verb: target.Verb}
	}
	if !t.Opaque {
		return nil
	}
	query = strings.ToLower(query)
	for _, own := range p.trailTables {
		if strings.Contains(query, own) {
			return &TrailWriteError{Table: own, Verb: t.Verb}
		}
	}
	return nil
}

// refusesModel refuses a create, update or delete whose model is a table of the
// log.
func (p *Plugin) refusesModel(stmt *gorm.Statement, op operation) error {
	if p.opts.TrailWrites || aliased(stmt) || !p.isTrail("", stmt.Table[strings.LastIndexByte(stmt.Table, '.')+1:]) {
		return nil
	}
	return &TrailWriteError{Table: stmt.Table, Verb: [...]string{"INSERT", "UPDATE", "DELETE"}[op]}
}

// captured is headOf for a statement that GORM built, unless it writes a table of
// the log: its text may name another table than its model, and hold a second
// statement.
func (p *Plugin) captured(query string, rules sqltext.Dialect) (statement, error) {
	h := headOf(query, p.dialect.sql())
	if p.opts.TrailWrites {
		return h, nil
	}
	if h.table != "" && p.isTrail(h.schema, h.table) {
		return h, &TrailWriteError{Table: h.table, Verb: h.verb}
	}
	if h.joined || strings.IndexByte(query, ';') >= 0 || query != "" && query[0]|0x20 == 'w' {
		return h, p.trailWrite(sqltext.Read(query, rules), query)
	}
	return h, nil
}
