package viewer_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/access"
	"github.com/gormtrail/audit/export"
	"github.com/gormtrail/audit/viewer"
)

// header is the first line of a CSV download.
func header(t *testing.T, h http.Handler, query string) string {
	t.Helper()
	line, _, _ := strings.Cut(body(t, h, query), "\r\n")
	return strings.TrimPrefix(line, "\ufeff")
}

func TestTheURLChoosesTheColumnsOfADownload(t *testing.T) {
	trail := newTrail(t, demo(3)...)
	h := newViewer(t, trail, nil)
	require.Equal(t, "ID,User,Outcome,On behalf of", header(t, h, "?export=csv&columns=record,user,outcome,on_behalf_of"))
	require.Equal(t, "Timestamp,Action,Outcome,ID", header(t, h, "?export=csv&columns=time&columns=action,record"), "no file without the outcome")
	require.Len(t, strings.Split(header(t, h, "?export=csv&columns=full"), ","), len(export.FullColumns()))
	require.Equal(t, http.StatusBadRequest, get(h, "?export=csv&columns=colour").Code)
	page := body(t, h, "?columns=time,record")
	require.Equal(t, "Outcome,Timestamp,ID", header(t, h, link(t, page, "export=csv")), "links of the page keep them")
}

func TestTheHostChoosesWhatDownloadsAreLike(t *testing.T) {
	trail := newTrail(t, demo(3)...)
	few, err := export.Columns("time", "action")
	require.NoError(t, err)
	few = append(few, export.Column{Name: "own", Header: "Own", Value: func(audit.Entry) any { return "x" }})
	h := newViewer(t, trail, &viewer.Options{Export: viewer.ExportOptions{
		Columns: few, MaxRows: 2, Formats: []export.Format{export.CSVFormat{Comma: ';'}, export.JSONLines},
	}})
	page := body(t, h, "")
	lacks(t, page, "export=pdf")
	file := body(t, h, link(t, page, "export=csv"))
	require.True(t, strings.HasPrefix(file, "Timestamp;Action;Own\r\n"), "%.80q", file)
	require.Contains(t, file, "# Cut off after 2 rows")
	require.Equal(t, "Own;Outcome", strings.ReplaceAll(header(t, h, "?export=csv&columns=own,outcome"), ",", ";"))
	require.Equal(t, http.StatusBadRequest, get(h, "?export=pdf").Code)

	_, err = viewer.New(trail, &viewer.Options{Authorize: access.InsecureForDevelopment, Export: viewer.ExportOptions{MaxRows: -1}})
	require.ErrorContains(t, err, "Export.MaxRows")
}

// TestDownloadsOfAMirroredLanguage: the arrow points as on the page.
func TestDownloadsOfAMirroredLanguage(t *testing.T) {
	h := newViewer(t, newTrail(t, entryWith(audit.Change{Field: "status", Old: "open", New: "paid"})), &viewer.Options{
		Languages: []viewer.Language{{Tag: "he", RightToLeft: true}}})
	require.Contains(t, get(h, "?export=csv&lang=he").Body.String(), "\u2068open\u2069 ← \u2068paid\u2069")
	require.Contains(t, get(h, "?export=csv").Body.String(), "status: open → paid")
}
