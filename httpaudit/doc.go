// Package httpaudit puts what an HTTP request says about who acts, and from
// where, into the request's context, from which the trail's entries take it:
// actor, tenant, client address, user agent, request ID, method and path.
//
// It is one line in front of a host's handlers:
//
//	http.ListenAndServe(addr, httpaudit.Middleware(opts)(mux))
//
// The same line serves a chi, gin or echo router, all of which are an
// http.Handler. Inside of them, behind their own authentication:
//
//	router.Use(httpaudit.Middleware(opts))                                                 // chi
//	router.Use(func(c *gin.Context) { c.Request = httpaudit.Annotate(c.Request, opts) })   // gin
//	router.Use(echo.WrapMiddleware(httpaudit.Middleware(opts)))                            // echo
//
// Handlers then pass the request's context on: db.WithContext(r.Context()), or
// trail.Record(r.Context(), …). In gin and echo it is c.Request.Context() and
// c.Request().Context().
//
// # Which address is the client's
//
// By default the peer of the connection, and no header is believed: anybody
// can send X-Forwarded-For. Options.TrustedProxies names the proxies that may
// say whom they speak for; see [ClientIP].
//
// The ResponseWriter is passed on as it is, so that Flusher, Hijacker,
// ReaderFrom and http.ResponseController work as without the middleware.
package httpaudit
