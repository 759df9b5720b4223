package audit

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"

	"github.com/gormtrail/audit/internal/cleantext"
	"github.com/gormtrail/audit/internal/jsonvalue"
)

// The bounds of Redaction's zero value, in bytes.
const (
	DefaultMaxValue = 2 << 20
	DefaultMaxEntry = 6 << 20
)

// maxBeginning is how much of a long text an entry keeps.
const maxBeginning = 1 << 10

// maxText is the least bound of an entry's other texts: its error, comment and
// names.
const maxText = 64 << 10

func (r *Redaction) maxValue() int {
	if r == nil {
		return DefaultMaxValue
	}
	return cmp.Or(r.MaxValue, DefaultMaxValue)
}

func (r *Redaction) maxEntry() int {
	if r == nil {
		return DefaultMaxEntry
	}
	return cmp.Or(r.MaxEntry, DefaultMaxEntry)
}

// shorten replaces a value of more than MaxValue bytes by its digest.
func (r *Redaction) shorten(v any) (any, bool) {
	most := r.maxValue()
	if most < 0 {
		return v, false
	}
	switch x := v.(type) {
	case string:
		if len(x) > most {
			return digest(v), true
		}
	case []any, map[string]any:
		if sizeOf(v, most) > most {
			return digest(v), true
		}
	}
	return v, false
}

// digest stands for a value that is too long: its size and SHA-256, of a text as
// it is and of anything else in its canonical form, and how a text begins.
func digest(v any) any {
	text, isText := v.(string)
	raw := []byte(text)
	if !isText {
		var err error
		if raw, err = jsonvalue.AppendCanonical(nil, jsonvalue.Escape(v)); err != nil {
			raw = jsonvalue.Append(nil, v)
		}
	}
	sum := sha256.Sum256(raw)
	d := map[string]any{"size": int64(len(raw)), "sha256": hex.EncodeToString(sum[:])}
	if isText {
		d["beginning"] = strings.ToValidUTF8(text[:min(len(text), maxBeginning)], "")
	}
	return d
}

// sizeOf is how many bytes a value has in JSON, or something above most if it has
// more.
func sizeOf(v any, most int) int {
	switch x := v.(type) {
	case nil, bool:
		return 5
	case string:
		return textSize(x)
	case json.Number:
		return len(x)
	case []any:
		n := 2
		for i := 0; i < len(x) && n <= most; i++ {
			n += sizeOf(x[i], most-n) + 1
		}
		return n
	case map[string]any:
		n := 2
		for name, inner := range x {
			if n > most {
				break
			}
			n += textSize(name) + sizeOf(inner, most-n) + 2
		}
		return n
	}
	return 24 // the longest number
}

// textSize counts what JSON escapes, save in a short text, where it doesn't matter.
func textSize(s string) int {
	n := len(s) + 2
	if len(s) < maxBeginning {
		return n
	}
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\' || c == '\n' || c == '\r' || c == '\t':
			n++
		case c < ' ':
			n += 5
		}
	}
	return n
}

// Size returns about how many bytes the entry has in its JSON form.
func (e *Entry) Size() int {
	n := 512 + len(e.Error) + len(e.Comment) + len(e.Object.Name) + len(e.Request.UserAgent) + len(e.Request.Path)
	for i := range e.Changes {
		n += e.Changes[i].size()
	}
	for name, v := range e.Metadata {
		n += len(name) + sizeOf(v, noBound)
	}
	return n
}

const noBound = int(^uint(0) >> 2)

func (c *Change) size() int {
	return 40 + len(c.Field) + sizeOf(c.Old, noBound) + sizeOf(c.New, noBound)
}

// bound sees to it that no entry is too long for a store: long names and texts are
// cut, and of more values than MaxEntry has room for the longest are replaced by
// their digests.
func (r *Redaction) bound(e *Entry) {
	r.boundTexts(e)
	total := 0
	for i := range e.Changes {
		c := &e.Changes[i]
		c.Field = cleantext.Shorten(c.Field, cleantext.MaxField)
		total += c.size()
	}
	if most := r.maxEntry(); most > 0 && total > most {
		shortenLongest(e.Changes, total-most)
	}
}

// boundTexts cuts texts to MaxValue, or further if they are too long together.
func (r *Redaction) boundTexts(e *Entry) {
	texts := [...]*string{&e.Error, &e.Comment, &e.Object.Name, &e.Request.UserAgent, &e.Request.Method, &e.Request.Path}
	most, total := noBound, 0
	if r.maxValue() > 0 {
		most = max(r.maxValue(), maxText)
	}
	for _, s := range texts {
		total += min(len(*s), most)
	}
	if all := r.maxEntry(); all > 0 && total > max(all, len(texts)*maxText) {
		most = maxText
	}
	for _, s := range texts {
		*s = cleantext.Shorten(*s, most)
	}
}

// shortenLongest replaces the longest values, of equally long ones the last first,
// until they have so many bytes less.
func shortenLongest(changes []Change, excess int) {
	type value struct {
		at     *any
		size   int
		change *Change
	}
	var values []value
	for i := len(changes) - 1; i >= 0; i-- {
		c := &changes[i]
		for _, at := range []*any{&c.New, &c.Old} {
			if size := sizeOf(*at, noBound); size > 2*maxBeginning && c.Redacted != RedactedHashed {
				values = append(values, value{at, size, c})
			}
		}
	}
	slices.SortStableFunc(values, func(a, b value) int { return cmp.Compare(b.size, a.size) })
	for _, v := range values {
		if excess <= 0 {
			return
		}
		*v.at = digest(*v.at)
		excess -= v.size - sizeOf(*v.at, noBound)
		if v.change.Redacted == "" {
			v.change.Redacted = RedactedTruncated
		}
	}
}

// boundMetadata replaces long values, and all of them if they are too long together.
func (r *Redaction) boundMetadata(m map[string]any) map[string]any {
	total := 0
	for name, v := range m {
		m[name], _ = r.shorten(v)
		total += len(name) + sizeOf(m[name], noBound)
	}
	if most := r.maxEntry(); most > 0 && total > most {
		return map[string]any{"metadata": digest(m)}
	}
	return m
}
