package storage

import (
	"bytes"
	"reflect"
	"regexp"
	"strings"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/internal/jsonvalue"
)

// SameEntry reports whether two entries of one ID have the same content: stored is
// on the trail, and given is to be appended. Stores call it when they meet an ID that
// they have, and return an *audit.ConflictError if it is false.
//
// The canonical forms are compared. What either entry no longer shows isn't: the
// values of a change that is masked or erased, and every text that contains audit.Mask.
// Neither is a Time or TransactionID that the library filled in, since a caller that
// repeats itself gets another one. Of an entry that was masked after it was stored
// (audit.Trail.MaskSecrets) only what masking leaves alone is compared. A damaged entry is
// the same as no other.
func SameEntry(stored, given audit.Entry) bool {
	if stored.Damaged != "" || given.Damaged != "" {
		return false
	}
	timed, loose := given.FilledIn()
	if timed {
		given.Time = stored.Time
	}
	if loose {
		given.TransactionID = stored.TransactionID
	}
	given.ID = stored.ID
	was, wasErr := comparableForm(stored)
	is, isErr := comparableForm(given)
	if wasErr != nil || isErr != nil {
		return false
	}
	if hidden(was) > hidden(is) {
		return sameBesideMasking(stored, given)
	}
	hideChanges(was, is)
	a, b := hideMasked(was, is)
	first, wasErr := jsonvalue.AppendCanonical(nil, a)
	second, isErr := jsonvalue.AppendCanonical(nil, b)
	return wasErr == nil && isErr == nil && bytes.Equal(first, second)
}

// hashedID finds a hash that package hooks puts into an ID in the place of a secret.
var hashedID = regexp.MustCompile(`\bhmac-[0-9a-f]{32}\b`)

// hidden counts what isn't shown in a canonical form.
func hidden(form map[string]any) int {
	text, err := jsonvalue.AppendCanonical(nil, form)
	if err != nil {
		return 0
	}
	n := bytes.Count(text, []byte(audit.Mask)) + len(hashedID.FindAll(text, -1))
	return n + bytes.Count(text, []byte(`"redacted":"`+audit.RedactedErased+`"`))
}

// sameBesideMasking compares what Trail.MaskSecrets leaves alone (CheckReplacement).
func sameBesideMasking(a, b audit.Entry) bool {
	for _, e := range []*audit.Entry{&a, &b} {
		e.Object.ID, e.Object.Name, e.Error, e.Metadata = "", "", "", nil
		fields := make([]audit.Change, len(e.Changes))
		for i, c := range e.Changes {
			fields[i] = audit.Change{Field: c.Field, Op: c.Op}
		}
		e.Changes = fields
	}
	first, err := canonicalForm(a)
	second, err2 := canonicalForm(b)
	return err == nil && err2 == nil && reflect.DeepEqual(first, second)
}

// comparableForm is the canonical form of the entry with its values in the terms of
// Normalize, as they are after a way through a store.
func comparableForm(e audit.Entry) (map[string]any, error) {
	changes := make([]audit.Change, len(e.Changes))
	for i, c := range e.Changes {
		var err error
		if c.Old, err = jsonvalue.Normalize(c.Old); err != nil {
			return nil, err
		}
		if c.New, err = jsonvalue.Normalize(c.New); err != nil {
			return nil, err
		}
		changes[i] = c
	}
	metadata, err := jsonvalue.Normalize(e.Metadata)
	if err != nil {
		return nil, err
	}
	e.Changes = changes
	e.Metadata, _ = metadata.(map[string]any)
	return canonicalForm(e)
}

// canonicalForm is what audit.Entry.Canonical encodes.
func canonicalForm(e audit.Entry) (map[string]any, error) {
	text, err := e.Canonical()
	if err != nil {
		return nil, err
	}
	form, err := jsonvalue.Decode(text)
	if err != nil {
		return nil, err
	}
	return form.(map[string]any), nil
}

// hideChanges takes the values out of changes that either entry has masked or erased.
func hideChanges(was, is map[string]any) {
	a, _ := was["changes"].([]any)
	b, _ := is["changes"].([]any)
	for i := range min(len(a), len(b)) {
		x, y := a[i].(map[string]any), b[i].(map[string]any)
		if !isHidden(x["redacted"]) && !isHidden(y["redacted"]) {
			continue
		}
		for _, name := range []string{"old", "new", "redacted"} {
			delete(x, name)
			delete(y, name)
		}
	}
}

func isHidden(redacted any) bool {
	return redacted == audit.RedactedMasked || redacted == audit.RedactedErased
}

// hideMasked returns both values with Mask in place of what either has masked.
func hideMasked(a, b any) (any, any) {
	if isMasked(a) || isMasked(b) {
		return audit.Mask, audit.Mask
	}
	switch x := a.(type) {
	case []any:
		if y, ok := b.([]any); ok {
			for i := range min(len(x), len(y)) {
				x[i], y[i] = hideMasked(x[i], y[i])
			}
		}
	case map[string]any:
		if y, ok := b.(map[string]any); ok {
			for name := range x {
				if _, both := y[name]; both {
					x[name], y[name] = hideMasked(x[name], y[name])
				}
			}
		}
	}
	return a, b
}

func isMasked(v any) bool {
	s, ok := v.(string)
	return ok && strings.Contains(s, audit.Mask)
}
