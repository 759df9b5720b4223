package viewer

import (
	"net/url"
	"strings"

	"github.com/gormtrail/audit"
)

// chipNames say what each parameter is, in the order in which chips stand.
var chipNames = []pair{
	{"q", "Search"}, {"tenant", "Tenant"}, {"project", "Project"}, {"action", "Action"}, {"outcome", "Outcome"}, {"severity", "Severity"}, {"reads", "Reads"},
	{"type", "Object type"}, {"record", "Record ID"}, {"product", "Product"}, {"user", "User"}, {"on_behalf_of", "On behalf of"}, {"actor", "Actor ID"},
	{"actor_type", "Actor type"}, {"ip", "IP address"}, {"field", "Field"}, {"transaction", "Transaction"},
	{"request", "Request"}, {"not", "Without"}, {"from", "From"}, {"to", "Until"}, {"range", "Range"},
}

// maxChips is how many values of a filter have a chip of their own. One more stands
// for the others, and takes all of them away.
const maxChips = 20

// chips are the filters in force, each with the link that takes it away.
func (s *visit) chips() []chip {
	var list []chip
	for _, n := range chipNames {
		values := s.state[n.Name]
		if more := len(values) - maxChips; more > 0 {
			text := s.lang.count("%s more values", more, false)
			list = append(list, chip{Name: n.Name, Label: n.Value, Value: text, Href: s.list(n.Name, "")})
			values = values[:maxChips]
		}
		for _, value := range values {
			c := chip{Name: n.Name, Label: n.Value, Value: value, Href: s.without(n.Name, value)}
			switch n.Name {
			case "range":
				if value == "custom" {
					continue // from and to have chips of their own
				}
				if label := audit.Period(value).Label(); label != "" {
					c.Value = s.lang.text(label)
				}
			case "from":
				if !s.query.From.IsZero() { // zero: it can't be read
					c.Value = s.moment(s.query.From, false)
				}
			case "to":
				if !s.query.To.IsZero() {
					c.Value = s.moment(s.query.To, true)
				}
			case "action", "type", "outcome", "severity", "reads":
				c.Value = s.facetLabel(n.Name, unquoted(value))
			case "not":
				c.Value = s.exclusion(value)
			}
			list = append(list, c)
		}
	}
	return list
}

// exclusion says a nested filter in words: "action=login&outcome=failure".
func (s *visit) exclusion(value string) string {
	v, err := url.ParseQuery(value)
	if err != nil {
		return value
	}
	var parts []string
	for _, n := range chipNames {
		for _, one := range v[n.Name] {
			if n.Name == "not" {
				one = s.exclusion(one)
			} else {
				one = s.facetLabel(n.Name, unquoted(one))
			}
			parts = append(parts, s.lang.text(n.Value)+" "+one)
		}
	}
	return strings.Join(parts, ", ")
}
