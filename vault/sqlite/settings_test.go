package sqlite

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// A power cut cannot be tested here; that SQLite was told to sync every commit
// can.
func TestTheWriterSyncsEveryCommit(t *testing.T) {
	s, err := Open(filepath.Join(t.TempDir(), "vault.db"))
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	for pragma, want := range map[string]string{
		"journal_mode": "wal",
		"synchronous":  "2", // FULL
		"busy_timeout": "10000",
	} {
		var got string
		require.NoError(t, s.writer.QueryRow(`PRAGMA `+pragma).Scan(&got))
		require.Equal(t, want, got, pragma)
	}
	_, err = s.readers.Exec(`DELETE FROM change_log`)
	require.Error(t, err, "a reading connection must not write")
}
