package profile_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"cis/profile"
)

func TestParseRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"nothing at all":                ``,
		"white space only":              "  \n",
		"what is not JSON":              `{"user_id":`,
		"a list":                        `[]`,
		"a string that holds a profile": `"{}"`,
		"null":                          `null`,
		"something after the profile":   `{} {}`,
		"an attribute twice":            `{"first_name":{"value":"a"},"first_name":{"value":"b"}}`,
		"an attribute twice, once written otherwise":    `{"first_name":{"value":"a"},"first\u005fname":{"value":"b"}}`,
		"a member of a group twice":                     `{"identities":{"x":{},"x":{}}}`,
		"a value twice":                                 `{"first_name":{"value":"a","value":"b"}}`,
		"a name twice deep in a value":                  `{"uris":{"values":{"a":[{"b":1,"b":2}]}}}`,
		"a name twice in what is no attribute":          `{"schema":[{"b":1,"b":2}]}`,
		"a name twice in the metadata":                  `{"first_name":{"metadata":{"display":"public","display":null}}}`,
		"invalid UTF-8 in a value":                      "{\"first_name\":{\"value\":\"a\xff\"}}",
		"invalid UTF-8 in a name":                       "{\"first\xffname\":{}}",
		"half a surrogate pair, escaped":                `{"first_name":{"value":"\ud83d"}}`,
		"surrogates in the wrong order":                 `{"first_name":{"value":"\udc1b\ud83d"}}`,
		"half a surrogate pair in a name":               `{"values":{"values":{"\ud83d":1}}}`,
		"half a surrogate pair in what is no attribute": `{"schema":"\ud83d"}`,
		"a surrogate as UTF-8":                          "{\"first_name\":{\"value\":\"\xed\xa0\xbd\"}}",
		"an infinity":                                   `{"access_information":{"hris":{"values":{"n":Infinity}}}}`,
		"not-a-number":                                  `{"access_information":{"hris":{"values":{"n":NaN}}}}`,
		"a number with a leading zero":                  `{"access_information":{"hris":{"values":{"n":01}}}}`,
		"a raw control character in a string":           "{\"first_name\":{\"value\":\"a\x00\"}}",
		"a byte order mark":                             "\ufeff{}",
		"single quotes":                                 `{'first_name':{}}`,
		"a comment":                                     `{/**/}`,
		"a comma too many":                              `{"schema":"x",}`,
		"more nesting than any profile has":             `{"uris":{"values":` + strings.Repeat(`[`, 200_000) + strings.Repeat(`]`, 200_000) + `}}`,
		"nesting without an end":                        strings.Repeat(`{"a":`, 200_000),
	} {
		t.Run(name, func(t *testing.T) {
			p, err := profile.Parse([]byte(text))
			require.Error(t, err)
			require.Nil(t, p)
		})
	}
}

func TestParseKeepsWhatItReads(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":                             `{}`,
		"what v2 does not know":               `{"shoe_size":"44","hat":{"value":7},"list":[1,{"a":null}],"nothing":null,"n":1.50}`,
		"the order of members":                `{"uuid":{"value":"b","metadata":{"verified":true,"created":"x"},"signature":{}},"schema":"s","active":{"value":true}}`,
		"a group that is empty":               `{"identities":{},"access_information":{}}`,
		"a group that is null":                `{"identities":null}`,
		"a group that is no object":           `{"identities":[],"staff_information":"x"}`,
		"members of a group that are none":    `{"identities":{"x":1,"y":null,"z":[]}}`,
		"an attribute that is null":           `{"first_name":null}`,
		"an attribute that is empty":          `{"first_name":{}}`,
		"value and values at once":            `{"first_name":{"value":"a","values":{"b":null}}}`,
		"escapes as they were written":        `{"first_name":{"value":"\u00e9é\/\u002F\u0041\n\u000a"}}`,
		"an escaped NUL":                      `{"first_name":{"value":"a\u0000b"}}`,
		"an escaped pair of surrogates":       `{"first_name":{"value":"\uD83D\udc1b🐛"}}`,
		"an unescaped DEL and line separator": "{\"first_name\":{\"value\":\"\x7f\u2028\"}}",
		"numbers as they were written":        `{"access_information":{"hris":{"values":{"a":1.0,"b":1e5,"c":1E+05,"d":-0,"e":12345678901234567890,"f":0.10,"g":1e400}}}}`,
		"a name that is empty":                `{"":{"value":""},"uris":{"values":{"":""}}}`,
		"a name with a dot":                   `{"access_information.ldap":{"values":{"root":null}}}`,
		"nesting deep but sane":               `{"uris":{"values":` + strings.Repeat(`[`, 500) + strings.Repeat(`]`, 500) + `}}`,
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, text, string(parse(t, text).JSON()))
		})
	}
	t.Run("white space goes, and nothing else", func(t *testing.T) {
		require.Equal(t, `{"first_name":{"value":" a\t"},"x":[1,2]}`,
			string(parse(t, " {\n\t\"first_name\" : { \"value\":\" a\\t\" } ,\r\n \"x\":[1, 2]}\n ").JSON()))
	})
	t.Run("a name that is written with needless escapes is the name it means", func(t *testing.T) {
		p := parse(t, `{"first\u005fname":{"value":"a"}}`)
		require.Equal(t, "a", p.String("first_name"))
		require.JSONEq(t, `{"first_name":{"value":"a"}}`, string(p.JSON()))
	})
	t.Run("the bytes that it was read from stay as they were", func(t *testing.T) {
		text := []byte(" { \"first_name\" : {} } ")
		_, err := profile.Parse(text)
		require.NoError(t, err)
		require.Equal(t, " { \"first_name\" : {} } ", string(text))
	})
	t.Run("the profile does not change with the bytes that it was read from", func(t *testing.T) {
		text := []byte(`{"first_name":{"value":"a"}}`)
		p, err := profile.Parse(text)
		require.NoError(t, err)
		copy(text, strings.Repeat("x", len(text)))
		require.Equal(t, "a", p.String("first_name"))
	})
	t.Run("what is appended to a part of the profile does not reach the next", func(t *testing.T) {
		const text = `{"schema":"s","first_name":{"value":"a"},"last_name":{"value":"b"}}`
		p := parse(t, text)
		_ = append(p.Get("first_name").JSON(), "xxxxxxxx"...)
		require.Equal(t, text, string(p.JSON()))
	})
	t.Run("a profile is appended to what there is", func(t *testing.T) {
		p := parse(t, `{"a\u0022":1,"identities":{"x":{"value":"y"}}}`)
		require.Equal(t, `[{"a\"":1,"identities":{"x":{"value":"y"}}}`, string(p.AppendJSON([]byte(`[`))))
	})
}

func TestPathsAreNotConfused(t *testing.T) {
	p := parse(t, `{"access_information.ldap":{"values":{"root":null}},"access_information":{"ldap":{"values":{"users":null}}}}`)
	require.Equal(t, []profile.Path{"access_information.ldap"}, paths(p), "only the one in the group is an attribute")
	require.Equal(t, []profile.Entry{{Key: "users"}}, p.Values("access_information.ldap"))

	merged, changed := profile.Merge(profile.Empty(), parse(t, `{"access_information.ldap":{"values":{"root":null}}}`))
	require.Empty(t, changed)
	require.Nil(t, merged.Values("access_information.ldap"))
	require.Contains(t, string(profile.Said(p).JSON()), `"access_information.ldap":`, "the schema gets to see it, and refuses it")
}

func TestAttributesAreYieldedInOrder(t *testing.T) {
	p := parse(t, `{"schema":"s","uuid":{"value":null},"identities":{"x":{},"y":1,"z":{"value":"a"}},"list":[],"active":{},"staff_information":{}}`)
	require.Equal(t, names(t, "uuid identities.x identities.z active"), paths(p))
	for path := range p.Attributes() {
		require.Equal(t, profile.Path("uuid"), path)
		break // a caller may stop early
	}
	for path := range p.Attributes() {
		if path == "identities.x" {
			break
		}
	}
}

func TestPath(t *testing.T) {
	for path, want := range map[profile.Path][3]string{
		"first_name":              {"", "first_name", "/first_name"},
		"access_information.ldap": {"access_information", "ldap", "/access_information/ldap"},
		"a/b~c":                   {"", "a/b~c", "/a~1b~0c"},
	} {
		require.Equal(t, want, [3]string{path.Group(), path.Name(), path.Pointer()}, path)
	}
}

func TestEmptyHasEveryAttributeNull(t *testing.T) {
	var top, members int
	for path, a := range profile.Empty().Attributes() {
		require.True(t, a.IsNull(), path)
		require.NotEmpty(t, a.Publisher(), path)
		if path.Group() == "" {
			top++
		} else {
			members++
		}
	}
	require.Equal(t, 24, top)
	require.Equal(t, 16+4+9, members)
}

func TestReading(t *testing.T) {
	p := parse(t, `{
		"schema": "s",
		"first_name": {"value": "Zo\u00eb"},
		"last_name": {"value": null},
		"active": {"value": true},
		"wrong": {"value": 7},
		"plain": "x",
		"usernames": {"values": {"b": "2", "a": null, "n": 3, "\u00e9": "4"}},
		"tags": {"values": {}},
		"languages": {"values": null},
		"list": {"values": ["a"]},
		"staff_information": {"title": {"value": "Engineer"}, "staff": {"value": false}},
		"access_information": {"ldap": {"values": {"users": null}}}
	}`)

	t.Run("a string", func(t *testing.T) {
		require.Equal(t, "Zoë", p.String("first_name"))
		require.Equal(t, "Engineer", p.String("staff_information.title"))
	})
	t.Run("a string that is null, absent, no string or no attribute reads as empty", func(t *testing.T) {
		for _, path := range names(t, "last_name pronouns wrong plain schema active staff_information staff_information.team identities.x first_name.value") {
			require.Empty(t, p.String(path), path)
		}
	})
	t.Run("a boolean", func(t *testing.T) {
		require.True(t, p.Bool("active"))
		for _, path := range names(t, "staff_information.staff first_name last_name wrong absent") {
			require.False(t, p.Bool(path), path)
		}
	})
	t.Run("entries, in their order", func(t *testing.T) {
		require.Equal(t, []profile.Entry{{Key: "b", Value: "2"}, {Key: "a"}, {Key: "n"}, {Key: "é", Value: "4"}}, p.Values("usernames"))
		require.Equal(t, []profile.Entry{{Key: "users"}}, p.Values("access_information.ldap"))
	})
	t.Run("no entries are not the same as null", func(t *testing.T) {
		require.NotNil(t, p.Values("tags"))
		require.Empty(t, p.Values("tags"))
		for _, path := range names(t, "languages list first_name absent") {
			require.Nil(t, p.Values(path), path)
		}
	})
	t.Run("an attribute that is not there is nil and null", func(t *testing.T) {
		require.Nil(t, p.Get("pronouns"))
		require.True(t, p.Get("pronouns").IsNull())
		require.Nil(t, p.Get("plain"))
		require.Nil(t, p.Get("staff_information"))
	})
}

func TestWith(t *testing.T) {
	a := one(t, `{"value":"new"}`)
	for name, c := range map[string]struct {
		before string
		path   profile.Path
		after  string
	}{
		"an attribute is replaced where it stands": {
			`{"a":{"value":1},"b":{"value":2},"c":"x"}`, "b", `{"a":{"value":1},"b":{"value":"new"},"c":"x"}`},
		"an attribute that was not there comes last": {
			`{"a":{"value":1}}`, "b", `{"a":{"value":1},"b":{"value":"new"}}`},
		"an attribute in a group is replaced where it stands": {
			`{"identities":{"x":{"value":1},"y":{"value":2}},"b":"x"}`, "identities.x", `{"identities":{"x":{"value":"new"},"y":{"value":2}},"b":"x"}`},
		"a group that was not there is added": {
			`{"a":{"value":1}}`, "identities.x", `{"a":{"value":1},"identities":{"x":{"value":"new"}}}`},
		"a group that was null becomes one": {
			`{"identities":null,"a":{}}`, "identities.x", `{"identities":{"x":{"value":"new"}},"a":{}}`},
	} {
		t.Run(name, func(t *testing.T) {
			before := parse(t, c.before)
			require.Equal(t, c.after, string(before.With(c.path, a).JSON()))
			require.Equal(t, c.before, string(before.JSON()), "the profile itself stays as it was")
		})
	}
}
