package browser

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/access"
	"github.com/gormtrail/audit/viewer"
)

// write puts n entries on the trail, numbered from first.
func (s *site) write(t *testing.T, first, n int) {
	t.Helper()
	var list []audit.Entry
	for i := range n {
		e := one(first + i)
		e.Time = time.Now().Add(time.Duration(i) * time.Microsecond)
		list = append(list, e)
	}
	require.NoError(t, s.trail.Record(context.Background(), list...))
}

const (
	firstRow = `document.querySelector('#results tbody tr').dataset.id`
	rowCount = `document.querySelectorAll('#results tbody tr').length`
	chip     = `(document.querySelector('.live .state').textContent)`
)

func (b *tab) goLive() {
	b.t.Helper()
	b.click(".live")
	b.until(chip + ` === 'Live'`)
}

func TestLiveInserts(t *testing.T) {
	browser := startBrowser(t)
	s := newSite(t, nil, demo(300)...)
	b := newTab(t, browser, s.Server)
	b.size(1440, 960)
	b.open("")
	b.goLive()
	require.Equal(t, "true", b.eval(`document.querySelector('.live').getAttribute('aria-checked')`))
	s.write(t, 1000, 3)
	b.until(firstRow + ` === '` + entryID(1002) + `'`)
	require.Equal(t, "50", b.eval(rowCount))
	b.until(`document.querySelector('#count').textContent === '304 entries'`)
	b.shot("live-on")
	b.until(`document.querySelector('#said').textContent === '3 new entries'`)

	// Only what the filters select comes in.
	b.open("?action=login")
	b.until(chip + ` === 'Live'`) // the choice is remembered
	s.write(t, 1100, 12)          // of these, 1100, 1101, 1103 … every ninth from 3 and 5 on are logins
	b.until(firstRow + ` === '` + entryID(1110) + `'`)
	require.Equal(t, "Logged in,Login failed", b.eval(`[...new Set([...document.querySelectorAll('.c-action bdi')].map(e => e.textContent))].sort().join()`))
}

func TestLiveHoldsForWhoReads(t *testing.T) {
	browser := startBrowser(t)
	s := newSite(t, nil, demo(300)...)
	b := newTab(t, browser, s.Server)
	b.size(1440, 700)
	b.open("")
	b.goLive()
	b.eval(`window.scrollTo(0, 900)`)
	top, first := b.eval(`document.querySelector('#results tbody tr').getBoundingClientRect().top`), b.eval(firstRow)
	s.write(t, 1000, 7)
	b.until(chip + ` === '7 waiting'`)
	require.Equal(t, first, b.eval(firstRow))
	require.Equal(t, top, b.eval(`document.querySelector('#results tbody tr').getBoundingClientRect().top`))
	require.Equal(t, "7 new entries", b.eval(`document.querySelector('.fresh').textContent`))
	b.shot("live-held")
	b.click(".fresh")
	b.until(firstRow + ` === '` + entryID(1006) + `'`)
	require.Equal(t, "50", b.eval(rowCount))
	require.Equal(t, entryID(1006), b.eval(`document.activeElement.closest('tr').dataset.id`))
	require.Equal(t, "50", b.eval(`new Set([...document.querySelectorAll('#results tbody tr')].map(r => r.dataset.id)).size`))
	require.Equal(t, "true", b.eval(`document.querySelector('.pill').hidden`))

	// A flood doesn't freeze the page, nor grow it.
	b.eval(`window.scrollTo(0, 900)`)
	b.eval(`window.worst = 0, window.last = performance.now(), setInterval(() => { const n = performance.now(); worst = Math.max(worst, n - last - 50); last = n }, 50)`)
	for i := range 10 {
		s.write(t, 2000+i*500, 500)
	}
	b.until(chip + ` === '5,000 waiting'`)
	require.Equal(t, "50", b.eval(rowCount))
	t.Logf("5,000 entries held a timer up by at most %s ms", b.eval(`Math.round(worst)`))

	// Off: the pill goes, the rows stay.
	b.eval(`window.scrollTo(0, 0)`)
	rows := b.eval(rowCount)
	b.click(".live")
	b.until(`document.querySelector('.pill').hidden`)
	require.Equal(t, rows, b.eval(rowCount))
	require.Equal(t, "false", b.eval(`document.querySelector('.live').getAttribute('aria-checked')`))
}

func TestLiveResumesAfterACut(t *testing.T) {
	browser := startBrowser(t)
	s := newSite(t, nil, demo(20)...)
	b := newTab(t, browser, s.Server)
	b.open("?per=100")
	b.goLive()
	s.down.Store(true)
	s.cut()
	b.until(chip + ` === 'Reconnecting'`)
	b.shot("live-reconnecting")
	s.write(t, 1000, 20)
	s.down.Store(false)
	b.until(rowCount + ` === 41`)
	var want string
	for i := 1019; i >= 1000; i-- {
		want += entryID(i) + " "
	}
	require.Equal(t, want, b.eval(`[...document.querySelectorAll('#results tbody tr')].slice(0, 20).map(r => r.dataset.id + ' ').join('')`))
	b.forgive() // the failed requests are on the console
}

func TestLiveWithoutWebSocket(t *testing.T) {
	browser := startBrowser(t)
	s := newSite(t, nil, demo(20)...)
	s.noSockets.Store(true)
	b := newTab(t, browser, s.Server)
	b.open("")
	b.click(".live")
	b.until(chip + ` === 'Live'`)
	s.write(t, 1000, 1)
	b.until(firstRow + ` === '` + entryID(1000) + `'`)
	b.forgive() // the refused sockets are on the console
}

func TestLiveEndsWhenSignedOut(t *testing.T) {
	browser := startBrowser(t)
	var out atomic.Bool
	s := newSite(t, &viewer.Options{Authorize: func(*http.Request) (access.Grant, error) {
		if out.Load() {
			return access.Grant{}, access.ErrDenied
		}
		return access.Grant{Everything: true, Follow: true, Personal: true}, nil
	}}, demo(20)...)
	b := newTab(t, browser, s.Server)
	b.open("")
	b.goLive()
	out.Store(true)
	s.cut()
	b.until(chip + ` === 'Signed out'`)
	b.shot("live-signed-out")
	b.forgive()
}

// TestLiveTwoServers: two handlers over the same trail, each with readers.
func TestLiveTwoServers(t *testing.T) {
	browser := startBrowser(t)
	s := newSite(t, nil, demo(5)...)
	other, err := viewer.New(s.trail, &viewer.Options{Authorize: access.InsecureForDevelopment})
	require.NoError(t, err)
	second := httptest.NewServer(other)
	defer second.Close()
	defer second.CloseClientConnections()
	b := newTab(t, browser, s.Server)
	c := newTab(t, browser, second)
	b.open("")
	b.goLive()
	c.do(chromedp.Navigate(second.URL + "/"))
	c.goLive()
	s.write(t, 1000, 2)
	for _, tab := range []*tab{b, c} {
		tab.until(fmt.Sprintf("%s === '%s'", firstRow, entryID(1001)))
	}
}
