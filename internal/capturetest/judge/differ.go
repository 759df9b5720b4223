package judge

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/gormtrail/audit"
)

// differences says in what an entry is not the expected one.
func differences(o Expected, g audit.Entry) []string {
	var wrong []string
	if g.Action != o.Action {
		wrong = append(wrong, fmt.Sprintf("the action is %q", g.Action))
	}
	if g.Object.Type != o.Type {
		wrong = append(wrong, fmt.Sprintf("the object's type is %q", g.Object.Type))
	}
	if g.Object.ID != o.WasID {
		wrong = append(wrong, fmt.Sprintf("the object's ID is %q", g.Object.ID))
	}
	byColumn := map[string][]audit.Change{}
	for _, c := range g.Changes {
		name := columnOf(o.Table, c.Field)
		byColumn[name] = append(byColumn[name], c)
	}
	for _, f := range o.Fields {
		changes := byColumn[f]
		delete(byColumn, f)
		switch {
		case len(changes) > 0:
			wrong = append(wrong, changesOf(o, f, changes)...)
		default:
			wrong = append(wrong, f+" is not among the changes")
		}
	}
	for f, changes := range byColumn {
		if slices.Contains(o.Table.Optional, f) {
			continue
		}
		wrong = append(wrong, fmt.Sprintf("%s is among the changes (%s), and did not change", f, show(changes[0].Op)))
	}
	slices.Sort(wrong)
	return wrong
}

// columnOf is the column that a field of an entry belongs to.
func columnOf(t *Table, field string) string {
	if _, ok := t.index[field]; ok {
		return field
	}
	best := ""
	for name := range t.index {
		if rest, ok := strings.CutPrefix(field, name); ok && len(name) > len(best) && (rest[0] == '.' || rest[0] == '[') {
			best = name
		}
	}
	if best == "" {
		return field
	}
	return best
}

// changesOf checks the changes that belong to one column.
func changesOf(o Expected, f string, changes []audit.Change) []string {
	op := audit.OpReplace
	switch {
	case o.Old == nil:
		op = audit.OpAdd
	case o.New == nil:
		op = audit.OpRemove
	}
	if changes[0].Field != f { // paths into a structured value
		return pathsOf(o, f, op, changes)
	}
	if len(changes) > 1 {
		return []string{fmt.Sprintf("%s is among the changes %d times", f, len(changes))}
	}
	c := changes[0]
	var wrong []string
	if c.Op != op {
		wrong = append(wrong, fmt.Sprintf("%s: the op is %s, it should be %s", f, c.Op, op))
	}
	check := func(side string, truth, got any) {
		if d := valueOf(o.Table, f, c.Redacted, truth, got); d != "" {
			wrong = append(wrong, fmt.Sprintf("%s: %s %s", f, side, d))
		}
	}
	if op != audit.OpAdd {
		check("old", o.Old[f], c.Old)
	}
	if op != audit.OpRemove {
		check("new", o.New[f], c.New)
	}
	return wrong
}

func valueOf(t *Table, f, redacted string, truth, got any) string {
	secret := (*audit.Redaction)(nil).IsSecret(t.Name, f, audit.KindText)
	if redacted == audit.RedactedMasked || secret {
		return masked(redacted, secret, truth, got)
	}
	return sameAsEntry(truth, got, t.class(f))
}

func masked(redacted string, secret bool, truth, got any) string {
	switch {
	case !secret:
		return "is masked, and its name is no secret's"
	case redacted != audit.RedactedMasked:
		return "is not masked"
	case truth == nil && got != nil, truth != nil && got != audit.Mask:
		return fmt.Sprintf("is %s, it should be masked", show(got))
	}
	return ""
}

func pathsOf(o Expected, f, op string, changes []audit.Change) []string {
	if op != audit.OpReplace {
		return []string{fmt.Sprintf("%s: paths into a row that came or went (%s)", f, changes[0].Field)}
	}
	old, okOld := parts(o.Old[f])
	new, okNew := parts(o.New[f])
	if !okOld || !okNew {
		return []string{fmt.Sprintf("%s: path %s into a value that is not structured", f, changes[0].Field)}
	}
	return inside(f, old, new, changes)
}

// parts is a column's value as a document; nothing holds nothing. Of what is no
// text an entry has an object with the bytes.
func parts(v any) (any, bool) {
	var raw []byte
	switch x := v.(type) {
	case nil:
		return nil, true
	case string:
		raw = []byte(x)
	case []byte:
		raw = x
	}
	if !utf8.Valid(raw) {
		return map[string]any{"base64": base64.StdEncoding.EncodeToString(raw)}, true
	}
	return structure(v)
}
