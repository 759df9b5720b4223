package audit

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/gormtrail/audit/internal/words"
)

// Severity says how much an action deserves attention.
type Severity string

// From what happens all day to what someone should look at.
const (
	Info    Severity = "info"
	Notice  Severity = "notice"
	Warning Severity = "warning"
	Alarm   Severity = "alarm"
)

var severities = []Severity{Info, Notice, Warning, Alarm}

// Severities returns all severities, the lowest first.
func Severities() []Severity { return slices.Clone(severities) }

// Label returns what people call s: "Warning". "" is Info.
func (s Severity) Label() string { return words.Label(string(cmp.Or(s, Info))) }

// Action is what a catalogue says about an action.
type Action struct {
	Name        string // as in Entry.Action
	Label       string // for people: "Token issued"
	Explanation string // a sentence: what it means that this happened
	Severity    Severity
	Group       string // actions of a kind: "records", "sessions", "access"
	// Noun and Verb describe an attempt, for entries that end in Failure or Denied:
	// "Login" as in "Login failed", "log in" as in "Tried to log in". Default: the
	// name in words, and no verb.
	Noun, Verb string
	// Read says that the action only reads, as "view" and "export" do. Lists can leave
	// such entries out (Filter.WithoutReads).
	Read bool
}

// LabelOf returns what people call the action with this outcome: Label if it
// succeeded; otherwise a format with one %s ("%s failed") for Noun. They are apart
// so that each can be translated.
func (a Action) LabelOf(o Outcome) (format, words string) {
	switch o {
	case Failure:
		return "%s failed", a.Noun
	case Denied:
		return "%s denied", a.Noun
	}
	return "%s", a.Label
}

// ExplanationOf returns a sentence about the action with this outcome, as LabelOf
// does: Explanation if it succeeded, otherwise a format for Verb.
func (a Action) ExplanationOf(o Outcome) (format, words string) {
	switch {
	case o != Failure && o != Denied:
		return "%s", a.Explanation
	case a.Verb == "" && o == Failure:
		return "The attempt failed.", ""
	case a.Verb == "":
		return "The attempt was denied.", ""
	case o == Failure:
		return "Tried to %s, but failed.", a.Verb
	}
	return "Tried to %s, but was denied.", a.Verb
}

// ObjectType is what a catalogue says about a type of object.
type ObjectType struct {
	Name  string // as in Object.Type: "api_keys"
	Label string // for people: "API Key"; default: the name in words, in the singular
}

// Catalogue names and explains actions and object types to people. It limits
// nothing: what it doesn't know is recorded, and labelled by its own name. Its
// actions and object types never change after it was made; its methods are safe for
// concurrent use.
type Catalogue struct {
	actions   []Action
	objects   []ObjectType
	automatic atomic.Pointer[map[automaticField]bool] // replaced, never changed
}

// NewCatalogue returns the common actions, those of hosts above them: an action
// of the same name replaces the common one.
func NewCatalogue(actions []Action, objects []ObjectType) *Catalogue {
	c := &Catalogue{actions: slices.Clone(actions), objects: slices.Clone(objects)}
	for _, common := range commonActions {
		if !slices.ContainsFunc(actions, func(a Action) bool { return a.Name == common.Name }) {
			c.actions = append(c.actions, common)
		}
	}
	return c
}

// Actions returns all that the catalogue knows.
func (c *Catalogue) Actions() []Action { return slices.Clone(c.actions) }

// ObjectTypes returns all that the catalogue knows.
func (c *Catalogue) ObjectTypes() []ObjectType { return slices.Clone(c.objects) }

// Action returns what is known of an action; of an unknown one its name as the
// label, and Info.
func (c *Catalogue) Action(name string) Action {
	if i := slices.IndexFunc(c.actions, func(a Action) bool { return a.Name == name }); i >= 0 {
		return c.actions[i].complete()
	}
	return Action{Name: name}.complete()
}

// complete fills in what wasn't said of an action.
func (a Action) complete() Action {
	a.Label = cmp.Or(a.Label, words.Label(a.Name))
	a.Noun = cmp.Or(a.Noun, words.Label(a.Name))
	a.Severity = cmp.Or(a.Severity, Info)
	return a
}

// ObjectType returns what is known of a type of object; of an unknown one its
// name in words as the label, in the singular: "security_groups" as "Security group".
func (c *Catalogue) ObjectType(name string) ObjectType {
	if i := slices.IndexFunc(c.objects, func(o ObjectType) bool { return o.Name == name }); i >= 0 {
		o := c.objects[i]
		if o.Label == "" {
			o.Label = words.SingularLabel(name)
		}
		return o
	}
	return ObjectType{Name: name, Label: words.SingularLabel(name)}
}

var commonActions = []Action{
	{ActionCreate, "Created", "A record was created.", Info, "records", "Create", "create a record", false},
	{ActionUpdate, "Updated", "Fields of a record changed.", Info, "records", "Update", "update a record", false},
	{ActionDestroy, "Deleted", "A record was deleted, or marked as deleted.", Notice, "records", "Delete", "delete a record", false},
	{ActionRestore, "Restored", "A record marked as deleted was restored.", Notice, "records", "Restore", "restore a deleted record", false},
	{ActionExecute, "SQL executed", "A raw SQL statement changed rows. The individual changes aren't known.", Notice, "records", "SQL statement", "run a raw SQL statement", false},
	{ActionSkip, "Logging paused", "Your app turned off logging for part of its work. The comment says why.", Warning, "trail", "Logging pause", "pause logging", false},
	{ActionMask, "Secrets masked", "Secrets in stored entries were masked.", Warning, "trail", "Secret masking", "mask secrets in stored entries", false},
	{"login", "Logged in", "A user logged in.", Info, "sessions", "Login", "log in", false},
	{"logout", "Logged out", "A user logged out.", Info, "sessions", "Logout", "log out", false},
	{"password_change", "Password changed", "A user set a new password.", Notice, "sessions", "Password change", "change a password", false},
	{"mfa_enable", "MFA enabled", "Multi-factor authentication was turned on for an account.", Notice, "sessions", "Turning on MFA", "turn on multi-factor authentication", false},
	{"mfa_disable", "MFA disabled", "Multi-factor authentication was turned off for an account.", Warning, "sessions", "Turning off MFA", "turn off multi-factor authentication", false},
	{"impersonate", "Impersonation started", "A user started acting as another user.", Warning, "sessions", "Impersonation", "act as another user", false},
	{"token_create", "Token created", "An access token was created.", Notice, "access", "Token creation", "create an access token", false},
	{"token_revoke", "Token revoked", "An access token was revoked.", Notice, "access", "Token revocation", "revoke an access token", false},
	{"ssh_key_add", "SSH key added", "An SSH key was added.", Notice, "access", "SSH key upload", "add an SSH key", false},
	{"ssh_key_delete", "SSH key deleted", "An SSH key was deleted.", Notice, "access", "SSH key deletion", "delete an SSH key", false},
	{"permission_change", "Permissions changed", "A user's permissions changed.", Warning, "access", "Permission change", "change permissions", false},
	{"invite_send", "Invitation sent", "Someone was invited to join.", Info, "members", "Invitation", "invite someone", false},
	{"invite_accept", "Invitation accepted", "An invitation to join was accepted.", Info, "members", "Invitation acceptance", "accept an invitation", false},
	{"member_remove", "Member removed", "A member was removed from an organization or group.", Notice, "members", "Member removal", "remove a member", false},
	{"start", "Started", "A resource was started.", Info, "operations", "Start", "start a resource", false},
	{"stop", "Stopped", "A resource was stopped.", Info, "operations", "Stop", "stop a resource", false},
	{"restart", "Restarted", "A resource was restarted.", Info, "operations", "Restart", "restart a resource", false},
	{"view", "Viewed", "The audit log or sensitive data was viewed.", Info, "trail", "View", "view the audit log or sensitive data", true},
	{"export", "Exported", "Data was exported, for example from the audit log.", Notice, "trail", "Export", "export data", true},
}

// commonCatalogue describes actions for filters that are used without a Trail.
var commonCatalogue = NewCatalogue(nil, nil)

// Resolve returns f with Severities and WithoutReads replaced by the Actions that they
// stand for in c; nil is the common catalogue. An action that c doesn't have is Info and
// doesn't only read. A Trail resolves filters by its own catalogue before it hands them to
// its store. Resolving twice changes nothing.
func (c *Catalogue) Resolve(f Filter) Filter {
	if c == nil {
		c = commonCatalogue
	}
	f.Not, f.and = c.resolveEach(f.Not), c.resolveEach(f.and)
	if !f.catalogued() {
		return f
	}
	severities, withoutReads := f.Severities, f.WithoutReads
	f.Severities, f.WithoutReads = nil, false
	if len(severities) > 0 {
		selected := func(a Action) bool { return slices.Contains(severities, a.Severity) }
		if slices.Contains(severities, Info) { // actions without a description are Info too
			f = f.withoutActions(c.names(func(a Action) bool { return !selected(a) }))
		} else {
			f = f.withActions(c.names(selected))
		}
	}
	if withoutReads {
		f = f.withoutActions(c.names(func(a Action) bool { return a.Read }))
	}
	return f
}

func (c *Catalogue) resolveEach(list []Filter) []Filter {
	if !slices.ContainsFunc(list, func(f Filter) bool { return f.catalogued() || len(f.Not)+len(f.and) > 0 }) {
		return list
	}
	list = slices.Clone(list)
	for i := range list {
		list[i] = c.Resolve(list[i])
	}
	return list
}

// catalogued reports whether f itself has conditions that need a catalogue.
func (f Filter) catalogued() bool { return len(f.Severities) > 0 || f.WithoutReads }

// matchCatalogued matches an action by the common catalogue.
func (f Filter) matchCatalogued(action string) bool {
	if !f.catalogued() {
		return true
	}
	a := commonCatalogue.Action(action)
	return (len(f.Severities) == 0 || slices.Contains(f.Severities, a.Severity)) && (!f.WithoutReads || !a.Read)
}

// names returns the names of the actions for which is returns true.
func (c *Catalogue) names(is func(Action) bool) (list []string) {
	seen := make(map[string]bool, len(c.actions))
	for _, a := range c.actions { // the first one with a name counts, as for Action
		if !seen[a.Name] && is(a.complete()) {
			list = append(list, a.Name)
		}
		seen[a.Name] = true
	}
	return list
}

// withActions returns f restricted to these actions, in lists of at most MaxFilterValues.
func (f Filter) withActions(names []string) Filter {
	if len(f.Actions) > 0 {
		names = slices.DeleteFunc(slices.Clone(f.Actions), func(n string) bool { return !slices.Contains(names, n) })
	}
	switch {
	case len(names) == 0:
		f.Not = append(slices.Clip(f.Not), Filter{}) // selects nothing
	case len(names) <= MaxFilterValues:
		f.Actions = names
	default:
		f.Not = append(slices.Clip(f.Not), Filter{Not: chunks(names)})
	}
	return f
}

// withoutActions returns f without these actions.
func (f Filter) withoutActions(names []string) Filter {
	if len(names) > 0 {
		f.Not = append(slices.Clip(f.Not), chunks(names)...)
	}
	return f
}

func chunks(names []string) (list []Filter) {
	for part := range slices.Chunk(names, MaxFilterValues) {
		list = append(list, Filter{Actions: part})
	}
	return list
}

// automaticNames are columns that frameworks set whenever a row is created or
// changed, without the separators and in lower case.
var automaticNames = namesSet(
	"createdat", "createdon", "createdtime", "createtime", "createddate", "datecreated", "timecreated", "gmtcreate", "insertedat",
	"updatedat", "updatedon", "updatedtime", "updatetime", "updateddate", "dateupdated", "timeupdated", "lastupdated", "lastupdatedat", "lastupdate",
	"modifiedat", "modifiedon", "modifiedtime", "modifytime", "modifieddate", "datemodified", "timemodified", "gmtmodified",
	"lastmodified", "lastmodifiedat", "lastmodifiedon", "lastmodifieddate", "changedat", "lastchanged", "lastchangedat", "lockversion", "rowversion",
)

func namesSet(names ...string) map[string]bool {
	set := make(map[string]bool, len(names))
	for _, name := range names {
		set[name] = true
	}
	return set
}

// automaticField is a column of one object type, or of all where objectType is "".
type automaticField struct{ objectType, name string }

// Automatic reports whether the framework sets the field, so that its change says
// nothing about what somebody did: created_at, updated_at, lastModified and the like,
// compared without case, underscores, hyphens and spaces, and what SetAutomatic added.
// A path inside a structured value ("profile.updated_at") is the application's own data
// and is not automatic. A nil Catalogue knows the common names.
func (c *Catalogue) Automatic(objectType, field string) bool {
	if strings.ContainsAny(field, ".[") {
		return false
	}
	name := plainName(field)
	if automaticNames[name] {
		return true
	}
	if c == nil {
		return false
	}
	set := c.automatic.Load()
	return set != nil && ((*set)[automaticField{objectType, name}] || (*set)[automaticField{"", name}])
}

// SetAutomatic adds fields that the framework sets, which pages and files then show
// last: SetAutomatic("invoices", "synced_at"); "" means every object type. Package hooks
// calls it with the columns that GORM sets to the time of a create or an update, when it
// first meets a model. A program that only reads the audit log doesn't meet models, so
// it has to name columns with other names itself. SetAutomatic is safe for concurrent
// use.
func (c *Catalogue) SetAutomatic(objectType string, fields ...string) {
	for {
		old := c.automatic.Load()
		set := map[automaticField]bool{}
		if old != nil {
			maps.Copy(set, *old)
		}
		for _, field := range fields {
			set[automaticField{objectType, plainName(field)}] = true
		}
		if c.automatic.CompareAndSwap(old, &set) {
			return
		}
	}
}

var separators = strings.NewReplacer("_", "", "-", "", " ", "")

// plainName is a name without case and separators.
func plainName(field string) string { return strings.ToLower(separators.Replace(field)) }

// nameFields are columns that a person calls a row by, best first.
var nameFields = []string{
	"name", "displayname", "fullname", "title", "label", "email", "emailaddress", "username", "login", "slug", "code", "number", "subject",
	"hostname", "domain", "filename",
}

// Telling returns the changes of e that say what happened, the most telling one first,
// for readers who see only a few. Automatic fields are left out unless nothing else
// changed. Of a row that was created or deleted, names come first (name, title, email,
// number, …) and IDs last; other changes keep their order. It looks at the names of
// fields only, never at values. The result may share memory with e.Changes.
func (c *Catalogue) Telling(e Entry) []Change {
	automatic := func(ch Change) bool { return c.Automatic(e.Object.Type, ch.Field) }
	changes := e.Changes
	if n := countIf(changes, automatic); n > 0 && n < len(changes) {
		changes = slices.DeleteFunc(slices.Clone(changes), automatic)
	}
	if e.Action != ActionCreate && e.Action != ActionDestroy || len(changes) < 2 {
		return changes
	}
	type ranked struct {
		change Change
		rank   int
	}
	list := make([]ranked, len(changes))
	for i, ch := range changes {
		list[i] = ranked{ch, nameRank(ch.Field)}
	}
	slices.SortStableFunc(list, func(a, b ranked) int { return a.rank - b.rank })
	sorted := make([]Change, len(list))
	for i := range list {
		sorted[i] = list[i].change
	}
	return sorted
}

func countIf(changes []Change, is func(Change) bool) (n int) {
	for _, c := range changes {
		if is(c) {
			n++
		}
	}
	return n
}

// nameRank orders the columns of a row: names, other columns, references, the ID.
func nameRank(field string) int {
	name := plainName(field)
	if i := slices.Index(nameFields, name); i >= 0 {
		return i
	}
	rank := len(nameFields)
	switch {
	case name == "id" || name == "uuid" || name == "guid":
		return rank + 3
	case strings.HasSuffix(field, "_id") || strings.HasSuffix(field, "Id") || strings.HasSuffix(field, "ID") || strings.HasSuffix(field, "_uuid"):
		return rank + 2
	case strings.HasSuffix(name, "name") || strings.HasSuffix(name, "title"):
		return rank
	}
	return rank + 1
}
