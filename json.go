package audit

import (
	"cmp"
	"encoding/json"
	"fmt"
	"time"

	"github.com/gormtrail/audit/internal/day"
	"github.com/gormtrail/audit/internal/jsonvalue"
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
