package search

import (
	"slices"
	"strings"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/internal/words"
)

// Qualifier explains one qualifier of the search box, for help and
// completion. A qualifier is typed with a colon and a value: "actor:ada@example.com".
type Qualifier struct {
	Name        string   // "actor"
	Aliases     []string // other spellings
	Explanation string   // one line, in English
	Example     string   // a whole term: "actor:ada@example.com"
	// Values are the values that can be typed, where there are few. Default: any.
	Values []string
	// Facet is the facet that lists recorded values (FacetQuery.Name). Default: none does.
	Facet string

	list func(*audit.Filter) *[]string // the field that its values go to, if one does
}

// Qualifiers returns all qualifiers of the search box, the most used first.
func Qualifiers() []Qualifier {
	list := slices.Clone(qualifiers)
	for i := range list {
		list[i].Aliases, list[i].Values = slices.Clone(list[i].Aliases), slices.Clone(list[i].Values)
	}
	return list
}

var qualifiers = []Qualifier{
	{Name: "actor", Aliases: []string{"by"}, Explanation: "Who did it: email, name or ID", Example: "actor:ada@example.com", Facet: "user"},
	{Name: "action", Explanation: "What was done: the action or its label", Example: "action:update,destroy", Facet: "action", list: func(f *audit.Filter) *[]string { return &f.Actions }},
	{Name: "type", Aliases: []string{"object"}, Explanation: "On what type of record: the type or its label", Example: "type:api_keys", Facet: "type", list: func(f *audit.Filter) *[]string { return &f.ObjectTypes }},
	{Name: "record", Aliases: []string{"id"}, Explanation: "On which record: its ID", Example: "record:42", list: func(f *audit.Filter) *[]string { return &f.ObjectIDs }},
	{Name: "is", Aliases: []string{"outcome"}, Explanation: "How it ended, or that it only read", Example: "is:denied", Values: []string{"success", "failure", "denied", readWord}},
	{Name: "severity", Explanation: "How much attention it deserves", Example: "severity:warning,alarm", Values: []string{"info", "notice", "warning", "alarm"}},
	{Name: "field", Explanation: "Changed this field", Example: "field:role", list: func(f *audit.Filter) *[]string { return &f.Fields }},
	{Name: "created", Aliases: []string{"date"}, Explanation: "On a day, in a range, or in the last hours or days", Example: "created:7d", Values: []string{"today", "yesterday", "24h", "7d", "30d"}},
	{Name: "since", Explanation: "On this day or later", Example: "since:2026-01-31", Values: []string{"today", "yesterday"}},
	{Name: "until", Explanation: "On this day or earlier", Example: "until:2026-01-31", Values: []string{"today", "yesterday"}},
	{Name: "after", Explanation: "Later than this day", Example: "after:2026-01-31", Values: []string{"yesterday"}},
	{Name: "before", Explanation: "Earlier than this day", Example: "before:2026-01-31", Values: []string{"today", "yesterday"}},
	{Name: "ip", Explanation: "From this IP address or network", Example: "ip:10.0.0.0/8", list: func(f *audit.Filter) *[]string { return &f.IPs }},
	{Name: "user", Aliases: []string{"email"}, Explanation: "Who did it: email, or the name of a user without one", Example: "user:ada@example.com", Facet: "user", list: func(f *audit.Filter) *[]string { return &f.Users }},
	{Name: "behalf", Aliases: []string{"on_behalf_of"}, Explanation: "For whom the actor acted: email, name or ID", Example: "behalf:ben@example.com", Facet: "on_behalf_of", list: func(f *audit.Filter) *[]string { return &f.OnBehalfOf }},
	{Name: "actor_type", Explanation: "What kind of actor did it", Example: "actor_type:apiKey", Facet: "actor_type", list: func(f *audit.Filter) *[]string { return &f.ActorTypes }},
	{Name: "tenant", Explanation: "In this organization", Example: "tenant:acme", Facet: "tenant", list: func(f *audit.Filter) *[]string { return &f.Tenants }},
	{Name: "project", Explanation: "In this project", Example: "project:website", Facet: "project", list: func(f *audit.Filter) *[]string { return &f.Projects }},
	{Name: "product", Explanation: "In this product", Example: "product:billing", Facet: "product", list: func(f *audit.Filter) *[]string { return &f.Products }},
	{Name: "transaction", Explanation: "In the same database transaction", Example: "transaction:0198c1a2"},
	{Name: "request", Explanation: "In the same request", Example: "request:req_7d1f"},
}

// qualifierNamed returns the qualifier with that name or alias, in any case.
func qualifierNamed(name string) (Qualifier, bool) {
	name = strings.ToLower(name)
	for _, q := range qualifiers {
		if q.Name == name || slices.Contains(q.Aliases, name) {
			return q, true
		}
	}
	return Qualifier{}, false
}

// nearestQualifier returns the spelling that was probably meant; "" if none is near.
func nearestQualifier(name string) string {
	name = strings.ToLower(name)
	best, least := "", 2 // at most one slip in a short name, two in a long one
	if len(name) > 4 {
		least++
	}
	for _, q := range qualifiers {
		for _, spelling := range append([]string{q.Name}, q.Aliases...) {
			d := words.Distance(name, spelling)
			if len(name) >= 3 && strings.HasPrefix(spelling, name) || len(spelling) >= 4 && strings.HasPrefix(name, spelling) {
				d = min(d, 1)
			}
			if d < least {
				best, least = spelling, d
			}
		}
	}
	return best
}
