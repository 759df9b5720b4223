package viewer

import (
	"net/http"
	"slices"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/search"
)

// helpPage explains what can be typed into the search box.
type helpPage struct {
	page
	Terms, Basics []helpTerm
}

// helpTerm is a qualifier, in the reader's language, or something else that can be typed.
type helpTerm struct {
	Name        string   `json:"name"`
	Aliases     []string `json:"aliases,omitempty"`
	Explanation string   `json:"explanation"`
	Example     string   `json:"example"`
	Values      []string `json:"values,omitempty"`
	Facet       string   `json:"facet,omitempty"` // lists the recorded values (facet=)
}

// basics are the search terms that aren't qualifiers.
var basics = []helpTerm{
	{Example: `ada invoice`, Explanation: "Each of the words, anywhere in an entry"},
	{Example: `"ada lovelace"`, Explanation: "These words in this order"},
	{Example: `-"ada lovelace"`, Explanation: "All entries without these words"},
	{Example: `action:update,destroy`, Explanation: "One of these values"},
	{Example: `-action:login`, Explanation: "All entries without this value"},
	{Example: `type:"API Key"`, Explanation: "A value with a space or a comma"},
}

// serveHelp explains the search box, as a page or, for completion, as data. It reads no
// entry.
func (s *visit) serveHelp(w http.ResponseWriter) error {
	terms := []helpTerm{}
	for _, q := range search.Qualifiers() {
		if s.mayAsk(q.Example) {
			terms = append(terms, helpTerm{q.Name, q.Aliases, s.lang.text(q.Explanation), q.Example, q.Values, q.Facet})
		}
	}
	if asksJSON(s.request) {
		return s.sendJSON(w, http.StatusOK, map[string][]helpTerm{"qualifiers": terms})
	}
	p := helpPage{page: page{visit: s, Status: http.StatusOK}, Terms: terms}
	p.Title = p.T("Search help") + " · " + s.name()
	for _, b := range slices.Clone(basics) {
		if s.mayAsk(b.Example) {
			b.Explanation = s.lang.text(b.Explanation)
			p.Basics = append(p.Basics, b)
		}
	}
	return s.render(w, "help", http.StatusOK, p)
}

// mayAsk reports whether the reader may search by such a term.
func (s *visit) mayAsk(example string) bool {
	f, err := search.Parse(example, s.trail.Catalogue(), nil)
	return err == nil && s.grant.Check(audit.Query{Filter: f}) == nil
}

// Href links to the list with this search.
func (p helpPage) Href(example string) string { return p.list("q", example) }

// HelpLink links to the search help.
func (p page) HelpLink() string { return p.with("help", "1", p.wrong, "") }
