package export_test

import (
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit/export"
)

func cutInCell(s string) bool { return len(utf16.Encode([]rune(s))) > 32767 }

// readExcel prints every cell of a sheet with its type.
const readExcel = `
import json, sys, openpyxl
book = openpyxl.load_workbook(sys.argv[1])
out = {}
for sheet in book.worksheets:
    out[sheet.title] = [[[c.data_type, c.value.isoformat() if c.data_type == "d" else c.value] for c in row] for row in sheet.iter_rows()]
json.dump({"sheets": out, "freeze": book.worksheets[0].freeze_panes, "filter": book.worksheets[0].auto_filter.ref}, sys.stdout)
`

func TestOpenpyxlReadsTheSameWorkbook(t *testing.T) {
	python := python(t, "python3-openpyxl", "openpyxl", "json")
	trail := hostile(t)
	columns, err := export.Columns("time", "name", "comment", "changes")
	require.NoError(t, err)
	path := file(t, export.Excel, trail, &export.Options{Columns: columns})
	var book struct {
		Sheets map[string][][][2]any
		Freeze string
		Filter string
	}
	require.NoError(t, json.Unmarshal(run(t, nil, python, "-c", readExcel, path), &book))
	entries := all(t, trail)
	rows := book.Sheets["Entries"]
	require.Len(t, rows, len(entries)+1)
	assert.Equal(t, "A2", book.Freeze)
	assert.Contains(t, book.Filter, "A$1:$D$")
	for i, e := range entries {
		row := rows[i+1]
		if e.Time.Year() > 1900 && e.Time.Year() < 9999 {
			assert.Equal(t, "d", row[0][0])
			got, err := time.Parse("2006-01-02T15:04:05.999999", row[0][1].(string))
			require.NoError(t, err)
			assert.WithinDuration(t, e.Time.Truncate(time.Millisecond), got, time.Millisecond)
		}
		for k, want := range []string{e.Object.Name, e.Comment, export.ChangesText(e.Changes)} {
			got, _ := row[k+1][1].(string)
			if cutInCell(want) {
				assert.InDelta(t, 32767, len(utf16.Encode([]rune(got))), 1) // no surrogate pair is parted
				assert.Contains(t, got, " characters in all; CSV and JSON Lines have them whole]")
				continue
			}
			if strings.ContainsAny(want, "\x07\x1b\ufffe\r") || strings.Contains(want, "_x00") {
				continue // openpyxl turns CR into LF, and doesn't read _x005F_ in such cells; LibreOffice compares them
			}
			assert.NotEqual(t, "f", row[k+1][0], "no text is a formula")
			want = strings.ReplaceAll(want, "[masked]", "masked") // a sheet is for people
			assert.Equal(t, want, got)
		}
	}
	labels := map[string]bool{}
	for _, row := range book.Sheets["Filters Applied"] {
		labels[row[0][1].(string)] = true
	}
	for _, label := range []string{"Report", "Date range", "Filters", "Sorted by", "Time zone", "Exported at", "Rows", "Shortened cells"} {
		assert.True(t, labels[label], label)
	}
}

// convert lets LibreOffice write each sheet as CSV, cells as they are shown.
func convert(t testing.TB, path string) map[string][][]string {
	t.Helper()
	soffice := tool(t, "soffice", "libreoffice-calc-nogui")
	dir := t.TempDir()
	run(t, nil, soffice, "-env:UserInstallation=file://"+filepath.ToSlash(filepath.Join(dir, "profile")), "--headless", "--norestore",
		"--convert-to", "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,false,false,false,-1", "--outdir", dir, path)
	files, err := filepath.Glob(filepath.Join(dir, "*.csv"))
	require.NoError(t, err)
	sheets := map[string][][]string{}
	for _, name := range files {
		raw, err := os.ReadFile(name)
		require.NoError(t, err)
		r := csv.NewReader(strings.NewReader(string(raw)))
		r.FieldsPerRecord = -1
		records, err := r.ReadAll()
		require.NoError(t, err)
		sheet := strings.TrimSuffix(filepath.Base(name), ".csv")
		sheets[strings.TrimPrefix(sheet, "export-")] = records
	}
	return sheets
}

func TestLibreOfficeReadsTheSameWorkbook(t *testing.T) {
	trail := hostile(t)
	columns, err := export.Columns("time", "record", "name", "comment", "changes", "action")
	require.NoError(t, err)
	sheets := convert(t, file(t, export.Excel, trail, &export.Options{Columns: columns}))
	entries := all(t, trail)
	rows := sheets["Entries"]
	require.Len(t, rows, len(entries)+1)
	assert.Equal(t, []string{"Timestamp (UTC)", "ID", "Object name", "Comment", "Changes", "Action"}, rows[0])
	codes := strings.NewReplacer("\x07", `\x07`, "\x1b", `\x1b`, "\ufffe", `\ufffe`, "\r\n", "\n", "\r", "\n")
	for i, e := range entries {
		if e.Time.Year() > 1900 {
			assert.Equal(t, e.Time.Truncate(time.Millisecond).Format("2006-01-02 15:04:05.000"), rows[i+1][0])
		}
		for k, want := range []string{e.Object.ID, e.Object.Name, e.Comment, export.ChangesText(e.Changes), e.Action} {
			got := rows[i+1][k+1]
			if cutInCell(want) {
				assert.Contains(t, got, "[cut: ")
				continue
			}
			want = strings.ReplaceAll(want, "[masked]", "masked") // a sheet is for people
			assert.Equal(t, codes.Replace(want), codes.Replace(got), "row %d, column %d", i+2, k+2)
		}
	}
	require.Contains(t, sheets, "Filters Applied")
	assert.Equal(t, []string{"Report", "Audit log"}, sheets["Filters Applied"][0])
}

func TestLibreOfficeReadsFurtherSheets(t *testing.T) {
	trail := hostile(t)
	columns, err := export.Columns("entry")
	require.NoError(t, err)
	sheets := convert(t, file(t, export.ExcelFormat{SheetRows: 11}, trail, &export.Options{Columns: columns}))
	var got, want []string
	for _, name := range []string{"Entries", "Entries 2", "Entries 3", "Entries 4", "Entries 5", "Entries 6"} {
		for i, row := range sheets[name] {
			if i > 0 {
				got = append(got, row[0])
			}
		}
	}
	for _, e := range all(t, trail) {
		want = append(want, e.ID)
	}
	assert.Equal(t, want, got)
}
