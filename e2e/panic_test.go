package e2e

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cis/activities"
	"cis/config"
	"cis/health"
	"cis/logs"
	"cis/metrics"
	"cis/service"
	"cis/vault"
	"cis/vault/sqlite"
	"cis/worker"
)

// wild panics with what it was asked for.
type wild struct{ vault.Store }

func (wild) Get(_ context.Context, ids ...string) (map[string]vault.Record, error) {
	panic(fmt.Sprint("nobody is called ", ids))
}

func (wild) Find(_ context.Context, _ vault.Key, value string, _ vault.Version) (vault.Record, error) {
	panic(errors.New("nobody is called " + value))
}

func TestPanicsAreLoggedWithoutWhatTheyAreAbout(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	var out transcript
	logger := logs.New(&out, slog.LevelDebug)
	counted, err := metrics.New("test")
	require.NoError(t, err)
	file, err := sqlite.Open(filepath.Join(t.TempDir(), "vault.db"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = file.Close() })

	c := &config.Config{Salt: config.NewSecret("salt")}
	c.Temporal = config.Temporal{Address: s.dev.temporal, Namespace: namespace}
	c.Tokens = config.Tokens{Issuer: "http://" + s.dev.issuer + "/", Audience: "api.dev.sso.allizom.org"}
	c.API.Deadline = 2 * time.Second
	parts := service.Parts{
		Config: c, Vault: wild{file}, Logger: logger, Watch: service.Watch{Metrics: counted},
		Tokens: service.Tokens(c), Health: health.New(logger),
	}
	parts.Temporal, err = service.Temporal(c, nil, logger, parts.Watch)
	require.NoError(t, err)
	t.Cleanup(parts.Temporal.Close)
	workers := worker.New(parts.Temporal, worker.Dependencies{
		Integration: &activities.Integration{Vault: parts.Vault}, Publishing: &activities.Publishing{},
		DirectoryConcurrency: 1, WebhookConcurrency: 1, StopTimeout: time.Second,
	})
	require.NoError(t, workers.Start())
	t.Cleanup(workers.Stop)
	server := httptest.NewServer(parts.API())
	t.Cleanup(server.Close)

	p := &process{t: t, api: strings.TrimPrefix(server.URL, "http://"), issuer: s.dev.issuer, data: s.dev.data}
	require.Equal(t, http.StatusAccepted, p.post(p.newcomer(canaryID)).status, "it waits for a vault that is well")
	id := url.PathEscape(canaryID)
	require.Equal(t, http.StatusInternalServerError, p.must(http.MethodGet, "/v2/user/user_id/"+id, p.token(), nil).status)
	p.must(http.MethodPost, "/graphql", p.token(), []byte(`{"query":"{profile(userId:\"`+canaryID+`\"){firstName{value}}}"}`))
	for _, entry := range []string{
		`"msg":"LocalActivity panic\.".*"PanicError":"a string".*wild.*"change":"\d+"`,
		`"msg":"Activity panic\.".*"PanicError":"a string".*"change":"\d+"`,
		`"msg":"panic","component":"api","route":"/v2/user/user_id/:value","panic":{"cause":"a \*errors\.errorString","stack":.*wild.*"request_id":"`,
		`"msg":"panic","component":"api","route":"/graphql","panic":{"cause":"a \*errors\.errorString"`,
	} {
		require.Eventually(t, func() bool { return regexp.MustCompile(entry).MatchString(out.String()) }, 20*time.Second, 100*time.Millisecond, "%s\n%s", entry, out.String())
	}
	w := httptest.NewRecorder()
	counted.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	require.Contains(t, w.Body.String(), "temporal_activity_task_error_total")
	for line := range strings.Lines(out.String() + w.Body.String()) {
		require.NotContains(t, line, canary)
	}
}
