package browser

import (
	"bytes"
	"encoding/csv"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/xuri/excelize/v2"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/access"
	"github.com/gormtrail/audit/storage/memstore"
	"github.com/gormtrail/audit/viewer"
)

// download is what a button of the page saves.
func download(t *testing.T, h http.Handler, query string) []byte {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/"+query, nil))
	require.Equal(t, http.StatusOK, w.Code, "%s", w.Body)
	return w.Body.Bytes()
}

// pdfText is what a PDF says.
func pdfText(t *testing.T, pdf []byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "file.pdf")
	require.NoError(t, os.WriteFile(file, pdf, 0o600))
	out, err := exec.CommandContext(t.Context(), "pdftotext", file, "-").Output()
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("pdftotext is needed: %v", err)
		}
		t.Skipf("pdftotext is needed: %v", err)
	}
	return string(out)
}

func workbook(t *testing.T, file []byte) (cells, formulas []string) {
	t.Helper()
	book, err := excelize.OpenReader(bytes.NewReader(file))
	require.NoError(t, err)
	defer func() { require.NoError(t, book.Close()) }()
	for _, sheet := range book.GetSheetList() {
		rows, err := book.GetRows(sheet)
		require.NoError(t, err)
		for y, row := range rows {
			for x, cell := range row {
				cells = append(cells, cell)
				at, err := excelize.CoordinatesToCellName(x+1, y+1)
				require.NoError(t, err)
				formula, err := book.GetCellFormula(sheet, at)
				require.NoError(t, err)
				if formula != "" {
					formulas = append(formulas, formula)
				}
			}
		}
	}
	return cells, formulas
}

func served(t *testing.T, opts *viewer.Options, entries ...audit.Entry) http.Handler {
	t.Helper()
	trail, err := audit.New(memstore.New(), nil)
	require.NoError(t, err)
	require.NoError(t, trail.Record(t.Context(), entries...))
	h, err := viewer.New(trail, opts)
	require.NoError(t, err)
	return h
}

// TestMaskedValuesAreInNoFile: also not in those that have to be unpacked.
func TestMaskedValuesAreInNoFile(t *testing.T) {
	e := one(1)
	e.Actor.Email, e.Request.IP, e.Object.Name, e.Comment = "canary@lumen.example", "203.0.113.77", "canary@lumen.example", "from 203.0.113.77"
	e.Changes = []audit.Change{{Field: "salary", Old: "CANARY-1", New: "CANARY-2"}, {Field: "email", Old: "canary@lumen.example", New: "x"}}
	h := served(t, &viewer.Options{Authorize: func(*http.Request) (access.Grant, error) {
		return access.Grant{Everything: true, Export: true, Hidden: []string{"salary"}}, nil
	}}, e)
	cells, _ := workbook(t, download(t, h, "?export=xlsx"))
	for format, text := range map[string]string{
		"csv": string(download(t, h, "?export=csv")), "jsonl": string(download(t, h, "?export=jsonl")),
		"xlsx": strings.Join(cells, "\n"), "pdf": pdfText(t, download(t, h, "?export=pdf")),
	} {
		require.Contains(t, text, "salary", format)
		for _, canary := range []string{"CANARY", "canary", "203.0.113.77"} {
			require.NotContains(t, text, canary, format)
		}
	}
	open := served(t, &viewer.Options{Authorize: access.InsecureForDevelopment}, e)
	require.Contains(t, pdfText(t, download(t, open, "?export=pdf")), "CANARY", "the test can see them")
}

// TestHostileEntriesInFiles: nothing is a formula, and nothing hides.
func TestHostileEntriesInFiles(t *testing.T) {
	var entries []audit.Entry
	attacks := []string{`=HYPERLINK("http://evil.example","x")`, "+1+cmd|' /C calc'!A0", "-2+3", "@SUM(1)", "\t=1+1", "a\r\n=1+1", "<script>alert(1)</script>", "a\u202egnp.exe"}
	for i, s := range attacks {
		e := one(i)
		e.Action, e.Object = "update", audit.Object{Type: s, ID: s, Name: s}
		e.Actor, e.Changes = audit.Actor{Type: "user", Name: s, ID: s}, []audit.Change{{Field: s, Old: s, New: s}}
		entries = append(entries, e)
	}
	h := served(t, &viewer.Options{Authorize: access.InsecureForDevelopment}, entries...)
	rows, err := csv.NewReader(bytes.NewReader(download(t, h, "?export=csv"))).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, len(attacks)+1)
	for _, row := range rows {
		for _, cell := range row {
			require.NotRegexp(t, `^[=+\-@\t\r\n]`, cell)
		}
	}
	_, formulas := workbook(t, download(t, h, "?export=xlsx"))
	require.Empty(t, formulas)
	text := pdfText(t, download(t, h, "?export=pdf"))
	require.Contains(t, text, "<script>alert(1)</script>")
	require.NotContains(t, text, "\u202e")
}

// TestEachFileHasTheRowsOfTheView: as many as the page counts, and no other.
func TestEachFileHasTheRowsOfTheView(t *testing.T) {
	h := served(t, &viewer.Options{Authorize: access.InsecureForDevelopment}, demo(300)...)
	page := string(download(t, h, "?action=login&outcome=failure&per=25"))
	require.Contains(t, page, "<b>33 entries</b>")
	rows, err := csv.NewReader(bytes.NewReader(download(t, h, "?action=login&outcome=failure&per=25&export=csv"))).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, 34)
	require.Equal(t, 33, bytes.Count(download(t, h, "?action=login&outcome=failure&per=25&export=jsonl"), []byte("\n")))
	cells, _ := workbook(t, download(t, h, "?action=login&outcome=failure&per=25&export=xlsx"))
	require.Equal(t, 33+1, strings.Count(strings.Join(cells, "\n"), "Login failed\n"), "the rows, and the summary of them")
	german := served(t, &viewer.Options{Authorize: access.InsecureForDevelopment, Languages: []viewer.Language{viewer.German()}}, demo(9)...)
	require.Contains(t, string(download(t, german, "?export=csv&lang=de")), "Objekttyp")
	require.Contains(t, pdfText(t, download(t, german, "?export=pdf&lang=de")), "Benutzer")
}
