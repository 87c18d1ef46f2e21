package profile_test

import (
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"

	"cis/profile"
)

func TestSignedContent(t *testing.T) {
	for name, c := range map[string]struct{ attribute, content string }{
		"the signature is left out, wherever it stands": {
			`{"metadata":{"a":1},"signature":{"x":{}},"value":"v"}`, `{"metadata":{"a":1},"value":"v"}`},
		"a signature inside of the value stays": {
			`{"values":{"signature":"s"},"signature":{}}`, `{"values":{"signature":"s"}}`},
		"members keep their order": {
			`{"value":"v","metadata":{"b":1,"a":2}}`, `{"value":"v","metadata":{"b":1,"a":2}}`},
		"there is no white space": {
			"{ \"metadata\" : { \"a\" : [ 1 , 2 ] } ,\n\"value\" : null }", `{"metadata":{"a":[1,2]},"value":null}`},
		"what is beyond ASCII is escaped, in lower case": {
			`{"value":"Zoë 北\u00E9"}`, `{"value":"Zo\u00eb \u5317\u00e9"}`},
		"what is beyond sixteen bits is a pair of surrogates": {
			`{"value":"🐛\uD840\uDC00"}`, `{"value":"\ud83d\udc1b\ud840\udc00"}`},
		"control characters have the short escapes where there are some": {
			`{"value":"\u0008\u0009\u000a\u000c\u000d\u0000\u001F\u000b"}`, `{"value":"\b\t\n\f\r\u0000\u001f\u000b"}`},
		"DEL is escaped as well, and a tilde is not": {
			"{\"value\":\"~\x7f\\u0080\\u0085\"}", `{"value":"~\u007f\u0080\u0085"}`},
		"quote and backslash are escaped, slash and HTML are not": {
			`{"value":"\u0022\u005c\/<>&'"}`, `{"value":"\"\\/<>&'"}`},
		"names are escaped as values are": {
			`{"values":{"é\t":1}}`, `{"values":{"\u00e9\t":1}}`},
		"numbers stay as they were written": {
			`{"values":[1.0,1e5,-0,123456789012345678901234567890,true,false,null]}`,
			`{"values":[1.0,1e5,-0,123456789012345678901234567890,true,false,null]}`},
		"empty lists and objects": {
			`{"values":{"a":{},"b":[],"c":[[],{}]}}`, `{"values":{"a":{},"b":[],"c":[[],{}]}}`},
		"nothing": {`{}`, `{}`},
	} {
		t.Run(name, func(t *testing.T) {
			content, err := one(t, c.attribute).SignedContent()
			require.NoError(t, err)
			require.Equal(t, c.content, string(content))
		})
	}
}

func TestAttributeReads(t *testing.T) {
	t.Run("signature and metadata", func(t *testing.T) {
		a := one(t, attr{by: "ldap", value: `"x"`, display: "staff", signature: "a.b.c"}.json())
		display := "staff"
		require.Equal(t, "ldap", a.Publisher())
		require.Equal(t, profile.Metadata{Classification: "PUBLIC", LastModified: "2024-01-02T03:04:05.000Z",
			Created: "2024-01-02T03:04:05.000Z", Verified: true, Display: &display}, a.Metadata())
		require.Equal(t, profile.Signature{
			Publisher:  profile.Signed{Alg: "RS256", Typ: "JWS", Name: "ldap", Value: "a.b.c"},
			Additional: []profile.Signed{{Alg: "RS256", Typ: "JWS"}},
		}, a.Signature())
	})
	t.Run("a member of the wrong type spoils no other", func(t *testing.T) {
		a := one(t, `{"metadata":{"classification":5,"verified":true,"created":[],"display":"staff"},"signature":{"additional":5,"publisher":{"name":"ldap"}}}`)
		require.Equal(t, "ldap", a.Publisher())
		require.True(t, a.Metadata().Verified)
		require.Equal(t, "staff", *a.Metadata().Display)
		require.Empty(t, a.Metadata().Classification)
	})
	t.Run("a signature of the wrong type is nobody's", func(t *testing.T) {
		for _, text := range []string{`{}`, `{"signature":null}`, `{"signature":[]}`, `{"signature":{"publisher":null}}`,
			`{"signature":{"publisher":{"name":"ldap","value":5}}}`, `{"signature":{"publisher":{"Name":"ldap"}}}`} {
			require.Empty(t, one(t, text).Publisher(), text)
		}
	})
	t.Run("a display level that is no string is not taken for null", func(t *testing.T) {
		for _, text := range []string{`5`, `["public"]`, `{}`, `true`} {
			require.NotNil(t, one(t, `{"metadata":{"display":`+text+`}}`).Metadata().Display, text)
		}
	})
	t.Run("an attribute is null when its value is null or absent", func(t *testing.T) {
		for text, null := range map[string]bool{
			`{}`: true, `{"value":null}`: true, `{"values":null}`: true, `{"value":"x","values":null}`: true,
			`{"value":""}`: false, `{"value":false}`: false, `{"value":0}`: false, `{"value":"null"}`: false,
			`{"values":{}}`: false, `{"values":[]}`: false, `{"value":null,"values":{}}`: false,
		} {
			require.Equal(t, null, one(t, text).IsNull(), text)
		}
	})
}

func TestAttributeChanges(t *testing.T) {
	const text = `{"extra":"\u00e9\/1.0","signature":{"additional":[{"name":"x\u002e"}],"publisher":{"name":"ldap","value":"a.b.c"}},` +
		`"metadata":{"display":"staff","x":1.0},"value":"\u0041"}`
	for name, c := range map[string]struct {
		change func(*profile.Attribute) (*profile.Attribute, error)
		want   string
	}{
		"another value leaves all else as it was written": {
			func(a *profile.Attribute) (*profile.Attribute, error) { return a.WithValue(jsontext.Value(`"new"`)) },
			`{"extra":"\u00e9\/1.0","signature":{"additional":[{"name":"x\u002e"}],"publisher":{"name":"ldap","value":"a.b.c"}},"metadata":{"display":"staff","x":1.0},"value":"new"}`},
		"other metadata": {
			func(a *profile.Attribute) (*profile.Attribute, error) {
				return a.WithMetadata(profile.Metadata{Classification: "PUBLIC", LastModified: "l", Created: "c", Verified: true})
			},
			`{"extra":"\u00e9\/1.0","signature":{"additional":[{"name":"x\u002e"}],"publisher":{"name":"ldap","value":"a.b.c"}},"metadata":{"classification":"PUBLIC","last_modified":"l","created":"c","verified":true,"display":null},"value":"\u0041"}`},
		"another signature leaves the additional ones": {
			func(a *profile.Attribute) (*profile.Attribute, error) {
				return a.WithSignature(profile.Signed{Alg: "RS256", Typ: "JWS", Name: "cis", Value: "d.e.f"})
			},
			`{"extra":"\u00e9\/1.0","signature":{"additional":[{"name":"x\u002e"}],"publisher":{"alg":"RS256","typ":"JWS","name":"cis","value":"d.e.f"}},"metadata":{"display":"staff","x":1.0},"value":"\u0041"}`},
	} {
		t.Run(name, func(t *testing.T) {
			a := one(t, text)
			changed, err := c.change(a)
			require.NoError(t, err)
			require.Equal(t, c.want, string(changed.JSON()))
			require.Equal(t, text, string(a.JSON()), "the attribute itself stays as it was")
		})
	}
	t.Run("an attribute with values gets values", func(t *testing.T) {
		a, err := one(t, `{"values":null}`).WithValue(jsontext.Value(`{"a":null}`))
		require.NoError(t, err)
		require.Equal(t, `{"values":{"a":null}}`, string(a.JSON()))
	})
	t.Run("a value that is not JSON is refused", func(t *testing.T) {
		for _, value := range []string{`x`, ``, `1 2`, `{"a":1,"a":2}`, "\"\xff\""} {
			_, err := one(t, text).WithValue(jsontext.Value(value))
			require.Error(t, err, value)
		}
	})
}

func TestEqualJSON(t *testing.T) {
	for name, c := range map[string]struct {
		a, b  string
		equal bool
	}{
		"the order of members does not matter":           {`{"a":1,"b":{"c":2,"d":3}}`, `{"b":{"d":3,"c":2},"a":1}`, true},
		"white space does not matter":                    {" { \"a\" : [ 1 ,\n2 ] } ", `{"a":[1,2]}`, true},
		"how a string is escaped does not matter":        {`"\u00e9\u002f\ud83d\udc1b"`, `"é\/🐛"`, true},
		"how a name is escaped does not matter":          {`{"\u0061":1}`, `{"a":1}`, true},
		"the order of a list matters":                    {`[1,2]`, `[2,1]`, false},
		"true is not one":                                {`true`, `1`, false},
		"false is not zero":                              {`false`, `0`, false},
		"true is not 1.0":                                {`true`, `1.0`, false},
		"an integer is not a float":                      {`31337`, `31337.0`, false},
		"a string is not what it spells":                 {`"null"`, `null`, false},
		"an empty object is not an empty list":           {`{}`, `[]`, false},
		"null is not absent":                             {`{"a":null}`, `{}`, false},
		"large integers are compared to the last digit":  {`123456789012345678901234567890`, `123456789012345678901234567891`, false},
		"decomposed is not composed":                     {`"e\u0308"`, `"\u00eb"`, false},
		"case matters":                                   {`{"A":1}`, `{"a":1}`, false},
		"what repeats a name equals nothing":             {`{"a":1,"a":1}`, `{"a":1,"a":1}`, false},
		"what is not JSON equals nothing":                {`x`, `x`, false},
		"nothing equals nothing else, not itself either": {``, ``, false},
		"two texts are not one":                          {`1 1`, `1 1`, false},
		"invalid UTF-8 equals nothing":                   {"\"\xff\"", "\"\xff\"", false},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.equal, profile.EqualJSON([]byte(c.a), []byte(c.b)))
			require.Equal(t, c.equal, profile.EqualJSON([]byte(c.b), []byte(c.a)))
		})
	}
	t.Run("deep nesting takes no longer than the same length without", func(t *testing.T) {
		nested := func(first, second string) []byte {
			return []byte(strings.Repeat(`{"`+first+`":1,"`+second+`":`, 9000) + `"` + strings.Repeat("x", 900_000) + `"` + strings.Repeat("}", 9000))
		}
		begun := time.Now()
		require.False(t, profile.EqualJSON(nested("b", "a"), nested("a", "b")))
		require.False(t, profile.EqualJSON(nested("b", "a"), nested("c", "a")))
		require.Less(t, time.Since(begun), 5*time.Second)
	})
	t.Run("its arguments stay as they were", func(t *testing.T) {
		a := []byte(`{"b":1, "a":"\u0041"}`)
		profile.EqualJSON(a, a)
		require.Equal(t, `{"b":1, "a":"\u0041"}`, string(a))
	})
}
