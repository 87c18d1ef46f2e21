package profile_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestSet(t *testing.T) {
	now := time.Date(2025, 1, 2, 3, 4, 5, 0, time.UTC)
	p := attrs{"first_name": {by: "ldap", value: `"Ada"`, display: "staff"}}.stored(t)
	for name, c := range map[string]struct {
		path  string
		value any
		json  string
	}{
		"a string":                    {"first_name", "Eve", `"value":"Eve"`},
		"a string beyond ASCII":       {"first_name", "Zoë <&>", `"value":"Zoë <&>"`},
		"a boolean":                   {"active", true, `"value":true`},
		"nothing":                     {"first_name", nil, `"value":null`},
		"values, always in one order": {"access_information.ldap", map[string]any{"c": nil, "b": nil, "a": "x", "d": 1}, `"values":{"a":"x","b":null,"c":null,"d":1}`},
		"no values":                   {"usernames", map[string]string{}, `"values":{}`},
		"an identity":                 {"identities.github_id_v3", "7", `"value":"7"`},
	} {
		t.Run(name, func(t *testing.T) {
			path := names(t, c.path)[0]
			for range 10 {
				set, err := p.Set(path, c.value, now)
				require.NoError(t, err)
				require.Equal(t, names(t, c.path), differing(p, set))
				require.Contains(t, string(set.Get(path).JSON()), c.json)
				require.Equal(t, "2025-01-02T03:04:05.000Z", set.Get(path).Metadata().Created)
				require.Equal(t, "2025-01-02T03:04:05.000Z", set.Get(path).Metadata().LastModified)
				require.Equal(t, p.Get(path).Metadata().Display, set.Get(path).Metadata().Display, "the display level stays")
				require.Equal(t, p.Get(path).Publisher(), set.Get(path).Publisher())
			}
		})
	}
	t.Run("a profile that lacks the attribute gets it from the empty one", func(t *testing.T) {
		set, err := parse(t, `{}`).Set("staff_information.title", "Engineer", now)
		require.NoError(t, err)
		require.Equal(t, "Engineer", set.String("staff_information.title"))
	})
	t.Run("an attribute that v2 does not have cannot be set", func(t *testing.T) {
		for _, path := range names(t, "shoe_size identities.shoe_size identities schema") {
			_, err := p.Set(path, "44", now)
			require.ErrorContains(t, err, "has no attribute", path)
		}
	})
	t.Run("what JSON cannot hold is refused", func(t *testing.T) {
		_, err := p.Set("first_name", "a\xff", now)
		require.ErrorContains(t, err, "first_name")
		_, err = p.Set("first_name", func() {}, now)
		require.ErrorContains(t, err, "first_name")
	})
}

func TestShow(t *testing.T) {
	p := attrs{"first_name": {by: "ldap", value: `"Ada"`, display: "staff"}}.stored(t)
	t.Run("another level, and nothing else", func(t *testing.T) {
		shown, err := p.Show("first_name", "public")
		require.NoError(t, err)
		require.Equal(t, attr{by: "ldap", value: `"Ada"`, display: "public"}.json(), string(shown.Get("first_name").JSON()))
		require.Equal(t, names(t, "first_name"), differing(p, shown))
	})
	t.Run("no level", func(t *testing.T) {
		shown, err := p.Show("first_name", "")
		require.NoError(t, err)
		require.Equal(t, attr{by: "ldap", value: `"Ada"`}.json(), string(shown.Get("first_name").JSON()))
	})
	t.Run("of an attribute that is not there", func(t *testing.T) {
		_, err := p.Show("shoe_size", "public")
		require.ErrorContains(t, err, "has no attribute")
	})
}
