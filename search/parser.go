package search

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/internal/words"
)

// maxTerms bounds what a person's search can make a database do.
const maxTerms = 64

// term is a word, or a qualifier with its values.
type term struct {
	negated   bool
	qualifier Qualifier // without a name for a word
	typed     string    // the spelling of the qualifier, with its colon
	values    []value
}

// value is a text and where it begins.
type value struct {
	text   string
	column int // in characters, from 1
}

// errorAt is an error of the search at a column, in words of the person who typed it.
func errorAt(column int, format string, args ...any) error {
	for i, a := range args {
		if s, ok := a.(string); ok {
			args[i] = words.Clip(s)
		}
	}
	return &audit.QueryError{Param: "q", Reason: fmt.Sprintf(format, args...), Column: column}
}

// parser reads
//
//	query     = { blank } { term blank { blank } }
//	term      = [ "-" ] ( word | qualifier ":" value { "," value } )
//	word      = quoted | bare
//	value     = quoted | bare without ","
//	qualifier = letters and "_"
//	quoted    = `"` { any character | `\"` | `\\` } `"`
//	bare      = characters up to a blank
type parser struct {
	runes []rune
	at    int
}

func parse(s string) ([]term, error) {
	p := parser{runes: []rune(s)}
	var terms []term
	for {
		for p.at < len(p.runes) && unicode.IsSpace(p.runes[p.at]) {
			p.at++
		}
		if p.at == len(p.runes) {
			return terms, nil
		}
		if len(terms) == maxTerms {
			return nil, errorAt(p.at+1, "A search has at most %d words and filters", maxTerms)
		}
		t, err := p.term()
		if err != nil {
			return nil, err
		}
		terms = append(terms, t)
	}
}

// ended reports whether a term can end here.
func (p *parser) ended() bool { return p.at == len(p.runes) || unicode.IsSpace(p.runes[p.at]) }

func (p *parser) next(r rune) bool { return p.at < len(p.runes) && p.runes[p.at] == r }

func (p *parser) term() (term, error) {
	var t term
	if p.next('-') {
		p.at++
		if t.negated = !p.ended(); !t.negated {
			t.values = []value{{"-", p.at}} // a dash alone is a word
			return t, nil
		}
	}
	if ok, err := p.qualifier(&t); err != nil {
		return t, err
	} else if ok {
		t.values, err = p.values(t)
		return t, err
	}
	v, err := p.text("")
	if err == nil && !p.ended() {
		err = errorAt(p.at+1, "Leave a space after the closing quote")
	}
	if err == nil && v.text == "" {
		err = errorAt(v.column, "There is nothing between the quotes")
	}
	t.values = []value{v}
	return t, err
}

// qualifier reads "name:"; text that begins otherwise is left where it is.
func (p *parser) qualifier(t *term) (ok bool, err error) {
	end := p.at
	for end < len(p.runes) && (p.runes[end] == '_' || p.runes[end] < unicode.MaxASCII && unicode.IsLetter(p.runes[end])) {
		end++
	}
	if end == p.at || end == len(p.runes) || p.runes[end] != ':' {
		return false, nil
	}
	given := string(p.runes[p.at:end])
	if t.qualifier, ok = qualifierNamed(given); !ok {
		return false, p.unknown(given)
	}
	t.typed = strings.ToLower(given) + ":"
	p.at = end + 1
	return true, nil
}

// unknown says what may have been meant by a name before a colon.
func (p *parser) unknown(given string) error {
	if near := nearestQualifier(given); near != "" {
		return errorAt(p.at+1, `“%s:” is not a filter. Did you mean %s:? To search for text with a colon, put it in quotes`, given, near)
	}
	return errorAt(p.at+1, `“%s:” is not a filter. To search for text with a colon, put it in quotes`, given)
}

func (p *parser) values(t term) ([]value, error) {
	var list []value
	for {
		if p.ended() || p.next(',') {
			if p.runes[p.at-1] == ',' {
				return nil, errorAt(p.at+1, `“%s” needs a value after the comma`, t.typed)
			}
			return nil, errorAt(p.at+1, `“%s” needs a value, such as %s`, t.typed, unclipped(t.qualifier.Example))
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
			return nil, errorAt(p.at+1, "Leave a space after the closing quote")
		}
		p.at++
	}
}

// text reads a quoted text, or a bare one up to a blank or one of stops.
func (p *parser) text(stops string) (value, error) {
	v := value{column: p.at + 1}
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

func (p *parser) quoted() (value, error) {
	v := value{column: p.at + 1}
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
	return v, errorAt(v.column, "The closing quote is missing")
}
