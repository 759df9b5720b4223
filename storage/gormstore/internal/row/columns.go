package row

// TimeName stands for the time in ReadNames: the expression in which the database
// hands times to every driver. The expression has no name in the result, so ORDER BY
// time means the column.
const TimeName = "*time"

// ReadNames are the columns that a Scanner reads an entry from. BriefNames lack the
// changes and the metadata.
var (
	ReadNames = []string{
		"id", "form", TimeName, "tenant", "project",
		"actor_type", "actor_id", "actor_name", "actor_email",
		"action", "outcome", "object_type", "object_id", "object_name", "object_product",
		"ip", "request_id", "method", "path", "user_agent", "transaction_id",
		"on_behalf_of", "error", "comment", "changes", "metadata",
	}
	BriefNames = ReadNames[:len(ReadNames)-2]
)
