package audit

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
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
	e.cleanTexts()
	return nil
}

// EnrichCaptured is Enrich, in place, for entries whose changes a capturing
// package made itself: their values are in the terms of Normalize and were given
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
	if e.ID == "" {
		e.ID = newID()
	}
	if e.Time.IsZero() {
		e.Time = t.now()
	}
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

// check refuses what can't be meant.
func (e *Entry) check() *EntryError {
	id, err := parseID(e.ID)
	if err != nil {
		return &EntryError{Field: "id", Reason: fmt.Sprintf("%q is not a UUID", clip(e.ID))}
	}
	e.ID = id
	if e.Action == "" {
		return &EntryError{Field: "action", Reason: "is missing"}
	}
	if !e.Outcome.known() {
		return &EntryError{Field: "outcome", Reason: fmt.Sprintf("%q is not success, failure or denied", clip(string(e.Outcome)))}
	}
	if !timeInRange(e.Time) {
		return &EntryError{Field: "time", Reason: fmt.Sprintf("the year %d is not one of 1 to 9999", e.Time.Year())}
	}
	return e.checkNames()
}

// checkNames refuses names that no database can hold. They are the host's own,
// not something that a person typed, so an error reaches who can mend it.
func (e *Entry) checkNames() *EntryError {
	for _, f := range []struct{ name, value string }{
		{"tenant", e.Tenant}, {"project", e.Project}, {"action", e.Action},
		{"actor.type", e.Actor.Type}, {"actor.id", e.Actor.ID},
		{"object.type", e.Object.Type}, {"object.id", e.Object.ID}, {"object.product", e.Object.Product},
		{"transaction_id", e.TransactionID},
	} {
		if reason := unstorable(f.value); reason != "" {
			return &EntryError{Field: f.name, Reason: reason}
		}
	}
	return nil
}

// maxName bounds the fields that stores index, in bytes: MySQL can index 768
// characters of a text, PostgreSQL about 2,700 bytes.
const maxName = 512

func unstorable(s string) string {
	switch {
	case len(s) > maxName:
		return fmt.Sprintf("has %d bytes, at most %d are possible", len(s), maxName)
	case !utf8.ValidString(s):
		return "is not valid UTF-8"
	case strings.IndexByte(s, 0) >= 0:
		return "contains a NUL byte"
	}
	return ""
}

// cleanTexts makes storable what people and clients type: a strange byte in a
// name or a header must not be a way to keep an event off the trail.
func (e *Entry) cleanTexts() {
	texts := []*string{
		&e.Error, &e.Comment, &e.Actor.Name, &e.Actor.Email, &e.Object.Name,
		&e.Request.IP, &e.Request.UserAgent, &e.Request.ID, &e.Request.Method, &e.Request.Path,
	}
	if a := e.OnBehalfOf; a != nil {
		texts = append(texts, &a.Type, &a.ID, &a.Name, &a.Email)
	}
	for _, s := range texts {
		*s = CleanText(*s)
	}
	if a, err := parseIP(e.Request.IP); err == nil {
		e.Request.IP = a.String()
	}
	for _, s := range []*string{&e.Actor.Name, &e.Actor.Email, &e.Request.IP, &e.Request.ID} {
		*s = cutName(*s)
	}
}

// cutName bounds an indexed field that a client may fill: cut, marked, kept.
func cutName(s string) string {
	if len(s) <= maxName {
		return s
	}
	return strings.ToValidUTF8(s[:maxName-len("…")], "") + "…"
}

func (t *Trail) enrichChanges(e *Entry) *EntryError {
	e.Changes = slices.Clone(e.Changes)
	for i := range e.Changes {
		c := &e.Changes[i]
		var err error
		if c.Field == "" {
			return &EntryError{Field: fmt.Sprintf("changes[%d].field", i), Reason: "is missing"}
		}
		c.Field, c.Op = CleanText(c.Field), c.op()
		switch c.Op {
		case OpAdd:
			c.Old = nil
		case OpRemove:
			c.New = nil
		case OpReplace:
		default:
			return &EntryError{Field: fmt.Sprintf("changes[%d].op", i), Reason: fmt.Sprintf("%q is not add, replace or remove", clip(c.Op))}
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
	clean := make(map[string]any, len(m))
	for k, v := range m {
		n, err := normalizeSafely(v)
		if err != nil {
			return &EntryError{Field: "metadata." + clip(k), Reason: err.Error()}
		}
		clean[validText(k)] = n
	}
	e.Metadata = t.redaction.boundMetadata(t.redaction.redactMap("", clean))
	return nil
}

// normalizeSafely also survives a host's MarshalJSON that panics.
func normalizeSafely(v any) (n any, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("making JSON of a %T panicked: %v", v, r)
		}
	}()
	return Normalize(v)
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
