package ldapd

import (
	"slices"
	"strings"

	"github.com/go-ldap/ldap/v3"
	"github.com/jimlambrt/gldap"
)

// entry is one entry of the tree.
type entry struct {
	DN         string      `json:"dn"`
	Attributes []attribute `json:"attributes"`
}

type attribute struct {
	Name   string   `json:"name"`
	Values []string `json:"values"`
}

// exact are the attributes whose values differ when their case does.
var exact = []string{"sshpublickey", "cisuserid", "cisusername", "cisgroup"}

// same compares two values of an attribute.
func same(name, a, b string) bool {
	if slices.Contains(exact, strings.ToLower(name)) {
		return a == b
	}
	return strings.EqualFold(a, b)
}

func (e *entry) index(name string) int {
	return slices.IndexFunc(e.Attributes, func(a attribute) bool { return strings.EqualFold(a.Name, name) })
}

func (e *entry) values(name string) []string {
	if i := e.index(name); i >= 0 {
		return e.Attributes[i].Values
	}
	return nil
}

func (e *entry) has(name, value string) bool {
	return slices.ContainsFunc(e.values(name), func(v string) bool { return same(name, v, value) })
}

// change applies one part of a modification (RFC 4511, section 4.6).
func (e *entry) change(operation int64, name string, values []string) error {
	switch operation {
	case gldap.AddAttribute:
		return e.add(name, values)
	case gldap.DeleteAttribute:
		return e.delete(name, values)
	case gldap.ReplaceAttribute:
		if i := e.index(name); i >= 0 {
			e.Attributes = slices.Delete(e.Attributes, i, i+1)
		}
		if len(values) == 0 {
			return nil
		}
		return e.add(name, values)
	}
	return refused(gldap.ResultProtocolError, "this kind of modification is not supported")
}

func (e *entry) add(name string, values []string) error {
	if len(values) == 0 {
		return refused(gldap.ResultProtocolError, "attribute "+name+" has no value")
	}
	for _, v := range values {
		if v == "" {
			return refused(gldap.ResultInvalidAttributeSyntax, "attribute "+name+" has an empty value")
		}
		if e.has(name, v) {
			return refused(gldap.ResultAttributeOrValueExists, "attribute "+name+" has such a value already")
		}
		i := e.index(name)
		if i < 0 {
			e.Attributes = append(e.Attributes, attribute{Name: name})
			i = len(e.Attributes) - 1
		}
		e.Attributes[i].Values = append(e.Attributes[i].Values, v)
	}
	return nil
}

// delete removes values, or the whole attribute where none are named. What is
// not there cannot be deleted: compare-and-set depends on that.
func (e *entry) delete(name string, values []string) error {
	i := e.index(name)
	if i < 0 {
		return refused(gldap.ResultNoSuchAttribute, "there is no attribute "+name)
	}
	for _, v := range values {
		at := slices.IndexFunc(e.Attributes[i].Values, func(have string) bool { return same(name, have, v) })
		if at < 0 {
			return refused(gldap.ResultNoSuchAttribute, "attribute "+name+" has no such value")
		}
		e.Attributes[i].Values = slices.Delete(e.Attributes[i].Values, at, at+1)
	}
	if len(values) == 0 || len(e.Attributes[i].Values) == 0 {
		e.Attributes = slices.Delete(e.Attributes, i, i+1)
	}
	return nil
}

// check tells what an entry lacks to be one.
func (e *entry) check(naming *ldap.RelativeDN) error {
	if len(e.values("objectClass")) == 0 {
		return refused(gldap.ResultObjectClassViolation, "an entry needs an objectClass")
	}
	if e.has("objectClass", "inetOrgPerson") {
		for _, name := range []string{"cn", "sn"} {
			if len(e.values(name)) == 0 {
				return refused(gldap.ResultObjectClassViolation, "object class inetOrgPerson requires attribute "+name)
			}
		}
	}
	for _, a := range naming.Attributes {
		if !e.has(a.Type, a.Value) {
			return refused(gldap.ResultNamingViolation, "the entry does not have the value of "+a.Type+" that names it")
		}
	}
	return nil
}

// selected tells whether a search asks for an attribute: for all when it names
// none or "*", for none when it names "1.1".
func selected(asked []string, name string) bool {
	if len(asked) == 0 {
		return true
	}
	return slices.ContainsFunc(asked, func(a string) bool { return a == "*" || strings.EqualFold(a, name) })
}
