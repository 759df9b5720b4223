package storage

import (
	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/internal/jsonvalue"
)

// AppendChanges appends the JSON form of an entry's changes, without reflection. It differs
// from json.Marshal's only in that it doesn't escape <, > and &.
func AppendChanges(b []byte, changes []audit.Change) []byte {
	return jsonvalue.AppendChanges(b, changes)
}

// DecodeChanges reads the JSON form of changes, as AppendChanges and json.Marshal write it.
// Numbers keep their exact values. The values of a short text share memory with each other,
// never with raw. An empty text and null are nil.
func DecodeChanges(raw []byte) ([]audit.Change, error) {
	return jsonvalue.DecodeChanges[audit.Change](raw)
}

// DecodeMetadata reads a JSON object as audit.Entry.Metadata holds it: numbers keep their exact
// values. An empty text, null and {} are nil.
func DecodeMetadata(raw []byte) (map[string]any, error) { return jsonvalue.DecodeMetadata(raw) }
