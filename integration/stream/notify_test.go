package stream

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/memstore"
	"github.com/gormtrail/audit/storage/pgnotify"
)

// lines is a log that a test can read.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) has(s string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.text.String(), s)
}

// leaves fails the test if goroutines are left that it began.
func leaves(t *testing.T) {
	ignore := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, ignore) })
}

// notified is a program with a notifier, which is connected.
func notified(t *testing.T, dsn string, log *lines) (*program, *pgnotify.Notifier) {
	t.Helper()
	p := start(t, "postgres", dsn)
	n, err := pgnotify.New(p.trail, dsn+"&application_name=audit_notifier", &pgnotify.Options{Logger: slog.New(slog.NewTextHandler(log, nil))})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, n.Close(context.Background())) })
	return p, n
}

func (p *program) record(t testing.TB, id string) {
	t.Helper()
	require.NoError(t, p.trail.Record(context.Background(), audit.Entry{Action: "update", Object: audit.Object{Type: "t", ID: id}}))
}

// woken waits for a token. With a limit of an hour, only the test's own time
// ends it.
func woken(t *testing.T, wake <-chan struct{}, limit time.Duration) bool {
	t.Helper()
	select {
	case _, ok := <-wake:
		require.True(t, ok, "the notifier has ended")
		return true
	case <-time.After(limit):
		return false
	}
}

// quiet waits until the notifiers are connected and what they tell each other at
// first is through.
func quiet(t *testing.T, p *program, wake <-chan struct{}) {
	t.Helper()
	require.Eventually(t, func() bool {
		var n int64
		require.NoError(t, p.db.Raw("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'NOTIFY%'").Scan(&n).Error)
		return n == 2
	}, time.Minute, 50*time.Millisecond)
	for woken(t, wake, 500*time.Millisecond) {
	}
}

func TestProcessesWakeEachOther(t *testing.T) {
	leaves(t)
	dsn := newPostgres(t)
	log := &lines{}
	one, first := notified(t, dsn, log)
	_, second := notified(t, dsn, log)
	a, b, other := first.Wake(), second.Wake(), second.Wake()
	quiet(t, one, a)
	quiet(t, one, b)
	quiet(t, one, other)
	one.record(t, "x")
	require.True(t, woken(t, b, time.Hour))
	require.True(t, woken(t, other, time.Hour), "one token for each hub")
	require.False(t, woken(t, a, 300*time.Millisecond), "who has sent is not woken by it")
	require.False(t, log.has("WARN"))
}

// TestManyCommitsAreFewNotifications: their number depends on time, not on what
// is written.
func TestManyCommitsAreFewNotifications(t *testing.T) {
	dsn := newPostgres(t)
	one, _ := notified(t, dsn, &lines{})
	_, second := notified(t, dsn, &lines{})
	wake := second.Wake()
	quiet(t, one, wake)
	stop, counted := make(chan struct{}), make(chan int)
	go func() {
		n := 0
		for {
			select {
			case <-wake:
				n++
			case <-stop:
				counted <- n
				return
			}
		}
	}()
	begin := time.Now()
	for range 200 {
		one.record(t, "x")
	}
	time.Sleep(300 * time.Millisecond)
	most := 2 + int(time.Since(begin)/(100*time.Millisecond))
	close(stop)
	n := <-counted
	require.NotZero(t, n)
	require.LessOrEqual(t, n, most)
}

// TestNotifierSurvivesALostConnection: what was committed meanwhile is told when
// it is back.
func TestNotifierSurvivesALostConnection(t *testing.T) {
	leaves(t)
	dsn := newPostgres(t)
	log := &lines{}
	one, first := notified(t, dsn, log)
	_, second := notified(t, dsn, log)
	wake, own := second.Wake(), first.Wake()
	quiet(t, one, wake)
	quiet(t, one, own)
	for range 2 {
		var killed int64
		require.NoError(t, one.db.Raw("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'audit_notifier'").Scan(&killed).Error)
		require.EqualValues(t, 2, killed, "one connection each")
		one.record(t, "while nobody listened")
		require.True(t, woken(t, wake, time.Hour))
		require.Eventually(t, func() bool {
			var n int64
			require.NoError(t, one.db.Raw("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'audit_notifier'").Scan(&n).Error)
			return n == 2
		}, time.Minute, 50*time.Millisecond)
		quiet(t, one, wake)
		one.record(t, "x")
		require.True(t, woken(t, wake, time.Hour), "and on it goes")
		quiet(t, one, wake)
	}
	require.True(t, log.has("not connected"))
	require.True(t, log.has("connected again"))
}

func TestNotifierEnds(t *testing.T) {
	dsn := newPostgres(t)
	leaves(t)
	for name, address := range map[string]string{"connected": dsn, "never connected": "postgres://postgres@127.0.0.1:1/none"} {
		for _, end := range []string{"notifier", "trail"} {
			trail, err := audit.New(memstore.New(), nil)
			require.NoError(t, err)
			log := &lines{}
			n, err := pgnotify.New(trail, address, &pgnotify.Options{Logger: slog.New(slog.NewTextHandler(log, nil))})
			require.NoError(t, err)
			wake := n.Wake()
			if name == "connected" {
				require.True(t, woken(t, wake, time.Hour))
			} else {
				require.Eventually(t, func() bool { return log.has("not connected") }, time.Minute, 10*time.Millisecond)
			}
			if end == "notifier" {
				require.NoError(t, n.Close(t.Context()))
			} else {
				require.NoError(t, trail.Close(t.Context()))
			}
			for range wake { // until it is closed
			}
			_, open := <-n.Wake()
			require.False(t, open)
			require.NoError(t, n.Close(t.Context()))
		}
	}
}

func TestNotifierRefusesWhatCannotWork(t *testing.T) {
	trail, err := audit.New(memstore.New(), nil)
	require.NoError(t, err)
	_, err = pgnotify.New(nil, "", nil)
	require.ErrorContains(t, err, "trail")
	_, err = pgnotify.New(trail, "postgres://user:geheim@host:notaport/db", nil)
	require.Error(t, err)
	require.NotContains(t, err.Error(), "geheim")
	_, err = pgnotify.New(trail, "", &pgnotify.Options{Channel: strings.Repeat("x", 64)})
	require.ErrorContains(t, err, "63")
}

// TestChannelOfAnyName: it is quoted.
func TestChannelOfAnyName(t *testing.T) {
	dsn := newPostgres(t)
	p := start(t, "postgres", dsn)
	opts := &pgnotify.Options{Channel: `Audit "entries"; DROP TABLE audit_entries`}
	q := start(t, "postgres", dsn)
	one, err := pgnotify.New(p.trail, dsn, opts)
	require.NoError(t, err)
	two, err := pgnotify.New(q.trail, dsn, opts)
	require.NoError(t, err)
	wake := two.Wake()
	quiet(t, p, wake)
	p.record(t, "x")
	require.True(t, woken(t, wake, time.Hour))
	require.NoError(t, one.Close(t.Context()))
	require.NoError(t, two.Close(t.Context()))
}
