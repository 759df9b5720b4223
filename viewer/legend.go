package viewer

import (
	"cmp"
	"net/http"
	"slices"
	"strings"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/internal/words"
)

// legendPage explains the actions of the catalogue.
type legendPage struct {
	page
	Groups   []legendGroup
	FindText string
	Matches  string
	Carried  []pair
}

// legendGroup are the actions of a group.
type legendGroup struct {
	Label   string
	Actions []legendAction
}

// legendAction is an action in the reader's language.
type legendAction struct {
	audit.Action
	Href, SeverityText string
}

// serveLegend lists the actions that the reader may know of and that contain find. It reads
// no entries.
func (s *visit) serveLegend(w http.ResponseWriter, find string) error {
	p := legendPage{page: page{visit: s, Status: http.StatusOK}, FindText: find}
	p.Title = p.T("What the actions mean") + " · " + s.name()
	p.Carried = append(listPage{page: p.page}.PerCarried(), pair{"legend", "1"})
	total, seen, at := 0, map[string]bool{}, map[string]int{}
	for _, known := range s.trail.Catalogue().Actions() {
		if seen[known.Name] || !s.grant.ShowsAction(s.trail.Catalogue(), known.Name) {
			continue
		}
		seen[known.Name] = true
		a := s.legendAction(known.Name)
		if !a.has(words.Fold(strings.TrimSpace(find))) {
			continue
		}
		total++
		if _, ok := at[a.Group]; !ok {
			at[a.Group] = len(p.Groups)
			p.Groups = append(p.Groups, legendGroup{Label: p.T(cmp.Or(labelOf(a.Group), "Other actions"))})
		}
		g := &p.Groups[at[a.Group]]
		g.Actions = append(g.Actions, a)
	}
	if i, ok := at[""]; ok { // actions without a group come last
		p.Groups = append(slices.Delete(slices.Clone(p.Groups), i, i+1), p.Groups[i])
	}
	p.Matches = s.lang.count("%s actions", total, false)
	return s.render(w, "legend", http.StatusOK, p)
}

func (s *visit) legendAction(name string) legendAction {
	a := legendAction{Action: s.known(name), Href: s.adding("action", param(name))}
	a.SeverityText = s.lang.text(a.Severity.Label())
	return a
}

// has reports whether a text of the action contains text, which is folded.
func (a legendAction) has(text string) bool {
	return slices.ContainsFunc([]string{a.Label, a.Name, a.Explanation, a.SeverityText, string(a.Severity)}, func(s string) bool {
		return strings.Contains(words.Fold(s), text)
	})
}

// Entry returns an entry of the action, from which the template makes its pill.
func (a legendAction) Entry() *audit.Entry { return &audit.Entry{Action: a.Name} }

// LegendLink links to the legend.
func (p page) LegendLink() string { return p.with("legend", "1", p.wrong, "") }
