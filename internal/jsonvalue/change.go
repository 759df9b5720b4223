package jsonvalue

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"

	"github.com/gormtrail/audit/internal/words"
)

// Change is audit.Change, which packages below it can't import.
type Change struct {
	Field    string
	Op       string
	Old, New any
	Redacted string
}

// change is Change, audit.Change, and other types of its form.
type change interface {
	~struct {
		Field    string
		Op       string
		Old, New any
		Redacted string
	}
}

// What Change.Op holds.
const (
	opAdd     = "add"
	opReplace = "replace"
	opRemove  = "remove"
)

func (c Change) op() string { return cmp.Or(c.Op, opReplace) }

// AppendChanges appends the JSON form of changes whose values are in the form of Normalize.
// It writes what json.Marshal would, except for the escaping of <, > and &, and without
// reflection: capture calls it inside the application's transaction.
func AppendChanges[C change](b []byte, changes []C) []byte {
	b = append(b, '[')
	for i, c := range changes {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendChange(b, Change(c))
	}
	return append(b, ']')
}

func appendChange(b []byte, c Change) []byte {
	op := c.op()
	b = AppendText(append(b, `{"field":`...), c.Field)
	b = AppendText(append(b, `,"op":`...), op)
	if op != opAdd {
		b = Append(append(b, `,"old":`...), c.Old)
	}
	if op != opRemove {
		b = Append(append(b, `,"new":`...), c.New)
	}
	if c.Redacted != "" {
		b = AppendText(append(b, `,"redacted":`...), c.Redacted)
	}
	return append(b, '}')
}

// DecodeChanges reads the JSON form of changes, as AppendChanges and json.Marshal write it.
// Numbers keep their exact values. The values of a short text share memory with each other,
// never with raw. An empty text and null are nil.
func DecodeChanges[C change](raw []byte) ([]C, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	p := parser{raw: raw}
	if changes, ok := changesIn[C](&p); ok && p.atEnd() {
		return changes, nil
	}
	var slow []Change
	if err := json.Unmarshal(raw, &slow); err != nil || slow == nil {
		return nil, err
	}
	changes := make([]C, len(slow))
	for i, c := range slow {
		changes[i] = C(c)
	}
	return changes, nil
}

// DecodeMetadata reads a JSON object as Entry.Metadata holds it; nothing, null
// and {} are nil.
func DecodeMetadata(raw []byte) (map[string]any, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	v, err := Decode(raw)
	if err != nil {
		return nil, fmt.Errorf("audit: the entry's metadata: %w", err)
	}
	m, ok := v.(map[string]any)
	if !ok && v != nil {
		return nil, fmt.Errorf("audit: the entry's metadata is no JSON object")
	}
	if len(m) == 0 {
		return nil, nil
	}
	return m, nil
}

type changeForm struct {
	Field    string           `json:"field"`
	Op       string           `json:"op"`
	Old      *json.RawMessage `json:"old,omitempty"`
	New      *json.RawMessage `json:"new,omitempty"`
	Redacted string           `json:"redacted,omitempty"`
}

// MarshalJSON leaves out "old" of an add and "new" of a remove; a NULL is null.
func (c Change) MarshalJSON() ([]byte, error) {
	f := changeForm{Field: c.Field, Op: c.op(), Redacted: c.Redacted}
	var err error
	if f.Op != opAdd {
		if f.Old, err = rawValue(c.Old); err != nil {
			return nil, err
		}
	}
	if f.Op != opRemove {
		if f.New, err = rawValue(c.New); err != nil {
			return nil, err
		}
	}
	return json.Marshal(f)
}

func rawValue(v any) (*json.RawMessage, error) {
	raw, err := json.Marshal(v)
	return (*json.RawMessage)(&raw), err
}

// UnmarshalJSON reads what MarshalJSON wrote; numbers keep their exact values.
func (c *Change) UnmarshalJSON(raw []byte) error {
	p := parser{raw: raw}
	if parsed, ok := p.change(); ok && p.atEnd() {
		*c = parsed
		return nil
	}
	// A pointer can't tell null from absent; both are nil here.
	var f struct {
		Field, Op, Redacted string
		Old, New            json.RawMessage
	}
	if err := json.Unmarshal(raw, &f); err != nil {
		return err
	}
	*c = Change{Field: f.Field, Op: f.Op, Redacted: f.Redacted}
	var err error
	if len(f.Old) > 0 {
		if c.Old, err = Decode(f.Old); err != nil {
			return fmt.Errorf("audit: the old value of %q: %w", words.Clip(f.Field), err)
		}
	}
	if len(f.New) > 0 {
		if c.New, err = Decode(f.New); err != nil {
			return fmt.Errorf("audit: the new value of %q: %w", words.Clip(f.Field), err)
		}
	}
	return nil
}

// changes reads a list of changes.
func changesIn[C change](p *parser) ([]C, bool) {
	if !p.take('[') {
		return nil, false
	}
	// Most often each name that is found is a change's; a value that holds many
	// such texts must not reserve room for them.
	list := make([]C, 0, min(bytes.Count(p.raw, []byte(`"field":`)), 16))
	for !p.take(']') {
		if len(list) > 0 && !p.take(',') {
			return nil, false
		}
		c, ok := p.change()
		if !ok {
			return nil, false
		}
		list = append(list, C(c))
	}
	return list, true
}

// change reads one. Names are those that MarshalJSON writes, each at most once:
// encoding/json knows what else may be meant.
func (p *parser) change() (c Change, ok bool) {
	if !p.take('{') {
		return c, false
	}
	seen := 0
	for n := 0; !p.take('}'); n++ {
		name, ok := p.name(n)
		if !ok {
			return c, false
		}
		bit := 0
		switch name {
		case "field":
			bit = 1
			c.Field, ok = p.string()
		case "op":
			bit = 2
			c.Op, ok = p.known(opReplace, opAdd, opRemove)
		case "old":
			bit = 4
			c.Old, ok = p.value()
		case "new":
			bit = 8
			c.New, ok = p.value()
		case "redacted":
			bit = 16
			c.Redacted, ok = p.known("masked", "hashed", "truncated", "erased")
		}
		if !ok || bit == 0 || seen&bit != 0 {
			return c, false
		}
		seen |= bit
	}
	return c, true
}

// known reads a text that is mostly one of a few, which then share theirs.
func (p *parser) known(words ...string) (string, bool) {
	s, ok := p.string()
	for _, w := range words {
		if s == w {
			return w, ok
		}
	}
	return s, ok
}
