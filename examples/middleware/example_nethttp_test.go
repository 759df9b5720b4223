package middleware_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/examples/middleware"
	"github.com/gormtrail/audit/httpaudit"
)

// show stands for a handler's work: every entry made under ctx has these.
func show(ctx context.Context) {
	r := audit.RequestFrom(ctx)
	fmt.Println(audit.ActorFrom(ctx).Name, r.IP, r.Method, r.Path)
}

// send is a client behind the proxy.
func send(h http.Handler) {
	r := httptest.NewRequest("DELETE", "/keys/7", nil)
	r.RemoteAddr = "192.0.2.1:40000"
	r.Header.Set("X-Forwarded-For", "203.0.113.7")
	r.SetBasicAuth("ada", "secret")
	h.ServeHTTP(httptest.NewRecorder(), r)
}

// In front of any http.Handler.
func Example_netHTTP() {
	opts := middleware.Options()
	mux := http.NewServeMux()
	mux.HandleFunc("DELETE /keys/{id}", func(_ http.ResponseWriter, r *http.Request) { show(r.Context()) })
	// region mount-nethttp
	handler := httpaudit.Middleware(opts)(mux)
	// endregion
	send(handler)
	// Output: ada 203.0.113.7 DELETE /keys/7
}
