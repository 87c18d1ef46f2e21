package sqlite_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"

	"cis/vault"
	"cis/vault/sqlite"
)

func write(id, number, read string, revision int64) vault.Write {
	condition := "update"
	if read == "" {
		condition = "create"
	}
	return vault.Write{
		Record: vault.Record{
			ID: id, UUID: "u-" + id, PrimaryEmail: id + "@example.com", PrimaryUsername: "n-" + id, Active: true,
			Profile: fmt.Appendf(nil, `{"number":%q}`, number), SequenceNumber: number, Revision: revision,
		},
		Read: read, Condition: condition,
	}
}

func put(t *testing.T, s *sqlite.Store, writes ...vault.Write) {
	t.Helper()
	conflicts, err := s.Put(context.Background(), writes...)
	require.NoError(t, err)
	require.Empty(t, conflicts)
}

func TestReopeningKeepsEverything(t *testing.T) {
	path := filepath.Join(t.TempDir(), "vault.db")
	first, err := sqlite.Open(path)
	require.NoError(t, err)
	put(t, first, write("a", "1", "", 1), write("b", "2", "", 1))
	put(t, first, write("a", "3", "1", 2))
	require.NoError(t, first.Close())
	require.NoFileExists(t, path+"-wal", "a closed vault is one file")

	s := open(t, path)
	records, err := s.Get(context.Background(), "a", "b")
	require.NoError(t, err)
	require.Equal(t, map[string]vault.Record{"a": write("a", "3", "1", 2).Record, "b": write("b", "2", "", 1).Record}, records)
	log, err := s.Applied(context.Background(), "1", "2", "3")
	require.NoError(t, err)
	require.Len(t, log, 3)
	r, err := s.Find(context.Background(), vault.KeyPrimaryEmail, "b@example.com", vault.Version{})
	require.NoError(t, err)
	require.Equal(t, "b", r.ID)
}

func TestAMebibyteProfileIsKept(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "vault.db"))
	w := write("a", "1", "", 1)
	w.Record.Profile = []byte(`{"a":"` + strings.Repeat("é", 1<<19) + `"}`)
	put(t, s, w)
	records, err := s.Get(context.Background(), "a")
	require.NoError(t, err)
	require.Equal(t, w.Record, records["a"])
}

func TestTheFileAndItsNeighboursAreReadableForTheOwnerOnly(t *testing.T) {
	dir := t.TempDir()
	s := open(t, filepath.Join(dir, "vault.db"))
	put(t, s, write("a", "1", "", 1))
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, files, 3)
	for _, f := range files {
		info, err := f.Info()
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode(), f.Name())
	}
}

func TestAnyPathIsAPath(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"plain.db", "with space", "a?mode=memory", "a%20b", "a#b", "a&b=c;d", "ü", "file:x"} {
		path := filepath.Join(dir, name)
		s := open(t, path)
		put(t, s, write("a", "1", "", 1))
		require.FileExists(t, path)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(t, err)
	require.Len(t, files, 8*3, "nothing was written anywhere else")
	t.Chdir(dir)
	open(t, "relative.db")
	require.FileExists(t, filepath.Join(dir, "relative.db"))
}

func TestAnEmptyFileBecomesAVault(t *testing.T) {
	path := filepath.Join(t.TempDir(), "vault.db")
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	put(t, open(t, path), write("a", "1", "", 1))
}

func TestAFileThatCannotBeAVaultIsRefusedInOneLine(t *testing.T) {
	for name, c := range map[string]struct {
		make func(t *testing.T, path string)
		says string
	}{
		"a newer version": {
			func(t *testing.T, path string) {
				open(t, path)
				execute(t, path, `PRAGMA user_version = 999`)
			},
			"version 999, from a newer version of this program",
		},
		"a SQLite file of something else": {
			func(t *testing.T, path string) { execute(t, path, `CREATE TABLE songs (title TEXT)`) },
			"a SQLite database of something else",
		},
		"a SQLite file with the mark of another application": {
			func(t *testing.T, path string) { execute(t, path, `PRAGMA application_id = 42`) },
			"a SQLite database of something else",
		},
		"a file that is not SQLite": {
			func(t *testing.T, path string) {
				require.NoError(t, os.WriteFile(path, []byte(strings.Repeat("not a database\n", 1000)), 0o600))
			},
			"file is not a database",
		},
		"a damaged vault": {
			func(t *testing.T, path string) {
				s, err := sqlite.Open(path)
				require.NoError(t, err)
				put(t, s, write("a", "1", "", 1))
				require.NoError(t, s.Close())
				content, err := os.ReadFile(path)
				require.NoError(t, err)
				for i := 100; i < 4096; i++ { // the schema, behind the header
					content[i] = 0xAA
				}
				require.NoError(t, os.WriteFile(path, content, 0o600))
			},
			"malformed",
		},
		"a folder": {
			func(t *testing.T, path string) { require.NoError(t, os.Mkdir(path, 0o700)) },
			"unable to open database file",
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "vault.db")
			c.make(t, path)
			before, _ := os.ReadFile(path)
			_, err := sqlite.Open(path)
			requireOneLine(t, err, path, c.says)
			after, _ := os.ReadFile(path)
			require.Equal(t, before, after, "the file must be left alone")
		})
	}
	t.Run("a folder that is not there", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "missing", "vault.db")
		_, err := sqlite.Open(path)
		requireOneLine(t, err, path, "no such file or directory")
	})
}

func requireOneLine(t *testing.T, err error, says ...string) {
	t.Helper()
	require.Error(t, err)
	require.NotContains(t, err.Error(), "\n")
	for _, s := range says {
		require.ErrorContains(t, err, s)
	}
}

// execute runs a statement on a file as another program would.
func execute(t *testing.T, path, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	_, err = db.Exec(statement)
	require.NoError(t, err)
	require.NoError(t, db.Close())
}

func TestSeveralStoresOfOneProcessMayOpenANewFileAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "vault.db")
	stores := make([]*sqlite.Store, 8)
	errs := make([]error, len(stores))
	var opening sync.WaitGroup
	for i := range stores {
		opening.Go(func() {
			if stores[i], errs[i] = sqlite.Open(path); errs[i] == nil {
				_, errs[i] = stores[i].Put(context.Background(), write(fmt.Sprint(i), fmt.Sprint(i), "", 1))
			}
		})
	}
	opening.Wait()
	for i, s := range stores {
		require.NoError(t, errs[i])
		records, err := s.Get(context.Background(), "0", "1", "2", "3", "4", "5", "6", "7")
		require.NoError(t, err)
		require.Len(t, records, len(stores))
	}
	for _, s := range stores {
		require.NoError(t, s.Close())
	}
}

func TestAWriteWaitsForAnotherProcessAsLongAsItMay(t *testing.T) {
	path := filepath.Join(t.TempDir(), "vault.db")
	s, err := sqlite.Open(path, sqlite.BusyTimeout(1), sqlite.Readers(1))
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	put(t, s, write("a", "1", "", 1))

	other, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	defer func() { require.NoError(t, other.Close()) }()
	connection, err := other.Conn(context.Background())
	require.NoError(t, err)
	_, err = connection.ExecContext(context.Background(), `BEGIN IMMEDIATE`)
	require.NoError(t, err)

	_, err = s.Put(context.Background(), write("a", "2", "1", 2))
	requireOneLine(t, err, path, "locked")
	records, err := s.Get(context.Background(), "a")
	require.NoError(t, err, "reading does not wait for a writer")
	require.Equal(t, "1", records["a"].SequenceNumber)

	patient := open(t, path)
	stored := make(chan error, 1)
	go func() {
		_, err := patient.Put(context.Background(), write("a", "2", "1", 2))
		stored <- err
	}()
	_, err = connection.ExecContext(context.Background(), `COMMIT`)
	require.NoError(t, err)
	require.NoError(t, <-stored)
	require.NoError(t, connection.Close())
}

func TestTheWritesOfACallAreStoredTogetherOrNotAtAll(t *testing.T) {
	path := filepath.Join(t.TempDir(), "vault.db")
	s := open(t, path)
	execute(t, path, `CREATE TRIGGER full BEFORE INSERT ON change_log WHEN NEW.id = 'z' BEGIN SELECT RAISE(ABORT, 'the disk is full'); END`)
	_, err := s.Put(context.Background(), write("a", "1", "", 1), write("z", "2", "", 1), write("b", "3", "", 1))
	requireOneLine(t, err, path, "the disk is full")
	records, err := s.Get(context.Background(), "a", "b", "z")
	require.NoError(t, err)
	require.Empty(t, records)
	put(t, s, write("a", "1", "", 1), write("b", "3", "", 1))
}

func TestLookUpsReadAnIndex(t *testing.T) {
	path := filepath.Join(t.TempDir(), "vault.db")
	s := open(t, path)
	put(t, s, write("a", "1", "", 1))
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	for _, column := range []string{"user_uuid", "primary_email", "primary_username"} {
		rows, err := db.Query(`EXPLAIN QUERY PLAN SELECT id, profile FROM identity_vault
			WHERE `+column+` = ? AND `+column+` <> '' ORDER BY active DESC, id LIMIT 1`, "x")
		require.NoError(t, err)
		var plan []string
		for rows.Next() {
			var id, parent, unused int
			var detail string
			require.NoError(t, rows.Scan(&id, &parent, &unused, &detail))
			plan = append(plan, detail)
		}
		require.NoError(t, rows.Err())
		require.Equal(t, []string{"SEARCH identity_vault USING INDEX identity_vault_" + column + " (" + column + "=?)"}, plan)
	}
}
