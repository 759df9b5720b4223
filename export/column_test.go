package export_test

import (
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/access"
	"github.com/gormtrail/audit/export"
)

// leaf is a field of an entry that holds no further fields.
type leaf struct {
	path string
	set  func(*audit.Entry) (text string) // and what a column must show then
}

// leavesOf lists the fields of an entry, those of its structs included.
func leavesOf(t *testing.T, typ reflect.Type, path string, at func(*audit.Entry) reflect.Value) []leaf {
	var list []leaf
	for i := range typ.NumField() {
		f := typ.Field(i)
		if !f.IsExported() {
			continue
		}
		name, field := path+f.Name, func(e *audit.Entry) reflect.Value { return at(e).Field(i) }
		switch f.Type {
		case reflect.TypeFor[time.Time]():
			list = append(list, leaf{name, func(e *audit.Entry) string {
				field(e).Set(reflect.ValueOf(noon))
				return "2026-01-15T12:00:00.123456Z"
			}})
			continue
		case reflect.TypeFor[[]audit.Change]():
			list = append(list, leaf{name, func(e *audit.Entry) string {
				field(e).Set(reflect.ValueOf([]audit.Change{{Field: "a", Op: audit.OpReplace, Old: "b", New: "c"}}))
				return "a: b → c"
			}})
			continue
		case reflect.TypeFor[map[string]any]():
			list = append(list, leaf{name, func(e *audit.Entry) string {
				field(e).Set(reflect.ValueOf(map[string]any{"k": "v"}))
				return `{"k":"v"}`
			}})
			continue
		}
		switch f.Type.Kind() {
		case reflect.String:
			list = append(list, leaf{name, func(e *audit.Entry) string {
				field(e).SetString("text of " + name)
				return "text of " + name
			}})
		case reflect.Struct:
			list = append(list, leavesOf(t, f.Type, name+".", field)...)
		case reflect.Pointer:
			list = append(list, leavesOf(t, f.Type.Elem(), name+".", func(e *audit.Entry) reflect.Value {
				if p := field(e); p.IsNil() {
					p.Set(reflect.New(f.Type.Elem()))
				}
				return field(e).Elem()
			})...)
		default:
			t.Errorf("%s is a %s, which this test doesn't know: teach it, and give it a column", name, f.Type)
		}
	}
	return list
}

// Every field of an entry has a column of its own in full details: whoever adds a
// field can't forget it.
func TestEveryFieldHasAColumn(t *testing.T) {
	list := leavesOf(t, reflect.TypeFor[audit.Entry](), "", func(e *audit.Entry) reflect.Value { return reflect.ValueOf(e).Elem() })
	require.Greater(t, len(list), 25)
	var table *export.Table
	write(t, catcher{catch: func(got *export.Table) { table = got }}, newTrail(t), audit.Query{}, &export.Options{Columns: export.FullColumns()})
	for _, l := range list {
		var e audit.Entry
		want, found := l.set(&e), false
		for _, c := range table.Columns {
			found = found || table.Text(c.Value(e)) == want
		}
		assert.True(t, found, "%s has no column that shows %q", l.path, want)
	}
}

func TestFullDetailsAreReadable(t *testing.T) {
	headers := map[string]bool{}
	for _, c := range export.FullColumns() {
		assert.False(t, headers[c.Header], "two columns are called %q", c.Header)
		headers[c.Header] = true
	}
	columns, err := export.Columns("request_json", "metadata")
	require.NoError(t, err)
	e := audit.Entry{
		Request:  audit.Request{IP: "192.0.2.7", UserAgent: "curl", ID: "r-1", Method: "GET", Path: "/a"},
		Metadata: map[string]any{"b": []any{int64(1)}, "a": "<>"},
	}
	records := readCSV(t, write(t, export.CSV, single(e), audit.Query{}, &export.Options{Columns: columns}))
	assert.JSONEq(t, `{"ip":"192.0.2.7","user_agent":"curl","id":"r-1","method":"GET","path":"/a"}`, records[1][0])
	assert.JSONEq(t, `{"a":"<>","b":[1]}`, records[1][1])
}

// single is a reader of this entry as it is.
func single(e audit.Entry) audit.Reader { return endless{entry: e, limit: 1} }

func TestWhoIsNameAndEmail(t *testing.T) {
	for want, a := range map[string]audit.Actor{
		"Ada (ada@acme.example)": {Name: "Ada", Email: "ada@acme.example", ID: "7"},
		"ada@acme.example":       {Email: "ada@acme.example", ID: "7"},
		"Ada":                    {Name: "Ada", ID: "7"},
		"Bob":                    {Name: "Bob", Email: audit.Mask},
		"bob@acme.example":       {Name: "bob@acme.example", Email: "bob@acme.example"},
		audit.Mask:               {Email: audit.Mask, ID: "7"},
		"7":                      {ID: "7"},
		"":                       {Type: "system"},
	} {
		columns, err := export.Columns("who", "for")
		require.NoError(t, err)
		got := readCSV(t, write(t, export.CSV, single(audit.Entry{Actor: a, OnBehalfOf: &a}), audit.Query{}, &export.Options{Columns: columns}))
		assert.Equal(t, []string{want, want}, got[1])
	}
}

// A file that hides how something ended would lie about it.
func TestDefaultFilesSayHowItEnded(t *testing.T) {
	e := entries(1)[0]
	e.Outcome, e.Comment, e.OnBehalfOf = audit.Denied, "asked for", &audit.Actor{Name: "Ben"}
	opts := &export.Options{Labels: map[string]string{"denied": "verweigert", "Outcome": "Ergebnis"}}
	records := readCSV(t, write(t, export.CSV, newTrail(t, e), audit.Query{}, opts))
	assert.Equal(t, []string{"Timestamp", "Ergebnis", "Action", "Object type", "Object name", "ID", "Changes", "User", "On behalf of", "IP address", "Comment"}, records[0])
	assert.Equal(t, []string{
		"2026-01-15T12:00:00.123456Z", "verweigert", "update", "users", "Office VPN", "1000", "role: viewer → admin",
		"John Doe (john.doe@example.com)", "Ben", "192.0.2.7", "asked for",
	}, records[1])
}

// Who named columns gets the file that this gave before the default ones changed.
func TestColumnsSetByNameAreAsBefore(t *testing.T) {
	columns, err := export.Columns("time", "type", "record", "action", "changes", "user", "ip", "outcome", "on_behalf_of")
	require.NoError(t, err)
	e := entries(1)[0]
	e.OnBehalfOf = &audit.Actor{Name: "Ben", Email: "ben@example.com"}
	assert.Equal(t, "Timestamp,Object type,ID,Action,Changes,Performed by,IP address,Outcome,On behalf of\r\n"+
		"2026-01-15T12:00:00.123456Z,users,1000,update,role: viewer → admin,john.doe@example.com,192.0.2.7,success,ben@example.com\r\n",
		write(t, export.CSV, newTrail(t, e), audit.Query{}, &export.Options{Columns: columns}))
}

func TestParseColumns(t *testing.T) {
	names := func(query string, offered []export.Column) string {
		v, err := url.ParseQuery(query)
		require.NoError(t, err)
		columns, err := export.ParseColumns(v, offered)
		if err != nil {
			var wrong *audit.QueryError
			require.ErrorAs(t, err, &wrong)
			assert.Equal(t, "columns", wrong.Param)
			return wrong.Reason
		}
		var list []string
		for _, c := range columns {
			list = append(list, c.Name)
		}
		return strings.Join(list, " ")
	}
	all := export.AllColumns()
	assert.Equal(t, "ip time who", names("columns=ip,time,who", all))
	assert.Equal(t, "ip time who", names("columns=ip&columns=time%2C+who,,ip", all))
	assert.Empty(t, names("", all))
	assert.Empty(t, names("columns=", all))
	assert.Contains(t, names("columns=time,colour", all), `"colour" is not a column; there are time, outcome`)
	assert.Contains(t, names("columns=time,full", all), `"full" is not a column`)
	assert.Len(t, strings.Fields(names("columns=full", all)), len(export.FullColumns()))
	own := []export.Column{{Name: "a"}, {Header: "no name"}, {Name: "user"}}
	assert.Equal(t, "user a", names("columns=user,a", own))
	assert.Equal(t, "a  user", names("columns=full", own))
	assert.Contains(t, names(`columns=no+name`, own), `"no name" is not a column; there are a, user`)
}

// A request chooses among what the host offers, and no more.
func TestRequestsChooseColumns(t *testing.T) {
	trail := newTrail(t, entries(1)...)
	few, err := export.Columns("time", "action", "record")
	require.NoError(t, err)
	for _, c := range []struct {
		query   string
		columns []export.Column
		status  int
		header  string
	}{
		{"?columns=record,who", nil, http.StatusOK, "ID,User"},
		{"?columns=record,action", few, http.StatusOK, "ID,Action"},
		{"?columns=full", few, http.StatusOK, "Timestamp,Action,ID"},
		{"?", few, http.StatusOK, "Timestamp,Action,ID"},
		{"?columns=record,who", few, http.StatusBadRequest, `{"error":"columns: \"who\" is not a column; there are time, action, record","param":"columns"}`},
		{"?format=jsonl&columns=record", nil, http.StatusOK, `{"v":1`},
	} {
		h, err := export.Handler(trail, &export.Options{Columns: c.columns, Authorize: access.InsecureForDevelopment})
		require.NoError(t, err)
		w := get(t, h, "GET", "/"+c.query)
		assert.Equal(t, c.status, w.Code, c.query)
		assert.True(t, strings.HasPrefix(w.Body.String(), c.header), w.Body.String())
	}
}
