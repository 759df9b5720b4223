package export

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"
)

func TestTimesAreWrittenAsTheirLayoutSays(t *testing.T) {
	berlin := time.FixedZone("", 5400)
	rapid.Check(t, func(t *rapid.T) {
		at := time.UnixMicro(rapid.Int64Range(-70_000_000_000_000_000, 260_000_000_000_000_000).Draw(t, "micros"))
		for _, zone := range []*time.Location{time.UTC, berlin} {
			at := at.In(zone)
			assert.Equal(t, at.Format(defaultTimeLayout), string(appendTime(nil, at, defaultTimeLayout)))
			assert.Equal(t, at.Format(time.RFC1123Z), string(appendTime(nil, at, time.RFC1123Z)))
		}
	})
}
