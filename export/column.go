package export

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gormtrail/audit"
)

// Column is one column of a table: a header and a function of the entry.
type Column struct {
	// Name is what Columns finds a built-in column by. A host's own column
	// needs none.
	Name string
	// Header is its label, translated by Options.Labels.
	Header string
	// Value is the cell. Its type says how it is shown: string; time.Time in
	// the report's zone; Action and Attempt as a coloured pill and ObjectType by
	// its label; []audit.Change a line each; bool, integers and floats as numbers;
	// nil as an empty cell; anything else as JSON.
	Value func(e audit.Entry) any
	// Width is its share of a page beside the other columns. Default: 1.
	Width float64
}

// Action is a cell that holds an action's name.
type Action string

// Attempt is a cell that holds the name of an action that didn't succeed.
type Attempt struct {
	Action  Action
	Outcome audit.Outcome
}

// ObjectType is a cell that holds the name of a type of object.
type ObjectType string

// DefaultColumns are timestamp, object type, ID, action, changes, performed by
// and IP address.
func DefaultColumns() []Column {
	columns, err := Columns("time", "type", "record", "action", "changes", "user", "ip")
	if err != nil {
		panic(err) // names of our own
	}
	return columns
}

// Columns returns the built-in columns of these names, in that order: time,
// type, record, name, product, tenant, project, action, outcome, error,
// comment, changes, user, actor_type, actor, on_behalf_of, ip, user_agent,
// request, method, path, transaction, metadata, entry. An unknown name is an
// error that lists them.
func Columns(names ...string) ([]Column, error) {
	all := AllColumns()
	columns := make([]Column, 0, len(names))
	for _, name := range names {
		i := slices.IndexFunc(all, func(c Column) bool { return c.Name == name })
		if i < 0 {
			known := make([]string, len(all))
			for k, c := range all {
				known[k] = c.Name
			}
			return nil, fmt.Errorf("export: %q is not a column; there are %s", name, strings.Join(known, ", "))
		}
		columns = append(columns, all[i])
	}
	return columns, nil
}

// AllColumns returns every built-in column.
func AllColumns() []Column {
	return []Column{
		{"time", "Timestamp", func(e audit.Entry) any { return e.Time }, 1.3},
		{"type", "Object type", func(e audit.Entry) any { return ObjectType(e.Object.Type) }, 1.1},
		{"record", "ID", func(e audit.Entry) any { return e.Object.ID }, 0.9},
		{"name", "Object name", func(e audit.Entry) any { return e.Object.Name }, 1.3},
		{"product", "Product", func(e audit.Entry) any { return e.Object.Product }, 1},
		{"tenant", "Tenant", func(e audit.Entry) any { return e.Tenant }, 1},
		{"project", "Project", func(e audit.Entry) any { return e.Project }, 1},
		{"action", "Action", action, 0.9},
		{"outcome", "Outcome", outcome, 0.8},
		{"error", "Error", func(e audit.Entry) any { return e.Error }, 1.5},
		{"comment", "Comment", func(e audit.Entry) any { return e.Comment }, 1.5},
		{"changes", "Changes", changes, 3.2},
		{"user", "Performed by", func(e audit.Entry) any { return actorText(e.Actor) }, 1.6},
		{"actor_type", "Actor type", func(e audit.Entry) any { return e.Actor.Type }, 0.8},
		{"actor", "Actor ID", func(e audit.Entry) any { return e.Actor.ID }, 1},
		{"on_behalf_of", "On behalf of", onBehalfOf, 1.6},
		{"ip", "IP address", func(e audit.Entry) any { return e.Request.IP }, 1.1},
		{"user_agent", "User agent", func(e audit.Entry) any { return e.Request.UserAgent }, 2},
		{"request", "Request ID", func(e audit.Entry) any { return e.Request.ID }, 1.3},
		{"method", "Method", func(e audit.Entry) any { return e.Request.Method }, 0.6},
		{"path", "Path", func(e audit.Entry) any { return e.Request.Path }, 1.5},
		{"transaction", "Transaction", func(e audit.Entry) any { return e.TransactionID }, 1.3},
		{"metadata", "Metadata", metadata, 2.5},
		{"entry", "Entry ID", func(e audit.Entry) any { return e.ID }, 1.5},
	}
}

// changes begins with what can't be read of a damaged entry, so that its row doesn't
// look whole.
func changes(e audit.Entry) any {
	if e.Damaged == "" {
		return e.Changes
	}
	note := audit.Change{Field: "[damaged entry]", Op: audit.OpAdd, New: e.Damaged}
	return append([]audit.Change{note}, e.Changes...)
}

// actorText names an actor by what is known of it.
func actorText(a audit.Actor) string {
	if user := a.User(); user != "" {
		return user
	}
	return a.ID
}

func onBehalfOf(e audit.Entry) any {
	if e.OnBehalfOf == nil {
		return nil
	}
	return actorText(*e.OnBehalfOf)
}

// action says in a label how the entry ended.
func action(e audit.Entry) any {
	if e.Outcome == audit.Failure || e.Outcome == audit.Denied {
		return Attempt{Action(e.Action), e.Outcome}
	}
	return Action(e.Action)
}

// outcome reads "" as Success, as the whole library does.
func outcome(e audit.Entry) any {
	if e.Outcome == "" {
		return string(audit.Success)
	}
	return string(e.Outcome)
}

func metadata(e audit.Entry) any {
	if len(e.Metadata) == 0 {
		return nil
	}
	return e.Metadata
}
