//go:build !race

// These tests compare thousands of verdicts, one after the other. The race
// detector would find nothing in them and take minutes.

package schema_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v5"
	"github.com/stretchr/testify/require"

	"cis/internal/testdata"
	"cis/profile"
	"cis/schema"
)

// original compiles the schema of the original system, with the same library.
func original(t *testing.T) func(document any) bool {
	c := jsonschema.NewCompiler()
	c.Draft = jsonschema.Draft4
	require.NoError(t, c.AddResource("original", bytes.NewReader(testdata.Read(t, "profile.schema"))))
	s, err := c.Compile("original")
	require.NoError(t, err)
	return func(document any) bool { return s.Validate(document) == nil }
}

// agree requires the same verdict of both schemas and returns it.
func agree(t *testing.T, valid func(any) bool, document any, what string) bool {
	text, err := json.Marshal(document)
	require.NoError(t, err)
	want := valid(document)
	problem := schema.Validate(text)
	require.Equal(t, want, problem == nil, "%s: the original says %v, ours %v", what, want, problem)
	return want
}

func TestSameVerdictOnEveryDataFile(t *testing.T) {
	valid := original(t)
	verdicts := map[bool]int{}
	judge := func(what string, document any) {
		if _, ok := document.(map[string]any); ok {
			verdicts[agree(t, valid, document, what)]++
		}
	}
	judge("the empty profile", decode(t, testdata.Read(t, "user_profile_null.json")))
	for _, file := range testdata.Files(t, "signed/*.json") {
		judge(file, decode(t, testdata.Read(t, file)))
	}
	for _, file := range []string{"ldap-profiles.json.xz", "ldap-profiles-2.json.xz"} {
		for name, document := range decode(t, testdata.Read(t, file)).(map[string]any) {
			judge(file+" "+name, document)
		}
	}
	for _, file := range testdata.Files(t, "golden/cases/*.json") {
		recorded := decode(t, testdata.Read(t, file)).(map[string]any)
		judge(file+" body", recorded["body_json"])
		judge(file+" response", recorded["response_json"])
	}
	t.Logf("valid %d, not valid %d", verdicts[true], verdicts[false])
	require.Greater(t, verdicts[true], 20)
	require.Greater(t, verdicts[false], 20)
}

// TestEveryAttributeAllowsTheSame walks each attribute through each
// classification, display level, kind of value and signature's enumerations.
func TestEveryAttributeAllowsTheSame(t *testing.T) {
	t.Parallel()
	valid := original(t)
	verdicts := map[bool]int{}
	for path := range attributes(fresh(t)) {
		for member, values := range map[string][]any{
			"classification": {"PUBLIC", "MOZILLA CONFIDENTIAL", "WORKGROUP CONFIDENTIAL", "WORKGROUP CONFIDENTIAL: STAFF ONLY", "INDIVIDUAL CONFIDENTIAL", "public"},
			"display":        {"public", "authenticated", "vouched", "ndaed", "staff", "private", nil, "PUBLIC"},
			"verified":       {false, nil, 1},
			"last_modified":  {"2024-01-02T03:04:05+02:00", "2024-01-02", nil},
			"created":        {"2024-01-02T03:04:05Z", "2024-13-02T03:04:05Z"},
		} {
			for _, v := range values {
				document := fresh(t)
				attributes(document)[path]["metadata"].(map[string]any)[member] = v
				verdicts[agree(t, valid, document, fmt.Sprint(path, " metadata.", member, " ", v))]++
			}
		}
		for _, v := range []any{nil, "text", true, 1, []any{"x"}, map[string]any{"a": nil, "b": 1}} {
			for _, member := range []string{"value", "values"} {
				document := fresh(t)
				attributes(document)[path][member] = v
				verdicts[agree(t, valid, document, fmt.Sprint(path, " ", member, " ", v))]++
			}
		}
		for member, values := range map[string][]any{
			"alg":   {"HS256", "RSA", "ED25519", "ES256", nil},
			"typ":   {"PGP", "JWT"},
			"name":  {"ldap", "hris", "access_provider", "mozilliansorg", "cis", "nobody", nil},
			"value": {"x", nil},
		} {
			for _, v := range values {
				for _, additional := range []bool{false, true} {
					if additional && path != "uuid" && path != "access_information.ldap" {
						continue // one definition for all
					}
					document := fresh(t)
					signature := attributes(document)[path]["signature"].(map[string]any)
					target := signature["publisher"].(map[string]any)
					if additional {
						target = signature["additional"].([]any)[0].(map[string]any)
					}
					target[member] = v
					verdicts[agree(t, valid, document, fmt.Sprint(path, " signature ", additional, member, " ", v))]++
				}
			}
		}
	}
	t.Logf("valid %d, not valid %d", verdicts[true], verdicts[false])
	require.Greater(t, verdicts[true], 500)
	require.Greater(t, verdicts[false], 500)
}

// mutate changes one thing somewhere in a decoded JSON value.
func mutate(r *rand.Rand, v any) any {
	junk := []any{nil, true, "x", json.Number("3"), []any{}, map[string]any{}, map[string]any{"value": nil}, "PUBLIC", "staff"}
	switch v := v.(type) {
	case map[string]any:
		if len(v) == 0 || r.IntN(8) == 0 {
			v[fmt.Sprint("extra", r.IntN(3))] = junk[r.IntN(len(junk))]
			return v
		}
		names := slices.Sorted(maps.Keys(v))
		name := names[r.IntN(len(names))]
		switch r.IntN(10) {
		case 0:
			delete(v, name)
		case 1:
			v[name] = junk[r.IntN(len(junk))]
		case 2:
			v[names[r.IntN(len(names))]] = v[name]
		default:
			v[name] = mutate(r, v[name])
		}
		return v
	case []any:
		if len(v) == 0 || r.IntN(3) == 0 {
			return append(v, junk[r.IntN(len(junk))])
		}
		i := r.IntN(len(v))
		v[i] = mutate(r, v[i])
		return v
	}
	return junk[r.IntN(len(junk))]
}

func TestSameVerdictOnMutants(t *testing.T) {
	t.Parallel()
	valid := original(t)
	var seeds [][]byte
	for _, file := range testdata.Files(t, "signed/*.json") {
		seeds = append(seeds, testdata.Read(t, file))
	}
	seeds = append(seeds, profile.Empty().JSON())
	r := rand.New(rand.NewPCG(1, 2))
	verdicts := map[bool]int{}
	const mutants = 2500
	for i := range mutants {
		document := decode(t, seeds[r.IntN(len(seeds))])
		for range 1 + r.IntN(2) {
			document = mutate(r, document)
		}
		verdicts[agree(t, valid, document, fmt.Sprint("mutant ", i))]++
	}
	t.Logf("valid %d, not valid %d", verdicts[true], verdicts[false])
	require.Greater(t, verdicts[true], mutants/20)
	require.Greater(t, verdicts[false], mutants/20)
}
