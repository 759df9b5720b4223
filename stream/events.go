package stream

import (
	"io"
	"net/http"
	"time"
)

// serveEvents sends server-sent events (the HTML standard, section 9.2).
func (c *session) serveEvents(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // nginx holds answers back otherwise
	control := http.NewResponseController(w)
	if control.Flush() != nil {
		c.pollEvents(w)
		return
	}
	last, err := c.run(c.request.Context(), func(m message) error {
		// The server's own deadline is for answers that end. Where it can't be
		// moved, the stream ends with it, and the client resumes.
		_ = control.SetWriteDeadline(time.Now().Add(writeWait))
		if err := writeEvent(w, m.cursor, m.data); err != nil {
			return err
		}
		return control.Flush()
	})
	if err != nil {
		return
	}
	_ = control.SetWriteDeadline(time.Now().Add(writeWait)) // for the end of the answer too
	_ = writeEvent(w, last.Cursor, last.bytes())            // the client may have gone
	_ = control.Flush()
}

// pollEvents sends what there is and ends: something in between gathers the
// whole answer. EventSource comes back after the time that retry says.
func (c *session) pollEvents(w http.ResponseWriter) {
	frame := c.end("poll")
	frame.Lost = c.lost
	if c.resumed {
		p, err := c.reader.catchUp(c.request.Context())
		if err == nil && p != nil {
			frame.Cursor = c.reader.Position()
			frame.Entries, err = p.entries(c.key, c.encode)
		}
		if err != nil {
			frame = c.ending(err)
		}
	}
	_, _ = w.Write([]byte("retry: 3000\n"))
	_ = writeEvent(w, frame.Cursor, frame.bytes()) // the client may have gone
}

// writeEvent writes a frame as one event. JSON has no line breaks outside of
// texts, where they are escaped, and a sealed position has none.
func writeEvent(w io.Writer, cursor string, data []byte) error {
	for _, part := range [][]byte{[]byte("id: " + cursor + "\ndata: "), data, []byte("\n\n")} {
		if _, err := w.Write(part); err != nil {
			return err
		}
	}
	return nil
}
