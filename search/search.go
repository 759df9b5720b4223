package search

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gormtrail/audit"
)

// Parse reads what a person typed into a search box. c gives the labels of actions and
// types; nil means no labels. zone is the time zone of days and of times without a zone; nil
// is UTC. The result of "" selects everything.
//
// The error is an *audit.QueryError of the parameter "q". Its Reason tells the person what to
// type, and its Column where the error is.
func Parse(text string, c *audit.Catalogue, zone *time.Location) (audit.Filter, error) {
	if len(text) > audit.MaxKeyword {
		return audit.Filter{}, &audit.QueryError{Param: "q", Reason: fmt.Sprintf("A search has at most %d bytes, and this one has %d", audit.MaxKeyword, len(text))}
	}
	terms, err := parse(text)
	if err != nil {
		return audit.Filter{}, err
	}
	b := builder{catalogue: c, clock: clock{time.Now(), cmp.Or(zone, time.UTC)}}
	for _, t := range terms {
		if err := b.add(t); err != nil {
			return audit.Filter{}, err
		}
	}
	return b.filter()
}

// Expand returns f with its Keyword read by Parse: the filter that it gives is and-ed under
// f, and Keyword is "". Pages and APIs treat the q of a query string like this. Code that
// sets Keyword to plain text doesn't call Expand.
//
// audit.Filter.Values leaves out what was and-ed, so make links of f and not of the result.
func Expand(f audit.Filter, c *audit.Catalogue, zone *time.Location) (audit.Filter, error) {
	parsed, err := Parse(f.Keyword, c, zone)
	if err != nil {
		return audit.Filter{}, err
	}
	f.Keyword = ""
	return f.And(parsed), nil
}

// builder makes a filter of terms.
type builder struct {
	catalogue *audit.Catalogue
	clock     clock
	result    audit.Filter
	words     []string
	// Any-of lists that audit.Filter has no field for.
	actors, transactions, requests []string
	isRead                         bool
}

func (b *builder) add(t term) error {
	if t.qualifier.Name == "" {
		if t.negated {
			b.result.Not = append(b.result.Not, audit.Filter{Keyword: t.values[0].text})
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
		b.addTo(t.negated, func(f *audit.Filter) {
			for _, v := range values {
				f.Severities = append(f.Severities, audit.Severity(v))
			}
		})
	default:
		list := t.qualifier.list
		b.addTo(t.negated, func(f *audit.Filter) { *list(f) = append(*list(f), values...) })
	}
	return nil
}

// reads selects what WithoutReads leaves out.
var reads = audit.Filter{Not: []audit.Filter{{WithoutReads: true}}}

// addIs adds outcomes and, for "read", the actions that only read; an entry needs one of them.
func (b *builder) addIs(negated bool, values []string) {
	outcomes := slices.DeleteFunc(slices.Clone(values), func(v string) bool { return v == readWord })
	read := len(outcomes) < len(values)
	switch {
	case !negated:
		b.isRead = b.isRead || read
	case read: // -is:read sets the same field as reads=hide
		b.result.WithoutReads = true
	}
	if len(outcomes) > 0 {
		b.addTo(negated, func(f *audit.Filter) {
			for _, v := range outcomes {
				f.Outcomes = append(f.Outcomes, audit.Outcome(v))
			}
		})
	}
}

// addTo sets a field of the result, or of a filter that it leaves out.
func (b *builder) addTo(negated bool, set func(*audit.Filter)) {
	if !negated {
		set(&b.result)
		return
	}
	var n audit.Filter
	set(&n)
	b.result.Not = append(b.result.Not, n)
}

// addAnyOf is addTo for what takes several filters to say.
func (b *builder) addAnyOf(negated bool, list *[]string, values []string, by func([]string) []audit.Filter) {
	if negated {
		b.result.Not = append(b.result.Not, by(values)...)
		return
	}
	*list = append(*list, values...)
}

func byActor(values []string) []audit.Filter {
	return []audit.Filter{{Users: values}, {ActorIDs: values}}
}

func byTransaction(values []string) []audit.Filter {
	list := make([]audit.Filter, len(values))
	for i, v := range values {
		list[i].TransactionID = v
	}
	return list
}

func byRequest(values []string) []audit.Filter {
	list := make([]audit.Filter, len(values))
	for i, v := range values {
		list[i].RequestID = v
	}
	return list
}

// addTime narrows the range, or leaves one out.
func (b *builder) addTime(t term) error {
	if len(t.values) > 1 {
		return errorAt(t.values[1].column, "“%s” takes one date or range", t.typed)
	}
	v := t.values[0]
	s, err := b.clock.read(t, v)
	if err != nil {
		return err
	}
	if t.negated {
		b.result.Not = append(b.result.Not, s.filter())
		return nil
	}
	f := &b.result
	if s.sliding {
		*f = f.Sliding()
	}
	if s.from.After(f.From) {
		f.From = s.from
	}
	if f.To.IsZero() || (!s.to.IsZero() && s.to.Before(f.To)) {
		f.To = s.to
	}
	if !f.From.IsZero() && !f.To.IsZero() && !f.From.Before(f.To) {
		return errorAt(v.column, "The dates exclude each other, so nothing can match")
	}
	return nil
}

// filter returns what the terms say together.
func (b *builder) filter() (audit.Filter, error) {
	f := b.result
	switch {
	case b.isRead && len(f.Outcomes) > 0: // either of them
		f.Not = append(f.Not, audit.Filter{Not: []audit.Filter{{Outcomes: f.Outcomes}, reads}})
		f.Outcomes = nil
	case b.isRead:
		f.Not = append(f.Not, reads.Not...)
	}
	for _, any := range [][]audit.Filter{anyOf(b.actors, byActor), anyOf(b.transactions, byTransaction), anyOf(b.requests, byRequest)} {
		switch len(any) {
		case 0:
		case 1: // which sets one of the two
			f.TransactionID += any[0].TransactionID
			f.RequestID += any[0].RequestID
		default: // one of several: not none of them
			f.Not = append(f.Not, audit.Filter{Not: any})
		}
	}
	for i, word := range b.words {
		if i == 0 {
			f.Keyword = word
		} else {
			f = f.And(audit.Filter{Keyword: word})
		}
	}
	return f, f.Validate()
}

func anyOf(values []string, by func([]string) []audit.Filter) []audit.Filter {
	if len(values) == 0 {
		return nil
	}
	slices.Sort(values)
	return by(slices.Compact(values))
}

// readWord is the value of "is" that isn't an outcome.
const readWord = "read"

// outcomeWords are what people type for outcomes.
var outcomeWords = map[string]audit.Outcome{
	"success": audit.Success, "succeeded": audit.Success, "failure": audit.Failure, "failed": audit.Failure, "denied": audit.Denied,
}

// read checks a qualifier's values and brings them into the form of Filter.
func (b *builder) read(t term) ([]string, error) {
	var values []string
	for _, v := range t.values {
		switch t.qualifier.Name {
		case "ip":
			if (audit.Filter{IPs: []string{v.text}}).Validate() != nil {
				return nil, errorAt(v.column, "“%s” needs an IP address such as 10.1.2.3, or a network such as 10.0.0.0/8, not “%s”", t.typed, v.text)
			}
		case "is":
			word := strings.ToLower(v.text)
			if outcome, ok := outcomeWords[word]; ok {
				word = string(outcome)
			} else if word != readWord {
				return nil, errorAt(v.column, "“%s” can be success, failure, denied or read, not “%s”", t.typed, v.text)
			}
			v.text = word
		case "severity":
			word := strings.ToLower(v.text)
			if !slices.Contains(audit.Severities(), audit.Severity(word)) {
				return nil, errorAt(v.column, "“%s” can be info, notice, warning or alarm, not “%s”", t.typed, v.text)
			}
			v.text = word
		case "transaction", "request":
			if v.text == "" {
				return nil, errorAt(v.column, "“%s” needs a value, such as %s", t.typed, unclipped(t.qualifier.Example))
			}
		case "action":
			values = append(values, actionsNamed(b.catalogue, v.text)...)
			continue
		case "type":
			values = append(values, typesNamed(b.catalogue, v.text)...)
			continue
		}
		values = append(values, v.text)
	}
	return values, nil
}
