// Viewer-mounts serves one and the same page at five places: net/http under an
// exact path, a subtree and a stripped prefix, and in chi, gin and echo.
//
//	go run ./viewer-mounts
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/signal"

	"github.com/gin-gonic/gin"
	"github.com/go-chi/chi/v5"
	"github.com/labstack/echo/v4"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/access"
	"github.com/gormtrail/audit/storage/memstore"
	"github.com/gormtrail/audit/viewer"
)

// mounts are the ways to mount the page. None of them tells it its path.
func mounts(page http.Handler) map[string]http.Handler {
	return map[string]http.Handler{
		"/exact": withNetHTTP(page), "/subtree/": withSubtree(page), "/strip/audit": withStripPrefix(page),
		"/chi/audit": withChi(page), "/gin/audit": withGin(page), "/echo/audit": withEcho(page),
	}
}

func withNetHTTP(page http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/exact", page)
	return mux
}

func withSubtree(page http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/subtree/", page)
	return mux
}

func withStripPrefix(page http.Handler) http.Handler {
	return http.StripPrefix("/strip", page)
}

func withChi(page http.Handler) http.Handler {
	r := chi.NewRouter()
	r.Handle("/chi/audit", page)
	return r
}

func withGin(page http.Handler) http.Handler {
	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	r.GET("/gin/audit", gin.WrapH(page))
	return r
}

func withEcho(page http.Handler) http.Handler {
	e := echo.New()
	e.GET("/echo/audit", echo.WrapHandler(page))
	return e
}

// newPage is a page with one entry on it. A program's own Authorize asks its
// session who is there, and what they may see.
func newPage(ctx context.Context) (*viewer.Viewer, error) {
	trail, err := audit.New(memstore.New(), nil)
	if err != nil {
		return nil, err
	}
	if err := trail.Record(ctx, audit.Entry{Action: audit.ActionCreate, Object: audit.Object{Type: "invoices", ID: "INV-1"}}); err != nil {
		return nil, err
	}
	return viewer.New(trail, &viewer.Options{Authorize: access.InsecureForDevelopment})
}

func run(ctx context.Context) error {
	page, err := newPage(ctx)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	for path, handler := range mounts(page) {
		mux.Handle(path, handler)
		fmt.Println("http://127.0.0.1:8080" + path)
	}
	server := &http.Server{Addr: "127.0.0.1:8080", Handler: mux}
	stopped := make(chan error, 1)
	go func() {
		<-ctx.Done()
		_ = page.Close(context.Background()) // ends the live feeds, which Shutdown would wait for
		stopped <- server.Shutdown(context.Background())
	}()
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-stopped
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		log.Fatal(err)
	}
}
