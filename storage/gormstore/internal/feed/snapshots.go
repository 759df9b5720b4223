package feed

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Snapshots is a cursor on PostgreSQL: two snapshots, and an entry between them.
//
// A snapshot says which transactions were committed when it was taken. A part of the
// feed is what Base doesn't see and Upto does, by transaction and row. At its end, Upto
// becomes the Base of the next part. So a late commit is read when it is committed, and
// later transactions don't wait for it.
type Snapshots struct {
	Base Snapshot // all that it sees was read; "": nothing was
	Upto Snapshot // "": no part has begun
	Xid  uint64   // the last entry of the part that was read
	Seq  int64
}

const snapshotsPrefix = "pg/"

func (c Snapshots) String() string {
	if c.Upto == "" {
		return snapshotsPrefix + string(c.Base)
	}
	return snapshotsPrefix + strings.Join([]string{string(c.Base), string(c.Upto), strconv.FormatUint(c.Xid, 10), strconv.FormatInt(c.Seq, 10)}, "/")
}

// ParseSnapshots reads a cursor. "" is the beginning. ok is false for a text that
// String never returns, and for one that PostgreSQL would refuse.
func ParseSnapshots(s string) (c Snapshots, ok bool) {
	if s == "" {
		return c, true
	}
	rest, ok := strings.CutPrefix(s, snapshotsPrefix)
	parts := strings.Split(rest, "/")
	if !ok || (len(parts) != 1 && len(parts) != 4) {
		return c, false
	}
	c.Base = Snapshot(parts[0])
	if len(parts) == 1 {
		return c, c.Base.valid()
	}
	var xidErr, seqErr error
	c.Upto = Snapshot(parts[1])
	c.Xid, xidErr = strconv.ParseUint(parts[2], 10, 64)
	c.Seq, seqErr = strconv.ParseInt(parts[3], 10, 64)
	return c, (c.Base == "" || c.Base.valid()) && c.Upto.valid() && xidErr == nil && seqErr == nil && c.String() == s
}

// After is the cursor behind an entry of the part.
func (c Snapshots) After(xid uint64, seq int64) Snapshots {
	c.Xid, c.Seq = xid, seq
	return c
}

// Covers reports whether the feed can be read from an earlier cursor to this one. It
// can't if this one lies within a part, or doesn't see all that the other does.
func (c Snapshots) Covers(earlier Snapshots) bool {
	return c.Upto == "" && c.Base.Sees(earlier.Base) && c.Base.Sees(earlier.Upto)
}

// End is the cursor behind the part.
func (c Snapshots) End() Snapshots { return Snapshots{Base: c.Upto} }

// Range is one range of a part: entries of the transactions that were open at the base,
// or of later ones. So an entry of a long transaction is found without reading what
// others wrote meanwhile.
type Range struct {
	Snapshots
	Open []string // transactions that were open at the base; nil: the later ones
}

// Ranges are the rest of the part, in the feed's order.
func (c Snapshots) Ranges() []Range {
	var open []string
	if c.Xid < c.Base.Xmax() {
		open = c.Base.Open()
	}
	if len(open) == 0 {
		return []Range{{Snapshots: c}}
	}
	return []Range{{c, open}, {Snapshots: c.After(0, 0)}}
}

// Snapshot is a pg_snapshot as text, xmin:xmax:open. "" sees nothing.
type Snapshot string

var snapshotForm = regexp.MustCompile(`^[0-9]{1,19}:[0-9]{1,19}:([0-9]{1,19}(,[0-9]{1,19})*)?$`)

// valid reports whether PostgreSQL takes the text as a pg_snapshot: its numbers must
// ascend from xmin to below xmax.
func (s Snapshot) valid() bool {
	if !snapshotForm.MatchString(string(s)) {
		return false
	}
	xmin, xmax := s.bounds()
	if xmin == 0 || xmax < xmin {
		return false
	}
	last := uint64(0)
	for _, x := range s.Open() {
		n, err := strconv.ParseUint(x, 10, 64)
		if err != nil || n < xmin || n >= xmax || n <= last {
			return false
		}
		last = n
	}
	return true
}

func (s Snapshot) bounds() (xmin, xmax uint64) {
	first, rest, _ := strings.Cut(string(s), ":")
	second, _, _ := strings.Cut(rest, ":")
	xmin, _ = strconv.ParseUint(first, 10, 64) // 0, which is no xid, if it isn't a number
	xmax, _ = strconv.ParseUint(second, 10, 64)
	return xmin, xmax
}

// Xmax is the first transaction that the snapshot sees nothing of, nor of any later one.
func (s Snapshot) Xmax() uint64 {
	_, xmax := s.bounds()
	return xmax
}

// Open are the transactions below Xmax that the snapshot doesn't see.
func (s Snapshot) Open() []string {
	_, rest, _ := strings.Cut(string(s), ":")
	_, list, _ := strings.Cut(rest, ":")
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' })
}

// Sees reports whether the snapshot sees everything that an earlier one does.
func (s Snapshot) Sees(earlier Snapshot) bool {
	if earlier == "" || earlier == s {
		return true
	}
	xmax := earlier.Xmax()
	if s.Xmax() < xmax {
		return false
	}
	before := earlier.Open()
	return !slices.ContainsFunc(s.Open(), func(x string) bool {
		n, _ := strconv.ParseUint(x, 10, 64)
		return n < xmax && !slices.Contains(before, x)
	})
}
