package stream

import (
	"crypto/sha256"
	"fmt"

	"github.com/gormtrail/audit"
)

// group are the readers of one filter: what it selects is found once for all of
// them.
type group struct {
	filter  audit.Filter
	readers map[*Reader]struct{}
}

// key tells filters apart.
type key [sha256.Size]byte

// keyOf is equal for filters that are equal in every field. Two that differ in
// writing alone have a group each.
func keyOf(f audit.Filter) (k key) {
	h := sha256.New()
	_, _ = fmt.Fprintf(h, "%#v", f.Terms()) // a hash takes everything
	h.Sum(k[:0])
	return k
}

// pack is what the group's filter selects of a call's entries; nil if that is nothing.
func (g *group) pack(items []*item, end string) *batch {
	var selected []*item
	for _, it := range items {
		if g.filter.Match(it.Entry) {
			selected = append(selected, it)
		}
	}
	if len(selected) == 0 {
		return nil
	}
	return newBatch(selected, end)
}
