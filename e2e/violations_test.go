package e2e

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// said is an exchange that the document allows, unless it is edited.
func said(t *testing.T, method, target, sent string, status int, received string) exchange {
	at, err := url.Parse("http://api" + target)
	require.NoError(t, err)
	token := "e30." + base64.RawURLEncoding.EncodeToString([]byte(`{"scope":"write search:all"}`)) + ".x"
	return exchange{
		request: &http.Request{Method: method, URL: at, Header: http.Header{"Authorization": {"Bearer " + token}}},
		sent:    []byte(sent),
		response: &http.Response{StatusCode: status, Header: http.Header{
			"Content-Type": {"application/json; charset=utf-8"}, "X-Request-Id": {"1"}, "Traceparent": {"00-" + strings.Repeat("1a", 16) + "-" + strings.Repeat("2b", 8) + "-00"},
		}},
		received: []byte(received),
	}
}

const stored = `{"sequence_number":"5","status_code":200,"condition":"create"}`

func TestTheContractIsBrokenBy(t *testing.T) {
	change := func() exchange { return said(t, http.MethodPost, "/v2/user?user_id=a", `{}`, 200, stored) }
	refusal := func() exchange {
		return said(t, http.MethodPost, "/v2/user", `{"nickname":1}`, 403, `{"code":"invalid_signature","description":"x"}`)
	}
	look := func() exchange {
		e := said(t, http.MethodGet, "/v2/users/id/all?connectionMethod=ad%7C", ``, 200, `{"users":[],"nextPage":null}`)
		e.response.Header.Set("ETag", `"bc6191a282372a56-1c"`)
		e.response.Header.Set("Cache-Control", "private, no-cache")
		e.response.Header.Set("Vary", "Authorization")
		return e
	}
	nothing := func() exchange {
		return said(t, http.MethodGet, "/v3", ``, 404, `{"code":"not_found","description":"x"}`)
	}
	for name, test := range map[string]struct {
		exchange func() exchange
		edit     func(*exchange)
		says     string // "" where it is not
	}{
		"no edit of a change":            {change, func(*exchange) {}, ""},
		"no edit of a refusal":           {refusal, func(*exchange) {}, ""},
		"no edit of a look-up":           {look, func(*exchange) {}, ""},
		"no edit of nothing":             {nothing, func(*exchange) {}, ""},
		"HEAD instead of GET":            {look, func(e *exchange) { e.request.Method, e.received = http.MethodHead, nil }, ""},
		"a body after HEAD":              {look, func(e *exchange) { e.request.Method = http.MethodHead }, "there is a body"},
		"another status":                 {change, func(e *exchange) { e.response.StatusCode = 201 }, "this status"},
		"an unknown member":              {change, func(e *exchange) { e.received = []byte(`{"more":1,` + stored[1:]) }, "more"},
		"a number of another type":       {change, func(e *exchange) { e.received = []byte(strings.Replace(stored, `"5"`, `5`, 1)) }, "sequence_number"},
		"a number of another form":       {change, func(e *exchange) { e.received = []byte(strings.Replace(stored, `"5"`, `"05"`, 1)) }, "sequence_number"},
		"an unknown code":                {refusal, func(e *exchange) { e.received = []byte(`{"code":"forbidden","description":"x"}`) }, "code"},
		"a code of another status":       {refusal, func(e *exchange) { e.received = []byte(`{"code":"not_found","description":"x"}`) }, "code"},
		"a body that is not JSON":        {change, func(e *exchange) { e.received = []byte(`oops`) }, "invalid character"},
		"two bodies":                     {change, func(e *exchange) { e.received = []byte(stored + stored) }, "follows"},
		"another media type":             {change, func(e *exchange) { e.response.Header.Set("Content-Type", "text/html") }, "text/html"},
		"a missing header":               {look, func(e *exchange) { e.response.Header.Del("ETag") }, "ETag"},
		"a header of another form":       {look, func(e *exchange) { e.response.Header.Set("ETag", "x") }, "pattern"},
		"an unknown header":              {look, func(e *exchange) { e.response.Header.Set("Server", "x") }, "Server"},
		"an unknown parameter":           {look, func(e *exchange) { e.request.URL.RawQuery += "&page=2" }, "page"},
		"a parameter out of its set":     {look, func(e *exchange) { e.request.URL.RawQuery += "&active=maybe" }, "active"},
		"a missing parameter":            {look, func(e *exchange) { e.request.URL.RawQuery = "" }, "connectionMethod"},
		"a request header out of bounds": {change, func(e *exchange) { e.request.Header.Set("Idempotency-Key", strings.Repeat("x", 256)) }, "Idempotency-Key"},
		"a wrong body that had success":  {change, func(e *exchange) { e.sent = []byte(`{"nickname":1}`) }, "nickname"},
		"a wrong body inside a string":   {change, func(e *exchange) { e.sent = []byte(`"{\"nickname\":1}"`) }, "request"},
		"a body where there is none":     {look, func(e *exchange) { e.sent = []byte(`{}`) }, "not declared"},
		"no token":                       {change, func(e *exchange) { e.request.Header.Del("Authorization") }, "there is no token"},
		"a token without the scope": {change, func(e *exchange) {
			e.request.Header.Set("Authorization", "Bearer e30.e30.x")
		}, "scope write"},
		"success where there is nothing": {nothing, func(e *exchange) { e.response.StatusCode = 200 }, "this status"},
		"an unknown code where there is": {nothing, func(e *exchange) { e.received = []byte(`{"code":"gone","description":"x"}`) }, "code"},
		"a method that there is not":     {change, func(e *exchange) { e.request.Method = http.MethodPatch }, "this status"},
	} {
		t.Run(name, func(t *testing.T) {
			e := test.exchange()
			test.edit(&e)
			violations := strings.Join(document.violations(e), "\n")
			if test.says == "" {
				require.Empty(t, violations)
			} else {
				require.Contains(t, violations, test.says)
			}
		})
	}
}
