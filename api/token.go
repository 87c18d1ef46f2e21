package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/lestrrat-go/jwx/v2/jws"
	"github.com/lestrrat-go/jwx/v2/jwt"
)

// Tokens checks bearer tokens: RS256 JWTs of one issuer for one audience, by
// the issuer's key set, which is fetched on first use, kept, and fetched again
// when a token names a key that it does not have.
type Tokens struct {
	Issuer   string // "https://auth.example.org/", as the tokens' iss
	Audience string
	JWKS     string // URL of the issuer's key set
	Client   *http.Client
	Now      func() time.Time

	mu      sync.Mutex
	keys    jwk.Set
	fetched time.Time
}

const (
	// refetch is how long a key set is not fetched again, however many tokens
	// name unknown keys: forged tokens must not become requests to the issuer.
	refetch = 10 * time.Second
	// clockSkew is how far the issuer's clock may be off.
	clockSkew = 30 * time.Second
	// maxKeySet bounds the key set's size.
	maxKeySet = 1 << 20
)

// caller is who sent a request: the client that its token was issued to, and
// what the token allows.
type caller struct {
	client string
	scopes []string
}

func (c caller) may(scope string) bool { return slices.Contains(c.scopes, scope) }

const callerKey = "caller"

// required refuses requests without a valid token.
func (t *Tokens) required(c *gin.Context) {
	who, err := t.check(c.Request.Context(), c.GetHeader("Authorization"))
	if err != nil {
		fail(c, err)
		return
	}
	c.Set(callerKey, who)
}

// optional lets requests without a token pass, as nobody; a token that is
// there must be valid.
func (t *Tokens) optional(c *gin.Context) {
	if c.GetHeader("Authorization") != "" {
		t.required(c)
	}
}

// scope refuses callers whose token does not have the scope.
func scope(name string) gin.HandlerFunc {
	return func(c *gin.Context) {
		if !callerOf(c).may(name) {
			fail(c, newError(http.StatusForbidden, "insufficient_scope",
				fmt.Sprintf("the token does not have the scope %q, which this call needs", name)))
		}
	}
}

func callerOf(c *gin.Context) caller {
	who, _ := c.Get(callerKey)
	known, _ := who.(caller)
	return known
}

func unauthorized(code, description string) *Error {
	return newError(http.StatusUnauthorized, code, description)
}

// check reads an Authorization header. The descriptions are the original's
// where it has one for the case: clients have them in their logs.
func (t *Tokens) check(ctx context.Context, header string) (caller, *Error) {
	if header == "" {
		return caller{}, unauthorized("authorization_header_missing", "Authorization header is expected")
	}
	parts := strings.Fields(header)
	switch {
	case len(parts) == 0: // nothing but white space of Unicode's, which net/http leaves
		return caller{}, unauthorized("invalid_header", "Authorization header must start with Bearer")
	case !strings.EqualFold(parts[0], "bearer"):
		return caller{}, unauthorized("invalid_header", "Authorization header must start with Bearer")
	case len(parts) == 1:
		return caller{}, unauthorized("invalid_header", "Token not found")
	case len(parts) > 2:
		return caller{}, unauthorized("invalid_header", "Authorization header must be Bearer token")
	}
	return t.verify(ctx, parts[1])
}

var errUnparsable = unauthorized("invalid_header", "Unable to parse authentication token.")

func (t *Tokens) verify(ctx context.Context, compact string) (caller, *Error) {
	message, err := jws.ParseString(compact)
	if err != nil || len(message.Signatures()) != 1 {
		return caller{}, errUnparsable
	}
	header := message.Signatures()[0].ProtectedHeaders()
	if header.Algorithm() != jwa.RS256 || len(header.Critical()) > 0 {
		return caller{}, errUnparsable
	}
	key, problem := t.key(ctx, header.KeyID())
	if problem != nil {
		return caller{}, problem
	}
	if _, err := jws.Verify([]byte(compact), jws.WithKey(jwa.RS256, key)); err != nil {
		return caller{}, errUnparsable
	}
	token, err := jwt.Parse(message.Payload(), jwt.WithVerify(false), jwt.WithValidate(false))
	if err != nil {
		return caller{}, errUnparsable
	}
	if problem := t.validate(token); problem != nil {
		return caller{}, problem
	}
	return callerFrom(token), nil
}

func (t *Tokens) validate(token jwt.Token) *Error {
	err := jwt.Validate(token,
		jwt.WithIssuer(t.Issuer), jwt.WithAudience(t.Audience), jwt.WithRequiredClaim(jwt.ExpirationKey),
		jwt.WithAcceptableSkew(clockSkew), jwt.WithClock(jwt.ClockFunc(t.Now)))
	switch {
	case err == nil:
		return nil
	case errors.Is(err, jwt.ErrTokenExpired()):
		return unauthorized("token_expired", "token is expired")
	}
	return unauthorized("invalid_claims", "incorrect claims,please check the audience and issuer")
}

// callerFrom names the client as Auth0 does: azp, or the subject without its
// "@clients".
func callerFrom(token jwt.Token) caller {
	who := caller{client: strings.TrimSuffix(token.Subject(), "@clients")}
	if azp, ok := token.Get("azp"); ok {
		if name, ok := azp.(string); ok && name != "" {
			who.client = name
		}
	}
	if granted, ok := token.Get("scope"); ok {
		if list, ok := granted.(string); ok {
			who.scopes = strings.Fields(list)
		}
	}
	return who
}

// key finds the issuer's key with this id.
func (t *Tokens) key(ctx context.Context, kid string) (jwk.Key, *Error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	unknown := unauthorized("invalid_header", "Unable to find appropriate key")
	if kid == "" {
		return nil, unknown
	}
	if t.keys != nil {
		if key, ok := t.keys.LookupKeyID(kid); ok {
			return key, nil
		}
		if t.Now().Sub(t.fetched) < refetch {
			return nil, unknown
		}
	}
	keys, err := t.fetch(ctx)
	if err != nil {
		if t.keys != nil {
			return nil, unknown
		}
		return nil, unavailable("the token issuer's keys cannot be had, try again later")
	}
	t.keys, t.fetched = keys, t.Now()
	if key, ok := keys.LookupKeyID(kid); ok {
		return key, nil
	}
	return nil, unknown
}

func (t *Tokens) fetch(ctx context.Context) (jwk.Set, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, t.JWKS, nil)
	if err != nil {
		return nil, err
	}
	response, err := t.Client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answered %s", t.JWKS, response.Status)
	}
	var document struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(nil, response.Body, maxKeySet)).Decode(&document); err != nil {
		return nil, fmt.Errorf("%s: %w", t.JWKS, err)
	}
	set := jwk.NewSet()
	for _, raw := range document.Keys {
		// A key of a kind that is not known here must not cost the others.
		if key, err := jwk.ParseKey(raw); err == nil {
			_ = set.AddKey(key)
		}
	}
	return set, nil
}
