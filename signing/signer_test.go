package signing_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/stretchr/testify/require"

	"cis/profile"
	"cis/signing"
)

func TestSign(t *testing.T) {
	ldap := signer(t, "ldap", rsaKey())
	binding := signing.Binding{User: user, Attribute: "last_name"}

	t.Run("without a binding it signs as the original does", func(t *testing.T) {
		token, err := ldap.Sign([]byte(content), signing.Binding{})
		require.NoError(t, err)
		require.Equal(t, jws(`{"alg":"RS256","typ":"JWT"}`, content, rs256(rsaKey())), token)
	})
	t.Run("a binding is two header parameters more", func(t *testing.T) {
		token, err := ldap.Sign([]byte(content), binding)
		require.NoError(t, err)
		require.Equal(t, jws(`{"alg":"RS256","cis_attr":"last_name","cis_user":"ad|Mozilla-LDAP|ada","typ":"JWT"}`, content, rs256(rsaKey())), token)
	})
	t.Run("the same key and payload give the same bytes", func(t *testing.T) {
		first, err := ldap.Sign([]byte(content), binding)
		require.NoError(t, err)
		for range 5 {
			again, err := signer(t, "other", rsaKey()).Sign([]byte(content), binding)
			require.NoError(t, err)
			require.Equal(t, first, again)
		}
	})
	t.Run("every byte of the payload is signed as it is", func(t *testing.T) {
		payload := " {\n\"é\":1.0}\x00\xff"
		token, err := ldap.Sign([]byte(payload), signing.Binding{})
		require.NoError(t, err)
		require.Equal(t, encode([]byte(payload)), strings.Split(token, ".")[1])
	})
	t.Run("a key that fails is an error with the publisher's name", func(t *testing.T) {
		broken := errors.New("hardware on fire")
		_, err := signer(t, "ldap", failingKey{rsaKey(), broken}).Sign([]byte(content), binding)
		require.ErrorIs(t, err, broken)
		require.ErrorContains(t, err, "signing as ldap")
	})
}

// failingKey is a key whose signing fails.
type failingKey struct {
	crypto.Signer
	err error
}

func (k failingKey) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) { return nil, k.err }

// service is a key that is not in this process: all there is of it is the
// interface.
type service struct{ crypto.Signer }

func TestEachKindOfKeySigns(t *testing.T) {
	for name, c := range map[string]struct {
		key      crypto.Signer
		alg      string
		declared string
	}{
		"RSA":                      {rsaKey(), "RS256", "RS256"},
		"P-256":                    {ecdsaKey(), "ES256", "RS256"},
		"Ed25519":                  {ed25519Key(), "EdDSA", "ED25519"},
		"RSA in a key service":     {service{rsaKey()}, "RS256", "RS256"},
		"P-256 in a key service":   {service{ecdsaKey()}, "ES256", "RS256"},
		"Ed25519 in a key service": {service{ed25519Key()}, "EdDSA", "ED25519"},
	} {
		t.Run(name, func(t *testing.T) {
			s := signer(t, "ldap", c.key)
			a, err := s.Attribute(user, "last_name", signed(t, content, profile.Signed{Name: "mozilliansorg", Value: "old"}))
			require.NoError(t, err)
			block := a.Signature().Publisher
			require.Equal(t, profile.Signed{Alg: c.declared, Typ: "JWS", Name: "ldap", Value: block.Value}, block)
			require.Contains(t, string(must(decodeSegment(block.Value, 0))), `"alg":"`+c.alg+`"`)

			v := signing.NewVerifier(signing.StaticKeySets{"ldap": setOf(t, c.key)}, "ldap")
			require.NoError(t, v.Verify(t.Context(), user, "last_name", a))
			requireInvalid(t, v.Verify(t.Context(), user, "first_name", a), "made for the attribute")
			requireInvalid(t, signing.NewVerifier(signing.StaticKeySets{"ldap": setOf(t, evilKey())}).Verify(t.Context(), user, "last_name", a),
				"none of the publisher's keys")
		})
	}
}

func decodeSegment(token string, i int) ([]byte, error) {
	segment := strings.Split(token, ".")[i]
	var out []byte
	err := json.Unmarshal([]byte(`"`+strings.NewReplacer("-", "+", "_", "/").Replace(segment)+strings.Repeat("=", -len(segment)&3)+`"`), &out)
	return out, err
}

func TestBoundSignaturesAreReadByTheOldRule(t *testing.T) {
	token, err := signer(t, "ldap", rsaKey()).Sign([]byte(content), signing.Binding{User: user, Attribute: "last_name"})
	require.NoError(t, err)
	key, _ := setOf(t, rsaKey()).Key(0)
	text, err := json.Marshal(key)
	require.NoError(t, err)
	require.NoError(t, independent([]json.RawMessage{text}, signed(t, content, byLDAP(token))))
}

func TestKeysThatCannotSign(t *testing.T) {
	p384 := must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))
	_, err := signing.NewSigner("ldap", p384)
	require.ErrorContains(t, err, "signing key of ldap: curve P-384 is not supported, use P-256")
	_, err = signing.NewSigner("ldap", otherKey{})
	require.ErrorContains(t, err, "keys of type string are not supported")
}

type otherKey struct{ crypto.Signer }

func (otherKey) Public() crypto.PublicKey { return "a key" }

func TestSignProfile(t *testing.T) {
	text := `{"schema":"s","user_id":{"signature":{"additional":[{"x":1}]},"value":"ad|Mozilla-LDAP|ada"},"first_name":{"value":"Ada"},` +
		`"identities":{"github_id_v3":{"value":"7"}},"last_name":{"value":null}}`
	p, err := profile.Parse([]byte(text))
	require.NoError(t, err)
	s := signer(t, "ldap", rsaKey())
	v := signing.NewVerifier(signing.StaticKeySets{"ldap": setOf(t, rsaKey())}, "ldap")

	t.Run("the attributes at the paths, and no others", func(t *testing.T) {
		signed, err := s.Profile(p, "user_id", "identities.github_id_v3")
		require.NoError(t, err)
		for _, path := range []profile.Path{"user_id", "identities.github_id_v3"} {
			require.NoError(t, v.Verify(t.Context(), user, path, signed.Get(path)))
		}
		require.Same(t, p.Get("first_name"), signed.Get("first_name"))
		require.Contains(t, string(signed.JSON()), `"additional":[{"x":1}]`)
		require.Equal(t, text, string(p.JSON()), "the profile itself stays as it was")
	})
	t.Run("none where there is nothing to sign", func(t *testing.T) {
		for _, path := range []profile.Path{"last_name", "absent", "schema", "identities", "identities.absent"} {
			_, err := s.Profile(p, "first_name", path)
			require.ErrorContains(t, err, string(path)+": a null attribute cannot be signed")
		}
	})
}

func TestPublic(t *testing.T) {
	s := signer(t, "ldap", rsaKey())
	key, err := s.Public()
	require.NoError(t, err)
	text, err := json.Marshal(key)
	require.NoError(t, err)

	var members map[string]string
	require.NoError(t, json.Unmarshal(text, &members))
	require.Equal(t, "RSA", members["kty"])
	require.Equal(t, "RS256", members["alg"])
	require.Equal(t, "sig", members["use"])
	require.NotEmpty(t, members["kid"])
	require.Len(t, members, 6, "kty, alg, use, kid, n and e: nothing that is private")
	require.Equal(t, "ldap", s.Name())

	again, err := jwk.ParseKey(text)
	require.NoError(t, err)
	require.True(t, jwk.Equal(key, again))
}
