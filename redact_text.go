package audit

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/gormtrail/audit/internal/jsonvalue"
)

// JSON in texts. A text that is one JSON object or list is masked inside, and keeps
// its spelling elsewhere. One that only looks like JSON (cut off, several documents,
// single quotes) is masked as a whole if it has the name of a secret as a key.

const (
	// maxScanned is how long a text may be that is read as JSON, in bytes; a longer
	// one is searched for keys only.
	maxScanned = 1 << 20
	// maxScanDepth is how deep JSON in a text may be nested.
	maxScanDepth = 100
	// maxTextsInTexts is how many times JSON may be a text inside JSON.
	maxTextsInTexts = 4
	// maxQuoted is how long the name of a key may be, in text that isn't JSON.
	maxQuoted = 256
)

// maybeJSON reports whether a text begins as a JSON object or list does.
func maybeJSON(s string) bool { return s != "" && jsonStarts[s[0]] && beginsJSON(s) }

// jsonStarts are the bytes that such a text may begin with: most texts cost no more.
var jsonStarts = [256]bool{'{': true, '[': true, '"': true, ' ': true, '\t': true, '\n': true, '\r': true, 0xEF: true}

func beginsJSON(s string) bool {
	for i := range len(s) {
		switch s[i] {
		case ' ', '\t', '\n', '\r':
		case '{', '[':
			return true
		case '"': // JSON that was written as a JSON string
			return i+1 < len(s) && (s[i+1] == '{' || s[i+1] == '[')
		default:
			return i == 0 && strings.HasPrefix(s, byteOrderMark) && beginsJSON(s[len(byteOrderMark):])
		}
	}
	return false
}

const byteOrderMark = "\ufeff"

// redactText masks the secrets in a text that may be JSON; ok is false if the whole
// text must be masked. name is the one of the field that holds the text.
func (r *Redaction) redactText(name, s string) (redacted string, ok bool) {
	return r.redactTextIn(name, s, 0)
}

func (r *Redaction) redactTextIn(name, s string, depth int) (redacted string, ok bool) {
	if depth < maxTextsInTexts && len(s) <= maxScanned {
		m := textMasker{r: r, s: s, texts: depth}
		m.s = strings.TrimPrefix(s, byteOrderMark)
		if m.value(name) && m.atEnd() {
			return m.masked(s), true
		}
	}
	return s, !r.quotesSecret(s)
}

// textMasker reads JSON and notes what of it is to be replaced. It is not strict
// inside strings and numbers: what it takes for JSON is divided as JSON is.
type textMasker struct {
	r     *Redaction
	s     string
	at    int
	depth int
	texts int // in how many texts of texts
	edits []textEdit
}

// textEdit replaces s[from:to].
type textEdit struct {
	from, to int
	text     string
}

// masked is the text with its edits made; an edit inside another one falls away.
func (m *textMasker) masked(original string) string {
	if len(m.edits) == 0 {
		return original
	}
	slices.SortStableFunc(m.edits, func(a, b textEdit) int {
		if a.from != b.from {
			return a.from - b.from
		}
		return b.to - a.to
	})
	var b strings.Builder
	done := 0
	for _, e := range m.edits {
		if e.from < done {
			continue
		}
		b.WriteString(m.s[done:e.from])
		b.WriteString(e.text)
		done = e.to
	}
	b.WriteString(m.s[done:])
	return b.String()
}

func (m *textMasker) space() {
	for m.at < len(m.s) && isJSONSpace(m.s[m.at]) {
		m.at++
	}
}

func isJSONSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

func (m *textMasker) atEnd() bool {
	m.space()
	return m.at == len(m.s)
}

// take passes over c, if that is what comes next.
func (m *textMasker) take(c byte) bool {
	m.space()
	if m.at >= len(m.s) || m.s[m.at] != c {
		return false
	}
	m.at++
	return true
}

// value reads a value under a name.
func (m *textMasker) value(name string) bool {
	m.space()
	if m.at >= len(m.s) {
		return false
	}
	switch c := m.s[m.at]; {
	case c == '{' || c == '[':
		if m.depth++; m.depth > maxScanDepth {
			return false
		}
		m.at++
		ok := c == '{' && m.object(name) || c == '[' && m.list(name)
		m.depth--
		return ok
	case c == '"':
		return m.text(name)
	}
	return m.word()
}

func (m *textMasker) list(name string) bool {
	for n := 0; !m.take(']'); n++ {
		if n > 0 && !m.take(',') || !m.value(name) {
			return false
		}
	}
	return true
}

// member is a member of an object, by the place of its value.
type member struct {
	name     string
	from, to int
}

func (m *textMasker) object(object string) bool {
	var members []member // of an object that may be a setting
	setting := ""
	for n := 0; !m.take('}'); n++ {
		if n > 0 && !m.take(',') {
			return false
		}
		m.space()
		raw, ok := m.quoted()
		if !ok || !m.take(':') {
			return false
		}
		name := unquoteJSON(raw)
		m.space()
		from, kind := m.at, m.kind()
		if !m.value(name) {
			return false
		}
		v := member{name, from, m.at}
		if !m.isNull(v) && m.r.IsSecret(object, name, kind) {
			m.mask(v)
		}
		if isSettingName(name) && m.s[from] == '"' {
			if s := unquoteJSON(m.s[from:m.at]); m.r.IsSecretSetting(s) {
				setting = s
			}
		}
		members = append(members, v)
	}
	if setting != "" {
		m.maskSetting(setting, members)
	}
	return true
}

// maskSetting masks what stands beside the name of a secret setting.
func (m *textMasker) maskSetting(setting string, members []member) {
	if !slices.ContainsFunc(members, func(v member) bool { return isSettingValue(v.name) }) {
		return
	}
	for _, v := range members {
		if !m.isNull(v) && besideSetting(v.name) && m.r.IsSecret("", setting, kindAt(m.s, v.from)) {
			m.mask(v)
		}
	}
}

func (m *textMasker) isNull(v member) bool { return m.s[v.from] == 'n' }

func (m *textMasker) mask(v member) {
	m.edits = append(m.edits, textEdit{v.from, v.to, `"` + Mask + `"`})
}

func (m *textMasker) kind() Kind { return kindAt(m.s, m.at) }

// kindAt is the kind of the JSON value that begins at i.
func kindAt(s string, i int) Kind {
	if i >= len(s) {
		return KindText
	}
	switch c := s[i]; {
	case c == 't' || c == 'f':
		return KindBool
	case c == '-' || isDigit(c):
		return KindNumber
	}
	return KindText
}

// text reads a string, which may hold JSON in turn.
func (m *textMasker) text(name string) bool {
	from := m.at
	raw, ok := m.quoted()
	if !ok || raw[1] != '\\' && !maybeJSON(raw[1:]) {
		return ok
	}
	inner := unquoteJSON(raw)
	if !maybeJSON(inner) {
		return true
	}
	redacted, ok := m.r.redactTextIn(name, inner, m.texts+1)
	if !ok {
		redacted = Mask
	}
	if redacted != inner {
		m.edits = append(m.edits, textEdit{from, m.at, string(jsonvalue.AppendText(nil, redacted))})
	}
	return true
}

// quoted reads a string with its quotes.
func (m *textMasker) quoted() (string, bool) {
	from := m.at
	if m.at >= len(m.s) || m.s[m.at] != '"' {
		return "", false
	}
	for m.at++; m.at < len(m.s); m.at++ {
		switch m.s[m.at] {
		case '\\':
			m.at++
		case '"':
			m.at++
			return m.s[from:m.at], true
		}
	}
	return "", false
}

// unquoteJSON is the text of a JSON string with its quotes.
func unquoteJSON(raw string) string {
	if strings.IndexByte(raw, '\\') >= 0 {
		var s string
		if json.Unmarshal([]byte(raw), &s) == nil {
			return s
		}
	}
	return raw[1 : len(raw)-1]
}

// word reads a number, true, false or null.
func (m *textMasker) word() bool {
	from := m.at
	for m.at < len(m.s) && strings.IndexByte(" \t\r\n,:]}[{\"'", m.s[m.at]) < 0 {
		m.at++
	}
	switch w := m.s[from:m.at]; w {
	case "true", "false", "null":
		return true
	default:
		return w != "" && (w[0] == '-' || isDigit(w[0])) && strings.Trim(w, "-+.eE0123456789") == ""
	}
}

// quotesSecret reports whether a text has the name of a secret as a quoted key, or
// the name of a secret setting beside a value.
func (r *Redaction) quotesSecret(s string) bool {
	for at := 0; ; {
		i := strings.IndexByte(s[at:], ':')
		if i < 0 {
			return false
		}
		colon := at + i
		at = colon + 1
		name, ok := quotedBefore(s, colon)
		if !ok {
			continue
		}
		v := at
		for v < len(s) && isJSONSpace(s[v]) {
			v++
		}
		if r.IsSecret("", name, kindAt(s, v)) || isSettingName(name) && r.IsSecretSetting(quotedAt(s, v)) {
			return true
		}
	}
}

// quotedBefore is the quoted text before an offset; its quotes may be escaped.
func quotedBefore(s string, end int) (string, bool) {
	least := max(0, end-maxQuoted)
	for end > least && isJSONSpace(s[end-1]) {
		end--
	}
	if end == least || s[end-1] != '"' && s[end-1] != '\'' {
		return "", false
	}
	quote := s[end-1]
	end--
	for end > least && s[end-1] == '\\' {
		end--
	}
	i := strings.LastIndexByte(s[least:end], quote)
	if i < 0 {
		return "", false
	}
	return unescapedName(s[least+i+1 : end]), true
}

// unescapedName resolves the escapes of a name that stands in JSON, or in a text there.
func unescapedName(name string) string {
	for range maxTextsInTexts {
		if strings.IndexByte(name, '\\') < 0 {
			break
		}
		name = unquoteJSON(`"` + name + `"`)
	}
	return strings.ReplaceAll(name, `\`, "")
}

// quotedAt is the quoted text at an offset, or "".
func quotedAt(s string, i int) string {
	for i < len(s) && s[i] == '\\' {
		i++
	}
	if i >= len(s) || s[i] != '"' && s[i] != '\'' {
		return ""
	}
	rest := s[i+1 : min(len(s), i+1+maxQuoted)]
	end := strings.IndexByte(rest, s[i])
	if end < 0 {
		return ""
	}
	return strings.TrimRight(rest[:end], `\`)
}
