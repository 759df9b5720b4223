package stream

// take returns the next of what the hub offered; nil and no error is nothing.
// What is queued comes first, then the news that it is not all, or over.
func (r *Reader) take() (*parcel, error) {
	for _, m := range r.gone {
		delete(r.seen, m)
	}
	r.gone = nil
	if r.forget {
		clear(r.seen)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.queue) > 0 {
		p := r.queue[0]
		r.queue[0] = nil // or a reader that never empties its queue would keep all
		r.queue, r.queued, r.size = r.queue[1:], r.queued-len(p.items), r.size-p.size
		r.forget = r.settled && len(r.queue) == 0
		if p = r.unseen(p); p != nil {
			return r.took(p), nil
		}
	}
	r.forget = r.settled
	if r.missed > 0 {
		return nil, &BehindError{Position: r.Position(), Missed: r.missed}
	}
	return nil, r.err
}

// unseen is the parcel without what the reader has read from the store already;
// nil if nothing is left.
func (r *Reader) unseen(p *parcel) *parcel {
	if len(r.seen) == 0 {
		return p
	}
	var kept []*item
	for _, it := range p.items {
		if m := it.batch.marks[it.index]; r.seen[m] {
			r.gone = append(r.gone, m)
		} else {
			kept = append(kept, it)
		}
	}
	if len(kept) == 0 {
		return nil
	}
	return parcelTo(kept, p.end)
}

// maxHeld is about how many bytes of entries wait for a reader. What they are
// encoded to is about twice that, once for all readers who see the same.
const maxHeld = 4 << 20

// offer is the hub's; it never waits. The parcel may be nil.
func (r *Reader) offer(p *parcel, round int, all bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if all && !r.settled && r.joined >= 0 && round > r.joined {
		r.settled = true
		r.signal() // so that what was seen is forgotten
	}
	if p == nil {
		return
	}
	r.signal()
	n := r.room(p)
	if n < len(p.items) {
		r.missed += len(p.items) - n
		if n == 0 {
			return
		}
		p = p.first(n)
	}
	r.queue = append(r.queue, p)
	r.queued += n
	r.size += p.size
}

// room is how many of the parcel's items fit. After a gap nothing more is taken:
// order is part of the promise.
func (r *Reader) room(p *parcel) int {
	if r.missed > 0 {
		return 0
	}
	most := min(len(p.items), r.hub.opts.Buffer-r.queued)
	if r.size+p.size <= maxHeld {
		return most
	}
	size := r.size
	for i, it := range p.items[:most] {
		if size += it.size; size > maxHeld && r.queued+i > 0 {
			return i
		}
	}
	return most
}
