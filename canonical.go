package audit

import (
	"encoding/json"

	"github.com/gormtrail/audit/internal/jsonvalue"
)

// Canonical returns the one encoding of the entry that hashes are made over:
// its JSON form by the rules of RFC 8785 (JSON Canonicalization Scheme), so
// that any language can make the same bytes.
//
// RFC 8785 knows only numbers that a float64 holds. A number outside of them (a
// whole one beyond 2^53, a decimal of too many digits) is written as
// {"$number":"9007199254740993"}, and a recorded object's name that begins with
// "$" gets one more "$", so that no two values share an encoding.
//
// testdata/canonical.json holds entries with their encodings and hashes, for
// other languages to check themselves against.
func (e Entry) Canonical() ([]byte, error) {
	form, err := e.canonicalForm()
	if err != nil {
		return nil, err
	}
	return jsonvalue.AppendCanonical(nil, form)
}

// canonicalForm is what Canonical encodes.
func (e Entry) canonicalForm() (map[string]any, error) {
	f := e.form()
	changes := make([]any, len(f.Changes))
	for i, c := range f.Changes {
		changes[i] = c.canonicalForm()
	}
	metadata := f.Metadata
	f.Changes, f.Metadata = nil, nil
	raw, err := json.Marshal(f)
	if err != nil {
		return nil, err
	}
	v, err := jsonvalue.Decode(raw)
	if err != nil {
		return nil, err
	}
	form := v.(map[string]any)
	if len(changes) > 0 {
		form["changes"] = changes
	}
	if len(metadata) > 0 {
		form["metadata"] = jsonvalue.Escape(metadata)
	}
	return form, nil
}

func (c Change) canonicalForm() map[string]any {
	m := map[string]any{"field": c.Field, "op": c.op()}
	if c.op() != OpAdd {
		m["old"] = jsonvalue.Escape(c.Old)
	}
	if c.op() != OpRemove {
		m["new"] = jsonvalue.Escape(c.New)
	}
	if c.Redacted != "" {
		m["redacted"] = c.Redacted
	}
	return m
}
