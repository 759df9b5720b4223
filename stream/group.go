package stream

import (
	"fmt"

	"github.com/gormtrail/audit"
)

// group are the readers of one filter: what it selects is found once for all of
// them.
type group struct {
	filter  audit.Filter
	readers map[*Reader]struct{}
}

// groupKey is equal for filters that are equal in every field. Two that differ
// in writing alone have a group each.
func groupKey(f audit.Filter) string { return fmt.Sprintf("%#v", f.Terms()) }

// pack is what the group's filter selects; nil if that is nothing.
func (g *group) pack(items []*item) *parcel {
	var kept []*item
	for _, it := range items {
		if g.filter.Match(it.Entry) {
			kept = append(kept, it)
		}
	}
	if len(kept) == 0 {
		return nil
	}
	return newParcel(kept)
}
