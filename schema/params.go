package schema

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
)

// Params are what one deployment's well-known document has of its own. A slash
// at the end of a URL makes no difference.
type Params struct {
	// BaseURL is where the documents are served, and the APIs too unless
	// ChangeURL and PersonURL are given.
	BaseURL              string
	ChangeURL, PersonURL string
	// IssuerURL is the token issuer's; its OpenID discovery document is below
	// it.
	IssuerURL string
	// Audience is that of the tokens for both APIs.
	Audience      string
	AccessFileURL string
	// AccessFileJWKS is the key set that the access file is signed with; it
	// has no keys where this is nil.
	AccessFileJWKS json.RawMessage
	// Scopes are supported beyond those that Scopes returns; any of those may
	// be in it again.
	Scopes []string
	// PublisherKeys are public JSON Web Keys, by publisher.
	PublisherKeys map[string][]json.RawMessage
}

// NewWellKnown makes a deployment's document.
func NewWellKnown(p Params) *WellKnown {
	var w WellKnown
	if err := json.Unmarshal(wellKnownTemplate, &w); err != nil {
		panic(err)
	}
	trim := func(url string) string { return strings.TrimSuffix(url, "/") }
	base := trim(p.BaseURL)
	fill := strings.NewReplacer(
		"{base}", base,
		"{change}", cmp.Or(trim(p.ChangeURL), base),
		"{person}", cmp.Or(trim(p.PersonURL), base),
		"{issuer}", trim(p.IssuerURL),
		"{access_file}", p.AccessFileURL,
		"{audience}", p.Audience,
	)
	for _, s := range []*string{
		&w.OIDCDiscoveryURI, &w.AccessFile.Endpoint, &w.API.Endpoints.Change, &w.API.Endpoints.Person,
		&w.API.Audience, &w.API.ProfileSchemaURI, &w.API.PublishersRulesURI,
	} {
		*s = fill.Replace(*s)
	}
	if p.AccessFileJWKS != nil {
		w.AccessFile.JWKS = p.AccessFileJWKS
	}
	w.API.ScopesSupported = Scopes()
	for _, scope := range p.Scopes {
		if !slices.Contains(w.API.ScopesSupported, scope) {
			w.API.ScopesSupported = append(w.API.ScopesSupported, scope)
		}
	}
	for publisher, keys := range p.PublisherKeys {
		w.API.PublishersJWKS[publisher] = KeySet{keys}
	}
	return &w
}
