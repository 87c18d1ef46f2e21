package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jws"
	"github.com/lestrrat-go/jwx/v2/jwt"
)

// Tokens checks bearer tokens: RS256 JWTs of one issuer for one audience, by
// the issuer's key set, which is fetched on first use, kept, and fetched again
// when a token names a key that it does not have and when it has grown old.
type Tokens struct {
	Issuer   string // "https://auth.example.org/", as the tokens' iss
	Audience string
	JWKS     string // URL of the issuer's key set
	Client   *http.Client
	Now      func() time.Time

	keys   keys
	proven provenTokens
}

// clockSkew is how far the issuer's clock may be off.
const clockSkew = 30 * time.Second

// caller is who sent a request: the client that its token was issued to, and
// what the token allows.
type caller struct {
	client string
	scopes []string
	scope  string // all of them, as the token has them
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
	if who, ok := t.proven.find(header, t.recentKeys(ctx), t.Now()); ok {
		return who, nil
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
	token, problem := t.prove(ctx, parts[1])
	if problem != nil {
		return caller{}, problem
	}
	t.proven.add(header, token)
	return token.caller, nil
}

var errUnparsable = unauthorized("invalid_header", "Unable to parse authentication token.")

// prove finds out whether the issuer signed the token, and whether its claims
// are good now.
func (t *Tokens) prove(ctx context.Context, compact string) (*provenToken, *Error) {
	message, err := jws.ParseString(compact)
	if err != nil || len(message.Signatures()) != 1 {
		return nil, errUnparsable
	}
	header := message.Signatures()[0].ProtectedHeaders()
	if header.Algorithm() != jwa.RS256 || len(header.Critical()) > 0 {
		return nil, errUnparsable
	}
	key, by, problem := t.key(ctx, header.KeyID())
	if problem != nil {
		return nil, problem
	}
	if _, err := jws.Verify([]byte(compact), jws.WithKey(jwa.RS256, key)); err != nil {
		return nil, errUnparsable
	}
	claims, err := jwt.Parse(message.Payload(), jwt.WithVerify(false), jwt.WithValidate(false))
	if err != nil {
		return nil, errUnparsable
	}
	if problem := t.validate(claims); problem != nil {
		return nil, problem
	}
	return &provenToken{by, claims.Expiration(), callerFrom(claims)}, nil
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
			who.scope, who.scopes = list, strings.Fields(list)
		}
	}
	return who
}
