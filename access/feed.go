package access

import (
	"crypto/sha256"
	"fmt"
	"slices"

	"github.com/gormtrail/audit"
)

// Selection is what a live feed reads and shows under a Grant.
type Selection struct {
	// Filter selects the entries to read, inside the grant's scope. It has no
	// keywords if these must be looked for in masked entries.
	Filter audit.Filter
	// Show returns an entry as the grant shows it, and false if it isn't part of
	// the feed.
	Show func(audit.Entry) (audit.Entry, bool)
	// Key is equal for selections that show equally what their filters select.
	Key string
}

// Select returns what a live feed of f reads and shows. f is as audit.Trail.Joined
// returns it, or keywords aren't looked for in labels and metadata. Its errors are those
// of Check.
func (g Grant) Select(f audit.Filter) (Selection, error) {
	if err := g.Check(audit.Query{Filter: f}); err != nil {
		return Selection{}, err
	}
	m, words := g.mask(), g.words(f)
	if len(words) > 0 {
		f = withoutWords(f)
	}
	hash := sha256.Sum256(fmt.Appendf(nil, "%v %q %q", m.personal, slices.Sorted(slices.Values(m.hidden)), keywords(words)))
	return Selection{
		Filter: g.within(f),
		Show: func(e audit.Entry) (audit.Entry, bool) {
			if !m.finds(e, words) {
				return audit.Entry{}, false
			}
			return m.entry(e), true
		},
		Key: string(hash[:]),
	}, nil
}

func keywords(words []audit.Filter) (list []string) {
	for _, w := range words {
		list = append(list, w.Keyword)
	}
	return list
}

func withoutWords(f audit.Filter) audit.Filter {
	var loose audit.Filter
	for i, term := range f.Terms() {
		term.Keyword = ""
		if i == 0 {
			loose = term
		} else {
			loose = loose.And(term)
		}
	}
	return loose
}
