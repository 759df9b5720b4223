package stream

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/access"
)

// session is one client that follows.
type session struct {
	*server
	request *http.Request
	reader  *Reader
	encode  encoder
	key     string
	timer   *time.Timer
	resumed bool
	lost    bool   // the position to resume from couldn't be used
	tenant  string // of a grant of one tenant
	past    int    // entries of the past that were sent
}

// message is a frame on its way: readers that see the same share its bytes.
type message struct {
	cursor string
	data   []byte
	idle   bool // nothing new: the feed is alive
}

// run sends frames until the feed ends, and returns the last one, unsent. An
// error means that the client has gone.
func (c *session) run(ctx context.Context, send func(message) error) (last Frame, err error) {
	start := time.Now()
	ends, recheck, sent := start.Add(c.opts.Lifetime), start.Add(c.opts.Recheck), start
	if err := send(c.first()); err != nil {
		return Frame{}, err
	}
	for {
		p, err := c.next(ctx, earliest(ends, recheck, sent.Add(pingEvery)))
		if ctx.Err() != nil {
			return Frame{}, ctx.Err()
		}
		if err != nil {
			return c.ending(err), nil
		}
		now := time.Now()
		if p != nil || now.Sub(sent) >= pingEvery {
			m, err := c.message(ctx, p)
			if err != nil {
				return c.ending(err), nil
			}
			if err := send(m); err != nil {
				return Frame{}, err
			}
			sent = now
		}
		if !now.Before(ends) {
			return c.end("lifetime"), nil
		}
		if !now.Before(recheck) {
			recheck = now.Add(c.opts.Recheck)
			if why := c.recheck(); why != "" {
				return c.end(why), nil
			}
		}
	}
}

// first tells where the feed begins.
func (c *session) first() message {
	cursor := c.reader.Position()
	return message{cursor: cursor, data: Frame{Cursor: cursor, Lost: c.lost}.bytes(), idle: true}
}

func earliest(a, b, c time.Time) time.Time {
	if b.Before(a) {
		a = b
	}
	if c.Before(a) {
		a = c
	}
	return a
}

// next waits until a time for what comes next; nil and no error is nothing.
func (c *session) next(ctx context.Context, until time.Time) (*batch, error) {
	if !c.reader.live {
		return c.reader.catchUp(ctx)
	}
	if p, err := c.reader.take(); p != nil || err != nil {
		return p, err
	}
	c.timer.Reset(time.Until(until))
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-c.timer.C:
	case <-c.reader.ready:
	}
	return nil, nil
}

// message is the frame for a batch, or for none.
func (c *session) message(ctx context.Context, b *batch) (message, error) {
	if b == nil {
		return idle(c.reader.progress()), nil
	}
	if c.tooFarBehind(len(b.items)) {
		f, err := c.gap(ctx, len(b.items))
		return message{cursor: f.Cursor, data: f.bytes()}, err
	}
	m := message{cursor: b.sealedEnd(c.reader.sealer)}
	var err error
	m.data, err = b.frame(m.cursor, c.key, c.encode)
	return m, err
}

func idle(cursor string) message {
	return message{cursor: cursor, data: Frame{Cursor: cursor}.bytes(), idle: true}
}

// writeAs sets how entries are written: as the grant shows them. Sessions share
// what they write alike.
func (c *session) writeAs(grant access.Grant, selection access.Selection) {
	write := c.opts.Encode(c.request, grant)
	c.encode = func(e audit.Entry) ([]byte, error) {
		e, ok := selection.Show(e)
		if !ok {
			return nil, nil
		}
		return write(e)
	}
	if c.key = c.opts.Key(c.request); c.key != "" {
		c.key = selection.Key + c.key
	}
}

// recheck asks Authorize again, and says why the feed must end; "" if it goes on.
func (c *session) recheck() string {
	grant, err := c.authorize(c.request)
	if err != nil {
		return "denied"
	}
	selection, err := c.selection(c.request, grant)
	if err != nil {
		return "denied"
	}
	if keyOf(audit.Filter{}.And(selection.Filter)) != c.reader.group {
		return "lifetime" // it may see something else now: the client resumes under that
	}
	c.writeAs(grant, selection) // values may be masked otherwise than before
	return ""
}

// tooFarBehind counts what a resuming client is sent of the past.
func (c *session) tooFarBehind(n int) bool {
	if c.reader.live || c.opts.MaxCatchUp <= 0 {
		return false
	}
	c.past += n
	return c.past > c.opts.MaxCatchUp
}

// maxGap is how far a gap is counted.
const maxGap = 100_000

// gap skips the n events that were read and those behind them, up to now, and
// tells how many they are.
func (c *session) gap(ctx context.Context, n int) (Frame, error) {
	for !c.reader.live && n < maxGap {
		p, err := c.reader.catchUp(ctx)
		if err != nil {
			return Frame{}, err
		}
		if p != nil {
			n += len(p.items)
		}
	}
	c.past = 0
	return Frame{Cursor: c.reader.Position(), Gap: n}, nil
}

func (c *session) end(why string) Frame { return Frame{Cursor: c.reader.Position(), End: why} }

func (c *session) ending(err error) Frame {
	var behind *BehindError
	switch {
	case errors.As(err, &behind):
		return c.end("behind")
	case !errors.Is(err, audit.ErrClosed):
		c.hub.opts.Logger.Warn("audit stream: a feed ends", "error", err)
	}
	return c.end("closed")
}
