package row

import (
	"database/sql/driver"
	"encoding/base64"
	"math"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage"
	"github.com/gormtrail/audit/storage/gormstore/internal/schema"
)

// positionOf reads one row and its position; key is the value that it is sorted by
// before the time, if keyed.
func positionOf(t *testing.T, f Format, change map[string]any, keyed bool, key driver.Value) storage.Position {
	t.Helper()
	values := stored(t, f, full(), change)
	var raw RawColumn
	var more []any
	if keyed {
		values, more = append(values, key), []any{&raw}
	}
	rows := query(t, values)
	require.True(t, rows.Next())
	sc := NewScanner(schema.ReadNames, more...)
	_, err := sc.Scan(rows)
	require.NoError(t, err)
	if keyed {
		return sc.KeyPosition(f, &raw)
	}
	return sc.Position(f)
}

func TestPositionOfAnOrdinaryRow(t *testing.T) {
	want := storage.Position{Time: full().Time, ID: someID}
	for _, f := range formats {
		assert.Equal(t, want, positionOf(t, f, nil, false, nil), f)
		keyed := want
		keyed.Key = "k"
		assert.Equal(t, keyed, positionOf(t, f, nil, true, "k"), f)
		assert.Equal(t, want, positionOf(t, f, nil, true, nil), f)
		// Damage of other columns doesn't matter.
		assert.Equal(t, want, positionOf(t, f, map[string]any{"changes": "[{", "outcome": "fine"}, false, nil), f)
	}
	keyed := want
	keyed.Key = "k"
	for _, f := range []Format{MySQL, Postgres} {
		assert.Equal(t, keyed, positionOf(t, f, nil, true, []byte("k")), "texts come as bytes there")
	}
}

// The position of a damaged row has the stored values with their types.
func TestPositionOfADamagedRow(t *testing.T) {
	at, id := full().Time, uuid.MustParse(someID)
	pgTime := "2023-11-14T22:13:20.000001Z"
	require.Equal(t, pgTime, Postgres.TimeArg(at.UnixMicro()))
	for name, c := range map[string]struct {
		f      Format
		change map[string]any
		key    driver.Value
		want   []any // behind the key
	}{
		"a text as time":        {SQLite, map[string]any{"time": "soon"}, "k", []any{"soon", id[:]}},
		"bytes as time":         {SQLite, map[string]any{"time": []byte("soon")}, "k", []any{[]byte("soon"), id[:]}},
		"a float as time":       {SQLite, map[string]any{"time": 1.5}, "k", []any{1.5, id[:]}},
		"an infinite time":      {SQLite, map[string]any{"time": math.Inf(-1)}, "k", []any{math.Inf(-1), id[:]}},
		"a number as ID":        {SQLite, map[string]any{"id": int64(-7)}, "k", []any{at.UnixMicro(), int64(-7)}},
		"invalid UTF-8 as ID":   {SQLite, map[string]any{"id": "a\xff"}, "k", []any{at.UnixMicro(), "a\xff"}},
		"both":                  {SQLite, map[string]any{"id": []byte{}, "time": ""}, "k", []any{"", []byte{}}},
		"bytes as key":          {SQLite, nil, []byte("k"), []any{at.UnixMicro(), id[:]}},
		"a number as key":       {SQLite, nil, int64(3), []any{at.UnixMicro(), id[:]}},
		"3 bytes as ID":         {MySQL, map[string]any{"id": []byte{1, 2, 3}}, []byte("k"), []any{at.UnixMicro(), []byte{1, 2, 3}}},
		"a time long ago":       {Postgres, map[string]any{"time": time.Date(-43, 3, 15, 1, 2, 3, 4000, time.UTC)}, "k", []any{"0044-03-15T01:02:03.000004Z BC", someID}},
		"a time far ahead":      {Postgres, map[string]any{"time": time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}, "k", []any{"10000-01-01T00:00:00.000000Z", someID}},
		"the end of all times":  {Postgres, map[string]any{"time": LastTime}, "k", []any{"infinity", someID}},
		"the start of all time": {Postgres, map[string]any{"time": FirstTime}, "k", []any{"-infinity", someID}},
		"a number as key there": {Postgres, nil, int64(3), []any{pgTime, someID}},
	} {
		p := positionOf(t, c.f, c.change, true, c.key)
		require.True(t, IsRaw(p), name)
		got, err := RawArgs(p, 3)
		require.NoError(t, err, name)
		assert.Equal(t, append([]any{c.key}, c.want...), got, name)
		if c.change != nil {
			p = positionOf(t, c.f, c.change, false, nil)
			require.True(t, IsRaw(p), name)
			got, err = RawArgs(p, 2)
			require.NoError(t, err, name)
			assert.Equal(t, c.want, got, name)
		}
	}
}

// A time that no entry can have is a number like any other where times are numbers.
func TestPositionOfAnImpossibleNumber(t *testing.T) {
	at := time.Date(20000, 1, 1, 0, 0, 0, 0, time.UTC)
	assert.Equal(t, storage.Position{Time: at, ID: someID}, positionOf(t, SQLite, map[string]any{"time": at.UnixMicro()}, false, nil))
}

func TestRawArgsRefusesWhatItDidNotWrite(t *testing.T) {
	good := rawPosition([]any{"a", int64(1), nil})
	_, err := RawArgs(good, 3)
	require.NoError(t, err)
	invalid := "!" + base64.RawStdEncoding.EncodeToString([]byte("a"))
	for _, key := range []string{
		"", rawKey, rawKey + "[", rawKey + "{}", rawKey + `[{},{}]`, rawKey + `[{},{},{},{}]`,
		rawKey + `[{"i":"1"},{},{}]`, rawKey + `[{"i":1.5},{},{}]`, rawKey + `[{"f":"one"},{},{}]`,
		rawKey + `[{"t":"` + invalid + `"},{},{}]`, rawKey + `[{"b":"` + invalid + `"},{},{}]`,
	} {
		_, err := RawArgs(storage.Position{Key: key}, 3)
		require.ErrorIs(t, err, audit.ErrBadCursor, "%q", key)
		var bad *audit.QueryError
		require.ErrorAs(t, err, &bad)
		assert.Equal(t, "cursor", bad.Param)
	}
}

func TestIsRaw(t *testing.T) {
	assert.True(t, IsRaw(rawPosition(nil)))
	assert.False(t, IsRaw(storage.Position{}))
	assert.False(t, IsRaw(storage.Position{Key: "k"}))
}

func TestArgs(t *testing.T) {
	id := uuid.MustParse(someID)
	for _, f := range []Format{SQLite, MySQL} {
		assert.Equal(t, int64(5), f.TimeArg(5))
		assert.Equal(t, id[:], f.IDArg(id))
	}
	assert.Equal(t, someID, Postgres.IDArg(id))
	assert.Equal(t, "1970-01-01T00:00:00.000005Z", Postgres.TimeArg(5))
	assert.Equal(t, "0001-01-01T00:00:00.000000Z", Postgres.TimeArg(time.Time{}.UnixMicro()))
	assert.Equal(t, "4714-11-24T00:00:00.000000Z BC", PostgresTime(FirstTime))
	assert.Equal(t, "294276-12-31T23:59:59.999999Z", PostgresTime(LastTime))
	assert.Equal(t, "0001-12-31T00:00:00.000000Z BC", PostgresTime(time.Date(0, 12, 31, 0, 0, 0, 0, time.UTC)))
}
