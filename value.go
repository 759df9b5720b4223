package audit

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
	"unicode/utf8"
)

// maxExact is the largest whole number that a float64 holds with all smaller
// ones (2^53), the range of numbers in RFC 8785 and RFC 7493.
const maxExact = 1 << 53

// Normalize brings a Go value into the JSON terms that Change and Metadata hold:
// nil, bool, int64, uint64 above the largest int64, float64, string, []any,
// map[string]any, and json.Number for numbers that none of these hold exactly.
// Whole floats below 2^53 become int64, times RFC 3339 in UTC, bytes base64;
// anything else goes through encoding/json. Text is made storable with
// CleanText, save that NUL stays: JSON can hold it.
//
// What JSON can't express (NaN, a channel, a cycle) is an error.
func Normalize(v any) (any, error) {
	switch x := v.(type) {
	case nil, bool:
		return x, nil
	case string:
		return validText(x), nil
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
	}
	return normalizeOther(v)
}

func normalizeOther(v any) (any, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		// encoding/json's own words hold the type, which is what one looks for.
		return nil, errors.New(strings.TrimPrefix(err.Error(), "json: "))
	}
	return DecodeValue(raw)
}

func normalizeUint(x uint64) any {
	if x <= math.MaxInt64 {
		return int64(x)
	}
	return x
}

func normalizeFloat(x float64) (any, error) {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return nil, fmt.Errorf("%v is no JSON number", x)
	}
	if x == math.Trunc(x) && math.Abs(x) <= maxExact {
		return int64(x), nil
	}
	return x, nil
}

// normalizeNumber reads a number's text into the first of int64, uint64,
// float64 that holds it exactly, and keeps the text if none does.
func normalizeNumber(s string) (any, error) {
	if !json.Valid([]byte(s)) || s == "" || (s[0] != '-' && (s[0] < '0' || s[0] > '9')) {
		return nil, fmt.Errorf("%q is no JSON number", clip(s))
	}
	if !strings.ContainsAny(s, ".eE") {
		if i, err := strconv.ParseInt(s, 10, 64); err == nil {
			return i, nil
		}
		if u, err := strconv.ParseUint(s, 10, 64); err == nil {
			return u, nil
		}
		return json.Number(s), nil
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || (significantDigits(s) > 15 && strconv.FormatFloat(f, 'f', -1, 64) != s && string(appendNumber(nil, f)) != s) {
		return json.Number(s), nil
	}
	return normalizeFloat(f)
}

// significantDigits counts those of the mantissa: up to 15 survive a float64.
func significantDigits(s string) int {
	mantissa, _, _ := strings.Cut(strings.ToLower(s), "e")
	return len(strings.TrimLeft(strings.Replace(strings.TrimPrefix(mantissa, "-"), ".", "", 1), "0"))
}

// DecodeValue reads one JSON value into the terms of Normalize. Integers stay
// exact, and numbers that a float64 would round keep their text.
func DecodeValue(raw []byte) (any, error) {
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

// CleanText replaces what databases can't store in text by a visible escape:
// NUL by "\x00", and each byte that is not part of valid UTF-8 by "\xff". What
// it gives is stored, shown, and found by filters, which are cleaned likewise.
func CleanText(s string) string {
	if utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 {
		return s
	}
	return strings.ReplaceAll(validText(s), "\x00", `\x00`)
}

func validText(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 {
			fmt.Fprintf(&b, `\x%02x`, s[i])
		} else {
			b.WriteString(s[i : i+n])
		}
		i += n
	}
	return b.String()
}
