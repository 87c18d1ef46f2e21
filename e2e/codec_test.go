package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"google.golang.org/protobuf/encoding/protojson"

	"cis/api"
	"cis/change"
	"cis/workflows"
)

// input is what Temporal has of a change's input, as somebody without keys
// reads it.
func input(p *process, number any) []byte {
	first := history(p.t, p.dial(workflows.NewConverters(nil)), number).GetEvents()[0]
	text, err := protojson.Marshal(first.GetWorkflowExecutionStartedEventAttributes().GetInput())
	require.NoError(p.t, err)
	return text
}

// decoded is the change set of an answer of a codec.
func (r reply) decoded(t *testing.T) (set change.Set) {
	var payloads commonpb.Payloads
	require.NoError(t, protojson.Unmarshal([]byte(r.text), &payloads))
	require.NoError(t, json.Unmarshal(payloads.GetPayloads()[0].GetData(), &set))
	return set
}

func TestHistoriesAreDecodedByTheAPI(t *testing.T) {
	t.Parallel()
	p := start(t)
	r := p.post(p.newcomer(quackenbush))
	sealed := input(p, r.body["sequence_number"])
	require.NotContains(t, string(sealed), "anNvbi", "which is the encoding json/plain")

	const decode, encode = "/codec/decode", "/codec/encode"
	opened := p.must(http.MethodPost, decode+"?preserveStorageRefs=true", p.token(api.ScopeDecode), sealed, "X-Namespace", "default")
	require.Equal(t, http.StatusOK, opened.status, opened.text)
	require.Equal(t, quackenbush, opened.decoded(t).Changes[0].UserID)
	again := p.must(http.MethodPost, encode, p.token(api.ScopeDecode), []byte(opened.text))
	require.Equal(t, http.StatusOK, again.status)
	require.Empty(t, found([]byte(again.text)))
	require.Equal(t, quackenbush, p.must(http.MethodPost, decode, p.token(api.ScopeDecode), []byte(again.text)).decoded(t).Changes[0].UserID)

	for name, test := range map[string]struct {
		token  string
		body   []byte
		status int
	}{
		"without a token":     {"", sealed, http.StatusUnauthorized},
		"without the scope":   {p.token(api.ScopeWrite, api.ScopeOperate), sealed, http.StatusForbidden},
		"something else":      {p.token(), []byte(`{}{}`), http.StatusBadRequest},
		"what was changed":    {p.token(), []byte(strings.Replace(string(sealed), `"data":"`, `"data":"AAAA`, 1)), http.StatusBadRequest},
		"more than it may be": {p.token(), []byte(strings.Repeat(" ", 17<<20)), http.StatusRequestEntityTooLarge},
	} {
		for _, path := range []string{decode, encode} {
			if path == encode && name == "what was changed" {
				continue // it can be encrypted once more
			}
			refused := p.must(http.MethodPost, path, test.token, test.body)
			require.Equal(t, test.status, refused.status, "%s: %s", name, refused.text)
			require.Empty(t, found([]byte(refused.text)), name)
		}
	}
}

func TestTemporalsUIShowsWhatIsEncrypted(t *testing.T) {
	p := start(t)
	r := p.post(p.newcomer(quackenbush))
	p.await(r.body["sequence_number"], "Completed")
	b := newBrowser(t)
	id := url.PathEscape(workflows.ID(change.Number(fmt.Sprint(r.body["sequence_number"]))))
	b.do(chromedp.Navigate("http://" + p.ui + "/namespaces/default/workflows/" + id))
	require.Eventually(t, func() bool {
		text, err := chromedp.Run(b.tab, chromedp.Evaluate[string](`document.body.innerText`))
		require.NoError(t, err)
		return strings.Contains(text, quackenbush)
	}, time.Minute, 200*time.Millisecond)

	var endpoint string
	b.mu.Lock()
	for _, request := range b.requests {
		if base, _, ok := strings.Cut(request, "/decode"); ok {
			endpoint = base
		}
	}
	b.mu.Unlock()
	require.NotEmpty(t, endpoint)
	sealed := string(input(p, r.body["sequence_number"]))
	_, port, _ := strings.Cut(p.ui, ":")
	for origin, status := range map[string]int{
		"http://" + p.ui: http.StatusOK, "http://localhost:" + port: http.StatusOK,
		"": http.StatusForbidden, "null": http.StatusForbidden, "http://rebound.example:" + port: http.StatusForbidden,
		"http://127.0.0.1": http.StatusForbidden, endpoint: http.StatusForbidden,
	} {
		request, err := http.NewRequest(http.MethodPost, endpoint+"/decode", strings.NewReader(sealed))
		require.NoError(t, err)
		if origin != "" {
			request.Header.Set("Origin", origin)
		}
		response, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, status, response.StatusCode, origin)
		require.Equal(t, status == http.StatusOK, strings.Contains(string(body), "anNvbi"), origin)
	}
}
