package row

import (
	"slices"

	"github.com/gormtrail/audit/storage/gormstore/internal/schema"
)

// SharedCount is the number of texts that entries of one call mostly share, and
// TextCount the number of all texts of a row.
const SharedCount, TextCount = 19, 19 + 10

// MaskedNames are the columns that masking an entry may change.
var MaskedNames = []string{"object_id", "object_key", "object_name", "error", "search", "changes", "metadata"}

// Texts are the texts of a row, in the order of schema.InsertNames, where they begin at index 1.
type Texts [TextCount]string

// Texts returns the row's texts.
func (r *Row) Texts() Texts {
	e := r.Entry
	return Texts{
		e.Tenant, e.Project, e.Actor.Type, e.Actor.ID, e.Actor.Name, e.Actor.Email, r.user, r.outcome(),
		e.Request.IP, r.ipKey, e.Request.ID, e.Request.Method, e.Request.Path, e.Request.UserAgent, e.TransactionID, r.behalf, e.OnBehalfOfUser(), e.Error, e.Comment,
		e.Action, e.Object.Type, e.Object.ID, r.objectKey, e.Object.Name, e.Object.Product, r.fields, r.search, r.changes, r.metadata,
	}
}

// Text returns the text of a column. It panics for a column that holds no text.
func (t *Texts) Text(column string) string { return t[slices.Index(schema.InsertNames, column)-1] }

// Batch is the rows of one INSERT.
type Batch struct {
	Rows  []Row
	Texts []Texts // of each row
	Alike bool    // all rows have the same first SharedCount texts
}

// NewBatch returns the batch of rows, of which there is at least one.
func NewBatch(rows []Row) Batch {
	b := Batch{Rows: rows, Texts: make([]Texts, len(rows)), Alike: true}
	for i := range rows {
		b.Texts[i] = rows[i].Texts()
		b.Alike = b.Alike && slices.Equal(b.Texts[i][:SharedCount], b.Texts[0][:SharedCount])
	}
	return b
}

// Empty reports whether no row has a text in that column of Texts.
func (b *Batch) Empty(column int) bool {
	return !slices.ContainsFunc(b.Texts, func(t Texts) bool { return t[column] != "" })
}
