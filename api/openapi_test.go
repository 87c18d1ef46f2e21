package api

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/lestrrat-go/jwx/v2/jws"
	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	"github.com/santhosh-tekuri/jsonschema/v5"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/converter"
	"go.yaml.in/yaml/v3"

	"cis/profile"
	"cis/schema"
)

var noLog = slog.New(slog.NewTextHandler(io.Discard, nil))

// described is the OpenAPI document, as JSON is decoded.
func described(t *testing.T) map[string]any {
	var read, document map[string]any
	require.NoError(t, yaml.Unmarshal(openAPI, &read))
	text, err := json.Marshal(read)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &document))
	return document
}

// object is a member of an object, which must be one.
func object(t *testing.T, in any, name string) map[string]any {
	members, ok := in.(map[string]any)
	require.True(t, ok)
	member, ok := members[name].(map[string]any)
	require.True(t, ok, name)
	return member
}

// operations are the document's, as "GET /v2/users".
func operations(t *testing.T) map[string]map[string]any {
	found := map[string]map[string]any{}
	for path, item := range object(t, described(t), "paths") {
		for _, method := range []string{"get", "put", "post", "delete", "options", "head", "patch", "trace"} {
			if _, ok := item.(map[string]any)[method]; ok {
				found[strings.ToUpper(method)+" "+path] = object(t, item, method)
			}
		}
	}
	return found
}

func TestEveryRouteIsInTheDocumentAndTheOtherWayRound(t *testing.T) {
	gin.SetMode(gin.TestMode)
	router := newRouter(Options{AllowDelete: true, Codec: Codec{Payloads: converter.NewZlibCodec(converter.ZlibCodecOptions{})}, Tokens: newIssuer(t).tokens(time.Now), Logger: noLog})
	var routes []string
	for _, route := range router.Routes() {
		segments := strings.Split(route.Path, "/")
		for i, segment := range segments {
			if name, ok := strings.CutPrefix(segment, ":"); ok {
				segments[i] = "{" + name + "}"
			}
		}
		routes = append(routes, route.Method+" "+strings.Join(segments, "/"))
	}
	documented := slices.Collect(maps.Keys(operations(t)))
	for _, route := range routes {
		require.Contains(t, documented, route, "a route that is not in the document")
	}
	for _, operation := range documented {
		require.Contains(t, routes, operation, "an operation that has no route")
	}
}

func TestEveryOperationHasANameOfItsOwn(t *testing.T) {
	names := map[any]bool{}
	for operation, o := range operations(t) {
		require.NotEmpty(t, o["operationId"], operation)
		require.False(t, names[o["operationId"]], operation)
		names[o["operationId"]] = true
	}
}

func TestTheDocumentIsValid(t *testing.T) {
	document, err := libopenapi.NewDocument(openAPI)
	require.NoError(t, err)
	_, err = document.BuildV3Model()
	require.NoError(t, err)
	v, problems := validator.NewValidator(document)
	require.Empty(t, problems)
	_, violations := v.ValidateDocument()
	for _, violation := range violations {
		t.Error(violation)
	}
}

func TestEveryReferenceLeadsToAComponentAndEveryComponentIsUsed(t *testing.T) {
	document := described(t)
	used := map[string]bool{}
	walk("", document, func(at string, node map[string]any) {
		reference, ok := node["$ref"].(string)
		if !ok {
			return
		}
		pointer, local := strings.CutPrefix(reference, "#/")
		require.True(t, local, "%s is elsewhere", reference)
		var target any = document
		for _, name := range strings.Split(pointer, "/") {
			members, _ := target.(map[string]any)
			target = members[name]
			require.NotNil(t, target, "%s leads nowhere, in %s", reference, at)
		}
		used[strings.Join(strings.Split(pointer, "/")[:3], "/")] = true
	})
	for kind, components := range object(t, document, "components") {
		for name := range components.(map[string]any) {
			if kind != "securitySchemes" {
				require.True(t, used["components/"+kind+"/"+name], "%s %s is not used", kind, name)
			}
		}
	}
}

// walk calls f for every object of a JSON value, with its pointer.
func walk(at string, value any, f func(at string, node map[string]any)) {
	switch v := value.(type) {
	case map[string]any:
		f(at, v)
		for name, child := range v {
			walk(at+"/"+strings.NewReplacer("~", "~0", "/", "~1").Replace(name), child, f)
		}
	case []any:
		for i, child := range v {
			walk(fmt.Sprintf("%s/%d", at, i), child, f)
		}
	}
}

// schemas compiles what is at a pointer of the document.
func schemas(t *testing.T) func(pointer string) *jsonschema.Schema {
	text, err := json.Marshal(described(t))
	require.NoError(t, err)
	c := jsonschema.NewCompiler()
	c.Draft, c.AssertFormat, c.AssertContent = jsonschema.Draft2020, true, true
	require.NoError(t, c.AddResource("openapi.json", strings.NewReader(string(text))))
	return func(pointer string) *jsonschema.Schema {
		segments := strings.Split(pointer, "/")
		for i, segment := range segments {
			segments[i] = url.PathEscape(segment)
		}
		compiled, err := c.Compile("openapi.json#" + strings.Join(segments, "/"))
		require.NoError(t, err)
		return compiled
	}
}

func TestTheExamplesFitTheirSchemas(t *testing.T) {
	compile := schemas(t)
	checked := 0
	check := func(at string, node map[string]any) {
		if _, ok := node["schema"].(map[string]any); !ok {
			return
		}
		examples := map[string]any{}
		if example, ok := node["example"]; ok {
			examples["example"] = example
		}
		several, _ := node["examples"].(map[string]any)
		for name, example := range several {
			examples[name] = object(t, several, name)["value"]
			require.Contains(t, example, "value", at)
		}
		for name, example := range examples {
			require.NoError(t, compile(at+"/schema").Validate(example), "%s, %s", at, name)
			checked++
		}
	}
	walk("", described(t), check)
	require.Greater(t, checked, 40)
}

func TestTheSignedExamplesAreWhatWasSigned(t *testing.T) {
	checked := 0
	walk("", described(t), func(at string, node map[string]any) {
		_, signed := node["signature"].(map[string]any)
		_, valued := node["value"].(string)
		if !signed || !valued {
			return
		}
		text, err := json.Marshal(map[string]any{"user_id": node})
		require.NoError(t, err)
		parsed, err := profile.Parse(text)
		require.NoError(t, err)
		attribute := parsed.Get(profile.UserID)
		content, err := attribute.SignedContent()
		require.NoError(t, err)
		message, err := jws.ParseString(attribute.Signature().Publisher.Value)
		require.NoError(t, err, at)
		require.True(t, profile.EqualJSON(content, message.Payload()), "%s: %s", at, message.Payload())
		checked++
	})
	require.Equal(t, 6, checked)
}

func TestTheDocumentTellsEveryScope(t *testing.T) {
	text := object(t, described(t), "info")["description"].(string)
	for _, scope := range append(schema.Scopes(), ScopeWrite, ScopeOperate, ScopeSearch, ScopeDecode) {
		require.Contains(t, text, "`"+scope+"`")
	}
}

func TestTheDocumentNamesEverySearchParameter(t *testing.T) {
	var want, got []string
	for _, path := range profile.Searchable {
		want = append(want, string(path), "not_"+string(path))
	}
	search := operations(t)["GET /v2/users/id/all/by_attribute_contains"]
	for _, parameter := range search["parameters"].([]any) {
		if name, ok := parameter.(map[string]any)["name"].(string); ok && strings.Contains(name, ".") {
			got = append(got, name)
		}
	}
	require.ElementsMatch(t, want, got)
}

// Whatever one attribute of a profile has, the document says of it what the
// profile's own schema says.
func TestTheDocumentAndTheProfileSchemaAgree(t *testing.T) {
	document := schemas(t)("/components/schemas/Profile")
	for path := range profile.Empty().Attributes() {
		accepted, refused := 0, 0
		for edit, apply := range edits {
			whole, attribute := emptyWith(t, path)
			apply(attribute)
			text, err := json.Marshal(whole)
			require.NoError(t, err)
			ours, theirs := document.Validate(alone(path, attribute)), schema.Validate(text)
			require.Equal(t, theirs == nil, ours == nil, "%s with %s: the document says %v, the schema %v", path, edit, ours, theirs)
			if ours == nil {
				accepted++
			} else {
				refused++
			}
		}
		require.NotZero(t, accepted, path)
		require.NotZero(t, refused, path)
	}
}

// edits are what is tried with each attribute.
var edits = func() map[string]func(attribute map[string]any) {
	edits := map[string]func(map[string]any){}
	set := func(in func(map[string]any) map[string]any, name string, values ...any) {
		for _, value := range values {
			edits[fmt.Sprintf("%s %v", name, value)] = func(attribute map[string]any) { in(attribute)[name] = value }
		}
	}
	itself := func(attribute map[string]any) map[string]any { return attribute }
	metadata := func(attribute map[string]any) map[string]any { return attribute["metadata"].(map[string]any) }
	set(metadata, "display", "public", "authenticated", "vouched", "ndaed", "staff", "private", nil, "everyone")
	set(metadata, "classification", "PUBLIC", "MOZILLA CONFIDENTIAL", "WORKGROUP CONFIDENTIAL",
		"WORKGROUP CONFIDENTIAL: STAFF ONLY", "INDIVIDUAL CONFIDENTIAL", "SECRET", nil)
	set(metadata, "created", "2026-11-24T07:48:48.267Z", "yesterday", nil)
	set(metadata, "verified", false, 1.0)
	set(metadata, "more", true)
	for _, name := range []string{"value", "values"} {
		set(itself, name, nil, "x", true, 7.0, map[string]any{"x": nil}, []any{})
	}
	for _, name := range []string{"signature", "metadata", "value", "values"} {
		edits["no "+name] = func(attribute map[string]any) { delete(attribute, name) }
	}
	return edits
}()

// emptyWith is the empty profile, decoded, and one of its attributes.
func emptyWith(t *testing.T, path profile.Path) (whole, attribute map[string]any) {
	require.NoError(t, json.Unmarshal(profile.Empty().JSON(), &whole))
	in := whole
	if path.Group() != "" {
		in = object(t, whole, path.Group())
	}
	return whole, object(t, in, path.Name())
}

// alone is a profile of which only one attribute is shown.
func alone(path profile.Path, attribute map[string]any) map[string]any {
	groups := map[string]any{"identities": map[string]any{}, "access_information": map[string]any{}, "staff_information": map[string]any{}}
	shown := map[string]any{"schema": "x"}
	maps.Copy(shown, groups)
	if path.Group() == "" {
		shown[path.Name()] = attribute
	} else {
		shown[path.Group()] = map[string]any{path.Name(): attribute}
	}
	return shown
}

func TestAPublisherMaySayNothingOfAnAttributeInAnyWay(t *testing.T) {
	submitted := schemas(t)("/components/schemas/SubmittedProfile")
	for path := range profile.Empty().Attributes() {
		whole, attribute := emptyWith(t, path)
		metadata := attribute["metadata"].(map[string]any)
		metadata["display"], metadata["classification"] = "everyone", 7.0
		require.NoError(t, submitted.Validate(whole), path)
		clear(attribute)
		require.NoError(t, submitted.Validate(whole), path)
		attribute["value"], attribute["values"] = "x", "x"
		require.Error(t, submitted.Validate(whole), path)
		require.NoError(t, submitted.Validate(map[string]any{strings.Split(string(path), ".")[0]: nil}), path)
	}
	require.NoError(t, submitted.Validate(map[string]any{}))
	require.Error(t, submitted.Validate(map[string]any{"nickname": nil}))
}
