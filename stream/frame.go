package stream

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// Frame is what a client gets: JSON in a WebSocket message, or the data of a
// server-sent event whose id is the cursor.
type Frame struct {
	// Cursor is the position behind the frame: sent as after= (or by an
	// EventSource as Last-Event-ID), the feed goes on from there.
	Cursor string `json:"cursor"`
	// Entries are the new ones, in commit order; none in a frame that only
	// tells that the feed is alive, or where it begins.
	Entries []json.RawMessage `json:"entries"`
	// Gap is how many entries were missed that the client won't be sent,
	// because they are more than MaxCatchUp: it should read the list anew.
	Gap int `json:"gap,omitempty"`
	// Lost, in the first frame, means that the position to resume from is none of
	// this trail's, or was sealed with a key that it no longer has. The feed begins
	// now, and nobody knows what was missed: the client should read the list anew.
	Lost bool `json:"lost,omitempty"`
	// End says why the feed ends: "denied" (Authorize no longer lets the client
	// follow), "behind" or "lifetime" (resume from the cursor), "closed" (the
	// server shuts down: try again later), "poll" (the server can't hold a feed
	// open: come back in three seconds).
	End string `json:"end,omitempty"`
}

// bytes is the frame as JSON. The entries are JSON already, and aren't read
// again for each client.
func (f Frame) bytes() []byte {
	var b bytes.Buffer
	cursor, _ := json.Marshal(f.Cursor) // text always has a JSON form
	b.WriteString(`{"cursor":`)
	b.Write(cursor)
	b.WriteString(`,"entries":[`)
	for i, e := range f.Entries {
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(e)
	}
	b.WriteByte(']')
	if f.Gap > 0 {
		b.WriteString(`,"gap":` + strconv.Itoa(f.Gap))
	}
	if f.Lost {
		b.WriteString(`,"lost":true`)
	}
	if f.End != "" {
		b.WriteString(`,"end":"` + f.End + `"`)
	}
	b.WriteByte('}')
	return b.Bytes()
}
