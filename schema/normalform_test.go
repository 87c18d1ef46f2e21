package schema_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"cis/internal/testdata"
	"cis/schema"
)

// Two schemas with the same normal form give every document the same verdict:
// it holds all that a verdict depends on, and nothing of how it is put.
func TestOurSchemaAndTheOriginalsHaveTheSameNormalForm(t *testing.T) {
	require.Equal(t, normalForm(t, testdata.Read(t, "profile.schema")), normalForm(t, schema.ProfileSchema()))
}

func TestNormalFormsDifferWhereVerdictsDo(t *testing.T) {
	for name, test := range map[string]struct {
		a, b string
		same bool
	}{
		"words mean nothing":                        {`{"type":"string"}`, `{"type":"string","title":"x","description":"y","$comment":"z","default":1}`, true},
		"a reference is what it refers to":          {`{"$ref":"#/definitions/a","type":"null","definitions":{"a":{"type":"string"}}}`, `{"type":"string"}`, true},
		"all of several is their intersection":      {`{"allOf":[{"enum":["a","b"]},{"enum":["b","c"]}]}`, `{"enum":["b"]}`, true},
		"an enum says its types":                    {`{"type":["string","null"],"enum":["a",null]}`, `{"enum":[null,"a"]}`, true},
		"a type takes values off an enum":           {`{"type":"string","enum":["a",null]}`, `{"enum":["a",null]}`, false},
		"types are a set":                           {`{"type":["string","null"]}`, `{"type":["null","string"]}`, true},
		"one type more":                             {`{"type":["string","null"]}`, `{"type":"string"}`, false},
		"open is not closed":                        {`{"type":"object","properties":{"a":{}}}`, `{"type":"object","properties":{"a":{}},"additionalProperties":false}`, false},
		"one member more in a closed object":        {`{"properties":{"a":{}},"additionalProperties":false}`, `{"properties":{"a":{},"b":{}},"additionalProperties":false}`, false},
		"a member that a closed object cannot have": {`{"additionalProperties":false,"allOf":[{"properties":{"a":{"type":"null"}}}]}`, `{"additionalProperties":false}`, true},
		"a rule deep down":                          {`{"properties":{"a":{"properties":{"b":{"enum":["x"]}}}}}`, `{"properties":{"a":{"properties":{"b":{"enum":["y"]}}}}}`, false},
		"required or not":                           {`{"required":["a"]}`, `{}`, false},
		"a format":                                  {`{"type":"string","format":"date-time"}`, `{"type":"string"}`, false},
		"the items of an array":                     {`{"items":{"type":"string"}}`, `{"items":{"type":"null"}}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := normalForm(t, []byte(test.a)), normalForm(t, []byte(test.b))
			require.Equal(t, test.same, a == b, "%s\n%s", a, b)
		})
	}
}

// normalForm resolves references, merges all of allOf, drops words and what is
// implied. It knows the keywords that the two schemas use and fails on others.
func normalForm(t *testing.T, text []byte) string {
	root := decode(t, text)
	form, err := json.MarshalIndent(normaliser{t, root}.normal([]any{root}), "", " ")
	require.NoError(t, err)
	return string(form)
}

type normaliser struct {
	t    *testing.T
	root any
}

// shape gathers what several schemas ask of one value together. What is nil is
// not asked.
type shape struct {
	types, enum, closed []any
	required, format    []string
	members             map[string][]any // schemas of each member
	items               []any            // schemas of every item
}

func (n normaliser) normal(schemas []any) map[string]any {
	s := shape{members: map[string][]any{}}
	for _, schema := range schemas {
		n.gather(&s, schema.(map[string]any))
	}
	form := map[string]any{}
	if s.enum != nil {
		s.enum = slices.DeleteFunc(s.enum, func(v any) bool { return s.types != nil && !slices.Contains(s.types, any(typeOf(n.t, v))) })
		s.types = nil
		for _, v := range s.enum {
			if kind := any(typeOf(n.t, v)); !slices.Contains(s.types, kind) {
				s.types = append(s.types, kind)
			}
		}
		form["enum"] = sorted(n.t, s.enum)
	} else if s.types != nil {
		form["type"] = sorted(n.t, s.types)
	}
	may := func(kind string) bool { return s.types == nil || slices.Contains(s.types, any(kind)) }
	if may("string") && s.format != nil {
		slices.Sort(s.format)
		form["format"] = slices.Compact(s.format)
	}
	if may("array") && s.items != nil {
		form["items"] = n.normal(s.items)
	}
	if !may("object") {
		return form
	}
	members := map[string]any{}
	for name, schemas := range s.members {
		member := n.normal(schemas)
		if s.closed != nil && !slices.Contains(s.closed, any(name)) || s.closed == nil && len(member) == 0 {
			continue // cannot be there, or may be anything
		}
		members[name] = member
	}
	if s.closed != nil {
		form["members"], form["closed"] = members, true
	} else if len(members) > 0 {
		form["members"] = members
	}
	if s.required != nil {
		slices.Sort(s.required)
		form["required"] = slices.Compact(s.required)
	}
	return form
}

func (n normaliser) gather(s *shape, schema map[string]any) {
	if ref, ok := schema["$ref"].(string); ok {
		n.gather(s, n.resolve(ref)) // in draft 4 nothing beside $ref counts
		return
	}
	for keyword, value := range schema {
		switch keyword {
		case "$schema", "$comment", "title", "description", "default", "definitions":
		case "type":
			s.types = intersect(s.types, several(value))
		case "enum":
			s.enum = intersect(s.enum, value.([]any))
		case "format":
			s.format = append(s.format, value.(string))
		case "required":
			for _, name := range value.([]any) {
				s.required = append(s.required, name.(string))
			}
		case "properties":
			for name, member := range value.(map[string]any) {
				s.members[name] = append(s.members[name], member)
			}
		case "items":
			s.items = append(s.items, value.(map[string]any))
		case "allOf":
			for _, part := range value.([]any) {
				n.gather(s, part.(map[string]any))
			}
		case "additionalProperties":
			if open, ok := value.(bool); !ok {
				n.t.Fatalf("additionalProperties is a schema")
			} else if !open {
				known, _ := schema["properties"].(map[string]any)
				names := []any{}
				for _, name := range slices.Sorted(maps.Keys(known)) {
					names = append(names, name)
				}
				s.closed = intersect(s.closed, names)
			}
		default:
			n.t.Fatalf("no normal form for the keyword %s", keyword)
		}
	}
}

func (n normaliser) resolve(ref string) map[string]any {
	pointer, ok := strings.CutPrefix(ref, "#/")
	require.True(n.t, ok, ref)
	v := n.root
	for name := range strings.SplitSeq(pointer, "/") {
		v = v.(map[string]any)[name]
	}
	return v.(map[string]any)
}

func several(v any) []any {
	if list, ok := v.([]any); ok {
		return list
	}
	return []any{v}
}

// intersect returns what is in both, where a nil a is everything.
func intersect(a, b []any) []any {
	if a == nil {
		return slices.Clone(b)
	}
	return slices.DeleteFunc(slices.Clone(a), func(v any) bool { return !slices.Contains(b, v) })
}

func sorted(t *testing.T, values []any) []string {
	words := make([]string, len(values))
	for i, v := range values {
		words[i] = string(encode(t, v))
	}
	slices.Sort(words)
	return words
}

func typeOf(t *testing.T, v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case string:
		return "string"
	}
	t.Fatalf("no type for an enum's %T", v)
	return ""
}
