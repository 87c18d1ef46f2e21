package signing_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/stretchr/testify/require"

	"cis/profile"
	"cis/signing"
)

// The keys of the tests: two of RSA, one of each other kind.
var (
	rsaKey     = sync.OnceValue(func() *rsa.PrivateKey { return must(rsa.GenerateKey(rand.Reader, 2048)) })
	evilKey    = sync.OnceValue(func() *rsa.PrivateKey { return must(rsa.GenerateKey(rand.Reader, 2048)) })
	ecdsaKey   = sync.OnceValue(func() *ecdsa.PrivateKey { return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) })
	ed25519Key = sync.OnceValue(func() ed25519.PrivateKey { _, k, err := ed25519.GenerateKey(rand.Reader); return must(k, err) })
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func signer(t testing.TB, name string, key crypto.Signer) *signing.Signer {
	s, err := signing.NewSigner(name, key)
	require.NoError(t, err)
	return s
}

// setOf returns a key set of the public halves of keys.
func setOf(t testing.TB, keys ...crypto.Signer) jwk.Set {
	set := jwk.NewSet()
	for _, key := range keys {
		public, err := signer(t, "", key).Public()
		require.NoError(t, err)
		require.NoError(t, set.AddKey(public))
	}
	return set
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// jws makes a compact JWS by hand.
func jws(header, payload string, sign func(input []byte) []byte) string {
	input := encode([]byte(header)) + "." + encode([]byte(payload))
	return input + "." + encode(sign([]byte(input)))
}

func pkcs1(key *rsa.PrivateKey, hash crypto.Hash) func([]byte) []byte {
	return func(input []byte) []byte {
		h := hash.New()
		h.Write(input)
		return must(rsa.SignPKCS1v15(nil, key, hash, h.Sum(nil)))
	}
}

func rs256(key *rsa.PrivateKey) func([]byte) []byte { return pkcs1(key, crypto.SHA256) }

const (
	user    = "ad|Mozilla-LDAP|ada"
	header  = `{"alg":"RS256","typ":"JWT"}`
	content = `{"metadata":{"classification":"PUBLIC","last_modified":"2024-01-02T03:04:05.000Z","created":"2024-01-02T03:04:05.000Z","verified":true,"display":null},"value":"Lovelace"}`
)

// signed returns the attribute that has content, with a signature block.
func signed(t testing.TB, content string, s profile.Signed) *profile.Attribute {
	p, err := profile.Parse([]byte(`{"a":` + content + `}`))
	require.NoError(t, err)
	a, err := p.Get("a").WithSignature(s)
	require.NoError(t, err)
	return a
}

// byLDAP is the signature block of a JWS that the publisher ldap made.
func byLDAP(value string) profile.Signed {
	return profile.Signed{Alg: "RS256", Typ: "JWS", Name: "ldap", Value: value}
}

// requireInvalid fails unless err says that the signature is not valid, for
// that reason, and without giving the attribute's value away.
func requireInvalid(t testing.TB, err error, reason string) {
	t.Helper()
	invalid, ok := errors.AsType[*signing.Invalid](err)
	require.Truef(t, ok, "want *signing.Invalid, got %v", err)
	require.Contains(t, invalid.Reason, reason)
	require.NotContains(t, err.Error(), "Lovelace")
}

// independent verifies the attribute as anybody else would who knows the rule:
// with crypto/rsa alone, and encoding/json to compare.
func independent(keys []json.RawMessage, a *profile.Attribute) error {
	segments := strings.Split(a.Signature().Publisher.Value, ".")
	if len(segments) != 3 {
		return errors.New("no compact JWS")
	}
	var parts [3][]byte
	for i, s := range segments {
		part, err := base64.RawURLEncoding.DecodeString(s)
		if err != nil {
			return err
		}
		parts[i] = part
	}
	var head struct{ Alg string }
	if err := json.Unmarshal(parts[0], &head); err != nil || head.Alg != "RS256" {
		return fmt.Errorf("algorithm %q (%v)", head.Alg, err)
	}
	var payload, attribute map[string]any
	if err := decode(parts[1], &payload); err != nil {
		return err
	}
	if err := decode(a.JSON(), &attribute); err != nil {
		return err
	}
	delete(attribute, "signature")
	if !reflect.DeepEqual(payload, attribute) {
		return errors.New("another content")
	}
	digest := sha256.Sum256([]byte(segments[0] + "." + segments[1]))
	err := errors.New("no keys")
	for _, raw := range keys {
		if err = rsa.VerifyPKCS1v15(publicKey(raw), crypto.SHA256, digest[:], parts[2]); err == nil {
			return nil
		}
	}
	return err
}

func decode(text []byte, into any) error {
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.UseNumber()
	return d.Decode(into)
}

func publicKey(raw json.RawMessage) *rsa.PublicKey {
	var key struct{ N, E string }
	if err := json.Unmarshal(raw, &key); err != nil {
		panic(err)
	}
	number := func(s string) *big.Int {
		return new(big.Int).SetBytes(must(base64.RawURLEncoding.DecodeString(s)))
	}
	return &rsa.PublicKey{N: number(key.N), E: int(number(key.E).Int64())}
}

// keySetsFunc are key sets that a function gives.
type keySetsFunc func(publisher string) (jwk.Set, error)

func (f keySetsFunc) KeySet(_ context.Context, publisher string) (jwk.Set, error) {
	return f(publisher)
}
