package ldapd

import (
	"strconv"
	"strings"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
)

// matches evaluates a compiled filter (RFC 4511, section 4.5.1.7) on an entry.
// What cannot be evaluated matches nothing.
func matches(filter *ber.Packet, e entry) bool {
	switch filter.Tag {
	case ldap.FilterAnd:
		for _, part := range filter.Children {
			if !matches(part, e) {
				return false
			}
		}
		return true
	case ldap.FilterOr:
		for _, part := range filter.Children {
			if matches(part, e) {
				return true
			}
		}
		return false
	case ldap.FilterNot:
		return len(filter.Children) == 1 && !matches(filter.Children[0], e)
	case ldap.FilterPresent:
		return len(e.values(text(filter))) > 0
	case ldap.FilterSubstrings:
		return len(filter.Children) == 2 && anyValue(e, text(filter.Children[0]), func(v string) bool {
			return hasParts(v, filter.Children[1].Children)
		})
	}
	if len(filter.Children) != 2 {
		return false
	}
	name, wanted := text(filter.Children[0]), text(filter.Children[1])
	switch filter.Tag {
	case ldap.FilterEqualityMatch, ldap.FilterApproxMatch:
		return e.has(name, wanted)
	case ldap.FilterGreaterOrEqual:
		return anyValue(e, name, func(v string) bool { return order(v, wanted) >= 0 })
	case ldap.FilterLessOrEqual:
		return anyValue(e, name, func(v string) bool { return order(v, wanted) <= 0 })
	}
	return false
}

func text(p *ber.Packet) string { return ber.DecodeString(p.Data.Bytes()) }

func anyValue(e entry, name string, ok func(string) bool) bool {
	for _, v := range e.values(name) {
		if ok(v) {
			return true
		}
	}
	return false
}

// order compares numbers as numbers and all else as text.
func order(a, b string) int {
	x, errX := strconv.ParseInt(a, 10, 64)
	y, errY := strconv.ParseInt(b, 10, 64)
	if errX == nil && errY == nil {
		return int(min(1, max(-1, x-y)))
	}
	return strings.Compare(strings.ToLower(a), strings.ToLower(b))
}

// hasParts tells whether a value has the initial, inner and final parts of a
// substring filter, in that order.
func hasParts(value string, parts []*ber.Packet) bool {
	value = strings.ToLower(value)
	for _, p := range parts {
		part := strings.ToLower(text(p))
		switch p.Tag {
		case ldap.FilterSubstringsInitial:
			if !strings.HasPrefix(value, part) {
				return false
			}
			value = value[len(part):]
		case ldap.FilterSubstringsAny:
			_, rest, ok := strings.Cut(value, part)
			if !ok {
				return false
			}
			value = rest
		case ldap.FilterSubstringsFinal:
			if !strings.HasSuffix(value, part) {
				return false
			}
			value = ""
		}
	}
	return true
}
