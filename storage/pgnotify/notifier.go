package pgnotify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/gormtrail/audit"
)

// DefaultChannel is the channel on which processes tell each other.
const DefaultChannel = "audit_entries"

// Options of a Notifier. nil and the zero value mean every default.
type Options struct {
	// Channel is the same for all who share a trail, at most 63 bytes. Trails
	// that share a database may share a channel: then they wake each other for
	// nothing. Default: DefaultChannel.
	Channel string
	// Logger is told when the connection is lost and when it is back. Default:
	// the trail's.
	Logger *slog.Logger
}

// Notifier tells other processes when this one has committed entries, and is
// told of theirs. It holds one connection, outside of the host's pool, and two
// goroutines, until Close or until the trail is closed. It is safe for
// concurrent use.
type Notifier struct {
	trail   *audit.Trail
	config  *pgconn.Config
	channel string
	logger  *slog.Logger
	cancel  context.CancelFunc
	done    chan struct{}

	mu    sync.Mutex
	wakes []chan struct{} // nil once it is closed
	ended bool
}

// New returns a notifier that connects by dsn, a URL or "key=value" pairs as
// libpq has them. It must reach the server itself: behind a pooler that hands
// out connections by transaction (PgBouncer) nothing is heard.
//
// New doesn't wait for the connection. While there is none, the notifier tries
// again, after one second at first and sixteen at most, and feeds go by their
// clock. An error means that trail is nil or that dsn or the channel can't be
// used.
func New(trail *audit.Trail, dsn string, opts *Options) (*Notifier, error) {
	if trail == nil {
		return nil, errors.New("pgnotify: New needs a trail, and got nil")
	}
	if opts == nil {
		opts = &Options{}
	}
	config, err := pgconn.ParseConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("pgnotify: %w", err) // it leaves the password out
	}
	n := &Notifier{trail: trail, config: config, channel: opts.Channel, logger: opts.Logger, done: make(chan struct{})}
	if n.channel == "" {
		n.channel = DefaultChannel
	}
	if len(n.channel) > 63 {
		return nil, fmt.Errorf("pgnotify: the channel's name has %d bytes, and 63 is the most", len(n.channel))
	}
	if n.logger == nil {
		n.logger = trail.Logger()
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = patience
	}
	config.OnNotification = n.heard
	ctx, cancel := context.WithCancel(context.Background())
	n.cancel = cancel
	go n.run(ctx)
	return n, nil
}

// Wake returns a channel for one hub (stream.HubOptions.Wake,
// viewer.Options.Wake): it holds a token once other processes have committed
// entries. It is closed with the notifier, after which the hub's clock is as
// without one.
func (n *Notifier) Wake() <-chan struct{} {
	c := make(chan struct{}, 1)
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.ended {
		close(c)
	} else {
		n.wakes = append(n.wakes, c)
	}
	return c
}

// Close ends the notifier, closes its connection and waits for both, or for the
// context, whose error it then returns. Closing again waits likewise.
func (n *Notifier) Close(ctx context.Context) error {
	n.cancel()
	select {
	case <-n.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// heard is pgconn's callback. What this process has sent itself comes back too.
func (n *Notifier) heard(conn *pgconn.PgConn, note *pgconn.Notification) {
	if note.PID != conn.PID() {
		n.wake()
	}
}

func (n *Notifier) wake() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, c := range n.wakes {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

func (n *Notifier) end() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, c := range n.wakes {
		close(c)
	}
	n.wakes, n.ended = nil, true
	close(n.done)
}

// The longest and shortest pause before the next try to connect.
const (
	firstPause   = time.Second
	longestPause = 16 * time.Second
)

// run keeps a connection until the notifier or the trail is closed.
func (n *Notifier) run(ctx context.Context) {
	defer n.end()
	committed, stop := n.trail.Watch()
	defer stop()
	pause := firstPause
	for lost := false; ; {
		l, err := n.connect(ctx)
		if err == nil {
			if lost {
				n.logger.Info("audit notifier: connected again")
			}
			pause, lost = firstPause, false
			err = l.serve(ctx, committed)
			l.close()
		}
		if err == nil || ctx.Err() != nil {
			return
		}
		if !lost {
			n.logger.Warn("audit notifier: not connected; trying on, and feeds go by their clock", "error", err)
		}
		lost = true
		if !n.sleep(ctx, committed, pause) {
			return
		}
		pause = min(2*pause, longestPause)
	}
}

// sleep reports whether the notifier goes on afterwards.
func (n *Notifier) sleep(ctx context.Context, committed <-chan struct{}, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	for !n.trail.Closed() {
		select {
		case <-ctx.Done():
			return false
		case <-timer.C:
			return true
		case <-committed: // told when the connection is back; or the trail was closed
		}
	}
	return false
}
