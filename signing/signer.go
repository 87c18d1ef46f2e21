package signing

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"fmt"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/lestrrat-go/jwx/v2/jws"

	"cis/profile"
)

// Binding says what a signature covers. The zero Binding is none, as in the
// signatures of the original.
type Binding struct {
	User      string       // the person's user_id
	Attribute profile.Path // the attribute's path
}

// The protected header parameters that carry a Binding.
const (
	headerUser      = "cis_user"
	headerAttribute = "cis_attr"
)

// Signer signs as one publisher.
type Signer struct {
	name string
	key  crypto.Signer
	alg  jwa.SignatureAlgorithm
}

// NewSigner returns a signer for the publisher name. The key is RSA (RS256),
// ECDSA on P-256 (ES256) or Ed25519 (EdDSA); it may live in hardware or in a
// key service.
func NewSigner(name string, key crypto.Signer) (*Signer, error) {
	alg, err := algorithmOf(key.Public())
	if err != nil {
		return nil, fmt.Errorf("signing key of %s: %w", name, err)
	}
	return &Signer{name: name, key: key, alg: alg}, nil
}

// algorithmOf is the one algorithm that a public key may be used with. That it
// follows from the key and never from what is being verified rules out "none",
// HMAC keyed with a public key, and every other confusion of algorithms.
func algorithmOf(public any) (jwa.SignatureAlgorithm, error) {
	switch k := public.(type) {
	case *rsa.PublicKey:
		return jwa.RS256, nil
	case *ecdsa.PublicKey:
		if k.Curve == elliptic.P256() {
			return jwa.ES256, nil
		}
		return "", fmt.Errorf("curve %s is not supported, use P-256", k.Params().Name)
	case ed25519.PublicKey:
		return jwa.EdDSA, nil
	}
	return "", fmt.Errorf("keys of type %T are not supported, use RSA, P-256 or Ed25519", public)
}

// Name is the publisher that the signer signs as.
func (s *Signer) Name() string { return s.name }

// Public returns the public key as a JWK, ready for a key set.
func (s *Signer) Public() (jwk.Key, error) {
	key, err := jwk.FromRaw(s.key.Public())
	if err != nil {
		return nil, err
	}
	if err := key.Set(jwk.AlgorithmKey, s.alg); err != nil {
		return nil, err
	}
	if err := key.Set(jwk.KeyUsageKey, jwk.ForSignature); err != nil {
		return nil, err
	}
	return key, jwk.AssignKeyID(key)
}

// Sign returns a compact JWS of payload, bound to b unless that is zero.
func (s *Signer) Sign(payload []byte, b Binding) (string, error) {
	header := jws.NewHeaders()
	members := map[string]any{jws.TypeKey: "JWT"}
	if b != (Binding{}) {
		members[headerUser], members[headerAttribute] = b.User, string(b.Attribute)
	}
	for name, value := range members {
		if err := header.Set(name, value); err != nil {
			return "", err
		}
	}
	signed, err := jws.Sign(payload, jws.WithKey(s.alg, s.key, jws.WithProtectedHeaders(header)))
	if err != nil {
		return "", fmt.Errorf("signing as %s: %w", s.name, err)
	}
	return string(signed), nil
}

// Attribute returns a signed for the person user, as the attribute at path. A
// null attribute cannot be signed.
func (s *Signer) Attribute(user string, path profile.Path, a *profile.Attribute) (*profile.Attribute, error) {
	if a.IsNull() {
		return nil, fmt.Errorf("%s: a null attribute cannot be signed", path)
	}
	content, err := a.SignedContent()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	value, err := s.Sign(content, Binding{User: user, Attribute: path})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return a.WithSignature(profile.Signed{Alg: declaredAlg(s.alg), Typ: "JWS", Name: s.name, Value: value})
}

// Profile signs the attributes of p at paths as the profile's own person.
func (s *Signer) Profile(p *profile.Profile, paths ...profile.Path) (*profile.Profile, error) {
	user := p.String(profile.UserID)
	for _, path := range paths {
		signed, err := s.Attribute(user, path, p.Get(path))
		if err != nil {
			return nil, err
		}
		p = p.With(path, signed)
	}
	return p, nil
}

// declaredAlg is what profiles call an algorithm beside the JWS. The schema
// has no name for ES256; the JWS itself says it.
func declaredAlg(alg jwa.SignatureAlgorithm) string {
	if alg == jwa.EdDSA {
		return "ED25519"
	}
	return "RS256"
}
