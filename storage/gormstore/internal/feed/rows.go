package feed

import (
	"strconv"
	"strings"
)

// Rows is a cursor on SQLite: the last rowid that was looked at. SQLite has one writer
// at a time, so rowids ascend in commit order.
//
// SQLite gives a rowid again once the rows from there to the table's end are removed. Each
// such truncation begins an epoch, and a cursor belongs to the epoch in which it was made:
// together they tell rows apart that had the same rowid (as Kafka's leader epochs do,
// KIP-101).
type Rows struct {
	Epoch, Seq int64
}

const rowsPrefix = "sqlite:"

func (c Rows) String() string {
	seq := strconv.FormatInt(c.Seq, 10)
	if c.Epoch == 0 {
		return rowsPrefix + seq
	}
	return rowsPrefix + strconv.FormatInt(c.Epoch, 10) + ":" + seq
}

// ParseRows reads a cursor. "" is the beginning. ok is false for a text that String
// never returns.
func ParseRows(s string) (c Rows, ok bool) {
	if s == "" {
		return c, true
	}
	rest, _ := strings.CutPrefix(s, rowsPrefix)
	epoch, seq, later := strings.Cut(rest, ":")
	if !later {
		epoch, seq = "0", rest
	}
	var epochErr, seqErr error
	c.Epoch, epochErr = strconv.ParseInt(epoch, 10, 64)
	c.Seq, seqErr = strconv.ParseInt(seq, 10, 64)
	return c, epochErr == nil && seqErr == nil && c.Epoch >= 0 && c.Seq >= 0 && c.String() == s
}

// Truncation is the removal of the newest rows.
type Truncation struct {
	Epoch int64 // that it began
	Last  int64 // the newest row that it left, 0 for none
}

// In returns the cursor's place in the epoch that the last of the truncations began:
// entries up to there were looked at, and have been there since. ok is false for a cursor
// of an epoch that is yet to come.
func (c Rows) In(truncations []Truncation) (now Rows, ok bool) {
	now = c
	for _, t := range truncations {
		if t.Epoch > c.Epoch {
			now.Epoch, now.Seq = t.Epoch, min(now.Seq, t.Last)
		}
	}
	return now, len(truncations) == 0 && c.Epoch == 0 || len(truncations) > 0 && c.Epoch <= truncations[len(truncations)-1].Epoch
}
