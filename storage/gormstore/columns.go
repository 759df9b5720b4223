package gormstore

// columnNames are the columns that the store writes, in the order of the table.
// Changes and metadata are long: where a database reads a row from its beginning,
// what is asked for most comes first. The last one came with version 5.
var columnNames = []string{
	"id", "form", "time", "tenant", "project",
	"actor_type", "actor_id", "actor_name", "actor_email", "actor_user",
	"action", "outcome", "object_type", "object_id", "object_key", "object_name", "object_product",
	"ip", "ip_key", "request_id", "method", "path", "user_agent", "transaction_id",
	"on_behalf_of", "error", "comment", "salt", "fields", "search", "changes", "metadata", colBehalf,
}

// textColumns and longColumns are the texts of version 1: before and behind the
// salt.
var (
	textColumns = columnNames[3:27]
	longColumns = columnNames[28:32]
)
