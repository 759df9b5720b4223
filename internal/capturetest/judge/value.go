package judge

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Row holds the values of a row by column, as the triggers noted them: nil,
// bool, json.Number, string, []byte, or document.
type Row map[string]any

// document is a value of the database's JSON type.
type document struct{ value any }

// class is what a column's values mean, which decides when two are equal.
type class int

const (
	classText    class = iota
	classInteger       // whole numbers, and booleans where the database has none
	classBool
	classDecimal
	classFloat
	classSingle // floats of four bytes
	classTime   // an instant
	classDate
	classJSON
	classBytes
)

// number reads a number out of what triggers and entries hold.
func number(v any) (*big.Rat, bool) {
	switch x := v.(type) {
	case bool:
		if x {
			return big.NewRat(1, 1), true
		}
		return new(big.Rat), true
	case int64:
		return new(big.Rat).SetInt64(x), true
	case uint64:
		return new(big.Rat).SetInt(new(big.Int).SetUint64(x)), true
	case float64:
		return new(big.Rat).SetString(strconv.FormatFloat(x, 'g', -1, 64))
	case json.Number:
		return new(big.Rat).SetString(string(x))
	}
	return nil, false
}

// numberIn also reads a number that is kept as text.
func numberIn(v any) (*big.Rat, bool) {
	if s, ok := v.(string); ok {
		return new(big.Rat).SetString(strings.TrimSpace(s))
	}
	return number(v)
}

var timeLayouts = []string{
	time.RFC3339Nano, "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999Z07",
	"2006-01-02T15:04:05.999999999Z07", "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999",
	"2006-01-02 15:04:05.999999999 -0700 MST", "2006-01-02 15:04:05.999999999 -0700 -0700", "2006-01-02",
}

// instant reads the ways in which the three databases write a time. A time
// without a zone is UTC: the tests' connections say so.
func instant(v any) (time.Time, bool) {
	s, ok := v.(string)
	if !ok {
		return time.Time{}, false
	}
	if i := strings.Index(s, " m="); i > 0 {
		s = s[:i] // a monotonic clock's reading
	}
	for _, layout := range timeLayouts {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

// structure reads a value as a JSON document.
func structure(v any) (any, bool) {
	switch x := v.(type) {
	case document:
		return x.value, true
	case string:
		return parseJSON([]byte(x))
	case []byte:
		return parseJSON(x)
	}
	return v, true
}

func parseJSON(raw []byte) (any, bool) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil || d.More() {
		return nil, false
	}
	return v, true
}

// sameJSON compares two documents, numbers by value.
func sameJSON(a, b any) bool {
	if na, ok := jsonNumber(a); ok {
		nb, ok := jsonNumber(b)
		return ok && na.Cmp(nb) == 0
	}
	switch x := a.(type) {
	case []any:
		y, ok := b.([]any)
		if !ok || len(x) != len(y) {
			return false
		}
		for i := range x {
			if !sameJSON(x[i], y[i]) {
				return false
			}
		}
		return true
	case map[string]any:
		y, ok := b.(map[string]any)
		if !ok || len(x) != len(y) {
			return false
		}
		for k, v := range x {
			w, there := y[k]
			if !there || !sameJSON(v, w) {
				return false
			}
		}
		return true
	}
	return a == b
}

// jsonNumber leaves out booleans, which are no numbers in a document.
func jsonNumber(v any) (*big.Rat, bool) {
	if _, isBool := v.(bool); isBool {
		return nil, false
	}
	return number(v)
}

// sameTruth reports whether two noted values of one column mean the same.
func sameTruth(a, b any, c class) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	switch c {
	case classTime, classDate:
		ta, okA := instant(a)
		tb, okB := instant(b)
		if okA && okB {
			return ta.Equal(tb)
		}
	case classJSON:
		ja, okA := structure(a)
		jb, okB := structure(b)
		if okA && okB {
			return sameJSON(ja, jb)
		}
	}
	if na, ok := number(a); ok {
		nb, ok := number(b)
		return ok && na.Cmp(nb) == 0
	}
	return rawText(a) == rawText(b)
}

func rawText(v any) string {
	switch x := v.(type) {
	case []byte:
		return "bytes:" + string(x)
	case document:
		raw, _ := json.Marshal(x.value)
		return "json:" + string(raw)
	}
	return fmt.Sprintf("%T:%v", v, v)
}

// sameAsEntry says in what an entry's value is not the noted one; "" if it is.
// It is strict in the form that the contract fixes: whole numbers are numbers,
// times are RFC 3339 in UTC, bytes are base64.
func sameAsEntry(truth, got any, c class) string {
	wrong := func() string { return fmt.Sprintf("is %s, the database has %s", show(got), show(truth)) }
	if truth == nil || got == nil {
		return unless(got == nil && isNull(truth, c), wrong)
	}
	switch c {
	case classTime:
		return sameTime(truth, got, wrong)
	case classDate:
		t, okT := instant(truth)
		if !okT {
			return unless(sameUnread(truth, got, ""), wrong)
		}
		g, okG := instant(got)
		return unless(okG && t.Equal(g), wrong)
	case classText:
		if raw, ok := truth.([]byte); ok { // SQLite keeps bytes in columns of texts
			return unless(sameBytes(raw, got) && utf8.Valid(raw) || sameScalar(string(raw), got, wrong) == "", wrong)
		}
	case classJSON:
		if doc, ok := structure(truth); ok {
			return unless(sameJSON(doc, got), wrong)
		}
	case classBool, classInteger, classDecimal, classFloat, classSingle:
		if n, ok := number(truth); ok {
			return sameNumber(n, got, c, wrong)
		}
	}
	return sameScalar(truth, got, wrong)
}

// isNull reports whether a value is NULL or a JSON null, which an entry writes
// alike.
func isNull(truth any, c class) bool {
	if doc, ok := truth.(document); ok {
		return doc.value == nil
	}
	if s, ok := truth.(string); ok && c == classJSON {
		v, ok := parseJSON([]byte(s))
		return ok && v == nil
	}
	return truth == nil
}

func unless(ok bool, wrong func() string) string {
	if ok {
		return ""
	}
	return wrong()
}

func sameTime(truth, got any, wrong func() string) string {
	t, okT := instant(truth)
	if !okT {
		return unless(sameUnread(truth, got, "T00:00:00Z"), wrong)
	}
	g, okG := instant(got)
	if !okG || !t.Equal(g) {
		return wrong()
	}
	s, _ := got.(string)
	if _, err := time.Parse(time.RFC3339Nano, s); err != nil || !strings.HasSuffix(s, "Z") {
		return fmt.Sprintf("is %s, which is not RFC 3339 in UTC", show(got))
	}
	return ""
}

// sameUnread compares a time that is no instant. What no calendar has, such as
// MariaDB's zero date, keeps its digits in the form of RFC 3339; midnight is what
// that form has for a day alone, "" in a column of dates. Other texts (infinity,
// what SQLite keeps in such a column) are the database's.
func sameUnread(truth, got any, midnight string) bool {
	t, okT := truth.(string)
	g, okG := got.(string)
	if !okT || !okG {
		return sameScalar(truth, got, func() string { return "differs" }) == ""
	}
	if plain := plainTime(t); digits.MatchString(plain) {
		day, clock, timed := strings.Cut(plain, " ")
		if timed {
			return g == day+"T"+clock+"Z"
		}
		return g == day+midnight
	}
	return t == g || plainTime(t) == plainTime(g)
}

// digits are those of a date, and of a time.
var digits = regexp.MustCompile(`^\d{4}-\d\d-\d\d( \d\d:\d\d:\d\d(\.\d+)?)?$`)

// plainTime is the text of a date or a time without its zone and what is zero at
// its end.
func plainTime(s string) string {
	s = strings.TrimSuffix(strings.Replace(s, "T", " ", 1), "Z")
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return strings.TrimSuffix(s, " 00:00:00")
}

func sameNumber(n *big.Rat, got any, c class, wrong func() string) string {
	g, ok := numberIn(got)
	if !ok {
		return wrong()
	}
	if _, isText := got.(string); isText && (c == classInteger || c == classBool) {
		return fmt.Sprintf("is the text %s, and the column holds whole numbers", show(got))
	}
	if g.Cmp(n) == 0 {
		return ""
	}
	a, _ := n.Float64()
	b, _ := g.Float64()
	switch c {
	case classFloat:
		return unless(a == b, wrong)
	case classSingle:
		return unless(float32(a) == float32(b), wrong)
	}
	return wrong()
}

func sameScalar(truth, got any, wrong func() string) string {
	switch t := truth.(type) {
	case []byte:
		return unless(sameBytes(t, got) || !utf8.Valid(t) && toldApart(string(t), got), wrong)
	case string:
		if !utf8.ValidString(t) {
			return unless(toldApart(t, got), wrong)
		}
		if s, ok := got.(string); ok && (s == t || infinite(s) != "" && infinite(s) == infinite(t)) {
			return ""
		}
		doc, ok := parseJSON([]byte(t)) // what a serializer wrote, shown as what it means
		return unless(ok && sameJSON(doc, got), wrong)
	case document:
		return unless(sameJSON(t.value, got), wrong)
	}
	n, ok := number(truth)
	if !ok {
		return wrong()
	}
	return sameNumber(n, got, classFloat, wrong)
}

// infinite is an infinite number's text without a plus and in its short form; ""
// if it is another text.
func infinite(s string) string {
	s = strings.Replace(strings.TrimPrefix(s, "+"), "Infinity", "Inf", 1)
	if s == "Inf" || s == "-Inf" {
		return s
	}
	return ""
}

// toldApart: bytes that are no text are written in base64, in a form that no text
// has.
func toldApart(truth string, got any) bool {
	m, ok := got.(map[string]any)
	return ok && len(m) == 1 && m["base64"] == base64.StdEncoding.EncodeToString([]byte(truth))
}

func show(v any) string {
	switch x := v.(type) {
	case nil:
		return "NULL"
	case []byte:
		return "bytes " + clip(base64.StdEncoding.EncodeToString(x))
	case document:
		raw, _ := json.Marshal(x.value)
		return "json " + clip(string(raw))
	case json.Number:
		return string(x)
	case string:
		return clip(strconv.Quote(x))
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return clip(fmt.Sprintf("%T(%v)", v, v))
	}
	return clip(string(raw))
}

func clip(s string) string {
	if len(s) > 120 {
		return s[:117] + "..."
	}
	return s
}
