package schema_test

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"

	"cis/profile"
	"cis/schema"
)

// FuzzValidate judges any bytes, as they are and completed to a whole profile.
// What does not fit is told of briefly, in order, and with the places where it
// is.
func FuzzValidate(f *testing.F) {
	const head = `{"signature":{"publisher":{"alg":"RS256","typ":"JWS","name":"ldap","value":""},"additional":[{"alg":"RS256","typ":"JWS","name":null,"value":""}]},` +
		`"metadata":{"classification":"PUBLIC","last_modified":"2024-01-02T03:04:05.000Z","created":"2024-01-02T03:04:05.000Z","verified":true,"display":"public"},`
	for _, seed := range []string{
		`{}`, `{"schema":"s"}`, `{"schema":5,"a/b~c":1,"` + strings.Repeat("x", 300) + `":1}`,
		`{"first_name":` + head + `"value":"Ada"}}`,
		`{"first_name":` + head + `"value":5}}`,
		`{"access_information":{"ldap":` + head + `"values":{"vpn":null}}}}`,
		`{"identities":{"github_id_v3":` + strings.Replace(head, `"RS256"`, `"none"`, 2) + `"value":"1"}}}`,
		`{"tags":` + strings.Replace(head, `"public"`, `"friends"`, 1) + `"values":[[{"a":1,"b":2}]]}}`,
		`{"active":` + strings.Replace(head, "2024-01-02T", "2024-02-30 ", 1) + `"value":true,"values":{}},"staff_information":null}`,
		`{"a\nb":1,"user_id":{"value":{}},"usernames":{"signature":[],"metadata":1e999999999}}`,
		`{"a":1,"a":2}`, `{"a":"\ud83d"}`, `[]`, `null`, `{"a":`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		begun := time.Now()
		defer func() { require.Less(t, time.Since(begun), 10*time.Second) }()
		requireVerdict(t, text, schema.Validate)
		if p, err := profile.Parse(text); err == nil {
			said := profile.Said(p)
			requireVerdict(t, said.JSON(), schema.ValidatePartial)
			if schema.ValidatePartial(said.JSON()) == nil {
				merged, _ := profile.Merge(profile.Empty(), p)
				require.NoError(t, schema.Validate(merged.JSON()), "what is stored is valid")
			}
		}
	})
}

func requireVerdict(t *testing.T, text []byte, validate func([]byte) error) {
	err := validate(text)
	valid := jsontext.Value(text).IsValid()
	if err == nil {
		require.True(t, valid)
		return
	}
	invalid, ok := errors.AsType[*schema.Invalid](err)
	require.True(t, ok, "%v", err)
	require.Less(t, len(err.Error()), 5000)
	require.NotContains(t, err.Error(), "\n")
	require.NotEmpty(t, invalid.Problems)
	require.LessOrEqual(t, len(invalid.Problems), 20)
	require.GreaterOrEqual(t, invalid.Total, len(invalid.Problems))
	require.True(t, slices.IsSortedFunc(invalid.Problems, func(a, b schema.Problem) int { return strings.Compare(a.Pointer, b.Pointer) }))
	var document any
	if valid {
		document = decode(t, text)
	}
	for _, p := range invalid.Problems {
		require.NotEmpty(t, p.Message)
		require.Less(t, len(p.Pointer)+len(p.Message), 1000)
		require.Equal(t, !valid, p.Rule == "json", "%+v", p)
		if valid && !strings.HasSuffix(p.Pointer, "…") {
			require.Equal(t, p.Rule != "required", exists(document, p.Pointer), "%+v", p)
		}
	}
}

// exists tells whether there is anything where a JSON pointer points to.
func exists(value any, pointer string) bool {
	for _, token := range strings.Split(pointer, "/")[1:] {
		switch v := value.(type) {
		case map[string]any:
			member, ok := v[strings.NewReplacer("~1", "/", "~0", "~").Replace(token)]
			if !ok {
				return false
			}
			value = member
		case []any:
			i, err := strconv.Atoi(token)
			if err != nil || i >= len(v) {
				return false
			}
			value = v[i]
		default:
			return false
		}
	}
	return true
}
