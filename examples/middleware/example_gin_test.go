package middleware_test

import (
	"github.com/gin-gonic/gin"

	"github.com/gormtrail/audit/examples/middleware"
	"github.com/gormtrail/audit/httpaudit"
)

// In gin, behind the host's own authentication. Handlers pass
// c.Request.Context() on.
func Example_gin() {
	gin.SetMode(gin.ReleaseMode)
	opts := middleware.Options()
	router := gin.New()
	// region mount-gin
	router.Use(func(c *gin.Context) { c.Request = httpaudit.Annotate(c.Request, opts) })
	// endregion
	router.DELETE("/keys/:id", func(c *gin.Context) { show(c.Request.Context()) })
	send(router)
	// Output: ada 203.0.113.7 DELETE /keys/7
}
