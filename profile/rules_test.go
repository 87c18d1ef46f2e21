package profile_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"cis/profile"
	"cis/schema"
)

func TestRules(t *testing.T) {
	rules := publisherRules(t)
	moz := attr{by: "mozilliansorg", value: `"Ada"`, display: "public"}
	for name, c := range map[string]struct {
		stored, incoming attrs
		refused          string
	}{
		// 1. Identical.
		"an identical attribute is allowed, whoever signed it": {
			attrs{"uuid": {by: "nobody", value: `"u"`}}, attrs{"uuid": {by: "nobody", value: `"u"`}}, ""},
		"what is not in the incoming profile is not judged": {
			attrs{"uuid": {by: "nobody", value: `"u"`}}, attrs{}, ""},

		// 2. Stored null, new not null: create.
		"a null may be set by a publisher that may create": {
			attrs{}, attrs{"first_name": {by: "hris", value: `"Ada"`}}, ""},
		"a null may not be set by a publisher that may not create": {
			attrs{}, attrs{"first_name": {by: "cis", value: `"Ada"`}}, "[create] cis is NOT allowed to publish field first_name"},
		"a null may not be set by the publisher that may only update": {
			attrs{}, attrs{"user_id": {by: "mozilliansorg", value: `"x"`}}, "[create] mozilliansorg is NOT allowed to publish field user_id"},
		"the one that may update may create only if it is listed": {
			attrs{}, attrs{"primary_username": moz}, "[create] mozilliansorg is NOT allowed to publish field primary_username"},
		"a member of access_information has its own creators": {
			attrs{}, attrs{"access_information.ldap": {by: "ldap", values: `{"a":null}`}}, ""},
		"a creator of one member of access_information is not one of another": {
			attrs{}, attrs{"access_information.hris": {by: "ldap", values: `{"a":null}`}}, "[create] ldap is NOT allowed to publish field hris"},
		"a member of staff_information has its own creators": {
			attrs{}, attrs{"staff_information.title": {by: "mozilliansorg", value: `"T"`}}, "[create] mozilliansorg is NOT allowed to publish field title"},
		"a member of identities has its own creators": {
			attrs{}, attrs{"identities.mozilla_ldap_id": {by: "mozilliansorg", value: `"x"`}}, "[create] mozilliansorg is NOT allowed to publish field mozilla_ldap_id"},
		"another member of identities has others": {
			attrs{}, attrs{"identities.github_id_v3": {by: "mozilliansorg", value: `"x"`}}, ""},
		"false sets a null like any value": {
			attrs{}, attrs{"active": {by: "mozilliansorg", value: `false`}}, "[create] mozilliansorg is NOT allowed to publish field active"},
		"an empty object sets a null like any value": {
			attrs{}, attrs{"usernames": {by: "hris", values: `{}`}}, "[create] hris is NOT allowed to publish field usernames"},
		"active may be set by cis": {
			attrs{}, attrs{"active": {by: "cis", value: `true`}}, ""},

		// 3. No change of value, display and verified.
		"a re-signature by a publisher that may not update is no change": {
			attrs{"first_name": moz}, attrs{"first_name": {by: "hris", value: `"Ada"`, display: "public", signature: "other"}}, ""},
		"a new timestamp alone is no change": {
			attrs{"uuid": {by: "cis", value: `"u"`}}, attrs{"uuid": {by: "hris", value: `"u"`, modified: "2030-01-01T00:00:00.000Z"}}, ""},
		"a null on both sides is no change whatever its metadata": {
			attrs{}, attrs{"primary_email": {by: "ldap", display: "public", unverified: true}}, ""},
		"a null does not erase, so nobody is asked": {
			attrs{"first_name": moz}, attrs{"first_name": {by: "hris"}}, ""},

		// 4. Display or verified alone.
		"mozilliansorg may change the display level of another's attribute": {
			attrs{"staff_information.team": {by: "hris", value: `"T"`, display: "staff"}},
			attrs{"staff_information.team": {by: "mozilliansorg", value: `"T"`, display: "private"}}, ""},
		"mozilliansorg may change the verified flag of another's attribute": {
			attrs{"staff_information.team": {by: "hris", value: `"T"`}},
			attrs{"staff_information.team": {by: "mozilliansorg", value: `"T"`, unverified: true}}, ""},
		"mozilliansorg may take a display level away": {
			attrs{"ssh_public_keys": {by: "ldap", values: `{"a":"k"}`, display: "public"}},
			attrs{"ssh_public_keys": {by: "mozilliansorg", values: `{"a":"k"}`}}, ""},
		"mozilliansorg may not change the value along with the display level": {
			attrs{"staff_information.team": {by: "hris", value: `"T"`, display: "staff"}},
			attrs{"staff_information.team": {by: "mozilliansorg", value: `"U"`, display: "private"}}, "[update] mozilliansorg is NOT allowed to publish field team"},
		"the publisher that may update may change the display level": {
			attrs{"staff_information.team": {by: "hris", value: `"T"`, display: "staff"}},
			attrs{"staff_information.team": {by: "hris", value: `"T"`, display: "private"}}, ""},
		"another may not change the display level": {
			attrs{"staff_information.team": {by: "hris", value: `"T"`, display: "staff"}},
			attrs{"staff_information.team": {by: "ldap", value: `"T"`, display: "private"}}, "[update] ldap is NOT allowed to publish field team"},
		"another may not change the verified flag": {
			attrs{"first_name": moz}, attrs{"first_name": {by: "ldap", value: `"Ada"`, display: "public", unverified: true}}, "[update] ldap is NOT allowed to publish field first_name"},

		// 5. The publisher that may update.
		"the value may be changed by the one that may update": {
			attrs{"first_name": {by: "ldap", value: `"Ada"`}}, attrs{"first_name": {by: "mozilliansorg", value: `"Eve"`}}, ""},
		"the value may not be changed by one that may only create": {
			attrs{"first_name": {by: "ldap", value: `"Ada"`}}, attrs{"first_name": {by: "ldap", value: `"Eve"`}}, "[update] ldap is NOT allowed to publish field first_name"},
		"one publisher may update all identities": {
			attrs{"identities.mozilla_ldap_id": {by: "ldap", value: `"a"`}}, attrs{"identities.mozilla_ldap_id": {by: "mozilliansorg", value: `"b"`}}, ""},
		"and no other may": {
			attrs{"identities.mozilla_ldap_id": {by: "ldap", value: `"a"`}}, attrs{"identities.mozilla_ldap_id": {by: "ldap", value: `"b"`}}, "[update] ldap is NOT allowed to publish field mozilla_ldap_id"},
		"each member of access_information has its own updater": {
			attrs{"access_information.ldap": {by: "ldap", values: `{"a":null}`}}, attrs{"access_information.ldap": {by: "ldap", values: `{"b":null}`}}, ""},
		"the updater of another member may not": {
			attrs{"access_information.ldap": {by: "ldap", values: `{"a":null}`}}, attrs{"access_information.ldap": {by: "hris", values: `{"b":null}`}}, "[update] hris is NOT allowed to publish field ldap"},
		"mozilliansorg may not change the groups of another": {
			attrs{"access_information.ldap": {by: "ldap", values: `{"a":null}`}}, attrs{"access_information.ldap": {by: "mozilliansorg", values: `{"b":null}`}}, "[update] mozilliansorg is NOT allowed to publish field ldap"},
		"staff_information is updated by hris": {
			attrs{"staff_information.title": {by: "ldap", value: `"T"`}}, attrs{"staff_information.title": {by: "hris", value: `"U"`}}, ""},
		"user_id is updated by access_provider": {
			attrs{"user_id": {by: "ldap", value: `"a"`}}, attrs{"user_id": {by: "access_provider", value: `"b"`}}, ""},
		"created is updated by cis": {
			attrs{"created": {by: "ldap", value: `"a"`}}, attrs{"created": {by: "cis", value: `"b"`}}, ""},

		// 6. Anything else.
		"uuid is updated by nobody, not even cis": {
			attrs{"uuid": {by: "cis", value: `"a"`}}, attrs{"uuid": {by: "cis", value: `"b"`}}, "[update] cis is NOT allowed to publish field uuid"},
		"nor by a publisher without a name": {
			attrs{"uuid": {by: "cis", value: `"a"`}}, attrs{"uuid": {by: "", value: `"b"`}}, "[update]  is NOT allowed to publish field uuid"},
		"a publisher that nobody knows creates nothing": {
			attrs{}, attrs{"first_name": {by: "evil", value: `"x"`}}, "[create] evil is NOT allowed to publish field first_name"},
		"and updates nothing": {
			attrs{"first_name": moz}, attrs{"first_name": {by: "evil", value: `"x"`}}, "[update] evil is NOT allowed to publish field first_name"},
		"names are compared to the letter": {
			attrs{}, attrs{"first_name": {by: "LDAP", value: `"x"`}}, "[create] LDAP is NOT allowed to publish field first_name"},
		"an attribute that v2 does not know is created by nobody": {
			attrs{}, attrs{"shoe_size": {by: "ldap", value: `"44"`}}, "[create] ldap is NOT allowed to publish field shoe_size"},
		"nor is one in a group": {
			attrs{}, attrs{"identities.shoe_size": {by: "mozilliansorg", value: `"44"`}}, "[create] mozilliansorg is NOT allowed to publish field shoe_size"},
		"one refusal among what is allowed refuses": {
			attrs{}, attrs{"first_name": moz, "last_name": moz, "user_id": moz}, "[create] mozilliansorg is NOT allowed to publish field user_id"},

		// active.
		"active may be changed by ldap": {
			attrs{"active": {by: "cis", value: `true`}}, attrs{"active": {by: "ldap", value: `false`}}, ""},
		"active may be changed by hris": {
			attrs{"active": {by: "cis", value: `true`}}, attrs{"active": {by: "hris", value: `false`}}, ""},
		"active may be changed by access_provider": {
			attrs{"active": {by: "cis", value: `true`}}, attrs{"active": {by: "access_provider", value: `false`}}, ""},
		"active may be changed by cis": {
			attrs{"active": {by: "cis", value: `true`}}, attrs{"active": {by: "cis", value: `false`}}, ""},
		"active may not be changed by mozilliansorg, alone neither": {
			attrs{"active": {by: "cis", value: `true`}}, attrs{"active": {by: "mozilliansorg", value: `false`}}, "[update] mozilliansorg is NOT allowed to publish field active"},
		"how active is shown may be changed by mozilliansorg": {
			attrs{"active": {by: "cis", value: `true`}}, attrs{"active": {by: "mozilliansorg", value: `true`, display: "staff"}}, ""},
		"active may be changed by ldap along with others": {
			attrs{"active": {by: "cis", value: `true`}}, attrs{"active": {by: "ldap", value: `false`}, "fun_title": {by: "ldap", value: `"x"`}}, ""},
		"active may be changed by access_provider along with others": {
			attrs{"active": {by: "cis", value: `true`}}, attrs{"active": {by: "access_provider", value: `false`}, "primary_email": {by: "access_provider", value: `"x"`}}, ""},
		"a publisher that may change active gains nothing for others": {
			attrs{"active": {by: "cis", value: `true`}, "fun_title": moz},
			attrs{"active": {by: "ldap", value: `false`}, "fun_title": {by: "ldap", value: `"x"`}}, "[update] ldap is NOT allowed to publish field fun_title"},

		// last_modified.
		"an incoming last_modified on an update is passed over": {
			attrs{"last_modified": {by: "cis", value: `"a"`}}, attrs{"last_modified": {by: "access_provider", value: `"b"`}}, ""},
		"last_modified may be created by the publisher of a new profile": {
			attrs{}, attrs{"last_modified": {by: "hris", value: `"a"`}}, ""},
		"last_modified may not be created by mozilliansorg": {
			attrs{}, attrs{"last_modified": {by: "mozilliansorg", value: `"a"`}}, "[create] mozilliansorg is NOT allowed to publish field last_modified"},
	} {
		t.Run(name, func(t *testing.T) {
			stored := c.stored.stored(t)
			merged, _ := profile.Merge(stored, c.incoming.partial(t))
			violation := rules.Check(stored, merged)
			if c.refused == "" {
				require.Nil(t, violation)
				return
			}
			require.NotNil(t, violation)
			require.EqualError(t, violation, c.refused)
		})
	}

	t.Run("erasing an attribute, which a merge never does, is an update", func(t *testing.T) {
		stored := attrs{"first_name": moz}.stored(t)
		require.Nil(t, rules.Check(stored, attrs{"first_name": {by: "mozilliansorg"}}.on(t, stored)))
		require.EqualError(t, rules.Check(stored, attrs{"first_name": {by: "ldap"}}.on(t, stored)),
			"[update] ldap is NOT allowed to publish field first_name")
	})
	t.Run("a violation says where it is", func(t *testing.T) {
		merged, _ := profile.Merge(profile.Empty(), attrs{"staff_information.title": moz}.partial(t))
		require.Equal(t, &profile.Violation{Path: "staff_information.title", Publisher: "mozilliansorg", Operation: "create"},
			rules.Check(profile.Empty(), merged))
	})
}

func TestRulesMatchTheirDocument(t *testing.T) {
	rules := publisherRules(t)
	var doc struct{ Create, Update map[string]json.RawMessage }
	require.NoError(t, json.Unmarshal(schema.PublisherRules(), &doc))
	rule := func(rules map[string]json.RawMessage, path profile.Path, into any) {
		raw := rules[string(path)]
		if raw == nil {
			raw = rules[path.Group()]
			if members := map[string]json.RawMessage{}; json.Unmarshal(raw, &members) == nil {
				raw = members[path.Name()]
			}
		}
		require.NoError(t, json.Unmarshal(raw, into), path)
	}
	values := []attr{{value: `"a"`}, {value: `"b"`}}
	for path := range profile.Empty().Attributes() {
		var creators []string
		var updater string
		rule(doc.Create, path, &creators)
		rule(doc.Update, path, &updater)
		for _, publisher := range []string{"ldap", "hris", "access_provider", "mozilliansorg", "cis", "other"} {
			first, second := values[0], values[1]
			first.by, second.by = publisher, publisher
			created := attrs{path: first}.stored(t)
			require.Equal(t, slices.Contains(creators, publisher), rules.Check(profile.Empty(), created) == nil, "%s creates %s", publisher, path)
			may := publisher == updater || path == profile.Active && slices.Contains(profile.ActivePublishers, publisher)
			require.Equal(t, may, rules.Check(created, attrs{path: second}.on(t, created)) == nil, "%s updates %s", publisher, path)
		}
	}
}

func TestParseRulesRefuses(t *testing.T) {
	change := func(change func(doc map[string]map[string]any)) string {
		var doc map[string]map[string]any
		require.NoError(t, json.Unmarshal(schema.PublisherRules(), &doc))
		change(doc)
		text, err := json.Marshal(doc)
		require.NoError(t, err)
		return string(text)
	}
	_, err := profile.ParseRules([]byte(change(func(map[string]map[string]any) {})))
	require.NoError(t, err)
	for name, text := range map[string]string{
		"what is not JSON":                      `{`,
		"an empty document":                     `{}`,
		"a list of creators that is a name":     change(func(doc map[string]map[string]any) { doc["create"]["uuid"] = "cis" }),
		"an updater that is a list":             change(func(doc map[string]map[string]any) { doc["update"]["active"] = []string{"cis"} }),
		"a document without creators":           change(func(doc map[string]map[string]any) { delete(doc["create"], "first_name") }),
		"a document without an updater":         change(func(doc map[string]map[string]any) { delete(doc["update"], "first_name") }),
		"a document without a group's updater":  change(func(doc map[string]map[string]any) { delete(doc["update"], "identities") }),
		"a document without a group's creators": change(func(doc map[string]map[string]any) { doc["create"]["identities"] = []string{"ldap"} }),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := profile.ParseRules([]byte(text))
			require.ErrorContains(t, err, "publisher rules")
		})
	}
}
