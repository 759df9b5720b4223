package browser

import (
	"context"
	"iter"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	cdpbrowser "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/access"
	"github.com/gormtrail/audit/export"
	"github.com/gormtrail/audit/storage/memstore"
	"github.com/gormtrail/audit/viewer"
)

// preparing is a trail whose files can be prepared in the background.
func preparing(t *testing.T, opts *export.JobsOptions, entries ...audit.Entry) (*audit.Trail, *export.Jobs) {
	t.Helper()
	trail, err := audit.New(memstore.New(), nil)
	require.NoError(t, err)
	return trail, jobsOf(t, trail, opts, entries...)
}

func jobsOf(t *testing.T, trail *audit.Trail, opts *export.JobsOptions, entries ...audit.Entry) *export.Jobs {
	t.Helper()
	require.NoError(t, trail.Record(t.Context(), entries...))
	folder, err := export.Folder(t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, folder.Close()) })
	jobs, err := export.NewJobs(context.Background(), trail, folder, opts)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, jobs.Close(context.Background())) })
	return jobs
}

// slowStore is a store whose exports wait at a gate, while there is one, so that a job can
// be seen under way.
type slowStore struct {
	*memstore.Store
	gate atomic.Pointer[chan struct{}]
}

func (s *slowStore) close() (open func()) {
	gate := make(chan struct{})
	s.gate.Store(&gate)
	return func() { s.gate.Store(nil); close(gate) }
}

func (s *slowStore) All(ctx context.Context, q audit.Query) iter.Seq2[audit.Entry, error] {
	return func(yield func(audit.Entry, error) bool) {
		n := 0
		for e, err := range s.Store.All(ctx, q) {
			if gate := s.gate.Load(); gate != nil && n == 1200 { // behind the first news of how far it is
				select {
				case <-*gate:
				case <-ctx.Done():
					yield(audit.Entry{}, ctx.Err())
					return
				}
			}
			if n++; !yield(e, err) {
				return
			}
		}
	}
}

// jobsSite is a page whose readers are told apart by a cookie.
func jobsSite(t *testing.T) (*site, *slowStore) {
	t.Helper()
	store := &slowStore{Store: memstore.New()}
	trail, err := audit.New(store, nil)
	require.NoError(t, err)
	jobs := jobsOf(t, trail, nil, demo(3000)...)
	return siteOf(t, trail, &viewer.Options{Jobs: jobs, Authorize: func(r *http.Request) (access.Grant, error) {
		g := access.Grant{Everything: true, Personal: true, Export: true, Operate: true, Actor: audit.Actor{ID: "ada"}}
		if c, err := r.Cookie("reader"); err == nil {
			g.Actor.ID = c.Value
		}
		return g, nil
	}}), store
}

const jobState = `document.querySelector('.jobs .st')?.className`

// start starts a file from the list's menu.
func (b *tab) start(format string) {
	b.t.Helper()
	b.open("?action=update")
	b.click(".exp summary")
	b.click(`.exp button[formaction*="export=` + format + `"]`)
	b.until(search + `.includes('jobs=list')`)
}

// TestPreparedFiles: started from the list, followed on its page, and downloaded there.
func TestPreparedFiles(t *testing.T) {
	browser := startBrowser(t)
	s, store := jobsSite(t)
	b := newTab(t, browser, s.Server)
	dir := t.TempDir()
	_, err := chromedp.CallBrowser(b.Context, cdpbrowser.SetDownloadBehavior, cdpbrowser.SetDownloadBehaviorParams{
		Behavior: cdpbrowser.SetDownloadBehaviorBehaviorAllow, DownloadPath: dir,
	})
	require.NoError(t, err)
	b.size(1440, 900)
	b.open("?jobs=list")
	require.Equal(t, "No prepared files yet", b.eval(`document.querySelector('.empty h2').textContent`))
	b.shot("jobs-empty")

	open := store.close()
	b.start("csv")
	b.eval(`window.stayed = true`)
	b.until(jobState + ` === 'st st-running' && document.querySelector('.jobs progress').value === 1000`)
	require.Equal(t, "1,000 of 1,668 entries", b.eval(`document.querySelector('.job p > span').textContent`))
	require.Equal(t, "1 file in preparation", b.eval(`document.querySelector('#jobs-open').textContent`))
	b.shot("jobs-running")
	open()
	b.until(jobState + ` === 'st st-finished'`)
	require.Equal(t, "true", b.eval(`window.stayed`), "the page follows without being loaded again")
	require.Equal(t, "No file is in preparation", b.eval(`document.querySelector('#jobs-open').textContent`))
	require.Equal(t, "64", b.eval(`document.querySelector('.sha code').textContent.length`))
	b.shot("jobs-ready")
	b.click(".jobs a[download]")
	rows := downloaded(t, dir)
	require.Len(t, rows, 1669, "and the header")
	require.Equal(t, "1,668 entries", b.eval(`document.querySelector('.job p > span').textContent`))

	// Another reader sees none of it.
	b.eval(`document.cookie = 'reader=ben; path=/'`)
	b.open("?jobs=list")
	require.Equal(t, "0", b.eval(`document.querySelectorAll('.jobs > li').length`))
	b.eval(`document.cookie = 'reader=ada; path=/'`)
	b.open("?jobs=list")
	b.click(".jobs form button") // delete it
	b.until(`document.querySelector('.empty')`)
	b.size(360, 800)
	b.shot("jobs-empty-360")
}

// TestPreparedFilesEndEarly: one is cancelled while it is made, and one fails.
func TestPreparedFilesEndEarly(t *testing.T) {
	browser := startBrowser(t)
	s, store := jobsSite(t)
	b := newTab(t, browser, s.Server)
	b.size(1440, 900)
	open := store.close()
	b.start("csv")
	b.until(jobState + ` === 'st st-running'`)
	require.Equal(t, "Cancel", b.eval(`document.querySelector('.jobs form button').firstChild.textContent`))
	b.click(".jobs form button")
	b.until(jobState + ` === 'st st-cancelled'`)
	open()
	require.Equal(t, "0", b.eval(`document.querySelectorAll('.jobs a[download]').length`))
	b.click(".jobs form button")
	b.until(`document.querySelector('.empty')`)

	require.NoError(t, s.trail.Record(t.Context(), many(21_000)...)) // more than a PDF holds
	b.start("pdf")
	b.until(jobState + ` === 'st st-failed'`)
	require.Equal(t, "This format can't hold so many entries. Narrow the filter, or choose CSV.", b.eval(`document.querySelector('.why').textContent`))
	require.Equal(t, "0", b.eval(`document.querySelectorAll('.jobs a[download], .jobs progress').length`))
	require.Equal(t, "Failed", b.eval(`document.querySelector('.job p').textContent`), "no number of entries, where there are none")
	b.shot("jobs-failed")
	b.size(360, 800)
	b.shot("jobs-failed-360")
	require.Equal(t, "0", b.eval(`document.documentElement.scrollWidth - document.documentElement.clientWidth`))
}

func many(n int) []audit.Entry {
	list := make([]audit.Entry, n)
	for i := range list {
		list[i] = audit.Entry{Time: day.Add(time.Duration(i) * time.Second), Action: "update", Actor: people[0], Object: audit.Object{Type: "Invoice", ID: "1"}}
	}
	return list
}

// TestPreparedFilesWithoutJavaScript: the page loads itself again until the file is ready.
func TestPreparedFilesWithoutJavaScript(t *testing.T) {
	browser := startBrowser(t)
	s, store := jobsSite(t)
	b := newTab(t, browser, s.Server)
	_, err := chromedp.Call(b.Context, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	require.NoError(t, err)
	b.size(1440, 900)
	open := store.close()
	b.start("csv")
	b.until(jobState + ` === 'st st-running' && document.querySelector('a.nojs').checkVisibility()`)
	open()
	b.until(`document.querySelector('.jobs a[download]')`) // five seconds at most
	require.Equal(t, "0", b.eval(`document.querySelectorAll('noscript meta').length`), "a finished page stays as it is")
	b.click(".jobs form button")
	b.until(`document.querySelector('.empty')`)
}
