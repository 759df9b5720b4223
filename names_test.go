package audit_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/memstore"
)

// hostile is an entry with one text everywhere where a client's text may end up.
func hostile(s string) audit.Entry {
	a := audit.Actor{Type: s, ID: s, Name: s, Email: s}
	return audit.Entry{
		Tenant: s, Project: s, Actor: a, OnBehalfOf: &a, Action: "login" + s, Outcome: audit.Failure, Error: s, Comment: s,
		Object: audit.Object{Type: s, ID: s, Name: s, Product: s}, Request: audit.Request{IP: s, UserAgent: s, ID: s, Method: s, Path: s},
		TransactionID: s, Changes: []audit.Change{{Field: "x" + s, Old: s, New: s}}, Metadata: map[string]any{s: s, "in": map[string]any{s: s}},
	}
}

// names are the texts of an entry that have a bound of 512 bytes.
func names(e audit.Entry) []string {
	list := []string{e.Tenant, e.Project, e.Action, e.Object.Type, e.Object.ID, e.Object.Product, e.Request.IP, e.Request.ID, e.TransactionID}
	for _, a := range []audit.Actor{e.Actor, *e.OnBehalfOf} {
		list = append(list, a.Type, a.ID, a.Name, a.Email)
	}
	return list
}

// checkHostile records the entry of a text, and of another one, and looks for it by
// the text as it was.
func checkHostile(t require.TestingT, s string) {
	trail, err := audit.New(memstore.New(), nil)
	require.NoError(t, err)
	ctx := audit.WithRequest(audit.WithTenant(audit.WithActor(context.Background(), audit.Actor{ID: s, Name: s}), s, s), audit.Request{ID: s, Path: s})
	require.NoError(t, trail.Record(ctx, hostile(s)), "Record must not fail, whatever a client sent")
	require.NoError(t, trail.Record(ctx, audit.Entry{Action: "other", Metadata: map[string]any{s: s}}), "nor with what the context carries")
	require.NoError(t, trail.Record(context.Background(), hostile("other")))
	one := []string{s}
	for what, f := range map[string]audit.Filter{
		"tenant": {Tenants: one}, "project": {Projects: one}, "action": {Actions: []string{"login" + s}}, "type": {ObjectTypes: one},
		"object": {ObjectIDs: one}, "product": {Products: one}, "actor type": {ActorTypes: one}, "actor": {ActorIDs: one}, "user": {Users: one},
		"field": {Fields: []string{"x" + s}}, "transaction": {TransactionID: s}, "request": {RequestID: s},
	} {
		f = f.And(audit.Filter{Actions: []string{"login" + s}, Not: []audit.Filter{{Actions: []string{"loginother"}}}})
		page, err := trail.Query(context.Background(), audit.Query{Filter: f})
		require.NoError(t, err, what)
		if s == "other" || s == "" && what != "action" {
			continue
		}
		require.Len(t, page.Entries, 1, what)
	}
	page, err := trail.Query(context.Background(), audit.Query{Filter: audit.Filter{Actions: []string{"login" + s}}})
	require.NoError(t, err)
	checkStored(t, trail, page.Entries[0])
}

// checkStored checks that an entry can be read, shown and written again.
func checkStored(t require.TestingT, trail *audit.Trail, e audit.Entry) {
	for _, name := range append(names(e), e.Error, e.Comment, e.Object.Name, e.Request.UserAgent, e.Request.Method, e.Request.Path) {
		require.True(t, utf8.ValidString(name) && !strings.Contains(name, "\x00"), "%q", name)
	}
	for _, name := range names(e) {
		require.LessOrEqual(t, len(name), 512)
	}
	again, err := trail.Get(context.Background(), e.ID)
	require.NoError(t, err)
	require.Equal(t, e, again)
	raw, err := json.Marshal(e)
	require.NoError(t, err)
	var read audit.Entry
	require.NoError(t, json.Unmarshal(raw, &read))
	require.Equal(t, e, read)
	_, err = e.Canonical()
	require.NoError(t, err)
}

// Whoever chose a name of 513 bytes, or with a NUL, kept the event off the trail:
// the failed login was lost, and so was each captured write of such a tenant.
func TestRecordNeverFailsForAText(t *testing.T) {
	for _, s := range []string{
		"", "\x00", "\xff", "a\x00b\xffc", strings.Repeat("x", 512), strings.Repeat("x", 513), strings.Repeat("é", 257), strings.Repeat("\x00", 200),
		strings.Repeat("\xff", 129), strings.Repeat("😀", 5000), "\x01\x02\x1f\x7f\u2028\ufffe\ufeff", "[\xc3", "198.51.100.1", strings.Repeat("1.", 600),
	} {
		checkHostile(t, s)
	}
	rapid.Check(t, func(t *rapid.T) {
		s := string(rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "bytes")) + rapid.StringN(0, 20, -1).Draw(t, "text")
		checkHostile(t, strings.Repeat(s, rapid.SampledFrom([]int{1, 1, 12, 40}).Draw(t, "times")))
	})
}

func FuzzRecordNeverFailsForAText(f *testing.F) {
	f.Add("a\x00b\xffc", 1)
	f.Add("é", 300)
	f.Fuzz(func(t *testing.T, s string, times int) {
		checkHostile(t, strings.Repeat(s, max(0, min(times, 2000/(len(s)+1)))))
	})
}

// Which of two values won depended on chance, and the other was lost.
func TestMetadataKeysThatBecomeOneKeepBothValues(t *testing.T) {
	long := strings.Repeat("k", 1100)
	given := map[string]any{"\xff": 1, `\xff`: 2, long + "1": 3, long + "2": 4, "in": map[string]any{"\xff": 5, `\xff`: 6}, long + "_password": "open sesame"}
	want := recorded(t, nil, audit.Entry{Action: "login", Metadata: given}).Metadata
	assert.Len(t, want, len(given))
	assert.EqualValues(t, 2, want[`\xff`])
	assert.EqualValues(t, 6, want["in"].(map[string]any)[`\xff`])
	assert.NotContains(t, fmt.Sprint(want), "sesame", "a key is read whole before it is cut")
	for k := range want {
		assert.LessOrEqual(t, len(k), 1024)
	}
	for range 10 {
		assert.Equal(t, want, recorded(t, nil, audit.Entry{Action: "login", Metadata: given}).Metadata)
	}
	assert.Len(t, given, 6, "the caller's map is left as it is")
}
