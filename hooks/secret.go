package hooks

import (
	"encoding/json"

	"github.com/gormtrail/audit"
)

// treatmentOf is how a column's values are recorded: as its tag or option says, else
// by its name, its table's name and its type.
func (p *Plugin) treatmentOf(t *table, h *hint, name string, k kind) treatment {
	if c, ok := t.column(name); ok && c.period {
		return treatOmit
	}
	if tag := h.fields[name]; tag != treatByName && tag != treatName {
		return tag
	}
	redaction := p.trail.Redaction()
	secret := func(k audit.Kind) bool { return redaction.IsSecret(t.name, name, k) }
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
		if now != treatPlain || !masked[i] || t.isKey(set.names[i]) {
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
		if f.set.settings != nil && c.isSecretSetting(f) {
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

func (c *capture) isSecretSetting(f rowIn) bool {
	for i, is := range f.set.settings.names {
		if is && i < len(f.row.values) && c.plugin.trail.Redaction().IsSecretSetting(f.row.values[i]) {
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
	change.Field = audit.CleanText(change.Field)
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

// isText reports whether a value is neither a number nor a boolean.
func isText(v any) bool {
	switch v.(type) {
	case nil, bool, int64, uint64, float64, json.Number:
		return false
	}
	return true
}
