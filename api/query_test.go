package api

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"cis/vault"
)

// The four ways to read people that a query narrows.
const (
	aPerson = "/v2/user/primary_username/ann?"
	aList   = "/v2/users?"
	theIDs  = "/v2/users/id/all?connectionMethod=ad&"
	aSearch = "/v2/users/id/all/by_attribute_contains?staff_information.staff=true&"
)

func TestParametersOutOfTheirSet(t *testing.T) {
	get := service(t, store(t))
	long := strings.Repeat("x", vault.MaxKey+1)
	search := strings.TrimSuffix(aSearch, "staff_information.staff=true&")
	for parameter, targets := range map[string][]string{
		"active": {
			aPerson + "active=maybe", aList + "active=maybe", theIDs + "active=maybe", aSearch + "active=maybe",
			aPerson + "active=", aList + "active=", theIDs + "active=", aSearch + "active=", aPerson + "active=1", aPerson + "active=true%20",
			aPerson + "active=true&active=false", aList + "active=any&active=true", theIDs + "active=true&active=false", aSearch + "active=true&active=any",
		},
		"filterDisplay": {
			aPerson + "filterDisplay=everyone", aList + "filterDisplay=everyone", aSearch + "filterDisplay=all",
			aPerson + "filterDisplay=PUBLIC", aPerson + "filterDisplay=null", aPerson + "filterDisplay=", aList + "filterDisplay",
			aPerson + "filterDisplay=public&filterDisplay=private",
		},
		"fullProfiles": {
			aSearch + "fullProfiles=maybe", aSearch + "fullProfiles=", aSearch + "fullProfiles=1", aSearch + "fullProfiles=true&fullProfiles=false",
		},
		"connectionMethod": {
			"/v2/users/id/all", "/v2/users/id/all?connectionMethod=", "/v2/users/id/all?connectionMethod=" + long,
			"/v2/users/id/all?connectionmethod=ad", theIDs + "connectionMethod=email",
		},
		"primaryEmail": {
			aList + "primaryEmail=", aList + "primaryEmail=" + long, aList + "primaryEmail=old@example.org&primaryEmail=shared@example.org",
		},
		"attribute": {
			search, search + "active=true", search + strings.Repeat("staff_information.title=x&", 21),
			search + strings.Repeat("staff_information.title=x&not_staff_information.team=x&", 11),
		},
		"nickname":                       {search + "nickname=x", aSearch + "nickname=x"},
		"first_name":                     {search + "first_name=Ann"},
		"staff_information":              {search + "staff_information=x"},
		"staff_information.Title":        {search + "staff_information.Title=x"},
		"not_not_staff_information.team": {search + "not_not_staff_information.team=x"},
		"Active":                         {aSearch + "Active=false"},
		"not_":                           {search + "not_=x"},
		"staff_information.manager":      {search + "staff_information.manager=maybe", search + "staff_information.manager=", search + "staff_information.manager=1"},
		"not_staff_information.director": {search + "not_staff_information.director=yes"},
		"staff_information.title":        {search + "staff_information.title=", search + "staff_information.title=" + long},
		"access_information.ldap":        {search + "access_information.ldap="},
		"sequenceNumber": {
			"/v2/status", "/v2/status?sequenceNumber=", "/v2/status?sequenceNumber=x", "/v2/status?sequenceNumber=-1",
			"/v2/status?sequenceNumber=1.0", "/v2/status?sequenceNumber=" + strings.Repeat("9", 5000), "/v2/status?sequenceNumber=1&sequenceNumber=2",
		},
		"value": {"/v2/user/user_id/" + long, "/v2/user/primary_email/%FF", "/v2/user/uuid/%25FF"},
		"email": {"/v2/user/metadata/" + long, "/v2/user/metadata/%C3%28"},
		"query": {
			aPerson + "active=%zz", aList + "primaryEmail=%", aList + "%zz=1", aSearch + "staff_information.title=100%",
			aList + "primaryEmail=%FF", theIDs + "nextPage=%ED%A0%80", aPerson + "%FF=1",
		},
	} {
		for _, target := range targets {
			status, body := get(target)
			require.Equal(t, http.StatusBadRequest, status, "%.200s", target)
			require.Equal(t, "invalid_parameter", body["code"], "%.200s", target)
			require.Regexp(t, "^"+parameter+": ", body["description"], "%.200s", target)
			require.NotContains(t, body, "users")
		}
	}
}

func TestWhatIsRepeatedInAnAnswerIsBounded(t *testing.T) {
	get := service(t, store(t))
	status, body := get("/v2/users/id/all/by_attribute_contains?" + strings.Repeat("é", 40_000) + "=x")
	require.Equal(t, http.StatusBadRequest, status)
	require.Less(t, len(body["description"].(string)), 1000)
}

func TestParametersThatAreGood(t *testing.T) {
	get := service(t, store(t))
	for _, target := range []string{
		aPerson + "active=TRUE", aPerson + "active=true&active=true", aPerson + "filterDisplay=private", aPerson + "cached=no&other=;",
		aList + "nextPage=", aList + "active=Any&filterDisplay=staff", theIDs + "nextPage=", theIDs + "active=any",
		aSearch + "fullProfiles=True", aSearch + "fullProfiles=FALSE", aSearch + "staff_information.staff=true",
		aSearch + "not_staff_information.title=x&not_staff_information.title=y", aSearch + strings.Repeat("access_information.ldap=vpn&", 19),
		theIDs + "nextPage=" + strings.Repeat("x", vault.MaxKey), "/v2/user/user_id/" + strings.Repeat("x", vault.MaxKey),
		"/v2/user/user_id/%00", "/v2/user/user_id/100%25", "/v2/user/user_id/..", "/v2/user/metadata/a%2Fb",
	} {
		status, body := get(target)
		require.Equal(t, http.StatusOK, status, "%.200s: %v", target, body)
	}
}

func TestASemicolonIsPartOfAValue(t *testing.T) {
	get := service(t, storeOf(t, somebody{"ad|a;b", "a;b@example.org", "a", true, false}, somebody{"ad|c", "c@example.org", "c", true, false}))
	_, body := get(aList + "primaryEmail=a;b@example.org")
	require.Len(t, body["Items"], 1)
	_, body = get(aList + "nextPage={'id':'ad|a;b'}")
	require.Len(t, body["Items"], 1)
	_, body = get("/v2/users/id/all?connectionMethod=ad|a;b")
	require.Len(t, body["users"], 1)
}

func TestPeopleWhoShareAnAddress(t *testing.T) {
	const address = "shared@example.org"
	ada := somebody{"ad|Mozilla-LDAP|ada", address, "ada", false, true}
	github := somebody{"github|1", address, "gh", true, false}
	email := somebody{"email|ada", address, "em", true, true}
	lookup := "/v2/user/primary_email/" + url.PathEscape(address)
	idOf := func(v any) any { return v.(map[string]any)["user_id"].(map[string]any)["value"] }
	for name, people := range map[string][]somebody{
		"in one order":   {ada, github, email},
		"in another":     {email, ada, github},
		"the other way":  {github, email, ada},
		"with strangers": {{"a", "a@example.org", "a", true, false}, email, github, ada, {"z", "z@example.org", "z", true, false}},
	} {
		t.Run(name, func(t *testing.T) {
			v := storeOf(t, people...)
			get := service(t, v)
			for range 3 {
				_, body := get(lookup)
				require.Equal(t, email.id, idOf(body), "the active before the inactive, then the smallest id")
				_, body = get(lookup + "?active=any")
				require.Equal(t, email.id, idOf(body))
				_, body = get(lookup + "?active=false")
				require.Empty(t, body, "the one who is found is active")
				_, body = get("/v2/user/metadata/" + url.PathEscape(address))
				require.Equal(t, map[string]any{"exists": map[string]any{"cis": true, "ldap": true}}, body)

				for active, want := range map[string][]any{
					"true": {email.id, github.id}, "false": {ada.id}, "any": {ada.id, email.id, github.id},
				} {
					_, body = get(aList + "primaryEmail=" + address + "&active=" + active)
					var got []any
					for _, item := range body["Items"].([]any) {
						got = append(got, idOf(item))
					}
					require.Equal(t, want, got, "the list has all, in the order of their ids")
					require.Nil(t, body["nextPage"])
				}
			}
			deactivate(t, v, email, github)
			_, body := get(lookup)
			require.Empty(t, body)
			_, body = get(lookup + "?active=any")
			require.Equal(t, ada.id, idOf(body), "where none is active, the smallest id")
		})
	}
}

// deactivate stores these people again, no longer active.
func deactivate(t *testing.T, v vault.Store, people ...somebody) {
	for _, person := range people {
		stored, err := v.Get(context.Background(), person.id)
		require.NoError(t, err)
		person.active = false
		write := person.write(t, "again "+person.id)
		write.Condition, write.Read, write.Record.Revision = "update", stored[person.id].SequenceNumber, 2
		conflicts, err := v.Put(context.Background(), write)
		require.NoError(t, err)
		require.Empty(t, conflicts)
	}
}
