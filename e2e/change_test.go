package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"
	"github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/lestrrat-go/jwx/v2/jwt"
	"github.com/stretchr/testify/require"

	"cis/profile"
	"cis/schema"
	"cis/signing"
)

const ada = "ad|Mozilla-LDAP|ada"

// entry is a person's entry in the directory, nil where there is none.
func (p *process) entry(id string) *ldap.Entry {
	c, err := ldap.DialURL("ldap://" + p.ldap)
	require.NoError(p.t, err)
	defer c.Close()
	found, err := c.Search(ldap.NewSearchRequest("dc=cis,dc=test", ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 0, false,
		"(cisUserId="+ldap.EscapeFilter(id)+")", nil, nil))
	require.NoError(p.t, err)
	if len(found.Entries) == 0 {
		return nil
	}
	require.Len(p.t, found.Entries, 1)
	return found.Entries[0]
}

func TestAChangeTravelsFromTheRequestToEveryTarget(t *testing.T) {
	t.Parallel()
	hook := newReceiver(t)
	p := start(t, "--webhook", "badges="+hook.address)
	sent := p.newcomer(ada, value{"access_information.ldap", map[string]any{"vpn": nil, "releng": nil}, "ndaed"},
		value{"ssh_public_keys", map[string]string{"laptop": "ssh-ed25519 AAAA ada"}, "staff"})

	created := p.post(sent)
	require.Equal(t, http.StatusOK, created.status, created.text)
	require.Equal(t, "create", created.body["condition"])
	require.EqualValues(t, 200, created.body["status_code"])
	number := created.body["sequence_number"].(string)
	require.Regexp(t, `^[0-9]+$`, number)

	status := p.await(number, "Completed")
	require.Len(t, status.body["targets"], 2)
	require.Len(t, status.body["persons"], 1)
	anonymous := p.must(http.MethodGet, "/v2/status?sequenceNumber="+number, "", nil)
	require.JSONEq(t, `{"identity_vault":true}`, anonymous.text)

	stored := p.person(ada)
	requireStored(t, p, sent, stored)
	requireEntry(t, p.entry(ada), stored, "1")
	requireDelivered(t, p, hook.accepted(), number)

	updated := p.post(p.signed("mozilliansorg", ada, value{"first_name", "Augusta", "public"}))
	require.Equal(t, "update", updated.body["condition"], updated.text)
	p.await(updated.body["sequence_number"], "Completed")
	requireEntry(t, p.entry(ada), p.person(ada), "2")
	again := p.post(p.signed("mozilliansorg", ada, value{"first_name", "Augusta", "public"}))
	require.JSONEq(t, `{"sequence_number":null,"status_code":202,"condition":"noop"}`, again.text)
	require.Len(t, hook.accepted(), 2)
}

// requireStored requires that the vault has what was sent, and CIS's own
// attributes beside it, all validly signed and fit for the schema.
func requireStored(t *testing.T, p *process, sent []byte, stored *profile.Profile) {
	require.NoError(t, schema.Validate(stored.JSON()))
	incoming, err := profile.Parse(sent)
	require.NoError(t, err)
	for path, a := range incoming.Attributes() {
		if !a.IsNull() && path != profile.Active {
			require.JSONEq(t, string(a.JSON()), string(stored.Get(path).JSON()), path)
		}
	}
	document, err := schema.ParseWellKnown([]byte(p.must(http.MethodGet, "/.well-known/mozilla-iam", "", nil).text))
	require.NoError(t, err)
	keys := signing.StaticKeySets{}
	for publisher, set := range document.API.PublishersJWKS {
		require.NoError(t, keys.Add(publisher, set.Keys...))
	}
	verifier := signing.NewVerifier(keys)
	for path, a := range stored.Attributes() {
		if !a.IsNull() {
			require.NoError(t, verifier.Verify(context.Background(), ada, path, a))
		}
	}
	for _, path := range []profile.Path{profile.UUID, profile.PrimaryUsername, profile.LastModified, profile.Active} {
		require.False(t, stored.Get(path).IsNull(), path)
		require.Equal(t, profile.CIS, stored.Get(path).Publisher(), path)
	}
}

func requireEntry(t *testing.T, e *ldap.Entry, p *profile.Profile, revision string) {
	require.NotNil(t, e)
	for name, want := range map[string][]string{
		"uid":          {p.String(profile.UUID)},
		"cn":           {p.String("first_name") + " " + p.String("last_name")},
		"sn":           {p.String("last_name")},
		"givenName":    {p.String("first_name")},
		"mail":         {p.String(profile.PrimaryEmail)},
		"cisUserId":    {p.String(profile.UserID)},
		"cisUsername":  {p.String(profile.PrimaryUsername)},
		"cisActive":    {"TRUE"},
		"cisRevision":  {revision},
		"cisGroup":     {"ldap:releng", "ldap:vpn"},
		"sshPublicKey": {"ssh-ed25519 AAAA ada"},
		"objectClass":  {"inetOrgPerson", "cisPerson"},
	} {
		require.ElementsMatch(t, want, e.GetAttributeValues(name), name)
	}
}

func requireDelivered(t *testing.T, p *process, deliveries []delivery, number string) {
	require.Len(t, deliveries, 1)
	d := deliveries[0]
	require.Equal(t, "create", d.body["operation"])
	require.Equal(t, ada, d.body["id"])
	require.InDelta(t, time.Now().Unix(), d.body["time"], 300)
	require.Equal(t, number, d.body["sequence_number"])
	require.EqualValues(t, 1, d.body["revision"])
	require.Contains(t, d.body["attributes"], "first_name")
	require.Contains(t, d.id, number)
	keys, err := jwk.Fetch(context.Background(), "http://"+p.issuer+"/.well-known/jwks.json")
	require.NoError(t, err)
	_, err = jwt.ParseString(strings.TrimPrefix(d.authorization, "Bearer "), jwt.WithKeySet(keys),
		jwt.WithIssuer("http://"+p.issuer+"/"), jwt.WithAudience("hook.dev.sso.allizom.org"))
	require.NoError(t, err)
}

func TestReadersSeeWhatTheirScopesAllow(t *testing.T) {
	t.Parallel()
	p := start(t)
	require.Equal(t, http.StatusOK, p.post(p.newcomer(ada)).status)
	const path = "/v2/user/user_id/ad%7CMozilla-LDAP%7Cada"
	for name, test := range map[string]struct {
		path          string
		scopes        []string
		shown, hidden []string
	}{
		"a stranger":                {path, []string{"search:all"}, []string{"first_name", "uuid"}, []string{"last_name", "primary_email", "active"}},
		"one of the staff":          {path, []string{"display:staff"}, []string{"first_name", "last_name"}, []string{"primary_email", "active"}},
		"all display levels":        {path, []string{"display:all"}, []string{"last_name", "primary_email"}, []string{"active"}},
		"everything":                {path, []string{"display:all", "read:fullprofile"}, []string{"last_name", "primary_email", "active"}, nil},
		"everything, narrowed":      {path + "?filterDisplay=ndaed", []string{"display:all", "read:fullprofile"}, []string{"first_name", "primary_email"}, []string{"last_name", "active"}},
		"with the id encoded twice": {"/v2/user/user_id/ad%257CMozilla-LDAP%257Cada", []string{"display:all"}, []string{"first_name"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			r := p.must(http.MethodGet, test.path, p.token(test.scopes...), nil)
			require.Equal(t, http.StatusOK, r.status)
			for _, attribute := range test.shown {
				require.Contains(t, r.body, attribute)
			}
			for _, attribute := range test.hidden {
				require.NotContains(t, r.body, attribute)
			}
			require.Contains(t, r.body, "staff_information", "an emptied group stays")
		})
	}
	refused := p.must(http.MethodPost, "/v2/user", p.token("display:all"), p.newcomer("email|other"))
	require.Equal(t, http.StatusForbidden, refused.status)
	require.Equal(t, "insufficient_scope", refused.body["code"])
	require.Nil(t, p.person("email|other"))
}

func TestARepeatedRequestIsOneChange(t *testing.T) {
	t.Parallel()
	p := start(t)
	body := p.newcomer(ada)
	const header, key = "Idempotency-Key", "monday's import"
	replies := make([]reply, 8)
	var all sync.WaitGroup
	token := p.token()
	for i := range replies {
		all.Go(func() { replies[i], _ = p.call(http.MethodPost, "/v2/user", token, body, header, key) })
	}
	all.Wait()
	for _, r := range replies {
		require.Equal(t, http.StatusOK, r.status, r.text)
		require.Equal(t, "create", r.body["condition"])
		require.Equal(t, replies[0].body["sequence_number"], r.body["sequence_number"])
	}
	p.await(replies[0].body["sequence_number"], "Completed")
	after := p.post(body, header, key)
	require.Equal(t, replies[0].text, after.text, "also when the change is done")
	require.Equal(t, "1", p.entry(ada).GetAttributeValue("cisRevision"))

	other := p.post(p.newcomer("email|other"), header, key)
	require.Equal(t, http.StatusUnprocessableEntity, other.status)
	require.Equal(t, "idempotency_key_reused", other.body["code"])
	require.Nil(t, p.person("email|other"))
	elsewhere := p.must(http.MethodPost, "/v2/user", p.tokenOf("hris", "hris-secret"), body, header, key)
	require.Equal(t, "noop", elsewhere.body["condition"], "another client's key is another key")
}

func TestWhatWasAcknowledgedSurvivesAKill(t *testing.T) {
	t.Parallel()
	hook := newReceiver(t)
	hook.answer(http.StatusServiceUnavailable)
	p := start(t, "--webhook", "badges="+hook.address, "--webhook-retries", "200ms,200ms,"+strings.Repeat("500ms,", 100)+"1s")

	const people = 20
	bodies := make([][]byte, people)
	for i := range bodies {
		bodies[i] = p.newcomer(fmt.Sprint("email|p", i))
	}
	token := p.token()
	replies := make([]reply, people)
	var all sync.WaitGroup
	for i := range replies {
		all.Go(func() { replies[i], _ = p.call(http.MethodPost, "/v2/user", token, bodies[i]) })
	}
	all.Wait()
	p.kill()
	for _, r := range replies {
		require.Equal(t, http.StatusOK, r.status, r.text)
	}
	require.Empty(t, hook.accepted(), "killed between acknowledgement and publication")

	hook.answer(0)
	p.start()
	for i, r := range replies {
		p.await(r.body["sequence_number"], "Completed")
		id := fmt.Sprint("email|p", i)
		require.Equal(t, "Ada", p.person(id).String("first_name"))
		require.Equal(t, "1", p.entry(id).GetAttributeValue("cisRevision"))
	}
	told := map[string]bool{}
	for _, d := range hook.accepted() {
		told[fmt.Sprint(d.body["id"])] = true
	}
	require.Len(t, told, people, "each is told of at least once")
}

func TestBadInputGetsItsErrorAndLeavesNothing(t *testing.T) {
	t.Parallel()
	p := start(t)
	const id = "email|bad"
	good := p.newcomer(id)
	edit := func(change func(map[string]any)) []byte { return edited(t, good, change) }
	token := p.token()
	for name, test := range map[string]struct {
		query, token string
		body         []byte
		status       int
		code, says   string
	}{
		"not JSON":               {"", token, []byte(`{"user_id":`), 400, "malformed_json", ""},
		"nothing":                {"", token, nil, 400, "malformed_json", ""},
		"a member twice":         {"", token, []byte(`{"user_id":{"value":"email|bad"},"user_id":{"value":"email|bad"}}`), 400, "malformed_json", "duplicate"},
		"a list":                 {"", token, []byte(`[]`), 400, "invalid_profile", "object"},
		"null":                   {"", token, []byte(`null`), 400, "invalid_profile", "object"},
		"an unknown attribute":   {"", token, edit(func(d map[string]any) { d["nickname"] = "x" }), 400, "invalid_profile", "/nickname"},
		"a wrong type":           {"", token, edit(func(d map[string]any) { d["first_name"].(map[string]any)["value"] = 5 }), 400, "invalid_profile", "/first_name/value"},
		"too large":              {"", token, append(good, make([]byte, 1<<20)...), 413, "payload_too_large", "1048576"},
		"nobody's profile":       {"", token, []byte(`{}`), 400, "invalid_profile", "user_id"},
		"another user_id asked":  {"?user_id=email%7Cother", token, good, 400, "integration_exception", "user_id query parameter does not match profile, that looks wrong"},
		"an id that is too long": {"", token, p.newcomer("email|" + strings.Repeat("x", 3000)), 400, "invalid_profile", "2048"},
		"an unsigned person":     {"?user_id=email%7Cbad", token, []byte(`{}`), 400, "invalid_profile", "user_id"},
		"no token":               {"", "", good, 401, "authorization_header_missing", ""},
		"a garbage token":        {"", "garbage", good, 401, "invalid_header", ""},
		"the identity preset":    {"", token, p.newcomer(id, value{profile.PrimaryUsername, "bad", "public"}), 403, "uuid_or_primary_username_set", ""},
		"the wrong publisher":    {"", token, p.signed("mozilliansorg", id), 403, "invalid_publisher", "[create] mozilliansorg is NOT allowed to publish field user_id"},
		"a changed value":        {"", token, edit(func(d map[string]any) { d["first_name"].(map[string]any)["value"] = "Eve" }), 403, "invalid_signature", "first_name"},
	} {
		t.Run(name, func(t *testing.T) {
			r := p.must(http.MethodPost, "/v2/user"+test.query, test.token, test.body)
			require.Equal(t, test.status, r.status, r.text)
			require.Equal(t, test.code, r.body["code"], r.text)
			require.Contains(t, r.body["description"], test.says)
			require.Nil(t, p.person(id))
			require.Nil(t, p.entry(id))
		})
	}
	require.Equal(t, 404, p.must(http.MethodGet, "/v2/nothing", token, nil).status)
	require.Equal(t, 405, p.must(http.MethodPatch, "/v2/user", token, nil).status)
	require.Equal(t, 400, p.must(http.MethodGet, "/v2/status?sequenceNumber=x", "", nil).status)

	text, err := json.Marshal(string(good))
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, p.post(text).status, "a JSON string that holds a profile is one")
}

func TestBoundSignaturesCanBeRequiredOfAPublisher(t *testing.T) {
	t.Parallel()
	p := start(t, "--require-bound", "ldap")
	bound := p.newcomer(ada)
	free := parse(t, string(bound))
	for path, a := range free.Attributes() {
		if a.Publisher() == "ldap" && !a.IsNull() {
			free = free.With(path, unbound(p, "ldap", a))
		}
	}
	r := p.post(free.JSON())
	require.Equal(t, http.StatusForbidden, r.status, r.text)
	require.Equal(t, "invalid_signature", r.body["code"])
	require.Equal(t, http.StatusOK, p.post(bound).status)
}
