//go:build !race

// These tests compare thousands of verdicts. The race detector would find
// nothing in them and take minutes.

package schema_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v5"
	"github.com/stretchr/testify/require"

	"cis/internal/testdata"
	"cis/schema"
)

// both are the original's schema and ours, or the same place in them, compiled
// with the same library as draft 4.
type both struct{ original, ours *jsonschema.Schema }

// compileBoth returns what compiles a place by the path of an attribute; "" is
// the whole schema.
func compileBoth(t *testing.T) func(path string) both {
	compiler := func(text []byte) func(path string) *jsonschema.Schema {
		c := jsonschema.NewCompiler()
		c.Draft = jsonschema.Draft4
		require.NoError(t, c.AddResource("profile", bytes.NewReader(text)))
		return func(path string) *jsonschema.Schema {
			s, err := c.Compile("profile#" + pointerTo(t, text, path))
			require.NoError(t, err)
			require.Same(t, jsonschema.Draft4, s.Draft)
			return s
		}
	}
	original, ours := compiler(testdata.Read(t, "profile.schema")), compiler(schema.ProfileSchema())
	return func(path string) both { return both{original(path), ours(path)} }
}

// pointerTo is where a schema tells of an attribute, behind its references.
func pointerTo(t *testing.T, text []byte, path string) string {
	root := decode(t, text).(map[string]any)
	at, pointer := root, ""
	enter := func(names ...string) {
		for _, name := range names {
			at, pointer = at[name].(map[string]any), pointer+"/"+name
		}
	}
	for name := range strings.SplitSeq(path, ".") {
		for at["$ref"] != nil {
			ref := strings.TrimPrefix(at["$ref"].(string), "#/")
			at, pointer = root, ""
			enter(strings.Split(ref, "/")...)
		}
		if name != "" {
			enter("properties", name)
		}
	}
	return pointer
}

// agree requires the same verdict of both and returns it.
func (b both) agree(t *testing.T, document any, what func() string) bool {
	want, got := b.original.Validate(document), b.ours.Validate(document)
	if (want == nil) != (got == nil) {
		t.Fatalf("%s:\nthe original says %v\nours says %v\n%s", what(), want, got, encode(t, document))
	}
	return want == nil
}

// mixed requires that neither verdict is a rare one.
func mixed(t *testing.T, verdicts map[bool]int) {
	t.Logf("valid %d, not valid %d", verdicts[true], verdicts[false])
	all := verdicts[true] + verdicts[false]
	require.Greater(t, verdicts[true], all/10)
	require.Greater(t, verdicts[false], all/10)
}

func TestSameVerdictOnEveryDataFile(t *testing.T) {
	t.Parallel()
	whole := compileBoth(t)("")
	verdicts := map[bool]int{}
	for where, document := range referenceProfiles(t) {
		valid := whole.agree(t, document, func() string { return where })
		verdicts[valid]++
		if text := encode(t, document); json.Valid(text) {
			require.Equal(t, valid, schema.Validate(text) == nil, where)
		}
	}
	mixed(t, verdicts)
}

// TestEveryAttributeAllowsTheSame takes each attribute through every
// classification with every display level with every kind of value.
func TestEveryAttributeAllowsTheSame(t *testing.T) {
	t.Parallel()
	classifications := []any{"PUBLIC", "MOZILLA CONFIDENTIAL", "WORKGROUP CONFIDENTIAL", "WORKGROUP CONFIDENTIAL: STAFF ONLY", "INDIVIDUAL CONFIDENTIAL", "public"}
	displays := []any{"public", "authenticated", "vouched", "ndaed", "staff", "private", nil, "PUBLIC"}
	values := []any{nil, "text", true, json.Number("1"), []any{"x"}, map[string]any{"a": nil, "b": "c"}}
	compile, combinations := compileBoth(t), 0
	for path, attribute := range attributes(fresh(t)) {
		part := compile(path)
		verdicts := map[bool]int{}
		metadata := attribute["metadata"].(map[string]any)
		for _, member := range []string{"value", "values"} {
			delete(attribute, "value")
			delete(attribute, "values")
			for _, attribute[member] = range values {
				for _, metadata["classification"] = range classifications {
					for _, metadata["display"] = range displays {
						verdicts[part.agree(t, attribute, func() string { return path })]++
					}
				}
			}
		}
		require.NotZero(t, verdicts[true], path)
		require.NotZero(t, verdicts[false], path)
		combinations += verdicts[true] + verdicts[false]
	}
	require.Equal(t, 53*2*len(values)*len(classifications)*len(displays), combinations)
}

// TestEveryMemberAllowsTheSame breaks each member of the profile and of its
// groups, and each member of an attribute at any depth, in each way.
func TestEveryMemberAllowsTheSame(t *testing.T) {
	t.Parallel()
	compile := compileBoth(t)
	profile := fresh(t)
	// breakAll judges document after each change of one member of an object in
	// it, and of the objects in that one down to a depth.
	var breakAll func(part both, document any, at string, object map[string]any, depth int)
	verdicts := map[bool]int{}
	breakAll = func(part both, document any, at string, object map[string]any, depth int) {
		compare := func(what ...any) {
			verdicts[part.agree(t, document, func() string { return at + fmt.Sprint(what...) })]++
		}
		object["nickname"] = nil
		compare(" with a nickname")
		delete(object, "nickname")
		for _, name := range slices.Sorted(maps.Keys(object)) {
			there := object[name]
			delete(object, name)
			compare("/", name, " deleted")
			for _, v := range []any{nil, "x", json.Number("1"), []any{}, map[string]any{}} {
				object[name] = v
				compare("/", name, " is ", v)
			}
			object[name] = there
			if inner, ok := there.(map[string]any); ok && depth > 0 {
				breakAll(part, document, at+"/"+name, inner, depth-1)
			}
		}
		require.True(t, part.agree(t, document, func() string { return at + " put together again" }))
	}
	whole := compile("")
	breakAll(whole, profile, "", profile, 0)
	for _, v := range []any{nil, "x", json.Number("1"), true, []any{}, []any{profile}} {
		require.False(t, whole.agree(t, v, func() string { return fmt.Sprint("a profile that is ", v) }))
	}
	for _, group := range []string{"identities", "access_information", "staff_information"} {
		members := profile[group].(map[string]any)
		breakAll(compile(group), members, "/"+group, members, 0)
	}
	for path, attribute := range attributes(profile) {
		breakAll(compile(path), attribute, path, attribute, 3)
	}
	t.Logf("valid %d, not valid %d", verdicts[true], verdicts[false])
	require.Greater(t, verdicts[true], 200) // most such changes break something
}
