package audit

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
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

// The bounds of Redaction's zero value, in bytes.
const (
	DefaultMaxValue = 2 << 20
	DefaultMaxEntry = 6 << 20
)

// maxBeginning is how much of a long text an entry keeps.
const maxBeginning = 1 << 10

// maxText is the least bound of an entry's other texts: its error, comment and
// names.
const maxText = 64 << 10

func (r *Redaction) maxValue() int {
	if r == nil {
		return DefaultMaxValue
	}
	return cmp.Or(r.MaxValue, DefaultMaxValue)
}

func (r *Redaction) maxEntry() int {
	if r == nil {
		return DefaultMaxEntry
	}
	return cmp.Or(r.MaxEntry, DefaultMaxEntry)
}

// shorten replaces a value of more than MaxValue bytes by its digest.
func (r *Redaction) shorten(v any) (any, bool) {
	most := r.maxValue()
	if most < 0 {
		return v, false
	}
	switch x := v.(type) {
	case string:
		if len(x) > most {
			return digest(v), true
		}
	case []any, map[string]any:
		if sizeOf(v, most) > most {
			return digest(v), true
		}
	}
	return v, false
}

// digest stands for a value that is too long: its size and SHA-256, of a text as
// it is and of anything else in its canonical form, and how a text begins.
func digest(v any) any {
	text, isText := v.(string)
	raw := []byte(text)
	if !isText {
		var err error
		if raw, err = jsonvalue.AppendCanonical(nil, jsonvalue.Escape(v)); err != nil {
			raw = jsonvalue.Append(nil, v)
		}
	}
	sum := sha256.Sum256(raw)
	d := map[string]any{"size": int64(len(raw)), "sha256": hex.EncodeToString(sum[:])}
	if isText {
		d["beginning"] = strings.ToValidUTF8(text[:min(len(text), maxBeginning)], "")
	}
	return d
}

// sizeOf is how many bytes a value has in JSON, or something above most if it has
// more.
func sizeOf(v any, most int) int {
	switch x := v.(type) {
	case nil, bool:
		return 5
	case string:
		return textSize(x)
	case json.Number:
		return len(x)
	case []any:
		n := 2
		for i := 0; i < len(x) && n <= most; i++ {
			n += sizeOf(x[i], most-n) + 1
		}
		return n
	case map[string]any:
		n := 2
		for name, inner := range x {
			if n > most {
				break
			}
			n += textSize(name) + sizeOf(inner, most-n) + 2
		}
		return n
	}
	return 24 // the longest number
}

// textSize counts what JSON escapes, save in a short text, where it doesn't matter.
func textSize(s string) int {
	n := len(s) + 2
	if len(s) < maxBeginning {
		return n
	}
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\' || c == '\n' || c == '\r' || c == '\t':
			n++
		case c < ' ':
			n += 5
		}
	}
	return n
}

// Size returns about how many bytes the entry has in its JSON form.
func (e *Entry) Size() int {
	n := 512 + len(e.Error) + len(e.Comment) + len(e.Object.Name) + len(e.Request.UserAgent) + len(e.Request.Path)
	for i := range e.Changes {
		n += e.Changes[i].size()
	}
	for name, v := range e.Metadata {
		n += len(name) + sizeOf(v, noBound)
	}
	return n
}

const noBound = int(^uint(0) >> 2)

func (c *Change) size() int {
	return 40 + len(c.Field) + sizeOf(c.Old, noBound) + sizeOf(c.New, noBound)
}

// bound sees to it that no entry is too long for a store: long names and texts are
// cut, and of more values than MaxEntry has room for the longest are replaced by
// their digests.
func (r *Redaction) bound(e *Entry) {
	r.boundTexts(e)
	total := 0
	for i := range e.Changes {
		c := &e.Changes[i]
		c.Field = cleantext.Shorten(c.Field, cleantext.MaxField)
		total += c.size()
	}
	if most := r.maxEntry(); most > 0 && total > most {
		shortenLongest(e.Changes, total-most)
	}
}

// boundTexts cuts texts to MaxValue, or further if they are too long together.
func (r *Redaction) boundTexts(e *Entry) {
	texts := [...]*string{&e.Error, &e.Comment, &e.Object.Name, &e.Request.UserAgent, &e.Request.Method, &e.Request.Path}
	most, total := noBound, 0
	if r.maxValue() > 0 {
		most = max(r.maxValue(), maxText)
	}
	for _, s := range texts {
		total += min(len(*s), most)
	}
	if all := r.maxEntry(); all > 0 && total > max(all, len(texts)*maxText) {
		most = maxText
	}
	for _, s := range texts {
		*s = cleantext.Shorten(*s, most)
	}
}

// shortenLongest replaces the longest values, of equally long ones the last first,
// until they have so many bytes less.
func shortenLongest(changes []Change, excess int) {
	type value struct {
		at     *any
		size   int
		change *Change
	}
	var values []value
	for i := len(changes) - 1; i >= 0; i-- {
		c := &changes[i]
		for _, at := range []*any{&c.New, &c.Old} {
			if size := sizeOf(*at, noBound); size > 2*maxBeginning && c.Redacted != RedactedHashed {
				values = append(values, value{at, size, c})
			}
		}
	}
	slices.SortStableFunc(values, func(a, b value) int { return cmp.Compare(b.size, a.size) })
	for _, v := range values {
		if excess <= 0 {
			return
		}
		*v.at = digest(*v.at)
		excess -= v.size - sizeOf(*v.at, noBound)
		if v.change.Redacted == "" {
			v.change.Redacted = RedactedTruncated
		}
	}
}

// boundMetadata replaces long values, and all of them if they are too long together.
func (r *Redaction) boundMetadata(m map[string]any) map[string]any {
	total := 0
	for name, v := range m {
		m[name], _ = r.shorten(v)
		total += len(name) + sizeOf(m[name], noBound)
	}
	if most := r.maxEntry(); most > 0 && total > most {
		return map[string]any{"metadata": digest(m)}
	}
	return m
}
