package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"html"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"github.com/gormtrail/audit"
)

// app is the application with its history, behind a test's own requests.
type app struct {
	t       *testing.T
	host    *host
	handler http.Handler
}

func open(t *testing.T) *app {
	t.Helper()
	h, err := openHost(t.Context(), filepath.Join(t.TempDir(), "test.db"), slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, h.close(context.Background())) })
	require.NoError(t, h.seed(t.Context()))
	end, err := h.prepare(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, end(context.Background())) })
	page, err := h.page()
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, page.Close(context.Background())) })
	exports, err := h.exports()
	require.NoError(t, err)
	return &app{t, h, h.handler(page, exports, operator, "127.0.0.1:8080")}
}

func (a *app) send(method, path, actor, body string) *httptest.ResponseRecorder {
	a.t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.RemoteAddr = "203.0.113.99:4711"
	if actor != "" {
		r.Header.Set("X-Actor", actor)
	}
	r.Header.Set("X-Comment", "for a test")
	w := httptest.NewRecorder()
	a.handler.ServeHTTP(w, r)
	return w
}

// does sends a request that must be answered with the status, and returns the
// JSON.
func (a *app) does(status int, method, path, actor, body string) map[string]any {
	a.t.Helper()
	w := a.send(method, path, actor, body)
	require.Equal(a.t, status, w.Code, "%s %s: %s", method, path, w.Body)
	answer := map[string]any{}
	if w.Body.Len() > 0 {
		require.NoError(a.t, json.Unmarshal(w.Body.Bytes(), &answer), "%s", w.Body)
	}
	return answer
}

func (a *app) entries(query string) []audit.Entry {
	a.t.Helper()
	w := a.send("GET", "/api/audit/entries?limit=1000&"+query, "", "")
	require.Equal(a.t, 200, w.Code, "%s", w.Body)
	var page struct{ Entries []audit.Entry }
	require.NoError(a.t, json.Unmarshal(w.Body.Bytes(), &page))
	return page.Entries
}

func TestHistoryIsOnTheTrail(t *testing.T) {
	a := open(t)
	all := a.entries("sort=time")
	assert.GreaterOrEqual(t, len(all), 250)
	days, users, actions := map[string]bool{}, map[string]bool{}, map[string]int{}
	for i, e := range all {
		days[e.Time.Format(time.DateOnly)] = true
		users[e.Actor.User()] = true
		actions[e.Action+" "+string(e.Outcome)]++
		assert.False(t, e.Time.After(time.Now()), "nothing is from the future")
		assert.NotEmpty(t, e.Tenant, "%+v", e)
		assert.NotEqual(t, audit.Actor{}, e.Actor, "%s %s at %d", e.Action, e.Object.Type, i)
	}
	assert.GreaterOrEqual(t, len(days), workDays, "spread over the days")
	assert.GreaterOrEqual(t, len(users), 10)
	for _, wanted := range []string{"create success", "update success", "destroy success", "restore success", "login success", "login failure", "destroy denied"} {
		assert.Positive(t, actions[wanted], "%s, of %v", wanted, actions)
	}
}

const workDays = 20 // the days of three weeks that work is sure to fall on

func TestWhatWasRolledBackIsNotOnTheTrail(t *testing.T) {
	a := open(t)
	assert.Empty(t, a.entries("q=half+an+import"))
	var n int64
	require.NoError(t, a.host.db.Model(&Project{}).Where("name = ?", "Half an import").Count(&n).Error)
	assert.Zero(t, n)
}

func TestOneTransactionIsOne(t *testing.T) {
	a := open(t)
	var ids []string
	tables := map[string]bool{}
	for _, e := range a.entries("range=all") {
		if e.Comment == "Dan has left the company" {
			ids = append(ids, e.TransactionID)
			tables[e.Object.Type] = true
		}
	}
	require.GreaterOrEqual(t, len(ids), 4)
	for _, id := range ids {
		assert.Equal(t, ids[0], id)
	}
	assert.NotEmpty(t, ids[0])
	assert.Equal(t, map[string]bool{"users": true, "security_groups": true, "security_group_members": true}, tables)
}

func TestNoSecretIsOnTheTrail(t *testing.T) {
	a := open(t)
	var users []User
	var keys []APIKey
	require.NoError(t, a.host.db.Unscoped().Find(&users).Error)
	require.NoError(t, a.host.db.Find(&keys).Error)
	raw, err := json.Marshal(a.entries(""))
	require.NoError(t, err)
	for _, u := range users {
		assert.NotContains(t, string(raw), u.PasswordHash)
	}
	require.NotEmpty(t, keys)
	for _, k := range keys {
		assert.NotContains(t, string(raw), k.TokenHash)
	}
	assert.NotContains(t, string(raw), "s3cr3t")
	assert.Contains(t, string(raw), audit.Mask, "that they changed is on it")
}

func TestSeedLeavesADatabaseThatHasSomethingAlone(t *testing.T) {
	a := open(t)
	before := len(a.entries(""))
	require.NoError(t, a.host.seed(t.Context()))
	assert.Len(t, a.entries(""), before)
}

func TestChangesOverHTTPAreOnTheTrail(t *testing.T) {
	a := open(t)
	const ada = "ada@acme.example"
	made := a.does(201, "POST", "/api/projects", ada, `{"name":"Apollo","budget_cents":100,"settings":{"replicas":2}}`)
	path := fmt.Sprintf("/api/projects/%v", made["id"])
	a.does(200, "PATCH", path, ada, `{"budget_cents":250,"settings":{"replicas":3}}`)
	a.does(204, "DELETE", path, ada, "")
	a.does(404, "GET", path, ada, "")
	a.does(200, "POST", path+"/restore", ada, "")
	a.does(409, "POST", path+"/restore", ada, "")
	a.does(200, "GET", path+"?as=cleo@acme.example", "", "")

	entries := a.entries(fmt.Sprintf("type=projects&record=%v&sort=time", made["id"]))
	var actions []string
	for _, e := range entries {
		actions = append(actions, e.Action)
		assert.Equal(t, ada, e.Actor.Email)
		assert.Equal(t, "acme", e.Tenant)
		assert.Equal(t, "203.0.113.99", e.Request.IP)
		assert.Equal(t, "for a test", e.Comment)
		assert.NotEmpty(t, e.Request.ID)
	}
	require.Equal(t, []string{"create", "update", "destroy", "restore"}, actions)
	assert.Equal(t, "Apollo", entries[0].Object.Name)
	changed := map[string][2]any{}
	for _, c := range entries[1].Changes {
		changed[c.Field] = [2]any{c.Old, c.New}
	}
	assert.Equal(t, [2]any{int64(100), int64(250)}, changed["budget_cents"])
	assert.Equal(t, [2]any{int64(2), int64(3)}, changed["settings.replicas"])
}

func TestEveryKindOfRecordIsServed(t *testing.T) {
	a := open(t)
	for path, body := range map[string]string{
		"organizations":   `{"slug":"initech","name":"Initech"}`,
		"users":           `{"organization_id":1,"email":"new@acme.example","name":"New","password":"p"}`,
		"api_keys":        `{"organization_id":1,"label":"deploy","scopes":["a"]}`,
		"security_groups": `{"organization_id":1,"name":"DB","rules":[{"port":5432,"from":"10.0.0.0/8"}]}`,
		"projects":        `{"organization_id":1,"name":"Zeus"}`,
	} {
		made := a.does(201, "POST", "/api/"+path, "", body)
		one := fmt.Sprintf("/api/%s/%v", path, made["id"])
		assert.Equal(t, made["id"], a.does(200, "GET", one, "", "")["id"])
		w := a.send("GET", "/api/"+path, "", "")
		assert.Equal(t, 200, w.Code)
		assert.Contains(t, w.Body.String(), fmt.Sprintf(`"id": %v`, made["id"]))
		a.does(204, "DELETE", one, "", "")
	}
}

func TestMistakesGetClearAnswers(t *testing.T) {
	a := open(t)
	const ada = "ada@acme.example"
	for _, c := range []struct {
		name, method, path, actor, body string
		status                          int
	}{
		{"no JSON", "POST", "/api/projects", ada, "{", 400},
		{"an unknown field", "POST", "/api/projects", ada, `{"nmae":"x"}`, 400},
		{"no name", "POST", "/api/projects", ada, `{"name":" "}`, 422},
		{"a bad port", "POST", "/api/security_groups", ada, `{"name":"x","rules":[{"port":70000,"from":"x"}]}`, 422},
		{"an email that is taken", "POST", "/api/users", ada, `{"name":"x","email":"ben@acme.example"}`, 409},
		{"no such organization", "POST", "/api/projects", "", `{"name":"x","organization_id":99}`, 422},
		{"no such record", "PATCH", "/api/projects/9999", ada, `{}`, 404},
		{"no number", "GET", "/api/projects/x", ada, "", 404},
		{"a member", "DELETE", "/api/projects/1", "cleo@acme.example", "", 403},
		{"another organization's owner", "PATCH", "/api/projects/1", "gus@globex.example", `{"name":"mine"}`, 403},
		{"reading another organization's", "GET", "/api/projects/1", "gus@globex.example", "", 404},
		{"an owner making organizations", "POST", "/api/organizations", ada, `{"slug":"mine","name":"Mine"}`, 403},
		{"nobody known", "DELETE", "/api/projects/1", "mallory@nowhere.example", "", 403},
		{"an unknown filter", "GET", "/api/audit/entries?colour=red", "", "", 400},
		{"a forged cursor", "GET", "/api/audit/entries?cursor=abc", "", "", 400},
		{"no such entry", "GET", "/api/audit/entries/1", "", "", 404},
		{"a member reading the trail", "GET", "/api/audit/entries", "cleo@acme.example", "", 403},
		{"nobody reading the trail", "GET", "/api/audit/entries", "mallory@nowhere.example", "", 403},
		{"a member's export", "GET", "/api/audit/export", "cleo@acme.example", "", 403},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := a.send(c.method, c.path, c.actor, c.body)
			assert.Equal(t, c.status, w.Code, "%s", w.Body)
			assert.Contains(t, w.Body.String(), `"error"`)
		})
	}
	var name string
	require.NoError(t, a.host.db.Raw("SELECT name FROM projects WHERE id = 1").Scan(&name).Error)
	assert.Equal(t, "Public website", name, "nothing of it was done")
}

func TestDeniedAttemptsAreOnTheTrail(t *testing.T) {
	a := open(t)
	a.does(403, "DELETE", "/api/projects/1", "cleo@acme.example", "")
	a.does(403, "DELETE", "/api/projects/1", "mallory@nowhere.example", "")
	got := a.entries("outcome=denied&type=projects&record=1&sort=time")
	require.Len(t, got, 2)
	assert.Equal(t, "cleo@acme.example", got[0].Actor.Email)
	assert.Equal(t, audit.Actor{Type: "unknown", Name: "mallory@nowhere.example"}, got[1].Actor)
	assert.Equal(t, errUnknownActor.Error(), got[1].Metadata["actor_error"])
}

func TestLogins(t *testing.T) {
	a := open(t)
	a.does(200, "POST", "/login", "", `{"email":"ada@acme.example","password":"correct horse"}`)
	a.does(401, "POST", "/login", "", `{"email":"ada@acme.example","password":"wrong"}`)
	a.does(401, "POST", "/login", "", `{"email":"nobody@acme.example","password":"wrong"}`)
	got := a.entries("action=login&ip=203.0.113.99&sort=time")
	require.Len(t, got, 3)
	assert.Equal(t, []audit.Outcome{audit.Success, audit.Failure, audit.Failure}, []audit.Outcome{got[0].Outcome, got[1].Outcome, got[2].Outcome})
	assert.Equal(t, "no such user", got[2].Error)
	assert.Equal(t, "nobody@acme.example", got[2].Actor.Email)
}

func TestAnOwnerSeesOnlyTheirOrganization(t *testing.T) {
	a := open(t)
	w := a.send("GET", "/api/audit/entries?limit=1000&tenant=acme&as=gus@globex.example", "", "")
	require.Equal(t, 200, w.Code)
	assert.Contains(t, w.Body.String(), `"entries": []`)
	w = a.send("GET", "/api/audit/export?format=csv&as=gus@globex.example", "", "")
	require.Equal(t, 200, w.Code, "%s", w.Body)
	assert.NotContains(t, w.Body.String(), "acme")
	assert.Contains(t, w.Body.String(), "Customs")
	w = a.send("GET", "/api/audit/facets", "gus@globex.example", "")
	require.Equal(t, 200, w.Code)
	assert.NotContains(t, w.Body.String(), "acme")
	assert.Equal(t, "gus@globex.example", a.entries("action=export")[0].Actor.Email, "the export is on the trail")
}

func TestPageShowsWhatItsReaderMaySee(t *testing.T) {
	a := open(t)
	w := a.send("GET", "/audit?as=gus@globex.example", "", "")
	require.Equal(t, 200, w.Code, "%s", w.Body)
	assert.Contains(t, w.Body.String(), "hana@globex.example")
	assert.NotContains(t, w.Body.String(), "ada@acme.example")

	r := httptest.NewRequest("GET", "/audit?type=projects", nil) // a link of the page
	for _, c := range w.Result().Cookies() {
		r.AddCookie(c)
	}
	w = httptest.NewRecorder()
	a.handler.ServeHTTP(w, r)
	require.Equal(t, 200, w.Code)
	assert.NotContains(t, w.Body.String(), "acme", "the browser is still the same person")

	assert.Equal(t, 403, a.send("GET", "/audit", "cleo@acme.example", "").Code)
	assert.Contains(t, a.send("GET", "/audit", "", "").Body.String(), "ada@acme.example", "the operator sees all")
}

// TestUserMenuHasTheOrganizationsUsers and no others.
func TestPagePreparesFiles(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	a := open(t)
	r := httptest.NewRequest("POST", "/audit?jobs=start&export=csv", http.NoBody)
	r.Header.Set("X-Actor", "ada@acme.example")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	w := httptest.NewRecorder()
	a.handler.ServeHTTP(w, r)
	require.Equal(t, http.StatusSeeOther, w.Code, "%s", w.Body)
	file := regexp.MustCompile(`href="(\?[^"]*jobs=file[^"]*)"`)
	var link []string
	require.Eventually(t, func() bool {
		link = file.FindStringSubmatch(a.send("GET", "/audit?jobs=list", "ada@acme.example", "").Body.String())
		return link != nil
	}, 20*time.Second, 50*time.Millisecond)
	got := a.send("GET", "/audit"+html.UnescapeString(link[1]), "ada@acme.example", "")
	require.Equal(t, http.StatusOK, got.Code)
	require.Contains(t, got.Body.String(), "acme")
	require.NotRegexp(t, file, a.send("GET", "/audit?jobs=list", "ben@acme.example", "").Body.String(), "it is Ada's")
	require.Equal(t, http.StatusNotFound, a.send("GET", "/audit"+html.UnescapeString(link[1]), operator, "").Code)
}

func TestUserMenuHasTheOrganizationsUsers(t *testing.T) {
	a := open(t)
	require.NoError(t, a.host.db.Session(&gorm.Session{SkipHooks: true}).Create(&[]User{
		{OrganizationID: 1, Email: "quiet_one@acme.example", Name: "Quiet One"}, {OrganizationID: 2, Email: "quiet.two@other.example", Name: "Quiet Two"},
	}).Error)
	find := func(actor, text string) string {
		return a.send("GET", "/audit?facet=user&format=json&find="+text, actor, "").Body.String()
	}
	require.Contains(t, find("ada@acme.example", "QUIET"), "quiet_one@acme.example")
	require.NotContains(t, find("ada@acme.example", "quiet"), "quiet.two")
	require.Contains(t, find(operator, "quiet"), "quiet.two")
	require.NotContains(t, find(operator, "quiet_"), "quiet.two", "an underscore is one")
}

func TestRunPrintsAndEnds(t *testing.T) {
	var out, errs bytes.Buffer
	file := filepath.Join(t.TempDir(), "kept.db")
	require.NoError(t, run(t.Context(), []string{"-serve=false", "-db", file, "-rows", "7"}, &out, &errs))
	assert.Empty(t, errs.String())
	assert.Contains(t, out.String(), "The newest 7 of ")
	assert.Contains(t, out.String(), "One record's history, newest first: Project Public website")
	assert.Contains(t, out.String(), `"Public website"`)

	out.Reset()
	require.NoError(t, run(t.Context(), []string{"-serve=false", "-seed=false"}, &out, &errs))
	assert.Contains(t, out.String(), "The newest 0 of 0 entries")
}

func TestRunServesUntilItIsToldToEnd(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	lines, out := make(chan string, 1), new(lineWriter)
	out.until("Listening on", lines)
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, []string{"-seed=false", "-addr", taken.Addr().String()}, out, out) }()
	var printed string
	select {
	case printed = <-lines:
	case err := <-ended:
		require.NoError(t, err, "it ended by itself")
	}
	_, port, _ := net.SplitHostPort(taken.Addr().String())
	assert.Contains(t, printed, "Port "+port+" is taken by another program; using ")
	_, url, _ := strings.Cut(printed, "trail, at ")
	url, _, _ = strings.Cut(url, "\n")
	res, err := http.Get(url + "/")
	require.NoError(t, err)
	res.Body.Close()
	assert.Equal(t, 200, res.StatusCode)
	cancel()
	assert.NoError(t, <-ended)
	left, err := os.ReadDir(temp)
	assert.NoError(t, err)
	assert.Empty(t, left, "the database and the prepared files are removed")
}

// lineWriter gives all that was written once a text is in it.
type lineWriter struct {
	bytes.Buffer
	text string
	to   chan<- string
}

func (w *lineWriter) until(text string, to chan<- string) { w.text, w.to = text, to }

func (w *lineWriter) Write(p []byte) (int, error) {
	n, err := w.Buffer.Write(p)
	if w.to != nil && strings.Contains(w.String(), w.text) && strings.HasSuffix(w.String(), "\n") {
		w.to <- w.String()
		w.to = nil
	}
	return n, err
}

func TestFlags(t *testing.T) {
	for _, c := range []struct {
		args []string
		err  error
		says string
	}{
		{[]string{"-h"}, flag.ErrHelp, "-addr address"},
		{[]string{"-nope"}, errUsage, "flag provided but not defined"},
		{[]string{"serve"}, errUsage, "takes flags only"},
		{[]string{"-rows", "-1"}, errUsage, "-rows -1 is not one of 0 to 1000"},
	} {
		var errs bytes.Buffer
		err := run(t.Context(), c.args, &errs, &errs)
		assert.ErrorIs(t, err, c.err)
		assert.Contains(t, errs.String(), c.says)
	}
	for args, says := range map[string]string{
		"-addr=nowhere":            "is no address with a port",
		"-addr=127.0.0.1:http":     "is no port",
		"-addr=127.0.0.1:99999":    "is no port",
		"-db=/no/such/folder/a.db": "opening the database",
	} {
		var out bytes.Buffer
		err := run(t.Context(), []string{args, "-seed=false"}, &out, &out)
		assert.ErrorContains(t, err, says, args)
	}
}
