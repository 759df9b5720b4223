package export

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/xuri/excelize/v2"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/memstore"
)

// A sheet that grows too large for a plain ZIP file goes on to the next one,
// however few rows it has.
func TestExcelSheetsStaySmallEnoughForZIP(t *testing.T) {
	trail, err := audit.New(memstore.New(), nil)
	require.NoError(t, err)
	for range 10 {
		require.NoError(t, trail.Record(context.Background(), audit.Entry{Action: "a", Comment: strings.Repeat("<", 1000)}))
	}
	columns, err := Columns("comment")
	require.NoError(t, err)
	var buf bytes.Buffer
	require.NoError(t, Write(context.Background(), &buf, ExcelFormat{sheetBytes: 20_000}, trail, audit.Query{}, &Options{Columns: columns}))
	f, err := excelize.OpenReader(&buf)
	require.NoError(t, err)
	defer f.Close()
	rows := 0
	for _, sheet := range f.GetSheetList() {
		if strings.HasPrefix(sheet, "Entries") {
			list, err := f.GetRows(sheet)
			require.NoError(t, err)
			assert.LessOrEqual(t, len(list), 5)
			rows += len(list) - 1
		}
	}
	assert.Equal(t, 10, rows)
}
