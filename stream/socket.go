package stream

import (
	"context"
	"net/http"
	"time"

	"github.com/coder/websocket"
)

// The close codes of a feed, beside those of RFC 6455: clients can tell them
// apart without reading the last frame.
const (
	StatusDenied = websocket.StatusCode(4403) // Authorize no longer lets the client follow: don't come back
	StatusResume = websocket.StatusCode(4408) // behind, or at the end of its lifetime: come back at once
)

func (c *session) serveSocket(w http.ResponseWriter) {
	conn, err := websocket.Accept(w, c.request, &websocket.AcceptOptions{
		InsecureSkipVerify: true, // the origin was checked by access.SameOrigin, which knows more
		CompressionMode:    websocket.CompressionDisabled,
	})
	if err != nil {
		return // Accept has answered
	}
	defer conn.CloseNow()
	ctx := conn.CloseRead(c.request.Context())
	// One timer for all writes: a context with a deadline for each would be a
	// tenth of what a frame costs.
	stalled := time.AfterFunc(writeWait, func() { _ = conn.CloseNow() })
	defer stalled.Stop()
	write := func(data []byte) error {
		stalled.Reset(writeWait)
		defer stalled.Stop()
		return conn.Write(context.Background(), websocket.MessageText, data)
	}
	lastPing := time.Now()
	last, err := c.run(ctx, func(m message) error {
		if m.idle && time.Since(lastPing) >= pingEvery {
			lastPing = time.Now()
			if err := ping(ctx, conn); err != nil {
				return err
			}
		}
		return write(m.data)
	})
	if err != nil {
		return
	}
	_ = write(last.bytes()) // if it is lost, the close code tells as much
	code := StatusResume
	switch last.End {
	case "denied":
		code = StatusDenied
	case "closed":
		code = websocket.StatusGoingAway
	}
	_ = conn.Close(code, last.End)
}

func ping(ctx context.Context, conn *websocket.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, writeWait)
	defer cancel()
	return conn.Ping(ctx)
}
