package audit_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gormtrail/audit"
)

// redactedText is what the log has of a text column.
func redactedText(s string) any {
	var r *audit.Redaction
	return r.Apply("events", audit.Change{Field: "body", Op: audit.OpAdd, New: s}).New
}

func TestJSONInTexts(t *testing.T) {
	for text, want := range map[string]any{
		// Masked inside, spelled as before elsewhere.
		`{"user": "ada",  "password":"x"}`:                      `{"user": "ada",  "password":"[masked]"}`,
		"\n[{\"token\" : {\"a\":[1]}, \"n\":1.50}]\n":           "\n[{\"token\" : \"[masked]\", \"n\":1.50}]\n",
		`{"apiKey":null,"reject_password":true,"max_tokens":9}`: `{"apiKey":null,"reject_password":true,"max_tokens":9}`,
		`{"pin":1234,"card":{"number":"4242"}}`:                 `{"pin":"[masked]","card":{"number":"[masked]"}}`,
		`{"a":{"password":"x"},"a":1}`:                          `{"a":{"password":"[masked]"},"a":1}`,
		`{"pass\u0077ord":"x"}`:                                 `{"pass\u0077ord":"[masked]"}`,
		"\ufeff{\"secret\":\"x\"}":                              "{\"secret\":\"[masked]\"}",
		// JSON as a text in JSON.
		`{"body":"{\"password\":\"x\",\"n\":1}"}`: `{"body":"{\"password\":\"[masked]\",\"n\":1}"}`,
		`{"body":"\u007b\"password\":\"x\"}"}`:    `{"body":"{\"password\":\"[masked]\"}"}`,
		`"{\"password\":\"x\"}"`:                  `"{\"password\":\"[masked]\"}"`,
		`{"body":"{\"password\":\"x"}`:            `{"body":"[masked]"}`,
		// Settings.
		`[{"name":"DB_PASSWORD","value":"x"},{"name":"PORT","value":"1"}]`:           `[{"name":"DB_PASSWORD","value":"[masked]"},{"name":"PORT","value":"1"}]`,
		`{"value":"x","old_value":"y","key":"smtp.password","type":"text","n":true}`: `{"value":"[masked]","old_value":"[masked]","key":"smtp.password","type":"text","n":true}`,
		// Not JSON, with a secret's name as a key.
		`{"password":"x"`:                     audit.Mask,
		`{"a":1}{"password":"x"}`:             audit.Mask,
		"{\"a\":1}\n{\"password\":\"x\"}\n":   audit.Mask,
		`{'password': 'x'}`:                   audit.Mask,
		`{"a":01x,"b":{"clientSecret" :"x`:    audit.Mask,
		`[{\"password\":\"x\"}]`:              audit.Mask,
		`{"name":"DB_PASSWORD","value":"x`:    audit.Mask,
		`{"pin": 1234`:                        audit.Mask,
		`{"max_tokens": 12, "password_at":"`:  `{"max_tokens": 12, "password_at":"`,
		`{"reject_password": true, "name":"a`: `{"reject_password": true, "name":"a`,
		strings.Repeat("[", 200) + `{"password":"x"}` + strings.Repeat("]", 200): audit.Mask,
		// Ordinary texts.
		`password: "x"`: `password: "x"`, "[sic] he said": "[sic] he said", "{{ .Name }}": "{{ .Name }}", "": "", "{": "{", "[]": "[]", `"`: `"`,
		`{"a": "password"}`: `{"a": "password"}`,
	} {
		assert.Equal(t, want, redactedText(text), text)
	}
	long := `{"a":"` + strings.Repeat("x", 2<<20) + `","password":"x"}`
	assert.Equal(t, audit.Mask, redactedText(long), "too long to be read")
}

// documents are structured values with a canary under secret names, and nowhere else.
func document(depth int) *rapid.Generator[any] {
	return rapid.Custom(func(t *rapid.T) any {
		switch kind := rapid.IntRange(0, 5).Draw(t, "kind"); {
		case kind == 0 && depth > 0:
			return rapid.SliceOfN(document(depth-1), 0, 3).Draw(t, "list")
		case kind <= 2 && depth > 0:
			m := map[string]any{}
			for _, name := range rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "key", "name", "value", "note", "type", "x\"y", "é", "max_tokens"}), 0, 4).Draw(t, "names") {
				m[name] = document(depth-1).Draw(t, "member")
			}
			for _, name := range rapid.SliceOfN(rapid.SampledFrom([]string{"password", "api_key", "clientSecret", "otp", "tokens"}), 0, 2).Draw(t, "secrets") {
				m[name] = rapid.SampledFrom([]any{canary, []any{canary, 1.5}, map[string]any{"v": canary}, map[string]any{"name": canary}}).Draw(t, "secret")
			}
			if rapid.IntRange(0, 3).Draw(t, "setting") == 0 {
				m["key"], m["value"] = "smtp.password", canary
			}
			return m
		}
		return rapid.SampledFrom([]any{"text", "", "12", "{", "a \"b\"", true, nil, 1.5, 12.0, "\\", "é\u2028"}).Draw(t, "leaf")
	})
}

// TestHostileJSONInTexts: whatever is done to a document with secrets in it, they are
// not in the log; and what is JSON is redacted as the same value is in a JSON column.
func TestHostileJSONInTexts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		doc := map[string]any{"doc": document(4).Draw(t, "doc"), "password": canary}
		raw, err := json.Marshal(doc)
		require.NoError(t, err)
		text := string(raw)
		if rapid.Bool().Draw(t, "indented") {
			raw, err = json.MarshalIndent(doc, "", "\t")
			require.NoError(t, err)
			text = string(raw)
		}
		structured := (*audit.Redaction)(nil).Apply("events", audit.Change{Field: "body", Op: audit.OpAdd, New: doc}).New
		want, err := json.Marshal(structured)
		require.NoError(t, err)
		require.JSONEq(t, string(want), redactedText(text).(string))

		for range rapid.IntRange(0, 2).Draw(t, "times as a text") {
			raw, err = json.Marshal(map[string]string{"inner": text})
			require.NoError(t, err)
			text = string(raw)
		}
		switch rapid.IntRange(0, 4).Draw(t, "how") {
		case 0:
			text = text[:rapid.IntRange(1, len(text)).Draw(t, "cut")]
		case 1:
			text = "[" + text
		case 2:
			text += rapid.SampledFrom([]string{",", "x", "{", "\x00", text, "\n" + text}).Draw(t, "behind")
		case 3:
			i := rapid.IntRange(1, len(text)).Draw(t, "at")
			for i < len(text) && !strings.ContainsRune("{}[],:", rune(text[i-1])) { // not inside a name
				i++
			}
			text = text[:i] + rapid.SampledFrom([]string{",", "}", "]", "\n", "1"}).Draw(t, "in between") + text[i:]
		}
		require.NotContains(t, redactedText(text), canary, text)
	})
}

// TestAnyText: a text without the names of secrets stays as it is.
func TestAnyText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.SampledFrom([]string{"", "{", "[", " {\"a\":", "\"{"}).Draw(t, "begin") + rapid.StringMatching(`[a-f{}\[\]:,"'\\ 0-9é]{0,60}`).Draw(t, "text")
		require.Equal(t, text, redactedText(text))
	})
}

func TestRecordedSettings(t *testing.T) {
	record := func(e audit.Entry) string {
		trail := newTrail(t, nil, nil)
		e.Action = "update"
		require.NoError(t, trail.Record(t.Context(), e))
		var s []string
		for _, c := range only(t, trail).Changes {
			s = append(s, fmt.Sprintf("%s:%v→%v", c.Field, c.Old, c.New))
		}
		return strings.Join(s, " ")
	}
	changes := func(fields ...string) (list []audit.Change) {
		for _, f := range fields {
			name, v, _ := strings.Cut(f, "=")
			list = append(list, audit.Change{Field: name, Old: "old", New: v})
		}
		return list
	}
	assert.Equal(t, "option_name:old→smtpPassword option_value:[masked]→[masked] autoload:[masked]→[masked] type:old→text",
		record(audit.Entry{Changes: changes("option_name=smtpPassword", "option_value=x", "autoload=yes", "type=text")}))
	assert.Equal(t, "value:[masked]→[masked]", record(audit.Entry{Object: audit.Object{ID: "smtp.password"}, Changes: changes("value=x")}))
	assert.Equal(t, "value:[masked]→[masked]", record(audit.Entry{Object: audit.Object{ID: "7", Name: "GitHubClientSecret"}, Changes: changes("value=x")}))
	assert.Equal(t, "key:old→theme value:old→dark", record(audit.Entry{Object: audit.Object{ID: "7"}, Changes: changes("key=theme", "value=dark")}))
	assert.Equal(t, "name:old→password note:old→x", record(audit.Entry{Changes: changes("name=password", "note=x")}), "no column of values")
	// By the object's type, as by a table's name.
	assert.Equal(t, "key:[masked]→[masked] name:old→x", record(audit.Entry{Object: audit.Object{Type: "apiKey", ID: "7"}, Changes: changes("key=k", "name=x")}))
}

func TestErrorsLoseValues(t *testing.T) {
	for message, want := range map[string]string{
		"":               "",
		"wrong password": "wrong password",
		`duplicate key value violates unique constraint "users_email" (SQLSTATE 23505)`:                         `duplicate key value violates unique constraint "users_email" (SQLSTATE 23505)`,
		`ERROR: duplicate key; DETAIL: Key (email)=(a@b) already exists.`:                                       `ERROR: duplicate key; DETAIL: Key (email)=(?) already exists.`,
		`Key (a, b)=(1, x) is not present in table "t". (SQLSTATE 23503)`:                                       `Key (a, b)=(?) is not present in table "t". (SQLSTATE 23503)`,
		`Key (a)=(x) already exists secret) already exists.`:                                                    `Key (a)=(?) already exists.`,
		`Key (a)=(x) already exists secret) is not present in table "t".`:                                       `Key (a)=(?) is not present in table "t".`,
		`Failing row contains (1, ada, (555) 12, null).`:                                                        `Failing row contains (?).`,
		`Failing row contains (1, ada, null). (SQLSTATE 23502)`:                                                 `Failing row contains (?). (SQLSTATE 23502)`,
		"Failing row contains (1, sec":                                                                          "Failing row contains (?",
		`Error 1062 (23000): Duplicate entry 'a@b' for key 'users.email'`:                                       `Error 1062 (23000): Duplicate entry '?' for key 'users.email'`,
		`Error 1062 (23000): Duplicate entry 'it's' for key 'x' for key 'users.email'`:                          `Error 1062 (23000): Duplicate entry '?' for key 'users.email'`,
		`UNIQUE constraint failed: users.email`:                                                                 `UNIQUE constraint failed: users.email`,
		`conflicting key value violates exclusion; Key (r)=([1,5)) conflicts with existing key (r)=([2,9)) now`: `conflicting key value violates exclusion; Key (r)=(?) conflicts with existing key (r)=(?) now`,
	} {
		trail := newTrail(t, nil, nil)
		require.NoError(t, trail.Record(t.Context(), audit.Entry{Action: "create", Outcome: audit.Failure, Error: message}))
		assert.Equal(t, want, only(t, trail).Error)
	}
	for message, want := range map[string]string{
		`invalid input syntax for type integer: "se"cret" (SQLSTATE 22P02)`:                `invalid input syntax for type integer: "?" (SQLSTATE 22P02)`,
		`Error 1366 (HY000): Incorrect integer value: 'secret' for column 'n' at row 1`:    `Error 1366 (HY000): Incorrect integer value: '?' for column 'n' at row 1`,
		`Truncated incorrect DOUBLE value: 'secret'`:                                       `Truncated incorrect DOUBLE value: '?'`,
		`You have an error in your SQL syntax; … to use near ''secret' it's' at line 1`:    `You have an error in your SQL syntax; … to use near '?' at line 1`,
		`SQL logic error: near "secret": syntax error (1)`:                                 `SQL logic error: near "?": syntax error (1)`,
		`ERROR: syntax error at or near "secret" (SQLSTATE 42601)`:                         `ERROR: syntax error at or near "?" (SQLSTATE 42601)`,
		`no such column: "secret" - should this be a string literal in single-quotes? (1)`: `no such column: ?`,
		`unrecognized token: "'secret"`:                                                    `unrecognized token: ?`,
		`relation "users" does not exist`:                                                  `relation "users" does not exist`,
	} {
		trail := newTrail(t, nil, nil)
		entries := []audit.Entry{{Action: "execute", Outcome: audit.Failure, Error: message}}
		require.NoError(t, trail.EnrichCaptured(t.Context(), entries))
		assert.Equal(t, want, entries[0].Error)
	}
}
