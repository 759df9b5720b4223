package sqlgen

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestNarrowAndEmpty(t *testing.T) {
	at := func(month time.Month) time.Time { return time.Date(2026, month, 1, 0, 0, 0, 0, time.UTC) }
	a, b, c, d := at(1), at(2), at(3), at(4)
	assert.Equal(t, Window{From: b, To: c}, Window{From: a, To: c}.Narrow(Window{From: b, To: d}))
	assert.Equal(t, Window{From: b, To: c}, Window{}.Narrow(Window{From: b, To: c}))
	assert.Equal(t, Window{From: b, To: c}, Window{From: b, To: c}.Narrow(Window{}))
	assert.True(t, Window{From: a, To: b}.Narrow(Window{From: c, To: d}).Empty())
	assert.True(t, Window{From: a, To: a}.Empty())
	assert.False(t, Window{From: a}.Empty())
	assert.False(t, Window{To: a}.Empty())
	assert.False(t, Window{}.Empty())
}
