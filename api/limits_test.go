package api

import (
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"cis/health"
	"cis/workflows"
)

// brief is how long connections may take where a call does not say otherwise:
// less than the deadlines of changes here.
const brief = 500 * time.Millisecond

// limited is the API over a vault, with limits, called by clients of any name.
func limited(t *testing.T, o Options) (call func(client, method, path, body string, headers ...string) *http.Response) {
	gin.SetMode(gin.TestMode)
	i := newIssuer(t)
	o.Tokens, o.Logger = i.tokens(time.Now), slog.New(slog.NewTextHandler(io.Discard, nil))
	o.Health = health.New(o.Logger)
	if o.Changes != nil {
		o.Health = health.New(o.Logger, health.Check{Name: "temporal", Ask: o.Changes.Ping})
	}
	server := httptest.NewUnstartedServer(New(o))
	server.Config.ReadTimeout, server.Config.WriteTimeout = brief, brief
	server.Start()
	t.Cleanup(server.Close)
	return func(client, method, path, body string, headers ...string) *http.Response {
		request, err := http.NewRequest(method, server.URL+path, strings.NewReader(body))
		require.NoError(t, err)
		if client != "" {
			request.Header.Set("Authorization", "Bearer "+sign(t, i.keys["one"], jwa.RS256, "one",
				claims(time.Now(), map[string]any{"sub": client + "@clients"})))
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

const lookUpAnn = "/v2/user/primary_username/ann"

func TestEachClientHasARateOfItsOwn(t *testing.T) {
	call := limited(t, Options{Vault: store(t), Limits: Limits{Rate: 0.01, Burst: 2}})
	for range 2 {
		require.Equal(t, http.StatusOK, call("busy", http.MethodGet, lookUpAnn, "").StatusCode)
	}
	refused := call("busy", http.MethodGet, lookUpAnn, "")
	require.Equal(t, http.StatusTooManyRequests, refused.StatusCode)
	wait, err := strconv.Atoi(refused.Header.Get("Retry-After"))
	require.NoError(t, err)
	require.Greater(t, wait, 90)
	require.LessOrEqual(t, wait, 100)
	body, err := io.ReadAll(refused.Body)
	require.NoError(t, err)
	require.Contains(t, string(body), `"code":"rate_limited"`)
	require.Equal(t, http.StatusOK, call("calm", http.MethodGet, lookUpAnn, "").StatusCode)

	const open = "/v2/user/metadata/old%40example.org"
	for range 2 {
		require.Equal(t, http.StatusOK, call("", http.MethodGet, open, "").StatusCode)
	}
	require.Equal(t, http.StatusTooManyRequests, call("", http.MethodGet, open, "").StatusCode, "without a token the address counts")
	require.Equal(t, http.StatusOK, call("", http.MethodGet, "/healthz", "").StatusCode, "monitoring is not limited")
}

// silent is a Temporal client whose server takes connections and says nothing.
func silent(t *testing.T) client.Client {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	return lazy(t, listener.Addr().String())
}

// refused is a Temporal client with no server at its address.
func refused(t *testing.T) client.Client {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	return lazy(t, listener.Addr().String())
}

func lazy(t *testing.T, address string) client.Client {
	c, err := client.NewLazyClient(client.Options{HostPort: address, Logger: quiet{}})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

// quiet logs nothing.
type quiet struct{}

func (quiet) Debug(string, ...any) {}
func (quiet) Info(string, ...any)  {}
func (quiet) Warn(string, ...any)  {}
func (quiet) Error(string, ...any) {}

func TestATemporalThatIsAwayIsSaidSo(t *testing.T) {
	const one = `{"user_id":{"value":"email|x"}}`
	for away, temporal := range map[string]client.Client{"refused": refused(t), "silent": silent(t)} {
		call := limited(t, Options{
			Vault: store(t), Changes: &workflows.Submitter{Client: temporal, Salt: "salt"},
			Deadline: 2 * brief, BatchDeadline: 2 * brief, AllowDelete: true,
		})
		for name, test := range map[string]struct{ method, path, body string }{
			"a change":   {http.MethodPost, "/v2/user", one},
			"a batch":    {http.MethodPost, "/v2/users", "[" + one + "]"},
			"a deletion": {http.MethodDelete, "/v2/user?user_id=email%7Cx", one},
			"a status":   {http.MethodGet, "/v2/status?sequenceNumber=64", ""},
		} {
			t.Run(away+": "+name, func(t *testing.T) {
				t.Parallel()
				response := call("hris", test.method, test.path, test.body)
				require.Equal(t, http.StatusServiceUnavailable, response.StatusCode)
				require.Equal(t, "5", response.Header.Get("Retry-After"))
				body, err := io.ReadAll(response.Body)
				require.NoError(t, err)
				require.Contains(t, string(body), `"code":"unavailable"`)
			})
		}
		require.Equal(t, http.StatusServiceUnavailable, call("", http.MethodGet, "/readyz", "").StatusCode)
		require.Equal(t, http.StatusOK, call("hris", http.MethodGet, lookUpAnn, "").StatusCode, "reading goes on")
	}
}

func TestWhoFindsNoTurnWithinTheDeadlineIsToldSo(t *testing.T) {
	call := limited(t, Options{
		Vault: store(t), Changes: &workflows.Submitter{Client: silent(t), Salt: "salt"},
		Deadline: 2 * brief, Limits: Limits{Changes: 1},
	})
	var waiting sync.WaitGroup
	for range 5 {
		waiting.Go(func() {
			response := call("hris", http.MethodPost, "/v2/user", `{"user_id":{"value":"email|x"}}`)
			assert.Equal(t, http.StatusServiceUnavailable, response.StatusCode)
		})
	}
	waiting.Wait()
}

func TestRequestsAreFoundAgainByTheirIds(t *testing.T) {
	call := limited(t, Options{Vault: store(t)})
	const trace, span = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
	ours := call("hris", http.MethodGet, lookUpAnn, "", "X-Request-Id", "monday-1", "traceparent", "00-"+trace+"-"+span+"-01")
	require.Equal(t, "monday-1", ours.Header.Get("X-Request-Id"))
	require.Regexp(t, "^00-"+trace+"-[0-9a-f]{16}-01$", ours.Header.Get("traceparent"))
	require.NotContains(t, ours.Header.Get("traceparent"), span, "the span is our own")
	for name, headers := range map[string][]string{
		"none":               nil,
		"with other letters": {"X-Request-Id", `"><script>`, "traceparent", "00-xyz"},
		"of zeros":           {"traceparent", "00-00000000000000000000000000000000-" + span + "-01"},
		"that are long":      {"X-Request-Id", strings.Repeat("x", 129)},
	} {
		t.Run(name, func(t *testing.T) {
			made := call("hris", http.MethodGet, lookUpAnn, "", headers...)
			require.Regexp(t, "^[0-9a-f-]{36}$", made.Header.Get("X-Request-Id"))
			require.Regexp(t, "^00-[0-9a-f]{32}-[0-9a-f]{16}-00$", made.Header.Get("traceparent"))
		})
	}
}
