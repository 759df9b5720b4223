package gormstore

import "time"

// window is a range of times, [from, to); a zero end is open.
type window struct{ from, to time.Time }

// within writes that a column lies in the window, which an open one needn't.
func (b *builder) within(w window, column string) {
	if !w.from.IsZero() {
		b.add(" AND ", column, " >= ")
		b.arg(b.traits.format.TimeArg(ceilMicros(w.from)))
	}
	if !w.to.IsZero() {
		b.add(" AND ", column, " < ")
		b.arg(b.traits.format.TimeArg(ceilMicros(w.to)))
	}
}

func (w *window) narrow(by window) {
	if w.from.Before(by.from) {
		w.from = by.from
	}
	if !by.to.IsZero() && (w.to.IsZero() || by.to.Before(w.to)) {
		w.to = by.to
	}
}

func (w window) empty() bool { return !w.to.IsZero() && !w.from.Before(w.to) }
