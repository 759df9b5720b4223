package row

import (
	"strings"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage"
)

// Separator stands before, between and after the texts of the columns search and
// fields.
const Separator = "\x1f"

// guard encodes a text for a separated column, so that a substring search never
// matches across a separator. The code of the three control characters is comma-free:
// no code word begins inside two others, and a separator between the last and the
// first character of a word makes no word.
var guard = strings.NewReplacer("\x1d", "\x1d\x1d\x1e", "\x1e", "\x1d\x1e\x1e", "\x1f", "\x1d\x1f\x1e").Replace

// Guard encodes a text as it stands in a separated column.
func Guard(s string) string {
	if strings.ContainsAny(s, "\x1d\x1e\x1f") {
		return guard(s)
	}
	return s
}

// SearchTerms are the texts of column search: the first five in which keywords were
// looked for. Other texts are searched in their own columns.
func SearchTerms(e *audit.Entry) [5]string {
	return [...]string{storage.Fold(e.Actor.Name), storage.Fold(e.Actor.Email), storage.Fold(e.Object.Name), storage.Fold(e.Object.ID), storage.Fold(e.Action)}
}

// AppendSeparated appends the value of a separated column. Empty texts are left out.
func AppendSeparated(b []byte, texts []string) []byte {
	b = append(b, Separator...)
	for _, s := range texts {
		if s != "" {
			b = append(append(b, Guard(s)...), Separator...)
		}
	}
	return b
}

// FieldToken is the text by which column fields is searched for a changed field.
func FieldToken(field string) string { return Separator + Guard(field) + Separator }

// appendFieldTokens appends each changed field and the fields that contain it, so
// that one substring answers Filter.Fields: "tags[2].x" is found as "tags", "tags[2]"
// and "tags[2].x".
func appendFieldTokens(b []byte, changes []audit.Change) []byte {
	if len(changes) == 0 {
		return b
	}
	b = append(b, Separator...)
	var seen map[string]bool // containing fields; most entries have none
	for _, c := range changes {
		for i := range len(c.Field) {
			if p := c.Field[:i]; (c.Field[i] == '.' || c.Field[i] == '[') && !seen[p] {
				if seen == nil {
					seen = make(map[string]bool)
				}
				seen[p] = true
				b = append(append(b, Guard(p)...), Separator...)
			}
		}
		b = append(append(b, Guard(c.Field)...), Separator...)
	}
	return b
}
