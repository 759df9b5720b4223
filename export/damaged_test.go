package export_test

import (
	"bytes"
	"context"
	"iter"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/export"
)

// damagedReader yields an entry that is damaged, beside one that isn't.
type damagedReader struct{ audit.Reader }

func (damagedReader) All(context.Context, audit.Query) iter.Seq2[audit.Entry, error] {
	return func(yield func(audit.Entry, error) bool) {
		_ = yield(audit.Entry{ID: "01900000-0000-7000-9000-000000000001", Action: "update", Outcome: audit.Success, Damaged: "cannot be read: changes, time"}, nil) &&
			yield(audit.Entry{ID: "01900000-0000-7000-9000-000000000002", Action: "update", Outcome: audit.Success, Time: noon}, nil)
	}
}

func TestFilesShowDamagedEntries(t *testing.T) {
	for _, c := range []struct {
		format export.Format
		wants  []string
	}{
		{export.CSV, []string{"[damaged entry]: (none) → cannot be read: changes, time"}},
		{export.JSONLines, []string{`"damaged":"cannot be read: changes, time"`, `"time":"0001-01-01T00:00:00.000000Z"`}},
		{export.Excel, nil}, {export.PDF, nil},
	} {
		var b bytes.Buffer
		require.NoError(t, export.Write(t.Context(), &b, c.format, damagedReader{}, audit.Query{}, nil))
		for _, want := range c.wants {
			assert.Contains(t, b.String(), want)
		}
		assert.NotEmpty(t, b.Bytes())
	}
}
