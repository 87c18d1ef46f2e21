package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"cis/vault"
)

// group is a term of these tests.
func group(name string) vault.Term {
	return vault.Term{Attribute: "access_information.ldap", Value: name}
}

// wrongEnds counts the rows of search_index of which it is not right whether
// they end a run.
func wrongEnds(t require.TestingT, s *Store) (wrong int64) {
	err := s.inTransaction(context.Background(), func(tx *sql.Tx) error {
		result, err := tx.Exec(mend)
		if err != nil {
			return err
		}
		wrong, err = result.RowsAffected()
		return err
	})
	require.NoError(t, err)
	return wrong
}

func TestRunsEndWhereTheyShouldAfterAnyWrites(t *testing.T) {
	s, err := Open(filepath.Join(t.TempDir(), "vault.db"))
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	ctx, number := context.Background(), 0
	rapid.Check(t, func(t *rapid.T) {
		for range rapid.IntRange(1, 10).Draw(t, "writes") {
			number++
			id := fmt.Sprint(rapid.IntRange(1, 8).Draw(t, "person"))
			stored, err := s.Get(ctx, id)
			require.NoError(t, err)
			before := stored[id]
			w := vault.Write{
				Record:    vault.Record{ID: id, SequenceNumber: fmt.Sprint(number), Revision: before.Revision + 1},
				Read:      before.SequenceNumber,
				Condition: "delete",
			}
			if before.Deleted() || rapid.IntRange(0, 3).Draw(t, "delete") > 0 {
				w.Condition, w.Record.Profile, w.Record.Active = "update", []byte(`{}`), rapid.Bool().Draw(t, "active")
				for _, name := range rapid.SliceOfDistinct(rapid.SampledFrom([]string{"a", "b", "c"}), rapid.ID[string]).Draw(t, "groups") {
					w.Terms = append(w.Terms, group(name))
				}
			}
			lost, err := s.Put(ctx, w)
			require.NoError(t, err)
			require.Empty(t, lost)
			require.Zero(t, wrongEnds(t, s), "after %+v", w)
		}
	})
}

// crowd stores people of whom all but the last are in the group.
func crowd(t *testing.T, s *Store, n int) {
	writes := make([]vault.Write, n)
	for i := range writes {
		id := fmt.Sprintf("%06d", i)
		writes[i] = vault.Write{
			Record:    vault.Record{ID: id, Active: true, Profile: []byte(`{}`), SequenceNumber: id, Revision: 1},
			Condition: "create", Terms: []vault.Term{group("everyone")},
		}
	}
	writes[n-1].Terms = nil
	lost, err := s.Put(context.Background(), writes...)
	require.NoError(t, err)
	require.Empty(t, lost)
}

func TestAnOlderVaultGetsTheEndsOfItsRuns(t *testing.T) {
	path := filepath.Join(t.TempDir(), "vault.db")
	s, err := Open(path)
	require.NoError(t, err)
	crowd(t, s, 5)
	for _, statement := range []string{`DROP INDEX search_index_ends`, `ALTER TABLE search_index DROP COLUMN ends`, `PRAGMA user_version = 2`} {
		_, err := s.writer.Exec(statement)
		require.NoError(t, err)
	}
	require.NoError(t, s.Close())

	s, err = Open(path)
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	require.Zero(t, wrongEnds(t, s))
	listed, err := s.List(context.Background(), vault.Query{Without: []vault.Term{group("everyone")}, Limit: 10})
	require.NoError(t, err)
	require.Equal(t, []vault.Listed{{ID: "000004", Active: true}}, listed)
}

// TestWhoeverIsNotInAGroupIsFoundWithoutPassingOverIt lists whom the walk steps
// on: the first of the group, and who comes after its last.
func TestWhoeverIsNotInAGroupIsFoundWithoutPassingOverIt(t *testing.T) {
	s, err := Open(filepath.Join(t.TempDir(), "vault.db"))
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	crowd(t, s, 1_000)
	text, args := selection(vault.Query{Without: []vault.Term{group("everyone")}, Limit: 10})
	steps := strings.Replace(text, ` WHERE passed = ''`, ``, 1)
	require.NotEqual(t, text, steps)
	for want, text := range map[string]string{"000999": text, "000000 000999": steps} {
		var ids []string
		err := eachRow(context.Background(), prepared(t, s, text), args, func(rows *sql.Rows) error {
			var l vault.Listed
			err := rows.Scan(&l.ID, &l.UUID, &l.PrimaryEmail, &l.Active)
			ids = append(ids, l.ID)
			return err
		})
		require.NoError(t, err)
		require.Equal(t, want, strings.Join(ids, " "))
	}
}

func prepared(t *testing.T, s *Store, text string) *sql.Stmt {
	statement, err := s.readers.Prepare(text)
	require.NoError(t, err)
	t.Cleanup(func() { _ = statement.Close() })
	return statement
}
