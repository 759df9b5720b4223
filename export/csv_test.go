package export_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/export"
	"github.com/gormtrail/audit/storage"
)

func write(t testing.TB, f export.Format, from audit.Reader, q audit.Query, opts *export.Options) string {
	t.Helper()
	var buf bytes.Buffer
	require.NoError(t, export.Write(context.Background(), &buf, f, from, q, opts))
	return buf.String()
}

func readCSV(t testing.TB, s string) [][]string {
	t.Helper()
	records, err := csv.NewReader(strings.NewReader(s)).ReadAll()
	require.NoError(t, err)
	return records
}

func TestCSVHasTheDefaultColumnsAndTheQuerysOrder(t *testing.T) {
	trail := newTrail(t, entries(3)...)
	got := write(t, export.CSV, trail, audit.Query{}, nil)
	assert.Equal(t, "Timestamp,Outcome,Action,Object type,Object name,ID,Changes,User,On behalf of,IP address,Comment\r\n"+
		"2026-01-15T12:00:00.123456Z,success,update,users,Office VPN,1000,role: viewer → admin,John Doe (john.doe@example.com),,192.0.2.7,\r\n"+
		"2026-01-15T11:59:00.123456Z,success,update,users,Office VPN,1001,role: viewer → admin,John Doe (john.doe@example.com),,192.0.2.7,\r\n"+
		"2026-01-15T11:58:00.123456Z,success,update,users,Office VPN,1002,role: viewer → admin,John Doe (john.doe@example.com),,192.0.2.7,\r\n", got)

	got = write(t, export.CSV, trail, audit.Query{Sort: "record", Filter: audit.Filter{ObjectIDs: []string{"1002", "1001"}}}, nil)
	records := readCSV(t, got)
	require.Len(t, records, 3)
	assert.Equal(t, "1001", records[1][5])
	assert.Equal(t, "1002", records[2][5])
}

// A product's own file, line by line: columns, order, no header, times without
// a fraction, the action in capitals.
func TestCSVLayoutOfAHost(t *testing.T) {
	at := time.Date(2016, 6, 9, 13, 59, 24, 0, time.UTC)
	trail := newTrail(t,
		audit.Entry{Time: at, Action: "ISSUE_TOKEN", Actor: audit.Actor{Name: "Admin"}, Metadata: map[string]any{"user": "john.doe"}, Object: audit.Object{Name: "Office VPN"}},
		audit.Entry{Time: at.Add(time.Hour), Action: "LOG_IN", Actor: audit.Actor{Name: "Admin", Email: "admin@example.com"}, Metadata: map[string]any{"admin": "admin@example.com", "domain": "a, b"}},
	)
	meta := func(key string) func(audit.Entry) any {
		return func(e audit.Entry) any { return e.Metadata[key] }
	}
	got := write(t, export.CSVFormat{NoHeader: true}, trail, audit.Query{Sort: "time"}, &export.Options{
		TimeLayout: time.RFC3339,
		Columns: []export.Column{
			{Header: "when", Value: func(e audit.Entry) any { return e.Time }},
			{Header: "what", Value: func(e audit.Entry) any { return e.Action }},
			{Header: "admin", Value: meta("admin")},
			{Header: "domain", Value: meta("domain")},
			{Header: "user", Value: meta("user")},
			{Header: "object", Value: func(e audit.Entry) any { return e.Object.Name }},
		},
	})
	assert.Equal(t, "2016-06-09T13:59:24Z,ISSUE_TOKEN,,,john.doe,Office VPN\r\n"+
		"2016-06-09T14:59:24Z,LOG_IN,admin@example.com,\"a, b\",,\r\n", got)
}

func TestCSVOptions(t *testing.T) {
	trail := newTrail(t, entries(1)...)
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	columns, err := export.Columns("time", "action", "record")
	require.NoError(t, err)
	got := write(t, export.CSVFormat{BOM: true, Comma: ';'}, trail, audit.Query{}, &export.Options{
		Columns: columns, Location: berlin, Catalogue: audit.NewCatalogue(nil, nil),
		Labels: map[string]string{"Timestamp": "Zeitpunkt", "Action": "Aktion; Art"},
	})
	assert.Equal(t, "\ufeffZeitpunkt;\"Aktion; Art\";ID\r\n2026-01-15T13:00:00.123456+01:00;Updated;1000\r\n", got)

	for _, comma := range []rune{'"', '\r', '\n', 0xFFFD, -1, 0xD800} {
		err := export.Write(context.Background(), &bytes.Buffer{}, export.CSVFormat{Comma: comma}, trail, audit.Query{}, nil)
		assert.ErrorContains(t, err, "can't part the fields", "%q", comma)
	}
}

// With formulas raw, encoding/csv reads back what was on the trail; it turns
// CR LF inside a cell into LF, which is its own doing.
func TestCSVKeepsHostileTexts(t *testing.T) {
	trail := newTrail(t, hostileEntries()...)
	column := []export.Column{{Header: "n", Value: func(e audit.Entry) any { return e.Object.Name }}}
	for name, f := range map[string]export.CSVFormat{"comma": {RawFormulas: true}, "semicolon": {RawFormulas: true, Comma: ';'}} {
		r := csv.NewReader(strings.NewReader(write(t, f, trail, audit.Query{}, &export.Options{Columns: column})))
		if f.Comma != 0 {
			r.Comma = f.Comma
		}
		records, err := r.ReadAll()
		require.NoError(t, err, name)
		require.Len(t, records, len(hostileTexts())+1, name)
		for i, s := range hostileTexts() {
			want := strings.ReplaceAll(strings.ReplaceAll(s, "\x00", `\x00`), "\r\n", "\n")
			assert.Equal(t, want, records[i+1][0], name)
		}
	}
}

func TestCSVNeutralizesFormulas(t *testing.T) {
	trail := newTrail(t, hostileEntries()...)
	columns, err := export.Columns("name", "changes", "metadata", "comment", "user", "record", "user_agent", "error")
	require.NoError(t, err)
	for _, record := range readCSV(t, write(t, export.CSV, trail, audit.Query{}, &export.Options{Columns: columns})) {
		for _, cell := range record {
			if cell == "" || cell == "-5" || cell == "-12.50" {
				continue
			}
			assert.NotContains(t, []rune("=+-@\t\r\n＝＋－＠"), []rune(cell)[0], "%.60q", cell)
		}
	}
	number := []export.Column{
		{Header: "n", Value: func(audit.Entry) any { return -5 }},
		{Header: "t", Value: func(audit.Entry) any { return "-1.2.3" }},
		{Header: "a", Value: func(audit.Entry) any { return export.Action("=A1") }},
	}
	got := write(t, export.CSV, newTrail(t, entries(1)...), audit.Query{}, &export.Options{Columns: number})
	assert.Equal(t, "n,t,a\r\n-5,'-1.2.3,'=A1\r\n", got)
}

func TestCSVOfOneEmptyCellIsNoBlankLine(t *testing.T) {
	column := []export.Column{{Header: "c", Value: func(audit.Entry) any { return "" }}}
	got := write(t, export.CSV, newTrail(t, entries(1)...), audit.Query{}, &export.Options{Columns: column})
	assert.Equal(t, "c\r\n\"\"\r\n", got)
}

func TestCSVOfNothingIsItsHeader(t *testing.T) {
	got := write(t, export.CSV, newTrail(t), audit.Query{}, nil)
	assert.Equal(t, "Timestamp,Outcome,Action,Object type,Object name,ID,Changes,User,On behalf of,IP address,Comment\r\n", got)
	assert.Empty(t, write(t, export.CSVFormat{NoHeader: true}, newTrail(t), audit.Query{}, nil))
}

// Whatever a cell holds, a strict reader gets it back, and as many cells.
func TestCSVOfAnyTextIsReadBack(t *testing.T) {
	trail := newTrail(t, entries(1)...)
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.StringOf(rapid.SampledFrom([]rune(",;\"\n\r\t =+-@'\\.a\ufeff\x00"))))
		cells := rapid.SliceOfN(text, 1, 4).Draw(t, "cells")
		comma := rapid.SampledFrom([]rune{',', ';', '\t', '|', '→'}).Draw(t, "comma")
		columns := make([]export.Column, len(cells))
		for i := range cells {
			columns[i] = export.Column{Header: "h", Value: func(audit.Entry) any { return cells[i] }}
		}
		var buf bytes.Buffer
		err := export.Write(context.Background(), &buf, export.CSVFormat{Comma: comma, RawFormulas: true}, trail, audit.Query{}, &export.Options{Columns: columns})
		if err != nil {
			t.Fatal(err)
		}
		r := csv.NewReader(&buf)
		r.Comma = comma
		records, err := r.ReadAll()
		if err != nil || len(records) != 2 {
			t.Fatalf("%q: %v", records, err)
		}
		for i, cell := range cells {
			if want := strings.ReplaceAll(storage.CleanText(cell), "\r\n", "\n"); records[1][i] != want {
				t.Fatalf("%q was read as %q", want, records[1][i])
			}
		}
	})
}

func TestCSVEndsRecordsWithALineFeedAloneWhereItIsAskedTo(t *testing.T) {
	e := entries(1)[0]
	e.Object.ID = "two\r\nlines" // stays as it is under either
	trail := newTrail(t, e)
	columns, err := export.Columns("record", "action")
	require.NoError(t, err)
	opts := &export.Options{Columns: columns, MaxRows: 1}
	assert.Equal(t, "ID,Action\r\n\"two\r\nlines\",update\r\n", write(t, export.CSV, trail, audit.Query{}, opts))
	assert.Equal(t, "ID,Action\n\"two\r\nlines\",update\n", write(t, export.CSVFormat{LF: true}, trail, audit.Query{}, opts))
}
