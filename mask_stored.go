package audit

import (
	"context"
	"reflect"
	"slices"
	"strings"
	"time"
)

// maskSettings masks the values beside the name of a secret setting, in the row or the
// object that both are in. Where the entry doesn't have the name, other entries of the
// record, which was called so before, may.
func (m *masking) maskSettings(ctx context.Context, e *Entry, was Object) (names []string, err error) {
	r := m.trail.redaction
	for _, place := range placesOfValues(e.Changes) {
		setting := r.settingAt(e, place)
		if setting == "" {
			if setting, err = m.settingOfRecord(ctx, was, place); err != nil {
				return nil, err
			}
		}
		if setting == "" {
			continue
		}
		for i, c := range e.Changes {
			unmasked := c.Redacted == "" || c.Redacted == RedactedTruncated
			if unmasked && placeOf(c.Field) == place && besideSetting(c.Field[len(place):]) && r.IsSecret("", setting, storedKind(c)) {
				e.Changes[i], names = r.MaskChange(c), append(names, c.Field)
			}
		}
	}
	return names, nil
}

// placeOf is where a field is: "" for a column, "env[0]." for "env[0].value".
func placeOf(field string) string { return field[:strings.LastIndexByte(field, '.')+1] }

// placesOfValues are the places of fields that may hold the value of a setting.
func placesOfValues(changes []Change) (places []string) {
	for _, c := range changes {
		if place := placeOf(c.Field); isSettingValue(c.Field) && c.Redacted == "" && !slices.Contains(places, place) {
			places = append(places, place)
		}
	}
	return places
}

// settingAt is the name of a secret setting at a place of an entry; "" if it has none.
func (r *Redaction) settingAt(e *Entry, place string) string {
	for _, c := range e.Changes {
		if placeOf(c.Field) != place || !isSettingName(c.Field) {
			continue
		}
		for _, v := range []any{c.Old, c.New} {
			if r.IsSecretSetting(v) {
				return v.(string)
			}
		}
	}
	for _, s := range []string{e.Object.ID, e.Object.Name} {
		if place == "" && r.IsSecretSetting(s) {
			return s
		}
	}
	return ""
}

// maxSettings bounds how many records are kept in mind.
const maxSettings = 10_000

func (m *masking) settingOfRecord(ctx context.Context, o Object, place string) (string, error) {
	key := Object{Type: o.Type, ID: o.ID, Name: place}
	if o.ID == "" {
		return "", nil
	}
	if setting, known := m.settings[key]; known {
		return setting, nil
	}
	setting := ""
	for e, err := range m.trail.All(ctx, Query{Filter: Filter{ObjectTypes: []string{o.Type}, ObjectIDs: []string{o.ID}}}) {
		if err != nil {
			return "", err
		}
		if setting = m.trail.redaction.settingAt(&e, place); setting != "" {
			break
		}
	}
	if len(m.settings) == maxSettings {
		clear(m.settings)
	}
	m.settings[key] = setting
	return setting, nil
}

// MaskStored masks a change that was recorded before, as Apply does with a new one, and
// reports whether there was anything to mask. It cuts nothing. What is masked or hashed
// stays as it is.
func (r *Redaction) MaskStored(object string, c Change) (Change, bool) {
	if c.Redacted != "" && c.Redacted != RedactedTruncated {
		return c, false
	}
	if r.secretPath(object, c.Field, storedKind(c)) {
		return r.MaskChange(c), c.Old != nil || c.New != nil
	}
	return r.MaskStoredInside(c)
}

// MaskStoredInside is MaskStored for a change whose field is known to name no secret.
func (r *Redaction) MaskStoredInside(c Change) (Change, bool) {
	if c.Redacted != "" && c.Redacted != RedactedTruncated {
		return c, false
	}
	name := lastStep(c.Field)
	old, hidOld := r.redactInside(name, c.Old)
	now, hidNew := r.redactInside(name, c.New)
	if hidOld || hidNew {
		return r.MaskChange(c), true
	}
	if reflect.DeepEqual(old, c.Old) && reflect.DeepEqual(now, c.New) {
		return c, false
	}
	c.Old, c.New = old, now
	return c, true
}

// storedKind is the kind of a change's values. Times are stored as texts.
func storedKind(c Change) Kind {
	k := kindOf(c.Old, c.New)
	if k != KindText {
		return k
	}
	for _, v := range []any{c.Old, c.New} {
		s, ok := v.(string)
		if v == nil {
			continue
		}
		if _, err := time.Parse(time.RFC3339, s); !ok || err != nil || !strings.Contains(s, "T") {
			return k
		}
	}
	if c.Old == nil && c.New == nil {
		return k
	}
	return KindTime
}
