package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"cis/payload"
)

func TestAKeyFileIsMadeOnceAndMissedByItsSetting(t *testing.T) {
	file := filepath.Join(t.TempDir(), "keys.json")
	said, code := cis(t, "worker", "--encryption-key-file", file)
	require.Equal(t, 1, code)
	require.Contains(t, said, "\n  --encryption-key-file: there is no file "+file+": ")
	require.Contains(t, said, `make it with "cis payload-keys create `+file+`"`)

	said, code = cis(t, "payload-keys", "create", file)
	require.Zero(t, code, said)
	require.Equal(t, file+" was made. Set encryption.key-file to it for every process.\n", said)
	_, err := payload.ReadKeyFile(file)
	require.NoError(t, err)
	said, _ = cis(t, "worker", "--encryption-key-file", file)
	require.NotContains(t, said, "encryption")

	before, err := os.ReadFile(file)
	require.NoError(t, err)
	said, code = cis(t, "payload-keys", "create", file)
	require.Equal(t, 1, code)
	require.Equal(t, "cis: "+file+" is there already, and is left as it is: histories may be encrypted with its keys\n", said)
	after, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, before, after)
	said, code = cis(t, "payload-keys", "create", "/nowhere/keys.json")
	require.Equal(t, 1, code)
	require.Contains(t, said, "cis: the key file cannot be made: ")
}
