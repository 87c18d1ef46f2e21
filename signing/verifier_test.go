package signing_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/stretchr/testify/require"

	"cis/profile"
	"cis/signing"
)

func TestVerify(t *testing.T) {
	good := jws(header, content, rs256(rsaKey()))
	segment := strings.Split(good, ".")
	hs256 := func(key []byte) func([]byte) []byte {
		return func(input []byte) []byte {
			h := hmac.New(sha256.New, key)
			h.Write(input)
			return h.Sum(nil)
		}
	}
	der := must(x509.MarshalPKIXPublicKey(rsaKey().Public()))
	publicPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	ps256 := func(input []byte) []byte {
		digest := sha256.Sum256(input)
		return must(rsa.SignPSS(rand.Reader, rsaKey(), crypto.SHA256, digest[:], nil))
	}
	es256 := func(input []byte) []byte {
		digest := sha256.Sum256(input)
		r, s, err := ecdsa.Sign(rand.Reader, ecdsaKey(), digest[:])
		require.NoError(t, err)
		return append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	}
	eddsa := func(input []byte) []byte { return must(ed25519Key().Sign(nil, input, crypto.Hash(0))) }
	none := func([]byte) []byte { return nil }
	flipped := func(input []byte) []byte {
		sig := rs256(rsaKey())(input)
		sig[100] ^= 1
		return sig
	}
	bound := func(members string) string {
		return jws(`{"alg":"RS256",`+members+`"typ":"JWT"}`, content, rs256(rsaKey()))
	}
	// with returns the good block with one thing changed.
	with := func(change func(*profile.Signed)) profile.Signed {
		s := byLDAP(good)
		change(&s)
		return s
	}

	const refusedKey, refusedShape, refusedBase64, refusedHeader, refusedContent, refusedAlg = "none of the publisher's keys", "three segments",
		"not base64url", "not a JSON object of header parameters", "other content", "it is declared as"
	for name, c := range map[string]struct {
		signature profile.Signed
		refused   string // why; empty where it verifies
	}{
		"as the original signs":                         {byLDAP(good), ""},
		"as the original signed once, typ first":        {byLDAP(jws(`{"typ":"JWT","alg":"RS256"}`, content, rs256(rsaKey()))), ""},
		"a header with white space and another typ":     {byLDAP(jws(" {\n\"typ\" : \"JOSE\", \"alg\":\"RS256\" } ", content, rs256(rsaKey()))), ""},
		"a header with a kid that no key has":           {byLDAP(jws(`{"alg":"RS256","kid":"x"}`, content, rs256(rsaKey()))), ""},
		"a payload with white space":                    {byLDAP(jws(header, strings.ReplaceAll(content, ",", " ,\n"), rs256(rsaKey()))), ""},
		"a payload with escapes":                        {byLDAP(jws(header, strings.ReplaceAll(content, "Lovelace", `\u004covelace`), rs256(rsaKey()))), ""},
		"declared as RSA":                               {with(func(s *profile.Signed) { s.Alg = "RSA" }), ""},
		"an Ed25519 key":                                {profile.Signed{Alg: "ED25519", Typ: "JWS", Name: "mozilliansorg", Value: jws(`{"alg":"EdDSA"}`, content, eddsa)}, ""},
		"a P-256 key":                                   {profile.Signed{Alg: "RS256", Typ: "JWS", Name: "hris", Value: jws(`{"alg":"ES256"}`, content, es256)}, ""},
		"bound to this person and attribute":            {byLDAP(bound(`"cis_user":"ad|Mozilla-LDAP|ada","cis_attr":"last_name",`)), ""},
		"bound to another person":                       {byLDAP(bound(`"cis_user":"ad|Mozilla-LDAP|eve","cis_attr":"last_name",`)), "made for another person"},
		"bound to another attribute":                    {byLDAP(bound(`"cis_user":"ad|Mozilla-LDAP|ada","cis_attr":"first_name",`)), `made for the attribute "first_name"`},
		"bound to a person alone":                       {byLDAP(bound(`"cis_user":"ad|Mozilla-LDAP|ada",`)), `made for the attribute ""`},
		"bound to an attribute alone":                   {byLDAP(bound(`"cis_attr":"last_name",`)), "made for another person"},
		"bound to nobody":                               {byLDAP(bound(`"cis_user":"","cis_attr":"",`)), "made for another person"},
		"bound by a number":                             {byLDAP(bound(`"cis_user":5,"cis_attr":"last_name",`)), refusedHeader},
		"bound twice":                                   {byLDAP(bound(`"cis_user":"eve","cis_attr":"last_name","cis_user":"ad|Mozilla-LDAP|ada",`)), refusedHeader},
		"another publisher's key":                       {with(func(s *profile.Signed) { s.Name = "hris" }), refusedKey},
		"a key that is nobody's":                        {byLDAP(jws(header, content, rs256(evilKey()))), refusedKey},
		"a publisher that does not exist":               {with(func(s *profile.Signed) { s.Name = "nobody" }), "no such publisher"},
		"a publisher without a name":                    {with(func(s *profile.Signed) { s.Name = "" }), "no such publisher"},
		"a publisher in another case":                   {with(func(s *profile.Signed) { s.Name = "LDAP" }), "no such publisher"},
		"another value signed":                          {byLDAP(jws(header, strings.ReplaceAll(content, "Lovelace", "King"), rs256(rsaKey()))), refusedContent},
		"another display level signed":                  {byLDAP(jws(header, strings.ReplaceAll(content, `"display":null`, `"display":"public"`), rs256(rsaKey()))), refusedContent},
		"1 signed for true":                             {byLDAP(jws(header, strings.ReplaceAll(content, "true", "1"), rs256(rsaKey()))), refusedContent},
		"a member more signed":                          {byLDAP(jws(header, strings.Replace(content, "{", `{"extra":1,`, 1), rs256(rsaKey()))), refusedContent},
		"a member repeated in what is signed":           {byLDAP(jws(header, strings.Replace(content, "{", `{"value":"King",`, 1), rs256(rsaKey()))), refusedContent},
		"null signed":                                   {byLDAP(jws(header, `null`, rs256(rsaKey()))), refusedContent},
		"nothing signed":                                {byLDAP(jws(header, ``, rs256(rsaKey()))), refusedContent},
		"what is not JSON signed":                       {byLDAP(jws(header, `Lovelace`, rs256(rsaKey()))), refusedContent},
		"a bit of the signature flipped":                {byLDAP(jws(header, content, flipped)), refusedKey},
		"no signature bytes":                            {byLDAP(segment[0] + "." + segment[1] + "."), refusedKey},
		"the payload replaced and the signature kept":   {byLDAP(segment[0] + "." + encode([]byte(content+" ")) + "." + segment[2]), refusedKey},
		"the header replaced and the signature kept":    {byLDAP(encode([]byte(header+" ")) + "." + segment[1] + "." + segment[2]), refusedKey},
		"no signature at all":                           {byLDAP(""), refusedShape},
		"two segments":                                  {byLDAP(segment[0] + "." + segment[1]), refusedShape},
		"four segments":                                 {byLDAP(good + ".x"), refusedShape},
		"JSON serialisation":                            {byLDAP(fmt.Sprintf(`{"protected":%q,"payload":%q,"signature":%q}`, segment[0], segment[1], segment[2])), refusedShape},
		"a line break at the end":                       {byLDAP(good + "\n"), refusedBase64},
		"a line break within":                           {byLDAP(good[:len(good)-8] + "\r\n" + good[len(good)-8:]), refusedBase64},
		"padding":                                       {byLDAP(good + "="), refusedBase64},
		"the standard alphabet":                         {byLDAP(segment[0] + "." + segment[1] + "." + base64.RawStdEncoding.EncodeToString([]byte{0xfb, 0xff, 0xfe})), refusedBase64},
		"bits left over in the last character":          {byLDAP(good[:len(good)-1] + next(good[len(good)-1])), refusedBase64},
		"alg none":                                      {byLDAP(jws(`{"alg":"none"}`, content, none)), refusedAlg},
		"alg none, declared so":                         {profile.Signed{Alg: "none", Typ: "JWS", Name: "ldap", Value: jws(`{"alg":"none"}`, content, none)}, refusedAlg},
		"alg none in other letters":                     {byLDAP(jws(`{"alg":"nOnE"}`, content, none)), refusedAlg},
		"alg none with a good signature":                {byLDAP(jws(`{"alg":"none"}`, content, rs256(rsaKey()))), refusedAlg},
		"HS256 with the public key in PEM":              {byLDAP(jws(`{"alg":"HS256"}`, content, hs256(publicPEM))), refusedAlg},
		"HS256 with the public key in PEM, declared so": {profile.Signed{Alg: "HS256", Typ: "JWS", Name: "ldap", Value: jws(`{"alg":"HS256"}`, content, hs256(publicPEM))}, refusedAlg},
		"HS256 with the public key in DER, declared so": {profile.Signed{Alg: "HS256", Typ: "JWS", Name: "ldap", Value: jws(`{"alg":"HS256"}`, content, hs256(der))}, refusedAlg},
		"HS256 with the modulus, declared so":           {profile.Signed{Alg: "HS256", Typ: "JWS", Name: "ldap", Value: jws(`{"alg":"HS256"}`, content, hs256(rsaKey().N.Bytes()))}, refusedAlg},
		"an HMAC said to be RS256":                      {byLDAP(jws(header, content, hs256(publicPEM))), refusedKey},
		"a valid RS512":                                 {byLDAP(jws(`{"alg":"RS512"}`, content, pkcs1(rsaKey(), crypto.SHA512))), refusedAlg},
		"a valid RS512, declared so":                    {profile.Signed{Alg: "RS512", Typ: "JWS", Name: "ldap", Value: jws(`{"alg":"RS512"}`, content, pkcs1(rsaKey(), crypto.SHA512))}, refusedAlg},
		"a valid PS256":                                 {byLDAP(jws(`{"alg":"PS256"}`, content, ps256)), refusedAlg},
		"a PS256 said to be RS256":                      {byLDAP(jws(header, content, ps256)), refusedKey},
		"an RS512 said to be RS256":                     {byLDAP(jws(header, content, pkcs1(rsaKey(), crypto.SHA512))), refusedKey},
		"RS256 said to be ES256":                        {byLDAP(jws(`{"alg":"ES256"}`, content, rs256(rsaKey()))), refusedKey},
		"RS256 said to be EdDSA":                        {profile.Signed{Alg: "ED25519", Typ: "JWS", Name: "ldap", Value: jws(`{"alg":"EdDSA"}`, content, rs256(rsaKey()))}, refusedKey},
		"RS256 declared as ED25519":                     {with(func(s *profile.Signed) { s.Alg = "ED25519" }), refusedAlg},
		"RS256 declared as HS256":                       {with(func(s *profile.Signed) { s.Alg = "HS256" }), refusedAlg},
		"RS256 declared as nothing":                     {with(func(s *profile.Signed) { s.Alg = "" }), refusedAlg},
		"ES256 declared as RSA":                         {profile.Signed{Alg: "RSA", Typ: "JWS", Name: "hris", Value: jws(`{"alg":"ES256"}`, content, es256)}, refusedAlg},
		"a PGP signature":                               {with(func(s *profile.Signed) { s.Typ = "PGP" }), refusedAlg},
		"a type that is none":                           {with(func(s *profile.Signed) { s.Typ = "jws" }), refusedAlg},
		"a header without alg":                          {byLDAP(jws(`{"typ":"JWT"}`, content, rs256(rsaKey()))), refusedAlg},
		"a header with alg in other letters":            {byLDAP(jws(`{"Alg":"RS256"}`, content, rs256(rsaKey()))), refusedAlg},
		"a header with alg twice":                       {byLDAP(jws(`{"alg":"RS256","alg":"RS256"}`, content, rs256(rsaKey()))), refusedHeader},
		"a header with alg as a list":                   {byLDAP(jws(`{"alg":["RS256"]}`, content, rs256(rsaKey()))), refusedHeader},
		"a header that is null":                         {byLDAP(jws(`null`, content, rs256(rsaKey()))), refusedAlg},
		"a header that is a list":                       {byLDAP(jws(`["RS256"]`, content, rs256(rsaKey()))), refusedHeader},
		"a header that is not JSON":                     {byLDAP(jws(`alg=RS256`, content, rs256(rsaKey()))), refusedHeader},
		"a header that is empty":                        {byLDAP("." + segment[1] + "." + segment[2]), refusedHeader},
		"a critical extension":                          {byLDAP(jws(`{"alg":"RS256","crit":["exp"],"exp":1}`, content, rs256(rsaKey()))), "critical extensions"},
		"no critical extension, said to be critical":    {byLDAP(jws(`{"alg":"RS256","crit":[]}`, content, rs256(rsaKey()))), "critical extensions"},
		"critical extensions that are null":             {byLDAP(jws(`{"alg":"RS256","crit":null}`, content, rs256(rsaKey()))), "critical extensions"},
		"an unencoded payload, as a critical extension": {byLDAP(jws(`{"alg":"RS256","b64":false,"crit":["b64"]}`, content, rs256(rsaKey()))), "critical extensions"},
	} {
		t.Run(name, func(t *testing.T) {
			v := signing.NewVerifier(signing.StaticKeySets{
				"ldap": setOf(t, rsaKey()), "hris": setOf(t, ecdsaKey()), "mozilliansorg": setOf(t, ed25519Key()), "cis": jwk.NewSet(),
			})
			a := signed(t, content, c.signature)
			for range 2 { // the second time from memory
				err := v.Verify(t.Context(), user, "last_name", a)
				if c.refused == "" {
					require.NoError(t, err)
					continue
				}
				requireInvalid(t, err, c.refused)
			}
		})
	}
}

// next returns the base64url character with the next value.
func next(c byte) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	i := (strings.IndexByte(alphabet, c) + 1) % len(alphabet)
	return alphabet[i : i+1]
}

func TestVerifyRefusesWhatHasNoContent(t *testing.T) {
	v := signing.NewVerifier(signing.StaticKeySets{"ldap": setOf(t, rsaKey())})
	for name, c := range map[string]string{
		"a value that is null":     `{"metadata":{},"value":null}`,
		"values that are null":     `{"metadata":{},"values":null}`,
		"an attribute of no value": `{"metadata":{}}`,
	} {
		t.Run(name, func(t *testing.T) {
			a := signed(t, c, byLDAP(jws(header, c, rs256(rsaKey()))))
			requireInvalid(t, v.Verify(t.Context(), user, "last_name", a), "null")
		})
	}
	t.Run("an attribute that is not there", func(t *testing.T) {
		requireInvalid(t, v.Verify(t.Context(), user, "last_name", profile.Empty().Get("absent")), "no such attribute")
	})
	t.Run("an attribute that nobody signed", func(t *testing.T) {
		p, err := profile.Parse([]byte(`{"last_name":` + content + `}`))
		require.NoError(t, err)
		requireInvalid(t, v.Verify(t.Context(), user, "last_name", p.Get("last_name")), "three segments")
	})
}

func TestVerifyComparesContentAsJSON(t *testing.T) {
	token := jws(header, `{"metadata":{"verified":true,"n":31337},"values":{"b":"é","a":1.0}}`, rs256(rsaKey()))
	v := signing.NewVerifier(signing.StaticKeySets{"ldap": setOf(t, rsaKey())})
	for name, c := range map[string]struct {
		content string
		same    bool
	}{
		"as it was signed":           {`{"metadata":{"verified":true,"n":31337},"values":{"b":"é","a":1.0}}`, true},
		"members in another order":   {`{"values":{"a":1.0,"b":"é"},"metadata":{"n":31337,"verified":true}}`, true},
		"escapes":                    {`{"metadata":{"verified":true,"n":31337},"values":{"b":"\u00E9","\u0061":1.0}}`, true},
		"1 for true":                 {`{"metadata":{"verified":1,"n":31337},"values":{"b":"é","a":1.0}}`, false},
		"31337.0 for 31337":          {`{"metadata":{"verified":true,"n":31337.0},"values":{"b":"é","a":1.0}}`, false},
		"1 for 1.0":                  {`{"metadata":{"verified":true,"n":31337},"values":{"b":"é","a":1}}`, false},
		"a decomposed letter":        {`{"metadata":{"verified":true,"n":31337},"values":{"b":"e\u0301","a":1.0}}`, false},
		"a member more":              {`{"metadata":{"verified":true,"n":31337},"values":{"b":"é","a":1.0,"c":null}}`, false},
		"a member less":              {`{"metadata":{"verified":true,"n":31337},"values":{"b":"é"}}`, false},
		"value for values":           {`{"metadata":{"verified":true,"n":31337},"value":{"b":"é","a":1.0}}`, false},
		"value beside values":        {`{"metadata":{"verified":true,"n":31337},"values":{"b":"é","a":1.0},"value":"x"}`, false},
		"something outside of value": {`{"x":1,"metadata":{"verified":true,"n":31337},"values":{"b":"é","a":1.0}}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			err := v.Verify(t.Context(), user, "uris", signed(t, c.content, byLDAP(token)))
			if c.same {
				require.NoError(t, err)
				return
			}
			requireInvalid(t, err, "other content")
		})
	}
}

func TestVerifyLeavesAdditionalSignaturesAlone(t *testing.T) {
	p, err := profile.Parse([]byte(`{"last_name":{"signature":{"publisher":{"alg":"RS256","typ":"JWS","name":"ldap","value":"` +
		jws(header, content, rs256(rsaKey())) + `"},"additional":[{"alg":"RS256","typ":"JWS","name":"hris","value":"x"},5]},` + content[1:] + `}`))
	require.NoError(t, err)
	v := signing.NewVerifier(signing.StaticKeySets{"ldap": setOf(t, rsaKey())})
	require.NoError(t, v.Verify(t.Context(), user, "last_name", p.Get("last_name")))
}

func TestBoundSignaturesCanBeRequired(t *testing.T) {
	sets := signing.StaticKeySets{"ldap": setOf(t, rsaKey()), "hris": setOf(t, rsaKey())}
	v := signing.NewVerifier(sets, "ldap")
	unbound := profile.Signed{Alg: "RS256", Typ: "JWS", Name: "ldap", Value: jws(header, content, rs256(rsaKey()))}
	bound, err := signer(t, "ldap", rsaKey()).Sign([]byte(content), signing.Binding{User: user, Attribute: "last_name"})
	require.NoError(t, err)

	t.Run("then one without is refused", func(t *testing.T) {
		requireInvalid(t, v.Verify(t.Context(), user, "last_name", signed(t, content, unbound)), "not bound to a person")
	})
	t.Run("also one that is said to be bound by null", func(t *testing.T) {
		token := jws(`{"alg":"RS256","cis_user":null,"cis_attr":null}`, content, rs256(rsaKey()))
		requireInvalid(t, v.Verify(t.Context(), user, "last_name", signed(t, content, byLDAP(token))), "not bound to a person")
	})
	t.Run("and one with is accepted", func(t *testing.T) {
		require.NoError(t, v.Verify(t.Context(), user, "last_name", signed(t, content, byLDAP(bound))))
	})
	t.Run("and for others nothing changes", func(t *testing.T) {
		unbound.Name = "hris"
		require.NoError(t, v.Verify(t.Context(), user, "last_name", signed(t, content, unbound)))
	})
}

func TestAnUnboundSignatureIsGoodForAnyPerson(t *testing.T) {
	// Which is why bound ones can be required.
	v := signing.NewVerifier(signing.StaticKeySets{"ldap": setOf(t, rsaKey())})
	a := signed(t, content, byLDAP(jws(header, content, rs256(rsaKey()))))
	require.NoError(t, v.Verify(t.Context(), user, "last_name", a))
	require.NoError(t, v.Verify(t.Context(), "email|eve", "first_name", a))
}

func TestHeadersThatNameKeysAreIgnored(t *testing.T) {
	var asked atomic.Int32
	evil, err := json.Marshal(setOf(t, evilKey()))
	require.NoError(t, err)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		_, _ = w.Write(evil)
	}))
	defer server.Close()

	key, ok := setOf(t, evilKey()).Key(0)
	require.True(t, ok)
	evilJWK, err := json.Marshal(key)
	require.NoError(t, err)
	v := signing.NewVerifier(signing.StaticKeySets{"ldap": setOf(t, rsaKey())})
	for name, member := range map[string]string{
		"jku": `"jku":"` + server.URL + `"`,
		"x5u": `"x5u":"` + server.URL + `"`,
		"jwk": `"jwk":` + string(evilJWK),
	} {
		t.Run(name, func(t *testing.T) {
			h := `{"alg":"RS256",` + member + `}`
			requireInvalid(t, v.Verify(t.Context(), user, "last_name",
				signed(t, content, byLDAP(jws(h, content, rs256(evilKey()))))), "none of the publisher's keys")
			require.NoError(t, v.Verify(t.Context(), user, "last_name",
				signed(t, content, byLDAP(jws(h, content, rs256(rsaKey()))))))
		})
	}
	require.Zero(t, asked.Load(), "no key was asked for")
}

func TestKeySetsThatCannotBeHad(t *testing.T) {
	down := errors.New("connection refused")
	v := signing.NewVerifier(keySetsFunc(func(string) (jwk.Set, error) { return nil, down }))
	err := v.Verify(t.Context(), user, "last_name", signed(t, content, byLDAP(jws(header, content, rs256(rsaKey())))))
	require.ErrorIs(t, err, down)
	require.ErrorContains(t, err, "keys of publisher ldap")
	_, invalid := errors.AsType[*signing.Invalid](err)
	require.False(t, invalid, "nothing was found to be wrong with the signature")
}

func TestAWrappedUnknownPublisherIsUnknown(t *testing.T) {
	v := signing.NewVerifier(keySetsFunc(func(string) (jwk.Set, error) {
		return nil, fmt.Errorf("well-known: %w", signing.ErrUnknownPublisher)
	}))
	requireInvalid(t, v.Verify(t.Context(), user, "last_name", signed(t, content, byLDAP(jws(header, content, rs256(rsaKey()))))), "no such publisher")
}

func TestWhatWasVerifiedBefore(t *testing.T) {
	var set jwk.Set
	var err error
	v := signing.NewVerifier(keySetsFunc(func(string) (jwk.Set, error) { return set, err }))
	token := jws(header, content, rs256(rsaKey()))
	verify := func(content string) error {
		return v.Verify(t.Context(), user, "last_name", signed(t, content, byLDAP(token)))
	}
	set = setOf(t, rsaKey())
	require.NoError(t, verify(content))

	t.Run("does not vouch for other content", func(t *testing.T) {
		requireInvalid(t, verify(strings.ReplaceAll(content, "Lovelace", "King")), "other content")
	})
	t.Run("does not vouch for the same JWS of another publisher", func(t *testing.T) {
		other := signing.NewVerifier(signing.StaticKeySets{"ldap": set, "hris": setOf(t, evilKey())})
		require.NoError(t, other.Verify(t.Context(), user, "last_name", signed(t, content, byLDAP(token))))
		requireInvalid(t, other.Verify(t.Context(), user, "last_name",
			signed(t, content, profile.Signed{Alg: "RS256", Typ: "JWS", Name: "hris", Value: token})), "none of the publisher's keys")
	})
	t.Run("does not vouch for another binding", func(t *testing.T) {
		bound, err := signer(t, "ldap", rsaKey()).Sign([]byte(content), signing.Binding{User: user, Attribute: "last_name"})
		require.NoError(t, err)
		a := signed(t, content, byLDAP(bound))
		require.NoError(t, v.Verify(t.Context(), user, "last_name", a))
		requireInvalid(t, v.Verify(t.Context(), "email|eve", "last_name", a), "another person")
		requireInvalid(t, v.Verify(t.Context(), user, "first_name", a), "made for the attribute")
	})
	t.Run("is accepted while both keys of a rotation are published", func(t *testing.T) {
		set = setOf(t, evilKey(), rsaKey())
		require.NoError(t, verify(content))
	})
	t.Run("is refused once its key is gone", func(t *testing.T) {
		set = setOf(t, evilKey())
		requireInvalid(t, verify(content), "none of the publisher's keys")
		set = jwk.NewSet()
		requireInvalid(t, verify(content), "none of the publisher's keys")
	})
	t.Run("cannot be judged while the keys are not to be had", func(t *testing.T) {
		set, err = nil, errors.New("down")
		require.ErrorContains(t, verify(content), "down")
	})
	t.Run("is accepted again when its key is back", func(t *testing.T) {
		set, err = setOf(t, rsaKey()), nil
		require.NoError(t, verify(content))
	})
}

func TestVerifyingConcurrently(t *testing.T) {
	rotated := []jwk.Set{setOf(t, rsaKey()), setOf(t, evilKey(), rsaKey()), setOf(t, rsaKey(), ed25519Key())}
	var turn atomic.Int32
	v := signing.NewVerifier(keySetsFunc(func(string) (jwk.Set, error) { return rotated[int(turn.Add(1))%len(rotated)], nil }))
	var good, bad []*profile.Attribute
	for i := range 8 {
		c := strings.ReplaceAll(content, "Lovelace", fmt.Sprint("Lovelace", i))
		good = append(good, signed(t, c, byLDAP(jws(header, c, rs256(rsaKey())))))
		bad = append(bad, signed(t, content, byLDAP(jws(header, c, rs256(rsaKey())))))
	}
	var all sync.WaitGroup
	errs := make(chan error, 1000)
	for range 4 {
		all.Go(func() {
			for i := range 50 {
				if err := v.Verify(context.Background(), user, "last_name", good[i%len(good)]); err != nil {
					errs <- err
				}
				if err := v.Verify(context.Background(), user, "last_name", bad[i%len(bad)]); err == nil {
					errs <- errors.New("a bad signature was accepted")
				}
			}
		})
	}
	all.Wait()
	close(errs)
	for err := range errs {
		require.NoError(t, err)
	}
}
