package audit

import (
	"cmp"
	"encoding/json"
	"fmt"
	"time"

	"github.com/gormtrail/audit/internal/day"
	"github.com/gormtrail/audit/internal/jsonvalue"
)

// Entry is one fact: who did what to which object, when, from where, and what
// changed. Entries are values: the library never keeps a reference to a
// caller's slices or maps after a call returns, and never changes an entry
// that is already on the trail.
//
// Texts may come from a client, so none of them makes Record fail: NUL and bytes
// that aren't UTF-8 are stored as visible escapes, and long texts are cut and end in
// their SHA-256. IDs, names, tenants, actions and whatever else a
// filter has a list for may have 512 bytes, names of changed fields and keys of
// metadata 1,024; Redaction.MaxValue and MaxEntry bound the rest.
type Entry struct {
	// ID is a UUID, version 7 where the library gives it (RFC 9562). It is the
	// application's to choose, never a client's: anything but a UUID is an error. An
	// entry that is already on the trail is not stored again, so a caller that may
	// repeat itself gives the ID; other content under its ID is a *ConflictError.
	// Default: a new one.
	ID string
	// Time is when it happened, in UTC, cut to microseconds. Years 1 to 9999.
	// Default: now.
	Time time.Time
	// Tenant is the organization or account that the entry belongs to.
	// Default: the context's (WithTenant).
	Tenant string
	// Project is the context inside the tenant.
	Project string
	// Actor is who did it. Default: the context's (WithActor), else
	// Options.DefaultActor.
	Actor Actor
	// OnBehalfOf is whom the actor stood in for (impersonation, delegation).
	// Default: the context's (WithOnBehalfOf).
	OnBehalfOf *Actor
	// Action is what was done: "create", "update", "destroy", "restore",
	// "login", "ISSUE_TOKEN", … Required. A Catalogue explains it to people.
	Action string
	// Outcome is whether it worked. Default: Success.
	Outcome Outcome
	// Error is why it failed.
	Error string
	// Comment is why it was done, in the actor's words.
	// Default: the context's (WithComment).
	Comment string
	// Object is on what.
	Object Object
	// Changes are the fields that changed, each with its old and new value.
	Changes []Change
	// Request is from where. Default: the context's (WithRequest).
	Request Request
	// TransactionID is shared by the entries of one database transaction.
	TransactionID string
	// Metadata is anything else that JSON can express. The context's
	// (WithMetadata) is merged in; the entry's own keys win.
	Metadata map[string]any
	// Damaged says what could not be read of a stored entry, for people: "" of every
	// entry that is whole. It names columns, and no values. The other fields hold what
	// could be read; what couldn't is empty, an Outcome Failure. Of a Brief query, Changes
	// and Metadata are not looked at. An entry that has it can't be recorded.
	Damaged string

	timed bool // Enrich filled in the Time of an entry whose ID was given
	loose bool // and it had no TransactionID
}

// OnBehalfOfUser is how the person is named for whom the actor stood in
// (Actor.User); "" where the actor acted for itself.
func (e Entry) OnBehalfOfUser() string {
	if e.OnBehalfOf == nil {
		return ""
	}
	return e.OnBehalfOf.User()
}

// FilledIn reports what Trail.Enrich filled in of an entry whose ID was given: its Time,
// because none was given, and the place of a TransactionID, because it had none. A caller that
// repeats itself gets other ones, so a store doesn't compare them (storage.SameEntry).
func (e Entry) FilledIn() (timed, loose bool) { return e.timed, e.loose }

// Outcome says whether the action worked. "" means Success wherever it is
// given; what is read back is never "".
type Outcome string

// The three outcomes. Denied is a Failure that was a decision: the actor was
// not allowed to.
const (
	Success Outcome = "success"
	Failure Outcome = "failure"
	Denied  Outcome = "denied"
)

// The actions that capture writes by itself. Hosts use any others they like.
const (
	ActionCreate  = "create"  // a row came into being
	ActionUpdate  = "update"  // columns of a row changed
	ActionDestroy = "destroy" // a row went, or was marked as deleted
	ActionRestore = "restore" // a row marked as deleted came back
	ActionExecute = "execute" // a raw statement wrote rows
	ActionSkip    = "skip"    // capture was switched off for a reason (Skip)
	ActionMask    = "mask"    // secrets were masked in stored entries (Trail.MaskSecrets)
)

// Object is what the action was done to.
type Object struct {
	Type    string // a table's name where capture gives it: "users"
	ID      string // the primary key as text; of a composite key "tenant_id=1,code=de"
	Name    string // for people: "Office VPN"
	Product string // the part of the host's offering that it belongs to
}

// Request is where the action came from.
type Request struct {
	IP        string // the client's address, without port
	UserAgent string
	ID        string // the request's or trace's ID
	Method    string
	Path      string // without the query string, which may hold secrets
}

// Change is one field's step from Old to New.
//
// Old and New hold JSON terms: nil, bool, int64, uint64 (above the largest
// int64), float64 (never a whole number below 1e21, which is an integer), string,
// []any, map[string]any, and json.Number for numbers that none of these hold
// exactly. Record brings other Go values into this form; a read returns nothing
// else.
type Change struct {
	// Field is the column's name, or a path into a structured value:
	// "settings.theme", "tags[2]".
	Field string
	// Op is OpAdd, OpReplace or OpRemove, the words of RFC 6902, so that an
	// absent value and a NULL never look alike: Old has no meaning under
	// OpAdd, nor New under OpRemove. Default: OpReplace.
	Op string
	// Old and New are the values before and after.
	Old, New any
	// Redacted says how the values were made unreadable: "" (they were not),
	// "masked", "hashed", "truncated" or "erased".
	Redacted string
}

// What Change.Op holds.
const (
	OpAdd     = "add"
	OpReplace = "replace"
	OpRemove  = "remove"
)

// What Change.Redacted holds.
const (
	RedactedMasked    = "masked"    // the value is Mask
	RedactedHashed    = "hashed"    // the value is its hash; equal values have equal hashes
	RedactedTruncated = "truncated" // the value is its beginning, or its size and SHA-256 (Redaction.MaxText, MaxValue)
	RedactedErased    = "erased"    // the value was removed later, on a person's request
)

// FormVersion is the version of the JSON form that this library writes. A
// later one reads all earlier forms.
const FormVersion = 1

// The JSON form: what JSON Lines, the API, archives and the canonical encoding
// hold. Names and meanings stay for ever; a new field needs no new version, a
// changed meaning does.
type entryForm struct {
	Version       int            `json:"v"`
	ID            string         `json:"id"`
	Time          string         `json:"time"` // RFC 3339, UTC, always six decimals
	Tenant        string         `json:"tenant,omitempty"`
	Project       string         `json:"project,omitempty"`
	Actor         *actorForm     `json:"actor,omitempty"`
	OnBehalfOf    *actorForm     `json:"on_behalf_of,omitempty"`
	Action        string         `json:"action"`
	Outcome       string         `json:"outcome"`
	Error         string         `json:"error,omitempty"`
	Comment       string         `json:"comment,omitempty"`
	Object        *objectForm    `json:"object,omitempty"`
	Changes       []Change       `json:"changes,omitempty"`
	Request       *requestForm   `json:"request,omitempty"`
	TransactionID string         `json:"transaction_id,omitempty"`
	Metadata      map[string]any `json:"metadata,omitempty"`
	Damaged       string         `json:"damaged,omitempty"`
}

type actorForm struct {
	Type  string `json:"type,omitempty"`
	ID    string `json:"id,omitempty"`
	Name  string `json:"name,omitempty"`
	Email string `json:"email,omitempty"`
}

type objectForm struct {
	Type    string `json:"type,omitempty"`
	ID      string `json:"id,omitempty"`
	Name    string `json:"name,omitempty"`
	Product string `json:"product,omitempty"`
}

type requestForm struct {
	IP        string `json:"ip,omitempty"`
	UserAgent string `json:"user_agent,omitempty"`
	ID        string `json:"id,omitempty"`
	Method    string `json:"method,omitempty"`
	Path      string `json:"path,omitempty"`
}

const timeForm = "2006-01-02T15:04:05.000000Z"

func (e Entry) form() entryForm {
	f := entryForm{
		Version: FormVersion, ID: e.ID, Time: e.Time.UTC().Format(timeForm),
		Tenant: e.Tenant, Project: e.Project,
		Action: e.Action, Outcome: string(e.Outcome.orSuccess()), Error: e.Error, Comment: e.Comment,
		Changes: e.Changes, TransactionID: e.TransactionID, Metadata: e.Metadata, Damaged: e.Damaged,
	}
	if !e.Actor.IsZero() {
		f.Actor = (*actorForm)(&e.Actor)
	}
	if e.OnBehalfOf != nil {
		f.OnBehalfOf = (*actorForm)(e.OnBehalfOf)
	}
	if e.Object != (Object{}) {
		f.Object = (*objectForm)(&e.Object)
	}
	if e.Request != (Request{}) {
		f.Request = (*requestForm)(&e.Request)
	}
	return f
}

// MarshalJSON writes the entry's stable, versioned JSON form.
func (e Entry) MarshalJSON() ([]byte, error) { return json.Marshal(e.form()) }

// UnmarshalJSON reads what MarshalJSON of this or an earlier version wrote, into
// an equal entry: numbers keep their exact values.
func (e *Entry) UnmarshalJSON(raw []byte) error {
	var f entryForm
	aux := struct {
		*entryForm
		Changes  json.RawMessage `json:"changes"`
		Metadata json.RawMessage `json:"metadata"`
	}{entryForm: &f}
	if err := json.Unmarshal(raw, &aux); err != nil {
		return err
	}
	if f.Version < 1 || f.Version > FormVersion {
		return fmt.Errorf("audit: the entry's form has version %d; this library reads 1 to %d", f.Version, FormVersion)
	}
	t, err := time.Parse(time.RFC3339Nano, f.Time)
	if err != nil {
		return fmt.Errorf("audit: the entry's time: %w", err)
	}
	if !day.InRange(t) {
		return fmt.Errorf("audit: the entry's time: the year %d is not one of 1 to 9999", t.UTC().Year())
	}
	changes, err := jsonvalue.DecodeChanges[Change](aux.Changes)
	if err != nil {
		return err
	}
	metadata, err := jsonvalue.DecodeMetadata(aux.Metadata)
	if err != nil {
		return err
	}
	*e = Entry{
		ID: f.ID, Time: t.UTC(), Tenant: f.Tenant, Project: f.Project,
		Action: f.Action, Outcome: Outcome(f.Outcome).orSuccess(), Error: f.Error, Comment: f.Comment,
		Changes: changes, TransactionID: f.TransactionID, Metadata: metadata, Damaged: f.Damaged,
		OnBehalfOf: (*Actor)(f.OnBehalfOf),
	}
	if f.Actor != nil {
		e.Actor = Actor(*f.Actor)
	}
	if f.Object != nil {
		e.Object = Object(*f.Object)
	}
	if f.Request != nil {
		e.Request = Request(*f.Request)
	}
	return nil
}

// MarshalJSON leaves out "old" of an add and "new" of a remove; a NULL is null.
func (c Change) MarshalJSON() ([]byte, error) { return jsonvalue.Change(c).MarshalJSON() }

// UnmarshalJSON reads what MarshalJSON wrote; numbers keep their exact values.
func (c *Change) UnmarshalJSON(raw []byte) error {
	return (*jsonvalue.Change)(c).UnmarshalJSON(raw)
}

func (c Change) op() string { return cmp.Or(c.Op, OpReplace) }

// Canonical returns the one encoding of the entry that hashes are made over:
// its JSON form by the rules of RFC 8785 (JSON Canonicalization Scheme), so
// that any language can make the same bytes.
//
// RFC 8785 knows only numbers that a float64 holds. A number outside of them (a
// whole one beyond 2^53, a decimal of too many digits) is written as
// {"$number":"9007199254740993"}, and a recorded object's name that begins with
// "$" gets one more "$", so that no two values share an encoding.
//
// testdata/canonical.json holds entries with their encodings and hashes, for
// other languages to check themselves against.
func (e Entry) Canonical() ([]byte, error) {
	form, err := e.canonicalForm()
	if err != nil {
		return nil, err
	}
	return jsonvalue.AppendCanonical(nil, form)
}

// canonicalForm is what Canonical encodes.
func (e Entry) canonicalForm() (map[string]any, error) {
	f := e.form()
	changes := make([]any, len(f.Changes))
	for i, c := range f.Changes {
		changes[i] = c.canonicalForm()
	}
	metadata := f.Metadata
	f.Changes, f.Metadata = nil, nil
	raw, err := json.Marshal(f)
	if err != nil {
		return nil, err
	}
	v, err := jsonvalue.Decode(raw)
	if err != nil {
		return nil, err
	}
	form := v.(map[string]any)
	if len(changes) > 0 {
		form["changes"] = changes
	}
	if len(metadata) > 0 {
		form["metadata"] = jsonvalue.Escape(metadata)
	}
	return form, nil
}

func (c Change) canonicalForm() map[string]any {
	m := map[string]any{"field": c.Field, "op": c.op()}
	if c.op() != OpAdd {
		m["old"] = jsonvalue.Escape(c.Old)
	}
	if c.op() != OpRemove {
		m["new"] = jsonvalue.Escape(c.New)
	}
	if c.Redacted != "" {
		m["redacted"] = c.Redacted
	}
	return m
}
