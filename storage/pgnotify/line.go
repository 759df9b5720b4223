package pgnotify

import (
	"context"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

const (
	// sendEvery is how much time lies between two NOTIFY at least.
	sendEvery = 100 * time.Millisecond
	// askEvery is how long a silent connection is believed to be there.
	askEvery = 30 * time.Second
	// patience is how long the server may take to answer.
	patience = 10 * time.Second
)

// line is a connection that listens.
type line struct {
	*Notifier
	conn *pgconn.PgConn
}

// connect listens and wakes the feeds: what was told before was not heard.
func (n *Notifier) connect(ctx context.Context) (*line, error) {
	conn, err := pgconn.ConnectConfig(ctx, n.config)
	if err != nil {
		return nil, err
	}
	l := &line{Notifier: n, conn: conn}
	// A NOTIFY that is lost in a crash of the server is no loss. One that waits
	// for the disk holds the lock that all who send one wait for.
	if err := l.exec(ctx, "SET synchronous_commit = off; LISTEN "+l.quoted()); err != nil {
		l.close()
		return nil, err
	}
	n.wake()
	return l, nil
}

func (l *line) quoted() string { return `"` + strings.ReplaceAll(l.channel, `"`, `""`) + `"` }

func (l *line) exec(ctx context.Context, sql string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_, err := l.conn.Exec(ctx, sql).ReadAll()
	return err
}

func (l *line) close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = l.conn.Close(ctx) // it may be gone already
}

// serve sends and listens until the connection is lost, which is the error, or
// the notifier or the trail is closed.
func (l *line) serve(ctx context.Context, committed <-chan struct{}) error {
	pending := true // entries may have been committed while there was no connection
	var sent time.Time
	for {
		if pending && time.Since(sent) >= sendEvery {
			if err := l.exec(ctx, "NOTIFY "+l.quoted()); err != nil {
				return err
			}
			pending, sent = false, time.Now()
		}
		until := time.Now().Add(askEvery)
		if pending {
			until = sent.Add(sendEvery)
		}
		more, err := l.wait(ctx, committed, until)
		if err != nil || l.trail.Closed() {
			return err
		}
		if !more && !pending && !time.Now().Before(until) {
			if err := l.exec(ctx, "-- still there?"); err != nil {
				return err
			}
		}
		pending = pending || more
	}
}

// wait listens until a time, or until entries were committed here.
func (l *line) wait(ctx context.Context, committed <-chan struct{}, until time.Time) (more bool, err error) {
	listening, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	woken := make(chan bool)
	go func() {
		select {
		case <-committed:
			cancel() // a read that is cut off so leaves the connection as it was
			woken <- true
		case <-listening.Done():
			woken <- false
		}
	}()
	err = l.conn.WaitForNotification(listening)
	cut := listening.Err() != nil
	cancel()
	more = <-woken
	switch {
	case ctx.Err() != nil:
		return more, ctx.Err()
	case cut && !l.conn.IsClosed():
		return more, nil
	}
	return more, err
}
