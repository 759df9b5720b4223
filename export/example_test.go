package export_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"time"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/access"
	"github.com/gormtrail/audit/export"
	"github.com/gormtrail/audit/storage/memstore"
)

func exampleTrail() *audit.Trail {
	trail, err := audit.New(memstore.New(), nil)
	if err != nil {
		panic(err)
	}
	err = trail.Record(context.Background(), audit.Entry{
		Time:   time.Date(2026, 1, 15, 9, 30, 0, 0, time.UTC),
		Tenant: "acme", Action: "ISSUE_TOKEN",
		Actor:    audit.Actor{Email: "john.doe@example.com"},
		Object:   audit.Object{Type: "api_keys", ID: "42", Name: "Office VPN"},
		Metadata: map[string]any{"user": "john.doe"},
	})
	if err != nil {
		panic(err)
	}
	return trail
}

func ExampleWrite() {
	ctx, trail := context.Background(), exampleTrail()
	january := audit.Query{Filter: audit.Filter{
		From: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
		To:   time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC),
	}}
	var w bytes.Buffer
	// region write
	name := export.FileName(export.CSV, january)
	err := export.Write(ctx, &w, export.CSV, trail, january, nil)
	// endregion
	fmt.Println(name, err)
	fmt.Print(strings.ReplaceAll(w.String(), "\r\n", "\n"))
	// Output:
	// audit-logs_2026-01-01_2026-01-31.csv <nil>
	// Timestamp,Outcome,Action,Object type,Object name,ID,Changes,User,On behalf of,IP address,Comment
	// 2026-01-15T09:30:00.000000Z,success,ISSUE_TOKEN,api_keys,Office VPN,42,,john.doe@example.com,,,
}

// A host chooses the columns, their order and their form.
func ExampleColumn() {
	ctx, trail := context.Background(), exampleTrail()
	var w bytes.Buffer
	// region layout
	err := export.Write(ctx, &w, export.CSVFormat{NoHeader: true}, trail, audit.Query{}, &export.Options{
		TimeLayout: time.RFC3339,
		Columns: []export.Column{
			{Value: func(e audit.Entry) any { return e.Time }},
			{Value: func(e audit.Entry) any { return e.Action }},
			{Value: func(e audit.Entry) any { return e.Metadata["admin"] }},
			{Value: func(e audit.Entry) any { return e.Metadata["domain"] }},
			{Value: func(e audit.Entry) any { return e.Metadata["user"] }},
			{Value: func(e audit.Entry) any { return e.Object.Name }},
		},
	})
	// 2016-06-09T13:59:24Z,ISSUE_TOKEN,,,john.doe,Office VPN
	// endregion
	fmt.Print(strings.ReplaceAll(w.String(), "\r\n", "\n"), err)
	// Output:
	// 2026-01-15T09:30:00Z,ISSUE_TOKEN,,,john.doe,Office VPN
	// <nil>
}

// A font of the host's shows what the built-in ones lack.
func ExamplePDFFormat() {
	noto := []byte("not a font")
	// region fonts
	pdf := export.PDFFormat{Fonts: []export.Font{{Name: "Noto Sans SC", TTF: noto}}}
	// endregion
	err := export.Write(context.Background(), io.Discard, pdf, exampleTrail(), audit.Query{}, nil)
	fmt.Println(err)
	// Output: export: incomplete after 0 rows: export: font Noto Sans SC: is damaged
}

// session stands for the host's own.
func session(r *http.Request) (tenant string, admin bool) {
	return r.Header.Get("X-Tenant"), r.Header.Get("X-Tenant") != ""
}

// Each tenant exports its own entries, whatever the request asks for.
func ExampleHandler() {
	trail := exampleTrail()
	// region authorize
	exports, err := export.Handler(trail, &export.Options{
		Record: trail,
		Authorize: func(r *http.Request) (access.Grant, error) {
			tenant, admin := session(r)
			if !admin {
				return access.Grant{}, access.ErrDenied
			}
			return access.Grant{Scope: audit.Filter{Tenants: []string{tenant}}, Export: true}, nil
		},
	})
	// endregion
	if err != nil {
		panic(err)
	}
	for _, tenant := range []string{"acme", "rival", ""} {
		r := httptest.NewRequest("GET", "/export?format=csv&from=2026-01-01&to=2026-01-31", nil)
		r.Header.Set("X-Tenant", tenant)
		w := httptest.NewRecorder()
		exports.ServeHTTP(w, r)
		fmt.Println(w.Code, w.Header().Get("Content-Disposition"), strings.Count(w.Body.String(), "Issue token"))
	}
	// Output:
	// 200 attachment; filename="audit-logs_2026-01-01_2026-01-31.csv" 1
	// 200 attachment; filename="audit-logs_2026-01-01_2026-01-31.csv" 0
	// 403  0
}

func ExampleHandler_mount() {
	trail, mux := exampleTrail(), http.NewServeMux()
	authorize := func(*http.Request) (access.Grant, error) { // the application's own
		return access.Grant{Scope: audit.Filter{Tenants: []string{"acme"}}, Export: true}, nil
	}
	// region mount
	exports, err := export.Handler(trail, &export.Options{Authorize: authorize})
	mux.Handle("GET /audit/export", exports)
	// GET /audit/export?format=xlsx&from=2026-01-01&to=2026-01-31&action=destroy&sort=-record
	// endregion
	if err != nil {
		panic(err)
	}
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest("GET", "/audit/export?format=jsonl&tenant=rival", nil))
	fmt.Println(w.Code, w.Header().Get("Content-Type"), w.Body.Len())
	// Output: 200 application/x-ndjson 0
}

// shout is a format of a host's own.
type shout struct{}

func (shout) Name() string      { return "txt" }
func (shout) MediaType() string { return "text/plain; charset=utf-8" }

func (shout) Write(w io.Writer, t *export.Table) error {
	for e, err := range t.Rows() {
		if err != nil {
			fmt.Fprintln(w, t.Notice())
			return err
		}
		if _, err := fmt.Fprintf(w, "%s %s!\n", strings.ToUpper(e.Action), e.Object.ID); err != nil {
			return err
		}
	}
	_, err := io.WriteString(w, t.Notice())
	return err
}

func ExampleFormat() {
	err := export.Write(context.Background(), os.Stdout, shout{}, exampleTrail(), audit.Query{}, nil)
	fmt.Println(err)
	// Output:
	// ISSUE_TOKEN 42!
	// <nil>
}

// Jobs prepare files in the background, for what takes longer than a request may.
func ExampleJobs() {
	trail, ctx := exampleTrail(), context.Background()
	dir, err := os.MkdirTemp("", "prepared")
	if err != nil {
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()
	authorize := func(*http.Request) (access.Grant, error) {
		return access.Grant{Everything: true, Export: true, Operate: true, Actor: audit.Actor{Type: "user", ID: "1"}}, nil
	}
	// region jobs
	folder, err := export.Folder(dir) // or a bucket: anything that is an export.Storage
	if err != nil {
		return
	}
	jobs, err := export.NewJobs(ctx, trail, folder, nil) // viewer.Options{Jobs: jobs} shows them on the page
	if err != nil {
		return
	}
	defer jobs.Close(ctx)

	exports, err := export.Handler(trail, &export.Options{Authorize: authorize})
	mux := http.NewServeMux()
	mux.HandleFunc("POST /audit/export", func(w http.ResponseWriter, r *http.Request) {
		job, err := exports.Start(r, jobs) // Export, Operate and the same origin are asked for
		if err != nil {
			http.Error(w, "This file can't be prepared now.", http.StatusForbidden)
			return
		}
		w.WriteHeader(http.StatusAccepted)
		fmt.Fprintln(w, job.State)
	})
	// endregion
	if err != nil {
		return
	}
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest("POST", "/audit/export?format=csv&from=2026-01-01", nil))
	fmt.Print(w.Code, " ", len(jobs.List(access.Grant{Everything: true, Export: true, Actor: audit.Actor{Type: "user", ID: "1"}})))
	// Output: 202 1
}
