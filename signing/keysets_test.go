package signing_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/stretchr/testify/require"

	"cis/signing"
)

// jwkOf returns a public key as JSON, with members changed or added.
func jwkOf(t *testing.T, key any, change map[string]any) json.RawMessage {
	public, err := jwk.PublicRawKeyOf(key)
	require.NoError(t, err)
	k, err := jwk.FromRaw(public)
	require.NoError(t, err)
	text, err := json.Marshal(k)
	require.NoError(t, err)
	members := map[string]any{}
	require.NoError(t, json.Unmarshal(text, &members))
	for name, value := range change {
		members[name] = value
	}
	text, err = json.Marshal(members)
	require.NoError(t, err)
	return text
}

func TestStaticKeySets(t *testing.T) {
	t.Run("what was added is found", func(t *testing.T) {
		sets := signing.StaticKeySets{}
		require.NoError(t, sets.Add("ldap", jwkOf(t, rsaKey(), nil), jwkOf(t, evilKey(), nil)))
		require.NoError(t, sets.Add("hris", jwkOf(t, ecdsaKey(), nil)))
		set, err := sets.KeySet(t.Context(), "ldap")
		require.NoError(t, err)
		require.Equal(t, 2, set.Len())
	})
	t.Run("sets add up, and the same key counts once", func(t *testing.T) {
		sets := signing.StaticKeySets{}
		require.NoError(t, sets.Add("ldap", jwkOf(t, rsaKey(), nil)))
		require.NoError(t, sets.Add("ldap", jwkOf(t, rsaKey(), map[string]any{"kid": "other name"}), jwkOf(t, evilKey(), nil)))
		set, err := sets.KeySet(t.Context(), "ldap")
		require.NoError(t, err)
		require.Equal(t, 2, set.Len())
	})
	t.Run("different keys may share a kid", func(t *testing.T) {
		sets := signing.StaticKeySets{}
		same := map[string]any{"kid": "LDAPKeyId"}
		require.NoError(t, sets.Add("ldap", jwkOf(t, rsaKey(), same), jwkOf(t, evilKey(), same)))
		v := signing.NewVerifier(sets)
		for _, key := range []string{"first", "second"} {
			k := rsaKey()
			if key == "second" {
				k = evilKey()
			}
			require.NoError(t, v.Verify(t.Context(), user, "last_name", signed(t, content, byLDAP(jws(header, content, rs256(k))))), key)
		}
	})
	t.Run("a publisher that is not there is unknown", func(t *testing.T) {
		_, err := signing.StaticKeySets{}.KeySet(t.Context(), "ldap")
		require.ErrorIs(t, err, signing.ErrUnknownPublisher)
	})
	t.Run("a certificate that is none does not matter", func(t *testing.T) {
		require.NoError(t, signing.StaticKeySets{}.Add("ldap", jwkOf(t, rsaKey(), map[string]any{"x5c": []string{"not a certificate"}, "x5t": 5, "x5u": "http://example.com"})))
	})
}

func TestKeysThatAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		key    string
		reason string
	}{
		"what is not JSON":               {`{`, "not a JSON Web Key"},
		"a string":                       {`"key"`, "not a JSON Web Key"},
		"an empty object":                {`{}`, ""},
		"a secret":                       {`{"kty":"oct","k":"c2VjcmV0"}`, ""},
		"a key of no known type":         {`{"kty":"XYZ"}`, ""},
		"an RSA key without a modulus":   {`{"kty":"RSA","e":"AQAB"}`, ""},
		"a modulus that is not base64":   {`{"kty":"RSA","e":"AQAB","n":"%%"}`, ""},
		"a curve other than P-256":       {string(jwkOf(t, must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader)), nil)), "curve P-384 is not supported"},
		"an RSA key for RS512":           {string(jwkOf(t, rsaKey(), map[string]any{"alg": "RS512"})), "only RS256 is supported"},
		"an RSA key for HMAC":            {string(jwkOf(t, rsaKey(), map[string]any{"alg": "HS256"})), "only RS256 is supported"},
		"an RSA key for encryption only": {string(jwkOf(t, rsaKey(), map[string]any{"use": "enc"})), "not for signatures"},
	} {
		t.Run(name, func(t *testing.T) {
			sets := signing.StaticKeySets{}
			err := sets.Add("ldap", jwkOf(t, evilKey(), nil), json.RawMessage(c.key))
			require.ErrorContains(t, err, "key 2 of publisher ldap")
			require.ErrorContains(t, err, c.reason)
			if set, ok := sets["ldap"]; ok {
				require.LessOrEqual(t, set.Len(), 1)
			}
		})
	}
	t.Run("the private half of a key is not kept", func(t *testing.T) {
		private, err := jwk.FromRaw(rsaKey())
		require.NoError(t, err)
		text, err := json.Marshal(private)
		require.NoError(t, err)
		require.Contains(t, string(text), `"d":`)
		sets := signing.StaticKeySets{}
		require.NoError(t, sets.Add("ldap", text))
		kept, err := json.Marshal(sets["ldap"])
		require.NoError(t, err)
		require.False(t, strings.Contains(string(kept), `"d":`), "no private exponent")
		key, _ := sets["ldap"].Key(0)
		require.Equal(t, "*jwk.rsaPublicKey", fmt.Sprintf("%T", key))
	})
}
