package judge

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/big"
	"reflect"
	"strings"

	"gorm.io/gorm/schema"
)

// sameBytes accepts base64, or size and SHA-256 in whatever words.
func sameBytes(truth []byte, got any) bool {
	if s, ok := got.(string); ok && s == base64.StdEncoding.EncodeToString(truth) {
		return true
	}
	sum := sha256.Sum256(truth)
	text := fmt.Sprint(got)
	return strings.Contains(text, hex.EncodeToString(sum[:])) && strings.Contains(text, fmt.Sprint(len(truth)))
}

// keyText is a key column's value as text.
func keyText(v any, c class) string {
	switch x := v.(type) {
	case nil:
		return ""
	case []byte:
		return base64.StdEncoding.EncodeToString(x)
	}
	if c == classTime {
		if t, ok := instant(v); ok {
			return t.Format("2006-01-02T15:04:05.999999999Z07:00")
		}
	}
	if n, ok := number(v); ok && n.IsInt() {
		return new(big.Int).Set(n.Num()).String()
	}
	return fmt.Sprint(v)
}

// schemaValue is a value of the field's type, as GORM asks it for clauses.
func schemaValue(f *schema.Field) any {
	return reflect.New(f.IndirectFieldType).Interface()
}
