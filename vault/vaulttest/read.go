package vaulttest

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"cis/vault"
)

var getRules = []rule{
	{"an empty store has no records", func(t *testing.T, s vault.Store) {
		require.Empty(t, get(t, s, "ad|Mozilla-LDAP|jdoe"))
	}},
	{"no ids give no records", func(t *testing.T, s vault.Store) {
		mustPut(t, s, creation("a", "1"))
		require.Empty(t, get(t, s))
	}},
	{"a record comes back with every field as it was stored", func(t *testing.T, s vault.Store) {
		w := creation("ad|Mozilla-LDAP|jdoe", "1")
		w.Record.Revision = 7
		mustPut(t, s, w)
		require.Equal(t, map[string]vault.Record{w.Record.ID: w.Record}, get(t, s, w.Record.ID))
	}},
	{"a record that replaced another comes back with every field as it was stored", func(t *testing.T, s vault.Store) {
		mustPut(t, s, creation("a", "1"))
		w := vault.Write{Read: "1", Condition: "update", Record: vault.Record{
			ID: "a", UUID: "u", PrimaryEmail: "", PrimaryUsername: "n", Active: false,
			Profile: []byte(`{}`), SequenceNumber: "2", Revision: 2,
		}}
		mustPut(t, s, w)
		require.Equal(t, w.Record, get(t, s, "a")["a"])
	}},
	{"a record may have revision 0, as the original's have", func(t *testing.T, s vault.Store) {
		w := creation("a", "1")
		w.Record.Revision = 0
		mustPut(t, s, w)
		require.Equal(t, w.Record, get(t, s, "a")["a"])
	}},
	{"an id without a record is not in the result, and one asked for twice is there once", func(t *testing.T, s vault.Store) {
		mustPut(t, s, creation("a", "1"), creation("b", "2"), creation("c", "3"))
		require.Equal(t, map[string]vault.Record{"a": record("a", "1", 1), "c": record("c", "3", 1)},
			get(t, s, "c", "nobody", "a", "c", "", "nobody"))
	}},
	{"thousands of ids are answered at once", func(t *testing.T, s vault.Store) {
		const stored, asked = 700, 5_000
		ids := make([]string, asked)
		var writes []vault.Write
		for i := range ids {
			ids[i] = fmt.Sprintf("github|%d", i)
			if i%(asked/stored) == 0 && len(writes) < stored {
				writes = append(writes, creation(ids[i], fmt.Sprint(i)))
			}
		}
		mustPut(t, s, writes...)
		records := get(t, s, ids...)
		require.Len(t, records, len(writes))
		for _, w := range writes {
			require.Equal(t, w.Record, records[w.Record.ID])
		}
	}},
	{"what is handed in or out belongs to the caller", func(t *testing.T, s vault.Store) {
		w := creation("a", "1")
		mustPut(t, s, w)
		w.Record.Profile[0] = 'X'
		got := get(t, s, "a")["a"]
		check(t, got)
		got.Profile[1] = 'X'
		byKey, err := s.Find(context.Background(), vault.KeyUUID, "uuid of a", vault.Version{})
		require.NoError(t, err)
		check(t, byKey)
		byKey.Profile[2] = 'X'
		check(t, get(t, s, "a")["a"])
	}},
}

var findRules = []rule{
	{"an empty store finds nobody", func(t *testing.T, s vault.Store) {
		for _, key := range keys {
			require.Empty(t, found(t, s, key, "x"))
		}
	}},
	{"each key finds its own record whole", func(t *testing.T, s vault.Store) {
		mustPut(t, s, creation("a", "1"), creation("b", "2"))
		for key, value := range map[vault.Key]string{
			vault.KeyUserID: "b", vault.KeyUUID: "uuid of b", vault.KeyPrimaryEmail: "email of b", vault.KeyPrimaryUsername: "username of b",
		} {
			r, err := s.Find(context.Background(), key, value, vault.Version{})
			require.NoError(t, err)
			require.Equal(t, record("b", "2", 1), r)
		}
	}},
	{"what has the known version comes without its profile", func(t *testing.T, s vault.Store) {
		mustPut(t, s, creation("a", "1"), creation("b", "2"))
		for _, known := range []vault.Version{{}, {ID: "a"}, {SequenceNumber: "1"}, {ID: "a", SequenceNumber: "0"}, {ID: "b", SequenceNumber: "1"}, {ID: "b", SequenceNumber: "2"}} {
			r, err := s.Find(context.Background(), vault.KeyUserID, "a", known)
			require.NoError(t, err)
			require.Equal(t, record("a", "1", 1), r, "another version is whole: %+v", known)
		}
		bare := record("a", "1", 1)
		bare.Profile = nil
		for key, value := range map[vault.Key]string{
			vault.KeyUserID: "a", vault.KeyUUID: "uuid of a", vault.KeyPrimaryEmail: "email of a", vault.KeyPrimaryUsername: "username of a",
		} {
			r, err := s.Find(context.Background(), key, value, bare.Version())
			require.NoError(t, err)
			require.Equal(t, bare, r)
		}
		mustPut(t, s, update(record("a", "1", 1), "3"))
		r, err := s.Find(context.Background(), vault.KeyUserID, "a", bare.Version())
		require.NoError(t, err)
		require.Equal(t, record("a", "3", 2), r)
	}},
	{"a value under one key is not found under another", func(t *testing.T, s vault.Store) {
		mustPut(t, s, creation("a", "1"))
		require.Empty(t, found(t, s, vault.KeyPrimaryEmail, "uuid of a"))
		require.Empty(t, found(t, s, vault.KeyUUID, "username of a"))
		require.Empty(t, found(t, s, vault.KeyPrimaryUsername, "email of a"))
	}},
	{"values are compared byte by byte", func(t *testing.T, s vault.Store) {
		w := creation("a", "1")
		w.Record.PrimaryEmail = "Jane@example.com"
		mustPut(t, s, w)
		require.Equal(t, "a", found(t, s, vault.KeyPrimaryEmail, "Jane@example.com"))
		for _, other := range []string{"jane@example.com", "Jane@example.com ", "Jane@example.co", "Jane@%", "*", "Jane@example.com\x00"} {
			require.Empty(t, found(t, s, vault.KeyPrimaryEmail, other), "%q", other)
		}
	}},
	{"of several people the active one with the smallest id is found, in whatever order they came", func(t *testing.T, s vault.Store) {
		for i, person := range []struct {
			id     string
			active bool
		}{
			{"b-inactive", false}, {"z-active", true}, {"a-inactive", false}, {"M-active", true}, {"c-active", true}, {"é-active", true},
		} {
			w := creation(person.id, fmt.Sprint(i))
			share(&w.Record, "shared", person.active)
			mustPut(t, s, w)
		}
		for _, key := range keys {
			for range 5 {
				require.Equal(t, "M-active", found(t, s, key, "shared"))
			}
		}
	}},
	{"of several inactive people the smallest id is found", func(t *testing.T, s vault.Store) {
		for i, id := range []string{"b", "a", "aa", "c"} {
			w := creation(id, fmt.Sprint(i))
			share(&w.Record, "shared", false)
			mustPut(t, s, w)
		}
		for _, key := range keys {
			require.Equal(t, "a", found(t, s, key, "shared"))
		}
	}},
	{"who is found changes with active", func(t *testing.T, s vault.Store) {
		a, b := creation("a", "1"), creation("b", "2")
		share(&a.Record, "shared", true)
		share(&b.Record, "shared", true)
		mustPut(t, s, a, b)
		require.Equal(t, "a", found(t, s, vault.KeyPrimaryEmail, "shared"))
		off := update(a.Record, "3")
		share(&off.Record, "shared", false)
		mustPut(t, s, off)
		require.Equal(t, "b", found(t, s, vault.KeyPrimaryEmail, "shared"))
		on := update(off.Record, "4")
		share(&on.Record, "shared", true)
		mustPut(t, s, on)
		require.Equal(t, "a", found(t, s, vault.KeyPrimaryEmail, "shared"))
	}},
	{"the empty value finds nobody", func(t *testing.T, s vault.Store) {
		w := creation("a", "1")
		share(&w.Record, "", true)
		mustPut(t, s, w)
		for _, key := range keys {
			require.Empty(t, found(t, s, key, ""))
		}
		require.Contains(t, get(t, s, "a"), "a")
	}},
	{"a key that a record no longer has does not find it", func(t *testing.T, s vault.Store) {
		mustPut(t, s, creation("a", "1"))
		next := update(record("a", "1", 1), "2")
		share(&next.Record, "new", true)
		mustPut(t, s, next)
		require.Empty(t, found(t, s, vault.KeyUUID, "uuid of a"))
		require.Empty(t, found(t, s, vault.KeyPrimaryEmail, "email of a"))
		require.Empty(t, found(t, s, vault.KeyPrimaryUsername, "username of a"))
		for _, key := range keys {
			require.Equal(t, "a", found(t, s, key, "new"))
		}
	}},
	{"a key that does not exist is an invalid call", func(t *testing.T, s vault.Store) {
		mustPut(t, s, creation("a", "1"))
		for _, key := range []vault.Key{"", "id", "active", "uuid OR 1=1"} {
			_, err := s.Find(context.Background(), key, "a", vault.Version{})
			require.ErrorIs(t, err, vault.ErrInvalid, "%q", key)
			require.NotErrorIs(t, err, vault.ErrNotFound)
		}
	}},
}

var keys = []vault.Key{vault.KeyUUID, vault.KeyPrimaryEmail, vault.KeyPrimaryUsername}

// share gives a record the same value under all keys.
func share(r *vault.Record, value string, active bool) {
	r.UUID, r.PrimaryEmail, r.PrimaryUsername, r.Active = value, value, value, active
}

var appliedRules = []rule{
	{"an empty store has applied nothing", func(t *testing.T, s vault.Store) {
		require.Empty(t, applied(t, s, "1"))
		require.Empty(t, applied(t, s))
	}},
	{"every stored change is there with its person, revision, condition and changed attributes", func(t *testing.T, s vault.Store) {
		mustPut(t, s, creation("a", "1"))
		second := update(record("a", "1", 1), "2")
		second.Changed = []string{"first_name", "access_information.ldap"}
		mustPut(t, s, second)
		require.Equal(t, map[string]vault.Applied{
			"1": {SequenceNumber: "1", ID: "a", Revision: 1, Condition: "create"},
			"2": {SequenceNumber: "2", ID: "a", Revision: 2, Condition: "update", Changed: second.Changed},
		}, applied(t, s, "1", "2", "3", "2", ""))
	}},
	{"a change stays there after later ones of the same person", func(t *testing.T, s vault.Store) {
		mustPut(t, s, creation("a", "0"))
		for i := int64(1); i < 20; i++ {
			mustPut(t, s, update(record("a", fmt.Sprint(i-1), i), fmt.Sprint(i)))
		}
		for i := range int64(20) {
			number := fmt.Sprint(i)
			require.Equal(t, i+1, applied(t, s, number)[number].Revision)
		}
	}},
	{"thousands of numbers are answered at once", func(t *testing.T, s vault.Store) {
		var writes []vault.Write
		numbers := make([]string, 5_000)
		for i := range numbers {
			numbers[i] = fmt.Sprint(i)
			if i < 300 {
				writes = append(writes, creation("person "+numbers[i], numbers[i]))
			}
		}
		mustPut(t, s, writes...)
		require.Len(t, applied(t, s, numbers...), 300)
	}},
}
