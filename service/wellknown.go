package service

import (
	"cmp"
	"strings"
	"sync"
	"time"

	"cis/schema"
)

// wellKnown is the document at /.well-known/mozilla-iam as it was last made:
// everybody may ask for it, and it takes longer to make than to send.
type wellKnown struct {
	mu   sync.Mutex
	text []byte
	made time.Time
}

// wellKnownAge is how old the document becomes before it is made anew, with the
// keys that the publishers then have.
const wellKnownAge = time.Second

// wellKnown returns the document. It fails while the publishers' keys are not
// to be had.
func (p *Parts) wellKnown() ([]byte, error) {
	w := &p.document
	w.mu.Lock()
	defer w.mu.Unlock()
	if time.Since(w.made) < wellKnownAge {
		return w.text, nil
	}
	keys, err := p.KeySets.JWKS()
	if err != nil {
		return nil, err
	}
	c := p.Config
	w.text, w.made = schema.NewWellKnown(schema.Params{
		BaseURL: c.API.URL, PersonURL: c.API.PersonURL, IssuerURL: c.Tokens.Issuer, Audience: c.Tokens.Audience,
		AccessFileURL: cmp.Or(c.API.AccessFileURL, strings.TrimSuffix(c.API.URL, "/")+"/access-file"),
		PublisherKeys: keys,
	}).JSON(), time.Now()
	return w.text, nil
}
