package audit

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// ParseKeyword reads what a person types into a search box: words, and
// qualifiers as people know them from code hosts.
//
//	actor:alice action:update,destroy -ip:10.0.0.0/8 type:"API Key"
//	field:role since:2026-01-01 is:failure free words
//
// A free word is looked for as Filter.Keyword is: as a substring, in any case.
// Each of several words must be found; a phrase in double quotes is one word.
// "-" in front of a word or a qualifier leaves out what it selects.
//
// A qualifier is followed by values without blanks, parted by commas: any of
// them will do, as will any value of the same qualifier given again. A value
// that holds a blank, a comma or a quote at its beginning is put in double
// quotes, in which \" is a quote and \\ a backslash; "" is the empty value.
//
//	actor, by    the user as the page shows it (Actor.User), or the actor's ID
//	user, email  the user alone                 → Filter.Users
//	behalf, on_behalf_of
//	             whom the actor stood in for    → Filter.OnBehalfOf
//	actor_type   user, apiKey, service, …       → Filter.ActorTypes
//	action       its name, or its label in c    → Filter.Actions
//	type, object the type of the object: its
//	             name, or its label in c        → Filter.ObjectTypes
//	record, id   the object's ID                → Filter.ObjectIDs
//	is, outcome  success, failure or denied     → Filter.Outcomes
//	             read: the action only reads (-is:read → Filter.WithoutReads)
//	severity     info, notice, warning or alarm → Filter.Severities
//	product, tenant, project, field, ip, request, transaction
//	created, date, since, until, after, before
//	             when (below)
//
// Qualifiers lists them for help and completion. Values are compared exactly, as in
// Filter; only labels, outcomes and the qualifiers themselves are read in any case.
//
// A time is a date (2026-01-31), a minute (2026-01-31T13:59) or a second
// (2026-01-31T13:59:24), each in UTC or with a zone behind the time (Z, +02:00), and
// means all of that day, minute or second: created:2026-01-31 is the whole day,
// after:2026-01-31 begins with the next one, since:2026-01-31 with that day,
// until:2026-01-31 ends with that day's last moment, before:2026-01-31 with the day
// before. today and yesterday are days too. created: also takes bounds (>=, >, <=, <)
// and ranges (2026-01-01..2026-01-31, in which * leaves an end open). 24h, 7d and the
// like (m, h, d, w) are so long ago: created:7d is the last seven days. All qualifiers
// of time must hold together.
//
// c may be nil; then no labels are known. The result of "" selects everything.
// What can't be read is a *QueryError of the parameter "q" whose Reason tells a
// person what to type, and whose Column says where. An unknown
// qualifier is such an error, not a word: a slip must not look like an empty
// result. Text that looks like one is searched for in quotes: "http://x".
//
// The field Filter.Keyword itself stays what it is, one plain substring:
// Expand reads a filter's Keyword by this grammar.
func ParseKeyword(s string, c *Catalogue) (Filter, error) { return ParseKeywordIn(s, c, time.UTC) }

// ParseKeywordIn is ParseKeyword with days, and times without a zone, in this zone; nil
// is UTC.
func ParseKeywordIn(s string, c *Catalogue, zone *time.Location) (Filter, error) {
	if len(s) > MaxKeyword {
		return Filter{}, &QueryError{Param: "q", Reason: fmt.Sprintf("A search has at most %d bytes, and this one has %d", MaxKeyword, len(s))}
	}
	terms, err := parseKeywordTerms(s)
	if err != nil {
		return Filter{}, err
	}
	b := keywordFilter{catalogue: c, clock: keywordClock{time.Now(), cmp.Or(zone, time.UTC)}}
	for _, t := range terms {
		if err := b.add(t); err != nil {
			return Filter{}, err
		}
	}
	return b.filter()
}

// Expand returns f with its Keyword read as ParseKeyword reads it: what that
// selects is and-ed under f, and the Keyword is "". It is how pages and APIs
// treat the q of a query string; code that sets Keyword itself means it plainly
// and doesn't expand it.
//
// What was and-ed is not in Filter.Values: links are made of f, not of the
// result.
func (f Filter) Expand(c *Catalogue) (Filter, error) { return f.ExpandIn(c, time.UTC) }

// ExpandIn is Expand with days, and times without a zone, in this zone.
func (f Filter) ExpandIn(c *Catalogue, zone *time.Location) (Filter, error) {
	parsed, err := ParseKeywordIn(f.Keyword, c, zone)
	if err != nil {
		return Filter{}, err
	}
	f.Keyword = ""
	return f.And(parsed), nil
}

// keywordFilter is a filter being made of terms.
type keywordFilter struct {
	catalogue *Catalogue
	clock     keywordClock
	result    Filter
	words     []string
	// Any-of lists that Filter has no field for.
	actors, transactions, requests []string
	isRead                         bool
}

func (b *keywordFilter) add(t keywordTerm) error {
	if t.qualifier.Name == "" {
		if t.negated {
			b.result.Not = append(b.result.Not, Filter{Keyword: t.values[0].text})
		} else {
			b.words = append(b.words, t.values[0].text)
		}
		return nil
	}
	switch t.qualifier.Name {
	case "created", "since", "until", "after", "before":
		return b.addTime(t)
	}
	values, err := b.read(t)
	if err != nil {
		return err
	}
	switch t.qualifier.Name {
	case "actor":
		b.addAnyOf(t.negated, &b.actors, values, byActor)
	case "transaction":
		b.addAnyOf(t.negated, &b.transactions, values, byTransaction)
	case "request":
		b.addAnyOf(t.negated, &b.requests, values, byRequest)
	case "is":
		b.addIs(t.negated, values)
	case "severity":
		b.addTo(t.negated, func(f *Filter) {
			for _, v := range values {
				f.Severities = append(f.Severities, Severity(v))
			}
		})
	default:
		list := t.qualifier.list
		b.addTo(t.negated, func(f *Filter) { *list(f) = append(*list(f), values...) })
	}
	return nil
}

// reads selects what WithoutReads leaves out.
var reads = Filter{Not: []Filter{{WithoutReads: true}}}

// addIs adds outcomes and, for "read", the actions that only read; an entry needs one of them.
func (b *keywordFilter) addIs(negated bool, values []string) {
	outcomes := slices.DeleteFunc(slices.Clone(values), func(v string) bool { return v == readWord })
	read := len(outcomes) < len(values)
	switch {
	case !negated:
		b.isRead = b.isRead || read
	case read: // -is:read sets the same field as reads=hide
		b.result.WithoutReads = true
	}
	if len(outcomes) > 0 {
		b.addTo(negated, func(f *Filter) {
			for _, v := range outcomes {
				f.Outcomes = append(f.Outcomes, Outcome(v))
			}
		})
	}
}

// addTo sets a field of the result, or of a filter that it leaves out.
func (b *keywordFilter) addTo(negated bool, set func(*Filter)) {
	if !negated {
		set(&b.result)
		return
	}
	var n Filter
	set(&n)
	b.result.Not = append(b.result.Not, n)
}

// addAnyOf is addTo for what takes several filters to say.
func (b *keywordFilter) addAnyOf(negated bool, list *[]string, values []string, by func([]string) []Filter) {
	if negated {
		b.result.Not = append(b.result.Not, by(values)...)
		return
	}
	*list = append(*list, values...)
}

func byActor(values []string) []Filter { return []Filter{{Users: values}, {ActorIDs: values}} }

func byTransaction(values []string) []Filter {
	list := make([]Filter, len(values))
	for i, v := range values {
		list[i].TransactionID = v
	}
	return list
}

func byRequest(values []string) []Filter {
	list := make([]Filter, len(values))
	for i, v := range values {
		list[i].RequestID = v
	}
	return list
}

// addTime narrows the range, or leaves one out.
func (b *keywordFilter) addTime(t keywordTerm) error {
	if len(t.values) > 1 {
		return keywordError(t.values[1].column, "“%s” takes one date or range", t.typed)
	}
	v := t.values[0]
	s, err := b.clock.read(t, v)
	if err != nil {
		return err
	}
	if t.negated {
		b.result.Not = append(b.result.Not, Filter{From: s.from, To: s.to, moving: s.moving})
		return nil
	}
	f := &b.result
	f.moving = f.moving || s.moving
	if s.from.After(f.From) {
		f.From = s.from
	}
	if f.To.IsZero() || (!s.to.IsZero() && s.to.Before(f.To)) {
		f.To = s.to
	}
	if !f.From.IsZero() && !f.To.IsZero() && !f.From.Before(f.To) {
		return keywordError(v.column, "The dates exclude each other, so nothing can match")
	}
	return nil
}

// filter returns what the terms say together.
func (b *keywordFilter) filter() (Filter, error) {
	f := b.result
	switch {
	case b.isRead && len(f.Outcomes) > 0: // either of them
		f.Not = append(f.Not, Filter{Not: []Filter{{Outcomes: f.Outcomes}, reads}})
		f.Outcomes = nil
	case b.isRead:
		f.Not = append(f.Not, reads.Not...)
	}
	for _, any := range [][]Filter{anyOf(b.actors, byActor), anyOf(b.transactions, byTransaction), anyOf(b.requests, byRequest)} {
		switch len(any) {
		case 0:
		case 1: // which sets one of the two
			f.TransactionID += any[0].TransactionID
			f.RequestID += any[0].RequestID
		default: // one of several: not none of them
			f.Not = append(f.Not, Filter{Not: any})
		}
	}
	for i, word := range b.words {
		if i == 0 {
			f.Keyword = word
		} else {
			f = f.And(Filter{Keyword: word})
		}
	}
	return f, f.Validate()
}

func anyOf(values []string, by func([]string) []Filter) []Filter {
	if len(values) == 0 {
		return nil
	}
	slices.Sort(values)
	return by(slices.Compact(values))
}

// readWord is the value of "is" that isn't an outcome.
const readWord = "read"

// outcomeWords are what people type for outcomes.
var outcomeWords = map[string]Outcome{
	"success": Success, "succeeded": Success, "failure": Failure, "failed": Failure, "denied": Denied,
}

// read checks a qualifier's values and brings them into the form of Filter.
func (b *keywordFilter) read(t keywordTerm) ([]string, error) {
	var values []string
	for _, v := range t.values {
		switch t.qualifier.Name {
		case "ip":
			if _, _, err := IPRange(v.text); err != nil {
				return nil, keywordError(v.column, "“%s” needs an IP address such as 10.1.2.3, or a network such as 10.0.0.0/8, not “%s”", t.typed, v.text)
			}
		case "is":
			word := strings.ToLower(v.text)
			if outcome, ok := outcomeWords[word]; ok {
				word = string(outcome)
			} else if word != readWord {
				return nil, keywordError(v.column, "“%s” can be success, failure, denied or read, not “%s”", t.typed, v.text)
			}
			v.text = word
		case "severity":
			word := strings.ToLower(v.text)
			if !slices.Contains(severities, Severity(word)) {
				return nil, keywordError(v.column, "“%s” can be info, notice, warning or alarm, not “%s”", t.typed, v.text)
			}
			v.text = word
		case "transaction", "request":
			if v.text == "" {
				return nil, keywordError(v.column, "“%s” needs a value, such as %s", t.typed, unclipped(t.qualifier.Example))
			}
		case "action":
			values = append(values, b.catalogue.actionsNamed(v.text)...)
			continue
		case "type":
			values = append(values, b.catalogue.typesNamed(v.text)...)
			continue
		}
		values = append(values, v.text)
	}
	return values, nil
}
