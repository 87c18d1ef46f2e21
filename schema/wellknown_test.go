package schema_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"cis/internal/testdata"
	"cis/schema"
)

func compact(t *testing.T, text []byte) string {
	var out bytes.Buffer
	require.NoError(t, json.Compact(&out, text))
	return out.String()
}

func TestADeploymentsDocumentHasAllThatClientsRead(t *testing.T) {
	made := schema.NewWellKnown(schema.Params{
		BaseURL: "https://cis.example.org/", PersonURL: "https://person.example.org", IssuerURL: "https://auth.example.org/",
		Audience: "api.example.org", AccessFileURL: "https://cdn.example.org/apps.yml?a=1&b={base}",
		Scopes: []string{"write", "operate"},
		PublisherKeys: map[string][]json.RawMessage{
			"cis": {json.RawMessage(`{"kty":"OKP","x":"a+b/c="}`)}, "ldap": nil, "another": {}, "mozilliansorg": {json.RawMessage(`{}`), json.RawMessage(`{"kid":"2"}`)},
		},
	})
	text := compact(t, made.JSON())
	scopes := string(encode(t, append(schema.Scopes(), "operate")))
	require.Equal(t, `{"oidc_discovery_uri":"https://auth.example.org/.well-known/openid-configuration",`+
		`"access_file":{"endpoint":"https://cdn.example.org/apps.yml?a=1&b={base}","aai_mapping":{"LOW":["NO_RECENT_AUTH_FAIL","AUTH_RATE_NORMAL"],`+
		`"MEDIUM":["2FA","HAS_KNOWN_BROWSER_KEY","HIGH_ASSURANCE_IDP"],"HIGH":["GEOLOC_NEAR","SAME_IP_RANGE"],"MAXIMUM":["KEY_AUTH"]},"jwks":{"keys":[]}},`+
		`"api":{"endpoints":{"change":"https://cis.example.org","person":"https://person.example.org"},"audience":"api.example.org",`+
		`"profile_schema_uri":"https://cis.example.org/.well-known/profile.schema","scopes_supported":`+scopes+`,`+
		`"publishers_rules_uri":"https://cis.example.org/.well-known/mozilla-iam-publisher-rules",`+
		`"publishers_jwks":{"mozilliansorg":{"keys":[{},{"kid":"2"}]},"ldap":{"keys":[]},"cis":{"keys":[{"kty":"OKP","x":"a+b/c="}]},"another":{"keys":[]}}}}`, text)
	read, err := schema.ParseWellKnown(made.JSON())
	require.NoError(t, err)
	require.Equal(t, text, compact(t, read.JSON()))
}

// The first of two deployments must not see what the second was given.
func TestDocumentsOfTwoDeploymentsAreApart(t *testing.T) {
	key := []json.RawMessage{json.RawMessage(`{}`)}
	one := schema.NewWellKnown(schema.Params{Scopes: []string{"one"}, PublisherKeys: map[string][]json.RawMessage{"ldap": key}})
	schema.NewWellKnown(schema.Params{Scopes: []string{"two"}, PublisherKeys: map[string][]json.RawMessage{"hris": key}})
	require.NotContains(t, string(one.JSON()), "two")
	require.NotContains(t, one.API.PublishersJWKS, "hris")
}

func TestUnknownMembersOfADocumentArePassedOver(t *testing.T) {
	w, err := schema.ParseWellKnown([]byte(`{"new":1,"api":{"newer":{},"publishers_jwks":{"ldap":{"keys":[{"kid":"1"}],"x":0}}},"access_file":{"jwks":{"keys":{"kid":"2"}}}}`))
	require.NoError(t, err)
	require.JSONEq(t, `{"kid":"1"}`, string(w.API.PublishersJWKS["ldap"].Keys[0]))
	require.JSONEq(t, `{"keys":{"kid":"2"}}`, string(w.AccessFile.JWKS))
}

func TestOtherDocumentsAreRefused(t *testing.T) {
	for _, text := range []string{``, `null`, `[]`, `{}`, `{"api":{"publishers_jwks":{}}}`, `{"api":{"publishers_jwks":{"ldap":{"keys":[]}}}}`, `{"keys":[{}]}`} {
		_, err := schema.ParseWellKnown([]byte(text))
		require.ErrorContains(t, err, "well-known document: ", text)
	}
}

func TestTheOriginalsDocumentsComeBackAsTheyWere(t *testing.T) {
	text := testdata.Read(t, testdata.WellKnownDev)
	w, err := schema.ParseWellKnown(text)
	require.NoError(t, err)
	require.Equal(t, compact(t, text), compact(t, w.JSON()), "in the same order, too")

	for _, name := range []string{testdata.WellKnownBuiltin, testdata.WellKnownInterop, testdata.WellKnownGolden} {
		text := testdata.Read(t, name)
		w, err := schema.ParseWellKnown(text)
		require.NoError(t, err, name)
		// The one built into the original names the schema by another member,
		// which is passed over.
		read, written := decode(t, text), decode(t, w.JSON())
		delete(object(read, "api"), "profile_schema_combined_uri")
		delete(object(written, "api"), "profile_schema_uri")
		require.Equal(t, read, written, name)
	}
}
