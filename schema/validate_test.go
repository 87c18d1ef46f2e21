package schema_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"cis/profile"
	"cis/schema"
)

// with is the empty profile after a change to it as decoded JSON.
func with(t *testing.T, change func(p map[string]any)) []byte {
	p := fresh(t)
	change(p)
	text, err := json.Marshal(p)
	require.NoError(t, err)
	return text
}

func object(v any, path ...string) map[string]any {
	for _, name := range path {
		v = v.(map[string]any)[name]
	}
	return v.(map[string]any)
}

func TestTheEmptyProfileIsValid(t *testing.T) {
	require.NoError(t, schema.Validate(profile.Empty().JSON()))
}

func TestProblemsNameThePlaceAndTheRule(t *testing.T) {
	for name, test := range map[string]struct {
		change        func(map[string]any)
		pointer, rule string
	}{
		"an unknown attribute":     {func(p map[string]any) { p["nickname"] = "x" }, "/nickname", "additionalProperties"},
		"an unknown group member":  {func(p map[string]any) { object(p, "identities")["icq"] = nil }, "/identities/icq", "additionalProperties"},
		"an attribute missing":     {func(p map[string]any) { delete(p, "first_name") }, "/first_name", "required"},
		"a wrong type":             {func(p map[string]any) { object(p, "first_name")["value"] = 5 }, "/first_name/value", "type"},
		"a display level too many": {func(p map[string]any) { object(p, "active", "metadata")["display"] = "public" }, "/active/metadata/display", "enum"},
		"a classification that the attribute has not": {func(p map[string]any) {
			object(p, "staff_information", "cost_center", "metadata")["classification"] = "PUBLIC"
		}, "/staff_information/cost_center/metadata/classification", "enum"},
		"a date that is none": {func(p map[string]any) { object(p, "uuid", "metadata")["created"] = "soon" }, "/uuid/metadata/created", "format"},
		"a publisher that is none": {func(p map[string]any) {
			object(p, "uuid", "signature", "publisher")["name"] = "nobody"
		}, "/uuid/signature/publisher/name", "enum"},
		"a name that a pointer escapes": {func(p map[string]any) { p["a/b~c"] = 1 }, "/a~1b~0c", "additionalProperties"},
	} {
		t.Run(name, func(t *testing.T) {
			err := schema.Validate(with(t, test.change))
			invalid, ok := errors.AsType[*schema.Invalid](err)
			require.True(t, ok, "%v", err)
			found := ""
			for _, p := range invalid.Problems {
				found += p.Pointer + " " + p.Rule + "\n"
				require.NotEmpty(t, p.Message)
			}
			require.Contains(t, found, test.pointer+" "+test.rule+"\n")
			require.Contains(t, err.Error(), test.pointer)
		})
	}
}

// A message goes into answers, logs and histories.
func TestNoProblemTellsAValue(t *testing.T) {
	const canary = "canary-4711"
	// One attribute of each kind: the others' messages come from the same places.
	for _, path := range []string{
		"uuid", "user_id", "active", "usernames", "identities.mozilla_ldap_id", "access_information.ldap",
		"access_information.hris", "staff_information.cost_center", "staff_information.title",
	} {
		for _, place := range []func(map[string]any){
			func(a map[string]any) { a["value"] = []any{canary} },
			func(a map[string]any) { a["values"] = canary },
			func(a map[string]any) { a["value"] = map[string]any{canary: canary} },
			func(a map[string]any) { a["metadata"] = canary },
			func(a map[string]any) { object(a, "metadata")["display"] = canary },
			func(a map[string]any) { object(a, "metadata")["created"] = canary },
			func(a map[string]any) { object(a, "signature", "publisher")["name"] = canary },
			func(a map[string]any) { object(a, "signature", "publisher")["value"] = []any{canary} },
		} {
			err := schema.Validate(with(t, func(p map[string]any) { place(attributes(p)[path]) }))
			if err == nil {
				continue // lists take anything
			}
			invalid, ok := errors.AsType[*schema.Invalid](err)
			require.True(t, ok)
			text, errJSON := json.Marshal(invalid.Problems)
			require.NoError(t, errJSON)
			require.NotContains(t, string(text)+err.Error(), canary, path)
		}
	}
}

func TestManyProblemsAreBounded(t *testing.T) {
	err := schema.Validate(with(t, func(p map[string]any) {
		for range 3 {
			for i := range 200 {
				p[strings.Repeat("x", 1+i)] = 1
			}
		}
	}))
	invalid, ok := errors.AsType[*schema.Invalid](err)
	require.True(t, ok)
	require.Len(t, invalid.Problems, 20)
	require.Equal(t, 200, invalid.Total)
	require.Contains(t, err.Error(), "and 197 more")
	require.Less(t, len(err.Error()), 2000)
}

func TestMessagesSayWhatIsThereAndWhatIsWanted(t *testing.T) {
	for name, test := range map[string]struct {
		change func(map[string]any)
		want   []schema.Problem
	}{
		"a number for a text": {
			func(p map[string]any) { object(p, "first_name")["value"] = 5 },
			[]schema.Problem{{Pointer: "/first_name/value", Rule: "type", Message: "is a number, must be a string or null"}},
		},
		"what suits the attribute counts, not what suits any": {
			func(p map[string]any) { object(p, "uuid", "metadata")["display"] = "friends" },
			[]schema.Problem{{Pointer: "/uuid/metadata/display", Rule: "enum", Message: `is another string, must be "public"`}},
		},
		"a wrong type is told by the enum, once": {
			func(p map[string]any) { object(p, "uuid", "metadata")["classification"] = nil },
			[]schema.Problem{{Pointer: "/uuid/metadata/classification", Rule: "enum", Message: `is null, must be "PUBLIC"`}},
		},
		"an unknown member, and what is known": {
			func(p map[string]any) { object(p, "tags", "signature")["of"] = 1 },
			[]schema.Problem{{Pointer: "/tags/signature/of", Rule: "additionalProperties", Message: "is not known here, only additional, publisher are"}},
		},
		"several, in order of their places": {
			func(p map[string]any) {
				p["uuid"], p["active"] = nil, []any{}
				delete(p, "pronouns")
				object(p, "picture", "metadata")["created"] = "yesterday"
			},
			[]schema.Problem{
				{Pointer: "/active", Rule: "type", Message: "is an array, must be an object"},
				{Pointer: "/picture/metadata/created", Rule: "format", Message: "is a string, but not of the format date-time"},
				{Pointer: "/pronouns", Rule: "required", Message: "is missing"},
				{Pointer: "/uuid", Rule: "type", Message: "is null, must be an object"},
			},
		},
		"an additional signature": {
			func(p map[string]any) {
				object(p, "tags", "signature")["additional"] = []any{map[string]any{"alg": "RSA", "typ": "JWS", "name": nil, "value": 1}}
			},
			[]schema.Problem{{Pointer: "/tags/signature/additional/0/value", Rule: "type", Message: "is a number, must be a string"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			for range 5 { // the library goes through members at random
				invalid, ok := errors.AsType[*schema.Invalid](schema.Validate(with(t, test.change)))
				require.True(t, ok)
				require.Equal(t, test.want, invalid.Problems)
				require.Equal(t, len(test.want), invalid.Total)
			}
		})
	}
}

func TestTextThatIsNotOneProfileIsRefused(t *testing.T) {
	valid := string(profile.Empty().JSON())
	for name, text := range map[string]string{
		"nothing":                   "",
		"not JSON":                  "{canary}",
		"cut off":                   valid[:len(valid)-1],
		"more after it":             valid + "{}",
		"a member twice":            `{"schema":"canary",` + valid[1:],
		"a member twice, deep down": strings.Replace(valid, `"value":null`, `"value":"canary","value":null`, 1),
		"not UTF-8":                 strings.Replace(valid, `"value":null`, "\"value\":\"canary\xff\"", 1),
		"half a surrogate pair":     strings.Replace(valid, `"value":null`, `"value":"canary\ud800"`, 1),
	} {
		t.Run(name, func(t *testing.T) {
			require.NotEqual(t, valid, text)
			err := schema.Validate([]byte(text))
			invalid, ok := errors.AsType[*schema.Invalid](err)
			require.True(t, ok, "%v", err)
			require.Len(t, invalid.Problems, 1)
			require.Equal(t, "json", invalid.Problems[0].Rule)
			require.NotContains(t, err.Error()+invalid.Problems[0].Message, "canary")
		})
	}
	for name, text := range map[string]string{"a list": "[]", "null": "null", "a number": "1e999999999"} {
		t.Run(name, func(t *testing.T) {
			invalid, ok := errors.AsType[*schema.Invalid](schema.Validate([]byte(text)))
			require.True(t, ok)
			require.Equal(t, "type", invalid.Problems[0].Rule)
			require.Empty(t, invalid.Problems[0].Pointer)
		})
	}
}

func TestAnErrorIsOneLine(t *testing.T) {
	err := schema.Validate(with(t, func(p map[string]any) { p["a\nlevel=ERROR"] = 1 }))
	require.Error(t, err)
	require.NotContains(t, err.Error(), "\n")
	require.Contains(t, err.Error(), `/a\nlevel=ERROR`)
}
