package audit

import (
	"time"
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
