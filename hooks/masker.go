package hooks

import (
	"context"
	"maps"
	"net/url"
	"strconv"
	"strings"

	"github.com/gormtrail/audit"
)

// maskStored is the plugin's audit.Masker: it masks stored entries as capture would
// record them now.
func (p *Plugin) maskStored(ctx context.Context, e *audit.Entry) (masked []string, known bool, err error) {
	t, err := p.tableOfType(ctx, e.Object.Type)
	if err != nil {
		return nil, false, err
	}
	if t != nil {
		if masked, err = p.maskRow(ctx, t, e); err != nil {
			return nil, false, err
		}
	}
	if t != nil || e.Object.Type == "" {
		masked = append(masked, p.maskStatements(ctx, e)...)
	}
	cause, err := p.maskCascade(ctx, e)
	return append(masked, cause...), t != nil, err
}

// tableOfType is the table that an object type stands for; nil if there is none.
func (p *Plugin) tableOfType(ctx context.Context, objectType string) (*table, error) {
	if p.home == nil || objectType == "" {
		return nil, nil
	}
	name := p.hints.tableOf(objectType)
	if name == "" {
		name = objectType
	}
	schema := ""
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		schema, name = name[:i], name[i+1:]
	}
	t, err := p.lookUp(ctx, p.home, p.readingUnit(ctx, p.home), schema, name)
	if err != nil || t == nil || t.view {
		return nil, err
	}
	return t, nil
}

// tableOf is the table whose objects have that type by a model or an option.
func (h *hints) tableOf(objectType string) string {
	h.mu.RLock()
	defer h.mu.RUnlock()
	for name, hint := range h.tables {
		if hint.objectType == objectType {
			return name
		}
	}
	return ""
}

// maskRow masks what an entry says of a row.
func (p *Plugin) maskRow(ctx context.Context, t *table, e *audit.Entry) (masked []string, err error) {
	set := p.newColumnSet(t, p.hints.of(t.name), columns{names: t.names()})
	for i, c := range e.Changes {
		change, is, err := p.maskChange(ctx, t, set, c)
		if err != nil {
			return nil, err
		}
		if is {
			e.Changes[i], masked = change, append(masked, c.Field)
		}
	}
	id, err := p.maskID(ctx, t, set, e.Object.ID)
	if err != nil {
		return nil, err
	}
	if id != e.Object.ID {
		e.Object.ID, masked = id, append(masked, "object.id")
	}
	for column, how := range set.hint.fields {
		if i, ok := set.byName[column]; ok && how == treatName && e.Object.Name != "" && set.hidden[i].hides(e.Object.Name) {
			e.Object.Name, masked = "", append(masked, "object.name")
		}
	}
	return masked, nil
}

// maskChange masks a change as its column's tag, option, reference or name says.
func (p *Plugin) maskChange(ctx context.Context, t *table, set *columnSet, c audit.Change) (audit.Change, bool, error) {
	redaction := p.trail.Redaction()
	column, _, _ := strings.Cut(c.Field, ".")
	column, _, _ = strings.Cut(column, "[")
	i, ok := set.byName[column]
	if !ok || c.Redacted != "" && c.Redacted != audit.RedactedTruncated {
		c, is := redaction.MaskStored(t.name, c)
		return c, is, nil
	}
	how := set.treatments[i]
	switch {
	case how == treatShow:
		return c, false, nil
	case how == treatMask, how == treatHash, how == treatOmit, how == treatTexts && (isText(c.Old) || isText(c.New)):
		return redaction.MaskChange(c), c.Old != nil || c.New != nil, nil
	case how == treatRefers:
		return p.maskReference(ctx, set.hidden[i], c)
	case c.Field != column:
		c, is := redaction.MaskStored(t.name, c)
		return c, is, nil
	}
	c, is := redaction.MaskStoredInside(c)
	return c, is, nil
}

// maskReference puts hashes in the place of a secret that a column refers to.
func (p *Plugin) maskReference(ctx context.Context, h hidden, c audit.Change) (audit.Change, bool, error) {
	for _, v := range []*any{&c.Old, &c.New} {
		if !h.hides(*v) {
			continue
		}
		key, err := p.trail.SubKey(ctx, nil, idPurpose)
		if err != nil {
			return c, false, err
		}
		*v, c.Redacted = h.hash(key, keyText(*v)), audit.RedactedHashed
	}
	return c, c.Redacted == audit.RedactedHashed, nil
}

// maskID puts hashes in the place of the secrets in an ID.
func (p *Plugin) maskID(ctx context.Context, t *table, set *columnSet, id string) (string, error) {
	k := p.keyedIn(t)
	if id == "" || !k.ids || len(t.key) == 0 {
		return id, nil
	}
	key, err := p.trail.SubKey(ctx, nil, idPurpose)
	if err != nil {
		return "", err
	}
	texts, whole := keyTexts(t, id)
	m, r := &image{set: set}, row{values: make([]any, len(set.names))}
	for column, text := range texts {
		if i, ok := set.byName[column]; ok {
			r.values[i] = valueOfText(text)
		}
	}
	hides := false
	masked := rowID(t, func(column string) string {
		h, v := m.hiddenIn(t, r, column)
		if !h.hides(v) || isHashedID(texts[column]) {
			return texts[column]
		}
		hides = true
		return h.hash(key, texts[column])
	})
	switch {
	case !whole && m.hidesKey(t, r) && !isHashedID(id): // it was cut, or is of another key
		return hidden{table: t.name}.hash(key, id), nil
	case !hides:
		return id, nil
	}
	return masked, nil
}

// keyTexts are the columns in an ID; whole is false if the ID isn't one of this key.
func keyTexts(t *table, id string) (texts map[string]string, whole bool) {
	if len(t.key) == 1 {
		return map[string]string{t.key[0]: id}, true
	}
	texts, whole = map[string]string{}, true
	for _, part := range strings.Split(id, ",") {
		name, value, ok := strings.Cut(part, "=")
		column, err := url.QueryUnescape(name)
		text, err2 := url.QueryUnescape(value)
		if !ok || err != nil || err2 != nil || !t.isKey(column) {
			whole = false
			continue
		}
		texts[column] = text
	}
	for _, column := range t.key {
		if _, ok := texts[column]; !ok {
			texts[column], whole = id, false
		}
	}
	return texts, whole
}

// valueOfText is a value of a key's column, as far as its text tells.
func valueOfText(text string) any {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && strconv.FormatInt(n, 10) == text {
		return n
	}
	if text == "true" || text == "false" {
		return text == "true"
	}
	return text
}

// isHashedID reports whether a part of an ID is the hash of a secret.
func isHashedID(s string) bool {
	digits, ok := strings.CutPrefix(s, idMark)
	return ok && len(digits) == 2*idSum && strings.Trim(digits, "0123456789abcdef") == ""
}

// maskStatements takes the values out of statements.
func (p *Plugin) maskStatements(ctx context.Context, e *audit.Entry) (masked []string) {
	for _, name := range []string{"statement", "first_statement"} {
		text, ok := e.Metadata[name].(string)
		if !ok {
			continue
		}
		p.readNames(ctx)
		if clean := p.withoutValues(text); clean != text && clean != text+" …" { // which is cut as before
			e.Metadata = maps.Clone(e.Metadata)
			e.Metadata[name] = clean
			masked = append(masked, "metadata."+name)
		}
	}
	return masked
}

// readNames reads all tables of a SQLite database, once: a part of a statement in double
// quotes that is none of their names is taken for a text.
func (p *Plugin) readNames(ctx context.Context) {
	if p.dialect.name != "sqlite" || p.home == nil || p.namesRead.Swap(true) {
		return
	}
	var names []string
	_ = eachRow(ctx, p.home, func(scan func(...any) error) error {
		var name string
		err := scan(&name)
		names = append(names, name)
		return err
	}, "SELECT name FROM sqlite_master WHERE type IN ('table', 'view')")
	for _, name := range names {
		_, _ = p.lookUp(ctx, p.home, p.readingUnit(ctx, p.home), "", name) // what can't be read isn't known
	}
}

// maskCascade masks the ID of the row by which another one changed.
func (p *Plugin) maskCascade(ctx context.Context, e *audit.Entry) (masked []string, err error) {
	cause, ok := e.Metadata["cascade"].(map[string]any)
	if !ok {
		return nil, nil
	}
	object, _ := cause["table"].(string)
	id, _ := cause["id"].(string)
	t, err := p.tableOfType(ctx, object)
	if err != nil || t == nil {
		return nil, err
	}
	hashed, err := p.maskID(ctx, t, p.newColumnSet(t, p.hints.of(t.name), columns{names: t.names()}), id)
	if err != nil || hashed == id {
		return nil, err
	}
	cause = maps.Clone(cause)
	cause["id"] = hashed
	e.Metadata = maps.Clone(e.Metadata)
	e.Metadata["cascade"] = cause
	return []string{"metadata.cascade"}, nil
}
