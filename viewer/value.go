package viewer

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gormtrail/audit"
)

// kind is how a value is shown.
type kind int

const (
	kindAbsent kind = iota // no such value at that time
	kindNull
	kindEmpty // text without a character
	kindText
	kindNumber
	kindBool
	kindMasked
	kindErased
	kindHashed
	kindTruncated // its beginning, or its size
	kindBinary
	kindUnknown // the trail doesn't tell
	kindTree    // an object or a list, where it is shown in one place
)

// value is a recorded value, ready to be shown.
type value struct {
	kind kind
	text string // of a hashed or binary one its digest, of a truncated one its beginning
	size int64  // of a binary or truncated one
	sum  string // of a truncated one its digest
}

// short is the beginning of a hash, enough to tell two apart.
func (v value) short() string {
	digits := v.text[strings.LastIndexByte(v.text, ':')+1:]
	short, _ := clipRunes(digits, 8)
	return short
}

// valueOf classifies a value as an entry holds it (audit.Change).
func valueOf(v any, redacted string) value {
	switch redacted {
	case audit.RedactedErased:
		return value{kind: kindErased}
	case audit.RedactedMasked:
		if v == nil {
			return value{kind: kindNull}
		}
		return value{kind: kindMasked}
	case audit.RedactedHashed:
		if s, ok := v.(string); ok && s != audit.Mask {
			return value{kind: kindHashed, text: s}
		}
	case audit.RedactedTruncated:
		if t, ok := truncatedOf(v); ok {
			return t
		}
	}
	switch x := v.(type) {
	case nil:
		return value{kind: kindNull}
	case bool:
		return value{kind: kindBool, text: strconv.FormatBool(x)}
	case string:
		return textValue(x)
	case json.Number:
		return value{kind: kindNumber, text: string(x)}
	case int64:
		return value{kind: kindNumber, text: strconv.FormatInt(x, 10)}
	case uint64:
		return value{kind: kindNumber, text: strconv.FormatUint(x, 10)}
	case float64:
		return value{kind: kindNumber, text: strconv.FormatFloat(x, 'g', -1, 64)}
	case map[string]any:
		if b, ok := binaryOf(x); ok {
			return b
		}
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return value{kind: kindText, text: fmt.Sprint(v)}
	}
	return value{kind: kindTree, text: string(raw)}
}

func textValue(s string) value {
	switch s {
	case "":
		return value{kind: kindEmpty}
	case audit.Mask:
		return value{kind: kindMasked}
	}
	return value{kind: kindText, text: s}
}

// binaryOf recognizes what capture leaves of long bytes: their size and digest.
func binaryOf(m map[string]any) (value, bool) {
	digest, ok := m["sha256"].(string)
	if !ok || len(m) > 3 {
		return value{}, false
	}
	for _, name := range []string{"size", "bytes", "length"} {
		if n, ok := m[name].(int64); ok {
			return value{kind: kindBinary, text: shortDigest(digest), size: n}, true
		}
	}
	return value{}, false
}

// truncatedOf recognizes what the bounds of a trail leave of a long value.
func truncatedOf(v any) (value, bool) {
	switch x := v.(type) {
	case string:
		return value{kind: kindTruncated, text: x}, x != "" && x != audit.Mask
	case map[string]any:
		size, sized := x["size"].(int64)
		sum, ok := x["sha256"].(string)
		beginning, _ := x["beginning"].(string)
		return value{kind: kindTruncated, text: beginning, size: size, sum: sum}, ok && sized
	}
	return value{}, false
}

// binaryText is what is known of bytes.
func (l *Language) binaryText(v value) string { return l.bytes(v.size) + " · sha-256 " + v.text }

func shortDigest(s string) string {
	if len(s) > 12 {
		return s[:4] + "…" + s[len(s)-4:]
	}
	return s
}

// step is one line of a diff: a path, and what stood there before and after.
type step struct {
	field    string
	old, new value
	op       string
	redacted string
	same     bool // a part of a structured value that didn't change
}

// steps are the lines of a change: one, or of a structured value one for each
// leaf that differs.
func steps(c audit.Change) []step {
	op := cmp.Or(c.Op, audit.OpReplace)
	if op != audit.OpAdd && op != audit.OpRemove && !structured(c.Old) && !structured(c.New) ||
		c.Redacted == audit.RedactedErased || !structured(c.Old) && !structured(c.New) {
		return []step{plainStep(c, op)}
	}
	before, after := map[string]any{}, map[string]any{}
	if op != audit.OpAdd {
		flatten(before, c.Field, c.Old, 0)
	}
	if op != audit.OpRemove {
		flatten(after, c.Field, c.New, 0)
	}
	return leafSteps(before, after, c.Redacted)
}

func plainStep(c audit.Change, op string) step {
	s := step{field: c.Field, op: op, redacted: c.Redacted}
	old, now := c.Redacted, c.Redacted
	if c.Redacted == audit.RedactedTruncated {
		old, now = cutSides(c)
	}
	if op != audit.OpAdd {
		s.old = valueOf(c.Old, old)
	}
	if op != audit.OpRemove {
		s.new = valueOf(c.New, now)
	}
	return s
}

// cutSides says which values of a truncated change are cut: if one is told by its size,
// the other one is whole unless it is told so too.
func cutSides(c audit.Change) (old, now string) {
	old, now = c.Redacted, c.Redacted
	_, oldSized := c.Old.(map[string]any)
	_, nowSized := c.New.(map[string]any)
	if oldSized != nowSized {
		if oldSized {
			return old, ""
		}
		return "", now
	}
	return old, now
}

func leafSteps(before, after map[string]any, redacted string) []step {
	paths := make([]string, 0, len(before)+len(after))
	for p := range before {
		paths = append(paths, p)
	}
	for p := range after {
		if _, ok := before[p]; !ok {
			paths = append(paths, p)
		}
	}
	slices.SortFunc(paths, comparePaths)
	var list []step
	for _, p := range paths {
		old, had := before[p]
		now, has := after[p]
		s := step{field: p, op: audit.OpReplace, redacted: redacted}
		if had {
			s.old = valueOf(old, redacted)
		}
		if has {
			s.new = valueOf(now, redacted)
		}
		switch {
		case !had:
			s.op = audit.OpAdd
		case !has:
			s.op = audit.OpRemove
		case s.old == s.new && s.old.kind != kindMasked:
			continue
		}
		list = append(list, s)
	}
	return list
}

func structured(v any) bool {
	switch x := v.(type) {
	case map[string]any:
		_, binary := binaryOf(x)
		return !binary && len(x) > 0
	case []any:
		return len(x) > 0
	}
	return false
}

// maxDepth is how deep a tree is taken apart; what lies deeper is shown as JSON.
const maxDepth = 12

// flatten writes the leaves of a structured value by their paths, as capture
// writes them: "settings.theme", "tags[2]".
func flatten(to map[string]any, path string, v any, depth int) {
	if !structured(v) || depth == maxDepth {
		to[path] = v
		return
	}
	switch x := v.(type) {
	case map[string]any:
		for k, inner := range x {
			flatten(to, path+"."+k, inner, depth+1)
		}
	case []any:
		for i, inner := range x {
			flatten(to, path+"["+strconv.Itoa(i)+"]", inner, depth+1)
		}
	}
}

// comparePaths orders "tags[2]" before "tags[10]".
func comparePaths(a, b string) int {
	for {
		i := strings.IndexByte(a, '[')
		j := strings.IndexByte(b, '[')
		if i < 0 || j < 0 || a[:i] != b[:j] {
			return strings.Compare(a, b)
		}
		m, restA, okA := leadingNumber(a[i+1:])
		n, restB, okB := leadingNumber(b[j+1:])
		if !okA || !okB {
			return strings.Compare(a, b)
		}
		if m != n {
			return cmp.Compare(m, n)
		}
		a, b = restA, restB
	}
}

func leadingNumber(s string) (int, string, bool) {
	digits, rest, ok := strings.Cut(s, "]")
	n, err := strconv.Atoi(digits)
	return n, rest, ok && err == nil
}

// changedPart finds what differs between two texts: the bytes before from and
// behind the ends are equal. It cuts at words, so that marks are readable.
func changedPart(a, b string) (from, endA, endB int) {
	for from < len(a) && from < len(b) && a[from] == b[from] {
		from++
	}
	endA, endB = len(a), len(b)
	for endA > from && endB > from && a[endA-1] == b[endB-1] {
		endA--
		endB--
	}
	back := from
	for back > 0 && !wordEnd(a, back) {
		back--
	}
	for grown := 0; endA < len(a) && !wordEnd(a, endA); grown++ {
		endA++
		endB++
	}
	return back, endA, endB
}

// wordEnd reports whether a word may end before s[i]. A byte inside of a rune
// is no place to cut.
func wordEnd(s string, i int) bool {
	if !utf8.RuneStart(s[min(i, len(s)-1)]) {
		return false
	}
	return i == 0 || i == len(s) || !wordByte(s[i-1]) || !wordByte(s[i])
}

func wordByte(c byte) bool {
	return c >= 0x80 || c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}
