package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/lestrrat-go/jwx/v2/jwt"
	"github.com/stretchr/testify/require"

	"cis/profile"
)

// everything are the scopes of the people directory's services.
var everything = []string{"read:fullprofile", "display:all", "write"}

func TestTheRustClientFindsAPersonByEveryKey(t *testing.T) {
	t.Parallel()
	p := start(t)
	c := newRustClient(p, everything...)
	for i, id := range []string{ada, "oauth2|firefoxaccounts|0a1b", "email|ada+cis@example.org", "github|o'brien & söhne; a/b=?#[x]^`{}\"<>"} {
		email := fmt.Sprintf("ada+%d.o'neill@example.org", i)
		require.Equal(t, http.StatusOK, p.post(p.signed("ldap", id, value{profile.Active, true, ""},
			value{"login_method", "Mozilla-LDAP", "public"}, value{profile.PrimaryEmail, email, "ndaed"})).status)
		found, err := c.user("user_id", id, "", "true")
		require.NoError(t, err, id)
		require.Equal(t, id, found[profile.UserID].text())
		require.Equal(t, email, found[profile.PrimaryEmail].text())
		for kind, key := range map[string]profile.Path{
			"uuid": profile.UUID, "primary_email": profile.PrimaryEmail, "primary_username": profile.PrimaryUsername,
		} {
			same, err := c.user(kind, found[key].text(), "", "true")
			require.NoError(t, err, kind)
			require.Equal(t, found, same, kind)
		}
	}
}

func TestTheRustClientKnowsWhoIsAbsentAndWhoIsInactive(t *testing.T) {
	t.Parallel()
	p := start(t)
	c := newRustClient(p, everything...)
	require.Equal(t, http.StatusOK, p.post(p.newcomer(ada)).status)
	require.Equal(t, http.StatusOK, p.post(p.member("ad|Mozilla-LDAP|gone", false)).status)
	for name, test := range map[string]struct {
		kind, key, active string
		want              error
	}{
		"somebody active":            {"user_id", ada, "true", nil},
		"somebody active, as any":    {"user_id", ada, "any", nil},
		"somebody active, as not":    {"user_id", ada, "false", errRustAbsent},
		"somebody inactive":          {"user_id", "ad|Mozilla-LDAP|gone", "false", nil},
		"somebody inactive, as any":  {"user_id", "ad|Mozilla-LDAP|gone", "any", nil},
		"somebody inactive, as not":  {"user_id", "ad|Mozilla-LDAP|gone", "true", errRustAbsent},
		"nobody":                     {"user_id", "ad|Mozilla-LDAP|nobody", "true", errRustAbsent},
		"no such uuid":               {"uuid", "not a uuid", "any", errRustAbsent},
		"no such email":              {"primary_email", "nobody@example.org", "any", errRustAbsent},
		"a username that is free":    {"primary_username", "free_one", "any", errRustAbsent},
		"an endpoint without a kind": {"..", ada, "true", errRustStatus},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := c.user(test.kind, test.key, "", test.active)
			require.ErrorIs(t, err, test.want)
		})
	}
}

func TestTheRustClientSeesOfAPersonWhatItsFilterLeaves(t *testing.T) {
	t.Parallel()
	p := start(t)
	require.Equal(t, http.StatusOK, p.post(p.newcomer(ada)).status)
	c := newRustClient(p, everything...)
	for _, test := range []struct {
		filter      string
		last, email string
	}{
		{"", "Lovelace", "ada@example.org"},
		{"private", "Lovelace", "ada@example.org"},
		{"staff", "Lovelace", "ada@example.org"},
		{"ndaed", "", "ada@example.org"},
		{"vouched", "", ""},
		{"authenticated", "", ""},
		{"public", "", ""},
	} {
		found, err := c.user("user_id", ada, test.filter, "true")
		require.NoError(t, err, test.filter)
		require.NotEmpty(t, found[profile.UUID].text(), "without it the client takes the person for absent")
		require.Equal(t, "Ada", found["first_name"].text(), test.filter)
		require.Equal(t, test.last, found["last_name"].text(), test.filter)
		require.Equal(t, test.email, found[profile.PrimaryEmail].text(), test.filter)
	}
}

func TestTheRustClientUpdatesAPersonWithTheWholeProfile(t *testing.T) {
	t.Parallel()
	p := start(t)
	c := newRustClient(p, everything...)
	publisher := newPythonClient(p, "ldap")
	// Created by a publisher whose timestamps have no milliseconds: the client
	// gives them some in all that it sends back.
	require.Equal(t, "create", publisher.posted(ada, publisher.build(value{profile.UserID, ada, ""}, value{profile.Active, true, ""},
		value{"login_method", "Mozilla-LDAP", "staff"}, value{profile.PrimaryEmail, "ada@example.org", "staff"}).JSON()))

	body, err := c.user("user_id", ada, "", "true")
	require.NoError(t, err)
	body.set(p, "identities.github_id_v3", "12345", "mozilliansorg")
	body.set(p, "identities.github_primary_email", "ada@example.org", "mozilliansorg")
	body.set(p, "usernames", map[string]string{"HACK#GITHUB": "ada-ö-\U0001f99a"}, "mozilliansorg")
	body.set(p, profile.PrimaryUsername, "ada_l", "mozilliansorg")
	r, err := c.update(ada, body)
	require.NoError(t, err)
	require.Equal(t, "update", r.body["condition"], r.text)
	r, err = c.update(ada, body)
	require.NoError(t, err)
	require.Equal(t, "noop", r.body["condition"], r.text)

	found, err := c.user("primary_username", "ada_l", "", "any")
	require.NoError(t, err)
	require.Equal(t, "12345", found["identities.github_id_v3"].text())
	require.Equal(t, "ada-ö-\U0001f99a", *found["usernames"].value.(map[string]*string)["HACK#GITHUB"])
	require.Equal(t, body[profile.UserID], found[profile.UserID])
	require.NotNil(t, p.person(ada).Get("identities.custom_1_primary_email"), "what the client does not know stays")

	body[profile.UserID].value = "ad|Mozilla-LDAP|other"
	_, err = c.update(ada, body)
	require.ErrorIs(t, err, errRustStatus)
}

func TestThePythonPublishersCreateAndUpdatePeople(t *testing.T) {
	t.Parallel()
	p := start(t)
	ldap := newPythonClient(p, "ldap")
	full := func(name string) *profile.Profile {
		return ldap.build(value{profile.UserID, ada, "public"}, value{profile.Active, true, ""},
			value{"login_method", "Mozilla-LDAP", "staff"}, value{profile.PrimaryEmail, "ada@example.org", "staff"},
			value{"first_name", name, "public"}, value{"access_information.ldap", map[string]any{"vpn": nil}, "staff"},
			value{"ssh_public_keys", map[string]string{"ключ": "ssh-ed25519 AAAA"}, "staff"},
			value{"identities.mozilla_ldap_id", "mail=ada@example.org,o=com,dc=mozilla", "staff"})
	}
	require.Equal(t, "create", ldap.posted(ada, full("Ada Ü. \U0001f99a").JSON()))
	require.Equal(t, "Ada Ü. \U0001f99a", ldap.user(ada).String("first_name"))
	require.Empty(t, ldap.user("ad|Mozilla-LDAP|o'brien+x@e.org").JSON()[2:], "nobody is {}")

	ldap.known[ada] = "ada@example.org"
	require.Equal(t, "noop", ldap.posted(ada, ldap.filtered(full("Another"), "ldap").JSON()), "names are not LDAP's to change")
	require.Equal(t, "Ada Ü. \U0001f99a", ldap.user(ada).String("first_name"))

	hris := newPythonClient(p, "hris")
	hris.known[ada] = "ada@example.org"
	work := hris.build(value{profile.Active, true, ""}, value{profile.PrimaryEmail, "ada@example.org", "staff"},
		value{"timezone", "UTC+0000 Europe/London", "staff"}, value{"staff_information.staff", true, "public"},
		value{"staff_information.title", "Countess", "staff"}, value{"staff_information.manager", false, "staff"},
		value{"access_information.hris", map[string]any{"employee_id": "42", "egencia_pos_country": nil}, ""})
	require.Equal(t, "update", hris.posted(ada, hris.filtered(work, "hris").JSON()), "the profile itself has no user_id")
	require.Equal(t, "noop", hris.posted(ada, hris.filtered(work, "hris").JSON()))
	require.Equal(t, "Countess", p.person(ada).String("staff_information.title"))
	require.True(t, p.person(ada).Get("timezone").IsNull())

	leaving := profile.Empty().With(profile.UserID, p.person(ada).Get(profile.UserID)).
		With(profile.PrimaryEmail, p.person(ada).Get(profile.PrimaryEmail)).
		With(profile.Active, hris.build(value{profile.Active, false, ""}).Get(profile.Active))
	require.Equal(t, "update", hris.posted(ada, hris.filtered(leaving, "hris").JSON()))
	require.False(t, p.person(ada).Bool(profile.Active))
	require.Empty(t, hris.user(ada).JSON()[2:], "an inactive person is {}")
	require.Equal(t, "update", hris.posted(ada, hris.filtered(work, "hris").JSON()), "who is in the report again is active again")
	require.True(t, p.person(ada).Bool(profile.Active))
}

func TestTheAccessProvidersPublisherCreatesAndBlocksPeople(t *testing.T) {
	t.Parallel()
	p := start(t)
	c := newPythonClient(p, "access_provider")
	const id = "github|1003"
	user := func(active bool) *profile.Profile {
		return c.build(value{profile.UserID, id, "public"}, value{profile.Active, active, ""},
			value{profile.PrimaryEmail, "gh@example.org", "private"}, value{"login_method", "github", "public"},
			value{"first_name", " ", "private"}, value{"last_name", " ", "private"},
			value{"identities.github_id_v3", "1003", "private"}, value{"identities.github_id_v4", "MDQ6", "private"})
	}
	require.Equal(t, "create", c.posted(id, user(true).JSON()))
	require.Equal(t, "MDQ6", c.user(id).String("identities.github_id_v4"))
	require.Equal(t, "noop", c.posted(id, user(true).JSON()), "not known to the publisher yet, but to CIS")

	// For the filter the publisher has a name that no rule knows, so only the
	// id and active keep their values; and it leaves a second, null member in
	// the user names.
	c.known[id] = "gh@example.org"
	blocked := c.filtered(user(false), "auth0").JSON()
	names := profile.Empty().Get("usernames").JSON()
	require.True(t, bytes.Contains(blocked, names))
	blocked = bytes.Replace(blocked, names, append([]byte(`{"value":null,`), names[1:]...), 1)
	require.Equal(t, "update", c.posted(id, blocked))
	require.False(t, p.person(id).Bool(profile.Active))
	require.Equal(t, "gh@example.org", p.person(id).String(profile.PrimaryEmail))
}

func TestAReceiverLooksUpWhomItIsToldOf(t *testing.T) {
	t.Parallel()
	deliveries := make(chan told, 10)
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { deliveries <- readTold(r) }))
	t.Cleanup(hook.Close)
	p := start(t, "--webhook", "directory="+hook.URL)
	c := newRustClient(p, everything...)

	require.Equal(t, http.StatusOK, p.post(p.newcomer(ada)).status)
	p.requireTold(<-deliveries, "create", ada)
	found, err := c.active(ada)
	require.NoError(t, err)
	require.Equal(t, true, found[profile.Active].value)

	require.Equal(t, http.StatusOK, p.post(p.signed("ldap", ada, value{profile.Active, false, ""})).status)
	p.requireTold(<-deliveries, "update", ada)
	found, err = c.active(ada)
	require.NoError(t, err)
	require.Equal(t, false, found[profile.Active].value)
}

// active is the look-up of the original's receiver: of the active people
// first, then of the others.
func (c *rustClient) active(id string) (rustProfile, error) {
	found, err := c.user("user_id", id, "", "true")
	if err != nil {
		found, err = c.user("user_id", id, "", "false")
	}
	return found, err
}

// told is what the original's receivers read of a delivery.
type told struct {
	method, content, authorization string
	Operation                      string   `json:"operation"`
	ID                             string   `json:"id"`
	Time                           *float64 `json:"time"`
}

func readTold(r *http.Request) told {
	read := told{method: r.Method, content: r.Header.Get("Content-Type"), authorization: r.Header.Get("Authorization")}
	if json.NewDecoder(r.Body).Decode(&read) != nil {
		read.Operation = "unreadable"
	}
	return read
}

func (p *process) requireTold(d told, operation, id string) {
	require.Equal(p.t, http.MethodPost, d.method)
	require.Equal(p.t, "application/json", d.content)
	require.Equal(p.t, operation, d.Operation)
	require.Equal(p.t, id, d.ID)
	require.NotNil(p.t, d.Time)
	require.InDelta(p.t, time.Now().Unix(), *d.Time, 300, "seconds, not milliseconds")
	token, bearer := strings.CutPrefix(d.authorization, "Bearer ")
	require.True(p.t, bearer)
	keys, err := jwk.Fetch(p.t.Context(), "http://"+p.issuer+"/.well-known/jwks.json")
	require.NoError(p.t, err)
	_, err = jwt.ParseString(token, jwt.WithKeySet(keys), jwt.WithIssuer("http://"+p.issuer+"/"),
		jwt.WithAudience("hook.dev.sso.allizom.org"), jwt.WithRequiredClaim(jwt.ExpirationKey))
	require.NoError(p.t, err)
}
