package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cis/config"
)

func TestReadyAsksTheProcessOnThisMachine(t *testing.T) {
	var status atomic.Int32
	status.Store(http.StatusOK)
	admin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		require.Equal(t, "/readyz", r.URL.Path)
		w.WriteHeader(int(status.Load()))
	}))
	t.Setenv("CIS_ADMIN_LISTEN", admin.Listener.Addr().String())
	ask := func() error {
		return readyCommand{config.NewFlags(), time.Second}.Run(context.Background())
	}
	require.NoError(t, ask())
	status.Store(http.StatusServiceUnavailable)
	require.ErrorContains(t, ask(), "it is not ready: 503")
	admin.Close()
	require.Error(t, ask(), "nobody is there")
}
