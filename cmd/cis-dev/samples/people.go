package samples

import (
	"fmt"
	"strings"
	"time"

	"cis/profile"
)

// person is a made-up person and the publisher that knows them first.
type person struct {
	first, last string
	publisher   string
	title, team string
	groups      []string
}

// people are the twenty that the samples create. Anyone alike is chance.
var people = []person{
	{"Amara", "Okafor", "ldap", "Release Engineer", "Engineering", []string{"vpn", "releng"}},
	{"Bruno", "Castelli", "ldap", "Site Reliability Engineer", "Operations", []string{"vpn", "oncall"}},
	{"Chiyo", "Nakamura", "ldap", "Security Engineer", "Security", []string{"vpn", "secops"}},
	{"Darragh", "Byrne", "ldap", "Web Developer", "Engineering", []string{"vpn"}},
	{"Elif", "Yıldız", "ldap", "Data Scientist", "Data", []string{"vpn", "bigdata"}},
	{"Farid", "Haddad", "ldap", "Localizer", "Community", []string{"l10n"}},
	{"Grace", "Mbeki", "ldap", "Engineering Manager", "Engineering", []string{"vpn", "managers"}},
	{"Hanna", "Virtanen", "ldap", "Build Engineer", "Engineering", []string{"vpn", "releng"}},
	{"Ines", "Duarte", "hris", "Recruiter", "People", nil},
	{"Jonas", "Lindqvist", "hris", "Accountant", "Finance", nil},
	{"Keahi", "Kealoha", "hris", "Facilities Lead", "Workplace", nil},
	{"Lucía", "Ferrer", "hris", "Counsel", "Legal", nil},
	{"Mateus", "Araújo", "hris", "Product Manager", "Product", nil},
	{"Noor", "Rahman", "hris", "Designer", "Design", nil},
	{"Oluwaseun", "Adeyemi", "access_provider", "", "", nil},
	{"Petra", "Novotná", "access_provider", "", "", nil},
	{"Quentin", "Moreau", "access_provider", "", "", nil},
	{"Ravi", "Subramaniam", "access_provider", "", "", nil},
	{"Siobhán", "Kelly", "access_provider", "", "", nil},
	{"Tomasz", "Wójcik", "access_provider", "", "", nil},
}

// newcomer is who the pasted commands create.
var newcomer = person{"Newt", "Comer", "ldap", "Newcomer", "Everyone", []string{"vpn"}}

// login is the person's account name: ASCII, unique among the samples.
func (p person) login() string {
	ascii := func(r rune) rune {
		if r > 'z' {
			return -1
		}
		return r
	}
	return strings.Map(ascii, strings.ToLower(p.first[:1]+p.last))
}

// userID depends on how the person logs in, as their publisher sees it.
func (p person) userID() string {
	if p.publisher == "access_provider" {
		return "email|" + p.login()
	}
	return "ad|Mozilla-LDAP|" + p.login()
}

// profile is what the person's publisher knows of them, not yet signed, with
// the paths that it has set.
func (p person) profile(now time.Time) (*profile.Profile, []profile.Path, error) {
	type value struct {
		path  profile.Path
		value any
		shown string
	}
	values := []value{
		{profile.UserID, p.userID(), "public"},
		{"login_method", strings.Split(p.userID(), "|")[0], "public"},
		{profile.Active, true, ""},
		{"first_name", p.first, "public"},
		{"last_name", p.last, "public"},
		{profile.PrimaryEmail, p.login() + "@example.org", "public"},
	}
	if len(p.groups) > 0 {
		values = append(values, value{"access_information.ldap", membership(p.groups), "ndaed"},
			value{"ssh_public_keys", map[string]string{"laptop": sshKey(p.login())}, "staff"})
	}
	if p.title != "" {
		values = append(values, value{"staff_information.title", p.title, "staff"},
			value{"staff_information.team", p.team, "staff"})
	}
	out, paths, err := profile.Empty(), []profile.Path{}, error(nil)
	for _, v := range values {
		if out, err = out.Set(v.path, v.value, now); err != nil {
			return nil, nil, err
		}
		if v.shown != "" {
			if out, err = out.Show(v.path, v.shown); err != nil {
				return nil, nil, err
			}
		}
		paths = append(paths, v.path)
	}
	return out, paths, nil
}

func membership(groups []string) map[string]any {
	values := map[string]any{}
	for _, name := range groups {
		values[name] = nil
	}
	return values
}

// sshKey looks like a key and is none.
func sshKey(login string) string {
	return fmt.Sprintf("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI%s %s@laptop", strings.Repeat("A", 43), login)
}
