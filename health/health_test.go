package health_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cis/health"
)

func ask(c *health.Checks, path string) (int, string) {
	w := httptest.NewRecorder()
	c.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w.Code, w.Body.String()
}

func TestAProcessIsReadyWhenEveryPartIs(t *testing.T) {
	var log bytes.Buffer
	var down atomic.Bool
	var asked atomic.Int32
	c := health.New(slog.New(slog.NewTextHandler(&log, nil)),
		health.Check{Name: "vault", Ask: func(context.Context) error { asked.Add(1); return nil }},
		health.Check{Name: "temporal", Ask: func(ctx context.Context) error {
			_, bounded := ctx.Deadline()
			require.True(t, bounded)
			if down.Load() {
				return errors.New("no route")
			}
			return nil
		}})
	for range 100 {
		status, body := ask(c, "/readyz")
		require.Equal(t, http.StatusOK, status)
		require.Equal(t, "{\n  \"process\": \"ok\",\n  \"temporal\": \"ok\",\n  \"vault\": \"ok\"\n}\n", body)
	}
	require.Less(t, asked.Load(), int32(10), "probes cost nothing")

	down.Store(true)
	require.Eventually(t, func() bool { status, _ := ask(c, "/readyz"); return status == http.StatusServiceUnavailable },
		5*time.Second, 10*time.Millisecond)
	_, body := ask(c, "/readyz")
	require.Contains(t, body, "\"temporal\": \"unavailable\",\n  \"vault\": \"ok\"")
	require.NotContains(t, body, "no route")
	status, _ := ask(c, "/healthz")
	require.Equal(t, http.StatusOK, status, "it lives all the same")
	down.Store(false)
	require.Eventually(t, func() bool { status, _ := ask(c, "/readyz"); return status == http.StatusOK }, 5*time.Second, 10*time.Millisecond)
	require.Equal(t, 1, strings.Count(log.String(), "no route"), "it is logged once")
	require.Equal(t, 1, strings.Count(log.String(), "ready again"))

	c.Leave()
	status, body = ask(c, "/readyz")
	require.Equal(t, http.StatusServiceUnavailable, status, "at once")
	require.Contains(t, body, `"process": "stopping"`)
	status, body = ask(c, "/healthz")
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, "{\n  \"status\": \"ok\"\n}\n", body)
}
