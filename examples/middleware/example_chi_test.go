package middleware_test

import (
	"net/http"

	"github.com/go-chi/chi/v5"

	"github.com/gormtrail/audit/examples/middleware"
	"github.com/gormtrail/audit/httpaudit"
)

// In chi, behind the host's own authentication.
func Example_chi() {
	opts := middleware.Options()
	router := chi.NewRouter()
	// region mount-chi
	router.Use(httpaudit.Middleware(opts))
	// endregion
	router.Delete("/keys/{id}", func(_ http.ResponseWriter, r *http.Request) { show(r.Context()) })
	send(router)
	// Output: ada 203.0.113.7 DELETE /keys/7
}
