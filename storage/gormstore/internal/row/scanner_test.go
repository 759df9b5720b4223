package row

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage"
	"github.com/gormtrail/audit/storage/gormstore/internal/schema"
)

// result is a database whose every query returns these rows.
type result struct {
	columns int
	rows    [][]driver.Value
}

func (r result) Connect(context.Context) (driver.Conn, error) { return r, nil }
func (r result) Driver() driver.Driver                        { return nil }
func (r result) Prepare(string) (driver.Stmt, error)          { return nil, driver.ErrSkip }
func (r result) Begin() (driver.Tx, error)                    { return nil, driver.ErrSkip }
func (r result) Close() error                                 { return nil }
func (r result) QueryContext(context.Context, string, []driver.NamedValue) (driver.Rows, error) {
	return &resultRows{r}, nil
}

type resultRows struct{ result }

func (r *resultRows) Columns() []string { return make([]string, r.columns) }

func (r *resultRows) Next(dest []driver.Value) error {
	if len(r.rows) == 0 {
		return io.EOF
	}
	copy(dest, r.rows[0])
	r.rows = r.rows[1:]
	return nil
}

// query returns the rows as database/sql hands them out.
func query(t *testing.T, list ...[]driver.Value) *sql.Rows {
	t.Helper()
	db := sql.OpenDB(result{len(list[0]), list})
	rows, err := db.Query("")
	require.NoError(t, err)
	t.Cleanup(func() { _, _ = rows.Close(), db.Close() })
	return rows
}

// stored is a row of schema.ReadNames as the database's driver returns it. change replaces
// values by column.
func stored(t *testing.T, f Format, e audit.Entry, change map[string]any) []driver.Value {
	t.Helper()
	r := newRows(t, e)[0]
	texts := r.Texts()
	var values []driver.Value
	for _, name := range schema.ReadNames {
		var v any
		switch name {
		case "id":
			v = r.ID[:]
			if f == Postgres {
				v = r.ID.String()
			}
		case "form":
			v = int64(FormVersion)
		case schema.TimeName:
			name = "time"
			v = r.Time
			if f == Postgres {
				v = time.UnixMicro(r.Time).In(time.FixedZone("", 3600))
			}
		default:
			v = texts.Text(name)
			if f == MySQL {
				v = []byte(v.(string)) // binary columns
			}
		}
		if other, ok := change[name]; ok {
			v = other
		}
		values = append(values, v)
	}
	return values
}

var formats = []Format{SQLite, MySQL, Postgres}

func full() audit.Entry {
	e := plain()
	e.Tenant, e.Project, e.Outcome, e.Error, e.Comment, e.TransactionID = "acme", "web", audit.Denied, "no", "why", "tx"
	e.Actor = audit.Actor{Type: "user", ID: "7", Name: "Ada", Email: "ada@example.com"}
	e.OnBehalfOf = &audit.Actor{Type: "user", ID: "8", Name: "Grace", Email: "grace@example.com"}
	e.Object = audit.Object{Type: "accounts", ID: "4711", Name: "Main", Product: "crm"}
	e.Request = audit.Request{IP: "10.0.0.1", UserAgent: "curl", ID: "r1", Method: "PUT", Path: "/a"}
	e.Changes = []audit.Change{{Field: "name", Op: audit.OpReplace, Old: "a", New: "b"}, {Field: "note", Op: audit.OpAdd, New: nil, Redacted: "masked"}}
	e.Metadata = map[string]any{"k": "v"}
	return e
}

func TestScannerReadsWhatNewEncodes(t *testing.T) {
	bare, oldest := plain(), plain()
	bare.Outcome = audit.Success
	oldest.Outcome, oldest.Time = audit.Success, time.Time{}
	for _, f := range formats {
		rows := query(t, stored(t, f, full(), nil), stored(t, f, bare, nil), stored(t, f, oldest, nil))
		sc := NewScanner(schema.ReadNames)
		for _, want := range []audit.Entry{full(), bare, oldest} {
			require.True(t, rows.Next())
			got, err := sc.Scan(rows)
			require.NoError(t, err)
			assert.Equal(t, want, got, f)
		}
	}
}

// Brief rows lack changes and metadata; more columns follow the names.
func TestScannerReadsBriefRowsAndMoreColumns(t *testing.T) {
	values := stored(t, SQLite, full(), nil)[:len(schema.BriefNames)]
	rows := query(t, append(values, int64(42)))
	var seq int64
	require.True(t, rows.Next())
	got, err := NewScanner(schema.BriefNames, &seq).Scan(rows)
	require.NoError(t, err)
	want := full()
	want.Changes, want.Metadata = nil, nil
	assert.Equal(t, want, got)
	assert.EqualValues(t, 42, seq)
}

func TestScannerNamesDamagedColumns(t *testing.T) {
	const unreadable = "cannot be read: "
	for name, c := range map[string]struct {
		column  string
		value   any
		damaged string
		want    func(*audit.Entry)
	}{
		"an ID of 3 bytes":          {"id", []byte{1, 2, 3}, unreadable + "id", func(e *audit.Entry) { e.ID = "" }},
		"an ID that is a number":    {"id", int64(7), unreadable + "id", func(e *audit.Entry) { e.ID = "" }},
		"an ID that is NULL":        {"id", nil, unreadable + "id", func(e *audit.Entry) { e.ID = "" }},
		"an ID of 0 bytes":          {"id", []byte{}, unreadable + "id", func(e *audit.Entry) { e.ID = "" }},
		"an empty ID":               {"id", "", unreadable + "id", func(e *audit.Entry) { e.ID = "" }},
		"an ID in braces":           {"id", "{" + someID + "}", unreadable + "id", func(e *audit.Entry) { e.ID = "" }},
		"an ID of 32 bytes":         {"id", []byte(strings.ReplaceAll(someID, "-", "")), unreadable + "id", func(e *audit.Entry) { e.ID = "" }},
		"a long ID":                 {"id", strings.Repeat("a", 4000), unreadable + "id", func(e *audit.Entry) { e.ID = "" }},
		"a time as text":            {"time", "yesterday", unreadable + "time", func(e *audit.Entry) { e.Time = time.Time{} }},
		"a time that is NULL":       {"time", nil, unreadable + "time", func(e *audit.Entry) { e.Time = time.Time{} }},
		"a time that is a float":    {"time", 1.5, unreadable + "time", func(e *audit.Entry) { e.Time = time.Time{} }},
		"a time before the year 1":  {"time", time.Date(0, 12, 31, 0, 0, 0, 0, time.UTC), unreadable + "time", func(e *audit.Entry) { e.Time = time.Time{} }},
		"a time after 9999":         {"time", time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro(), unreadable + "time", func(e *audit.Entry) { e.Time = time.Time{} }},
		"the least time":            {"time", int64(-1 << 63), unreadable + "time", func(e *audit.Entry) { e.Time = time.Time{} }},
		"a newer form":              {"form", int64(FormVersion + 1), "is stored in form 2, and this version reads 1 to 1", nil},
		"form 0":                    {"form", int64(0), "is stored in form 0, and this version reads 1 to 1", nil},
		"a form as text":            {"form", "one", "is stored in form 0, and this version reads 1 to 1; cannot be read: form", nil},
		"no action":                 {"action", "", unreadable + "action", func(e *audit.Entry) { e.Action = "" }},
		"no outcome":                {"outcome", "", unreadable + "outcome", func(e *audit.Entry) { e.Outcome = audit.Failure }},
		"another outcome":           {"outcome", "fine", unreadable + "outcome", func(e *audit.Entry) { e.Outcome = audit.Failure }},
		"a text that is NULL":       {"tenant", nil, unreadable + "tenant", func(e *audit.Entry) { e.Tenant = "" }},
		"a text that is a number":   {"tenant", int64(7), unreadable + "tenant", func(e *audit.Entry) { e.Tenant = "7" }},
		"a text of invalid UTF-8":   {"comment", "a\xffb", unreadable + "comment", func(e *audit.Entry) { e.Comment = storage.CleanText("a\xffb") }},
		"the same as bytes":         {"comment", []byte("a\xffb"), unreadable + "comment", func(e *audit.Entry) { e.Comment = storage.CleanText("a\xffb") }},
		"changes that aren't JSON":  {"changes", "[{", unreadable + "changes", func(e *audit.Entry) { e.Changes = nil }},
		"changes without a field":   {"changes", `[{"op":"add","new":1}]`, unreadable + "changes", func(e *audit.Entry) { e.Changes = decoded(`[{"op":"add","new":1}]`) }},
		"changes of another op":     {"changes", `[{"field":"a","op":"move"}]`, unreadable + "changes", func(e *audit.Entry) { e.Changes = decoded(`[{"field":"a","op":"move"}]`) }},
		"changes of invalid UTF-8":  {"changes", "[{\"field\":\"a\",\"op\":\"add\",\"new\":\"\xff\"}]", unreadable + "changes", func(e *audit.Entry) { e.Changes = decoded(`[{"field":"a","op":"add","new":"` + "\ufffd" + `"}]`) }},
		"metadata that is a list":   {"metadata", `[1]`, unreadable + "metadata", func(e *audit.Entry) { e.Metadata = nil }},
		"metadata of invalid UTF-8": {"metadata", "{\"k\":\"\xff\"}", unreadable + "metadata", func(e *audit.Entry) { e.Metadata = map[string]any{"k": "\ufffd"} }},
		"on behalf of a number":     {"on_behalf_of", `7`, unreadable + "on_behalf_of", func(e *audit.Entry) { e.OnBehalfOf = nil }},
	} {
		want := full()
		if c.want != nil {
			c.want(&want)
		}
		want.Damaged = c.damaged
		// Neither the damage nor the values of one row show in the next.
		rows := query(t, stored(t, SQLite, full(), nil), stored(t, SQLite, full(), map[string]any{c.column: c.value}), stored(t, SQLite, full(), nil))
		sc := NewScanner(schema.ReadNames)
		for i, want := range []audit.Entry{full(), want, full()} {
			require.True(t, rows.Next())
			got, err := sc.Scan(rows)
			require.NoError(t, err, name)
			assert.Equal(t, want, got, "%s: row %d", name, i)
		}
	}
}

func decoded(changes string) []audit.Change {
	list, _ := storage.DecodeChanges([]byte(changes))
	return list
}

func TestScannerNamesAllDamagedColumnsSorted(t *testing.T) {
	rows := query(t, stored(t, SQLite, full(), map[string]any{
		"tenant": nil, "form": int64(9), "id": nil, "changes": `[{"op":"x\ufffd"},{"op":"y"}]`, "outcome": "\xff",
	}))
	require.True(t, rows.Next())
	got, err := NewScanner(schema.ReadNames).Scan(rows)
	require.NoError(t, err)
	assert.Equal(t, "is stored in form 9, and this version reads 1 to 1; cannot be read: changes, id, outcome, tenant", got.Damaged)
}

func TestScannerReadsUUIDsInEveryForm(t *testing.T) {
	id := uuid.MustParse(someID)
	for _, v := range []any{id[:], someID, strings.ToUpper(someID), []byte(someID)} {
		rows := query(t, stored(t, SQLite, full(), map[string]any{"id": v}))
		require.True(t, rows.Next())
		got, err := NewScanner(schema.ReadNames).Scan(rows)
		require.NoError(t, err)
		assert.Equal(t, someID, got.ID)
		assert.Empty(t, got.Damaged)
	}
}

func TestScanReturnsTheErrorOfTooFewColumns(t *testing.T) {
	rows := query(t, stored(t, SQLite, full(), nil)[:5])
	require.True(t, rows.Next())
	_, err := NewScanner(schema.ReadNames).Scan(rows)
	assert.Error(t, err)
}

func TestTextColumnKeepsTheTextOfEqualRows(t *testing.T) {
	var c TextColumn
	for _, v := range []any{"a", []byte("a"), []byte("b"), "", nil, int64(7)} {
		require.NoError(t, c.Scan(v))
		want := map[string]string{"a": "a", "b": "b"}
		switch x := v.(type) {
		case string:
			assert.Equal(t, x, string(c))
		case []byte:
			assert.Equal(t, want[string(x)], string(c))
		case nil:
			assert.Empty(t, c)
		default:
			assert.EqualValues(t, "7", c)
		}
	}
	first := TextColumn(strings.Repeat("long", 100))
	allocs := testing.AllocsPerRun(10, func() { _ = first.Scan([]byte(first)) })
	assert.LessOrEqual(t, allocs, 2.0, "the bytes and their interface, no new text")
}

func TestTimeColumn(t *testing.T) {
	var c TimeColumn
	at := time.UnixMicro(1_700_000_000_000_001).UTC()
	for _, v := range []any{at.UnixMicro(), at.In(time.FixedZone("", 3600)), "1700000000000001", []byte("1700000000000001")} {
		require.NoError(t, c.Scan(v))
		assert.Equal(t, at, c.Time)
		assert.Nil(t, c.raw)
	}
	require.NoError(t, c.Scan("2026-01-01"))
	assert.True(t, c.Time.IsZero())
	assert.Equal(t, "2026-01-01", c.raw)
}

// A value of the driver's own memory is copied.
func TestRawColumnOutlivesTheRow(t *testing.T) {
	var c RawColumn
	memory := []byte("abc")
	require.NoError(t, c.Scan(memory))
	memory[0] = 'x'
	assert.Equal(t, []byte("abc"), c.value)
}

func TestRawColumnText(t *testing.T) {
	for _, c := range []struct {
		value any
		f     Format
		text  string
		ok    bool
	}{
		{"a", SQLite, "a", true}, {[]byte("a"), SQLite, "a", false}, {int64(7), SQLite, "7", false}, {nil, SQLite, "", false},
		{[]byte("a"), MySQL, "a", true}, {"a", Postgres, "a", true}, {[]byte("a"), Postgres, "a", true},
	} {
		text, ok := (&RawColumn{c.value}).Text(c.f)
		assert.Equal(t, c.text, text)
		assert.Equal(t, c.ok, ok, "%v on %s", c.value, c.f)
	}
}

func TestIsUUIDText(t *testing.T) {
	assert.True(t, isUUIDText(someID))
	for _, bad := range []string{"", strings.ToUpper(someID), someID + "0", strings.Replace(someID, "-", "0", 1), "g" + someID[1:]} {
		assert.False(t, isUUIDText(bad), bad)
	}
}

func TestNamesAreColumns(t *testing.T) {
	names := append(slices.Clone(schema.InsertNames), schema.TimeName)
	assert.Subset(t, names, schema.ReadNames)
	assert.Equal(t, []string{"changes", "metadata"}, schema.ReadNames[len(schema.BriefNames):])
}
