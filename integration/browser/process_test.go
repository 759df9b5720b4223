package browser

import (
	"compress/gzip"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/glebarez/sqlite"
	"github.com/stretchr/testify/require"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/access"
	"github.com/gormtrail/audit/storage/gormstore"
	"github.com/gormtrail/audit/viewer"
)

// writerVariable makes the test's own program write to the database that it
// names, and nothing else.
const writerVariable = "AUDIT_TEST_WRITER"

func TestMain(m *testing.M) {
	if file := os.Getenv(writerVariable); file != "" {
		if err := writeElsewhere(file); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func openTrail(file string) (*audit.Trail, error) {
	db, err := gorm.Open(sqlite.Open(file+"?_pragma=journal_mode(WAL)&_pragma=busy_timeout(10000)"), &gorm.Config{Logger: logger.Discard})
	if err != nil {
		return nil, err
	}
	store, err := gormstore.New(db, nil)
	if err != nil {
		return nil, err
	}
	if err := store.Migrate(context.Background()); err != nil {
		return nil, err
	}
	return audit.New(store, nil)
}

func writeElsewhere(file string) error {
	trail, err := openTrail(file)
	if err != nil {
		return err
	}
	for i := range 3 {
		e := one(1000 + i)
		e.Time = time.Now()
		if err := trail.Record(context.Background(), e); err != nil {
			return err
		}
	}
	return nil
}

// TestLiveFromAnotherProcess: the page follows what another program writes to
// the same database.
func TestLiveFromAnotherProcess(t *testing.T) {
	browser := startBrowser(t)
	file := filepath.Join(t.TempDir(), "trail.db")
	trail, err := openTrail(file)
	require.NoError(t, err)
	require.NoError(t, trail.Record(t.Context(), demo(80)...))
	page, err := viewer.New(trail, &viewer.Options{Authorize: access.InsecureForDevelopment})
	require.NoError(t, err)
	server := httptest.NewServer(page)
	defer server.Close()
	defer func() { require.NoError(t, trail.Close(context.Background())) }()
	b := newTab(t, browser, server)
	b.open("")
	require.Equal(t, "81 entries", b.eval(`document.querySelector('#count').textContent`))
	b.goLive()
	writer := exec.CommandContext(t.Context(), os.Args[0])
	writer.Env = append(os.Environ(), writerVariable+"="+file)
	out, err := writer.CombinedOutput()
	require.NoError(t, err, "%s", out)
	b.until(firstRow + ` === '` + entryID(1002) + `'`)
	b.until(`document.querySelector('#count').textContent === '84 entries'`)
	b.click(".c-user a")
	b.until(`document.querySelector('.c-user').getAttribute('aria-sort') === 'ascending'`)
	b.click("a[rel=next]")
	b.until(rowCount + ` === 34`)
}

// TestUnderHostMiddleware: a host that compresses everything and cuts requests
// short; its writer can neither flush nor be hijacked.
func TestUnderHostMiddleware(t *testing.T) {
	browser := startBrowser(t)
	s := newSite(t, nil, demo(60)...)
	inner := s.Config.Handler
	server := httptest.NewServer(http.TimeoutHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("live") != "" || w.Header().Get("Content-Encoding") != "" {
			inner.ServeHTTP(w, r)
			return
		}
		r.Header.Del("Accept-Encoding") // what follows is compressed here
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		defer z.Close()
		inner.ServeHTTP(zipped{w, z}, r)
	}), 10*time.Second, "too slow"))
	defer server.Close()
	b := newTab(t, browser, server)
	b.open("")
	require.Equal(t, "50", b.eval(rowCount))
	b.click(".live")
	b.until(chip + ` === 'Live, every 3 s'`)
	s.write(t, 1000, 2)
	b.until(firstRow + ` === '` + entryID(1001) + `'`)
	b.shot("live-polling")
	b.click(".live")
	b.forgive() // sockets can't be opened here
}

type zipped struct {
	http.ResponseWriter
	z *gzip.Writer
}

func (w zipped) Write(p []byte) (int, error) { return w.z.Write(p) }

// TestMotionContrastZoomAndThemes: what a reader's system asks for.
func TestMotionContrastZoomAndThemes(t *testing.T) {
	browser := startBrowser(t)
	s := newSite(t, &viewer.Options{ThemeCSS: []byte(`:root { --av-accent: light-dark(#7a2e8e, #e0a8f0); --av-accent-soft: light-dark(#f7ecfa, #331c3a);
		--av-canvas: light-dark(#faf7f2, #14110d); --av-radius: 2px; --av-create: light-dark(#00634c, #5fd3ae) }`)}, demo(60)...)
	b := newTab(t, browser, s.Server)
	b.size(1440, 900)
	b.open("")
	require.Equal(t, "rgb(250, 247, 242)", b.eval(`getComputedStyle(document.body).backgroundColor`))
	b.dark(true)
	require.Equal(t, "rgb(20, 17, 13)", b.eval(`getComputedStyle(document.body).backgroundColor`))
	b.shot("theme-dark")
	b.dark(false)
	source := axeSource(t)
	require.Empty(t, b.violations(source))
	b.media("prefers-reduced-motion", "reduce")
	b.goLive()
	s.write(t, 1000, 1)
	b.until(firstRow + ` === '` + entryID(1000) + `'`)
	require.Equal(t, "0", b.eval(`document.getAnimations().filter(a => a.playState === 'running').length`))
	b.click(".live")
	b.media("forced-colors", "active")
	b.shot("forced-colors")
	b.size(720, 450) // 1440 by 900 at 200 %
	b.open("")
	require.Equal(t, "0", b.eval(`document.documentElement.scrollWidth - document.documentElement.clientWidth`))
}
