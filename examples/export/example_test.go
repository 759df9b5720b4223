package export_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"time"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/export"
	"github.com/gormtrail/audit/storage/memstore"
)

// An administrator's log in the form of another product.
func Example_columns() {
	ctx := context.Background()
	trail, err := audit.New(memstore.New(), nil)
	check(err)
	check(trail.Record(ctx, audit.Entry{
		Time: time.Date(2016, 6, 9, 13, 59, 24, 0, time.UTC), Action: "ISSUE_TOKEN",
		Object: audit.Object{Name: "Office VPN"}, Metadata: map[string]any{"user": "john.doe"},
	}))
	w, query := os.Stdout, audit.Query{}
	// region columns
	err = export.Write(ctx, w, export.CSVFormat{NoHeader: true}, trail, query, &export.Options{
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
	check(err)
	// Output: 2016-06-09T13:59:24Z,ISSUE_TOKEN,,,john.doe,Office VPN
}

// A file, and a route that serves it.
func Example_write() {
	ctx := context.Background()
	trail, err := audit.New(memstore.New(), nil)
	check(err)
	var w bytes.Buffer
	mux := http.NewServeMux()
	query := audit.Query{Filter: audit.Filter{
		From: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), To: time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC),
	}}
	tenant := audit.Filter{Tenants: []string{"acme"}}
	requireAdmin := func(h http.Handler) http.Handler { return h }
	// region write
	err = export.Write(ctx, &w, export.PDF, trail, query, nil)
	name := export.FileName(export.PDF, query) // audit-logs_2026-01-01_2026-01-31.pdf

	mux.Handle("GET /audit/export", requireAdmin(export.Handler(trail.Scope(tenant), nil)))
	// GET /audit/export?format=xlsx&from=2026-01-01&to=2026-01-31&action=destroy&sort=-user
	// endregion
	check(err)
	fmt.Println(name, w.Len() > 1000)
	fmt.Println(get(mux, "/audit/export?format=xlsx&from=2026-01-01&to=2026-01-31&action=destroy&sort=-user"))
	// Output:
	// audit-logs_2026-01-01_2026-01-31.pdf true
	// 200
}

// A route that decides for each request.
func Example_authorize() {
	trail, err := audit.New(memstore.New(), nil)
	check(err)
	session := func(r *http.Request) (user struct {
		Admin  bool
		Tenant string
	}, ok bool) {
		return user, r.Header.Get("Cookie") != ""
	}
	// region authorize
	handler := export.Handler(trail, &export.Options{
		Record: trail,
		Authorize: func(r *http.Request) (audit.Filter, error) {
			user, ok := session(r)
			if !ok || !user.Admin {
				return audit.Filter{}, errors.New("not an administrator")
			}
			return audit.Filter{Tenants: []string{user.Tenant}}, nil
		},
	})
	// endregion
	fmt.Println(get(handler, "/"))
	// Output: 403
}

// A font for what the ready ones lack.
func Example_fonts() {
	noto, err := os.ReadFile("NotoSansSC.ttf")
	if err != nil {
		fmt.Println("this machine has no such font")
	}
	// region fonts
	format := export.PDFFormat{Fonts: []export.Font{{Name: "Noto Sans SC", TTF: noto}}}
	// endregion
	fmt.Println(format.Name())
	// Output:
	// this machine has no such font
	// pdf
}

func get(h http.Handler, target string) int {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", target, nil))
	_, _ = io.Copy(io.Discard, w.Body)
	return w.Code
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
