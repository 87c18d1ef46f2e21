package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// WellKnown is the document at /.well-known/mozilla-iam: where the services of
// a deployment are and which keys they trust.
type WellKnown struct {
	OIDCDiscoveryURI string     `json:"oidc_discovery_uri"`
	AccessFile       AccessFile `json:"access_file"`
	API              API        `json:"api"`
}

// AccessFile tells of the file that says who may use which application.
type AccessFile struct {
	Endpoint string `json:"endpoint"`
	// AAIMapping lists what each assurance level asks for beyond the levels
	// below it.
	AAIMapping AAIMapping `json:"aai_mapping"`
	// JWKS is what the file is signed with: a JSON Web Key Set, or, in some
	// documents, one whose "keys" is a single key instead of a list of them.
	JWKS json.RawMessage `json:"jwks,omitempty"`
}

// AAIMapping maps assurance levels to authentication indicators.
type AAIMapping struct {
	Low     []string `json:"LOW"`
	Medium  []string `json:"MEDIUM"`
	High    []string `json:"HIGH"`
	Maximum []string `json:"MAXIMUM"`
}

// API tells of the Change API and the Person API.
type API struct {
	Endpoints          Endpoints     `json:"endpoints"`
	Audience           string        `json:"audience"` // of tokens for both
	ProfileSchemaURI   string        `json:"profile_schema_uri"`
	ScopesSupported    []string      `json:"scopes_supported"`
	PublishersRulesURI string        `json:"publishers_rules_uri"`
	PublishersJWKS     PublisherKeys `json:"publishers_jwks"`
}

// Endpoints are the base URLs of the APIs.
type Endpoints struct {
	Change string `json:"change"`
	Person string `json:"person"`
}

// KeySet is a JSON Web Key Set (RFC 7517), its keys left as they are.
type KeySet struct {
	Keys []json.RawMessage `json:"keys"`
}

// PublisherKeys are the key sets that publishers are believed by, by the
// publisher's name.
type PublisherKeys map[string]KeySet

// publisherOrder is how documents have always listed the publishers.
var publisherOrder = []string{"mozilliansorg", "access_provider", "hris", "ldap", "cis"}

// MarshalJSON writes the publishers in the order that documents have always
// had, others after them by name.
func (p PublisherKeys) MarshalJSON() ([]byte, error) {
	names := slices.DeleteFunc(slices.Clone(publisherOrder), func(name string) bool {
		_, ok := p[name]
		return !ok
	})
	for _, name := range slices.Sorted(maps.Keys(p)) {
		if !slices.Contains(publisherOrder, name) {
			names = append(names, name)
		}
	}
	var out bytes.Buffer
	out.WriteByte('{')
	for i, name := range names {
		if i > 0 {
			out.WriteByte(',')
		}
		set := p[name]
		if set.Keys == nil {
			set.Keys = []json.RawMessage{} // a set without keys, and not null
		}
		member, err := json.Marshal(map[string]KeySet{name: set})
		if err != nil {
			return nil, fmt.Errorf("key set of %s: %w", name, err)
		}
		out.Write(member[1 : len(member)-1])
	}
	out.WriteByte('}')
	return out.Bytes(), nil
}

// ParseWellKnown reads a document, passing over members that it does not know.
// A document without any publisher's keys is refused: it is not the document
// that was meant, and nothing could be verified by it.
func ParseWellKnown(text []byte) (*WellKnown, error) {
	var w WellKnown
	if err := json.Unmarshal(text, &w); err != nil {
		return nil, fmt.Errorf("well-known document: %w", err)
	}
	if !slices.ContainsFunc(slices.Collect(maps.Values(w.API.PublishersJWKS)), func(s KeySet) bool { return len(s.Keys) > 0 }) {
		return nil, errors.New("well-known document: it has no keys under api.publishers_jwks")
	}
	return &w, nil
}

// JSON returns the document, its members in the order that documents have
// always had. It panics if a key is not JSON.
func (w *WellKnown) JSON() []byte {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(w); err != nil {
		panic(err)
	}
	return out.Bytes()
}
