package httpaudit_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/httpaudit"
)

func ExampleMiddleware() {
	opts := &httpaudit.Options{
		// The host's own authentication knows who it is.
		Actor: func(r *http.Request) (audit.Actor, error) {
			name, _, _ := r.BasicAuth()
			return audit.Actor{Type: "user", Name: name}, nil
		},
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("DELETE /keys/{id}", func(_ http.ResponseWriter, r *http.Request) {
		ctx := r.Context() // for db.WithContext(ctx) and trail.Record(ctx, …)
		from := audit.RequestFrom(ctx)
		fmt.Printf("%s, %s, %s %s\n", audit.ActorFrom(ctx).Name, from.IP, from.Method, from.Path)
	})
	handler := httpaudit.Middleware(opts)(mux)

	r := httptest.NewRequest("DELETE", "/keys/7", nil)
	r.SetBasicAuth("ada", "secret")
	r.RemoteAddr = "10.0.0.1:55000"
	r.Header.Set("X-Forwarded-For", "198.51.100.99, 203.0.113.7")
	handler.ServeHTTP(httptest.NewRecorder(), r)
	// Output: ada, 203.0.113.7, DELETE /keys/7
}

func ExampleClientIP() {
	r := httptest.NewRequest("GET", "/", nil)
	r.RemoteAddr = "10.0.0.1:55000"
	r.Header.Set("Forwarded", `for=198.51.100.99, for="[2001:db8::7]:4711";proto=https`)
	opts := &httpaudit.Options{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}
	fmt.Println(httpaudit.ClientIP(r, nil))
	fmt.Println(httpaudit.ClientIP(r, opts))
	// Output:
	// 10.0.0.1
	// 2001:db8::7
}
