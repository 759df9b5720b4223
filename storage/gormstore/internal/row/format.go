package row

import (
	"fmt"
	"time"

	"github.com/google/uuid"
)

// Format is how a database holds times and IDs. SQLite and MySQL hold microseconds
// and 16 bytes, PostgreSQL timestamptz and uuid, whose parameters are texts.
type Format string

// The formats have the names of GORM's dialects.
const (
	SQLite   Format = "sqlite"
	MySQL    Format = "mysql" // MariaDB too
	Postgres Format = "postgres"
)

// TimeArg is a time, in microseconds, as a parameter.
func (f Format) TimeArg(micros int64) any {
	if f == Postgres {
		return PostgresTime(time.UnixMicro(micros).UTC())
	}
	return micros
}

// IDArg is an ID as a parameter.
func (f Format) IDArg(id uuid.UUID) any {
	if f == Postgres {
		return id.String()
	}
	return id[:]
}

// FirstTime and LastTime are the ends of timestamptz. PostgreSQL's infinite times,
// which drivers don't read as times, are read as these.
var (
	FirstTime = time.Date(-4713, 11, 24, 0, 0, 0, 0, time.UTC)
	LastTime  = time.Date(294276, 12, 31, 23, 59, 59, 999_999_000, time.UTC)
)

// PostgresTime is a time as timestamptz takes it. What time.RFC3339 writes would do
// for the years 1 to 9999.
func PostgresTime(t time.Time) string {
	const form = "-01-02T15:04:05.000000Z"
	if y := t.Year(); y < 1 {
		return fmt.Sprintf("%04d", 1-y) + t.Format(form) + " BC"
	}
	return fmt.Sprintf("%04d", t.Year()) + t.Format(form)
}

// impossibleTime is PostgreSQL's parameter of a time that no entry can have; nil if an
// entry can have it.
func impossibleTime(t time.Time) any {
	switch {
	case possible(t):
		return nil
	case !t.After(FirstTime):
		return "-infinity"
	case !t.Before(LastTime):
		return "infinity"
	}
	return PostgresTime(t)
}
