package viewer_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/access"
	"github.com/gormtrail/audit/export"
	"github.com/gormtrail/audit/storage"
	"github.com/gormtrail/audit/storage/memstore"
	"github.com/gormtrail/audit/stream"
	"github.com/gormtrail/audit/viewer"
)

// unseen are values that a reader without Personal, and with hidden fields, may
// not see. Those of two trails have other lengths and letters.
type unseen struct{ mail, boss, odd, ip4, ip6, hidden string }

var unseenValues = []unseen{
	{"canary.mara@lumen.example", "boss@lumen.example", "odd&ma", "203.0.113.77", "2001:db8:77::1c9", "9000"},
	{"b@rival.example", "the.other.boss@rival.example", "strange one", "10.0.0.1", "fd00::1", "a longer hidden value"},
}

// everywhere has entries that hold such values in every text, and in every form
// in which the library or an application writes them.
func everywhere(u unseen) (list []audit.Entry) {
	recorded := url.Values{"user": {u.mail}, "ip": {u.ip4, u.ip6}, "q": {`"` + u.ip4 + `"`}, "not": {url.Values{"user": {u.boss}}.Encode()}}.Encode()
	full := audit.Entry{
		Tenant: "at " + u.ip4, Project: "of " + u.mail, Action: "mail to " + u.mail, Outcome: audit.Failure,
		Error: "dial tcp " + u.ip4 + ":5432: connect: refused by [" + u.ip6 + "]:80", Comment: "for " + u.odd + " (" + u.boss + ")", TransactionID: "tx:" + u.ip4,
		Actor:      audit.Actor{Type: "from " + u.ip4, ID: u.mail, Name: "Mara <" + u.mail + ">", Email: u.odd},
		OnBehalfOf: &audit.Actor{Type: "user", ID: "ip:" + u.ip4, Name: u.odd, Email: u.boss},
		Object:     audit.Object{Type: "mailbox " + u.boss, ID: "tenant=1,email=" + url.QueryEscape(u.mail), Name: u.mail, Product: "ip:" + u.ip6},
		Request:    audit.Request{IP: u.ip4, UserAgent: "curl (" + u.boss + ")", ID: "req " + u.ip6, Method: "GET", Path: "/users/" + u.mail + "?ip=" + u.ip4},
		Metadata:   map[string]any{"query": recorded, u.mail: u.ip6, "salary": u.hidden, "list": []any{u.boss, map[string]any{"to": u.ip4}}},
		Changes: []audit.Change{
			{Field: "email", Op: audit.OpReplace, Old: u.mail, New: u.boss},
			{Field: "salary", Op: audit.OpReplace, Old: u.hidden, New: u.hidden + "1"},
			{Field: "profile", Op: audit.OpAdd, New: map[string]any{"iban": u.hidden, "seen": "x", u.boss: u.ip4}},
			{Field: "tags[2].secret", Op: audit.OpAdd, New: u.hidden},
			{Field: "inbox." + u.mail, Op: audit.OpRemove, Old: "x"},
			{Field: "document", Op: audit.OpAdd, New: `{"token":"` + u.hidden + `"}`},
		},
	}
	plain := audit.Entry{
		Tenant: "lumen", Action: "update", Actor: audit.Actor{Type: "user", ID: "u_1", Name: "Mara", Email: u.mail}, Request: audit.Request{IP: u.ip6, ID: "req_1"},
		Object: audit.Object{Type: "users", ID: "77", Name: "Else"}, TransactionID: "tx_1", Changes: full.Changes, Metadata: full.Metadata,
	}
	created := plain
	created.Action, created.Actor.Name = "create", "Else"
	created.Changes = []audit.Change{{Field: "salary", Op: audit.OpAdd, New: u.hidden}, {Field: "tags", Op: audit.OpAdd, New: []any{"a", "b", map[string]any{"secret": u.hidden}}}}
	mailbox := plain
	mailbox.Object = audit.Object{Type: "mailboxes", ID: u.mail}
	viewed := audit.Entry{Tenant: "lumen", Action: "view", Actor: plain.Actor, Metadata: map[string]any{"query": recorded}}
	for i := range 40 {
		e := [...]audit.Entry{created, full, plain, viewed, mailbox}[i%5]
		e.ID, e.Time = fmt.Sprintf("01980000-0000-7000-8000-%012d", i), day.Add(time.Duration(i)*time.Second)
		list = append(list, e)
	}
	return list
}

// questions are what a reader may ask, guesses at unseen values among them.
func questions() (list []string) {
	const entry = "?entry=01980000-0000-7000-8000-0000000000"
	filters := []string{
		"?", "?sort=time", "?per=25&limit=7", "?q=mara", "?q=ma&per=25", "?q=canary", "?q=masked", "?q=lumen.example", "?q=%2577", "?q=-canary",
		"?q=203.0.113", "?q=boss", "?q=refused", "?q=connect+x", "?q=9000", "?q=iban", "?q=inbox", "?q=req_1", "?q=tx:", "?q=000000000002", "?q=failed", "?q=ip:+tx", "?q=for&limit=3",
		"?q=user:canary.mara@lumen.example", "?user=canary.mara@lumen.example", "?ip=203.0.113.77", "?ip=203.0.113.0/24", "?sort=user", "?sort=-ip",
		"?record=tenant%3D1,email%3Dcanary.mara%2540lumen.example", "?action=update", "?action=mail+to+[masked]", "?tenant=lumen", "?transaction=tx_1",
		"?request=req_1", "?type=users&record=77&sort=recorded", "?field=salary", "?field=tags", "?not=action%3Dview", "?actor=u_1&outcome=success", "?severity=info", "?severity=warning&reads=hide", "?q=severity:info+is:read", "?not=reads%3Dhide",
	}
	for _, f := range filters {
		list = append(list, f, f+"&format=json", f+"&export=csv", f+"&export=jsonl")
	}
	list = append(list, "?export=xlsx", "?export=pdf", "?q=mara&export=pdf")
	for _, n := range []string{"00", "01", "02", "03", "38"} {
		for _, view := range []string{"", "&mode=unified", "&view=history", "&view=state", "&q=ma"} {
			list = append(list, entry+n+view, entry+n+view+"&format=json")
		}
	}
	for _, facet := range []string{"action", "type", "user", "on_behalf_of", "outcome", "actor_type", "tenant", "project", "product"} {
		list = append(list, "?facet="+facet, "?facet="+facet+"&format=json", "?facet="+facet+"&find=canary")
	}
	return list
}

// feed is a client of a live feed without a network, so that the clock can be a
// fake one.
type feed struct{ *httptest.ResponseRecorder }

func (feed) SetWriteDeadline(time.Time) error { return nil }

// followed is what a live feed sends while write runs.
func followed(h http.Handler, query string, write func()) string {
	ctx, cancel := context.WithCancel(context.Background())
	client, done := feed{httptest.NewRecorder()}, make(chan struct{})
	go func() {
		defer close(done)
		h.ServeHTTP(client, httptest.NewRequestWithContext(ctx, http.MethodGet, "/audit"+query, nil))
	}()
	time.Sleep(time.Second)
	write()
	time.Sleep(time.Minute)
	cancel()
	<-done
	return client.Body.String()
}

// answer is a response as text. The parts of an Excel file come in any order.
func answer(t *testing.T, w *httptest.ResponseRecorder) string {
	body := w.Body.String()
	if strings.HasPrefix(body, "PK") {
		body = unzipped(t, w.Body.Bytes())
	}
	return fmt.Sprint(w.Code, w.Header(), body)
}

// sortings are questions in every order, in every format.
func sortings() (list []string) {
	for _, sort := range audit.SortKeys() {
		key := string(sort)
		if sort == audit.SortRecorded {
			continue
		}
		for _, q := range []string{"?sort=" + key, "?sort=-" + key + "&limit=7", "?q=ma&limit=7&sort=" + key} {
			list = append(list, q, q+"&format=json", q+"&export=csv", q+"&export=jsonl")
		}
		list = append(list, "?action=update&record=77&type=users&limit=3&sort="+key)
	}
	list = append(list, "?export=xlsx&sort=action", "?export=pdf&sort=-record", "?export=pdf&sort=type")
	return append(list, "?type=users&record=77&sort=recorded&limit=3&format=json", "?type=users&record=77&sort=-recorded&limit=3&q=ma")
}

// forgeries are cursors that a client makes of one that it got: flipped bits, cut, of
// another key, and a store's own with a guess at what is masked.
func forgeries(t *testing.T, page http.Handler) (list []string) {
	var got struct{ Next string }
	require.NoError(t, json.Unmarshal(get(page, "?limit=7&format=json").Body.Bytes(), &got))
	raw, err := base64.RawURLEncoding.DecodeString(got.Next)
	require.NoError(t, err)
	for i := 0; i < len(raw); i += 31 {
		flipped := bytes.Clone(raw)
		flipped[i] ^= 1 << (i % 8)
		list = append(list, base64.RawURLEncoding.EncodeToString(flipped))
	}
	other, err := newTrail(t, demo(9)...).Query(t.Context(), audit.Query{Limit: 7})
	require.NoError(t, err)
	guess := storage.EncodeCursor(audit.Query{Sort: audit.SortAction}, storage.Position{Key: "mail to canary.mara@lumen.example", Time: day})
	return append(list, got.Next[:99], got.Next[1:], other.Next, guess, got.Next)
}

// positions are those of the live feed, which are never alike. Their lengths are.
var positions = regexp.MustCompile(`(id: |"cursor":"|data-position=")([\w-]+)`)

func withoutPositions(answer string) string {
	return positions.ReplaceAllStringFunc(answer, func(s string) string {
		m := positions.FindStringSubmatch(s)
		return fmt.Sprint(m[1], len(m[2]))
	})
}

// searched are names of metadata that a search finds; grants hide the first.
var searched = []string{"salary", "list", "to", "query"}

// seenOf is every answer of a trail with these entries. They are written four at a
// time while feeds are open, each time together with some of the others.
func seenOf(t *testing.T, all, others []audit.Entry, grant access.Grant, questions []string) map[string]string {
	answers := map[string]string{}
	synctest.Test(t, func(t *testing.T) {
		trail, err := audit.New(memstore.New(), &audit.Options{Key: bytes.Repeat([]byte{7}, audit.KeySize), SearchableMetadata: searched}) // so that cursors are alike
		require.NoError(t, err)
		authorize := func(*http.Request) (access.Grant, error) { return grant, nil }
		page := newViewer(t, trail, &viewer.Options{Authorize: authorize})
		hub, err := stream.NewHub(trail, nil)
		require.NoError(t, err)
		live, err := hub.Handler(&stream.HandlerOptions{Authorize: authorize})
		require.NoError(t, err)
		file, err := export.Handler(trail, &export.Options{Authorize: authorize})
		require.NoError(t, err)

		written := 0
		write := func() {
			require.NoError(t, trail.Record(t.Context(), others[:len(others)/2]...))
			require.NoError(t, trail.Record(t.Context(), slices.Concat(all[written:written+4], others[len(others)/2:])...))
			written += 4
		}
		for _, query := range []string{"?live=sse", "?live=sse&format=json", "?live=sse&q=mara", "?live=sse&q=canary&format=json", "?live=sse&action=update"} {
			answers[query] = followed(page, query, write)
		}
		for _, query := range []string{"", "?q=ma", "?q=canary"} {
			answers["stream "+query] = followed(live, query, write)
		}
		require.NoError(t, trail.Record(t.Context(), all[written:]...))
		for _, query := range questions {
			answers[query] = answer(t, get(page, query))
			answers["export "+query] = answer(t, get(file, query))
		}
		for i, forged := range forgeries(t, page) {
			for _, query := range []string{"?limit=7&cursor=", "?limit=7&format=json&cursor=", "?limit=7&sort=action&cursor=", "?limit=7&q=ma&format=json&cursor="} {
				answers[fmt.Sprint(i, query)] = answer(t, get(page, query+forged))
			}
			answers[fmt.Sprint(i, " live")] = followed(page, "?live=sse&after="+forged, func() {})
		}
		for query, answer := range answers {
			answers[query] = withoutPositions(answer)
		}
		require.NoError(t, hub.Close(t.Context()))
		require.NoError(t, page.Close(t.Context()))
	})
	return answers
}

// alike fails for each answer by which two trails can be told apart.
func alike(t *testing.T, one, other map[string]string) {
	t.Helper()
	for query, answer := range one {
		if answer != other[query] {
			at := 0
			for at < min(len(answer), len(other[query])) && answer[at] == other[query][at] {
				at++
			}
			part := func(s string) string { return s[max(0, at-200):min(len(s), at+200)] }
			t.Errorf("%s tells the trails apart at byte %d:\n%s\n\n%s", query, at, part(answer), part(other[query]))
		}
	}
}

// TestNoninterference: two trails that differ only in what a reader may not see
// answer alike, byte for byte: page, API, exports in all formats and orders, facets,
// live feed, and whatever cursors are forged.
func TestNoninterference(t *testing.T) {
	hidden := []string{"salary", "profile.iban", "tags.secret", "document.token"}
	for _, c := range []struct {
		grant     access.Grant
		questions []string
		shown     []string // of these there is something to compare
	}{
		{
			access.Grant{Everything: true, Export: true, Follow: true, Hidden: hidden}, slices.Concat(questions(), sortings()),
			[]string{"?", "?q=mara", "?&format=json", "?live=sse", "?live=sse&q=mara", "stream ?q=ma", "export ?&export=jsonl"},
		},
		{ // the actions and types of this tenant hold no addresses, so that they can be sorted by
			access.Grant{Scope: audit.Filter{Tenants: []string{"lumen"}}, Export: true, Follow: true, Hidden: hidden}, sortings(),
			[]string{"?sort=action&format=json", "?q=ma&limit=7&sort=type", "?sort=-type&limit=7", "?action=update&record=77&type=users&limit=3&sort=record"},
		},
	} {
		one := seenOf(t, everywhere(unseenValues[0]), nil, c.grant, c.questions)
		alike(t, one, seenOf(t, everywhere(unseenValues[1]), nil, c.grant, c.questions))
		for _, query := range c.shown {
			contains(t, one[query], "Mara", query)
		}
	}

	unhidden := access.Grant{Everything: true, Export: true, Follow: true} // metadata is searched, and its addresses aren't found
	changed := unseenValues[1]
	changed.hidden = unseenValues[0].hidden // which this reader sees
	words := []string{"?q=canary&format=json", "?q=203.0&format=json", "?q=boss", "?q=9000&format=json", "?q=user%3D", "?q=rival&limit=7"}
	one := seenOf(t, everywhere(unseenValues[0]), nil, unhidden, words)
	alike(t, one, seenOf(t, everywhere(changed), nil, unhidden, words))
	contains(t, one["?q=9000&format=json"], "Mara")

	all := access.Grant{Everything: true, Export: true, Follow: true, Personal: true} // and then they can be told apart
	one, other := seenOf(t, everywhere(unseenValues[0]), nil, all, []string{"?"}), seenOf(t, everywhere(unseenValues[1]), nil, all, []string{"?"})
	for _, query := range []string{"?", "?live=sse", "stream ", "export ?"} {
		require.NotEqual(t, one[query], other[query], query)
	}
}

// TestOtherTenantsChangeNothing: neither an answer nor the length of a position tells
// how many entries other tenants have.
func TestOtherTenantsChangeNothing(t *testing.T) {
	var others []audit.Entry
	for i := range 100 {
		others = append(others, audit.Entry{Tenant: "rival", Action: "rivalry", Object: audit.Object{Type: "users", ID: "77"}, Actor: audit.Actor{Name: fmt.Sprint("Mara ", i)}})
	}
	grant := access.Grant{Scope: audit.Filter{Tenants: []string{"lumen"}}, Export: true, Follow: true, Personal: true}
	all, asked := everywhere(unseenValues[0]), []string{"?", "?q=ma&format=json", "?facet=action", "?type=users&record=77&sort=time&limit=3&format=json"}
	one := seenOf(t, all, nil, grant, asked)
	alike(t, one, seenOf(t, all, others, grant, asked))
	contains(t, one["?live=sse"], "Mara")
}
