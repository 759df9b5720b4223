package audit

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/gormtrail/audit/internal/cleantext"
	"github.com/gormtrail/audit/internal/words"
)

// SearchTexts returns the folded texts in which a keyword is looked for: what a page shows
// of the entry, except for values that changed and for what Filter.Search adds. Texts are folded
// as storage.Fold does.
func (e Entry) SearchTexts() []string {
	texts := []string{
		e.Actor.Name, e.Actor.Email, e.Object.Name, e.Object.ID, e.Action,
		e.Actor.ID, e.Object.Type, outcomeEnding(e.Outcome), e.Request.IP, e.Request.ID, e.TransactionID, e.ID, e.Error, e.Comment,
	}
	if a := e.OnBehalfOf; a != nil {
		texts = append(texts, a.Name, a.Email, a.ID)
	}
	for _, c := range e.Changes {
		texts = append(texts, c.Field)
	}
	for i, s := range texts {
		texts[i] = words.Fold(s)
	}
	return texts
}

// outcomeEnding is how labels say that an action didn't succeed.
func outcomeEnding(o Outcome) string {
	switch o {
	case Failure:
		return "failed"
	case Denied:
		return "denied"
	}
	return ""
}

// Search is what a keyword is compared with beside an entry's own texts.
type Search struct {
	// Labels select entries whose label holds the keyword.
	Labels []Filter
	// Metadata names values of the metadata, wherever they stand in it: texts without
	// NUL and whole numbers of 64 bits are searched.
	Metadata []string
}

// Search returns what f's Keyword is compared with beside Entry.SearchTexts and storage.SearchWords.
// A Trail knows it, and adds it to the filters that it hands to its store.
func (f Filter) Search() Search {
	s := f.search
	if f.noMetadata {
		s.Metadata = nil
	}
	return s
}

// WithoutMetadata returns f with keywords that aren't looked for in metadata, whatever
// Options.SearchableMetadata names: for readers who may not see all of it.
func (f Filter) WithoutMetadata() Filter {
	f.noMetadata = true
	f.Not, f.and = slices.Clone(f.Not), slices.Clone(f.and)
	for _, list := range [][]Filter{f.Not, f.and} {
		for i := range list {
			list[i] = list[i].WithoutMetadata()
		}
	}
	return f
}

// Keywords returns a filter for each keyword that f asks for, of that keyword alone.
// What f leaves out isn't asked for.
func (f Filter) Keywords() (list []Filter) {
	for _, term := range f.Terms() {
		if term.Keyword != "" {
			list = append(list, Filter{Keyword: term.Keyword, search: term.search, searched: term.searched, noMetadata: term.noMetadata})
		}
	}
	return list
}

func (f Filter) matchKeyword(e Entry) bool {
	if f.Keyword == "" {
		return true
	}
	k := words.Fold(f.Keyword)
	if slices.ContainsFunc(e.SearchTexts(), func(s string) bool { return strings.Contains(s, k) }) {
		return true
	}
	if joined := words.Joined(k); joined != "" {
		action := words.WithoutSeparators(words.Fold(e.Action)) + words.Fold(outcomeEnding(e.Outcome))
		if strings.Contains(action, joined) || strings.Contains(words.WithoutSeparators(words.Fold(e.Object.Type)), joined) {
			return true
		}
	}
	s := f.Search()
	return slices.ContainsFunc(s.Labels, func(l Filter) bool { return l.Match(e) }) ||
		len(s.Metadata) > 0 && inMetadata(e.Metadata, s.Metadata, k)
}

// inMetadata reports whether a value with one of these names holds the keyword.
func inMetadata(v any, names []string, keyword string) bool {
	switch v := v.(type) {
	case map[string]any:
		for name, inner := range v {
			if slices.Contains(names, name) {
				if s, ok := searchedValue(inner); ok && strings.Contains(words.Fold(s), keyword) {
					return true
				}
			}
			if inMetadata(inner, names, keyword) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(v, func(inner any) bool { return inMetadata(inner, names, keyword) })
	}
	return false
}

func searchedValue(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, !strings.Contains(v, "\x00")
	case nil, bool, []any, map[string]any:
		return "", false
	case json.Number:
		n, err := strconv.ParseInt(v.String(), 10, 64)
		return v.String(), err == nil && strconv.FormatInt(n, 10) == v.String()
	}
	text, err := json.Marshal(v)
	if err != nil {
		return "", false
	}
	return searchedValue(json.Number(text))
}

// search is what the trail knows of a keyword.
func (t *Trail) search(keyword string) Search {
	return Search{Labels: t.catalogue.labelled(words.Fold(cleantext.Text(keyword))), Metadata: t.searchable}
}

// labelled selects entries whose label has the folded text.
func (c *Catalogue) labelled(text string) (list []Filter) {
	outcomes := []Outcome{Success, Failure, Denied}
	actions := make([][]string, len(outcomes))
	for _, a := range c.actions {
		a = a.complete()
		for i, o := range outcomes {
			format, noun := a.LabelOf(o)
			if strings.Contains(words.Fold(fmt.Sprintf(format, noun)), text) {
				actions[i] = append(actions[i], a.Name)
			}
		}
	}
	for i, names := range actions {
		if names != nil {
			list = append(list, Filter{Actions: names, Outcomes: outcomes[i : i+1]})
		}
	}
	// A label that is only the type's name is found by the type itself.
	types := slices.DeleteFunc(words.Labelled(text), func(name string) bool {
		return strings.Contains(name, text) || slices.ContainsFunc(c.objects, func(o ObjectType) bool { return o.Name == name })
	})
	for _, o := range c.objects {
		if strings.Contains(words.Fold(c.ObjectType(o.Name).Label), text) {
			types = append(types, o.Name)
		}
	}
	if len(types) > 0 {
		list = append(list, Filter{ObjectTypes: types})
	}
	return list
}

// searching adds to the keywords of f what the trail knows of them.
func (t *Trail) searching(f Filter) Filter {
	if f.Keyword != "" && !f.searched {
		f.search, f.searched = t.search(f.Keyword), true
	}
	f.Not, f.and = t.searchingEach(f.Not), t.searchingEach(f.and)
	return f
}

func (t *Trail) searchingEach(list []Filter) []Filter {
	list = slices.Clone(list)
	for i, f := range list {
		list[i] = t.searching(f)
	}
	return list
}
