// Package damagetest damages cells of a store's table, and checks that every other
// entry is read as before.
package damagetest

// damage is a change of one cell that no writer makes.
type damage struct {
	column string
	value  string // SQL
	// silent: nothing tells that the entry isn't what it was.
	silent bool
	// anonymous: the entry's ID is lost.
	anonymous bool
}

// everywhere are damages that every database can have.
var everywhere = []damage{
	{column: "form", value: "99"}, {column: "form", value: "0"}, {column: "form", value: "-7"},
	{column: "changes", value: "'['"}, {column: "changes", value: "'{}'"}, {column: "changes", value: "'null x'"}, {column: "changes", value: "'[{\"field\":\"a\",\"op\":\"rep'"},
	{column: "changes", value: "'[1]'"}, {column: "changes", value: "'[{\"field\":\"\",\"op\":\"add\"}]'"}, {column: "changes", value: "'[{\"field\":\"a\",\"op\":\"turn\"}]'"},
	{column: "changes", value: "substr(changes, 1, length(changes) - 1)"}, {column: "metadata", value: "'[]'"}, {column: "metadata", value: "'{\"a\":'"},
	{column: "metadata", value: "'7'"}, {column: "metadata", value: "'{\"k\":\"open'"}, {column: "on_behalf_of", value: "'{\"type\":'"}, {column: "on_behalf_of", value: "'[]'"},
	{column: "outcome", value: "'maybe'"}, {column: "outcome", value: "''"}, {column: "action", value: "''"},
	{column: "object_key", value: "'zz'", silent: true}, {column: "object_key", value: "''", silent: true}, {column: "actor_user", value: "'zz'", silent: true}, {column: "behalf_user", value: "'zz'", silent: true},
	{column: "ip_key", value: "'zz'", silent: true}, {column: "fields", value: "'zz'", silent: true}, {column: "search", value: "''", silent: true},
}

// texts are the columns of texts.
var texts = []string{
	"tenant", "project", "actor_type", "actor_id", "actor_name", "actor_email", "action", "outcome", "object_type", "object_id", "object_name",
	"object_product", "ip", "request_id", "method", "path", "user_agent", "transaction_id", "on_behalf_of", "error", "comment", "changes", "metadata",
}

// keys are the columns of texts that are only sorted and looked up by.
var keys = []string{"actor_user", "behalf_user", "object_key", "ip_key", "fields", "search"}

// escapes are of JSON; MySQL would take the backslashes off.
var escapes = []damage{
	{column: "metadata", value: "'{\"k\":\"\\u12\"}'"}, {column: "metadata", value: "'{\"k\":\"\\x\"}'"}, {column: "on_behalf_of", value: "'{\"name\":\"\\u00'"},
}

// damages are those that a database of that kind can have.
func damages(database string) []damage {
	list := append([]damage{}, everywhere...)
	inTexts := func(values ...string) {
		for _, value := range values {
			for _, column := range texts {
				list = append(list, damage{column: column, value: value})
			}
			for _, column := range keys {
				list = append(list, damage{column: column, value: value, silent: true})
			}
		}
	}
	inTime := func(values ...string) {
		for _, value := range values {
			list = append(list, damage{column: "time", value: value})
		}
	}
	switch database {
	case "sqlite":
		inTexts("x'ff00fe'", "CAST(x'61ff62' AS TEXT)", "x'6100'")
		inTime("'never'", "''", "1.5", "9e999", "x'ff'", "x''", "9223372036854775807", "-9223372036854775808", "253402300800000000")
		list = append(list, damage{column: "form", value: "'seven'"}, damage{column: "form", value: "x'01'"}, damage{column: "form", value: "1.5"},
			damage{column: "id", value: "randomblob(3)", anonymous: true}, damage{column: "id", value: "'no ID ' || hex(randomblob(4))", anonymous: true}, damage{column: "id", value: "abs(random())", anonymous: true},
			damage{column: "salt", value: "''", silent: true})
		list = append(list, escapes...)
	case "postgres":
		list = append(list, escapes...)
		inTime("'infinity'", "'-infinity'", "'12345-01-02 03:04:05'", "'0044-03-15 BC'", "'294276-01-01'", "'10000-01-01'")
	case "mysql":
		inTexts("x'ff00fe'", "x'61ff62'", "x'6100'")
		inTime("9223372036854775807", "-9223372036854775808", "253402300800000000", "-62135596800000001")
	}
	return list
}
