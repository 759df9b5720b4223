package middleware_test

import (
	"github.com/labstack/echo/v4"

	"github.com/gormtrail/audit/examples/middleware"
	"github.com/gormtrail/audit/httpaudit"
)

// In echo, behind the host's own authentication. Handlers pass
// c.Request().Context() on.
func Example_echo() {
	opts := middleware.Options()
	router := echo.New()
	// region mount-echo
	router.Use(echo.WrapMiddleware(httpaudit.Middleware(opts)))
	// endregion
	router.DELETE("/keys/:id", func(c echo.Context) error {
		show(c.Request().Context())
		return nil
	})
	send(router)
	// Output: ada 203.0.113.7 DELETE /keys/7
}
