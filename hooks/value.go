package hooks

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gormtrail/audit/internal/cleantext"
	"github.com/gormtrail/audit/internal/jsonvalue"
)

// kind is what a column's values mean.
type kind int

const (
	kindOther kind = iota // as the driver gives it
	kindBool
	kindInt
	kindFloat32
	kindFloat
	kindDecimal
	kindText
	kindBytes
	kindTime // an instant
	kindWall // a date and time of day without a zone: as it stands in the database
	kindDate
	kindJSON
	kindBits
)

// sqliteKind reads a declared type, which in SQLite is a hint: a value of
// another class keeps its own meaning.
func sqliteKind(declared string) kind {
	d := strings.ToLower(declared)
	switch {
	case strings.HasPrefix(d, "bool"):
		return kindBool
	case strings.HasPrefix(d, "datetime"), strings.HasPrefix(d, "timestamp"):
		return kindTime
	case d == "date":
		return kindDate
	case strings.HasPrefix(d, "json"):
		return kindJSON
	case strings.Contains(d, "blob"), strings.HasPrefix(d, "binary"), strings.HasPrefix(d, "varbinary"):
		return kindBytes
	case strings.Contains(d, "char"), strings.Contains(d, "text"), strings.Contains(d, "clob"):
		return kindText
	}
	return kindOther
}

func postgresKind(t string) kind {
	switch {
	case t == "boolean":
		return kindBool
	case t == "smallint" || t == "integer" || t == "bigint":
		return kindInt
	case t == "real":
		return kindFloat32
	case t == "double precision":
		return kindFloat
	case t == "numeric":
		return kindDecimal
	case t == "bytea":
		return kindBytes
	case t == "timestamp without time zone" || t == "timestamp":
		return kindWall
	case strings.HasPrefix(t, "timestamp"):
		return kindTime
	case t == "date":
		return kindDate
	case t == "json" || t == "jsonb":
		return kindJSON
	}
	return kindText // uuid, enums, arrays, intervals: their text
}

func mysqlKind(t string) kind {
	base, _, _ := strings.Cut(t, "(")
	base, _, _ = strings.Cut(base, " ")
	switch {
	case strings.HasPrefix(t, "tinyint(1)"):
		return kindBool
	case base == "bit":
		return kindBits
	case slices.Contains(geometries, base): // before the integers: a point ends in "int"
		return kindBytes
	case strings.HasSuffix(base, "int") || base == "integer" || base == "year":
		return kindInt
	case base == "float":
		return kindFloat32
	case base == "double":
		return kindFloat
	case base == "decimal":
		return kindDecimal
	case base == "datetime":
		return kindWall
	case base == "timestamp":
		return kindTime
	case base == "date":
		return kindDate
	case base == "json":
		return kindJSON
	case strings.Contains(base, "blob") || strings.Contains(base, "binary"):
		return kindBytes
	}
	return kindText
}

// geometries are the types whose values are bytes, and text only by chance.
var geometries = []string{
	"geometry", "point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon", "geometrycollection", "geomcollection", "vector",
}

// kindOf reads the type's name that a driver gives for a result's column.
func (d dialect) kindOf(driverType string) kind {
	t := strings.ToLower(driverType)
	switch d.name {
	case "sqlite":
		return sqliteKind(t)
	case "mysql":
		return mysqlKind(strings.TrimPrefix(t, "unsigned "))
	}
	long := map[string]string{
		"bool": "boolean", "int2": "smallint", "int4": "integer", "int8": "bigint",
		"float4": "real", "float8": "double precision",
	}
	if name, ok := long[t]; ok {
		t = name
	}
	return postgresKind(t)
}

// longBytes is from which length on bytes are shown by size and digest.
const longBytes = 1024

// canonical is a driver's value in the JSON terms of the trail. Two values of a
// column that mean the same to the database have equal canonical forms, save
// decimals, JSON and bytes in other spellings (sameValue).
func canonical(k kind, v any) any {
	switch x := v.(type) {
	case nil:
		return nil
	case time.Time:
		return timeText(k, x)
	case bool:
		return x
	case int64:
		if k == kindBool && (x == 0 || x == 1) {
			return x == 1
		}
		return x
	case uint64:
		return unsigned(x)
	case float32:
		return float(float64(x), 32)
	case float64:
		return floatOf(k, x)
	case []byte:
		return bytesOf(k, x)
	case string:
		return textOf(k, x)
	}
	n, err := jsonvalue.Normalize(v)
	if err != nil {
		return cleantext.Text(strings.ToValidUTF8(err.Error(), "?"))
	}
	return n
}

func unsigned(x uint64) any {
	n, _ := jsonvalue.Normalize(x)
	return n
}

func floatOf(k kind, x float64) any {
	if k == kindFloat32 {
		return float(x, 32)
	}
	return float(x, 64)
}

// float keeps the digits that the column has: 0.1 in a real is not
// 0.10000000149011612. What JSON has no number for is its name.
func float(x float64, bits int) any {
	s := strconv.FormatFloat(x, 'g', -1, bits)
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return s
	}
	n, err := jsonvalue.Normalize(f)
	if err != nil {
		return s // NaN, +Inf, -Inf
	}
	return n
}

func timeText(k kind, t time.Time) string {
	h, m, s := t.Clock()
	if k == kindDate && h == 0 && m == 0 && s == 0 && t.Nanosecond() == 0 { // a SQLite column holds more if it is given more
		return t.Format(time.DateOnly)
	}
	if k == kindWall { // the zone is the driver's guess
		y, mo, d := t.Date()
		t = time.Date(y, mo, d, h, m, s, t.Nanosecond(), time.UTC)
	}
	return t.UTC().Format(time.RFC3339Nano)
}

func bytesOf(k kind, b []byte) any {
	switch k {
	case kindBytes, kindOther:
		return showBytes(b)
	case kindBits:
		return unsigned(new(big.Int).SetBytes(b).Uint64())
	}
	if !utf8.Valid(b) && k != kindText {
		return showBytes(b) // a BLOB in a SQLite column of another type
	}
	return textOf(k, string(b))
}

// showBytes is base64, of long values the size and the digest.
func showBytes(b []byte) any {
	if len(b) <= longBytes {
		return base64.StdEncoding.EncodeToString(b)
	}
	sum := sha256.Sum256(b)
	return map[string]any{"size": int64(len(b)), "sha256": hex.EncodeToString(sum[:])}
}

// textOf reads what a driver gives as text (the MySQL text protocol does so for
// every type) by the column's meaning.
func textOf(k kind, s string) any {
	switch k {
	case kindBool:
		switch s {
		case "0", "f", "false":
			return false
		case "1", "t", "true":
			return true
		}
		if n, err := jsonvalue.Normalize(json.Number(s)); err == nil {
			return n // a tinyint(1) may hold more than a boolean
		}
	case kindInt:
		if n, err := jsonvalue.Normalize(json.Number(s)); err == nil {
			return n
		}
	case kindFloat, kindFloat32:
		if f, err := strconv.ParseFloat(s, 64); err == nil {
			return floatOf(k, f)
		}
	case kindTime, kindWall, kindDate:
		if t, ok := parseTime(s); ok {
			return timeText(k, t)
		}
		s = asItStands(s)
	case kindJSON:
		if v, err := jsonvalue.Decode([]byte(s)); err == nil {
			return orJSONNull(v)
		}
	}
	if !utf8.ValidString(s) {
		return invalidText(s)
	}
	return s
}

// jsonNull is the JSON document null, which is not the NULL of a column without
// a value. On the trail both are null; a change from one to the other is a change.
type jsonNull struct{}

// MarshalJSON writes null.
func (jsonNull) MarshalJSON() ([]byte, error) { return []byte("null"), nil }

func orJSONNull(v any) any {
	if v == nil {
		return jsonNull{}
	}
	return v
}

// onTrail is a canonical value as entries carry it.
func onTrail(v any) any {
	if v == (any)(jsonNull{}) {
		return nil
	}
	return v
}

// invalidText is a text that isn't UTF-8, told apart from one that looks like
// its base64.
func invalidText(s string) any {
	if long, ok := showBytes([]byte(s)).(map[string]any); ok {
		return long
	}
	return map[string]any{"base64": base64.StdEncoding.EncodeToString([]byte(s))}
}

// timeLayouts are the forms in which SQLite drivers and MySQL write a time.
var timeLayouts = []string{
	time.RFC3339Nano,
	"2006-01-02 15:04:05.999999999-07:00",
	"2006-01-02T15:04:05.999999999-07:00",
	"2006-01-02 15:04:05.999999999 -0700 MST",
	"2006-01-02 15:04:05.999999999",
	"2006-01-02T15:04:05.999999999",
	"2006-01-02 15:04",
	"2006-01-02T15:04",
	time.DateOnly,
}

// asItStands writes a date and time that no calendar has, as MySQL's zero date,
// in the form of the others.
func asItStands(s string) string {
	const form = "0000-00-00 00:00:00"
	if len(s) < len(form) {
		return s
	}
	for i := range form {
		if form[i] == '0' && (s[i] < '0' || s[i] > '9') || form[i] != '0' && form[i] != s[i] {
			return s
		}
	}
	rest := strings.TrimRight(s[len(form):], "0")
	return s[:10] + "T" + s[11:len(form)] + strings.TrimSuffix(rest, ".") + "Z"
}

func parseTime(s string) (time.Time, bool) {
	if t, ok := parseISO(s); ok {
		return t, true
	}
	if m := strings.Index(s, " m="); m > 0 { // a monotonic clock reading that a driver wrote along
		s = s[:m]
	}
	for _, layout := range timeLayouts {
		if t, err := time.Parse(layout, strings.TrimSuffix(s, "Z")); err == nil {
			return t, true
		}
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// unixTime reads seconds since 1970, as MySQL's UNIX_TIMESTAMP gives them: it
// tells apart the hours that daylight saving repeats. Zero is the zero date.
func unixTime(v any) any {
	s := strings.TrimRight(recordText(v), " ")
	if n, ok := v.(int64); ok {
		s = strconv.FormatInt(n, 10)
	}
	if v == nil {
		return nil
	}
	whole, fraction, _ := strings.Cut(s, ".")
	seconds, err := strconv.ParseInt(whole, 10, 64)
	nanos, _ := strconv.ParseInt((fraction + "000000000")[:9], 10, 64)
	switch {
	case err != nil:
		return canonical(kindText, v)
	case seconds == 0 && nanos == 0:
		return asItStands("0000-00-00 00:00:00" + s[len(whole):])
	}
	return timeText(kindTime, time.Unix(seconds, nanos))
}

// keyText is a value of a key column as text.
func keyText(v any) string {
	switch x := v.(type) {
	case nil:
		return ""
	case string:
		return x
	case int64:
		return strconv.FormatInt(x, 10)
	case uint64:
		return strconv.FormatUint(x, 10)
	case bool:
		return strconv.FormatBool(x)
	case map[string]any:
		if text, ok := x["base64"].(string); ok && len(x) == 1 {
			return text
		}
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(raw)
}
