package feed

import (
	"strconv"
	"strings"
)

// Rows is a cursor on SQLite: the last rowid that was looked at. SQLite has one writer
// at a time, so rowids ascend in commit order.
type Rows int64

const rowsPrefix = "sqlite:"

func (c Rows) String() string { return rowsPrefix + strconv.FormatInt(int64(c), 10) }

// ParseRows reads a cursor. "" is the beginning. ok is false for a text that String
// never returns.
func ParseRows(s string) (c Rows, ok bool) {
	if s == "" {
		return 0, true
	}
	digits, _ := strings.CutPrefix(s, rowsPrefix)
	n, err := strconv.ParseInt(digits, 10, 64)
	c = Rows(n)
	return c, err == nil && c >= 0 && c.String() == s
}
