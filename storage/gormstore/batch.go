package gormstore

import (
	"slices"
	"strings"
)

// An INSERT names the columns in an order of its own: the form, the texts that
// the entries of one call mostly have in common (one request made them, in one
// transaction), the texts of each entry, and what is no text.
var (
	sharedNames = []string{
		"tenant", "project", "actor_type", "actor_id", "actor_name", "actor_email", "actor_user", "outcome",
		"ip", "ip_key", "request_id", "method", "path", "user_agent", "transaction_id", "on_behalf_of", "behalf_user", "error", "comment",
	}
	ownNames = []string{
		"action", "object_type", "object_id", "object_key", "object_name", "object_product", "fields", "search", "changes", "metadata",
	}
	insertNames = slices.Concat([]string{"form"}, sharedNames, ownNames, []string{"id", "time", "salt"})
)

const sharedCount, textCount = 19, 19 + 10

// rowTexts are a row's texts: sharedNames, then ownNames.
type rowTexts [textCount]string

func (r *record) texts() rowTexts {
	e := r.entry
	return rowTexts{
		e.Tenant, e.Project, e.Actor.Type, e.Actor.ID, e.Actor.Name, e.Actor.Email, r.user, r.outcome(),
		e.Request.IP, r.ipKey, e.Request.ID, e.Request.Method, e.Request.Path, e.Request.UserAgent, e.TransactionID, r.behalf, e.OnBehalfOfUser(), e.Error, e.Comment,
		e.Action, e.Object.Type, e.Object.ID, r.objectKey, e.Object.Name, e.Object.Product, r.fields, r.search, r.changes, r.metadata,
	}
}

// batch is the rows of one INSERT.
type batch struct {
	rows  []record
	texts []rowTexts
	alike bool // the rows have the texts of sharedNames in common
}

func newBatch(rows []record) batch {
	b := batch{rows: rows, texts: make([]rowTexts, len(rows)), alike: true}
	for i := range rows {
		b.texts[i] = rows[i].texts()
		b.alike = b.alike && slices.Equal(b.texts[i][:sharedCount], b.texts[0][:sharedCount])
	}
	return b
}

// empty reports whether no row has a text in that column.
func (b *batch) empty(column int) bool {
	return !slices.ContainsFunc(b.texts, func(t rowTexts) bool { return t[column] != "" })
}

// values is an INSERT of VALUES between head and tail. Fewer parameters are less
// to parse and to bind: a column that is empty in all rows has none, and with
// numbered ones (?1) what the rows have in common is sent once.
func (b *batch) values(head, tail string, numbered bool) (string, []any) {
	numbered = numbered && b.alike && len(b.rows) > 1
	args := make([]any, 0, len(b.rows)*len(insertNames))
	row := make([]byte, 0, 128)
	row = append(append(row, '('), itoa(formVersion)...)
	var own []int // the columns of which each row has a parameter
	for i := range textCount {
		switch {
		case b.empty(i):
			row = append(row, ",''"...)
		case numbered && i < sharedCount:
			args = append(args, b.texts[0][i])
			row = append(append(row, ",?"...), itoa(len(args))...)
		default:
			own = append(own, i)
			row = append(row, ",?"...)
		}
	}
	row = append(row, ",?,?,?),"...)
	for i := range b.rows {
		for _, column := range own {
			args = append(args, b.texts[i][column])
		}
		r := &b.rows[i]
		args = append(args, r.id[:], r.time, r.salt[:])
	}
	return head + strings.TrimSuffix(strings.Repeat(string(row), len(b.rows)), ",") + tail, args
}
