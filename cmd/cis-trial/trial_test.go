package main

import (
	"context"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cis/payload"
	"cis/profile"
	"cis/schema"
	"cis/signing"
)

// contents are all files below a folder.
func contents(t *testing.T, folder string) map[string]string {
	files := map[string]string{}
	require.NoError(t, filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		require.NoError(t, err)
		if d.IsDir() {
			return nil
		}
		info, err := d.Info()
		require.NoError(t, err)
		require.Zero(t, info.Mode().Perm()&0o077, "%s is its owner's alone", path)
		text, err := os.ReadFile(path)
		files[path] = string(text)
		return err
	}))
	return files
}

func TestSecretsAreMadeOnceAndCompletedAfterACrash(t *testing.T) {
	folder, ctx := t.TempDir(), context.Background()
	c := secretsCommand{Into: folder, Owner: map[string]int{"cis": os.Getuid()}}
	require.NoError(t, c.Run(ctx))
	first := contents(t, folder)
	require.Equal(t, first[c.file("ldap/password")], first[c.file("cis/ldap-password")])
	require.Equal(t, first[c.file("postgres/password")], first[c.file("temporal/database-password")])
	require.NotEqual(t, first[c.file("ldap/password")], first[c.file("postgres/password")])

	// Half of what a killed process was writing, and what it had not come to.
	require.NoError(t, os.Remove(c.file("cis/ldap-password")))
	require.NoError(t, os.WriteFile(c.file("cis/ldap-password.new"), []byte("ha"), 0o600))
	require.NoError(t, c.Run(ctx))
	require.Equal(t, first, contents(t, folder))

	document, err := schema.ParseWellKnown([]byte(first[c.file("cis/well-known.json")]))
	require.NoError(t, err)
	for _, publisher := range profile.Publishers {
		require.Len(t, document.API.PublishersJWKS[publisher].Keys, 1, publisher)
		_, err := signing.FileStore{Dir: c.file("publishers")}.Signer(ctx, publisher)
		require.NoError(t, err)
	}
	_, err = payload.ReadKeyFile(c.file("cis/payload-keys.json"))
	require.NoError(t, err)
}

func TestTheIssuerStopsWhenItIsTold(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := free.Addr().String()
	require.NoError(t, free.Close())
	folder := t.TempDir()
	secret := filepath.Join(folder, "client-secret")
	require.NoError(t, os.WriteFile(secret, []byte("hush"), 0o600))

	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- issuerCommand{Listen: address, URL: "http://" + address, Folder: folder, Audience: []string{"api"}}.Run(ctx)
	}()
	keys := answersCommand{URL: "http://" + address + "/.well-known/jwks.json"}
	require.Eventually(t, func() bool { return keys.Run() == nil }, 10*time.Second, 20*time.Millisecond)
	require.ErrorContains(t, answersCommand{URL: "http://" + address + "/nowhere"}.Run(), http.StatusText(http.StatusNotFound))
	require.NoError(t, tokenCommand{Issuer: "http://" + address, Secret: secret, Audience: "api"}.Run(ctx))
	require.ErrorContains(t, tokenCommand{Issuer: "http://" + address, Secret: secret, Audience: "other"}.Run(ctx), "no such audience")
	stop()
	require.NoError(t, <-ended)
}
