package audit

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/gormtrail/audit/internal/cleantext"
	"github.com/gormtrail/audit/internal/day"
	"github.com/gormtrail/audit/internal/jsonvalue"
	"github.com/gormtrail/audit/internal/sortkey"
	"github.com/gormtrail/audit/internal/words"
)

// Enrich completes, checks and redacts entries as Record does, and returns them
// ready for a store. It is for packages that append in a transaction of the
// host's. The given entries are left as they are.
func (t *Trail) Enrich(ctx context.Context, entries ...Entry) ([]Entry, error) {
	c := carriedFrom(ctx)
	ready := make([]Entry, len(entries))
	for i, e := range entries {
		if err := t.enrich(&e, c); err != nil {
			err.Index = i
			return nil, err
		}
		ready[i] = e
	}
	t.actors.note(ctx, ready)
	return ready, nil
}

func (t *Trail) enrich(e *Entry, c carried) *EntryError {
	e.Error = withoutValues(e.Error, valuesInAny)
	if err := t.enrichBase(e, c); err != nil {
		return err
	}
	if err := t.enrichChanges(e); err != nil {
		return err
	}
	t.redaction.bound(e)
	return t.enrichMetadata(e, c)
}

// enrichBase is all but the changes and the metadata.
func (t *Trail) enrichBase(e *Entry, c carried) *EntryError {
	t.complete(e, c)
	if err := e.check(); err != nil {
		return err
	}
	if err := t.actors.refuses(e); err != nil {
		return err
	}
	e.clean()
	return nil
}

// EnrichCaptured is Enrich, in place, for entries whose changes a capturing
// package made itself: their values are in the form that Change describes and were given
// to Redaction.Apply, or deliberately not. They are taken as they are, within
// Redaction.MaxEntry.
func (t *Trail) EnrichCaptured(ctx context.Context, entries []Entry) error {
	c := carriedFrom(ctx)
	for i := range entries {
		e := &entries[i]
		e.Error = withoutValues(e.Error, valuesInAny, valuesInCaptured)
		err := t.enrichBase(e, c)
		if err == nil {
			t.redaction.bound(e)
			err = t.enrichMetadata(e, c)
		}
		if err != nil {
			err.Index = i
			return err
		}
	}
	t.actors.note(ctx, entries)
	return nil
}

// complete fills in what the entry leaves to the context and to defaults.
func (t *Trail) complete(e *Entry, c carried) {
	given := e.ID != ""
	if !given {
		e.ID = newID()
	}
	if e.Time.IsZero() {
		e.Time, e.timed = t.now(), given
	}
	e.loose = given && e.TransactionID == ""
	e.Time = e.Time.UTC().Truncate(time.Microsecond)
	if e.Actor.IsZero() {
		e.Actor = c.actor
	}
	if e.Actor.IsZero() {
		e.Actor = t.actor
	}
	if e.OnBehalfOf == nil {
		e.OnBehalfOf = c.onBehalfOf
	}
	if e.OnBehalfOf != nil {
		a := *e.OnBehalfOf
		e.OnBehalfOf = &a
	}
	if e.Request == (Request{}) {
		e.Request = c.request
	}
	if e.Tenant == "" && e.Project == "" {
		e.Tenant, e.Project = c.tenant, c.project
	}
	if e.Comment == "" {
		e.Comment = c.comment
	}
	e.Outcome = e.Outcome.orSuccess()
}

// check refuses what the host's code gets wrong. What a client may have sent is
// never refused (clean).
func (e *Entry) check() *EntryError {
	id, err := parseID(e.ID)
	if err != nil {
		return &EntryError{Field: "id", Reason: fmt.Sprintf("%q is not a UUID", words.Clip(e.ID))}
	}
	e.ID = id
	if e.Action == "" {
		return &EntryError{Field: "action", Reason: "is missing"}
	}
	if e.Damaged != "" {
		return &EntryError{Field: "damaged", Reason: "says that the entry was not read whole; it can't be recorded again"}
	}
	if !e.Outcome.known() {
		return &EntryError{Field: "outcome", Reason: fmt.Sprintf("%q is not success, failure or denied", words.Clip(string(e.Outcome)))}
	}
	if !day.InRange(e.Time) {
		return &EntryError{Field: "time", Reason: fmt.Sprintf("the year %d is not one of 1 to 9999", e.Time.Year())}
	}
	return nil
}

// clean makes every text of the entry storable: a strange byte or a long value in a
// name or a header must not be a way to keep an event off the trail. Changes and
// metadata have their own rules.
func (e *Entry) clean() {
	for _, s := range []*string{&e.Error, &e.Comment, &e.Object.Name, &e.Request.UserAgent, &e.Request.Method, &e.Request.Path} {
		*s = cleantext.Text(*s)
	}
	if a, err := sortkey.ParseIP(e.Request.IP); err == nil {
		e.Request.IP = a.String()
	}
	names := []*string{
		&e.Tenant, &e.Project, &e.Action, &e.Actor.Type, &e.Actor.ID, &e.Actor.Name, &e.Actor.Email,
		&e.Object.Type, &e.Object.ID, &e.Object.Product, &e.Request.IP, &e.Request.ID, &e.TransactionID,
	}
	if a := e.OnBehalfOf; a != nil {
		names = append(names, &a.Type, &a.ID, &a.Name, &a.Email)
	}
	for _, s := range names {
		if *s != "" {
			*s = cleantext.Name(*s)
		}
	}
}

func (t *Trail) enrichChanges(e *Entry) *EntryError {
	e.Changes = slices.Clone(e.Changes)
	for i := range e.Changes {
		c := &e.Changes[i]
		var err error
		if c.Field == "" {
			return &EntryError{Field: fmt.Sprintf("changes[%d].field", i), Reason: "is missing"}
		}
		c.Field, c.Op = cleantext.Text(c.Field), c.op() // cut by bound, after the redaction has read it
		switch c.Op {
		case OpAdd:
			c.Old = nil
		case OpRemove:
			c.New = nil
		case OpReplace:
		default:
			return &EntryError{Field: fmt.Sprintf("changes[%d].op", i), Reason: fmt.Sprintf("%q is not add, replace or remove", words.Clip(c.Op))}
		}
		if c.Old, err = normalizeSafely(c.Old); err != nil {
			return &EntryError{Field: fmt.Sprintf("changes[%d].old", i), Reason: err.Error()}
		}
		if c.New, err = normalizeSafely(c.New); err != nil {
			return &EntryError{Field: fmt.Sprintf("changes[%d].new", i), Reason: err.Error()}
		}
		*c = t.redaction.Apply(e.Object.Type, *c)
	}
	t.redaction.redactSettings(e)
	return nil
}

func (t *Trail) enrichMetadata(e *Entry, c carried) *EntryError {
	if len(e.Metadata) == 0 && len(c.metadata) == 0 {
		e.Metadata = nil
		return nil
	}
	m := make(map[string]any, len(e.Metadata)+len(c.metadata))
	maps.Copy(m, c.metadata)
	maps.Copy(m, e.Metadata)
	for k, v := range m {
		n, err := normalizeSafely(v)
		if err != nil {
			return &EntryError{Field: "metadata." + words.Clip(cleantext.Valid(k)), Reason: err.Error()}
		}
		m[k] = n
	}
	redacted := t.redaction.redactMap("", cleantext.Keys(m, cleantext.Valid)) // whole names say what is a secret
	e.Metadata = t.redaction.boundMetadata(cleantext.Keys(redacted, cleantext.Key))
	return nil
}

// normalizeSafely also survives a host's MarshalJSON that panics.
func normalizeSafely(v any) (n any, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("making JSON of a %T panicked: %v", v, r)
		}
	}()
	return jsonvalue.Normalize(v)
}

// newID falls back on a random UUID where the clock can't be read.
func newID() string {
	id, err := uuid.NewV7()
	if err != nil {
		id = uuid.New()
	}
	return id.String()
}

func parseID(s string) (string, error) {
	if len(s) != 36 {
		return "", errors.New("not the 36 characters of a UUID")
	}
	id, err := uuid.Parse(s)
	return id.String(), err
}

// isNil also sees a nil pointer inside an interface.
func isNil(v any) bool {
	if v == nil {
		return true
	}
	r := reflect.ValueOf(v)
	return r.Kind() == reflect.Pointer && r.IsNil()
}
