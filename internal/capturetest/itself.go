package capturetest

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/internal/capturetest/dbtest"
	"github.com/gormtrail/audit/internal/capturetest/judge"
)

// The zoo has a column of every kind that the database has.
var zoo = map[string]string{
	"sqlite": `CREATE TABLE zoo (tenant integer, code text, n integer, flag numeric, price decimal(20,4), ratio real, born datetime,
		day date, body text, data blob, settings json, deleted_at datetime, updated_at datetime, PRIMARY KEY (tenant, code))`,
	"postgres": `CREATE TABLE zoo (tenant bigint, code text, n bigint, flag boolean, price numeric(20,4), ratio double precision, born timestamptz,
		day date, body text, data bytea, settings jsonb, deleted_at timestamptz, updated_at timestamptz, PRIMARY KEY (tenant, code))`,
	"mariadb": `CREATE TABLE zoo (tenant bigint, code varchar(50), n bigint, flag boolean, price decimal(20,4), ratio double, born datetime(6),
		day date, body text, data longblob, settings json, deleted_at datetime(3), updated_at datetime(3), PRIMARY KEY (tenant, code))`,
}

var zooData = map[string]string{"sqlite": `X'00FF10'`, "postgres": `'\x00ff10'`, "mariadb": `X'00FF10'`}

// life is what happens to the animals: every action, a change that is none, the
// same row twice in one transaction, and a transaction that is rolled back.
func life(data string) [][]string {
	return [][]string{
		{`INSERT INTO zoo (tenant, code, n, price, ratio, born, day, body, data, settings) VALUES (1, 'a,b', 9007199254740993, 12345678901.5, 0.1,
			'2026-01-02 03:04:05.123456', '2026-01-02', 'O''Neil é "x" \ tab', ` + data + `, '{"theme":"dark","tags":["a","b","c"],"deep":{"n":1.50}}')`},
		{`INSERT INTO zoo (tenant, code, body) VALUES (2, 'z', '')`, `UPDATE zoo SET n = 1 WHERE tenant = 2`, `UPDATE zoo SET n = 2 WHERE tenant = 2`},
		{`UPDATE zoo SET n = 2 WHERE tenant = 2`},
		{`UPDATE zoo SET updated_at = '2026-02-02 00:00:00' WHERE tenant = 2`},
		{`UPDATE zoo SET settings = '{"tags":["a","x"],"theme":"light","deep":{"n":1.5},"new":null}', updated_at = '2026-02-03 00:00:00' WHERE tenant = 1`},
		{`ROLLBACK`, `UPDATE zoo SET n = 77 WHERE tenant = 2`},
		{`UPDATE zoo SET deleted_at = '2026-03-03 00:00:00' WHERE tenant = 2`},
		{`UPDATE zoo SET deleted_at = NULL, n = 3 WHERE tenant = 2`},
		{`UPDATE zoo SET code = 'y' WHERE tenant = 2`},
		{`DELETE FROM zoo WHERE tenant = 1`},
	}
}

func lived(t *testing.T, name string) []judge.Expected {
	t.Helper()
	ctx := context.Background()
	db := dbtest.For(t, name)
	_, err := db.SQL.Exec(zoo[name])
	require.NoError(t, err)
	j, err := judge.New(ctx, db.SQL, db.Dialect())
	require.NoError(t, err)
	table := &judge.Table{Name: "zoo", SoftDelete: "deleted_at", AutoUpdate: []string{"updated_at"}}
	require.NoError(t, j.Watch(ctx, table))
	require.NoError(t, j.Watch(ctx, table), "watching again replaces the triggers")
	mark, err := j.Mark(ctx, db.SQL)
	require.NoError(t, err)
	for _, statements := range life(zooData[name]) {
		tx, err := db.SQL.Begin()
		require.NoError(t, err)
		defer tx.Rollback() // a failure must not leave it open, or the database can't be dropped
		for _, s := range statements {
			if s != "ROLLBACK" {
				if name == "mariadb" {
					s = strings.ReplaceAll(s, `\`, `\\`)
				}
				_, err := tx.Exec(s)
				require.NoError(t, err, s)
			}
		}
		if statements[0] == "ROLLBACK" {
			require.NoError(t, tx.Rollback())
			continue
		}
		require.NoError(t, tx.Commit())
	}
	steps, err := j.Steps(ctx, mark)
	require.NoError(t, err)
	return judge.Expect(steps)
}

// render writes the entries that the contract asks for.
func render(expected []judge.Expected) []audit.Entry {
	var list []audit.Entry
	for i, x := range expected {
		e := audit.Entry{ID: fmt.Sprint(i), Time: time.Unix(int64(i), 0), Action: x.Action, TransactionID: "tx" + x.Tx,
			Object: audit.Object{Type: x.Type, ID: x.WasID}}
		for _, f := range x.Fields {
			c := audit.Change{Field: f, Op: audit.OpReplace, Old: term(f, x.Old[f]), New: term(f, x.New[f])}
			if x.Old == nil {
				c.Op = audit.OpAdd
			} else if x.New == nil {
				c.Op = audit.OpRemove
			}
			e.Changes = append(e.Changes, c)
		}
		list = append(list, e)
	}
	return list
}

func term(field string, v any) any {
	raw := fmt.Sprint(v)
	switch x := v.(type) {
	case nil:
		return nil
	case []byte:
		return base64.StdEncoding.EncodeToString(x)
	case string:
		if field == "settings" {
			var doc any
			if json.Unmarshal([]byte(x), &doc) == nil {
				return doc
			}
		}
		if strings.HasSuffix(field, "_at") || field == "born" {
			for _, layout := range []string{"2006-01-02 15:04:05.999999", "2006-01-02 15:04:05.999999Z07"} {
				if t, err := time.Parse(layout, x); err == nil {
					return t.UTC().Format(time.RFC3339Nano)
				}
			}
		}
		return x
	case json.Number:
		return x
	case bool:
		return x
	}
	// A document, whose field the judge keeps to itself: print it as Go does and
	// read the three that the test writes.
	for _, doc := range []string{
		`{"theme":"dark","tags":["a","b","c"],"deep":{"n":1.50}}`,
		`{"tags":["a","x"],"theme":"light","deep":{"n":1.5},"new":null}`,
	} {
		d := json.NewDecoder(strings.NewReader(doc))
		d.UseNumber()
		var y any
		if d.Decode(&y) == nil && (fmt.Sprint(y) == strings.Trim(raw, "{}") || "{"+fmt.Sprint(y)+"}" == raw) {
			return y
		}
	}
	var y any
	_ = json.Unmarshal([]byte(`{"theme":"dark","tags":["a","b","c"],"deep":{"n":1.5}}`), &y)
	return y
}

// Judge tests the judge: it finds each way of spoiling a right trail, and nothing
// wrong with another way of writing one.
func Judge(t *testing.T) {
	for _, name := range dbtest.Names {
		t.Run(name, func(t *testing.T) {
			expected := lived(t, name)
			var actions []string
			for _, x := range expected {
				actions = append(actions, x.Action+" "+x.ID)
			}
			require.Equal(t, []string{
				"create tenant=1,code=a%2Cb", "create tenant=2,code=z", "update tenant=2,code=z", "update tenant=2,code=z",
				"update tenant=1,code=a%2Cb", "destroy tenant=2,code=z", "restore tenant=2,code=z", "update tenant=2,code=y",
				"destroy tenant=1,code=a%2Cb",
			}, actions)
			require.Equal(t, expected[1].Tx, expected[2].Tx)
			require.Equal(t, expected[2].Tx, expected[3].Tx)
			require.NotEqual(t, expected[0].Tx, expected[1].Tx)
			require.Empty(t, judge.Compare(expected, render(expected)), "a right trail is right")
			for _, m := range mutations {
				t.Run(m.name, func(t *testing.T) {
					entries := m.change(render(expected))
					found := strings.Join(judge.Compare(expected, entries), "\n")
					if m.found == "" {
						require.Empty(t, found)
						return
					}
					require.Contains(t, found, m.found)
				})
			}
		})
	}
}

// Each mutation spoils a right trail, or writes it in another right way.
var mutations = []struct {
	name   string
	change func([]audit.Entry) []audit.Entry
	found  string // "" for a trail that is still right
}{
	{"an entry missing", func(l []audit.Entry) []audit.Entry { return slices.Delete(l, 2, 3) }, "MISSING: update"},
	{"the first entry missing", func(l []audit.Entry) []audit.Entry { return l[1:] }, "MISSING: create"},
	{"all missing", func([]audit.Entry) []audit.Entry { return nil }, "MISSING: destroy"},
	{"an entry invented", func(l []audit.Entry) []audit.Entry {
		e := l[2]
		e.ID = "x"
		return append(l, e)
	}, "INVENTED: update"},
	{"an entry for a row that is none", func(l []audit.Entry) []audit.Entry {
		return append(l, audit.Entry{ID: "x", Action: "update", TransactionID: "y", Object: audit.Object{Type: "zoo", ID: "tenant=9,code=q"}})
	}, "INVENTED: update"},
	{"wrong order", func(l []audit.Entry) []audit.Entry {
		l[2], l[3] = l[3], l[2]
		return l
	}, "OUT OF ORDER"},
	{"two transactions out of order", func(l []audit.Entry) []audit.Entry {
		l[5], l[6] = l[6], l[5]
		return l
	}, "OUT OF ORDER"},
	{"a wrong new value", func(l []audit.Entry) []audit.Entry { l[2].Changes[0].New = int64(5); return l }, "n: new is 5, the database has 1"},
	{"a wrong old value", func(l []audit.Entry) []audit.Entry { l[3].Changes[0].Old = nil; return l }, "n: old is NULL, the database has 1"},
	{"a wrong large number", func(l []audit.Entry) []audit.Entry { setNew(l[0], "n", 9007199254740992.0); return l }, "the database has 9007199254740993"},
	{"a number as text", func(l []audit.Entry) []audit.Entry { setNew(l[0], "n", "9007199254740993"); return l }, "is the text"},
	{"a decimal as text", func(l []audit.Entry) []audit.Entry { setNew(l[0], "price", "12345678901.5000"); return l }, ""},
	{"a wrong decimal", func(l []audit.Entry) []audit.Entry { setNew(l[0], "price", "12345678901.51"); return l }, "price: new"},
	{"a time with another zone", func(l []audit.Entry) []audit.Entry {
		setNew(l[0], "born", "2026-01-02T04:04:05.123456+01:00")
		return l
	}, "not RFC 3339 in UTC"},
	{"a time cut short", func(l []audit.Entry) []audit.Entry { setNew(l[0], "born", "2026-01-02T03:04:05.123Z"); return l }, "born: new"},
	{"a time as the database writes it", func(l []audit.Entry) []audit.Entry { setNew(l[0], "born", "2026-01-02 03:04:05.123456"); return l }, "not RFC 3339"},
	{"wrong bytes", func(l []audit.Entry) []audit.Entry { setNew(l[0], "data", "AP8R"); return l }, "data: new"},
	{"wrong text", func(l []audit.Entry) []audit.Entry { setNew(l[0], "body", "O'Neil"); return l }, "body: new"},
	{"a document's value wrong", func(l []audit.Entry) []audit.Entry {
		setNew(l[0], "settings", map[string]any{"theme": "dark", "tags": []any{"a", "b"}, "deep": map[string]any{"n": 1.5}})
		return l
	}, "settings: new"},
	{"an empty text as NULL", func(l []audit.Entry) []audit.Entry { setNew(l[1], "body", nil); return l }, "body: new is NULL"},
	{"a change missing", func(l []audit.Entry) []audit.Entry { l[0].Changes = l[0].Changes[1:]; return l }, "tenant is not among the changes"},
	{"a change invented", func(l []audit.Entry) []audit.Entry {
		l[2].Changes = append(l[2].Changes, audit.Change{Field: "body", Op: "replace", Old: "", New: ""})
		return l
	}, "body is among the changes"},
	{"a change twice", func(l []audit.Entry) []audit.Entry { l[2].Changes = append(l[2].Changes, l[2].Changes[0]); return l }, "2 times"},
	{"a wrong op", func(l []audit.Entry) []audit.Entry { l[2].Changes[0].Op = "add"; return l }, "the op is add, it should be replace"},
	{"a wrong action", func(l []audit.Entry) []audit.Entry { l[5].Action = "update"; return l }, `the action is "update"`},
	{"a wrong type", func(l []audit.Entry) []audit.Entry { l[5].Object.Type = "zoos"; return l }, "INVENTED: destroy zoos"},
	{"a wrong ID", func(l []audit.Entry) []audit.Entry { l[8].Object.ID = "1"; return l }, "INVENTED: destroy"},
	{"a changed key under the new ID", func(l []audit.Entry) []audit.Entry { l[7].Object.ID = "tenant=2,code=y"; return l }, "MISSING: update"},
	{"no transaction ID", func(l []audit.Entry) []audit.Entry { l[2].TransactionID = ""; return l }, "no transaction ID"},
	{"a transaction torn apart", func(l []audit.Entry) []audit.Entry { l[2].TransactionID = "other"; return l }, "has the IDs"},
	{"two transactions under one ID", func(l []audit.Entry) []audit.Entry { l[4].TransactionID = l[5].TransactionID; return l }, "stands for the transactions"},
	{"an ID twice", func(l []audit.Entry) []audit.Entry { l[4].ID = l[5].ID; return l }, "two entries have the ID"},
	{"masked without reason", func(l []audit.Entry) []audit.Entry {
		l[2].Changes[0].New, l[2].Changes[0].Redacted = audit.Mask, audit.RedactedMasked
		return l
	}, "is masked"},
	{"paths", func(l []audit.Entry) []audit.Entry { return paths(l) }, ""},
	{"a path's value wrong", func(l []audit.Entry) []audit.Entry { paths(l)[4].Changes[1].New = "grey"; return l }, "the changes lead from"},
	{"a path's old value wrong", func(l []audit.Entry) []audit.Entry { paths(l)[4].Changes[1].Old = "grey"; return l }, "the database had"},
	{"a path missing", func(l []audit.Entry) []audit.Entry {
		paths(l)[4].Changes = slices.Delete(l[4].Changes, 1, 2)
		return l
	}, "the changes lead from"},
	{"a path that changes nothing", func(l []audit.Entry) []audit.Entry {
		paths(l)[4].Changes = append(l[4].Changes, audit.Change{Field: "settings.deep.n", Op: "replace", Old: 1.5, New: json.Number("1.50")})
		return l
	}, "by itself"},
}

func setNew(e audit.Entry, field string, v any) {
	for i := range e.Changes {
		if e.Changes[i].Field == field {
			e.Changes[i].New = v
		}
	}
}

// paths writes the change of the settings step by step.
func paths(l []audit.Entry) []audit.Entry {
	changes := []audit.Change{
		{Field: "updated_at", Op: "replace", New: "2026-02-03T00:00:00Z"},
		{Field: "settings.theme", Op: "replace", Old: "dark", New: "light"},
		{Field: "settings.tags[1]", Op: "replace", Old: "b", New: "x"},
		{Field: "settings.tags[2]", Op: "remove", Old: "c"},
		{Field: "settings.new", Op: "add", New: nil},
	}
	l[4].Changes = changes
	return l
}
