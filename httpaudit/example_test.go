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

// Support staff who open a customer's account act on behalf of that customer.
func ExampleOptions_onBehalfOf() {
	opts := &httpaudit.Options{
		// region on-behalf-of
		Actor: func(r *http.Request) (audit.Actor, error) { // who is logged in
			name, _, _ := r.BasicAuth()
			return audit.Actor{Type: "user", Name: name}, nil
		},
		OnBehalfOf: func(r *http.Request) (audit.Actor, error) { // whose account is open; nobody's: audit.Actor{}
			c, err := r.Cookie("acting_as")
			if err != nil {
				return audit.Actor{}, nil
			}
			return audit.Actor{Type: "user", Email: c.Value}, nil
		},
		// endregion
	}
	handler := httpaudit.Middleware(opts)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		fmt.Printf("%s for %s\n", audit.ActorFrom(r.Context()).User(), audit.OnBehalfOfFrom(r.Context()).User())
	}))

	r := httptest.NewRequest("POST", "/invoices", nil)
	r.SetBasicAuth("ada", "secret")
	r.AddCookie(&http.Cookie{Name: "acting_as", Value: "ben@example.com"})
	handler.ServeHTTP(httptest.NewRecorder(), r)
	// Output: ada for ben@example.com
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
