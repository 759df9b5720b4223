package audit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
)

// MaskOptions say which stored entries FindSecrets and MaskSecrets look at, and how.
// nil and the zero value mean every default.
type MaskOptions struct {
	// Filter selects the entries. Default: all.
	Filter Filter
	// Batch is how many entries are read, and written in one transaction. Default:
	// 200, at most MaxLimit.
	Batch int
	// After is where to go on: MaskResult.Next of a run that was broken off. Filter
	// must be the same. Default: the oldest entry.
	After string
	// Progress is called after each batch with the result so far. Default: nobody is.
	Progress func(MaskResult)
}

// StoredSecret says how many entries have a value that the trail would mask now.
type StoredSecret struct {
	ObjectType string
	// Field is a change's ("password", "settings.token"), or "object.id",
	// "object.name", "error", "metadata.statement" and the like.
	Field   string
	Entries int
}

// MaskResult is what FindSecrets found, or MaskSecrets did.
type MaskResult struct {
	Seen    int            // entries that were looked at
	Masked  int            // entries that have secrets; of MaskSecrets, that had
	Damaged int            // entries that can't be read whole, and are left as they are (Entry.Damaged)
	Secrets []StoredSecret // sorted by type and field
	Next    string         // MaskOptions.After of a run that goes on; "" at the beginning and at the end
}

// Masker masks secrets in an entry that was recorded before, in place: it may replace
// values, and doesn't change what they point to. It returns the names of the fields
// that it masked (StoredSecret), and whether it knows the table behind the entry. Of
// what none knows, the trail's Redaction masks the changes. It isn't called inside a
// transaction.
type Masker func(ctx context.Context, e *Entry) (masked []string, known bool, err error)

// AddMasker adds what knows more of the tables behind entries than their names tell.
// Package hooks adds its plugin: tags, options and keys.
func (t *Trail) AddMasker(m Masker) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.maskers = append(slices.Clip(t.maskers), m)
}

// FindSecrets is MaskSecrets without any change: it lists what that would mask.
func (t *Trail) FindSecrets(ctx context.Context, opts *MaskOptions) (MaskResult, error) {
	return t.mask(ctx, opts, func([]Entry, []Entry) (int, error) { return 0, nil })
}

// MaskSecrets masks what the trail would not record today, by its Redaction and what
// package hooks knows, in stored entries and in what the store keeps of them for
// searches. Masked changes carry RedactedMasked. The entries stay where they are, with
// their IDs. An entry of action ActionMask tells before the first change who does it,
// and another one after the last how many entries and which fields it were; neither
// has a value.
//
// Each batch is a transaction. The result is of what was done, also with an error; a
// run that was broken off goes on from Next, or from the beginning, to the same effect.
// Entries may be recorded meanwhile. Run it once no process of an earlier version
// records any more, and with the plugin of package hooks registered.
//
// Backups, replicas' logs and free pages of the database aren't touched
// (docs/security.md).
//
// Errors: errors.ErrUnsupported of a store that is no Replacer; *QueryError for options
// that can't be meant; ErrClosed, ErrNotMigrated, the context's, the store's.
func (t *Trail) MaskSecrets(ctx context.Context, opts *MaskOptions) (MaskResult, error) {
	replacer, ok := t.store.(Replacer)
	if !ok {
		return MaskResult{}, fmt.Errorf("audit: masking in a %T: %w", t.store, errors.ErrUnsupported)
	}
	begun := false
	result, err := t.mask(ctx, opts, func(old, masked []Entry) (int, error) {
		if !begun {
			if err := t.Record(ctx, Entry{Action: ActionMask, Comment: "begun"}); err != nil {
				return 0, err
			}
			begun = true
		}
		return replacer.Replace(ctx, old, masked)
	})
	if begun {
		err = errors.Join(err, t.recordMasked(ctx, result, err == nil))
	}
	return result, err
}

// recordMasked also tells of a run that was cancelled.
func (t *Trail) recordMasked(ctx context.Context, r MaskResult, complete bool) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	const most = 100
	var fields []any
	for _, s := range r.Secrets[:min(len(r.Secrets), most)] {
		fields = append(fields, fmt.Sprintf("%s %s: %d", s.ObjectType, s.Field, s.Entries))
	}
	return t.Record(ctx, Entry{Action: ActionMask, Comment: "ended", Metadata: map[string]any{
		"entries": r.Masked, "seen": r.Seen, "fields": fields, "more_fields": max(0, len(r.Secrets)-most), "complete": complete, "damaged": r.Damaged,
	}})
}

// mask reads the entries in batches, oldest first, and gives those that change to
// replace, as they are and masked.
func (t *Trail) mask(ctx context.Context, opts *MaskOptions, replace func(old, masked []Entry) (int, error)) (MaskResult, error) {
	if opts == nil {
		opts = &MaskOptions{}
	}
	run := masking{trail: t, fields: map[[2]string]int{}, settings: map[Object]string{}}
	q := Query{Filter: opts.Filter, Sort: SortTime, Limit: cmp.Or(opts.Batch, 200), Cursor: opts.After}
	result := MaskResult{Next: opts.After}
	for {
		page, err := t.Query(ctx, q)
		if err == nil {
			err = run.batch(ctx, page.Entries, replace)
		}
		result.Seen, result.Masked, result.Damaged, result.Secrets = run.seen, run.masked, run.damaged, run.secrets()
		if err != nil {
			return result, err
		}
		q.Cursor, result.Next = page.Next, page.Next
		if opts.Progress != nil {
			opts.Progress(result)
		}
		if page.Next == "" {
			return result, nil
		}
	}
}

// masking is one run.
type masking struct {
	trail        *Trail
	seen, masked int
	damaged      int
	fields       map[[2]string]int // by type and field
	settings     map[Object]string // the secret setting that a record (Name: at a place) is or was; "": none
}

func (m *masking) batch(ctx context.Context, entries []Entry, replace func(old, masked []Entry) (int, error)) error {
	var old, changed []Entry
	var fields [][]string
	damaged := 0
	for _, e := range entries {
		if e.Damaged != "" { // what is stored may be mended yet
			damaged++
			continue
		}
		masked, names, err := m.entry(ctx, e)
		if err != nil {
			return err
		}
		if len(names) > 0 {
			old, changed, fields = append(old, e), append(changed, masked), append(fields, names)
		}
	}
	if len(old) > 0 {
		if _, err := replace(old, changed); err != nil {
			return err
		}
	}
	m.seen += len(entries)
	m.damaged += damaged
	m.masked += len(old)
	for i, names := range fields {
		for _, name := range names {
			m.fields[[2]string{old[i].Object.Type, name}]++
		}
	}
	return nil
}

func (m *masking) secrets() []StoredSecret {
	list := make([]StoredSecret, 0, len(m.fields))
	for of, n := range m.fields {
		list = append(list, StoredSecret{of[0], of[1], n})
	}
	slices.SortFunc(list, func(a, b StoredSecret) int {
		return cmp.Or(cmp.Compare(a.ObjectType, b.ObjectType), cmp.Compare(a.Field, b.Field))
	})
	return list
}

// entry returns the entry masked, and the names of the fields that were.
func (m *masking) entry(ctx context.Context, e Entry) (Entry, []string, error) {
	was := e.Object
	e.Changes = slices.Clone(e.Changes)
	var names []string
	known := false
	m.trail.mu.Lock()
	maskers := m.trail.maskers
	m.trail.mu.Unlock()
	for _, mask := range maskers {
		masked, knows, err := mask(ctx, &e)
		if err != nil {
			return e, nil, err
		}
		names, known = append(names, masked...), known || knows
	}
	r := m.trail.redaction
	if !known {
		for i, c := range e.Changes {
			if masked, is := r.MaskStored(e.Object.Type, c); is {
				e.Changes[i], names = masked, append(names, c.Field)
			}
		}
	}
	settings, err := m.maskSettings(ctx, &e, was)
	if err != nil {
		return e, nil, err
	}
	names = append(names, settings...)
	if clean := withoutValues(e.Error, valuesInAny); clean != e.Error {
		e.Error, names = clean, append(names, "error")
	}
	clean := r.redactMap("", e.Metadata)
	for k, v := range e.Metadata {
		if !reflect.DeepEqual(v, clean[k]) {
			names = append(names, "metadata."+k)
		}
	}
	e.Metadata = clean
	slices.Sort(names)
	return e, slices.Compact(names), nil
}

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
