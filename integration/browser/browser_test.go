// Package browser drives the viewer in a real browser: Debian's Chromium, over
// the DevTools protocol.
package browser

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/access"
	"github.com/gormtrail/audit/storage/memstore"
	"github.com/gormtrail/audit/viewer"
)

// findBrowser returns the browser's program. Where there is none, a developer's
// test skips, and CI's fails.
func findBrowser(t *testing.T) string {
	t.Helper()
	for _, name := range []string{os.Getenv("CHROMIUM"), "chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); name != "" && err == nil {
			return path
		}
	}
	if os.Getenv("CI") != "" {
		t.Fatal("no chromium on this machine, and CI needs one")
	}
	t.Skip("no chromium on this machine: install it, or name it in $CHROMIUM")
	return ""
}

// startBrowser runs one browser for the test; tabs of it are cheap.
func startBrowser(t *testing.T) context.Context {
	t.Helper()
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(findBrowser(t)), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Env("TZ=Europe/Berlin"), chromedp.Flag("disable-dev-shm-usage", true), chromedp.WindowSize(1440, 960))
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), opts...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	require.NoError(t, chromedp.Do(ctx)) // before anything concurrent, or two browsers start
	return ctx
}

// tab is one page of the browser, which notes what must never happen: an error
// on the console, a violation of the policy, a request to another host.
type tab struct {
	context.Context
	t      *testing.T
	origin string

	mu     sync.Mutex
	faults []string
	count  int   // requests
	bytes  int64 // over the wire
}

func newTab(t *testing.T, browser context.Context, site *httptest.Server) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(browser)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 8*time.Minute) // axe needs two on a machine that does nothing else
	t.Cleanup(cancel)
	b := &tab{Context: ctx, t: t, origin: site.URL}
	require.NoError(t, chromedp.Do(ctx)) // the tab is there
	require.NoError(t, chromedp.Listen(ctx, b.watch))
	_, err := chromedp.Call(ctx, network.Enable, network.EnableParams{})
	require.NoError(t, err)
	_, err = chromedp.Call(ctx, log.Enable, cdp.Empty{})
	require.NoError(t, err)
	t.Cleanup(func() { b.clean() })
	return b
}

func (b *tab) watch(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		b.count++
		u := e.Request.URL
		if !strings.HasPrefix(u, b.origin) && !strings.HasPrefix(u, "about:") && !strings.HasPrefix(u, "data:image/svg+xml;base64") { // the icon in the browser's own date control
			b.faults = append(b.faults, "request to "+u)
		}
	case *network.EventLoadingFinished:
		b.bytes += int64(e.EncodedDataLength)
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning {
			b.faults = append(b.faults, "console: "+fmt.Sprint(e.Args[0].Description, string(e.Args[0].Value)))
		}
	case *runtime.EventExceptionThrown:
		b.faults = append(b.faults, "exception: "+e.ExceptionDetails.Text)
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError || e.Entry.Source == log.EntrySourceSecurity {
			b.faults = append(b.faults, "log: "+e.Entry.Text+" "+e.Entry.URL)
		}
	case *page.EventJavascriptDialogOpening:
		b.faults = append(b.faults, "dialog: "+e.Message)
	}
}

func (b *tab) clean() {
	b.mu.Lock()
	defer b.mu.Unlock()
	require.Empty(b.t, b.faults)
}

// forgive drops the faults noted so far, where a test provokes them.
func (b *tab) forgive() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.faults = nil
}

func (b *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	require.NoError(b.t, chromedp.Do(b.Context, actions...))
}

func (b *tab) open(query string) {
	b.t.Helper()
	b.do(chromedp.Navigate(b.origin + "/admin/audit" + query))
}

func (b *tab) eval(js string) string {
	b.t.Helper()
	out, err := chromedp.Run(b.Context, chromedp.Evaluate[string]("String("+js+")"))
	require.NoError(b.t, err)
	return out
}

// until waits for an expression to be true. The browser's own polling needs
// eval, which the page's policy forbids.
func (b *tab) until(js string) {
	b.t.Helper()
	for range 200 {
		ok, err := chromedp.Run(b.Context, chromedp.Evaluate[bool]("Boolean("+js+")"))
		if err == nil && ok {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	require.Fail(b.t, "waited in vain", "%s\nat %s", js, b.eval("location.search+' '+document.querySelector('#count')?.textContent+' '+document.querySelector('.live .state')?.textContent"))
}

func (b *tab) click(selector string) {
	b.t.Helper()
	b.do(chromedp.Click(chromedp.CSS(selector)))
}

func (b *tab) size(width, height int64) { b.do(chromedp.EmulateViewport(width, height)) }

func (b *tab) media(name, value string) {
	b.t.Helper()
	_, err := chromedp.Call(b.Context, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: name, Value: value}},
	})
	require.NoError(b.t, err)
}

func (b *tab) dark(on bool) {
	scheme := "light"
	if on {
		scheme = "dark"
	}
	b.media("prefers-color-scheme", scheme)
}

// shot writes a picture, for people to look at.
func (b *tab) shot(name string) {
	b.t.Helper()
	png, err := chromedp.Run(b.Context, chromedp.CaptureScreenshot())
	require.NoError(b.t, err)
	require.NoError(b.t, os.MkdirAll("shots", 0o755))
	require.NoError(b.t, os.WriteFile(filepath.Join("shots", name+".png"), png, 0o644))
}

// site is a host with the viewer mounted under a path.
type site struct {
	*httptest.Server
	trail *audit.Trail

	down, noSockets atomic.Bool
	mu              sync.Mutex
	sockets         []net.Conn
}

// cut breaks every connection, as a network does.
func (s *site) cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, conn := range s.sockets {
		_ = conn.Close()
	}
	s.sockets = nil
	s.CloseClientConnections()
}

func newSite(t *testing.T, opts *viewer.Options, entries ...audit.Entry) *site {
	t.Helper()
	trail, err := audit.New(memstore.New(), nil)
	require.NoError(t, err)
	require.NoError(t, trail.Record(context.Background(), entries...))
	return siteOf(t, trail, opts)
}

// siteOf is a host of a trail.
func siteOf(t *testing.T, trail *audit.Trail, opts *viewer.Options) *site {
	t.Helper()
	if opts == nil {
		opts = &viewer.Options{}
	}
	if opts.Authorize == nil {
		opts.Authorize = access.InsecureForDevelopment
	}
	page, err := viewer.New(trail, opts)
	require.NoError(t, err)
	mux := http.NewServeMux()
	mux.Handle("/admin/audit", page)
	s := &site{trail: trail}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case s.down.Load(), s.noSockets.Load() && r.Header.Get("Upgrade") != "":
			w.WriteHeader(http.StatusBadGateway)
		default:
			mux.ServeHTTP(w, r)
		}
	}))
	s.Server = server
	track := server.Config.ConnState
	server.Config.ConnState = func(conn net.Conn, state http.ConnState) {
		if track != nil {
			track(conn, state)
		}
		if state == http.StateHijacked {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.sockets = append(s.sockets, conn)
		}
	}
	server.Start()
	t.Cleanup(func() {
		require.NoError(t, trail.Close(context.Background())) // ends the live feeds
		s.cut()
		server.Close()
	})
	return s
}

func values(pairs ...string) string {
	v := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		v.Add(pairs[i], pairs[i+1])
	}
	return "?" + v.Encode()
}

func gzipOptions() *viewer.Options { return &viewer.Options{Gzip: true} }
