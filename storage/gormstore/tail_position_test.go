package gormstore

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/gormtrail/audit/storage/gormstore/internal/sqldb"
)

func TestArrayElementsAreQuoted(t *testing.T) {
	assert.Equal(t, `{"a\"b\\c,{}","","NULL"}`, sqldb.TextArray([]string{`a"b\c,{}`, "", "NULL"}))
	assert.Equal(t, `{}`, sqldb.TextArray(nil))
}

func TestPositionsOfTheFeedAreChecked(t *testing.T) {
	for _, good := range []string{"", "pg/10:10:", "pg/10:20:10,15", "pg//10:20:/12/3", "pg/1:2:/10:20:15/12/3"} {
		_, ok := parsePgPosition(good)
		assert.True(t, ok, good)
	}
	for _, bad := range []string{"pg/", "pg/0:1:", "pg/20:10:", "pg/10:20:9", "pg/10:20:20", "pg/10:20:15,12", "pg/10:20", "pg/1:2:/3:4:/x/1", "pg/1:2:/3:4:/-1/1", "my:1", "pg/1:2:'"} {
		_, ok := parsePgPosition(bad)
		assert.False(t, ok, bad)
	}
	for _, good := range []string{"", "my:0", "my:7,1-2@100,4-4@50"} {
		_, ok := parseMyPosition(good)
		assert.True(t, ok, good)
	}
	for _, bad := range []string{"my:", "my:-1", "my:1,", "my:1,2", "my:1,3-2@1", "my:01", "pg/1:1:", "my:99999999999999999999"} {
		_, ok := parseMyPosition(bad)
		assert.False(t, ok, bad)
	}
}

// What is missing behind the head of MySQL's feed: told once it is there, waited
// for while its row can be seen uncommitted, given up two minutes after a number
// without a row was noticed.
func TestMissingNumbers(t *testing.T) {
	p := myPosition{}
	p.advance(10, []uint64{1, 2, 3, 8, 10}, []uint64{1, 2, 3, 5, 8, 10}, 100)
	assert.Equal(t, "my:10,4-7@100,9-9@100", p.String())
	p.advance(10, []uint64{9}, []uint64{5, 9}, 200)
	assert.Equal(t, "my:10,4-4@100,5-5@200,6-7@100", p.String())
	p.advance(12, []uint64{11, 12}, []uint64{5, 11, 12}, 221)
	assert.Equal(t, "my:12,5-5@221", p.String())
	p.advance(12, []uint64{5}, []uint64{5}, 230)
	assert.Equal(t, "my:12", p.String())
	p = myPosition{head: 5, missing: []span{{2, 4, 10}}}
	p.advance(3, []uint64{3, 4}, []uint64{3, 4}, 20)
	assert.Equal(t, "my:5,2-2@10,4-4@10", p.String(), "the limit was reached at 3: 4 is told next")
}
