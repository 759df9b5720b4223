package row

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/gormstore/internal/schema"
)

func TestInsertNames(t *testing.T) {
	assert.Len(t, schema.SharedNames, SharedCount)
	assert.Len(t, schema.OwnNames, TextCount-SharedCount)
	assert.Len(t, schema.InsertNames, 1+TextCount+3)
	assert.Subset(t, schema.InsertNames, MaskedNames)
}

// Each column holds the text of its name.
func TestTextsHaveTheOrderOfInsertNames(t *testing.T) {
	e := plain()
	e.Tenant, e.Project, e.Outcome, e.Error, e.Comment, e.Action, e.TransactionID = "tenant", "project", "failure", "error", "comment", "action", "transaction_id"
	e.Actor = audit.Actor{Type: "actor_type", ID: "actor_id", Name: "actor_name", Email: "actor_email"}
	e.Object = audit.Object{Type: "object_type", ID: "object_id", Name: "object_name", Product: "object_product"}
	e.Request = audit.Request{IP: "ip", ID: "request_id", Method: "method", Path: "path", UserAgent: "user_agent"}
	r := newRows(t, e)[0]
	r.user, r.objectKey, r.ipKey, r.behalf, r.fields, r.search, r.changes, r.metadata =
		"actor_user", "object_key", "ip_key", "on_behalf_of", "fields", "search", "changes", "metadata"
	e.OnBehalfOf = &audit.Actor{ID: "behalf_user"}
	r.Entry = &e
	texts := r.Texts()
	for i, name := range schema.InsertNames[1 : 1+TextCount] {
		want := name
		if name == "outcome" {
			want = "failure"
		}
		assert.Equal(t, want, texts[i])
		assert.Equal(t, want, texts.Text(name))
	}
	for _, none := range []string{"form", "id", "time", "salt", "unknown"} {
		assert.Panics(t, func() { texts.Text(none) }, none)
	}
}

func TestBatchIsAlikeInSharedTexts(t *testing.T) {
	entries := func(n int, change func(i int, e *audit.Entry)) Batch {
		list := make([]audit.Entry, n)
		for i := range list {
			list[i] = plain()
			change(i, &list[i])
		}
		return NewBatch(newRows(t, list...))
	}
	own := entries(3, func(i int, e *audit.Entry) { e.Action, e.Object.ID, e.Tenant = fmt.Sprint(i), fmt.Sprint(i), "t" })
	assert.True(t, own.Alike)
	last := entries(3, func(i int, e *audit.Entry) {
		if i == 2 {
			e.Comment = "why" // the last of schema.SharedNames
		}
	})
	assert.False(t, last.Alike)
	assert.False(t, last.Empty(SharedCount-1), "one row has a text in it")
	assert.True(t, last.Empty(0))
}
