package e2e

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"cis/change"
	"cis/vault"
	"cis/vault/sqlite"
)

// unindexed is a vault with people who have no index entries, as an older
// version would have left it.
func unindexed(t *testing.T, people int) string {
	file := filepath.Join(t.TempDir(), "vault.db")
	store, err := sqlite.Open(file)
	require.NoError(t, err)
	text := parse(t, `{"access_information":{"ldap":{"values":{"vpn":null}}}}`).JSON()
	for i := 0; i < people; i += 1000 {
		var writes []vault.Write
		for j := range min(1000, people-i) {
			id := member(i + j)
			writes = append(writes, vault.Write{Condition: string(change.Create), Record: vault.Record{
				ID: id, Active: true, Profile: text, SequenceNumber: id, Revision: 1,
			}})
		}
		_, err := store.Put(context.Background(), writes...)
		require.NoError(t, err)
	}
	require.NoError(t, store.Close())
	db, err := sql.Open("sqlite", file)
	require.NoError(t, err)
	defer db.Close()
	_, err = db.Exec(`DELETE FROM search_index; INSERT OR IGNORE INTO not_indexed SELECT id FROM identity_vault`)
	require.NoError(t, err)
	return file
}

// reindexed lets cis index a vault, and returns what it said.
func reindexed(t *testing.T, file string) string {
	text, err := exec.Command(tool, "vault", "reindex", "--vault-file", file).CombinedOutput()
	require.NoError(t, err, "%s", text)
	return string(text)
}

// inVPN counts the people whom a search for a group finds.
func inVPN(t *testing.T, file string) (int, error) {
	store, err := sqlite.Open(file)
	require.NoError(t, err)
	defer store.Close()
	found, err := store.List(context.Background(), vault.Query{Limit: vault.MaxLimit,
		With: []vault.Term{{Attribute: "access_information.ldap", Value: "vpn"}}})
	return len(found), err
}

// awaitText reads until what was read matches.
func awaitText(t *testing.T, from io.Reader, pattern string) {
	var text []byte
	for chunk := make([]byte, 4096); !regexp.MustCompile(pattern).Match(text); {
		n, err := from.Read(chunk)
		require.NoError(t, err, "%s", text)
		text = append(text, chunk[:n]...)
	}
}

func TestReindexingGoesOnWhereItWasStopped(t *testing.T) {
	t.Parallel()
	const people = 2 * vault.MaxLimit
	file := unindexed(t, people)
	_, err := inVPN(t, file)
	require.ErrorIs(t, err, vault.ErrNotIndexed)

	stopped := exec.Command(tool, "vault", "reindex", "--vault-file", file)
	screen, err := stopped.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, stopped.Start())
	awaitText(t, screen, `\([1-9][0-9]*/`) // some are done
	require.NoError(t, stopped.Process.Signal(os.Interrupt))
	said, err := io.ReadAll(screen)
	require.NoError(t, err)
	failed, ok := errors.AsType[*exec.ExitError](stopped.Wait())
	require.True(t, ok, "it ended before it was stopped: %s", said)
	require.Equal(t, 130, failed.ExitCode())
	require.Contains(t, string(said), "run the same command again to go on")

	require.Regexp(t, `\b(1?[0-9]{1,4}) people were indexed. The search index is complete.\n$`, reindexed(t, file),
		"what was done is not done again")
	found, err := inVPN(t, file)
	require.NoError(t, err)
	require.Equal(t, vault.MaxLimit, found)
	require.Contains(t, reindexed(t, file), "nothing to do")
}

func TestReindexingPassesOverWhatCannotBeRead(t *testing.T) {
	t.Parallel()
	file := unindexed(t, 3)
	db, err := sql.Open("sqlite", file)
	require.NoError(t, err)
	defer db.Close()
	_, err = db.Exec(`UPDATE identity_vault SET profile = 'no JSON' WHERE id = ?`, member(1))
	require.NoError(t, err)
	text, err := exec.Command(tool, "vault", "reindex", "--vault-file", file).CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(text), "cis: 1 profiles cannot be read")
	require.Contains(t, string(text), member(1), "by its sequence number, which is this here")
	found, err := inVPN(t, file)
	require.NoError(t, err)
	require.Equal(t, 2, found)
}

func TestReindexingWhatIsNoVaultIsOneClearLine(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "notes.txt")
	require.NoError(t, os.WriteFile(file, []byte("no vault, but text that is longer than a header"), 0o600))
	text, err := exec.Command(tool, "vault", "reindex", "--vault-file", file).CombinedOutput()
	require.Error(t, err)
	require.Regexp(t, `^cis: vault .*notes.txt: the file is damaged or not a vault[^\n]*\n$`, string(text))
}
