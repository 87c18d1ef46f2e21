package service

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cis/config"
	"cis/schema"
	"cis/signing"
)

// documentOf is a document with a new key for a publisher.
func documentOf(t *testing.T, publisher string) []byte {
	keys := signing.StaticKeySets{}
	require.NoError(t, keys.AddSigner(signer(t, publisher)))
	listed, err := keys.JWKS()
	require.NoError(t, err)
	return schema.NewWellKnown(schema.Params{PublisherKeys: listed}).JSON()
}

func signer(t *testing.T, publisher string) *signing.Signer {
	_, private, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	made, err := signing.NewSigner(publisher, private)
	require.NoError(t, err)
	return made
}

// count is how many keys a publisher has, and -1 while nobody's are to be had.
func count(t *testing.T, k *documentKeys, publisher string) int {
	set, err := k.KeySet(context.Background(), publisher)
	switch {
	case errors.Is(err, signing.ErrUnknownPublisher):
		return 0
	case err != nil:
		return -1
	}
	return set.Len()
}

func TestThePublishersKeysAreThoseOfAllDocumentsAndCISsOwn(t *testing.T) {
	file := filepath.Join(t.TempDir(), "well-known.json")
	require.NoError(t, os.WriteFile(file, documentOf(t, "ldap"), 0o600))
	served := atomic.Pointer[[]byte]{}
	away := []byte(nil)
	served.Store(&away)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if len(*served.Load()) == 0 {
			w.WriteHeader(http.StatusBadGateway)
		}
		_, _ = w.Write(*served.Load())
	}))
	defer server.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	const keepFor = 500 * time.Millisecond
	k := newDocumentKeys(ctx, config.Publishers{
		WellKnown: []string{file, server.URL}, Refresh: 20 * time.Millisecond, KeepFor: keepFor,
	}, signer(t, "cis"), slog.New(slog.NewTextHandler(io.Discard, nil)))
	require.Equal(t, -1, count(t, k, "ldap"), "a document was never had: nobody is believed")
	require.Eventually(t, func() bool { return strings.Contains(k.Ready(ctx).Error(), "cannot be had from "+server.URL) },
		5*time.Second, 5*time.Millisecond)
	require.Equal(t, -1, count(t, k, "ldap"), "not even by the document that could be read")
	_, err := k.JWKS()
	require.Error(t, err)
	becomes := func(publisher string, keys int) {
		t.Helper()
		require.Eventually(t, func() bool { return count(t, k, publisher) == keys }, 5*time.Second, 5*time.Millisecond)
	}

	first := documentOf(t, "ldap")
	served.Store(&first)
	becomes("ldap", 2)
	require.Equal(t, 1, count(t, k, "cis"))
	require.Equal(t, 0, count(t, k, "hris"))
	require.NoError(t, k.Ready(ctx))
	listed, err := k.JWKS()
	require.NoError(t, err)
	require.Len(t, listed["ldap"], 2)

	second := documentOf(t, "hris")
	served.Store(&second)
	becomes("hris", 1)
	require.Equal(t, 1, count(t, k, "ldap"), "a key that is withdrawn counts no longer")

	nonsense, err := json.Marshal("nonsense")
	require.NoError(t, err)
	served.Store(&nonsense)
	time.Sleep(keepFor / 5)
	require.Equal(t, 1, count(t, k, "hris"), "keys are kept for a while")
	becomes("hris", -1)
	served.Store(&second)
	becomes("hris", 1)
}
