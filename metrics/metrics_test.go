package metrics

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"cis/vault"
	"cis/vault/sqlite"
)

func made(t *testing.T) *Metrics {
	m, err := New("v1.2.3")
	require.NoError(t, err)
	return m
}

func scrape(m *Metrics) string {
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	return w.Body.String()
}

func TestWhatClientsSendIsNoLabel(t *testing.T) {
	m := made(t)
	m.Request("/v2/user", http.MethodPost, http.StatusOK, "", 20*time.Millisecond)
	m.Request("", "BREW", http.StatusNotFound, "not_found", time.Millisecond)
	text := scrape(m)
	require.Contains(t, text, `cis_http_request_duration_seconds_bucket{method="POST",route="/v2/user",status="2xx",le="0.025"} 1`)
	require.Contains(t, text, `cis_http_request_duration_seconds_count{method="other",route="none",status="4xx"} 1`)
	require.Contains(t, text, `cis_http_errors_total{code="not_found",route="none"} 1`)
	require.NotContains(t, text, "BREW")
	require.Contains(t, text, `version="v1.2.3"`)
}

func TestNoMetricsCountNothing(t *testing.T) {
	var none *Metrics
	none.Request("/v2/user", http.MethodPost, http.StatusOK, "", time.Second)
	none.KeptAnswer(true)
	require.Nil(t, none.Temporal())
	require.Nil(t, none.Vault(nil))
}

func TestAVaultThatIsMeasuredIsAVault(t *testing.T) {
	m, ctx := made(t), t.Context()
	file, err := sqlite.Open(filepath.Join(t.TempDir(), "vault.db"))
	require.NoError(t, err)
	store := m.Vault(file)
	one := vault.Record{ID: "email|a", UUID: "u", Profile: []byte(`{}`), SequenceNumber: "64", Revision: 1}
	conflicts, err := store.Put(ctx, vault.Write{Record: one, Condition: "create"}, vault.Write{Record: one, Condition: "create"})
	require.NoError(t, err)
	require.Equal(t, []int{1}, conflicts)
	got, err := store.Get(ctx, "email|a")
	require.NoError(t, err)
	require.Equal(t, one, got["email|a"])
	_, err = store.Find(ctx, vault.KeyUUID, "nobody", vault.Version{})
	require.ErrorIs(t, err, vault.ErrNotFound)
	listed, err := store.List(ctx, vault.Query{Limit: 10, Activity: vault.AnyActivity})
	require.NoError(t, err)
	require.Len(t, listed, 1)
	applied, err := store.Applied(ctx, "64")
	require.NoError(t, err)
	require.Len(t, applied, 1)
	gone, cancel := context.WithCancel(ctx)
	cancel()
	_, err = store.Get(gone, "email|a")
	require.Error(t, err)
	require.NoError(t, store.Close())
	_, err = store.Get(ctx, "email|a")
	require.Error(t, err)

	text := scrape(m)
	for _, labels := range []string{
		`call="put",result="ok"`, `call="get",result="ok"`, `call="list",result="ok"`, `call="applied",result="ok"`,
		`call="find",result="refused"`, `call="get",result="canceled"`, `call="get",result="error"`,
	} {
		require.Contains(t, text, "cis_vault_call_duration_seconds_count{"+labels+"} 1\n")
	}
}

func TestWhatNobodyKnowsIsNotTold(t *testing.T) {
	m := made(t)
	m.Open("Publishing", 3)
	require.Contains(t, scrape(m), `cis_open_changes{state="Publishing"} 3`)
	m.NotKnown()
	require.NotContains(t, scrape(m), "cis_open_changes{")

	fetched := time.Time{}
	m.KeySets(map[string]KeySet{"tokens": {func() time.Time { return fetched }, func() uint64 { return 2 }}})
	text := scrape(m)
	require.Contains(t, text, `cis_key_set_failures_total{keys="tokens"} 2`)
	require.NotContains(t, text, "cis_key_set_fetched_timestamp_seconds{")
	fetched = time.Unix(1700000000, 0)
	require.Contains(t, scrape(m), `cis_key_set_fetched_timestamp_seconds{keys="tokens"} 1.7e+09`)
}

// page is the page that lists the metrics; CIS_UPDATE_DOCS=1 writes its list of
// the SDK's anew.
const page = "../docs/metrics.md"

func TestTheMetricsOfTheSDKAreListedAsTheyAreExposed(t *testing.T) {
	m := made(t)
	gauges := []string{"_slots_available", "_slots_used", "_pollers", "_cache_size", "_thread_count"}
	for name := range instruments {
		switch {
		case strings.Contains(name, "_latency") || strings.HasSuffix(name, "_duration"):
			m.Temporal().Timer(name).Record(time.Second)
		case slices.ContainsFunc(gauges, func(end string) bool { return strings.HasSuffix(name, end) }):
			m.Temporal().Gauge(name).Update(1)
		default:
			m.Temporal().Counter(name).Inc(1)
		}
	}
	problems, err := testutil.GatherAndLint(m.registry)
	require.NoError(t, err)
	for _, problem := range problems {
		require.False(t, strings.HasPrefix(problem.Metric, "cis_"), "%s: %s", problem.Metric, problem.Text)
	}
	families, err := m.registry.Gather()
	require.NoError(t, err)
	rows := map[string]string{}
	for _, f := range families {
		if strings.HasPrefix(f.GetName(), "temporal_") {
			rows[f.GetName()] = fmt.Sprintf("| `%s` | %s | %s |\n", f.GetName(), strings.ToLower(f.GetType().String()), f.GetHelp())
		}
	}
	table := "| metric | type | what it tells |\n| --- | --- | --- |\n"
	for _, name := range slices.Sorted(maps.Keys(rows)) {
		table += rows[name]
	}
	const begin, end = "<!-- sdk metrics -->\n", "<!-- end of the sdk's -->\n"
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	before, rest, found := strings.Cut(string(text), begin)
	require.True(t, found)
	_, after, found := strings.Cut(rest, end)
	require.True(t, found)
	should := before + begin + table + end + after
	if os.Getenv("CIS_UPDATE_DOCS") != "" {
		require.NoError(t, os.WriteFile(page, []byte(should), 0o644))
		return
	}
	require.Equal(t, should, string(text), "write it anew with CIS_UPDATE_DOCS=1")
}
