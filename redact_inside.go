package audit

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// kindOf is the kind of a field's values; NULL has none.
func kindOf(values ...any) Kind {
	kind, found := KindText, false
	for _, v := range values {
		switch v.(type) {
		case nil:
			continue
		case bool:
			if !found {
				kind = KindBool
			}
		case int64, uint64, float64, json.Number:
			kind = KindNumber
		default:
			return KindText
		}
		found = true
	}
	return kind
}

// secretPath reports whether a step of the path names a secret: "settings.token",
// "tokens[2]". The kind is the one of the value at its end.
func (r *Redaction) secretPath(object, field string, k Kind) bool {
	for field != "" {
		var step string
		step, field = nextStep(field)
		if step == "" || isNumber(step) {
			continue
		}
		kind := KindText // of a structure
		if field == "" {
			kind = k
		}
		if r.IsSecret(object, step, kind) {
			return true
		}
		object = step
	}
	return false
}

// nextStep cuts the first step off a path. A path ends in its last name or index.
func nextStep(path string) (step, rest string) {
	i := strings.IndexAny(path, ".[]")
	if i < 0 {
		return path, ""
	}
	if rest = path[i+1:]; rest == "]" {
		rest = ""
	}
	return path[:i], rest
}

// lastStep is the name at the end of a path, past indexes.
func lastStep(path string) string {
	if strings.IndexByte(path, '.') < 0 && strings.IndexByte(path, '[') < 0 {
		return path
	}
	name := ""
	for path != "" {
		var step string
		if step, path = nextStep(path); step != "" && !isNumber(step) {
			name = step
		}
	}
	return name
}

// hasInside reports whether a value may hold named values.
func hasInside(v any) bool {
	switch x := v.(type) {
	case string:
		return maybeJSON(x)
	case []any, map[string]any:
		return true
	}
	return false
}

// redactInside masks the secrets inside a structured value, or a text that holds
// JSON. It copies what it changes: the value may be the caller's. all reports that a
// text must be masked as a whole.
func (r *Redaction) redactInside(name string, v any) (redacted any, all bool) {
	switch x := v.(type) {
	case string:
		if !maybeJSON(x) {
			return v, false
		}
		text, ok := r.redactText(name, x)
		return text, !ok
	case []any:
		list := make([]any, len(x))
		for i := range x {
			list[i] = r.redacted(name, x[i])
		}
		return list, false
	case map[string]any:
		if r.quotesSecretInBytes(x) {
			return v, true
		}
		return r.redactMap(name, x), false
	}
	return v, false
}

// quotesSecretInBytes reports whether an object stands for a text that isn't UTF-8
// ({"base64": "…"}), looks like JSON, and has a secret's name as a key.
func (r *Redaction) quotesSecretInBytes(m map[string]any) bool {
	text, ok := m["base64"].(string)
	if !ok || len(m) != 1 {
		return false
	}
	raw, err := base64.StdEncoding.DecodeString(text)
	return err == nil && maybeJSON(string(raw)) && r.quotesSecret(string(raw))
}

// redacted is redactInside for a value inside another one.
func (r *Redaction) redacted(name string, v any) any {
	v, all := r.redactInside(name, v)
	if all {
		return Mask
	}
	return v
}

func (r *Redaction) redactMap(object string, m map[string]any) map[string]any {
	if len(m) == 0 {
		return m
	}
	setting := r.settingIn(m)
	c := make(map[string]any, len(m))
	for k, v := range m {
		kind := kindOf(v)
		if r.IsSecret(object, k, kind) || setting != "" && r.IsSecret("", setting, kind) && besideSetting(k) {
			c[k] = maskValue(v)
		} else {
			c[k] = r.redacted(k, v)
		}
	}
	return c
}

// Settings: of rows and objects with a name and a value, the name says whether the
// value is a secret: {"key": "smtp.password", "value": "…"}.

// maxSettingName is how long the name of a setting may be, in bytes.
const maxSettingName = 256

// SettingColumns says which columns of a table may hold the name of a setting (their
// last word is key or name), and which are masked in the row of one that holds a
// secret: all but those that tell about it, like a type or a description. It returns
// nil for a table that has no settings, because no last word is value.
func SettingColumns(columns []string) (names, masked []bool) {
	if !slices.ContainsFunc(columns, isSettingValue) || !slices.ContainsFunc(columns, isSettingName) {
		return nil, nil
	}
	names, masked = make([]bool, len(columns)), make([]bool, len(columns))
	for i, c := range columns {
		names[i], masked[i] = isSettingName(c), besideSetting(c)
	}
	return names, masked
}

// IsSecretSetting reports whether v is the name of a setting that holds a secret.
func (r *Redaction) IsSecretSetting(v any) bool {
	s, ok := v.(string)
	return ok && len(s) <= maxSettingName && r.IsSecret("", s, KindText)
}

func isSettingName(name string) bool {
	return hasSuffixFold(name, "key") || hasSuffixFold(name, "name")
}
func isSettingValue(name string) bool { return hasSuffixFold(name, "value") }

// besideSetting reports whether a field is masked beside the name of a secret setting.
func besideSetting(name string) bool {
	if isSettingName(name) {
		return false
	}
	var room [8]nameWord
	list := splitName(room[:0], name)
	return len(list) == 0 || list[len(list)-1].role&roleAbout == 0
}

// settingIn returns the name of the secret setting that an object holds, or "".
func (r *Redaction) settingIn(m map[string]any) string {
	hasValue := false
	for k := range m {
		hasValue = hasValue || isSettingValue(k)
	}
	if !hasValue {
		return ""
	}
	for k, v := range m {
		if isSettingName(k) && r.IsSecretSetting(v) {
			return v.(string)
		}
	}
	return ""
}

// BesideSecretSetting reports whether the value at a path of a column's two documents
// stands in an object that holds a secret setting: "env[0].value".
func (r *Redaction) BesideSecretSetting(path string, was, now any) bool {
	_, path = nextStep(path) // the column
	for path != "" {
		var step string
		if step, path = nextStep(path); step == "" {
			continue
		}
		a, b := innerOf(was, step), innerOf(now, step)
		for _, doc := range []any{was, now} {
			m, ok := doc.(map[string]any)
			if !ok || !besideSetting(step) {
				continue
			}
			if setting := r.settingIn(m); setting != "" && r.IsSecret("", setting, kindOf(a, b)) {
				return true
			}
		}
		was, now = a, b
	}
	return false
}

// innerOf is the member or item that a step of a path leads to; nil if there is none.
func innerOf(v any, step string) any {
	switch x := v.(type) {
	case map[string]any:
		return x[step]
	case []any:
		if i, err := strconv.Atoi(step); err == nil && i >= 0 && i < len(x) {
			return x[i]
		}
	}
	return nil
}

// redactSettings masks the values of an entry that is about a secret setting, as far
// as the entry tells: by the setting's name among the changes, or in the object.
func (r *Redaction) redactSettings(e *Entry) {
	if !slices.ContainsFunc(e.Changes, func(c Change) bool { return isSettingValue(c.Field) }) {
		return
	}
	setting := r.settingOf(e)
	if setting == nil {
		return
	}
	name := setting.(string)
	for i := range e.Changes {
		c := &e.Changes[i]
		if c.Redacted != RedactedHashed && besideSetting(c.Field) && r.IsSecret("", name, kindOf(c.Old, c.New)) {
			*c = r.MaskChange(*c)
		}
	}
}

// settingOf is the name of the secret setting that an entry is about, or nil.
func (r *Redaction) settingOf(e *Entry) any {
	for i := range e.Changes {
		c := &e.Changes[i]
		for _, v := range []any{c.Old, c.New} {
			if isSettingName(c.Field) && r.IsSecretSetting(v) {
				return v
			}
		}
	}
	for _, v := range []any{e.Object.ID, e.Object.Name} {
		if r.IsSecretSetting(v) {
			return v
		}
	}
	return nil
}

func hasSuffixFold(s, suffix string) bool {
	return len(s) >= len(suffix) && strings.EqualFold(s[len(s)-len(suffix):], suffix)
}
