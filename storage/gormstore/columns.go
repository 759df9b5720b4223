package gormstore

import (
	"strings"
	"sync"
)

// columnNames are the columns that the store writes, in the order of
// record.args. The last three are long: where a database reads a row from its
// beginning, what is asked for most comes first.
var columnNames = []string{
	"id", "form", "time", "tenant", "project",
	"actor_type", "actor_id", "actor_name", "actor_email", "actor_user",
	"action", "outcome", "object_type", "object_id", "object_key", "object_name", "object_product",
	"ip", "ip_key", "request_id", "method", "path", "user_agent", "transaction_id",
	"on_behalf_of", "error", "comment", "salt", "fields", "search", "changes", "metadata",
}

// textColumns and longColumns are those of columnNames that hold text: before
// and behind the salt.
var (
	textColumns = columnNames[3:27]
	longColumns = columnNames[28:]
)

// readNames are the columns that an entry is read from, in the order of
// scanner. The last two are not read of a brief one.
var readNames = []string{
	"id", "form", "time", "tenant", "project",
	"actor_type", "actor_id", "actor_name", "actor_email",
	"action", "outcome", "object_type", "object_id", "object_name", "object_product",
	"ip", "request_id", "method", "path", "user_agent", "transaction_id",
	"on_behalf_of", "error", "comment", "changes", "metadata",
}

// briefNames are those of a list view.
var briefNames = readNames[:len(readNames)-2]

// readColumns are readNames of the table e.
var readColumns = "e." + strings.Join(readNames, ", e.")

// args appends the parameters of the row's columns, in the order of
// columnNames.
func (r *record) args(to []any, id, time any) []any {
	e := r.entry
	return append(to,
		id, formVersion, time, e.Tenant, e.Project,
		e.Actor.Type, e.Actor.ID, e.Actor.Name, e.Actor.Email, r.user,
		e.Action, r.outcome(), e.Object.Type, e.Object.ID, r.objectKey, e.Object.Name, e.Object.Product,
		e.Request.IP, r.ipKey, e.Request.ID, e.Request.Method, e.Request.Path, e.Request.UserAgent, e.TransactionID,
		r.behalf, e.Error, e.Comment, r.salt[:], r.fields, r.search, r.changes, r.metadata,
	)
}

// inserts caches the texts of multi-row INSERTs by their number of rows.
type inserts struct {
	head, tail string
	row        string // one row's placeholders, where they have no numbers
	mu         sync.RWMutex
	texts      map[int]string
}

func newInserts(head, tail string) *inserts {
	return &inserts{
		head: head, tail: tail, texts: map[int]string{},
		row: "(" + strings.TrimSuffix(strings.Repeat("?,", len(columnNames)), ",") + ")",
	}
}

func (c *inserts) text(rows int) string {
	c.mu.RLock()
	text := c.texts[rows]
	c.mu.RUnlock()
	if text != "" {
		return text
	}
	text = c.head + strings.TrimSuffix(strings.Repeat(c.row+",", rows), ",") + c.tail
	c.mu.Lock()
	c.texts[rows] = text
	c.mu.Unlock()
	return text
}
