package export_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/export"
)

// As on the page: the catalogue's labels, in the reader's language. What was
// filtered by says the recorded name too, which is what is compared.
func TestLabelsOfTheCatalogueAreTranslated(t *testing.T) {
	e := entries(1)[0]
	trail := newTrail(t, e)
	q := audit.Query{Filter: audit.Filter{Actions: []string{"update", "unheard_of"}, ObjectTypes: []string{"users"}}}
	opts := &export.Options{
		Catalogue: audit.NewCatalogue(nil, []audit.ObjectType{{Name: "users", Label: "User"}}),
		Labels:    map[string]string{"Updated": "Geändert", "User": "(not a type's)", "Action": "Aktion"},
		Now:       fixedNow,
		Columns:   formerColumns(t),
	}
	records := readCSV(t, write(t, export.CSV, trail, q, opts))
	assert.Equal(t, []string{"User", "1000", "Geändert"}, records[1][1:4])
	assert.Equal(t, "Aktion", records[0][3])

	f := openExcel(t, write(t, export.Excel, trail, q, opts))
	rows, err := f.GetRows("Filters Applied")
	assert.NoError(t, err)
	assert.Contains(t, rows, []string{"Aktion", "Geändert (update), Unheard of (unheard_of)"})
	assert.Contains(t, rows, []string{"Object type", "User (users)"})
	page := pdfPages(t, write(t, export.PDF, trail, q, opts))[0]
	assert.Contains(t, page, "Geändert (update)")
	assert.Contains(t, page, "User1000Geändert")

	opts.Catalogue = nil // then everything has its own name
	records = readCSV(t, write(t, export.CSV, trail, q, opts))
	assert.Equal(t, []string{"users", "1000", "update"}, records[1][1:4])
	f = openExcel(t, write(t, export.Excel, trail, q, opts))
	rows, err = f.GetRows("Filters Applied")
	assert.NoError(t, err)
	assert.Contains(t, rows, []string{"Aktion", "update, unheard_of"})
}

// No file says of what was denied or failed that it happened.
func TestOutcomesArePartOfLabels(t *testing.T) {
	denied, failed, own := entries(3)[0], entries(3)[1], entries(3)[2]
	denied.Action, denied.Outcome = audit.ActionDestroy, audit.Denied
	failed.Action, failed.Outcome = "login", audit.Failure
	own.Action, own.Outcome = "ISSUE_TOKEN", audit.Denied
	trail := newTrail(t, denied, failed, own)
	q := audit.Query{}
	opts := &export.Options{Catalogue: trail.Catalogue(), Labels: map[string]string{"%s denied": "%s verweigert", "Delete": "Löschen"}, Now: fixedNow, Columns: formerColumns(t)}
	want := []string{"Löschen verweigert", "Login failed", "Issue token verweigert"}

	records := readCSV(t, write(t, export.CSV, trail, q, opts))
	require.Len(t, records, 4)
	rows, err := openExcel(t, write(t, export.Excel, trail, q, opts)).GetRows("Entries")
	require.NoError(t, err)
	page := pdfPages(t, write(t, export.PDF, trail, q, opts))[0]
	for i, label := range want {
		assert.Equal(t, label, records[i+1][3])
		assert.Equal(t, label, rows[i+1][3])
		for _, word := range strings.Fields(label) { // a cell may break between them
			assert.Contains(t, page, word)
		}
	}

	opts.Catalogue = nil // names alone, for programs; the outcome has a column
	columns, err := export.Columns("action", "outcome")
	require.NoError(t, err)
	opts.Columns = columns
	records = readCSV(t, write(t, export.CSV, trail, q, opts))
	assert.Equal(t, []string{"destroy", "denied"}, records[1])
}
