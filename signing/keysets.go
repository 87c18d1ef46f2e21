package signing

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/lestrrat-go/jwx/v2/jwk"
)

// ErrUnknownPublisher says that there is no publisher of that name.
var ErrUnknownPublisher = errors.New("no such publisher")

// KeySets gives the public keys of the publishers.
type KeySets interface {
	// KeySet returns a publisher's keys. ErrUnknownPublisher when there is no
	// such publisher; any other error means that the keys are not to be had
	// now.
	KeySet(ctx context.Context, publisher string) (jwk.Set, error)
}

// StaticKeySets are key sets that do not change, by publisher.
type StaticKeySets map[string]jwk.Set

// KeySet implements KeySets.
func (s StaticKeySets) KeySet(_ context.Context, publisher string) (jwk.Set, error) {
	set, ok := s[publisher]
	if !ok {
		return nil, ErrUnknownPublisher
	}
	return set, nil
}

// Add adds keys to a publisher's set; JSON Web Keys as a well-known document
// lists them under api.publishers_jwks.<publisher>.keys.
func (s StaticKeySets) Add(publisher string, keys ...json.RawMessage) error {
	set, ok := s[publisher]
	if !ok {
		set = jwk.NewSet()
		s[publisher] = set
	}
	for i, raw := range keys {
		key, err := parseKey(raw)
		if err != nil {
			return fmt.Errorf("key %d of publisher %s: %w", i+1, publisher, err)
		}
		if has(set, key) {
			continue
		}
		if err := set.AddKey(key); err != nil {
			return fmt.Errorf("key %d of publisher %s: %w", i+1, publisher, err)
		}
	}
	return nil
}

func has(set jwk.Set, key jwk.Key) bool {
	for i := range set.Len() {
		if other, ok := set.Key(i); ok && jwk.Equal(other, key) {
			return true
		}
	}
	return false
}

// parseKey reads a public JWK. Certificates beside the key are left out: the
// original's documents have bare keys where certificates belong.
func parseKey(raw json.RawMessage) (jwk.Key, error) {
	members := map[string]json.RawMessage{}
	if err := json.Unmarshal(raw, &members); err != nil {
		return nil, fmt.Errorf("not a JSON Web Key: %w", err)
	}
	public := map[string]json.RawMessage{}
	for _, name := range []string{"kty", "use", "alg", "kid", "n", "e", "crv", "x", "y"} {
		if value, ok := members[name]; ok {
			public[name] = value
		}
	}
	text, err := json.Marshal(public)
	if err != nil {
		return nil, err
	}
	key, err := jwk.ParseKey(text)
	if err != nil {
		return nil, err
	}
	var material any
	if err := key.Raw(&material); err != nil {
		return nil, err
	}
	alg, err := algorithmOf(material)
	if err != nil {
		return nil, err
	}
	if named := key.Algorithm().String(); named != "" && named != alg.String() {
		return nil, fmt.Errorf("it is for algorithm %s, only %s is supported for its type", named, alg)
	}
	if use := key.KeyUsage(); use != "" && use != string(jwk.ForSignature) {
		return nil, fmt.Errorf("it is not for signatures (use %q)", use)
	}
	return key, nil
}

// AddSigner adds a signer's public key to its publisher's set.
func (s StaticKeySets) AddSigner(signer *Signer) error {
	public, err := signer.Public()
	if err != nil {
		return err
	}
	raw, err := json.Marshal(public)
	if err != nil {
		return err
	}
	return s.Add(signer.Name(), raw)
}

// JWKS returns each publisher's keys as JSON Web Keys.
func (s StaticKeySets) JWKS() (map[string][]json.RawMessage, error) {
	all := map[string][]json.RawMessage{}
	for publisher, set := range s {
		for i := range set.Len() {
			key, _ := set.Key(i)
			raw, err := json.Marshal(key)
			if err != nil {
				return nil, fmt.Errorf("key %d of publisher %s: %w", i+1, publisher, err)
			}
			all[publisher] = append(all[publisher], raw)
		}
	}
	return all, nil
}
