package signing

import (
	"context"
	"crypto"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/lestrrat-go/jwx/v2/jws"

	"cis/profile"
)

// Invalid says why an attribute's signature does not prove it. Any other error
// of Verify means that the signature could not be judged.
type Invalid struct {
	Path      profile.Path
	Publisher string // who is named as the signer
	Reason    string // never holds a value of the profile
}

func (e *Invalid) Error() string {
	return fmt.Sprintf("the signature of %s by publisher %q is not valid: %s", e.Path, e.Publisher, e.Reason)
}

// Verifier verifies attributes against the publishers' key sets. It remembers
// which JWS it has verified with which key, so that what was verified before
// costs a hash. The zero value is not usable; see NewVerifier.
type Verifier struct {
	keys  KeySets
	bound map[string]bool

	mu   sync.Mutex
	seen map[[sha256.Size]byte]struct{}
}

// maxSeen bounds the verifier's memory of signatures, at 32 bytes each.
const maxSeen = 1 << 17

// NewVerifier returns a verifier that takes keys from keys, and accepts the
// signatures of the publishers in requireBound only when they are bound to
// person and attribute.
func NewVerifier(keys KeySets, requireBound ...string) *Verifier {
	v := &Verifier{keys: keys, bound: map[string]bool{}, seen: map[[sha256.Size]byte]struct{}{}}
	for _, name := range requireBound {
		v.bound[name] = true
	}
	return v
}

// Verify checks that the attribute at path, of the person user, is signed by
// the publisher that it names: one of that publisher's keys made the JWS, the
// JWS covers the attribute's content as JSON values, and its binding, where it
// has one, is to this person and attribute. It returns *Invalid when not. A
// null attribute has no content to prove and is Invalid.
func (v *Verifier) Verify(ctx context.Context, user string, path profile.Path, a *profile.Attribute) error {
	if a == nil {
		return &Invalid{Path: path, Reason: "there is no such attribute"}
	}
	signed := a.Signature().Publisher
	publisher := signed.Name
	invalid := func(format string, args ...any) error {
		return &Invalid{Path: path, Publisher: publisher, Reason: fmt.Sprintf(format, args...)}
	}
	if a.IsNull() {
		return invalid("the attribute is null")
	}
	token, err := parse(signed)
	if err != nil {
		return invalid("%v", err)
	}
	if err := v.checkBinding(publisher, token, Binding{User: user, Attribute: path}); err != nil {
		return invalid("%v", err)
	}
	content, err := a.SignedContent()
	if err != nil {
		return invalid("%v", err)
	}
	if !profile.EqualJSON(token.payload, content) {
		return invalid("it covers other content than the attribute has")
	}
	set, err := v.keys.KeySet(ctx, publisher)
	if errors.Is(err, ErrUnknownPublisher) {
		return invalid("no such publisher")
	}
	if err != nil {
		return fmt.Errorf("keys of publisher %s: %w", publisher, err)
	}
	if !v.madeByOneOf(set, token) {
		return invalid("none of the publisher's keys made it")
	}
	return nil
}

// token is a compact JWS taken apart, not yet verified.
type token struct {
	compact   string
	signed    string // what the signature is over: the first two segments
	signature []byte
	alg       jwa.SignatureAlgorithm
	binding   *Binding
	payload   []byte
}

// parse takes the JWS apart, strictly: a signature has one spelling only.
func parse(s profile.Signed) (token, error) {
	segments := strings.Split(s.Value, ".")
	if len(segments) != 3 {
		return token{}, errors.New("it is not a compact JWS (three segments)")
	}
	var parts [3][]byte
	for i, segment := range segments {
		// StdEncoding's decoders skip line breaks, so those are looked for.
		part, err := base64.RawURLEncoding.Strict().DecodeString(segment)
		if err != nil || strings.ContainsAny(segment, "\r\n") {
			return token{}, fmt.Errorf("segment %d of the JWS is not base64url without padding", i+1)
		}
		parts[i] = part
	}
	// No key is chosen by "kid": published sets reuse the same one for different
	// keys, and the original looks at none.
	var header struct {
		Alg       string         `json:"alg"`
		Crit      jsontext.Value `json:"crit"`
		User      *string        `json:"cis_user"`
		Attribute *string        `json:"cis_attr"`
	}
	if err := json.Unmarshal(parts[0], &header); err != nil {
		return token{}, errors.New("the JWS header is not a JSON object of header parameters")
	}
	if header.Crit != nil {
		return token{}, errors.New("the JWS header has critical extensions, and none is understood")
	}
	alg := jwa.SignatureAlgorithm(header.Alg)
	if s.Typ != "JWS" || !declares(s.Alg, alg) {
		return token{}, fmt.Errorf("it is declared as %.20q %.20q, its header says %.20q", s.Typ, s.Alg, alg)
	}
	t := token{
		compact: s.Value, signed: segments[0] + "." + segments[1],
		signature: parts[2], alg: alg, payload: parts[1],
	}
	if header.User != nil || header.Attribute != nil {
		t.binding = &Binding{}
		if header.User != nil {
			t.binding.User = *header.User
		}
		if header.Attribute != nil {
			t.binding.Attribute = profile.Path(*header.Attribute)
		}
	}
	return t, nil
}

// declares tells whether the algorithm named beside the JWS can mean the one
// in its header.
func declares(declared string, actual jwa.SignatureAlgorithm) bool {
	switch declared {
	case "RS256":
		return actual == jwa.RS256 || actual == jwa.ES256
	case "RSA":
		return actual == jwa.RS256
	case "ED25519":
		return actual == jwa.EdDSA
	}
	return false
}

func (v *Verifier) checkBinding(publisher string, t token, want Binding) error {
	switch {
	case t.binding == nil && v.bound[publisher]:
		return errors.New("it is not bound to a person and an attribute, which this publisher's signatures must be")
	case t.binding != nil && t.binding.User != want.User:
		return errors.New("it was made for another person")
	case t.binding != nil && t.binding.Attribute != want.Attribute:
		return fmt.Errorf("it was made for the attribute %.60q", t.binding.Attribute)
	}
	return nil
}

func (v *Verifier) madeByOneOf(set jwk.Set, t token) bool {
	for i := range set.Len() {
		if key, ok := set.Key(i); ok && v.madeBy(key, t) {
			return true
		}
	}
	return false
}

func (v *Verifier) madeBy(key jwk.Key, t token) bool {
	thumbprint, err := key.Thumbprint(crypto.SHA256)
	if err != nil {
		return false
	}
	id := sha256.Sum256(append(thumbprint, t.compact...))
	if v.remembers(id) {
		return true
	}
	var public any
	if key.Raw(&public) != nil {
		return false
	}
	alg, err := algorithmOf(public)
	if err != nil || alg != t.alg {
		return false
	}
	// jws.Verify would parse the header, write it anew and verify that, which
	// accepts changed headers and refuses some that are as they were signed.
	verifier, err := jws.NewVerifier(alg)
	if err != nil || verifier.Verify([]byte(t.signed), t.signature, public) != nil {
		return false
	}
	v.remember(id)
	return true
}

func (v *Verifier) remembers(id [sha256.Size]byte) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	_, ok := v.seen[id]
	return ok
}

func (v *Verifier) remember(id [sha256.Size]byte) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.seen) >= maxSeen {
		clear(v.seen) // signatures are verified again, no more
	}
	v.seen[id] = struct{}{}
}
