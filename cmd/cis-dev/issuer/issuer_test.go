package issuer_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/lestrrat-go/jwx/v2/jwt"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"cis/cmd/cis-dev/issuer"
)

func start(t *testing.T, keyFile string) (*issuer.Issuer, *httptest.Server) {
	server := httptest.NewUnstartedServer(nil)
	i, err := issuer.New(issuer.Options{
		BaseURL: "http://" + server.Listener.Addr().String(), KeyFile: keyFile,
		Clients:   []issuer.Client{{ID: "dev", Secret: "dev-secret", Scopes: []string{"write", "display:all"}}},
		Audiences: []string{"api", "hook"}, Lifetime: time.Hour, Now: time.Now,
	})
	require.NoError(t, err)
	server.Config.Handler = i
	server.Start()
	t.Cleanup(server.Close)
	return i, server
}

func verify(t *testing.T, i *issuer.Issuer, compact string) jwt.Token {
	keys, err := jwk.Fetch(context.Background(), i.JWKSURL())
	require.NoError(t, err)
	token, err := jwt.Parse([]byte(compact), jwt.WithKeySet(keys), jwt.WithIssuer(i.URL()))
	require.NoError(t, err)
	return token
}

func TestTokensOfTheOAuthLibrary(t *testing.T) {
	for name, style := range map[string]oauth2.AuthStyle{"form": oauth2.AuthStyleInParams, "basic": oauth2.AuthStyleInHeader} {
		t.Run(name, func(t *testing.T) {
			i, _ := start(t, filepath.Join(t.TempDir(), "keys", "issuer.jwk"))
			c := clientcredentials.Config{
				ClientID: "dev", ClientSecret: "dev-secret", TokenURL: i.TokenURL(), AuthStyle: style,
				EndpointParams: url.Values{"audience": {"hook"}},
			}
			issued, err := c.Token(context.Background())
			require.NoError(t, err)
			token := verify(t, i, issued.AccessToken)
			require.Equal(t, []string{"hook"}, token.Audience())
			require.Equal(t, "dev@clients", token.Subject())
			scope, _ := token.Get("scope")
			require.Equal(t, "write display:all", scope)
		})
	}
}

func TestTokenRequests(t *testing.T) {
	i, server := start(t, filepath.Join(t.TempDir(), "issuer.jwk"))
	for name, test := range map[string]struct {
		body   string
		status int
		says   string // the error, or the scope
	}{
		"JSON, as Auth0's clients send it": {`{"grant_type":"client_credentials","client_id":"dev","client_secret":"dev-secret","audience":"api"}`, 200, "write display:all"},
		"fewer scopes when asked for":      {`{"grant_type":"client_credentials","client_id":"dev","client_secret":"dev-secret","audience":"api","scope":"write search:all"}`, 200, "write"},
		"a wrong secret":                   {`{"grant_type":"client_credentials","client_id":"dev","client_secret":"guess","audience":"api"}`, 401, "access_denied"},
		"an unknown client without secret": {`{"grant_type":"client_credentials","client_id":"nobody","audience":"api"}`, 401, "access_denied"},
		"an unknown audience":              {`{"grant_type":"client_credentials","client_id":"dev","client_secret":"dev-secret","audience":"x"}`, 403, "access_denied"},
		"another grant":                    {`{"grant_type":"password","client_id":"dev","client_secret":"dev-secret","audience":"api"}`, 400, "unsupported_grant_type"},
		"what is not JSON":                 {`grant_type=client_credentials`, 400, "invalid_request"},
	} {
		t.Run(name, func(t *testing.T) {
			response, err := http.Post(server.URL+"/oauth/token", "application/json; charset=utf-8", strings.NewReader(test.body))
			require.NoError(t, err)
			defer response.Body.Close()
			require.Equal(t, test.status, response.StatusCode)
			require.Equal(t, "no-store", response.Header.Get("Cache-Control"))
			var answer map[string]any
			require.NoError(t, json.NewDecoder(response.Body).Decode(&answer))
			if test.status == http.StatusOK {
				require.Equal(t, test.says, answer["scope"])
				verify(t, i, answer["access_token"].(string))
				return
			}
			require.Equal(t, test.says, answer["error"])
			require.NotEmpty(t, answer["error_description"])
		})
	}
}

func TestTheKeyIsKept(t *testing.T) {
	file := filepath.Join(t.TempDir(), "issuer.jwk")
	_, server := start(t, file)
	response, err := http.Post(server.URL+"/oauth/token", "application/json",
		strings.NewReader(`{"grant_type":"client_credentials","client_id":"dev","client_secret":"dev-secret","audience":"api"}`))
	require.NoError(t, err)
	defer response.Body.Close()
	var answer struct {
		Token string `json:"access_token"`
	}
	require.NoError(t, json.NewDecoder(response.Body).Decode(&answer))

	again, _ := start(t, file)
	keys, err := jwk.Fetch(context.Background(), again.JWKSURL())
	require.NoError(t, err)
	_, err = jwt.Parse([]byte(answer.Token), jwt.WithKeySet(keys))
	require.NoError(t, err)
}
