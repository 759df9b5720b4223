package audit

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// maxKeywordTerms bounds what a person's search can make a database do.
const maxKeywordTerms = 64

// keywordTerm is a word, or a qualifier with its values.
type keywordTerm struct {
	negated   bool
	qualifier string // the name in qualifierNames' values; "" for a word
	values    []keywordValue
}

// keywordValue is a text and where it begins.
type keywordValue struct {
	text   string
	column int // in characters, from 1
}

// qualifierNames are the spellings of each qualifier.
var qualifierNames = map[string]string{
	"actor": "actor", "user": "user", "actor_type": "actor_type", "action": "action", "object": "object", "type": "object", "record": "record", "id": "record",
	"ip": "ip", "field": "field", "tenant": "tenant", "project": "project", "product": "product", "outcome": "outcome", "request": "request",
	"transaction": "transaction", "created": "created", "behalf": "on_behalf_of", "on_behalf_of": "on_behalf_of",
}

// qualifierLists are the fields that qualifiers of texts fill.
var qualifierLists = map[string]func(*Filter) *[]string{
	"user":         func(f *Filter) *[]string { return &f.Users },
	"on_behalf_of": func(f *Filter) *[]string { return &f.OnBehalfOf },
	"actor_type":   func(f *Filter) *[]string { return &f.ActorTypes },
	"action":       func(f *Filter) *[]string { return &f.Actions },
	"object":       func(f *Filter) *[]string { return &f.ObjectTypes },
	"record":       func(f *Filter) *[]string { return &f.ObjectIDs },
	"ip":           func(f *Filter) *[]string { return &f.IPs },
	"field":        func(f *Filter) *[]string { return &f.Fields },
	"tenant":       func(f *Filter) *[]string { return &f.Tenants },
	"project":      func(f *Filter) *[]string { return &f.Projects },
	"product":      func(f *Filter) *[]string { return &f.Products },
}

func keywordError(column int, format string, args ...any) error {
	for i, a := range args {
		if s, ok := a.(string); ok {
			args[i] = clip(s)
		}
	}
	return &QueryError{Param: "q", Reason: fmt.Sprintf("column %d: ", column) + fmt.Sprintf(format, args...)}
}

// keywordParser reads
//
//	query     = { blank } { term blank { blank } }
//	term      = [ "-" ] ( word | qualifier ":" value { "," value } )
//	word      = quoted | bare
//	value     = quoted | bare without ","
//	qualifier = letters and "_"
//	quoted    = `"` { any character | `\"` | `\\` } `"`
//	bare      = characters up to a blank
type keywordParser struct {
	runes []rune
	at    int
}

func parseKeywordTerms(s string) ([]keywordTerm, error) {
	p := keywordParser{runes: []rune(s)}
	var terms []keywordTerm
	for {
		for p.at < len(p.runes) && unicode.IsSpace(p.runes[p.at]) {
			p.at++
		}
		if p.at == len(p.runes) {
			return terms, nil
		}
		if len(terms) == maxKeywordTerms {
			return nil, keywordError(p.at+1, "expected the end: more than %d words and qualifiers; words in quotes are one", maxKeywordTerms)
		}
		t, err := p.term()
		if err != nil {
			return nil, err
		}
		terms = append(terms, t)
	}
}

// ended reports whether a term can end here.
func (p *keywordParser) ended() bool { return p.at == len(p.runes) || unicode.IsSpace(p.runes[p.at]) }

func (p *keywordParser) next(r rune) bool { return p.at < len(p.runes) && p.runes[p.at] == r }

func (p *keywordParser) term() (keywordTerm, error) {
	var t keywordTerm
	if p.next('-') {
		p.at++
		if t.negated = !p.ended(); !t.negated {
			t.values = []keywordValue{{"-", p.at}} // a dash alone is a word
			return t, nil
		}
	}
	qualifier, ok, err := p.qualifier()
	if err != nil {
		return t, err
	}
	if ok {
		t.qualifier = qualifier
		t.values, err = p.values()
		return t, err
	}
	v, err := p.text("")
	if err == nil && !p.ended() {
		err = keywordError(p.at+1, "expected a blank after the closing quote")
	}
	if err == nil && v.text == "" {
		err = keywordError(v.column, "expected a word between the quotes")
	}
	t.values = []keywordValue{v}
	return t, err
}

// qualifier reads "name:"; text that begins otherwise is left where it is.
func (p *keywordParser) qualifier() (name string, ok bool, err error) {
	end := p.at
	for end < len(p.runes) && (p.runes[end] == '_' || p.runes[end] < unicode.MaxASCII && unicode.IsLetter(p.runes[end])) {
		end++
	}
	if end == p.at || end == len(p.runes) || p.runes[end] != ':' {
		return "", false, nil
	}
	given := string(p.runes[p.at:end])
	name, known := qualifierNames[strings.ToLower(given)]
	if !known {
		all := make([]string, 0, len(qualifierNames))
		for n := range qualifierNames {
			all = append(all, n)
		}
		slices.Sort(all)
		return "", false, keywordError(p.at+1, "expected one of %s before the colon, got %q; put text that holds a colon in quotes", unclipped(strings.Join(all, ", ")), given)
	}
	p.at = end + 1
	return name, true, nil
}

// unclipped is a text of ours, which keywordError doesn't shorten.
type unclipped string

func (p *keywordParser) values() ([]keywordValue, error) {
	var list []keywordValue
	for {
		if p.ended() || p.next(',') {
			return nil, keywordError(p.at+1, `expected a value right after the %s; "" is the empty one`, unclipped(map[rune]string{',': "comma", ':': "colon"}[p.runes[p.at-1]]))
		}
		v, err := p.text(",")
		if err != nil {
			return nil, err
		}
		list = append(list, v)
		switch {
		case p.ended():
			return list, nil
		case !p.next(','):
			return nil, keywordError(p.at+1, "expected a comma or a blank after the closing quote")
		}
		p.at++
	}
}

// text reads a quoted text, or a bare one up to a blank or one of stops.
func (p *keywordParser) text(stops string) (keywordValue, error) {
	v := keywordValue{column: p.at + 1}
	if p.next('"') {
		return p.quoted()
	}
	begin := p.at
	for !p.ended() && !strings.ContainsRune(stops, p.runes[p.at]) {
		p.at++
	}
	v.text = string(p.runes[begin:p.at])
	return v, nil
}

func (p *keywordParser) quoted() (keywordValue, error) {
	v := keywordValue{column: p.at + 1}
	var b strings.Builder
	for p.at++; p.at < len(p.runes); p.at++ {
		r := p.runes[p.at]
		if r == '"' {
			p.at++
			v.text = b.String()
			return v, nil
		}
		if r == '\\' && p.at+1 < len(p.runes) && (p.runes[p.at+1] == '"' || p.runes[p.at+1] == '\\') {
			p.at++
			r = p.runes[p.at]
		}
		b.WriteRune(r)
	}
	return v, keywordError(v.column, "expected a closing quote for the one that opens here")
}
