package hooks

import (
	"cmp"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/internal/cleantext"
)

// add completes the entries with the statement's context and puts them into the
// unit of work.
func (c *capture) add(entries ...audit.Entry) error {
	if len(entries) == 0 {
		return nil
	}
	for i := range entries {
		entries[i].TransactionID, entries[i].Time = c.unit.id, c.at
	}
	if err := c.plugin.trail.EnrichCaptured(c.stmt.Context, entries); err != nil {
		return c.fail(err)
	}
	return c.unit.add(c.ctx, entries...)
}

// object is how entries name a row.
func (c *capture) object(m *image, r row) audit.Object {
	h := c.plugin.hints.of(c.table.name)
	o := audit.Object{Type: c.plugin.typeOf(c.table.object), ID: m.id(c.table, r)}
	for column, t := range h.fields {
		if i, ok := m.set.byName[column]; ok && t == treatName && !m.set.hidden[i].hides(r.values[i]) {
			o.Name = cmp.Or(keyText(r.values[i]), o.Name)
		}
	}
	return o
}

// typeOf is a table's object type.
func (p *Plugin) typeOf(table string) string {
	if name := p.hints.of(bareName(table)).objectType; name != "" {
		return cleantext.Text(name)
	}
	return cleantext.Text(table)
}

// id is the primary key as text; of a composite key "a=1,b=x", escaped as in a
// URL query. Hashes stand in the place of secrets.
func (m *image) id(t *table, r row) string {
	return rowID(t, func(column string) string {
		h, v := m.hiddenIn(t, r, column)
		if !h.hides(v) {
			return keyText(v)
		}
		return m.set.plugin.secretText(h, v)
	})
}

// rowID makes an ID of the texts of the key's columns.
func rowID(t *table, text func(column string) string) string {
	var id string
	if len(t.key) == 1 {
		id = text(t.key[0])
	} else {
		parts := make([]string, len(t.key))
		for i, k := range t.key {
			parts[i] = url.QueryEscape(k) + "=" + url.QueryEscape(text(k))
		}
		id = strings.Join(parts, ",")
	}
	return cleantext.Name(id)
}

// hiddenIn is a row's value of a column, and whether IDs have it.
func (m *image) hiddenIn(t *table, r row, column string) (hidden, any) {
	i, ok := m.set.byName[column]
	if !ok {
		return hidden{}, nil
	}
	if s := m.set.settings; s != nil && s.treatments[i] == treatMask && m.set.isSecretSetting(r) {
		return hidden{treatMask, t.name, column}, r.values[i]
	}
	return m.set.hidden[i], r.values[i]
}

// created is the entry of a new row: every column that is not NULL.
func (c *capture) created(m *image, r row) audit.Entry {
	e := audit.Entry{Action: audit.ActionCreate, Object: c.object(m, r)}
	e.Changes = make([]audit.Change, 0, len(m.set.names))
	treatments := c.treatments(m.set, rowIn{m.set, &r})
	for i, name := range m.set.names {
		if v := r.values[i]; v != nil {
			e.Changes = c.appendChange(e.Changes, treatments[i], name, audit.Change{Field: name, Op: audit.OpAdd, New: v})
		}
	}
	return e
}

// destroyed are the entries of rows that went.
func (c *capture) destroyed(m *image) []audit.Entry {
	entries := make([]audit.Entry, 0, len(m.rows))
	for _, r := range m.rows {
		entries = append(entries, c.destroyedOne(m, r))
	}
	return entries
}

func (c *capture) destroyedOne(m *image, r row) audit.Entry {
	e := audit.Entry{Action: audit.ActionDestroy, Object: c.object(m, r), Metadata: c.unseen(m, r, nil)}
	treatments := c.treatments(m.set, rowIn{m.set, &r})
	for i, name := range m.set.names {
		if v := r.values[i]; v != nil {
			e.Changes = c.appendChange(e.Changes, treatments[i], name, audit.Change{Field: name, Op: audit.OpRemove, Old: v})
		}
	}
	return e
}

// updated are the entries of rows that changed; a row that is as it was has
// none, and neither has one of which only the time of the update changed.
func (c *capture) updated(before, after *image, pairs []pair) []audit.Entry {
	c.unit.wrote.Store(true)
	c.noteUpdated(before, after, pairs)
	h := c.plugin.hints.of(c.table.name)
	var entries []audit.Entry
	for _, p := range pairs {
		changes, substance := c.compare(h, before, after, p)
		if !substance {
			continue
		}
		e := audit.Entry{Action: c.actionOf(h, before, after, p), Changes: changes}
		e.Object = c.object(after, *p.after)
		if old := c.object(before, *p.before); old.ID != "" {
			e.Object.ID = old.ID // a changed key is a change of the row that had the old one
		}
		entries = append(entries, e)
	}
	return entries
}

// compare returns what differs, and whether it is more than the time of the
// update.
func (c *capture) compare(h *hint, before, after *image, p pair) (changes []audit.Change, substance bool) {
	treatments := c.treatments(after.set, rowIn{before.set, p.before}, rowIn{after.set, p.after})
	for i, name := range after.set.names {
		now := p.after.values[i]
		was, had := before.value(*p.before, name)
		if had && sameValue(after.set.kinds[i], was, now) {
			continue
		}
		n := len(changes)
		changes = c.appendSteps(changes, after.set, i, treatments[i], was, now, had)
		if c.plugin.opts.AutoTimes || !slices.Contains(h.autoTimes, name) {
			substance = substance || len(changes) > n
		}
	}
	return changes, substance
}

func (c *capture) appendSteps(changes []audit.Change, set *columnSet, i int, t treatment, was, now any, had bool) []audit.Change {
	name := set.names[i]
	if !had {
		return c.appendChange(changes, t, name, audit.Change{Field: name, Op: audit.OpAdd, New: now})
	}
	if set.kinds[i] == kindJSON && t != treatMask && t != treatHash {
		if inside, ok := insideChanges(name, was, now); ok {
			for _, step := range inside {
				changes = c.appendChange(changes, c.treatmentInside(t, step, was, now), name, step)
			}
			return changes
		}
	}
	return c.appendChange(changes, t, name, audit.Change{Field: name, Op: audit.OpReplace, Old: was, New: now})
}

// actionOf tells a soft delete and a restore by their effect.
func (c *capture) actionOf(h *hint, before, after *image, p pair) string {
	for _, name := range h.marks() {
		was, _ := before.value(*p.before, name)
		now, ok := after.value(*p.after, name)
		switch {
		case !ok:
		case !h.isDeleted(name, was) && h.isDeleted(name, now):
			return audit.ActionDestroy
		case h.isDeleted(name, was) && !h.isDeleted(name, now):
			return audit.ActionRestore
		}
	}
	return audit.ActionUpdate
}

// isDeleted reads a column that marks a row as deleted: a time, a flag, Unix
// seconds or milliseconds. Its zero value means that it isn't.
func (h *hint) isDeleted(column string, v any) bool {
	switch x := v.(type) {
	case nil:
		return false
	case bool:
		return x
	case int64:
		return x != 0
	case string:
		if zero := h.zeroTimes[column]; zero != "" {
			return !sameWallTime(x, zero)
		}
		return x != "" && !strings.HasPrefix(x, "0001-01-01T00:00:00") && !strings.HasPrefix(x, "0000-00-00")
	}
	return true
}

// sameWallTime reports whether a value is the zero time that a model's tag
// gives without a zone: the database took it in the session's. No zone is more
// than 15 hours off.
func sameWallTime(v, zero string) bool {
	a, okA := parseTime(v)
	b, okB := parseTime(zero)
	return v == zero || okA && okB && a.Sub(b).Abs() <= 15*time.Hour
}

// summary is the one entry for more rows than are captured one by one.
func (c *capture) summary(m *image) audit.Entry {
	action := audit.ActionUpdate
	switch {
	case c.text.verb == "DELETE" || c.op == opDelete:
		action = audit.ActionDestroy
	case c.text.verb == "INSERT":
		action = audit.ActionCreate
	}
	metadata := map[string]any{
		"table": c.table.object, "rows": int64(m.count),
		"statement": c.plugin.withoutValues(c.query),
		"reason":    "more rows than are recorded one by one",
	}
	if len(c.table.key) > 0 || m.digest != nil {
		m.spend(c.table)
		metadata["keys_sha256"] = m.keyDigest()
	} else {
		metadata["reason"] = "the table has no key to tell its rows apart"
	}
	if set := c.assignments(); set != nil {
		var columns []any
		for _, a := range set {
			columns = append(columns, a.Column.Name)
		}
		metadata["columns"] = columns
	}
	if list := c.unseenOfAll(); list != nil {
		metadata["foreign_keys"] = list
	}
	return audit.Entry{Action: action, Object: audit.Object{Type: c.plugin.typeOf(c.table.object)}, Metadata: metadata}
}

// executed is the entry of a statement that is recorded as a whole.
func (c *capture) executed(s statement, query string, affected int64) audit.Entry {
	return c.plugin.executed(s, query, affected)
}

func (p *Plugin) executed(s statement, query string, affected int64) audit.Entry {
	e := audit.Entry{Action: audit.ActionExecute, Metadata: map[string]any{
		"statement": cleantext.Text(p.withoutValues(query)),
		"verb":      s.verb,
	}}
	if affected >= 0 {
		e.Metadata["rows"] = affected
	}
	if s.table != "" {
		name := s.table
		if s.schema != "" {
			name = s.schema + "." + s.table
		}
		e.Object.Type = p.typeOf(name)
	}
	return e
}

// skipped records, once, that capture was switched off.
func (c *capture) skipped(use *audit.SkipUse) error {
	if !c.unit.skip(use) {
		return nil
	}
	return c.add(audit.Entry{
		Action: audit.ActionSkip, Comment: use.Reason(),
		Object:   audit.Object{Type: c.plugin.typeOf(c.text.table)},
		Metadata: map[string]any{"first_statement": cleantext.Text(c.plugin.withoutValues(c.query))},
	})
}
