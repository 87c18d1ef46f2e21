package profile_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cis/profile"
)

func TestMerge(t *testing.T) {
	ada := attr{by: "ldap", value: `"Ada"`, display: "public"}
	with := func(change func(*attr)) attr {
		a := ada
		change(&a)
		return a
	}
	for name, c := range map[string]struct {
		stored, incoming attrs
		changed          string
	}{
		"a value where there was none replaces it": {
			attrs{}, attrs{"first_name": ada}, "first_name"},
		"another value replaces": {
			attrs{"first_name": ada}, attrs{"first_name": with(func(a *attr) { a.value = `"Eve"` })}, "first_name"},
		"another display level alone replaces": {
			attrs{"first_name": ada}, attrs{"first_name": with(func(a *attr) { a.display = "staff" })}, "first_name"},
		"a display level taken away alone replaces": {
			attrs{"first_name": ada}, attrs{"first_name": with(func(a *attr) { a.display = "" })}, "first_name"},
		"another verified flag alone replaces": {
			attrs{"first_name": ada}, attrs{"first_name": with(func(a *attr) { a.unverified = true })}, "first_name"},
		"the same once more is no news": {
			attrs{"first_name": ada}, attrs{"first_name": ada}, ""},
		"another signature alone is no news": {
			attrs{"first_name": ada}, attrs{"first_name": with(func(a *attr) { a.signature = "other" })}, ""},
		"another publisher's signature alone is no news": {
			attrs{"first_name": ada}, attrs{"first_name": with(func(a *attr) { a.by = "mozilliansorg" })}, ""},
		"another timestamp alone is no news": {
			attrs{"first_name": ada}, attrs{"first_name": with(func(a *attr) { a.modified = "2030-01-01T00:00:00.000Z" })}, ""},
		"another classification alone is no news": {
			attrs{"first_name": ada}, attrs{"first_name": with(func(a *attr) { a.classification = "MOZILLA CONFIDENTIAL" })}, ""},
		"the same value escaped otherwise is no news": {
			attrs{"first_name": ada}, attrs{"first_name": with(func(a *attr) { a.value = `"\u0041da"` })}, ""},
		"a null never erases": {
			attrs{"first_name": ada}, attrs{"first_name": with(func(a *attr) { a.value = `null` })}, ""},
		"a null never changes the display level either": {
			attrs{"first_name": ada}, attrs{"first_name": with(func(a *attr) { a.value, a.display = `null`, "staff" })}, ""},
		"a null on both sides is no change whatever its metadata": {
			attrs{}, attrs{"first_name": {by: "mozilliansorg", display: "staff", unverified: true, classification: "PUBLIC"}}, ""},
		"an empty string is a value": {
			attrs{"first_name": ada}, attrs{"first_name": with(func(a *attr) { a.value = `""` })}, "first_name"},
		"false is a value": {
			attrs{}, attrs{"active": {by: "ldap", value: `false`}}, "active"},
		"an empty object is a value": {
			attrs{"usernames": {by: "ldap", values: `{"a":"b"}`}}, attrs{"usernames": {by: "ldap", values: `{}`}}, "usernames"},
		"an empty object is not null": {
			attrs{}, attrs{"usernames": {by: "ldap", values: `{}`}}, "usernames"},
		"values in another order are no news": {
			attrs{"usernames": {by: "ldap", values: `{"a":"b","c":null}`}}, attrs{"usernames": {by: "ldap", values: `{"c":null,"a":"b"}`}}, ""},
		"a group taken away replaces the values": {
			attrs{"access_information.ldap": {by: "ldap", values: `{"a":null,"b":null}`}}, attrs{"access_information.ldap": {by: "ldap", values: `{"a":null}`}}, "access_information.ldap"},
		"a group's parameter replaces the values": {
			attrs{"access_information.ldap": {by: "ldap", values: `{"a":null}`}}, attrs{"access_information.ldap": {by: "ldap", values: `{"a":""}`}}, "access_information.ldap"},
		"a member of a group is merged for itself": {
			attrs{"staff_information.title": {by: "hris", value: `"T"`}, "staff_information.team": {by: "hris", value: `"A"`}},
			attrs{"staff_information.team": {by: "hris", value: `"B"`}}, "staff_information.team"},
		"an incoming last_modified does not count on an update": {
			attrs{"last_modified": {by: "cis", value: `"2024-01-02T03:04:05.000Z"`}},
			attrs{"last_modified": {by: "ldap", value: `"2025-01-02T03:04:05.000Z"`}}, ""},
		"an incoming last_modified counts where there is none": {
			attrs{}, attrs{"last_modified": {by: "ldap", value: `"2025-01-02T03:04:05.000Z"`}}, "last_modified"},
		"an attribute that v2 does not know is merged, for the rules to refuse": {
			attrs{}, attrs{"shoe_size": {by: "ldap", value: `"44"`}}, "shoe_size"},
		"nothing changes nothing": {
			attrs{"first_name": ada}, attrs{}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			stored, incoming := c.stored.stored(t), c.incoming.partial(t)
			merged, changed := profile.Merge(stored, incoming)
			require.Equal(t, names(t, c.changed), changed)
			require.ElementsMatch(t, changed, differing(stored, merged))
			if len(changed) == 0 {
				require.Same(t, stored, merged)
			}
			for _, path := range changed {
				require.Equal(t, c.incoming[path].json(), string(merged.Get(path).JSON()), "it is replaced whole")
			}
		})
	}

	t.Run("several changes are listed in the order of the incoming profile", func(t *testing.T) {
		_, changed := profile.Merge(profile.Empty(), parse(t, `{"last_name":`+ada.json()+
			`,"staff_information":{"title":`+ada.json()+`},"first_name":`+ada.json()+`}`))
		require.Equal(t, names(t, "last_name staff_information.title first_name"), changed)
	})
	t.Run("members that are no attributes stay as they are stored", func(t *testing.T) {
		merged, changed := profile.Merge(parse(t, `{"schema":"a"}`), parse(t, `{"schema":"b","x":"y","identities":null,"first_name":null}`))
		require.Empty(t, changed)
		require.Equal(t, `{"schema":"a"}`, string(merged.JSON()))
	})
	t.Run("a new profile has every attribute", func(t *testing.T) {
		merged, _ := profile.Merge(profile.Empty(), attrs{"first_name": ada}.partial(t))
		require.Equal(t, paths(profile.Empty()), paths(merged))
	})
}

func TestWhatAProfileSays(t *testing.T) {
	first := `{"value":"Ada"}`
	for name, c := range map[string]struct{ incoming, holds, lacks string }{
		"an attribute with a value is in it as it is":       {`{"first_name":` + first + `}`, `"first_name":` + first, ``},
		"an attribute that is null is not":                  {`{"first_name":{"value":null,"x":"y"}}`, ``, `first_name`},
		"nor is a member that is null":                      {`{"first_name":null,"identities":null,"schema":null}`, ``, `null`},
		"a member of a group is in it":                      {`{"identities":{"github_id_v3":` + first + `}}`, `"identities":{"github_id_v3":` + first + `}`, ``},
		"a member of a group that is null is not":           {`{"identities":{"github_id_v3":{"value":null,"x":"y"},"github_id_v4":null}}`, ``, `"x":"y"`},
		"an attribute that v2 does not know is left to see": {`{"shoe_size":` + first + `}`, `"shoe_size":` + first, ``},
		"so is one in a group":                              {`{"identities":{"shoe_size":` + first + `}}`, `"shoe_size":` + first, ``},
		"so is one that is null":                            {`{"shoe_size":null}`, `"shoe_size":null`, ``},
		"so is anything else that v2 does not know":         {`{"shoe_size":[44]}`, `"shoe_size":[44]`, ``},
		"so is an attribute that is none":                   {`{"first_name":"Ada"}`, `"first_name":"Ada"`, ``},
		"so is an object in place of the schema's name":     {`{"schema":{}}`, `"schema":{}`, ``},
		"so is a group that is none":                        {`{"identities":"Ada"}`, `"identities":"Ada"`, ``},
		"so is a group in place of an attribute's value":    {`{"first_name":{"value":{"a":1}}}`, `"first_name":{"value":{"a":1}}`, ``},
		"schema is the incoming profile's":                  {`{"schema":"mine"}`, `"schema":"mine"`, ``},
	} {
		t.Run(name, func(t *testing.T) {
			text := string(profile.Said(parse(t, c.incoming)).JSON())
			require.Contains(t, text, c.holds)
			if c.lacks != "" {
				require.NotContains(t, text, c.lacks)
			}
		})
	}
	t.Run("the empty profile says which schema it has", func(t *testing.T) {
		require.Regexp(t, `^\{"schema":"[^"]+","identities":\{\},"access_information":\{\},"staff_information":\{\}\}$`,
			string(profile.Said(profile.Empty()).JSON()))
	})
	t.Run("a hundred thousand members take no minutes", func(t *testing.T) {
		var text strings.Builder
		for i := range 100_000 {
			fmt.Fprintf(&text, `,"%x":1`, i)
		}
		incoming := parse(t, "{"+text.String()[1:]+"}")
		begun := time.Now()
		require.Contains(t, string(profile.Said(incoming).JSON()), text.String()[1:], "the schema gets to see them")
		require.Less(t, time.Since(begun), 10*time.Second)
	})
	t.Run("the empty profile stays empty", func(t *testing.T) {
		before := string(profile.Empty().JSON())
		profile.Said(parse(t, `{"first_name":`+first+`,"identities":{"github_id_v3":`+first+`}}`))
		require.Equal(t, before, string(profile.Empty().JSON()))
	})
}
