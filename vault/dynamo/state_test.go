package dynamo

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"cis/vault"
)

// creation, change and deletion make writes of one person, each from the one
// before.

func creation(id, number string, terms ...vault.Term) vault.Write {
	return vault.Write{Condition: "create", Terms: terms, Record: vault.Record{
		ID: id, UUID: "uuid " + id, PrimaryEmail: "email " + id, PrimaryUsername: "name " + id, Active: true,
		Profile: fmt.Appendf(nil, `{"number":%q}`, number), SequenceNumber: number, Revision: 1,
	}}
}

func change(before vault.Write, number string, terms ...vault.Term) vault.Write {
	w := creation(before.Record.ID, number, terms...)
	w.Condition, w.Read, w.Record.Revision = "update", before.Record.SequenceNumber, before.Record.Revision+1
	return w
}

func deletion(before vault.Write, number string) vault.Write {
	return vault.Write{Condition: "delete", Read: before.Record.SequenceNumber, Record: vault.Record{
		ID: before.Record.ID, SequenceNumber: number, Revision: before.Record.Revision + 1,
	}}
}

func groups(name string, n int) (terms []vault.Term) {
	for i := range n {
		terms = append(terms, vault.Term{Attribute: "access_information.ldap", Value: fmt.Sprint(name, " ", i)})
	}
	return terms
}

func put(t testing.TB, s *Store, writes ...vault.Write) {
	t.Helper()
	conflicts, err := s.Put(context.Background(), writes...)
	require.NoError(t, err)
	require.Empty(t, conflicts)
}

// requireState checks that everything that can be read of a person is as a
// write left it, and that none of other's terms and keys finds them.
func requireState(t testing.TB, s *Store, w vault.Write, others ...vault.Write) {
	t.Helper()
	ctx := context.Background()
	records, err := s.Get(ctx, w.Record.ID)
	require.NoError(t, err)
	require.Equal(t, w.Record, records[w.Record.ID])
	log, err := s.Applied(ctx, w.Record.SequenceNumber)
	require.NoError(t, err)
	require.Equal(t, w.Record.Revision, log[w.Record.SequenceNumber].Revision)
	requireFound(t, s, w, others...)
}

func requireFound(t testing.TB, s *Store, w vault.Write, others ...vault.Write) {
	t.Helper()
	terms, values := map[vault.Term]bool{}, map[[2]string]bool{}
	for _, other := range append(others, w) {
		for _, term := range some(other.Terms) {
			terms[term] = true
		}
		for key, attribute := range keyAttributes {
			values[[2]string{string(key), keyOf(other.Record, attribute)}] = true
		}
	}
	for _, activity := range []vault.Activity{vault.ActiveOnly, vault.InactiveOnly, vault.AnyActivity} {
		visible := !w.Record.Deleted() && (activity == vault.AnyActivity || w.Record.Active == (activity == vault.ActiveOnly))
		require.Equal(t, visible, lists(t, s, vault.Query{Activity: activity}, w.Record.ID))
		for term := range terms {
			has := visible && slices.Contains(w.Terms, term)
			require.Equal(t, has, lists(t, s, vault.Query{Activity: activity, With: []vault.Term{term}}, w.Record.ID), "%v", term)
		}
	}
	for of := range values {
		key, value := vault.Key(of[0]), of[1]
		r, err := s.Find(context.Background(), key, value, vault.Version{})
		if value == "" || w.Record.Deleted() || keyOf(w.Record, keyAttributes[key]) != value {
			require.ErrorIs(t, err, vault.ErrNotFound, "%s", key)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, w.Record, r)
	}
}

// some returns the first, the last and one of the middle, of those that there are.
func some(terms []vault.Term) []vault.Term {
	if n := len(terms); n > 3 {
		return []vault.Term{terms[0], terms[n/2], terms[n-1]}
	}
	return slices.Clone(terms)
}

// lists tells whether a query lists a person.
func lists(t testing.TB, s *Store, q vault.Query, id string) bool {
	t.Helper()
	q.Prefix, q.Limit = id, 10
	listed, err := s.List(context.Background(), q)
	require.NoError(t, err)
	return slices.ContainsFunc(listed, func(l vault.Listed) bool { return l.ID == id })
}

// requireConsistent reads both tables and checks that they agree: records and
// heads name the same changes, which are in the change log, and every entry
// that a head names is there.
func requireConsistent(t testing.TB, s *Store) {
	t.Helper()
	changes, entries, heads := map[string]item{}, map[string]bool{}, map[string]*head{}
	for _, i := range items(t, s, s.index) {
		switch partition := textIn(i, attrPartition); {
		case strings.HasPrefix(partition, "change"):
			changes[textIn(i, "sequence_number")] = i
		case strings.HasPrefix(partition, "person"):
			heads[textIn(i, "id")] = headIn(i)
		case partition != vaultPartition:
			e := entryIn(i)
			entries[e.partition+" "+e.id+" "+e.token] = true
		}
	}
	records := items(t, s, s.main)
	for _, i := range records {
		r := recordOf(i)
		require.Contains(t, heads, r.ID)
		require.False(t, heads[r.ID].deleted)
		require.Equal(t, r.Version(), heads[r.ID].Version())
	}
	alive := 0
	for _, h := range heads {
		require.Contains(t, changes, h.SequenceNumber)
		if !h.deleted {
			alive++
		}
		for partition, token := range h.entries {
			require.Contains(t, entries, partition+" "+h.ID+" "+token)
		}
	}
	require.Len(t, records, alive)
}
