package export_test

import (
	"encoding/csv"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/export"
)

const readCSV = `
import csv, json, sys
csv.field_size_limit(1 << 30)
with open(sys.argv[1], newline="", encoding=sys.argv[3]) as f:
    json.dump(list(csv.reader(f, delimiter=sys.argv[2], strict=True)), sys.stdout)
`

// texts are the fields that are whatever somebody typed.
func texts(e audit.Entry) []string {
	return []string{e.Object.ID, e.Object.Name, e.Comment, e.Error, e.Actor.User(), e.Request.UserAgent, export.ChangesText(e.Changes)}
}

func textColumns(t testing.TB) []export.Column {
	columns, err := export.Columns("record", "name", "comment", "error", "user", "user_agent", "changes")
	require.NoError(t, err)
	return columns
}

func TestPythonReadsTheSameCSV(t *testing.T) {
	python := python(t, "python3", "csv", "json")
	trail := hostile(t)
	for name, c := range map[string]struct {
		format          export.CSVFormat
		comma, encoding string
	}{
		"comma":     {export.CSVFormat{RawFormulas: true}, ",", "utf-8"},
		"semicolon": {export.CSVFormat{RawFormulas: true, Comma: ';', BOM: true}, ";", "utf-8-sig"},
		"tab":       {export.CSVFormat{RawFormulas: true, Comma: '\t'}, "\t", "utf-8"},
	} {
		path := file(t, c.format, trail, &export.Options{Columns: textColumns(t)})
		var records [][]string
		require.NoError(t, json.Unmarshal(run(t, nil, python, "-c", readCSV, path, c.comma, c.encoding), &records))
		entries := all(t, trail)
		require.Len(t, records, len(entries)+1, name)
		for i, e := range entries {
			for k, want := range texts(e) {
				if e.Actor.User() == "" && k == 4 {
					want = e.Actor.ID
				}
				require.Equal(t, want, records[i+1][k], "%s, row %d, column %d", name, i+1, k)
			}
		}
	}
}

func TestEncodingCSVReadsTheSameCSV(t *testing.T) {
	trail := hostile(t)
	raw, err := os.ReadFile(file(t, export.CSVFormat{RawFormulas: true}, trail, &export.Options{Columns: textColumns(t)}))
	require.NoError(t, err)
	records, err := csv.NewReader(strings.NewReader(string(raw))).ReadAll()
	require.NoError(t, err)
	for i, e := range all(t, trail) {
		for k, want := range texts(e) {
			if k != 4 {
				assert.Equal(t, strings.ReplaceAll(want, "\r\n", "\n"), records[i+1][k]) // which is that reader's doing
			}
		}
	}
}

// No cell of a file with neutralized formulas begins with what OWASP lists.
func TestPythonSeesNoFormula(t *testing.T) {
	python := python(t, "python3", "csv", "json")
	path := file(t, export.CSV, hostile(t), &export.Options{Columns: export.AllColumns()})
	var records [][]string
	require.NoError(t, json.Unmarshal(run(t, nil, python, "-c", readCSV, path, ",", "utf-8"), &records))
	for _, record := range records {
		for _, cell := range record {
			if cell != "" && cell != "-5" && cell != "-12.50" {
				assert.NotContains(t, "=+-@\t\r\n＝＋－＠", string([]rune(cell)[:1]), "%.60q", cell)
			}
		}
	}
}
