package profile

import (
	"fmt"
	"strings"
)

// searchKind is how an attribute's value becomes search terms.
type searchKind int

const (
	byText searchKind = iota // the value itself, which is a text
	byFlag                   // "true" or "false"
	byName                   // the name of each of its values: a group
)

// Searchable are the attributes that people can be searched by, in the order
// of the wire contract (section 6).
var Searchable = []Path{
	"access_information.ldap",
	"access_information.mozilliansorg",
	"staff_information.cost_center",
	"staff_information.director",
	"staff_information.manager",
	"staff_information.office_location",
	"staff_information.staff",
	"staff_information.team",
	"staff_information.title",
	"staff_information.worker_type",
}

// indexed are the Searchable attributes, and those that lists are narrowed by.
var indexed = append([]Path{PrimaryEmail}, Searchable...)

func kindOf(path Path) searchKind {
	switch path {
	case "access_information.ldap", "access_information.mozilliansorg":
		return byName
	case "staff_information.director", "staff_information.manager", "staff_information.staff":
		return byFlag
	}
	return byText
}

// Term is something that a person can be searched by: an attribute has this
// text, is this flag ("true" or "false"), or has a value of this name.
type Term struct {
	Attribute Path
	Value     string
}

// Terms returns what the profile can be searched by.
func (p *Profile) Terms() []Term {
	var terms []Term
	for _, path := range indexed {
		for _, value := range p.searchValues(path) {
			terms = append(terms, Term{path, value})
		}
	}
	return terms
}

func (p *Profile) searchValues(path Path) (values []string) {
	a := p.Get(path)
	if a.IsNull() {
		return nil
	}
	switch kindOf(path) {
	case byName:
		for _, entry := range p.Values(path) {
			values = append(values, entry.Key)
		}
	case byFlag:
		return []string{fmt.Sprint(p.Bool(path))}
	default:
		if text := p.String(path); text != "" {
			return []string{text}
		}
	}
	return values
}

// SearchTerm reads what somebody searches for: value is a text, a group, or
// true or false in any case, as the attribute has it.
func SearchTerm(path Path, value string) (Term, error) {
	if kindOf(path) == byFlag {
		flag := strings.ToLower(value)
		if flag != "true" && flag != "false" {
			return Term{}, fmt.Errorf("%.20q is not a flag: it must be true or false", value)
		}
		return Term{path, flag}, nil
	}
	if value == "" {
		return Term{}, fmt.Errorf("it is empty: say what to search for")
	}
	return Term{path, value}, nil
}
