package stream

// take returns the next of what the hub offered; nil and no error is nothing. What is
// queued comes first, then the error that there is more, or that the feed is over.
func (r *Reader) take() (*batch, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.queue) > 0 {
		b := r.queue[0]
		r.queue[0] = nil // or a reader that never empties its queue would keep all
		r.queue, r.queued, r.size = r.queue[1:], r.queued-len(b.items), r.size-b.size
		r.at = b.end
		return b, nil
	}
	if r.missed > 0 {
		return nil, &BehindError{Position: r.Position(), Missed: r.missed}
	}
	return nil, r.err
}

// maxHeld is about how many bytes of entries wait for a reader. What they are
// encoded to is about twice that, once for all readers who see the same.
const maxHeld = 4 << 20

// offer is the hub's; it never waits.
func (r *Reader) offer(b *batch) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.signal()
	n := r.room(b)
	if n < len(b.items) {
		r.missed += len(b.items) - n
		if n == 0 {
			return
		}
		b = b.first(n)
	}
	r.queue = append(r.queue, b)
	r.queued += n
	r.size += b.size
}

// room is how many of the batch's items fit. After a gap nothing more is taken:
// order is part of the promise.
func (r *Reader) room(b *batch) int {
	if r.missed > 0 {
		return 0
	}
	most := min(len(b.items), r.hub.opts.Buffer-r.queued)
	if r.size+b.size <= maxHeld {
		return most
	}
	size := r.size
	for i, it := range b.items[:most] {
		if size += it.size; size > maxHeld && r.queued+i > 0 {
			return i
		}
	}
	return most
}
