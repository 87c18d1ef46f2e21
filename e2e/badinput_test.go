package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cis/profile"
)

// edited is a profile after a change to it as decoded JSON.
func edited(t *testing.T, text []byte, change func(p map[string]any)) []byte {
	var document map[string]any
	require.NoError(t, json.Unmarshal(text, &document))
	change(document)
	text, err := json.Marshal(document)
	require.NoError(t, err)
	return text
}

func TestWrongTypesGetTheirErrorAndLeaveNothing(t *testing.T) {
	t.Parallel()
	p := start(t)
	const id = "email|bad"
	good := p.newcomer(id, value{"access_information.ldap", map[string]any{"vpn": nil}, "ndaed"}, value{"usernames", map[string]any{"a": "b"}, "public"})
	token := p.token()
	for at, wrong := range map[string][]any{
		"/first_name/value":                        {5, 1.5, json.Number("1e999"), json.Number("9007199254740993"), []any{}, []any{"Ada"}, map[string]any{"value": "Ada"}},
		"/first_name":                              {"Ada", 5, true, []any{}, map[string]any{"value": "Ada"}, map[string]any{"values": map[string]any{"Ada": nil}}},
		"/active/value":                            {"true", 1, []any{true}},
		"/user_id/value":                           {5, true, []any{id}, map[string]any{id: nil}},
		"/access_information/ldap/values":          {[]any{"vpn"}, "vpn", 5, true},
		"/access_information":                      {[]any{}, "vpn", 5},
		"/identities":                              {"x", []any{map[string]any{}}},
		"/schema":                                  {5, []any{}, map[string]any{}},
		"/first_name/metadata":                     {nil, []any{}, "PUBLIC"},
		"/first_name/metadata/verified":            {"true", 1, nil},
		"/first_name/metadata/display":             {5, "everyone", []any{"public"}},
		"/first_name/metadata/classification":      {nil, "SECRET", []any{"PUBLIC"}},
		"/first_name/metadata/created":             {5, "yesterday", nil},
		"/first_name/signature":                    {nil, "a.b.c", []any{}},
		"/first_name/signature/publisher":          {nil, []any{}, map[string]any{}},
		"/first_name/signature/publisher/name":     {nil, "nobody", 5},
		"/first_name/signature/publisher/value":    {nil, 5, []any{"a.b.c"}},
		"/first_name/signature/additional":         {nil, map[string]any{}, "x"},
		"/first_name/signature/additional/0/value": {5},
	} {
		for _, instead := range wrong {
			body := edited(t, good, func(document map[string]any) { put(document, at, instead) })
			r := p.must(http.MethodPost, "/v2/user?user_id=email%7Cbad", token, body)
			require.Equal(t, http.StatusBadRequest, r.status, "%v at %s: %s", instead, at, r.text)
			require.Equal(t, "invalid_profile", r.body["code"])
			first := r.body["problems"].([]any)[0].(map[string]any)
			require.True(t, strings.HasPrefix(first["pointer"].(string), at), "%v at %s: %s", instead, at, r.text)
			require.NotEmpty(t, first["rule"])
		}
	}
	require.Nil(t, p.person(id))
	require.Nil(t, p.entry(id))
	require.Equal(t, http.StatusOK, p.must(http.MethodPost, "/v2/user?user_id=email%7Cbad", token, good).status, "the same with nothing wrong in it is good")
}

// put replaces what is at a JSON pointer.
func put(at any, pointer string, value any) {
	steps := strings.Split(pointer, "/")[1:]
	for _, step := range steps[:len(steps)-1] {
		switch in := at.(type) {
		case map[string]any:
			at = in[step]
		case []any:
			i, _ := strconv.Atoi(step)
			at = in[i]
		}
	}
	at.(map[string]any)[steps[len(steps)-1]] = value
}

func TestAnIdempotencyKeyBelongsToOneRequest(t *testing.T) {
	t.Parallel()
	p := start(t, "--allow-delete")
	token := p.token()
	const one, other = "email|one", "email|other"
	body := p.newcomer(one)
	send := func(key, method, target string, body []byte) reply {
		return p.must(method, target, token, body, "Idempotency-Key", key)
	}
	for name, key := range map[string]string{
		"plain": "monday", "with what is not ASCII": "lundi é ü 北", "as long as it may be": strings.Repeat("k", 255), "in Latin-1": "caf\xe9",
	} {
		t.Run(name, func(t *testing.T) {
			first := send(key, http.MethodPost, "/v2/user", body)
			require.Equal(t, http.StatusOK, first.status, first.text)
			require.Equal(t, first.text, send(key, http.MethodPut, "/v2/user", body).text, "PUT is POST")
			for _, again := range []reply{
				send(key, http.MethodPost, "/v2/user", p.newcomer(other)),
				send(key, http.MethodPost, "/v2/user", append(body, ' ')),
				send(key, http.MethodPost, "/v2/user?user_id=email%7Cone", body),
				send(key, http.MethodDelete, "/v2/user?user_id=email%7Cone", body),
				send(key, http.MethodPost, "/v2/users", array([][]byte{body})),
				send(key, http.MethodPost, "/v2/users", array([][]byte{p.newcomer(other)})),
			} {
				require.Equal(t, http.StatusUnprocessableEntity, again.status, again.text)
				require.Equal(t, "idempotency_key_reused", again.body["code"])
			}
			batch := send(key+"b", http.MethodPost, "/v2/users", array([][]byte{p.newcomer("email|" + name)}))
			if len(key) == 255 {
				require.Equal(t, http.StatusBadRequest, batch.status, batch.text)
				require.Equal(t, "invalid_header", batch.body["code"])
				return
			}
			require.Equal(t, http.StatusOK, batch.status, batch.text)
			single := send(key+"b", http.MethodPost, "/v2/user", p.newcomer("email|"+name))
			require.Equal(t, http.StatusUnprocessableEntity, single.status, single.text)
		})
	}
	deleting := p.signed("ldap", "email|plain")
	require.Equal(t, http.StatusOK, send("away", http.MethodDelete, "/v2/user", deleting).status)
	require.Equal(t, http.StatusOK, send("away", http.MethodDelete, "/v2/user", deleting).status)
	require.Equal(t, http.StatusUnprocessableEntity, send("away", http.MethodPost, "/v2/user", deleting).status)
	require.Equal(t, http.StatusUnprocessableEntity, send("away", http.MethodDelete, "/v2/user?user_id=email%7Cone", body).status)
	require.NotNil(t, p.person(one))
	require.Nil(t, p.person(other))
	require.Equal(t, 3, p.everybody())
}

func TestRequestsThatAreNoHTTPAreRefused(t *testing.T) {
	t.Parallel()
	p := start(t)
	authorization := "Authorization: Bearer " + p.token()
	for name, r := range map[string]reply{
		"a control character in a key":     p.wire(p.api, http.MethodPost, "/v2/user", nil, authorization, "Idempotency-Key: mon\x01day"),
		"a NUL in a key":                   p.wire(p.api, http.MethodPost, "/v2/user", nil, authorization, "Idempotency-Key: \x00"),
		"an escape that is none in a path": p.wire(p.api, http.MethodGet, "/v2/user/user_id/%zz", nil, authorization),
		"a control character in a path":    p.wire(p.api, http.MethodGet, "/v2/user/user_id/a\x01", nil, authorization),
	} {
		require.Equal(t, http.StatusBadRequest, r.status, name)
		require.NotEqual(t, "malformed_json", r.body["code"], name)
	}
	r := p.wire(p.api, http.MethodGet, "/v2/users", nil, "Authorization: \u00a0")
	require.Equal(t, http.StatusUnauthorized, r.status, r.text)
	require.Equal(t, "invalid_header", r.body["code"])
}

func TestAProfileMayBeFullOfAngleBrackets(t *testing.T) {
	t.Parallel()
	p := start(t)
	for i, text := range []string{strings.Repeat("<", 420_000), strings.Repeat("&\u2028>", 60_000)} {
		id := fmt.Sprint("email|", i)
		body := p.signed("ldap", id, value{"description", text, "public"})
		require.Less(t, len(body), 1<<20)
		r := p.post(body)
		require.Equal(t, http.StatusOK, r.status, r.text)
		require.Equal(t, text, p.person(id).String("description"))
	}
}

// peak is the most memory that the process has had resident, in bytes.
func (p *process) peak() int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	require.NoError(p.t, err)
	found := regexp.MustCompile(`VmHWM:\s*(\d+) kB`).FindSubmatch(text)
	require.NotNil(p.t, found)
	kilobytes, err := strconv.ParseInt(string(found[1]), 10, 64)
	require.NoError(p.t, err)
	return kilobytes << 10
}

// endless is a body without an end: what it begins with, and then the same
// again and again.
type endless struct {
	begin, again []byte
	sent         int64
}

func (e *endless) Read(p []byte) (int, error) {
	if len(e.begin) == 0 {
		e.begin = bytes.Repeat(e.again, 1+(64<<10)/len(e.again))
	}
	n := copy(p, e.begin)
	e.begin, e.sent = e.begin[n:], e.sent+int64(n)
	return n, nil
}

func TestNoBodyTakesTheServersMemory(t *testing.T) {
	p := start(t)
	token := p.token()
	// A whole profile, but of nobody: all of it is read, nothing handed on.
	whole, err := profile.Empty().Set("description", strings.Repeat("All work and no play. ", 250), time.Now())
	require.NoError(t, err)
	nobody := whole.JSON()
	require.InDelta(t, 25_000, len(nobody), 3_000)
	before := p.peak()
	for name, test := range map[string]struct {
		path   string
		body   io.Reader
		status int
		code   string
	}{
		"five thousand profiles of 25 KB": {"/v2/users", io.MultiReader(strings.NewReader("["), io.LimitReader(&endless{again: append(nobody, ',')}, 5000*int64(len(nobody)+1)-1), strings.NewReader("]")), 400, "invalid_profile"},
		"profiles without an end":         {"/v2/users", &endless{begin: []byte("["), again: append(nobody, ',')}, 400, "too_many_profiles"},
		"large profiles without an end":   {"/v2/users", &endless{begin: []byte("["), again: []byte(`{"a":"` + strings.Repeat("x", 1_000_000) + `"},`)}, 413, "payload_too_large"},
		"a profile without an end":        {"/v2/users", &endless{begin: []byte(`[{"a":"`), again: []byte("x")}, 413, "payload_too_large"},
		"white space without an end":      {"/v2/users", &endless{begin: []byte("["), again: []byte(" ")}, 413, "payload_too_large"},
		"white space after the end":       {"/v2/users", &endless{begin: []byte("[]"), again: []byte("\n")}, 400, "malformed_json"},
		"brackets without an end":         {"/v2/users", &endless{begin: []byte("["), again: []byte("[")}, 400, "malformed_json"},
		"one profile without an end":      {"/v2/user", &endless{begin: []byte(`{"a":"`), again: []byte("x")}, 413, "payload_too_large"},
	} {
		request, err := http.NewRequest(http.MethodPost, p.url(test.path), test.body)
		require.NoError(t, err)
		request.Header.Set("Authorization", "Bearer "+token)
		response, err := http.DefaultClient.Do(request)
		require.NoError(t, err, name)
		var answer map[string]any
		require.NoError(t, json.NewDecoder(response.Body).Decode(&answer))
		require.NoError(t, response.Body.Close())
		require.Equal(t, test.status, response.StatusCode, name)
		require.Equal(t, test.code, answer["code"], name)
	}
	require.Less(t, p.peak()-before, int64(120<<20), "less than any of the batches has")
	require.Zero(t, p.everybody())
}
