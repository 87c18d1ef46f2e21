package directory

import (
	"strconv"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"cis/profile"
)

// attribute is one attribute of an entry that CIS owns.
type attribute struct {
	name   string
	values []string // none: the entry must not have the attribute
}

const (
	revisionAttribute = "cisRevision"
	personClass       = "cisPerson"
)

// dn is the name of a person's entry. The uuid never changes, so an entry is
// never renamed.
func dn(base, uuid string) string {
	rdn := &ldap.RelativeDN{Attributes: []*ldap.AttributeTypeAndValue{{Type: "uid", Value: uuid}}}
	return rdn.String() + "," + peopleDN(base)
}

// peopleDN is the name of what the entries are in.
func peopleDN(base string) string { return "ou=people," + base }

// entry is what a person's entry shows: an inetOrgPerson (RFC 2798) with CIS's
// own attributes beside it.
//
//	uid             uuid, which names the entry
//	cn              first_name last_name, or else primary_username
//	sn              last_name, or else cn
//	givenName       first_name
//	mail            primary_email
//	title           staff_information.title
//	description     description
//	sshPublicKey    the values of ssh_public_keys
//	cisUserId       user_id
//	cisUsername     primary_username
//	cisActive       active
//	cisGroup        "ldap:" and "mozilliansorg:" with each group of that name
//	                under access_information
func entry(p *profile.Profile) []attribute {
	first, last, username := p.String("first_name"), p.String("last_name"), p.String(profile.PrimaryUsername)
	common := strings.TrimSpace(first + " " + last)
	if common == "" {
		common = username
	}
	surname := last
	if surname == "" {
		surname = common
	}
	return []attribute{
		one("uid", p.String(profile.UUID)),
		one("cn", common),
		one("sn", surname),
		one("givenName", first),
		one("mail", p.String(profile.PrimaryEmail)),
		one("title", p.String("staff_information.title")),
		one("description", p.String("description")),
		{"sshPublicKey", sshKeys(p)},
		one("cisUserId", p.String(profile.UserID)),
		one("cisUsername", username),
		one("cisActive", strings.ToUpper(strconv.FormatBool(p.Bool(profile.Active)))),
		{"cisGroup", groups(p)},
	}
}

// one is an attribute with one value; LDAP has no empty ones.
func one(name, value string) attribute {
	if value == "" {
		return attribute{name: name}
	}
	return attribute{name, []string{value}}
}

func sshKeys(p *profile.Profile) []string {
	return distinct(p.Values("ssh_public_keys"), func(e profile.Entry) string { return e.Value })
}

func groups(p *profile.Profile) []string {
	var names []string
	for _, publisher := range []string{"ldap", "mozilliansorg"} {
		names = append(names, distinct(p.Values(profile.Path("access_information."+publisher)),
			func(e profile.Entry) string { return publisher + ":" + e.Key })...)
	}
	return names
}

// distinct are the values that LDAP can hold: none empty, none twice.
func distinct(entries []profile.Entry, value func(profile.Entry) string) []string {
	var values []string
	seen := map[string]bool{"": true}
	for _, e := range entries {
		if v := value(e); !seen[v] {
			seen[v] = true
			values = append(values, v)
		}
	}
	return values
}
