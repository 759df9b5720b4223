package export

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/internal/cleantext"
	"github.com/gormtrail/audit/internal/lang"
)

// appendCell appends a cell's text, times by the layout in the table's zone.
func (t *Table) appendCell(b []byte, v any, layout string) []byte {
	switch x := v.(type) {
	case nil:
		return b
	case string:
		return append(b, cleantext.Text(x)...)
	case time.Time:
		return appendTime(b, x.In(t.Location), layout)
	case Action:
		return append(b, cleantext.Text(t.ActionLabel(x))...)
	case Attempt:
		return append(b, cleantext.Text(t.AttemptLabel(x))...)
	case ObjectType:
		return append(b, cleantext.Text(t.ObjectTypeLabel(x))...)
	case audit.Outcome:
		return append(b, cleantext.Text(t.Label(string(x)))...)
	case []audit.Change:
		if t.mirrored {
			return appendMirrored(b, x)
		}
		return appendChanges(b, x)
	}
	return append(b, cleantext.Text(valueText(v))...)
}

// appendTime writes what AppendFormat would; the usual layout, which an export of
// many rows is full of, without reading the layout each time.
func appendTime(b []byte, at time.Time, layout string) []byte {
	if layout != defaultTimeLayout || at.Location() != time.UTC || at.Year() < 0 || at.Year() > 9999 {
		return at.AppendFormat(b, layout)
	}
	year, month, day := at.Date()
	hour, minute, second := at.Clock()
	b = appendDigits(b, year, 4)
	b = appendDigits(append(b, '-'), int(month), 2)
	b = appendDigits(append(b, '-'), day, 2)
	b = appendDigits(append(b, 'T'), hour, 2)
	b = appendDigits(append(b, ':'), minute, 2)
	b = appendDigits(append(b, ':'), second, 2)
	b = appendDigits(append(b, '.'), at.Nanosecond()/1000, 6)
	return append(b, 'Z')
}

// appendDigits writes n in so many digits.
func appendDigits(b []byte, n, digits int) []byte {
	b = append(b, "000000"[:digits]...)
	for i := len(b) - 1; n > 0; i-- {
		b[i] = byte('0' + n%10)
		n /= 10
	}
	return b
}

// Text is a cell as text: times in ISO 8601 in the table's zone, changes as
// ChangesText writes them, what is no text as JSON.
func (t *Table) Text(v any) string {
	if s, ok := v.(string); ok {
		return cleantext.Text(s)
	}
	return string(t.appendCell(nil, v, t.TimeLayout))
}

// ChangesText writes changes a line each, "field: old → new". An added field
// has "(none)" before the arrow, a removed one behind it; NULL is null; text is
// written as it is, unless it could be taken for something else (it is empty,
// or looks like null, or holds a line break, an arrow or a control character):
// then it is a JSON string. So no value can forge a line.
func ChangesText(changes []audit.Change) string { return string(appendChanges(nil, changes)) }

// ChangesForPeople is ChangesText with short marks for values that were made
// unreadable: "masked", "hashed 3f9a12c4…". A text that looks like a mark is a JSON
// string.
func (t *Table) ChangesForPeople(changes []audit.Change) string {
	var b []byte
	for i, c := range changes {
		if i > 0 {
			b = append(b, '\n')
		}
		old, new, note := t.shortChange(c)
		if t.mirrored {
			b = appendMirroredLine(b, c.Field, old, new, note)
			continue
		}
		b = append(appendPlain(b, c.Field, ':'), ": "...)
		b = append(append(append(append(b, old...), lang.ArrowRight...), new...), note...)
	}
	return string(b)
}

// shortChange is a change's old and new value for people, and what is said of them.
func (t *Table) shortChange(c audit.Change) (old, new, note string) {
	old, new = absent, absent
	if c.Op != audit.OpAdd {
		old = t.shortValue(c.Old, c.Redacted)
	}
	if c.Op != audit.OpRemove {
		new = t.shortValue(c.New, c.Redacted)
	}
	if c.Redacted != audit.RedactedHashed {
		note = redactedText(c)
	}
	return old, new, note
}

func (t *Table) shortValue(v any, redacted string) string {
	s, ok := v.(string)
	switch {
	case ok && redacted == audit.RedactedMasked:
		return t.Label(textMasked)
	case ok && redacted == audit.RedactedHashed:
		digest := s[strings.LastIndexByte(s, ':')+1:]
		return t.Label(textHashed) + " " + digest[:min(8, len(digest))] + "…"
	case ok && (s == t.Label(textMasked) || strings.HasPrefix(s, t.Label(textHashed)+" ")):
		return valueText(s)
	}
	return string(appendValue(nil, v))
}

const absent = "(none)"

// appendMirrored is appendChanges for readers of a language written from right to left.
func appendMirrored(b []byte, changes []audit.Change) []byte {
	for i, c := range changes {
		if i > 0 {
			b = append(b, '\n')
		}
		b = appendMirroredLine(b, c.Field, string(appendOld(nil, c)), string(appendNew(nil, c)), redactedText(c))
	}
	return b
}

// appendMirroredLine writes "field: old ← new". The mark makes the line a right-to-left
// paragraph, and each part has a directional isolate, so that no text, whatever its
// script, changes the place of another (UAX #9, sections 2.4.2 and 2.6).
func appendMirroredLine(b []byte, field, old, new, note string) []byte {
	b = append(b, "\u200f"...)
	b = append(appendIsolated(b, string(appendPlain(nil, field, ':'))), ": "...)
	b = append(appendIsolated(b, old), lang.ArrowLeft...)
	b = appendIsolated(b, new)
	if note != "" {
		b = appendIsolated(append(b, ' '), note[1:])
	}
	return b
}

// appendIsolated writes a text whose own directional controls are shown, because one of
// them could end the isolate.
func appendIsolated(b []byte, s string) []byte {
	b = append(b, "\u2068"...)
	return append(append(b, controlsShown.Replace(s)...), "\u2069"...)
}

var controlsShown = strings.NewReplacer("\u202a", `\u202a`, "\u202b", `\u202b`, "\u202c", `\u202c`, "\u202d", `\u202d`, "\u202e", `\u202e`,
	"\u2066", `\u2066`, "\u2067", `\u2067`, "\u2068", `\u2068`, "\u2069", `\u2069`)

func appendChanges(b []byte, changes []audit.Change) []byte {
	for i, c := range changes {
		if i > 0 {
			b = append(b, '\n')
		}
		b = append(appendPlain(b, c.Field, ':'), ": "...)
		b = append(appendOld(b, c), lang.ArrowRight...)
		b = append(appendNew(b, c), redactedText(c)...)
	}
	return b
}

func appendOld(b []byte, c audit.Change) []byte {
	if c.Op == audit.OpAdd {
		return append(b, absent...)
	}
	return appendValue(b, c.Old)
}

func appendNew(b []byte, c audit.Change) []byte {
	if c.Op == audit.OpRemove {
		return append(b, absent...)
	}
	return appendValue(b, c.New)
}

// redactedText says how values were made unreadable; a mask shows itself.
func redactedText(c audit.Change) string {
	if c.Redacted == "" || c.Redacted == audit.RedactedMasked {
		return ""
	}
	return " (" + c.Redacted + ")"
}

// appendValue appends what a change holds.
func appendValue(b []byte, v any) []byte {
	switch x := v.(type) {
	case string:
		return appendPlain(b, x, 0)
	case nil:
		return append(b, "null"...)
	case bool:
		return strconv.AppendBool(b, x)
	case int64:
		return strconv.AppendInt(b, x, 10)
	}
	return append(b, valueText(v)...)
}

// appendPlain appends text as it is where it can be nothing else. mark is what ends it.
func appendPlain(b []byte, s string, mark byte) []byte {
	if !ambiguous(s, mark) {
		return append(b, cleantext.Text(s)...)
	}
	return append(b, valueText(s)...)
}

func ambiguous(s string, mark byte) bool {
	switch s {
	case "", "null", "true", "false", absent:
		return true
	}
	if s[0] == '"' || s[0] == ' ' || s[len(s)-1] == ' ' || strings.IndexByte(s, mark) >= 0 {
		return true
	}
	ascii := true
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == 0x7f {
			return true
		} else if c > 0x7f {
			ascii = false
		}
	}
	// Arrows, and the separators that Unicode counts as line breaks.
	return !ascii && strings.ContainsAny(s, "→←\u0085\u2028\u2029")
}

// valueText is a value as JSON, in one line and without HTML escapes.
func valueText(v any) string {
	var buf bytes.Buffer
	e := json.NewEncoder(&buf)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return fmt.Sprintf("%v", v) // a host's own type: better in Go's words than not at all
	}
	s := strings.TrimSuffix(buf.String(), "\n")
	if strings.ContainsAny(s, "\u0085\u007f") { // which encoding/json leaves as they are
		s = strings.NewReplacer("\u0085", `\u0085`, "\u007f", `\u007f`).Replace(s)
	}
	return s
}
