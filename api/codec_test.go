package api

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"

	"cis/payload"
)

const uiOrigin = "https://temporal.example.org"

// codecService is the API with a codec, called with tokens of these scopes;
// "" for no token.
func codecService(t *testing.T, codec converter.PayloadCodec) func(method, path, scopes, body string, headers ...string) *http.Response {
	gin.SetMode(gin.TestMode)
	i := newIssuer(t)
	server := httptest.NewServer(New(Options{Tokens: i.tokens(time.Now), Logger: noLog, Codec: Codec{Payloads: codec, Origin: uiOrigin}}))
	t.Cleanup(server.Close)
	return func(method, path, scopes, body string, headers ...string) *http.Response {
		request, err := http.NewRequest(method, server.URL+path, strings.NewReader(body))
		require.NoError(t, err)
		if scopes != "" {
			request.Header.Set("Authorization", "Bearer "+sign(t, i.keys["one"], jwa.RS256, "one", claims(time.Now(), map[string]any{"scope": scopes})))
		}
		for i := 0; i+1 < len(headers); i += 2 {
			request.Header.Set(headers[i], headers[i+1])
		}
		response, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		t.Cleanup(func() { _ = response.Body.Close() })
		return response
	}
}

func said(t *testing.T, r *http.Response) string {
	text, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	return string(text)
}

func keyed(t *testing.T, id string, b byte) *payload.Codec {
	ring, err := payload.NewKeyring(id, map[string][]byte{id: []byte(strings.Repeat(string(b), payload.KeySize))})
	require.NoError(t, err)
	return payload.NewCodec(ring)
}

// encrypted is a request body with one encrypted payload.
func encrypted(t *testing.T, codec converter.PayloadCodec, text string) string {
	sealed, err := codec.Encode([]*commonpb.Payload{{Metadata: map[string][]byte{"encoding": []byte("json/plain")}, Data: []byte(text)}})
	require.NoError(t, err)
	body, err := json.Marshal(map[string]any{"payloads": sealed})
	require.NoError(t, err)
	return string(body)
}

func TestHistoriesAreDecodedForThoseWhoMay(t *testing.T) {
	codec := keyed(t, "one", 'a')
	call := codecService(t, codec)
	sealed := encrypted(t, codec, `"Lovelace"`)
	plain := base64.StdEncoding.EncodeToString([]byte(`"Lovelace"`))

	decoded := call(http.MethodPost, "/codec/decode?preserveStorageRefs=true", ScopeDecode, sealed, "X-Namespace", "default")
	require.Equal(t, http.StatusOK, decoded.StatusCode)
	require.Equal(t, "no-store", decoded.Header.Get("Cache-Control"))
	opened := said(t, decoded)
	require.JSONEq(t, `{"payloads":[{"metadata":{"encoding":"anNvbi9wbGFpbg=="},"data":"`+plain+`"}]}`, opened)

	encoded := said(t, call(http.MethodPost, "/codec/encode", ScopeDecode, opened))
	require.NotContains(t, encoded, plain)
	require.JSONEq(t, opened, said(t, call(http.MethodPost, "/codec/decode", ScopeDecode, encoded)))
	require.JSONEq(t, opened, said(t, call(http.MethodPost, "/codec/decode", ScopeDecode, opened)), "what was never encrypted is shown too")

	for name, test := range map[string]struct {
		scopes string
		status int
		code   string
	}{
		"nobody":                    {"", http.StatusUnauthorized, "authorization_header_missing"},
		"somebody":                  {"display:all", http.StatusForbidden, "insufficient_scope"},
		"one who may see everybody": {"read:fullprofile display:all search:all write operate", http.StatusForbidden, "insufficient_scope"},
	} {
		for _, path := range []string{"/codec/decode", "/codec/encode"} {
			refused := call(http.MethodPost, path, test.scopes, sealed)
			require.Equal(t, test.status, refused.StatusCode, name)
			text := said(t, refused)
			require.Contains(t, text, `"code":"`+test.code+`"`, name)
			require.NotContains(t, text, "payloads", name)
		}
	}
}

// failing is a codec whose key service is away.
type failing struct{}

func (failing) Encode([]*commonpb.Payload) ([]*commonpb.Payload, error) {
	return nil, fmt.Errorf("no answer: %w", payload.ErrUnavailable)
}

func (f failing) Decode(p []*commonpb.Payload) ([]*commonpb.Payload, error) { return f.Encode(p) }

func TestWhatCannotBeDecodedSaysWhy(t *testing.T) {
	codec := keyed(t, "one", 'a')
	for name, test := range map[string]struct {
		codec  converter.PayloadCodec
		body   string
		status int
		says   string
	}{
		"an unknown key":       {codec, encrypted(t, keyed(t, "lost", 'b'), "x"), http.StatusBadRequest, `"invalid_payload","description":"the payload was encrypted with key \"lost\"`},
		"another key":          {codec, encrypted(t, keyed(t, "one", 'b'), "x"), http.StatusBadRequest, "does not open"},
		"nothing":              {codec, "", http.StatusBadRequest, "malformed_json"},
		"no JSON":              {codec, "{", http.StatusBadRequest, "malformed_json"},
		"another member":       {codec, `{"payload":[]}`, http.StatusBadRequest, "malformed_json"},
		"data that are text":   {codec, `{"payloads":[{"data":"***"}]}`, http.StatusBadRequest, "malformed_json"},
		"null for a payload":   {codec, `{"payloads":[null]}`, http.StatusBadRequest, "malformed_json"},
		"too much":             {codec, strings.Repeat(" ", maxPayloads+1), http.StatusRequestEntityTooLarge, "payload_too_large"},
		"a key service's time": {failing{}, encrypted(t, codec, "x"), http.StatusServiceUnavailable, "unavailable"},
	} {
		response := codecService(t, test.codec)(http.MethodPost, "/codec/decode", ScopeDecode, test.body)
		require.Equal(t, test.status, response.StatusCode, name)
		require.Contains(t, said(t, response), test.says, name)
	}
}

func TestOnlyPagesOfTheUIDecode(t *testing.T) {
	codec := keyed(t, "one", 'a')
	call := codecService(t, codec)
	preflight := func(path, origin string) *http.Response {
		return call(http.MethodOptions, path, "", "", "Origin", origin, "Access-Control-Request-Method", "POST",
			"Access-Control-Request-Headers", "authorization,content-type,x-namespace")
	}
	allowed := preflight("/codec/decode", uiOrigin)
	require.Equal(t, http.StatusOK, allowed.StatusCode)
	require.Equal(t, uiOrigin, allowed.Header.Get("Access-Control-Allow-Origin"))
	for _, header := range []string{"authorization", "content-type", "x-namespace", "authorization-extras"} {
		require.Contains(t, strings.ToLower(allowed.Header.Get("Access-Control-Allow-Headers")), header)
	}
	require.Equal(t, http.StatusOK, call(http.MethodPost, "/codec/decode", ScopeDecode, encrypted(t, codec, "x"), "Origin", uiOrigin).StatusCode)

	for _, origin := range []string{"https://elsewhere.example.org", "http://temporal.example.org", "null", uiOrigin + ".evil.example"} {
		require.Equal(t, http.StatusForbidden, preflight("/codec/decode", origin).StatusCode, origin)
		refused := call(http.MethodPost, "/codec/decode", ScopeDecode, encrypted(t, codec, "x"), "Origin", origin)
		require.Equal(t, http.StatusForbidden, refused.StatusCode, origin)
		require.Empty(t, refused.Header.Get("Access-Control-Allow-Origin"), origin)
		require.Empty(t, said(t, refused), origin)
		require.Equal(t, http.StatusOK, preflight("/v2/users", origin).StatusCode, "the APIs are for pages of any origin")
	}
}

func TestWithoutACodecThereIsNothingToCall(t *testing.T) {
	call := codecService(t, nil)
	require.Equal(t, http.StatusNotFound, call(http.MethodPost, "/codec/decode", ScopeDecode, "{}").StatusCode)
}
