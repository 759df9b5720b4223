package feed

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestRowsAfterTruncations(t *testing.T) {
	list := []Truncation{{Epoch: 2, Last: 3}, {Epoch: 5, Last: 8}}
	for _, c := range []struct {
		cursor, want Rows
		ok           bool
	}{
		{Rows{0, 10}, Rows{5, 3}, true},
		{Rows{1, 2}, Rows{5, 2}, true},
		{Rows{2, 10}, Rows{5, 8}, true},
		{Rows{4, 4}, Rows{5, 4}, true},
		{Rows{5, 10}, Rows{5, 10}, true},
		{Rows{6, 1}, Rows{6, 1}, false},
	} {
		got, ok := c.cursor.In(list)
		assert.Equal(t, c.ok, ok, c.cursor)
		if ok {
			assert.Equal(t, c.want, got, c.cursor)
		}
	}
	_, ok := Rows{Seq: 7}.In(nil)
	assert.True(t, ok)
	_, ok = Rows{Epoch: 1}.In(nil)
	assert.False(t, ok)
}
