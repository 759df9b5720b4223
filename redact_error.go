package audit

import "strings"

// Messages of databases quote values: "Duplicate entry 'ada@example.com' for key
// 'email'", "Key (email)=(ada@example.com) already exists". Entries keep the message
// and lose the values.

// quotedValue is where a message has a value: behind begin, up to the last of the
// ends, since the value may have an end in it. Where none of them follows, it is up to
// the last closing character, and in a message that was cut off, up to its end.
type quotedValue struct {
	begin, closing string
	ends           []string
}

// valuesInAny are looked for in the error of any entry: no other message has them.
var valuesInAny = []quotedValue{
	// PostgreSQL
	{"Failing row contains (", ")", []string{")."}},
	{")=(", ")", []string{") already exists", ") is not present", ") is still referenced", ") is duplicated", ") conflicts with"}},
	{"JSON data, line ", "", nil},
	{"unnamed portal with parameters: ", "", nil},
	// MySQL and MariaDB
	{"Duplicate entry '", "'", []string{"' for key"}},
}

// valuesInCaptured are looked for in errors that capture recorded, which are the
// database's.
var valuesInCaptured = []quotedValue{
	{" value: '", "'", []string{"' for column"}}, // MySQL: Incorrect integer value: 'x' for column 'n'
	{" in value '", "'", []string{"' for column"}},
	{"near '", "'", []string{"' at line"}},
	{"near \"", "\"", []string{"\": syntax error"}},
	{": \"", "\"", nil}, // PostgreSQL: invalid input syntax for type integer: "x"
	{"Token \"", "\"", []string{"\" is invalid"}},
	{"no such column: ", "", nil}, // SQLite: of a text in double quotes
	{"unrecognized token: ", "", nil},
}

// withoutValues is a database's error without the values that it quotes.
func withoutValues(message string, lists ...[]quotedValue) string {
	if message == "" {
		return ""
	}
	for _, list := range lists {
		for _, q := range list {
			message = q.cut(message)
		}
	}
	return message
}

func (q quotedValue) cut(s string) string {
	i := strings.Index(s, q.begin)
	if i < 0 {
		return s
	}
	from := i + len(q.begin)
	to := -1
	for _, end := range q.ends {
		to = max(to, strings.LastIndex(s[from:], end))
	}
	if to < 0 && q.closing != "" {
		to = strings.LastIndex(s[from:], q.closing)
	}
	if to < 0 {
		return s[:from] + "?"
	}
	return s[:from] + "?" + q.cut(s[from+to:])
}
