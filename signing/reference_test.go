package signing_test

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"cis/internal/testdata"
	"cis/profile"
	"cis/signing"
)

// keySets returns the key sets of well-known documents.
func keySets(t *testing.T, wellKnown ...string) signing.StaticKeySets {
	sets := signing.StaticKeySets{}
	for publisher, keys := range testdata.Keys(t, wellKnown...) {
		require.NoError(t, sets.Add(publisher, keys...))
	}
	return sets
}

func TestEverySignatureOfTheOriginalHasTheVerdictOfAnIndependentVerifier(t *testing.T) {
	wellKnown := []string{testdata.WellKnownDev, testdata.WellKnownBuiltin}
	keys := testdata.Keys(t, wellKnown...)
	v := signing.NewVerifier(keySets(t, wellKnown...))
	verified, refused := 0, 0
	for name, text := range testdata.SignedProfiles(t) {
		p, err := profile.Parse(text)
		require.NoError(t, err, name)
		for path, a := range p.Attributes() {
			if a.IsNull() {
				continue
			}
			where := fmt.Sprintf("%s: %s, signed by %s", name, path, a.Publisher())
			want := independent(keys[a.Publisher()], a)
			for range 2 { // the second time from memory
				err := v.Verify(t.Context(), p.String(profile.UserID), path, a)
				require.Equal(t, want == nil, err == nil, "%s: %v, independently: %v", where, err, want)
				if err == nil {
					continue
				}
				requireInvalid(t, err, "none of the publisher's keys")
				require.Equal(t, "ldap", a.Publisher(), where)
				require.Contains(t, []profile.Path{"ssh_public_keys", "pgp_public_keys"}, path, where)
			}
			if want == nil {
				verified++
			} else {
				refused++
			}
		}
	}
	t.Logf("%d attributes verify, %d do not", verified, refused)
	require.Greater(t, verified, 200)
	require.Positive(t, refused)
}

// interopSignature is an attribute that the original signed.
type interopSignature struct {
	Attribute profile.Path `json:"attribute"`
	Publisher string       `json:"publisher"`
	JWS       string       `json:"jws"`
	Header    string       `json:"header_text"`
	Payload   string       `json:"payload_text"`
}

func TestEveryOddProfileThatTheOriginalSignedVerifies(t *testing.T) {
	keys := testdata.Keys(t, testdata.WellKnownInterop)
	v := signing.NewVerifier(keySets(t, testdata.WellKnownInterop))
	attributes := 0
	for _, file := range testdata.Files(t, "interop/signed/*.json") {
		text := testdata.Read(t, file)
		if filepath.Base(file) == "28-nan-infinity.json" {
			// Infinity is not JSON: ours takes no such profile, from nobody.
			_, err := profile.Parse(text)
			require.ErrorContains(t, err, "'I'")
			continue
		}
		var c struct {
			Profile json.RawMessage    `json:"profile"`
			Signed  []interopSignature `json:"signed"`
		}
		require.NoError(t, json.Unmarshal(text, &c))
		p, err := profile.Parse(c.Profile)
		require.NoError(t, err)
		for _, s := range c.Signed {
			a := p.Get(s.Attribute)
			require.NoError(t, v.Verify(t.Context(), user, s.Attribute, a), "%s: %s", file, s.Attribute)
			require.NoError(t, independent(keys[s.Publisher], a), "%s: %s", file, s.Attribute)
			attributes++
		}
	}
	require.Greater(t, attributes, 25)
}

// recorded is a publisher's key of which the public half is known and one
// signature. It signs nothing but what that signature is over. RSA with PKCS#1
// v1.5 padding has exactly one signature over each input, so a signature that
// the public key verifies is the one that the private key would give.
type recorded struct {
	t         *testing.T
	public    *rsa.PublicKey
	signature []byte
}

func (r recorded) Public() crypto.PublicKey { return r.public }

func (r recorded) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	require.Equal(r.t, crypto.SHA256, opts)
	return r.signature, rsa.VerifyPKCS1v15(r.public, crypto.SHA256, digest, r.signature)
}

func TestSigningTheSamePayloadWithTheSameKeyGivesTheSameBytes(t *testing.T) {
	keys := testdata.Keys(t, testdata.WellKnownInterop)
	sign := func(publisher, token string, content []byte) string {
		signature := strings.Split(token, ".")[2]
		s := signer(t, publisher, recorded{t, publicKey(keys[publisher][0]), must(decodeBase64(signature))})
		signed, err := s.Sign(content, signing.Binding{})
		require.NoError(t, err)
		return signed
	}
	count := 0
	for _, file := range testdata.Files(t, "interop/signed/*.json") {
		var c struct {
			Profile json.RawMessage    `json:"profile"`
			Signed  []interopSignature `json:"signed"`
		}
		if err := json.Unmarshal(testdata.Read(t, file), &c); err != nil {
			require.Contains(t, file, "28-nan-infinity")
			continue
		}
		p, err := profile.Parse(c.Profile)
		require.NoError(t, err)
		for _, s := range c.Signed {
			content, err := p.Get(s.Attribute).SignedContent()
			require.NoError(t, err)
			require.Equal(t, s.Payload, string(content))
			require.Equal(t, s.JWS, sign(s.Publisher, s.JWS, content), "%s: %s", file, s.Attribute)
			count++
		}
	}
	require.Greater(t, count, 25)

	var raw []struct {
		interopSignature
		Name   string          `json:"name"`
		Loaded json.RawMessage `json:"loaded"`
	}
	testdata.ReadJSON(t, "interop/raw-sign.json", &raw)
	for _, r := range raw {
		publisher := whoSigned(keys, r.JWS)
		require.NotEmpty(t, publisher, r.Name)
		require.Equal(t, r.JWS, sign(publisher, r.JWS, []byte(r.Payload)), r.Name)
	}
}

func decodeBase64(segment string) ([]byte, error) {
	return decodeSegment(segment, 0)
}

// whoSigned returns the publisher that a JWS verifies as, or nothing.
func whoSigned(keys map[string][]json.RawMessage, token string) string {
	end := strings.LastIndexByte(token, '.')
	digest := sha256.Sum256([]byte(token[:end]))
	for publisher, set := range keys {
		for _, key := range set {
			if rsa.VerifyPKCS1v15(publicKey(key), crypto.SHA256, digest[:], must(decodeBase64(token[end+1:]))) == nil {
				return publisher
			}
		}
	}
	return ""
}

func TestEveryTamperedProfileIsRefused(t *testing.T) {
	// The original accepts these, in one or the other of its two functions.
	fooled := map[string]string{
		"23-value-nulled.json":            "the attribute is null",
		"25-true-to-1.0.json":             "other content",
		"26-int-to-float.json":            "other content",
		"28-signature-block-changed.json": "it is declared as",
		"29-other-serialisation.json":     "critical extensions",
		"34-signature-padding.json":       "not base64url",
		"35-signature-std-alphabet.json":  "not base64url",
	}
	// And this one ours accepts as well: contents are compared as JSON values,
	// which the order of members is no part of.
	const reordered = "31-key-order-reversed.json"

	v := signing.NewVerifier(keySets(t, testdata.WellKnownInterop))
	seen := 0
	for _, file := range testdata.Files(t, "interop/tampered/*.json") {
		name := filepath.Base(file)
		t.Run(name, func(t *testing.T) {
			var c struct {
				Attribute profile.Path    `json:"attribute"`
				Profile   json.RawMessage `json:"profile"`
				Verdicts  map[string]struct {
					OK       bool `json:"ok"`
					Returned any  `json:"returned"`
				} `json:"verdicts"`
			}
			testdata.ReadJSON(t, file, &c)
			originals := c.Verdicts["verify_all_signatures"]
			accepted := originals.OK && originals.Returned == true
			p, err := profile.Parse(c.Profile)
			require.NoError(t, err)
			err = v.Verify(t.Context(), user, c.Attribute, p.Get(c.Attribute))
			if name == reordered {
				require.True(t, accepted)
				require.NoError(t, err)
				return
			}
			reason, wasFooled := fooled[name]
			requireInvalid(t, err, reason)
			require.Equal(t, wasFooled, accepted, "the original accepts it")
			if wasFooled {
				seen++
			}
		})
	}
	require.Len(t, fooled, seen)
}
