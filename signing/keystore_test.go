package signing_test

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/stretchr/testify/require"

	"cis/signing"
)

var _ signing.KeyStore = signing.FileStore{}

func TestFileStore(t *testing.T) {
	store := signing.FileStore{Dir: filepath.Join(t.TempDir(), "keys")}
	made, err := store.Generate("ldap", 2048)
	require.NoError(t, err)
	token, err := made.Sign([]byte(content), signing.Binding{})
	require.NoError(t, err)
	file := filepath.Join(store.Dir, "ldap.jwk")

	t.Run("a key that was made is there", func(t *testing.T) {
		found, err := store.Signer(t.Context(), "ldap")
		require.NoError(t, err)
		require.Equal(t, "ldap", found.Name())
		again, err := found.Sign([]byte(content), signing.Binding{})
		require.NoError(t, err)
		require.Equal(t, token, again)
	})
	t.Run("only its owner may read it", func(t *testing.T) {
		info, err := os.Stat(file)
		require.NoError(t, err)
		require.Equal(t, fs.FileMode(0o600), info.Mode().Perm())
		dir, err := os.Stat(store.Dir)
		require.NoError(t, err)
		require.Equal(t, fs.FileMode(0o700), dir.Mode().Perm())
	})
	t.Run("it is alone in the directory", func(t *testing.T) {
		entries, err := os.ReadDir(store.Dir)
		require.NoError(t, err)
		require.Len(t, entries, 1)
	})
	t.Run("it is not overwritten", func(t *testing.T) {
		before, err := os.ReadFile(file)
		require.NoError(t, err)
		_, err = store.Generate("ldap", 2048)
		require.ErrorIs(t, err, fs.ErrExist)
		after, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Equal(t, before, after)
		entries, err := os.ReadDir(store.Dir)
		require.NoError(t, err)
		require.Len(t, entries, 1, "nothing is left over")
	})
	t.Run("each publisher has its own", func(t *testing.T) {
		_, err := store.Signer(t.Context(), "hris")
		require.ErrorIs(t, err, signing.ErrNoKey)
		require.ErrorContains(t, err, "hris.jwk")
		other, err := store.Generate("hris", 2048)
		require.NoError(t, err)
		again, err := other.Sign([]byte(content), signing.Binding{})
		require.NoError(t, err)
		require.NotEqual(t, token, again)
	})
	t.Run("a directory that is not there has no keys", func(t *testing.T) {
		_, err := signing.FileStore{Dir: filepath.Join(t.TempDir(), "absent")}.Signer(t.Context(), "ldap")
		require.ErrorIs(t, err, signing.ErrNoKey)
	})
	t.Run("a name that is a path is refused", func(t *testing.T) {
		for _, name := range []string{"", ".", "..", "../ldap", "keys/ldap", "/ldap", ".ldap", "ldap/"} {
			_, err := store.Signer(t.Context(), name)
			require.ErrorContains(t, err, "cannot be a publisher's name", name)
			require.NotErrorIs(t, err, signing.ErrNoKey)
			_, err = store.Generate(name, 2048)
			require.ErrorContains(t, err, "cannot be a publisher's name", name)
		}
	})
	t.Run("a key that is too short to be safe is refused", func(t *testing.T) {
		_, err := store.Generate("short", 512)
		require.Error(t, err)
		_, err = store.Signer(t.Context(), "short")
		require.ErrorIs(t, err, signing.ErrNoKey)
	})
}

func TestFileStoreRefusesFilesThatOthersMayRead(t *testing.T) {
	store := signing.FileStore{Dir: t.TempDir()}
	_, err := store.Generate("ldap", 2048)
	require.NoError(t, err)
	file := filepath.Join(store.Dir, "ldap.jwk")
	for mode, refused := range map[fs.FileMode]bool{
		0o600: false, 0o400: false, 0o700: false,
		0o640: true, 0o604: true, 0o620: true, 0o602: true, 0o644: true, 0o601: true, 0o777: true,
	} {
		require.NoError(t, os.Chmod(file, mode))
		_, err := store.Signer(t.Context(), "ldap")
		require.Equal(t, refused, err != nil, "mode %o", mode)
		if refused {
			require.ErrorContains(t, err, "chmod 600")
		}
	}
}

func TestFileStoreRefusesWhatIsNoPrivateKey(t *testing.T) {
	private, err := jwk.FromRaw(rsaKey())
	require.NoError(t, err)
	text, err := json.Marshal(private)
	require.NoError(t, err)
	public, err := signer(t, "ldap", rsaKey()).Public()
	require.NoError(t, err)
	publicText, err := json.Marshal(public)
	require.NoError(t, err)
	for name, content := range map[string]string{
		"an empty file":         ``,
		"half a file":           string(text[:len(text)/2]),
		"what is not JSON":      "-----BEGIN PRIVATE KEY-----",
		"a public key":          string(publicText),
		"a secret":              `{"kty":"oct","k":"c2VjcmV0"}`,
		"a key set":             `{"keys":[` + string(text) + `]}`,
		"a key without factors": `{"kty":"RSA","n":"AQAB","e":"AQAB","d":"AQAB"}`,
		"a damaged key":         damaged(t, text),
	} {
		t.Run(name, func(t *testing.T) {
			store := signing.FileStore{Dir: t.TempDir()}
			require.NoError(t, os.WriteFile(filepath.Join(store.Dir, "ldap.jwk"), []byte(content), 0o600))
			_, err := store.Signer(t.Context(), "ldap")
			require.ErrorContains(t, err, "ldap.jwk")
			require.NotErrorIs(t, err, signing.ErrNoKey)
			require.False(t, strings.Contains(err.Error(), "c2VjcmV0"), "the error does not show the key")
		})
	}
	t.Run("a directory", func(t *testing.T) {
		store := signing.FileStore{Dir: t.TempDir()}
		require.NoError(t, os.Mkdir(filepath.Join(store.Dir, "ldap.jwk"), 0o700))
		_, err := store.Signer(t.Context(), "ldap")
		require.ErrorContains(t, err, "ldap.jwk")
	})
}

// damaged returns a private key with another private exponent.
func damaged(t *testing.T, text []byte) string {
	var members map[string]any
	require.NoError(t, json.Unmarshal(text, &members))
	d := members["d"].(string)
	members["d"] = d[:40] + next(d[40]) + d[41:]
	text, err := json.Marshal(members)
	require.NoError(t, err)
	return string(text)
}

func TestOneOfManyGeneratesTheKey(t *testing.T) {
	store := signing.FileStore{Dir: t.TempDir()}
	var made, refused atomic.Int32
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			switch _, err := store.Generate("ldap", 2048); {
			case err == nil:
				made.Add(1)
			case errors.Is(err, fs.ErrExist):
				refused.Add(1)
			}
		})
	}
	all.Wait()
	require.EqualValues(t, 1, made.Load())
	require.EqualValues(t, 3, refused.Load())
	_, err := store.Signer(t.Context(), "ldap")
	require.NoError(t, err)
}
