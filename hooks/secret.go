package hooks

import (
	"encoding/json"
	"strings"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/internal/cleantext"
)

// treatmentOf is how a column's values are recorded, and kept out of IDs: as its tag or
// option says; else, if it refers to a column that is kept out of IDs, as that one's
// hash; else by its name, its table's name and its type.
func (p *Plugin) treatmentOf(t *table, h *hint, name string, k kind) (treatment, hidden) {
	own := hidden{table: t.name, column: name}
	if c, ok := t.column(name); ok && c.period {
		own.how = treatPlain
		return treatOmit, own
	}
	tag := h.fields[name]
	if tag == treatByName || tag == treatName {
		if of := p.referred(h, name, maxReferences); of.how != treatPlain {
			return treatRefers, of
		}
		tag = p.treatmentByName(t.name, name, k)
	}
	own.how = p.hiddenAs(t.name, name, tag, k)
	return tag, own
}

func (p *Plugin) treatmentByName(table, name string, k kind) treatment {
	redaction := p.trail.Redaction()
	secret := func(k audit.Kind) bool { return redaction.IsSecret(table, name, k) }
	switch of := secretKind(k); {
	case p.dialect.name == "sqlite" && (k == kindOther || k == kindBool):
		// A column of SQLite holds values of any class, whatever its type.
		switch {
		case secret(audit.KindBool) || secret(audit.KindNumber) && secret(audit.KindText):
			return treatMask
		case secret(audit.KindText):
			return treatTexts
		}
	case secret(of):
		return treatMask
	}
	return treatPlain
}

// secretKind is what the rule for secrets takes a column's values for.
func secretKind(k kind) audit.Kind {
	switch k {
	case kindBool:
		return audit.KindBool
	case kindInt, kindFloat32, kindFloat, kindDecimal, kindBits:
		return audit.KindNumber
	case kindTime, kindWall, kindDate:
		return audit.KindTime
	}
	return audit.KindText
}

// settingColumns are those of a table that may hold settings: a row whose name is a
// secret's ("smtp.password") has its other texts masked.
type settingColumns struct {
	names      []bool      // may hold the name of a setting
	treatments []treatment // of the row of a secret setting
}

func settingsOf(t *table, set *columnSet) *settingColumns {
	texts := make([]string, len(set.names)) // no number is the name or the value of a setting
	for i, k := range set.kinds {
		if secretKind(k) == audit.KindText {
			texts[i] = set.names[i]
		}
	}
	names, masked := audit.SettingColumns(texts)
	if names == nil {
		return nil
	}
	s := &settingColumns{names: names, treatments: append([]treatment(nil), set.treatments...)}
	for i, now := range set.treatments {
		if now != treatPlain || !masked[i] || t.isKey(set.names[i]) && !strings.HasSuffix(strings.ToLower(set.names[i]), "value") {
			continue
		}
		switch {
		case set.kinds[i] == kindOther:
			s.treatments[i] = treatTexts
		case secretKind(set.kinds[i]) == audit.KindText:
			s.treatments[i] = treatMask
		}
	}
	return s
}

// treatments are those of the columns of a row, given in the forms that it has or had:
// its name may itself have changed.
func (c *capture) treatments(set *columnSet, forms ...rowIn) []treatment {
	if set.settings == nil {
		return set.treatments
	}
	for _, f := range forms {
		if f.set.settings != nil && f.set.isSecretSetting(*f.row) {
			return set.settings.treatments
		}
	}
	return set.treatments
}

// rowIn is a row with the columns that it has.
type rowIn struct {
	set *columnSet
	row *row
}

func (s *columnSet) isSecretSetting(r row) bool {
	for i, is := range s.settings.names {
		if is && i < len(r.values) && s.plugin.trail.Redaction().IsSecretSetting(r.values[i]) {
			return true
		}
	}
	return false
}

// treatmentInside is the treatment of a change inside a structured value.
func (c *capture) treatmentInside(t treatment, step audit.Change, was, now any) treatment {
	if t == treatPlain && c.plugin.trail.Redaction().BesideSecretSetting(step.Field, was, now) {
		return treatMask
	}
	return t
}

// appendChange redacts a change as its column's tag, option or name says.
func (c *capture) appendChange(changes []audit.Change, t treatment, column string, change audit.Change) []audit.Change {
	redaction := c.plugin.trail.Redaction()
	change.Field = cleantext.Text(change.Field)
	if t == treatTexts {
		if t = treatPlain; isText(change.Old) || isText(change.New) {
			t = treatMask
		}
	}
	switch t {
	case treatOmit:
		return changes
	case treatMask:
		return append(changes, redaction.MaskChange(change))
	case treatRefers:
		return append(changes, c.referring(column, change))
	case treatHash:
		tenant, _ := audit.TenantFrom(c.stmt.Context)
		return append(changes, redaction.HashChange(tenant, c.table.name, change))
	}
	change.Old, change.New = onTrail(change.Old), onTrail(change.New)
	switch t {
	case treatShow:
		change = redaction.Truncate(change)
	case treatPlain:
		if change.Field == column {
			change = redaction.ApplyInside(change)
			break
		}
		change = redaction.Apply(c.table.name, change) // a path inside, whose steps may name a secret
	}
	return append(changes, change)
}

// referring is a change of a column that refers to one that is kept out of IDs.
func (c *capture) referring(column string, change audit.Change) audit.Change {
	_, h := c.plugin.treatmentOf(c.table, c.plugin.hints.of(c.table.name), column, kindText)
	for _, v := range []*any{&change.Old, &change.New} {
		if h.hides(*v) {
			*v, change.Redacted = c.plugin.secretText(h, *v), audit.RedactedHashed
		}
	}
	return change
}

// isText reports whether a value is neither a number nor a boolean.
func isText(v any) bool {
	switch v.(type) {
	case nil, bool, int64, uint64, float64, json.Number:
		return false
	}
	return true
}
