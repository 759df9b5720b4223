package export_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/export"
)

func readLines(file string) (list []audit.Entry, err error) {
	for e, err := range export.ReadJSONLines(strings.NewReader(file)) {
		if err != nil {
			return list, err
		}
		list = append(list, e)
	}
	return list, nil
}

func stored(t testing.TB, from audit.Reader) (list []audit.Entry) {
	for e, err := range from.All(context.Background(), audit.Query{}) {
		require.NoError(t, err)
		list = append(list, e)
	}
	return list
}

func TestJSONLinesReadBackIntoEqualEntries(t *testing.T) {
	trail := newTrail(t, append(hostileEntries(), goldenEntries()...)...)
	list, err := readLines(write(t, export.JSONLines, trail, audit.Query{}, nil))
	require.NoError(t, err)
	assert.Equal(t, stored(t, trail), list)
}

func TestJSONLinesSayThatTheyAreNotWhole(t *testing.T) {
	trail := newTrail(t, entries(5)...)
	cut := write(t, export.JSONLines, trail, audit.Query{}, &export.Options{MaxRows: 3})
	assert.True(t, strings.HasSuffix(cut, `{"notice":"truncated","rows":3,"text":"Cut off after 3 rows: more entries match."}`+"\n"))
	list, err := readLines(cut)
	assert.Len(t, list, 3)
	assert.ErrorIs(t, err, export.ErrTruncated)
	var partial *export.PartialError
	require.ErrorAs(t, err, &partial)
	assert.Equal(t, 3, partial.Rows)

	var buf bytes.Buffer
	require.Error(t, export.Write(context.Background(), &buf, export.JSONLines, brokenReader{trail, 2}, audit.Query{}, nil))
	list, err = readLines(buf.String())
	assert.Len(t, list, 2)
	assert.ErrorIs(t, err, export.ErrFailed)

	whole := write(t, export.JSONLines, trail, audit.Query{}, nil)
	list, err = readLines(whole[:len(whole)-5])
	assert.Len(t, list, 4)
	assert.ErrorIs(t, err, io.ErrUnexpectedEOF)
	for _, bad := range []string{"\n", "null\n", "[]\n", "{}\n", `{"v":2}` + "\n", `{"notice":` + "\n"} {
		_, err = readLines(whole + bad)
		assert.ErrorContains(t, err, "line 6", bad)
	}
}

// Every name that the form has is described, so that the schema can't fall
// behind it; integration tests validate whole files.
func TestSchemaDescribesEveryProperty(t *testing.T) {
	raw, err := os.ReadFile("entry.schema.json")
	require.NoError(t, err)
	type object struct {
		Properties map[string]any `json:"properties"`
	}
	var schema struct {
		Defs map[string]object `json:"$defs"`
	}
	require.NoError(t, json.Unmarshal(raw, &schema))
	check := func(def string, v any) {
		for name := range v.(map[string]any) {
			assert.Contains(t, schema.Defs[def].Properties, name, def)
		}
	}
	for _, line := range strings.Split(strings.TrimSpace(write(t, export.JSONLines, newTrail(t, goldenEntries()...), audit.Query{}, nil)), "\n") {
		var e map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &e))
		check("entry", e)
		for name, def := range map[string]string{"actor": "actor", "on_behalf_of": "actor", "object": "object", "request": "request"} {
			if e[name] != nil {
				check(def, e[name])
			}
		}
		changes, _ := e["changes"].([]any)
		for _, c := range changes {
			check("change", c)
		}
	}
}
