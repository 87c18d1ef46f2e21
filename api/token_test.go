package api

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/lestrrat-go/jwx/v2/jws"
	"github.com/stretchr/testify/require"
)

const (
	testIssuer   = "https://issuer.example.org/"
	testAudience = "api.example.org"
)

// issuer is a token issuer's key set, served over HTTP, whose keys can change.
type issuer struct {
	keys    map[string]*rsa.PrivateKey
	fetches atomic.Int32
	down    atomic.Bool
	server  *httptest.Server
}

func newIssuer(t *testing.T) *issuer {
	i := &issuer{keys: map[string]*rsa.PrivateKey{"one": newRSA(t)}}
	i.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		i.fetches.Add(1)
		if i.down.Load() {
			http.Error(w, "down", http.StatusBadGateway)
			return
		}
		set := jwk.NewSet()
		for id, private := range i.keys {
			key, _ := jwk.FromRaw(private.Public())
			_ = key.Set(jwk.KeyIDKey, id)
			_ = set.AddKey(key)
		}
		_ = json.NewEncoder(w).Encode(set)
	}))
	t.Cleanup(i.server.Close)
	return i
}

func newRSA(t *testing.T) *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	return key
}

func (i *issuer) tokens(now func() time.Time) *Tokens {
	return &Tokens{Issuer: testIssuer, Audience: testAudience, JWKS: i.server.URL, Client: i.server.Client(), Now: now}
}

func sign(t *testing.T, key any, alg jwa.SignatureAlgorithm, kid string, claims map[string]any) string {
	header := jws.NewHeaders()
	if kid != "" {
		require.NoError(t, header.Set(jws.KeyIDKey, kid))
	}
	payload, err := json.Marshal(claims)
	require.NoError(t, err)
	signed, err := jws.Sign(payload, jws.WithKey(alg, key, jws.WithProtectedHeaders(header)))
	require.NoError(t, err)
	return string(signed)
}

func claims(now time.Time, changes map[string]any) map[string]any {
	c := map[string]any{
		"iss": testIssuer, "aud": testAudience, "sub": "hris@clients", "scope": "write display:all",
		"iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
	}
	for name, value := range changes {
		c[name] = value
		if value == nil {
			delete(c, name)
		}
	}
	return c
}

func TestTokens(t *testing.T) {
	now := time.Now()
	i := newIssuer(t)
	key := i.keys["one"]
	public, err := jwk.FromRaw(key.Public())
	require.NoError(t, err)
	publicJSON, err := json.Marshal(public)
	require.NoError(t, err)
	good := sign(t, key, jwa.RS256, "one", claims(now, nil))

	for name, test := range map[string]struct {
		header string
		code   string // "" when the token is good
	}{
		"a good token":                 {"Bearer " + good, ""},
		"the scheme in lower case":     {"bearer " + good, ""},
		"the audience in a list":       {"Bearer " + sign(t, key, jwa.RS256, "one", claims(now, map[string]any{"aud": []string{"x", testAudience}})), ""},
		"no header":                    {"", "authorization_header_missing"},
		"another scheme":               {"Basic dTpw", "invalid_header"},
		"nothing but a no-break space": {"\u00a0", "invalid_header"},
		"the scheme alone":             {"Bearer", "invalid_header"},
		"three parts":                  {"Bearer a b", "invalid_header"},
		"garbage":                      {"Bearer garbage", "invalid_header"},
		"an unknown key":               {"Bearer " + sign(t, key, jwa.RS256, "other", claims(now, nil)), "invalid_header"},
		"no key id":                    {"Bearer " + sign(t, key, jwa.RS256, "", claims(now, nil)), "invalid_header"},
		"a foreign key under the issuer's key id": {"Bearer " + sign(t, newRSA(t), jwa.RS256, "one", claims(now, nil)), "invalid_header"},
		"an altered token":                        {"Bearer " + good[:len(good)-8] + "AAAAAAAA", "invalid_header"},
		"another RSA algorithm":                   {"Bearer " + sign(t, key, jwa.RS512, "one", claims(now, nil)), "invalid_header"},
		"HMAC keyed with the public key":          {"Bearer " + sign(t, publicJSON, jwa.HS256, "one", claims(now, nil)), "invalid_header"},
		"an expired token":                        {"Bearer " + sign(t, key, jwa.RS256, "one", claims(now, map[string]any{"exp": now.Add(-time.Hour).Unix()})), "token_expired"},
		"a token that never expires":              {"Bearer " + sign(t, key, jwa.RS256, "one", claims(now, map[string]any{"exp": nil})), "invalid_claims"},
		"another audience":                        {"Bearer " + sign(t, key, jwa.RS256, "one", claims(now, map[string]any{"aud": "other"})), "invalid_claims"},
		"another issuer":                          {"Bearer " + sign(t, key, jwa.RS256, "one", claims(now, map[string]any{"iss": "https://evil.example.org/"})), "invalid_claims"},
		"a token for tomorrow":                    {"Bearer " + sign(t, key, jwa.RS256, "one", claims(now, map[string]any{"nbf": now.Add(24 * time.Hour).Unix()})), "invalid_claims"},
	} {
		t.Run(name, func(t *testing.T) {
			who, problem := i.tokens(time.Now).check(context.Background(), test.header)
			if test.code == "" {
				require.Nil(t, problem)
				require.Equal(t, "hris", who.client)
				require.True(t, who.may("write"))
				require.False(t, who.may("search:all"))
				return
			}
			require.NotNil(t, problem)
			require.Equal(t, test.code, problem.Code)
			require.Equal(t, http.StatusUnauthorized, problem.status)
		})
	}
}

func TestKeysOfTheIssuer(t *testing.T) {
	now := time.Now()
	clock := now
	i := newIssuer(t)
	tokens := i.tokens(func() time.Time { return clock })
	check := func(kid string) *Error {
		_, problem := tokens.check(context.Background(), "Bearer "+sign(t, i.keys[kid], jwa.RS256, kid, claims(clock, nil)))
		return problem
	}

	i.down.Store(true)
	require.Equal(t, http.StatusServiceUnavailable, check("one").status, "with no keys at all nobody can be told to have a bad token")
	i.down.Store(false)
	require.Nil(t, check("one"))
	require.Nil(t, check("one"))
	require.EqualValues(t, 2, i.fetches.Load(), "the keys are kept")

	i.keys["two"] = newRSA(t)
	require.NotNil(t, check("two"), "just fetched: unknown keys do not become requests")
	require.EqualValues(t, 2, i.fetches.Load())
	clock = clock.Add(refetch + time.Second)
	require.Nil(t, check("two"), "a new key is found")
	require.EqualValues(t, 3, i.fetches.Load())

	i.down.Store(true)
	clock = clock.Add(refetch + time.Second)
	require.Nil(t, check("one"), "an issuer that is away costs nobody whose key is known")
}

func TestAWithdrawnKeyCountsNoLonger(t *testing.T) {
	clock := time.Now()
	i := newIssuer(t)
	i.keys["two"] = newRSA(t)
	tokens := i.tokens(func() time.Time { return clock })
	header := "Bearer " + sign(t, i.keys["one"], jwa.RS256, "one", claims(clock, map[string]any{"exp": clock.Add(48 * time.Hour).Unix()}))
	check := func() *Error {
		_, problem := tokens.check(context.Background(), header)
		return problem
	}
	require.Nil(t, check())
	delete(i.keys, "one")
	require.Nil(t, check(), "it is still believed to be there")
	clock = clock.Add(keySetAge)
	require.Equal(t, "invalid_header", check().Code, "also for a token that was good before")

	i = newIssuer(t)
	tokens = i.tokens(func() time.Time { return clock })
	header = "Bearer " + sign(t, i.keys["one"], jwa.RS256, "one", claims(clock, map[string]any{"exp": clock.Add(48 * time.Hour).Unix()}))
	require.Nil(t, check())
	i.down.Store(true)
	clock = clock.Add(keySetLife)
	require.Nil(t, check(), "an issuer that is away")
	clock = clock.Add(keySetAge)
	require.Equal(t, http.StatusServiceUnavailable, check().status, "but not for ever")
}

func TestATokenThatWasGoodIsRefusedOnceItHasExpired(t *testing.T) {
	clock := time.Now()
	i := newIssuer(t)
	tokens := i.tokens(func() time.Time { return clock })
	header := "Bearer " + sign(t, i.keys["one"], jwa.RS256, "one", claims(clock, map[string]any{"exp": clock.Add(time.Minute).Unix()}))
	for range 3 {
		who, problem := tokens.check(context.Background(), header)
		require.Nil(t, problem)
		require.Equal(t, "hris", who.client)
	}
	clock = clock.Add(time.Minute + clockSkew + time.Second)
	_, problem := tokens.check(context.Background(), header)
	require.NotNil(t, problem)
	require.Equal(t, "token_expired", problem.Code)
}

func TestATokenOfAnotherAudienceIsNobodysAlsoWhenItComesAgain(t *testing.T) {
	i := newIssuer(t)
	tokens := i.tokens(time.Now)
	header := "Bearer " + sign(t, i.keys["one"], jwa.RS256, "one", claims(time.Now(), map[string]any{"aud": "other"}))
	for range 3 {
		_, problem := tokens.check(context.Background(), header)
		require.NotNil(t, problem)
	}
}
