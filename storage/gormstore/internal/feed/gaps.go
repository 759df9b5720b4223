package feed

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Gaps is a cursor on MySQL and MariaDB: every row up to Head was looked at and, if it
// was committed, read, except for the missing ones.
//
// InnoDB can't say which transaction wrote a row. But its numbers (AUTO_INCREMENT) are
// drawn before rows exist, and a read of uncommitted rows sees those that do. So a
// number up to Head has no committed row because its transaction is open (its row can be
// seen uncommitted, and is waited for however long that takes), because its statement
// hasn't inserted the row yet, or because it never will (rolled back, or an ID that was
// stored already). The last two look alike, so such a number is given up after Grace.
type Gaps struct {
	Head    uint64
	Missing []Span
}

// Span is a range of numbers, both ends included, and the Unix second at which it was
// last seen to be of an open transaction, or first noticed.
type Span struct {
	From, To uint64
	Noticed  int64
}

const (
	gapsPrefix = "my:"
	// Grace is how many seconds a number without a row is waited for. It is more than
	// innodb_lock_wait_timeout, 50 by default: a statement that waits for a lock has
	// drawn its numbers.
	Grace = 120
	// maxMissing bounds a cursor's length. The oldest spans are given up first.
	maxMissing = 200
)

func (c Gaps) String() string {
	b := append(make([]byte, 0, 32+32*len(c.Missing)), gapsPrefix...)
	b = strconv.AppendUint(b, c.Head, 10)
	for _, m := range c.Missing {
		b = fmt.Appendf(b, ",%d-%d@%d", m.From, m.To, m.Noticed)
	}
	return string(b)
}

// ParseGaps reads a cursor. "" is the beginning. ok is false for a text that String
// never returns.
func ParseGaps(s string) (c Gaps, ok bool) {
	if s == "" {
		return c, true
	}
	rest, ok := strings.CutPrefix(s, gapsPrefix)
	if !ok {
		return c, false
	}
	head, list, more := strings.Cut(rest, ",")
	var err error
	if c.Head, err = strconv.ParseUint(head, 10, 63); err != nil {
		return c, false
	}
	last := uint64(0)
	for more {
		var text string
		text, list, more = strings.Cut(list, ",")
		m, ok := parseSpan(text)
		if !ok || m.From <= last || m.To > c.Head || len(c.Missing) == maxMissing {
			return c, false
		}
		c.Missing, last = append(c.Missing, m), m.To
	}
	return c, c.String() == s
}

func parseSpan(s string) (m Span, ok bool) {
	numbers, noticed, _ := strings.Cut(s, "@")
	from, to, _ := strings.Cut(numbers, "-")
	var errs [3]error
	m.From, errs[0] = strconv.ParseUint(from, 10, 63)
	m.To, errs[1] = strconv.ParseUint(to, 10, 63)
	m.Noticed, errs[2] = strconv.ParseInt(noticed, 10, 64)
	return m, errs == [3]error{} && m.From <= m.To && m.Noticed >= 0
}

// Seen is what one look at the numbers behind a cursor found. The lists ascend.
type Seen struct {
	Committed []uint64
	Existing  []uint64 // rows that exist, committed or not
	Now       int64    // Unix seconds, by the server's clock
}

// between cuts the lists to the numbers behind one and up to another.
func (s Seen) between(after, upto uint64) Seen {
	cut := func(list []uint64) []uint64 {
		from, _ := slices.BinarySearch(list, after+1)
		to, _ := slices.BinarySearch(list, upto+1)
		return list[from:max(from, to)]
	}
	return Seen{cut(s.Committed), cut(s.Existing), s.Now}
}

// Advance is the cursor behind the number end: what is committed up to there was read.
func (c Gaps) Advance(end uint64, seen Seen) Gaps {
	missing := slices.Clone(c.Missing)
	if end > c.Head {
		missing = append(missing, Span{c.Head + 1, end, seen.Now})
		c.Head = end
	}
	done := make(map[uint64]bool, len(seen.Committed))
	for _, seq := range seen.Committed {
		done[seq] = true
		if seq <= end {
			missing = without(missing, seq)
		}
	}
	for _, seq := range seen.Existing {
		if !done[seq] && seq <= c.Head {
			missing = append(without(missing, seq), Span{seq, seq, seen.Now})
		}
	}
	c.Missing = settled(missing, seen.Now)
	return c
}

// Behind are the cursors behind each of some committed rows, which ascend.
func (c Gaps) Behind(seqs []uint64, seen Seen) []Gaps {
	list := make([]Gaps, len(seqs))
	last := uint64(0)
	for i, seq := range seqs {
		c = c.Advance(seq, seen.between(last, seq))
		list[i], last = c, seq
	}
	return list
}

// Settle gives up the numbers that were noticed too long ago.
func (c Gaps) Settle(now int64) Gaps {
	c.Missing = settled(slices.Clone(c.Missing), now)
	return c
}

// Toward is the cursor that has gone from c toward a later one as far as a number: that
// one's up to the number, and c's beyond it.
func (c Gaps) Toward(later Gaps, seq uint64) Gaps {
	var missing []Span
	for _, m := range later.Missing {
		if m.From <= seq {
			missing = append(missing, Span{m.From, min(m.To, seq), m.Noticed})
		}
	}
	for _, m := range c.Missing {
		if m.To > seq {
			missing = append(missing, Span{max(m.From, seq+1), m.To, m.Noticed})
		}
	}
	missing = missing[max(0, len(missing)-maxMissing):]
	return Gaps{max(c.Head, seq), missing}
}

// without cuts a number out of the spans.
func without(spans []Span, seq uint64) []Span {
	for i, m := range spans {
		if seq < m.From || seq > m.To {
			continue
		}
		rest := slices.Clone(spans[i+1:])
		spans = spans[:i:i]
		if m.From < seq {
			spans = append(spans, Span{m.From, seq - 1, m.Noticed})
		}
		if seq < m.To {
			spans = append(spans, Span{seq + 1, m.To, m.Noticed})
		}
		return append(spans, rest...)
	}
	return spans
}

// settled sorts and joins spans, and gives up those that were noticed too long ago.
func settled(spans []Span, now int64) []Span {
	slices.SortFunc(spans, func(a, b Span) int { return cmp.Compare(a.From, b.From) })
	var list []Span
	for _, m := range spans {
		last := len(list) - 1
		switch {
		case now-m.Noticed > Grace:
		case last >= 0 && list[last].To+1 == m.From && list[last].Noticed == m.Noticed:
			list[last].To = m.To
		default:
			list = append(list, m)
		}
	}
	return list[max(0, len(list)-maxMissing):]
}
