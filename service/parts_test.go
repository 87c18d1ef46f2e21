package service

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"cis/config"
	"cis/health"
)

func TestAVaultThatIsAwayIsSaidSo(t *testing.T) {
	logger := slog.New(slog.NewTextHandler(io.Discard, nil))
	c := &config.Config{
		Vault:    config.Vault{Driver: config.VaultSQLite, File: filepath.Join(t.TempDir(), "vault.db")},
		Temporal: config.Temporal{Address: "127.0.0.1:1", Namespace: "default"},
	}
	store, err := Vault(t.Context(), c)
	require.NoError(t, err)
	temporal, err := Temporal(c, nil, logger, Watch{})
	require.NoError(t, err)
	defer temporal.Close()
	p := Parts{Config: c, Vault: store, Temporal: temporal, Logger: logger}
	readyz := func() string {
		w := httptest.NewRecorder()
		health.New(logger, p.commonChecks()...).Readyz(w, httptest.NewRequest(http.MethodGet, "/readyz", nil))
		require.Equal(t, http.StatusServiceUnavailable, w.Code)
		return w.Body.String()
	}
	require.Contains(t, readyz(), `"vault": "ok"`)
	require.NoError(t, store.Close())
	require.Contains(t, readyz(), `"vault": "unavailable"`)
}
