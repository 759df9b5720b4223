package hooks

import (
	"encoding/base64"
	"encoding/json"
	"strconv"
)

// argument is canonical's way back: a value of the trail as a statement's
// argument, for conditions on keys.
func (d dialect) argument(k kind, v any) any {
	switch x := v.(type) {
	case float64:
		if k == kindFloat32 && d.name == "mysql" {
			return float64(float32(x)) // a FLOAT equals the double that it is, not its shortest text
		}
	case json.Number:
		if n, err := strconv.ParseUint(string(x), 10, 64); err == nil {
			return n
		}
		return string(x)
	case string:
		switch k {
		case kindBytes:
			if raw, err := base64.StdEncoding.DecodeString(x); err == nil {
				return raw
			}
		case kindTime:
			if t, ok := parseTime(x); ok {
				return t
			}
		case kindWall: // without the zone that it never had
			if t, ok := parseTime(x); ok {
				return t.Format("2006-01-02 15:04:05.999999999")
			}
		}
	}
	return v
}
