package schema

import (
	"bytes"
	_ "embed"
	"encoding/json"
)

//go:embed profile.schema
var profileSchema []byte

//go:embed publisher-rules.json
var publisherRules []byte

//go:embed well-known.json
var wellKnownTemplate []byte

//go:embed scopes.json
var scopesJSON []byte

// ProfileSchema returns the JSON schema (draft 4) of profile v2, as it is
// served. The bytes are a copy.
func ProfileSchema() []byte { return bytes.Clone(profileSchema) }

// PublisherRules returns the document that says which publishers may create
// and update which attribute, as it is served; profile.ParseRules reads it.
// The bytes are a copy.
func PublisherRules() []byte { return bytes.Clone(publisherRules) }

// WellKnownTemplate returns what all deployments' well-known documents have in
// common. In its strings {base}, {change}, {person}, {issuer}, {audience} and
// {access_file} stand for what Params has; NewWellKnown fills them in. The
// bytes are a copy.
func WellKnownTemplate() []byte { return bytes.Clone(wellKnownTemplate) }

// Scopes returns the names of the scopes that a token can have for the Change
// API and the Person API.
func Scopes() []string {
	var scopes []struct {
		Value string `json:"value"`
	}
	if err := json.Unmarshal(scopesJSON, &scopes); err != nil {
		panic(err)
	}
	names := make([]string, len(scopes))
	for i, s := range scopes {
		names[i] = s.Value
	}
	return names
}
