package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/stretchr/testify/require"

	"cis/profile"
	"cis/vault"
	"cis/vault/sqlite"
)

// somebody is a person in the vault of these tests.
type somebody struct {
	id, email, username string
	active, inLDAP      bool
}

// people are two who share an address, and one who is no longer active.
var people = []somebody{
	{"email|ann+1", "shared@example.org", "ann", true, false},
	{"ad|Mozilla-LDAP|ann", "shared@example.org", "ann2", true, true},
	{"ad|Mozilla-LDAP|old", "old@example.org", "old", false, true},
}

func uuidOf(id string) string { return profile.PersonUUID("salt", id).String() }

func store(t *testing.T) vault.Store { return storeOf(t, people...) }

// storeOf is a vault with these people in it, put there in this order.
func storeOf(t *testing.T, people ...somebody) vault.Store {
	s, err := sqlite.Open(filepath.Join(t.TempDir(), "vault.db"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	var writes []vault.Write
	for i, person := range people {
		writes = append(writes, person.write(t, fmt.Sprint(i+1)))
	}
	_, err = s.Put(context.Background(), writes...)
	require.NoError(t, err)
	return s
}

func (s somebody) write(t *testing.T, number string) vault.Write {
	p, err := profile.Parse([]byte(`{"schema":"https://auth.mozilla.com/.well-known/profile.schema"}`))
	require.NoError(t, err)
	set := func(path profile.Path, value any) {
		var err error
		p, err = p.Set(path, value, time.Unix(0, 0))
		require.NoError(t, err)
	}
	set(profile.UserID, s.id)
	p, err = p.Show(profile.UserID, "public")
	require.NoError(t, err)
	set(profile.UUID, uuidOf(s.id))
	set(profile.PrimaryEmail, s.email)
	set(profile.PrimaryUsername, s.username)
	set(profile.Active, s.active)
	set("staff_information.staff", true)
	if s.inLDAP {
		set("access_information.ldap", map[string]any{"vpn": nil})
	}
	write := vault.Write{Condition: "create", Record: vault.Record{
		ID: s.id, UUID: uuidOf(s.id), PrimaryEmail: s.email, PrimaryUsername: s.username,
		Active: s.active, Profile: p.JSON(), SequenceNumber: number, Revision: 1,
	}}
	for _, term := range p.Terms() {
		write.Terms = append(write.Terms, vault.Term{Attribute: string(term.Attribute), Value: term.Value})
	}
	return write
}

// serve serves the API over a vault, for tokens of an issuer.
func serve(t *testing.T, v vault.Store) (base string, i *issuer) {
	gin.SetMode(gin.TestMode)
	i = newIssuer(t)
	server := httptest.NewServer(New(Options{
		KeptAnswers: 1 << 20,
		Vault:       v, Tokens: i.tokens(time.Now), Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}))
	t.Cleanup(server.Close)
	return server.URL, i
}

// service is the API over a vault, with a token that may do everything. There
// is nobody to carry out a change: what is not refused before is an error.
func service(t *testing.T, v vault.Store) (get func(path string) (int, map[string]any)) {
	call := calls(t, v)
	return func(path string) (int, map[string]any) { return call(http.MethodGet, path, "") }
}

func calls(t *testing.T, v vault.Store) func(method, path, body string, headers ...string) (int, map[string]any) {
	base, i := serve(t, v)
	token := sign(t, i.keys["one"], jwa.RS256, "one", claims(time.Now(), map[string]any{"scope": "read:fullprofile display:all search:all write"}))
	return func(method, path, content string, headers ...string) (int, map[string]any) {
		request, err := http.NewRequest(method, base+path, strings.NewReader(content))
		require.NoError(t, err)
		request.Header.Set("Authorization", "Bearer "+token)
		for i := 0; i+1 < len(headers); i += 2 {
			request.Header.Add(headers[i], headers[i+1])
		}
		response, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		defer response.Body.Close()
		var body map[string]any
		require.NoError(t, json.NewDecoder(response.Body).Decode(&body))
		return response.StatusCode, body
	}
}

func TestLookups(t *testing.T) {
	get := service(t, store(t))
	for name, test := range map[string]struct {
		path string
		id   string // of who is found; "" for nobody
	}{
		"by user_id":                               {"/v2/user/user_id/ad%7CMozilla-LDAP%7Cann", "ad|Mozilla-LDAP|ann"},
		"by user_id, encoded twice":                {"/v2/user/user_id/ad%257CMozilla-LDAP%257Cann", "ad|Mozilla-LDAP|ann"},
		"by user_id with a plus":                   {"/v2/user/user_id/email%7Cann%2B1", "email|ann+1"},
		"by an unknown user_id":                    {"/v2/user/user_id/email%7Cnobody", ""},
		"by uuid":                                  {"/v2/user/uuid/" + uuidOf("email|ann+1"), "email|ann+1"},
		"by primary_username":                      {"/v2/user/primary_username/ann2", "ad|Mozilla-LDAP|ann"},
		"by a primary_email that two share":        {"/v2/user/primary_email/shared%40example.org", "ad|Mozilla-LDAP|ann"},
		"by primary_email, encoded twice":          {"/v2/user/primary_email/shared%2540example.org", "ad|Mozilla-LDAP|ann"},
		"an address in another case is another":    {"/v2/user/primary_email/SHARED%40example.org", ""},
		"an inactive person is hidden":             {"/v2/user/primary_username/old", ""},
		"an inactive person, asked for":            {"/v2/user/primary_username/old?active=false", "ad|Mozilla-LDAP|old"},
		"an inactive person among all":             {"/v2/user/primary_username/old?active=Any", "ad|Mozilla-LDAP|old"},
		"an active person among the inactive ones": {"/v2/user/primary_username/ann?active=false", ""},
	} {
		t.Run(name, func(t *testing.T) {
			status, body := get(test.path)
			require.Equal(t, http.StatusOK, status)
			if test.id == "" {
				require.Empty(t, body)
				return
			}
			require.Equal(t, test.id, body["user_id"].(map[string]any)["value"])
		})
	}
}

func TestMetadataNeedsNoToken(t *testing.T) {
	base, _ := serve(t, store(t))
	for email, want := range map[string]string{
		"shared%40example.org": `{"exists":{"cis":true,"ldap":true}}`,
		"old%40example.org":    `{"exists":{"cis":true,"ldap":true}}`,
		"nobody%40example.org": `{"exists":{"cis":false,"ldap":false}}`,
	} {
		response, err := http.Get(base + "/v2/user/metadata/" + email)
		require.NoError(t, err)
		body, err := io.ReadAll(response.Body)
		require.NoError(t, errors.Join(err, response.Body.Close()))
		require.JSONEq(t, want, string(body), email)
	}
}

func TestAVaultThatIsAwayIsSaidSo(t *testing.T) {
	v := store(t)
	get := service(t, v)
	require.NoError(t, v.Close())
	status, body := get("/v2/user/primary_username/ann")
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Equal(t, "unavailable", body["code"])
}
