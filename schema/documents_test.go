package schema_test

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"cis/internal/testdata"
	"cis/profile"
	"cis/schema"
)

// schemaAttributes are the paths of the attributes that the schema knows.
func schemaAttributes(t *testing.T) []string {
	members := func(v any) map[string]any {
		return object(v, "properties")
	}
	var paths []string
	for name, v := range members(decode(t, schema.ProfileSchema())) {
		switch _, group := v.(map[string]any)["properties"]; {
		case group:
			for member := range members(v) {
				paths = append(paths, name+"."+member)
			}
		case name != "schema":
			paths = append(paths, name)
		}
	}
	slices.Sort(paths)
	return paths
}

func TestRulesSchemaAndEmptyProfileHaveTheSameAttributes(t *testing.T) {
	want := schemaAttributes(t)
	require.Len(t, want, 53)
	require.Equal(t, want, slices.Sorted(maps.Keys(attributes(fresh(t)))))
	_, err := profile.ParseRules(schema.PublisherRules())
	require.NoError(t, err)

	rules := decode(t, schema.PublisherRules()).(map[string]any)
	paths := func(half map[string]any) (found []string) {
		for name, v := range half {
			members, group := v.(map[string]any)
			if !group {
				found = append(found, name)
			}
			for member := range members {
				found = append(found, name+"."+member)
			}
		}
		slices.Sort(found)
		return found
	}
	require.Equal(t, want, paths(object(rules, "create")))
	// One rule for all identities.
	var update []string
	for _, path := range want {
		if profile.Path(path).Group() == "identities" {
			path = "identities"
		}
		update = append(update, path)
	}
	require.Equal(t, slices.Compact(update), paths(object(rules, "update")))
}

func TestRulesNameKnownPublishers(t *testing.T) {
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for _, member := range v {
				walk(member)
			}
		case []any:
			for _, item := range v {
				walk(item)
			}
		case string:
			require.Contains(t, append([]string{""}, profile.Publishers...), v)
		}
	}
	walk(decode(t, schema.PublisherRules()))
}

func TestDocumentsAreTheOriginals(t *testing.T) {
	require.JSONEq(t, string(testdata.Read(t, "mozilla-iam-publisher-rules")), string(schema.PublisherRules()))
	require.JSONEq(t, string(testdata.Read(t, "user_profile_null.json")), string(profile.Empty().JSON()))
	var original struct {
		Scopes []struct {
			Value string `json:"value"`
		} `json:"scopes"`
	}
	testdata.ReadJSON(t, "scopes.json", &original)
	var names []string
	for _, scope := range original.Scopes {
		names = append(names, scope.Value)
	}
	require.Equal(t, names, schema.Scopes())
}

func TestCallersCannotChangeTheDocuments(t *testing.T) {
	for name, document := range map[string]func() []byte{
		"profile schema": schema.ProfileSchema, "publisher rules": schema.PublisherRules, "well-known template": schema.WellKnownTemplate,
	} {
		t.Run(name, func(t *testing.T) {
			require.True(t, json.Valid(document()))
			document()[0] = 'x'
			require.True(t, json.Valid(document()))
		})
	}
}
