package sqlgen

import "time"

// Window is a range of times, [from, to); a zero end is open.
type Window struct{ From, To time.Time }

// Within writes that a column lies in the window, which an open one needn't.
func (b *Builder) Within(w Window, column string) {
	if !w.From.IsZero() {
		b.Add(" AND ", column, " >= ")
		b.Arg(b.Traits.Format.TimeArg(ceilMicros(w.From)))
	}
	if !w.To.IsZero() {
		b.Add(" AND ", column, " < ")
		b.Arg(b.Traits.Format.TimeArg(ceilMicros(w.To)))
	}
}

// Narrow returns the times that lie in both windows.
func (w Window) Narrow(by Window) Window {
	if w.From.Before(by.From) {
		w.From = by.From
	}
	if !by.To.IsZero() && (w.To.IsZero() || by.To.Before(w.To)) {
		w.To = by.To
	}
	return w
}

// Empty reports whether no time lies in the window.
func (w Window) Empty() bool { return !w.To.IsZero() && !w.From.Before(w.To) }
