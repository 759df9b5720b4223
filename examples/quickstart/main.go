// Command quickstart is a small application with an audit trail in it: a cloud
// platform's organizations, users, API keys, security groups and projects, in
// SQLite, behind an HTTP API. It makes three weeks of history through GORM,
// prints what the trail says of them, and serves.
//
//	go run ./examples/quickstart
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends it at once
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return
	case errors.Is(err, errUsage):
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}

// settings are what the flags say.
type settings struct {
	address string
	file    string
	actor   string
	seed    bool
	serve   bool
	rows    int
}

// errUsage: the flag package has said what is wrong with the flags.
var errUsage = errors.New("wrong flags")

func parseFlags(args []string, w io.Writer) (settings, error) {
	var s settings
	f := flag.NewFlagSet("quickstart", flag.ContinueOnError)
	f.SetOutput(w)
	f.StringVar(&s.address, "addr", "127.0.0.1:8080", "`address` to serve at; the next free port if it is taken, any with port 0")
	f.StringVar(&s.file, "db", "", "SQLite `file` to keep everything in; made if it isn't there; by default a temporary one, removed at the end")
	f.StringVar(&s.actor, "as", operator, "`email` of who acts in requests that name nobody by the header X-Actor or ?as=")
	f.BoolVar(&s.seed, "seed", true, "fill an empty database with three weeks of history; -seed=false leaves it empty")
	f.BoolVar(&s.serve, "serve", true, "serve until Ctrl-C; -serve=false prints the trail and ends")
	f.IntVar(&s.rows, "rows", 20, "print the newest `n` entries, 0 to 1000")
	f.Usage = func() {
		fmt.Fprint(w, "quickstart is a small application with an audit trail: it makes some history,\nprints it, and serves its API and the trail's. Files that the page prepares in the\nbackground are in a temporary folder, removed at the end.\n\nFlags:\n")
		f.PrintDefaults()
	}
	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return s, err
		}
		return s, errUsage
	}
	if f.NArg() > 0 {
		fmt.Fprintf(w, "quickstart takes flags only, and got %q; -h lists them\n", f.Args())
		return s, errUsage
	}
	if s.rows < 0 || s.rows > 1000 {
		fmt.Fprintf(w, "-rows %d is not one of 0 to 1000\n", s.rows)
		return s, errUsage
	}
	return s, nil
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	s, err := parseFlags(args, stderr)
	if err != nil {
		return err
	}
	if s.file == "" {
		dir, tempErr := os.MkdirTemp("", "quickstart-")
		if tempErr != nil {
			return tempErr
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
		s.file = filepath.Join(dir, "quickstart.db")
	}
	h, err := openHost(ctx, s.file, slog.New(slog.NewTextHandler(stderr, nil)))
	if err != nil {
		return err
	}
	// Closing waits for what is under way, also when ctx is done.
	defer func() { err = errors.Join(err, h.close(context.WithoutCancel(ctx))) }()
	if s.seed {
		if err := h.seed(ctx); err != nil {
			return fmt.Errorf("making the history: %w", err)
		}
	}
	if err := h.print(ctx, stdout, s.rows); err != nil || !s.serve {
		return err
	}
	return h.serve(ctx, s, stdout)
}

func (h *host) print(ctx context.Context, w io.Writer, rows int) error {
	if rows == 0 {
		return nil
	}
	if err := printNewest(ctx, w, h.trail, rows); err != nil {
		return err
	}
	return printHistory(ctx, w, h.trail, "projects", "1")
}

// serve answers requests until ctx is done, and then finishes those under way.
func (h *host) serve(ctx context.Context, s settings, stdout io.Writer) (err error) {
	l, err := listen(s.address, stdout)
	if err != nil {
		return err
	}
	if !loopback(l) {
		fmt.Fprintf(stdout, "\nWarning: %s can be reached from other machines, and the quickstart asks nobody for a password.\n", l.Addr())
	}
	end, err := h.prepare(ctx)
	if err != nil {
		return errors.Join(err, l.Close())
	}
	defer func() { err = errors.Join(err, end(context.WithoutCancel(ctx))) }()
	defer h.background(ctx)()
	page, err := h.page()
	if err != nil {
		return errors.Join(err, l.Close())
	}
	exports, err := h.exports()
	if err != nil {
		return errors.Join(err, l.Close())
	}
	fmt.Fprint(stdout, guide(reachable(l), s.actor), "\nListening on ", l.Addr(), ". Ctrl-C ends it.\n")
	server := &http.Server{
		Handler:           h.handler(page, exports, s.actor, reachable(l)),
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          slog.NewLogLogger(h.log.Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(l) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	fmt.Fprintln(stdout, "\nFinishing what is under way.")
	finish, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	// Live feeds would never finish by themselves.
	if err := errors.Join(page.Close(finish), server.Shutdown(finish)); err != nil {
		return errors.Join(err, server.Close())
	}
	return nil
}

// reachable is the listener's address as a browser on this machine takes it.
func reachable(l net.Listener) string {
	a, ok := l.Addr().(*net.TCPAddr)
	if ok && a.IP.IsUnspecified() {
		return fmt.Sprintf("127.0.0.1:%d", a.Port)
	}
	return l.Addr().String()
}
