package export_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"time"

	"github.com/gormtrail/audit"
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
		Actor:  audit.Actor{Email: "john.doe@example.com"},
		Object: audit.Object{Type: "api_keys", ID: "42", Name: "Office VPN"},
	})
	if err != nil {
		panic(err)
	}
	return trail
}

func ExampleWrite() {
	january := audit.Query{Filter: audit.Filter{
		From: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
		To:   time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC),
	}}
	fmt.Println(export.FileName(export.CSV, january))
	columns, err := export.Columns("time", "action", "name", "user")
	if err != nil {
		panic(err)
	}
	var file strings.Builder
	if err := export.Write(context.Background(), &file, export.CSV, exampleTrail(), january, &export.Options{Columns: columns}); err != nil {
		panic(err)
	}
	fmt.Print(strings.ReplaceAll(file.String(), "\r\n", "\n"))
	// Output:
	// audit-logs_2026-01-01_2026-01-31.csv
	// Timestamp,Action,Object name,Performed by
	// 2026-01-15T09:30:00.000000Z,ISSUE_TOKEN,Office VPN,john.doe@example.com
}

// Each tenant exports its own entries: the limit that Authorize returns is
// and-ed under whatever the request asks for.
func ExampleHandler() {
	exports := export.Handler(exampleTrail(), &export.Options{
		Authorize: func(r *http.Request) (audit.Filter, error) {
			tenant := r.Header.Get("X-Tenant") // a real host asks its session
			if tenant == "" {
				return audit.Filter{}, fmt.Errorf("not signed in")
			}
			return audit.Filter{Tenants: []string{tenant}}, nil
		},
	})
	for _, tenant := range []string{"acme", "rival", ""} {
		r := httptest.NewRequest("GET", "/export?format=csv&from=2026-01-01&to=2026-01-31", nil)
		r.Header.Set("X-Tenant", tenant)
		w := httptest.NewRecorder()
		exports.ServeHTTP(w, r)
		fmt.Println(w.Code, w.Header().Get("Content-Disposition"), strings.Count(w.Body.String(), "ISSUE_TOKEN"))
	}
	// Output:
	// 200 attachment; filename="audit-logs_2026-01-01_2026-01-31.csv" 1
	// 200 attachment; filename="audit-logs_2026-01-01_2026-01-31.csv" 0
	// 403  0
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
