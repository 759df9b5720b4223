package export

import (
	"fmt"
	"net/url"
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
	// the report's zone; Action and Attempt as a coloured pill, ObjectType and
	// audit.Outcome by their labels; []audit.Change a line each; bool, integers and floats as numbers;
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

// DefaultColumns are what happened to what, and by whom: time, outcome, action,
// type, name, record, changes, who, for, ip and comment.
func DefaultColumns() []Column {
	return builtIn("time", "outcome", "action", "type", "name", "record", "changes", "who", "for", "ip", "comment")
}

// FullColumns are the default ones and a column for every other field of an entry.
// Metadata and request are JSON.
func FullColumns() []Column {
	return withoutTwins(AllColumns())
}

// withoutTwins leaves out the columns that say less of a person than another one.
func withoutTwins(columns []Column) []Column {
	has := func(name string) bool {
		return slices.ContainsFunc(columns, func(c Column) bool { return c.Name == name })
	}
	who, onBehalf := has("who"), has("for")
	return slices.DeleteFunc(slices.Clone(columns), func(c Column) bool {
		return c.Name == "user" && who || c.Name == "on_behalf_of" && onBehalf
	})
}

func builtIn(names ...string) []Column {
	columns, err := Columns(names...)
	if err != nil {
		panic(err) // names of our own
	}
	return columns
}

// Columns returns the built-in columns of these names, in that order. An unknown
// name is an error that lists them. AllColumns has them all; those that need a word:
//
//   - who and for are the actor and whom it stood in for, by name and email
//     together; user and on_behalf_of by email alone, else by name, else by ID
//   - action and type are labels where the file has a catalogue; action_code and
//     type_code are always what is recorded
//   - record is the object's ID, actor the actor's, request the request's, entry the
//     entry's own
//   - request_json and metadata are JSON
func Columns(names ...string) ([]Column, error) { return choose(AllColumns(), names) }

func choose(from []Column, names []string) ([]Column, error) {
	columns := make([]Column, 0, len(names))
	for _, name := range names {
		i := slices.IndexFunc(from, func(c Column) bool { return c.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("export: %.40q is not a column; there are %s", name, columnNames(from))
		}
		columns = append(columns, from[i])
	}
	return columns, nil
}

func columnNames(columns []Column) string {
	var names []string
	for _, c := range columns {
		if c.Name != "" {
			names = append(names, c.Name)
		}
	}
	return strings.Join(names, ", ")
}

// ParseColumns reads the parameter columns of a query string: names of offered
// columns, separated by commas ("time,who,action"), or "full" for all that is
// offered, of the built-in columns FullColumns. nil means that it names none. An
// unknown name is a *audit.QueryError.
func ParseColumns(v url.Values, offered []Column) ([]Column, error) {
	var names []string
	for _, name := range strings.Split(strings.Join(v["columns"], ","), ",") {
		if name = strings.TrimSpace(name); name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil, nil
	}
	if len(names) == 1 && names[0] == "full" {
		return withoutTwins(offered), nil
	}
	columns, err := choose(offered, names)
	if err != nil {
		return nil, &audit.QueryError{Param: "columns", Reason: strings.TrimPrefix(err.Error(), "export: ")}
	}
	return columns, nil
}

// AllColumns returns every built-in column, the default ones first.
func AllColumns() []Column {
	return []Column{
		{"time", "Timestamp", func(e audit.Entry) any { return e.Time }, 1.3},
		{"outcome", "Outcome", outcome, 1},
		{"action", "Action", action, 1.25},
		{"type", "Object type", func(e audit.Entry) any { return ObjectType(e.Object.Type) }, 1.1},
		{"name", "Object name", func(e audit.Entry) any { return e.Object.Name }, 1.3},
		{"record", "ID", func(e audit.Entry) any { return e.Object.ID }, 0.9},
		{"changes", "Changes", changes, 3.2},
		{"who", "User", func(e audit.Entry) any { return whoText(e.Actor) }, 1.8},
		{"for", "On behalf of", behalf(whoText), 1.3},
		{"ip", "IP address", func(e audit.Entry) any { return e.Request.IP }, 1.1},
		{"comment", "Comment", func(e audit.Entry) any { return e.Comment }, 1.5},
		{"error", "Error", func(e audit.Entry) any { return e.Error }, 1.5},
		{"product", "Product", func(e audit.Entry) any { return e.Object.Product }, 1},
		{"tenant", "Tenant", func(e audit.Entry) any { return e.Tenant }, 1},
		{"project", "Project", func(e audit.Entry) any { return e.Project }, 1},
		{"action_code", "Action code", func(e audit.Entry) any { return e.Action }, 0.9},
		{"type_code", "Object type code", func(e audit.Entry) any { return e.Object.Type }, 1.1},
		{"user", "Performed by", func(e audit.Entry) any { return actorText(e.Actor) }, 1.6},
		{"actor_type", "Actor type", func(e audit.Entry) any { return e.Actor.Type }, 0.8},
		{"actor", "Actor ID", func(e audit.Entry) any { return e.Actor.ID }, 1},
		{"actor_name", "Actor name", func(e audit.Entry) any { return e.Actor.Name }, 1.3},
		{"actor_email", "Actor email", func(e audit.Entry) any { return e.Actor.Email }, 1.6},
		{"on_behalf_of", "On behalf of", behalf(actorText), 1.6},
		{"for_type", "On behalf of: type", behalf(func(a audit.Actor) string { return a.Type }), 0.8},
		{"for_id", "On behalf of: ID", behalf(func(a audit.Actor) string { return a.ID }), 1},
		{"for_name", "On behalf of: name", behalf(func(a audit.Actor) string { return a.Name }), 1.3},
		{"for_email", "On behalf of: email", behalf(func(a audit.Actor) string { return a.Email }), 1.6},
		{"user_agent", "User agent", func(e audit.Entry) any { return e.Request.UserAgent }, 2},
		{"request", "Request ID", func(e audit.Entry) any { return e.Request.ID }, 1.3},
		{"method", "Method", func(e audit.Entry) any { return e.Request.Method }, 0.6},
		{"path", "Path", func(e audit.Entry) any { return e.Request.Path }, 1.5},
		{"request_json", "Request", requestJSON, 2.5},
		{"transaction", "Transaction", func(e audit.Entry) any { return e.TransactionID }, 1.3},
		{"metadata", "Metadata", metadata, 2.5},
		{"damaged", "Damage", func(e audit.Entry) any { return e.Damaged }, 1.5},
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

// whoText names an actor as people know one another: by name, with the email beside
// it; else by what is known.
func whoText(a audit.Actor) string {
	switch {
	case a.Name == "" || a.Name == a.Email:
		return actorText(a)
	case a.Email == "" || a.Email == audit.Mask:
		return a.Name
	}
	return a.Name + " (" + a.Email + ")"
}

// behalf is a cell about whom the actor stood in for.
func behalf(text func(audit.Actor) string) func(audit.Entry) any {
	return func(e audit.Entry) any {
		if e.OnBehalfOf == nil {
			return nil
		}
		return text(*e.OnBehalfOf)
	}
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
		return audit.Success
	}
	return e.Outcome
}

// requestJSON has the names that an entry's own JSON has.
func requestJSON(e audit.Entry) any {
	if e.Request == (audit.Request{}) {
		return nil
	}
	return requestForm(e.Request)
}

type requestForm struct {
	IP        string `json:"ip,omitempty"`
	UserAgent string `json:"user_agent,omitempty"`
	ID        string `json:"id,omitempty"`
	Method    string `json:"method,omitempty"`
	Path      string `json:"path,omitempty"`
}

func metadata(e audit.Entry) any {
	if len(e.Metadata) == 0 {
		return nil
	}
	return e.Metadata
}
