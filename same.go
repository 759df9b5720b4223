package audit

import (
	"bytes"
	"reflect"
	"regexp"
	"strings"
)

// SameEntry reports whether two entries of one ID have the same content: stored is
// on the trail, and given is to be appended. Stores call it when they meet an ID that
// they have, and return a *ConflictError if it is false.
//
// The canonical forms are compared. What either entry no longer shows isn't: the
// values of a change that is masked or erased, and every text that contains Mask.
// Neither is a Time or TransactionID that the library filled in, since a caller that
// repeats itself gets another one. Of an entry that was masked after it was stored
// (Trail.MaskSecrets) only what masking leaves alone is compared. A damaged entry is
// the same as no other.
func SameEntry(stored, given Entry) bool {
	if stored.Damaged != "" || given.Damaged != "" {
		return false
	}
	if given.timed {
		given.Time = stored.Time
	}
	if given.loose {
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
	first, wasErr := AppendCanonical(nil, a)
	second, isErr := AppendCanonical(nil, b)
	return wasErr == nil && isErr == nil && bytes.Equal(first, second)
}

// hashedID finds a hash that package hooks puts into an ID in the place of a secret.
var hashedID = regexp.MustCompile(`\bhmac-[0-9a-f]{32}\b`)

// hidden counts what isn't shown in a canonical form.
func hidden(form map[string]any) int {
	text, err := AppendCanonical(nil, form)
	if err != nil {
		return 0
	}
	n := bytes.Count(text, []byte(Mask)) + len(hashedID.FindAll(text, -1))
	return n + bytes.Count(text, []byte(`"redacted":"`+RedactedErased+`"`))
}

// sameBesideMasking compares what Trail.MaskSecrets leaves alone (CheckReplacement).
func sameBesideMasking(a, b Entry) bool {
	for _, e := range []*Entry{&a, &b} {
		e.Object.ID, e.Object.Name, e.Error, e.Metadata = "", "", "", nil
		fields := make([]Change, len(e.Changes))
		for i, c := range e.Changes {
			fields[i] = Change{Field: c.Field, Op: c.Op}
		}
		e.Changes = fields
	}
	first, err := a.canonicalForm()
	second, err2 := b.canonicalForm()
	return err == nil && err2 == nil && reflect.DeepEqual(first, second)
}

// comparableForm is the canonical form of the entry with its values in the terms of
// Normalize, as they are after a way through a store.
func comparableForm(e Entry) (map[string]any, error) {
	changes := make([]Change, len(e.Changes))
	for i, c := range e.Changes {
		var err error
		if c.Old, err = Normalize(c.Old); err != nil {
			return nil, err
		}
		if c.New, err = Normalize(c.New); err != nil {
			return nil, err
		}
		changes[i] = c
	}
	metadata, err := Normalize(e.Metadata)
	if err != nil {
		return nil, err
	}
	e.Changes = changes
	e.Metadata, _ = metadata.(map[string]any)
	return e.canonicalForm()
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

func isHidden(redacted any) bool { return redacted == RedactedMasked || redacted == RedactedErased }

// hideMasked returns both values with Mask in place of what either has masked.
func hideMasked(a, b any) (any, any) {
	if isMasked(a) || isMasked(b) {
		return Mask, Mask
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
	return ok && strings.Contains(s, Mask)
}
