package viewer

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/internal/words"
)

const (
	// inlineFacets is how many choices a menu holds. More than that are looked for.
	inlineFacets = 200
	// facetsAsked is how many values of a facet are read at most: more than one list
	// of them shows.
	facetsAsked = audit.MaxLimit + 1
	// facetsWait is how long a page waits for its menus.
	facetsWait = 2 * time.Second
)

// menu is a multi-select of a filter.
type menu struct {
	Name, Label string
	Chosen      int
	Options     []option
	Total       int    // of all choices
	More        bool   // there are more than Total
	Find        string // the page that finds among all of them; "" if all are here
	Free        bool   // the store knows no choices: the value is typed
	Typed       string
}

type option struct {
	Value, Label string
	Name         string // shown beside a label that several options share
	Code         string // the recorded one, on hover
	Not          string // the not parameter that leaves the value out; "" where the menu doesn't offer that
	On           bool
	Group        *group // begins a group of actions
}

// group is what actions have in common; its link adds all of them.
type group struct{ Label, Href string }

type facetName struct {
	name, label string
	values      func(*audit.Facets) []string
	always      bool // shown even where there is nothing to choose between
}

// facetNames are the facets by their parameter.
var facetNames = []facetName{
	{"action", "Action", func(f *audit.Facets) []string { return f.Actions }, true},
	{"type", "Object type", func(f *audit.Facets) []string { return f.ObjectTypes }, true},
	{"user", "User", func(f *audit.Facets) []string { return f.Users }, true},
	{"on_behalf_of", "On behalf of", func(f *audit.Facets) []string { return f.OnBehalfOf }, false},
	{"outcome", "Outcome", func(f *audit.Facets) []string { return f.Outcomes }, true},
	{"actor_type", "Actor type", func(f *audit.Facets) []string { return f.ActorTypes }, false},
	{"tenant", "Tenant", func(f *audit.Facets) []string { return f.Tenants }, false},
	{"project", "Project", func(f *audit.Facets) []string { return f.Projects }, false},
	{"product", "Product", func(f *audit.Facets) []string { return f.Products }, false},
}

// facets are the values ever recorded in the scope that contain find, of each facet
// or of one, at most facetsAsked if the store can stop there; nil where the store
// can't tell. What is filtered now doesn't narrow the choices.
func (s *visit) facets(ctx context.Context, name, find string) (*audit.Facets, error) {
	ctx, cancel := context.WithTimeout(ctx, facetsWait)
	defer cancel()
	finder, ok := s.reader.(audit.FacetFinder)
	if !ok {
		return nil, nil
	}
	f, err := finder.FindFacets(ctx, audit.FacetQuery{Name: name, Find: find, Limit: facetsAsked})
	if errors.Is(err, errors.ErrUnsupported) {
		return nil, nil
	}
	return &f, err
}

// menuFacets are those of the menus; nil also if they take too long. Values are
// typed then.
func (s *visit) menuFacets(ctx context.Context) (*audit.Facets, error) {
	facets, err := s.facets(ctx, "", "")
	if err != nil && errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return nil, nil
	}
	return facets, err
}

func (s *visit) menus(facets *audit.Facets, users []audit.Actor) []menu {
	var list []menu
	for _, n := range facetNames {
		if (n.name == "user" || n.name == "on_behalf_of") && !s.grant.Personal {
			continue
		}
		m := menu{Name: n.name, Label: n.label, Chosen: len(s.state[n.name])}
		var values []string
		if facets != nil {
			values = n.values(facets)
		}
		if n.name == "user" {
			values = s.withUsers(values, users)
		}
		if facets != nil || len(values) > 0 {
			s.choices(&m, values)
		}
		if facets == nil {
			m.Free, m.Typed = true, s.state.Get(n.name)
		}
		if n.always && (m.Total > 0 || m.Free) || m.Total > 1 || m.Chosen > 0 {
			list = append(list, m)
		}
		if n.name == "outcome" {
			list = append(list, s.severityMenu())
		}
	}
	return list
}

// severityMenu lists all severities: they come from the catalogue, not from entries.
func (s *visit) severityMenu() menu {
	m := menu{Name: "severity", Label: "Severity", Chosen: len(s.state["severity"])}
	for _, severity := range audit.Severities() {
		value := string(severity)
		m.Options = append(m.Options, option{Value: value, Label: s.facetLabel(m.Name, value), On: slices.Contains(s.state[m.Name], value)})
	}
	m.Total = len(m.Options)
	return m
}

// choices fills a menu: what is chosen first where there is more than fits.
func (s *visit) choices(m *menu, values []string) {
	chosen := s.state[m.Name]
	m.Total = len(values)
	if m.More = m.Total == facetsAsked; m.More {
		m.Total--
	}
	for _, c := range chosen {
		if v := unquoted(c); !slices.Contains(values, v) {
			values = append([]string{v}, values...) // shared links may name what is not here
			m.Total++
		}
	}
	on := func(v string) bool { return slices.Contains(chosen, param(v)) }
	if len(values) > inlineFacets {
		m.Find = s.with("facet", m.Name, s.wrong, "")
		picked := slices.DeleteFunc(slices.Clone(values), func(v string) bool { return !on(v) })
		rest := slices.DeleteFunc(slices.Clone(values), on)
		values = append(picked, rest[:min(len(rest), max(0, inlineFacets-len(picked)))]...)
	}
	for _, v := range values {
		o := option{Value: param(v), Label: s.facetLabel(m.Name, v), On: on(v)}
		switch m.Name {
		case "action", "type":
			o.Code = v
		case "user":
			if o.Label != v {
				o.Name = v
			}
		}
		if m.Find == "" {
			o.Not = notOf(m.Name, v)
		}
		m.Options = append(m.Options, o)
	}
	nameTwins(m.Options)
	if m.Name == "action" && len(values) <= inlineFacets {
		m.Options = s.grouped(m.Options, values)
	}
}

// nameTwins shows the recorded name beside labels that several options share.
func nameTwins(options []option) {
	count := map[string]int{}
	for _, o := range options {
		count[o.Label]++
	}
	for i, o := range options {
		if count[o.Label] > 1 && o.Code != "" {
			options[i].Name = o.Code
		}
	}
}

// grouped puts the actions of a group together, those of no group last.
func (s *visit) grouped(options []option, names []string) []option {
	byGroup := map[string][]int{}
	var order []string
	for i, name := range names {
		g := s.known(name).Group
		if byGroup[g] == nil {
			order = append(order, g)
		}
		byGroup[g] = append(byGroup[g], i)
	}
	if len(order) < 2 {
		return options
	}
	slices.SortFunc(order, func(a, b string) int {
		return cmp.Or(cmp.Compare(len(b), 0)-cmp.Compare(len(a), 0), strings.Compare(a, b))
	})
	var list []option
	for _, g := range order {
		all := s.copyState()
		all.Del("cursor")
		all.Del(s.wrong)
		for _, i := range byGroup[g] {
			if !slices.Contains(all["action"], options[i].Value) {
				all.Add("action", options[i].Value)
			}
		}
		at := len(list)
		for _, i := range byGroup[g] {
			list = append(list, options[i])
		}
		list[at].Group = &group{s.lang.text(cmp.Or(labelOf(g), "Other actions")), query(all)}
	}
	return list
}

// labelOf makes "api_access" into "Api access".
func labelOf(word string) string {
	s := strings.ReplaceAll(word, "_", " ")
	if s == "" {
		return ""
	}
	first, size := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(first)) + s[size:]
}

func (s *visit) facetLabel(name, value string) string {
	switch name {
	case "action":
		return s.known(value).Label
	case "type":
		return s.typeLabel(value)
	case "user":
		return cmp.Or(s.names[value], value)
	case "outcome":
		return labelOf(s.lang.text(value))
	case "severity":
		return s.lang.text(audit.Severity(value).Label())
	case "reads":
		return s.lang.text("hidden")
	}
	return value
}

func unquoted(s string) string {
	if s != "" && s[0] == '"' {
		if u, err := strconv.Unquote(s); err == nil {
			return u
		}
	}
	return s
}

// facetPage finds among the choices of one menu.
type facetPage struct {
	page
	Menu     menu
	FindText string
	Found    []facetLink
	Matches  string
	Carried  []pair
}

type facetLink struct{ Label, Name, Href, Without string }

// facetLabels are the texts that the page shows instead of values.
func (s *visit) facetLabels(name string, values []string) map[string]string {
	labels := map[string]string{}
	for _, v := range values {
		if label := s.facetLabel(name, v); label != v {
			labels[v] = label
		}
	}
	return labels
}

// notOf is the not parameter that leaves a value out; "" where the page doesn't offer that.
func notOf(name, value string) string {
	if name != "action" && name != "type" && name != "user" || value == "" || hasMask(value) {
		return ""
	}
	return url.Values{name: {param(value)}}.Encode()
}

// serveFacet answers one facet's values, those that contain find in any case.
func (s *visit) serveFacet(ctx context.Context, w http.ResponseWriter, name, find string) error {
	i := slices.IndexFunc(facetNames, func(n facetName) bool { return n.name == name })
	if i < 0 {
		return &audit.QueryError{Param: "facet", Reason: strconv.Quote(name) + " is not action, type, user, on_behalf_of, outcome, actor_type, tenant, project or product"}
	}
	matching, total, more, err := s.findFacet(ctx, facetNames[i], find)
	if err != nil {
		return err
	}
	if asksJSON(s.request) {
		values := matching[:min(len(matching), audit.MaxLimit)]
		return s.sendJSON(w, http.StatusOK, facetForm{Facet: name, Values: values, Labels: s.facetLabels(name, values), Total: total, TotalMore: more})
	}
	p := facetPage{page: page{visit: s, Title: s.name(), Status: http.StatusOK}, FindText: find, Matches: s.lang.number(total)}
	if more {
		p.Matches += "+"
	}
	p.Menu = menu{Name: name, Label: facetNames[i].label}
	p.Carried = append(listPage{page: p.page}.PerCarried(), pair{"facet", name})
	shown := inlineFacets
	if len(query(s.state)) > maxRowState {
		shown /= 10 // each link has all of it
	}
	for _, v := range matching[:min(len(matching), shown)] {
		link := facetLink{Label: s.facetLabel(name, v), Href: s.adding(name, param(v))}
		if name == "user" && link.Label != v {
			link.Name = v
		}
		if not := notOf(name, v); not != "" {
			link.Without = s.adding("not", not)
		}
		p.Found = append(p.Found, link)
	}
	return s.render(w, "facet", http.StatusOK, p)
}

// findFacet returns the values of a facet that contain find, or whose label does,
// and how many they are, or more. Labels are looked at as long as all values are
// here.
func (s *visit) findFacet(ctx context.Context, of facetName, find string) (matching []string, total int, more bool, err error) {
	labelled := of.name == "action" || of.name == "type" || of.name == "outcome"
	asked := find
	if labelled {
		asked = ""
	}
	var users func() []audit.Actor
	if of.name == "user" {
		users = s.askUsers(ctx, find)
	}
	facets, err := s.facets(ctx, of.name, asked)
	if err == nil && facets != nil && labelled && len(of.values(facets)) == facetsAsked {
		facets, err = s.facets(ctx, of.name, find)
	}
	if err != nil {
		return []string{}, 0, false, err
	}
	if facets == nil {
		facets = &audit.Facets{}
	}
	values, needle := of.values(facets), words.Fold(find)
	matching = []string{}
	for _, v := range values {
		if strings.Contains(words.Fold(v), needle) || strings.Contains(words.Fold(s.facetLabel(of.name, v)), needle) {
			matching = append(matching, v)
		}
	}
	if users != nil {
		found := slices.DeleteFunc(users(), func(u audit.Actor) bool { return !matchesUser(u, needle) })
		matching = s.withUsers(matching, found)
	}
	total = len(matching)
	if more = total == facetsAsked; more {
		total--
	}
	return matching, total, more, nil
}
