package hooks

import (
	"strings"
	"time"
)

// changedAt is the time of the statement's entries: not later than the time
// that GORM set in the rows themselves, so that audit.At with a row's own
// updated_at gives the row. Where the columns cut that time, it is cut too.
func (c *capture) changedAt() time.Time {
	if c.at.IsZero() || c.table == nil {
		return c.at
	}
	unit := time.Microsecond
	for name, of := range c.plugin.hints.of(c.table.name).stamps {
		if col, ok := c.table.column(name); ok && of == 0 {
			of = c.plugin.dialect.precision(col)
		}
		unit = max(unit, of)
	}
	return c.at.Truncate(unit)
}

// precision is the unit to which a column cuts a time.
func (d dialect) precision(c column) time.Duration {
	digits := 6
	if open := strings.IndexByte(c.typeText, '('); open >= 0 && open+1 < len(c.typeText) {
		digits = int(c.typeText[open+1] - '0')
	} else if d.name == "mysql" {
		digits = 0
	}
	unit := time.Second
	for range min(max(digits, 0), 9) {
		unit /= 10
	}
	return unit
}
