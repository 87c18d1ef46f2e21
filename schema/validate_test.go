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
	for path := range attributes(fresh(t)) {
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
	require.LessOrEqual(t, len(invalid.Problems), 20)
	require.Less(t, len(err.Error()), 2000)
}

func TestRulesAndSchemaKnowTheSameAttributes(t *testing.T) {
	_, err := profile.ParseRules(schema.PublisherRules())
	require.NoError(t, err)
}

func TestWellKnownDocuments(t *testing.T) {
	key := json.RawMessage(`{"kty":"OKP"}`)
	made := schema.NewWellKnown(schema.Params{
		BaseURL: "https://cis.example.org", IssuerURL: "https://auth.example.org/", Audience: "api.example.org",
		AccessFileURL: "https://cdn.example.org/apps.yml", Scopes: schema.Scopes(),
		PublisherKeys: map[string][]json.RawMessage{"ldap": {key}},
	})
	read, err := schema.ParseWellKnown(made.JSON())
	require.NoError(t, err)
	require.Equal(t, "https://auth.example.org/.well-known/openid-configuration", read.OIDCDiscoveryURI)
	require.Equal(t, "https://cis.example.org/.well-known/profile.schema", read.API.ProfileSchemaURI)
	require.Equal(t, "https://cis.example.org", read.API.Endpoints.Change)
	require.Equal(t, []string{"KEY_AUTH"}, read.AccessFile.AAIMapping.Maximum)
	require.Contains(t, read.API.ScopesSupported, "search:all")
	require.JSONEq(t, string(key), string(read.API.PublishersJWKS["ldap"].Keys[0]))

	for _, text := range []string{``, `[]`, `{}`, `{"api":{"publishers_jwks":{}}}`} {
		_, err := schema.ParseWellKnown([]byte(text))
		require.Error(t, err, text)
	}
}
