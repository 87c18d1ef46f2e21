// Package issuer is a token issuer for development: it answers as Auth0 does
// what CIS and its clients ask of one.
package issuer

import (
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/lestrrat-go/jwx/v2/jws"
	"github.com/lestrrat-go/jwx/v2/jwt"
)

// Options say who may have which tokens.
type Options struct {
	// BaseURL is where the issuer is reached; tokens name BaseURL + "/" as
	// their issuer.
	BaseURL string
	// KeyFile keeps the signing key; it is made when it is not there.
	KeyFile   string
	Clients   []Client
	Audiences []string
	Lifetime  time.Duration
	Now       func() time.Time
}

// Client is who may have a token, and for what.
type Client struct {
	ID, Secret string
	Scopes     []string
}

// Issuer issues tokens.
type Issuer struct {
	options Options
	key     jwk.Key
	mux     *http.ServeMux
}

// New returns an issuer, with the key that it had before or a new one.
func New(o Options) (*Issuer, error) {
	key, err := loadKey(o.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("token issuer: %w", err)
	}
	i := &Issuer{options: o, key: key, mux: http.NewServeMux()}
	i.mux.HandleFunc("POST /oauth/token", i.token)
	i.mux.HandleFunc("GET /.well-known/openid-configuration", i.discovery)
	i.mux.HandleFunc("GET /.well-known/jwks.json", i.jwks)
	return i, nil
}

// URL is the issuer as tokens name it.
func (i *Issuer) URL() string { return i.options.BaseURL + "/" }

// TokenURL is where clients get tokens.
func (i *Issuer) TokenURL() string { return i.options.BaseURL + "/oauth/token" }

// JWKSURL is where the public key is.
func (i *Issuer) JWKSURL() string { return i.options.BaseURL + "/.well-known/jwks.json" }

// ServeHTTP implements http.Handler.
func (i *Issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) { i.mux.ServeHTTP(w, r) }

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func (i *Issuer) discovery(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string]any{
		"issuer":                                i.URL(),
		"token_endpoint":                        i.TokenURL(),
		"jwks_uri":                              i.JWKSURL(),
		"response_types_supported":              []string{"token"},
		"grant_types_supported":                 []string{"client_credentials"},
		"subject_types_supported":               []string{"public"},
		"id_token_signing_alg_values_supported": []string{"RS256"},
		"token_endpoint_auth_methods_supported": []string{"client_secret_post", "client_secret_basic"},
	})
}

func (i *Issuer) jwks(w http.ResponseWriter, _ *http.Request) {
	public, err := i.key.PublicKey()
	if err != nil {
		answer(w, http.StatusInternalServerError, refusal{Error: "server_error", Description: err.Error()})
		return
	}
	answer(w, http.StatusOK, map[string]any{"keys": []any{public}})
}

// refusal is an OAuth 2 error (RFC 6749, section 5.2).
type refusal struct {
	status int

	Error       string `json:"error"`
	Description string `json:"error_description"`
}

type request struct {
	GrantType    string `json:"grant_type"`
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"`
	Audience     string `json:"audience"`
	Scope        string `json:"scope"`
}

func (i *Issuer) token(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	asked, refused := read(w, r)
	if refused == nil {
		refused = i.refuse(asked)
	}
	if refused != nil {
		answer(w, refused.status, refused)
		return
	}
	scope := i.granted(asked)
	token, err := i.sign(asked, scope)
	if err != nil {
		answer(w, http.StatusInternalServerError, refusal{Error: "server_error", Description: err.Error()})
		return
	}
	answer(w, http.StatusOK, map[string]any{
		"access_token": token, "scope": scope,
		"expires_in": int(i.options.Lifetime.Seconds()), "token_type": "Bearer",
	})
}

// read takes a request as JSON or as a form, with the client in the body or in
// the Authorization header.
func read(w http.ResponseWriter, r *http.Request) (request, *refusal) {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	var asked request
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind == "application/json" {
		if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
			return asked, &refusal{http.StatusBadRequest, "invalid_request", "the body is not JSON"}
		}
	} else {
		if err := r.ParseForm(); err != nil {
			return asked, &refusal{http.StatusBadRequest, "invalid_request", "the body is not a form"}
		}
		asked = request{r.PostFormValue("grant_type"), r.PostFormValue("client_id"), r.PostFormValue("client_secret"),
			r.PostFormValue("audience"), r.PostFormValue("scope")}
	}
	if id, secret, ok := r.BasicAuth(); ok {
		asked.ClientID, asked.ClientSecret = id, secret
	}
	return asked, nil
}

func (i *Issuer) refuse(asked request) *refusal {
	if asked.GrantType != "client_credentials" {
		return &refusal{http.StatusBadRequest, "unsupported_grant_type", "only client_credentials is supported"}
	}
	client, ok := i.client(asked.ClientID)
	same := subtle.ConstantTimeCompare([]byte(client.Secret), []byte(asked.ClientSecret)) == 1
	if !ok || !same {
		return &refusal{http.StatusUnauthorized, "access_denied", "Unauthorized"}
	}
	if !slices.Contains(i.options.Audiences, asked.Audience) {
		return &refusal{http.StatusForbidden, "access_denied",
			fmt.Sprintf("no such audience; there are: %s", strings.Join(i.options.Audiences, ", "))}
	}
	return nil
}

func (i *Issuer) client(id string) (Client, bool) {
	for _, c := range i.options.Clients {
		if c.ID == id {
			return c, true
		}
	}
	return Client{}, false
}

// granted is what the client may, or of that what it asks for.
func (i *Issuer) granted(asked request) string {
	client, _ := i.client(asked.ClientID)
	if asked.Scope == "" {
		return strings.Join(client.Scopes, " ")
	}
	var granted []string
	for _, scope := range strings.Fields(asked.Scope) {
		if slices.Contains(client.Scopes, scope) {
			granted = append(granted, scope)
		}
	}
	return strings.Join(granted, " ")
}

func (i *Issuer) sign(asked request, scope string) (string, error) {
	now := i.options.Now()
	token, err := jwt.NewBuilder().
		Issuer(i.URL()).
		Subject(asked.ClientID+"@clients").
		Audience([]string{asked.Audience}).
		IssuedAt(now).
		Expiration(now.Add(i.options.Lifetime)).
		Claim("azp", asked.ClientID).
		Claim("scope", scope).
		Claim("gty", "client-credentials").
		Build()
	if err != nil {
		return "", err
	}
	header := jws.NewHeaders()
	if err := header.Set(jws.TypeKey, "JWT"); err != nil {
		return "", err
	}
	signed, err := jwt.Sign(token, jwt.WithKey(jwa.RS256, i.key, jws.WithProtectedHeaders(header)))
	return string(signed), err
}
