package stream

import (
	"bytes"
	"net/http"
	"strings"
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
	last, err := c.run(c.request.Context(), func(f Frame) error {
		// The server's own deadline is for answers that end. Where it can't be
		// moved, the stream ends with it, and the client resumes.
		_ = control.SetWriteDeadline(time.Now().Add(writeWait + pingEvery))
		if err := writeEvent(w, f); err != nil {
			return err
		}
		return control.Flush()
	})
	if err != nil {
		return
	}
	_ = writeEvent(w, last) // the client may have gone
	_ = control.Flush()
}

// pollEvents sends what there is and ends: something in between gathers the
// whole answer. EventSource comes back after the time that retry says.
func (c *session) pollEvents(w http.ResponseWriter) {
	frame := Frame{Cursor: c.reader.Position(), End: "poll"}
	if c.resumed {
		items, err := c.reader.catchUp(c.request.Context())
		if err != nil {
			frame = c.ending(frame, err)
		} else {
			if len(items) > 0 {
				frame.Cursor = c.reader.behind(items[len(items)-1]).String()
			}
			if frame.Entries, err = c.encode(items); err != nil {
				frame = c.ending(frame, err)
			}
		}
	}
	_, _ = w.Write([]byte("retry: 3000\n"))
	_ = writeEvent(w, frame) // the client may have gone
}

// writeEvent writes a frame as one event. JSON has no line breaks outside of
// texts, where they are escaped; a position is checked, since a store may call
// it as it likes.
func writeEvent(w http.ResponseWriter, f Frame) error {
	var b bytes.Buffer
	if !strings.ContainsAny(f.Cursor, "\r\n\x00") {
		b.WriteString("id: " + f.Cursor + "\n")
	}
	b.WriteString("data: ")
	b.Write(f.bytes())
	b.WriteString("\n\n")
	_, err := w.Write(b.Bytes())
	return err
}
