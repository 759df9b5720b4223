package jsonvalue

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/gormtrail/audit/internal/cleantext"
	"github.com/gormtrail/audit/internal/words"
)

// maxExact is the largest whole number that a float64 holds with all smaller
// ones (2^53), the range of numbers in RFC 8785 and RFC 7493.
const maxExact = 1 << 53

// maxNesting is how deep a value may be; a value that holds itself is deeper.
const maxNesting = 1000

// Normalize brings a Go value into the JSON terms that audit.Change and Metadata hold:
// nil, bool, int64, uint64 above the largest int64, float64, string, []any,
// map[string]any, and json.Number for numbers that none of these hold exactly.
// Whole floats become integers as far as JSON writes them as such (below 1e21),
// times RFC 3339 in UTC, bytes base64; anything else goes through encoding/json.
// Text is made storable with cleantext.Text, save that NUL stays: JSON can hold it.
//
// What JSON can't express (NaN, a channel, a cycle) is an error. The result
// shares nothing with v, and is the same after a way through JSON (Decode).
func Normalize(v any) (any, error) { return normalize(v, 0) }

func normalize(v any, depth int) (any, error) {
	switch x := v.(type) {
	case nil, bool:
		return x, nil
	case string:
		return cleantext.Valid(x), nil
	case int:
		return int64(x), nil
	case int64:
		return x, nil
	case int32:
		return int64(x), nil
	case uint64:
		return normalizeUint(x), nil
	case float64:
		return normalizeFloat(x)
	case []byte:
		if x == nil {
			return nil, nil
		}
		return base64.StdEncoding.EncodeToString(x), nil
	case time.Time:
		return x.UTC().Format(time.RFC3339Nano), nil
	case json.Number:
		return normalizeNumber(string(x))
	case []any:
		return normalizeList(x, depth+1)
	case map[string]any:
		return normalizeMap(x, depth+1)
	}
	return normalizeOther(v)
}

func normalizeList(list []any, depth int) (any, error) {
	if list == nil || depth > maxNesting {
		return nil, tooDeep(depth)
	}
	c := make([]any, len(list))
	var err error
	for i := range list {
		if c[i], err = normalize(list[i], depth); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func normalizeMap(m map[string]any, depth int) (any, error) {
	if m == nil || depth > maxNesting {
		return nil, tooDeep(depth)
	}
	c := make(map[string]any, len(m))
	for k, v := range m {
		n, err := normalize(v, depth)
		if err != nil {
			return nil, err
		}
		c[k] = n
	}
	return cleantext.Keys(c, cleantext.Valid), nil
}

func tooDeep(depth int) error {
	if depth > maxNesting {
		return fmt.Errorf("is nested more than %d deep, or holds itself", maxNesting)
	}
	return nil
}

func normalizeOther(v any) (any, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		// encoding/json's own words hold the type, which is what one looks for.
		return nil, errors.New(strings.TrimPrefix(err.Error(), "json: "))
	}
	return Decode(raw)
}

func normalizeUint(x uint64) any {
	if x <= math.MaxInt64 {
		return int64(x)
	}
	return x
}

// normalizeFloat makes an integer of what JSON writes as one: read back, it
// couldn't be told from an integer.
func normalizeFloat(x float64) (any, error) {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return nil, fmt.Errorf("%v is no JSON number", x)
	}
	if x == math.Trunc(x) && math.Abs(x) < 1e21 {
		return normalizeInteger(strconv.FormatFloat(x, 'f', 0, 64)), nil
	}
	return x, nil
}

// normalizeInteger reads an integer's text into the first of int64 and uint64
// that holds it, and keeps the text if none does.
func normalizeInteger(s string) any {
	if i, err := strconv.ParseInt(s, 10, 64); err == nil {
		return i
	}
	if u, err := strconv.ParseUint(s, 10, 64); err == nil {
		return u
	}
	return json.Number(s)
}

// normalizeNumber reads a number's text into the first of int64, uint64,
// float64 that holds it exactly, and keeps the text if none does. A float64 is
// said to hold a decimal exactly if it is written as that decimal again.
func normalizeNumber(s string) (any, error) {
	if !json.Valid([]byte(s)) || strings.Trim(s, "-+.eE0123456789") != "" || strings.TrimSpace(s) != s {
		return nil, fmt.Errorf("%q is no JSON number", words.Clip(s))
	}
	if !strings.ContainsAny(s, ".eE") {
		return normalizeInteger(s), nil
	}
	digits, place, ok := decimalOf(s)
	if ok && place >= 0 && len(strings.TrimPrefix(digits, "-"))+place <= 21 { // below 1e21, as normalizeFloat
		return normalizeInteger(digits + strings.Repeat("0", place)), nil
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return json.Number(s), nil
	}
	written, writtenPlace, _ := decimalOf(strconv.FormatFloat(f, 'e', -1, 64))
	if !ok || digits != written || place != writtenPlace {
		return json.Number(s), nil
	}
	return f, nil
}

// decimalOf returns a number's significant digits, with its sign, and the power
// of ten of the last of them.
func decimalOf(s string) (digits string, place int, ok bool) {
	mantissa, exponent, has := strings.Cut(strings.ToLower(s), "e")
	if has {
		var err error
		if place, err = strconv.Atoi(exponent); err != nil {
			return "", 0, false
		}
	}
	unsigned, negative := strings.CutPrefix(mantissa, "-")
	whole, fraction, _ := strings.Cut(unsigned, ".")
	place -= len(fraction)
	all := whole + fraction
	digits = strings.TrimRight(all, "0")
	place += len(all) - len(digits)
	if digits = strings.TrimLeft(digits, "0"); digits == "" {
		return "0", 0, true
	}
	if negative {
		digits = "-" + digits
	}
	return digits, place, true
}

// Decode reads one JSON value into the terms of Normalize. Integers stay
// exact, and numbers that a float64 would round keep their text.
func Decode(raw []byte) (any, error) {
	if v, ok := parseValue(raw); ok {
		return v, nil
	}
	return decodeAny(raw)
}

func decodeAny(raw []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("more follows the JSON value")
	}
	return numbersIn(v)
}

func numbersIn(v any) (any, error) {
	var err error
	switch x := v.(type) {
	case json.Number:
		return normalizeNumber(string(x))
	case []any:
		for i := range x {
			if x[i], err = numbersIn(x[i]); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		for k := range x {
			if x[k], err = numbersIn(x[k]); err != nil {
				return nil, err
			}
		}
	}
	return v, nil
}
