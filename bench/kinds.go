package main

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"cis/profile"
)

var (
	titles = strings.Fields("Engineer Designer Counsel Accountant Recruiter Localizer Researcher Writer Analyst Architect")
	levels = strings.Fields("Junior Senior Staff Principal Lead Associate")
	teams  = strings.Fields("Engineering Operations Security Data People Finance Legal Product Design Community Support Research")
	places = strings.Fields("Berlin Paris Toronto Taipei Portland Remote London Auckland")
	groups = strings.Fields("releng oncall secops bigdata managers l10n irc wiki bugs docs build perf audit legal press")
)

// values are what people of a kind have, and the method that they log in by:
// six of ten are in LDAP, of whom half are staff; the others are volunteers.
func (k kind) values() (method string, values []value) {
	r := rand.New(rand.NewPCG(uint64(k.sort), 2))
	add := func(publisher, shown string, path profile.Path, v any) {
		values = append(values, value{path, v, publisher, shown})
	}
	one := func(of []string) string { return of[r.IntN(len(of))] }
	some := func(of []string, atMost int) map[string]any {
		chosen := map[string]any{}
		for range r.IntN(atMost + 1) {
			chosen[one(of)] = nil
		}
		return chosen
	}

	method, login := "ad|Mozilla-LDAP", "ad"
	inLDAP, publisher := r.IntN(10) < 6, "ldap"
	if !inLDAP {
		method, publisher = one([]string{"email", "github", "google-oauth2", "oauth2|firefoxaccounts"}), "access_provider"
		login = method
	}
	add(publisher, "public", profile.UserID, "@user_id@")
	add("cis", "public", profile.UUID, "@uuid@")
	add("cis", "public", profile.PrimaryUsername, "@username@")
	add(publisher, "public", "login_method", login)
	add("cis", "", profile.Active, k.active)
	add("cis", "public", profile.LastModified, "2024-01-02T03:04:05.000Z")
	add(publisher, "public", "created", "2024-01-02T03:04:05.000Z")
	add(publisher, "public", profile.PrimaryEmail, "@email@")
	add(publisher, one([]string{"public", "authenticated", "staff"}), "first_name", "@first@")
	add(publisher, one([]string{"public", "authenticated", "staff"}), "last_name", "@last@")
	add("mozilliansorg", one([]string{"public", "vouched", "ndaed"}), "timezone", "Europe/"+one(places))

	community := some(groups, 4)
	if k.special {
		community[specialGroup] = nil
	}
	add("mozilliansorg", "ndaed", "access_information.mozilliansorg", community)
	if !inLDAP {
		add("mozilliansorg", "vouched", "description", "Likes "+one(teams)+" & “plain” words,\nand "+one(places)+".")
		return method, values
	}
	ldap := some(groups, 8)
	ldap[commonGroup] = nil
	add("ldap", "ndaed", "access_information.ldap", ldap)
	add("ldap", "staff", "ssh_public_keys", map[string]any{"laptop": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + noise(32) + " @login@@laptop"})
	if r.IntN(2) == 0 {
		return method, values
	}
	add("hris", "staff", "staff_information.title", one(levels)+" "+one(teams)+" "+one(titles))
	add("hris", "staff", "staff_information.team", one(teams))
	add("hris", "staff", "staff_information.cost_center", fmt.Sprintf("%04d - %s", 1000+10*r.IntN(40), one(teams)))
	add("hris", "staff", "staff_information.office_location", one(places))
	add("hris", "staff", "staff_information.worker_type", one([]string{"Employee", "Employee", "Employee", "Intern", "Contractor"}))
	add("hris", "staff", "staff_information.staff", true)
	add("hris", "staff", "staff_information.manager", r.IntN(8) == 0)
	add("hris", "staff", "staff_information.director", r.IntN(50) == 0)
	return method, values
}
