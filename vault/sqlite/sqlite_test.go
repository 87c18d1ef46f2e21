package sqlite_test

import (
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"cis/vault"
	"cis/vault/sqlite"
	"cis/vault/vaulttest"
)

func TestContract(t *testing.T) {
	var path string // of the vault that was opened last: the contract's tests run one after the other
	vaulttest.Run(t, func(t *testing.T) vault.Store {
		path = filepath.Join(t.TempDir(), "vault.db")
		return open(t, path)
	}, func(t *testing.T, _ vault.Store) {
		db, err := sql.Open("sqlite", path)
		require.NoError(t, err)
		defer func() { require.NoError(t, db.Close()) }()
		_, err = db.Exec(`DELETE FROM search_index; INSERT OR IGNORE INTO not_indexed SELECT id FROM identity_vault`)
		require.NoError(t, err)
	})
}

// open opens a vault that the test closes at its end.
func open(t *testing.T, path string) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}
