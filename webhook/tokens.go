package webhook

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
	"golang.org/x/sync/singleflight"

	"cis/change"
)

// TokenSource gives the bearer tokens that deliveries carry. Its methods are
// safe for concurrent use.
type TokenSource interface {
	// Token returns a token for the audience that is valid for a while yet.
	Token(ctx context.Context, audience string) (string, error)
	// Invalidate says that a receiver refused the token, so that it is not
	// given out again. A source may put that off, and go on giving out a token
	// that it fetched only just before.
	Invalidate(audience, token string)
}

// ClientCredentials gets tokens from an issuer by the OAuth 2 client
// credentials grant, one for each audience, and keeps each until shortly
// before it ends. Many deliveries that need one at the same time wait for one
// fetch. The fields must not be changed after the first use.
type ClientCredentials struct {
	// TokenURL is the issuer's token endpoint.
	TokenURL string
	// ClientID and ClientSecret are ours at the issuer.
	ClientID, ClientSecret string
	// AuthStyle says how these are sent; if not set, in the request's form.
	AuthStyle oauth2.AuthStyle
	// Client makes the requests; nil for http.DefaultClient. It follows no
	// redirects: they would carry the secret away.
	Client *http.Client
	// Timeout bounds a fetch; 0 means 10 seconds.
	Timeout time.Duration
	// RenewBefore is how long before a token's end a new one is fetched, at
	// most half of the token's life; 0 means 5 minutes.
	RenewBefore time.Duration
	// RenewEvery is how often at most a token is given up because a receiver
	// refused it, so that a receiver that refuses every token does not drive
	// us to the issuer with every delivery; 0 means 30 seconds.
	RenewEvery time.Duration
	// Now is the clock; nil means time.Now.
	Now func() time.Time

	fetches singleflight.Group
	mu      sync.Mutex
	tokens  map[string]*kept // by audience
}

const (
	defaultFetchTimeout = 10 * time.Second
	defaultRenewBefore  = 5 * time.Minute
	defaultRenewEvery   = 30 * time.Second

	// unknownLife is how long a token is used whose issuer does not say how
	// long it lives.
	unknownLife = time.Minute
	// pause is how long the issuer is left alone after it failed to renew a
	// token that is still valid.
	pause = 10 * time.Second
)

// kept is an audience's token.
type kept struct {
	token      string // "" for none
	renew, end time.Time
	refused    time.Time // when a token was last given up because it was refused
}

func (s *ClientCredentials) now() time.Time {
	if s.Now == nil {
		return time.Now()
	}
	return s.Now()
}

func orDefault(d, otherwise time.Duration) time.Duration {
	if d == 0 {
		return otherwise
	}
	return d
}

// Token implements TokenSource. An issuer that cannot be reached, or refuses,
// is change.Retry.
func (s *ClientCredentials) Token(ctx context.Context, audience string) (string, error) {
	if token, fresh := s.current(audience); fresh {
		return token, nil
	}
	// The fetch is everybody's, so it does not end with the context of the one
	// who happened to ask first.
	fetch := s.fetches.DoChan(audience, func() (any, error) {
		return s.renew(context.WithoutCancel(ctx), audience)
	})
	select {
	case result := <-fetch:
		if result.Err != nil {
			return "", change.As(change.Retry, fmt.Errorf("getting a token for audience %s: %w", audience, result.Err))
		}
		return result.Val.(string), nil
	case <-ctx.Done():
		return "", change.As(change.Retry, fmt.Errorf("getting a token for audience %s: %w", audience, context.Cause(ctx)))
	}
}

// current returns the kept token as long as it is valid; it is fresh if there
// is no need yet to renew it.
func (s *ClientCredentials) current(audience string) (token string, fresh bool) {
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	k, ok := s.tokens[audience]
	if !ok || !now.Before(k.end) {
		return "", false
	}
	return k.token, k.token != "" && now.Before(k.renew)
}

// renew fetches a token. When it cannot, the kept one is used to its end.
func (s *ClientCredentials) renew(ctx context.Context, audience string) (string, error) {
	old, fresh := s.current(audience)
	if fresh { // somebody else's fetch ended just before
		return old, nil
	}
	asked := s.now()
	token, life, err := s.fetch(ctx, audience)
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.tokens[audience]
	if k == nil {
		k = &kept{}
		if s.tokens == nil {
			s.tokens = make(map[string]*kept)
		}
		s.tokens[audience] = k
	}
	if err != nil {
		if old == "" || old != k.token {
			return "", err
		}
		k.renew = s.now().Add(pause)
		return old, nil
	}
	k.token, k.end = token, asked.Add(life)
	k.renew = k.end.Add(-min(orDefault(s.RenewBefore, defaultRenewBefore), life/2))
	return token, nil
}

// Invalidate implements TokenSource.
func (s *ClientCredentials) Invalidate(audience, token string) {
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	k, ok := s.tokens[audience]
	if !ok || k.token != token || now.Sub(k.refused) < orDefault(s.RenewEvery, defaultRenewEvery) {
		return
	}
	k.token, k.refused = "", now
}

// fetch asks the issuer for a token and how long it lives.
func (s *ClientCredentials) fetch(ctx context.Context, audience string) (token string, life time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, orDefault(s.Timeout, defaultFetchTimeout))
	defer cancel()
	client := http.Client{}
	if s.Client != nil {
		client = *s.Client
	}
	client.CheckRedirect = noRedirects
	config := clientcredentials.Config{
		ClientID: s.ClientID, ClientSecret: s.ClientSecret, TokenURL: s.TokenURL,
		AuthStyle: s.AuthStyle, EndpointParams: url.Values{"audience": {audience}},
	}
	if config.AuthStyle == oauth2.AuthStyleAutoDetect {
		config.AuthStyle = oauth2.AuthStyleInParams
	}
	t, err := config.Token(context.WithValue(ctx, oauth2.HTTPClient, &client))
	if err != nil {
		return "", 0, s.failure(err)
	}
	if t.Expiry.IsZero() {
		return t.AccessToken, unknownLife, nil
	}
	return t.AccessToken, time.Until(t.Expiry), nil // the library's Expiry is of the machine's clock
}

// failure is an error of a fetch without what must not be shown: an issuer may
// repeat what it was sent, and its whole answer is in the library's error.
func (s *ClientCredentials) failure(err error) error {
	secrets := []string{s.ClientSecret, url.QueryEscape(s.ClientSecret)}
	refused, ok := errors.AsType[*oauth2.RetrieveError](err)
	if !ok {
		return show(err, secrets)
	}
	text := "the issuer answered " + refused.Response.Status
	for _, part := range []string{refused.ErrorCode, refused.ErrorDescription} {
		if part != "" {
			text += ": " + part
		}
	}
	return errors.New(printable(hide(text, secrets)))
}
