package vaulttest

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"cis/vault"
)

var modelRules = []rule{
	{"any sequence of calls is answered as a map in memory would answer it", func(t *testing.T, s vault.Store) {
		run := 0
		rapid.Check(t, func(rt *rapid.T) {
			run++ // people of its own, as the store is the same
			m := &model{
				prefix:  fmt.Sprintf("run %d, ", run),
				records: make(map[string]vault.Record),
				terms:   make(map[string][]vault.Term),
				log:     make(map[string]vault.Applied),
			}
			rt.Repeat(map[string]func(*rapid.T){
				"put":     func(rt *rapid.T) { m.put(rt, s) },
				"get":     func(rt *rapid.T) { m.get(rt, s) },
				"find":    func(rt *rapid.T) { m.find(rt, s) },
				"list":    func(rt *rapid.T) { m.list(rt, s) },
				"applied": func(rt *rapid.T) { m.applied(rt, s) },
			})
		})
	}},
}

// model is the contract in its simplest form. Its people and sequence numbers
// are few, so that calls meet.
type model struct {
	prefix  string
	records map[string]vault.Record
	terms   map[string][]vault.Term
	log     map[string]vault.Applied
}

func (m *model) id() *rapid.Generator[string]     { return m.name("person", 4) }
func (m *model) number() *rapid.Generator[string] { return m.name("change", 40) }
func (m *model) key() *rapid.Generator[string] {
	return rapid.OneOf(m.name("key", 3), rapid.Just(""))
}

func (m *model) name(kind string, n int) *rapid.Generator[string] {
	return rapid.Map(rapid.IntRange(1, n), func(i int) string { return fmt.Sprintf("%s%s %d", m.prefix, kind, i) })
}

func (m *model) put(t *rapid.T, s vault.Store) {
	var wantLost []int
	writes := make([]vault.Write, rapid.IntRange(0, 5).Draw(t, "writes"))
	for i := range writes {
		r := record(m.id().Draw(t, "id"), m.number().Draw(t, "number"), rapid.Int64Range(0, 9).Draw(t, "revision"))
		r.Active = rapid.Bool().Draw(t, "active")
		r.UUID, r.PrimaryEmail, r.PrimaryUsername = m.key().Draw(t, "uuid"), m.key().Draw(t, "email"), m.key().Draw(t, "username")
		w := vault.Write{Record: r, Condition: rapid.SampledFrom([]string{"create", "update"}).Draw(t, "condition"),
			Changed: rapid.SampledFrom([][]string{nil, {"active"}, {"first_name", "access_information.ldap"}}).Draw(t, "changed"),
			Terms:   rapid.SliceOf(m.term()).Draw(t, "terms")}
		w.Read = m.records[r.ID].SequenceNumber
		if rapid.IntRange(0, 3).Draw(t, "stale") == 0 {
			w.Read = rapid.OneOf(m.number(), rapid.Just("")).Draw(t, "read")
		}
		if w.Read != "" && rapid.IntRange(0, 4).Draw(t, "delete") == 0 {
			w = deletion(vault.Record{ID: r.ID, SequenceNumber: w.Read, Revision: r.Revision - 1}, r.SequenceNumber)
			r = w.Record
		}
		writes[i] = w

		_, logged := m.log[r.SequenceNumber]
		stored := m.records[r.ID]
		if logged || w.Read != stored.SequenceNumber || w.Condition == "delete" && stored.Deleted() {
			wantLost = append(wantLost, i)
			continue
		}
		m.records[r.ID], m.terms[r.ID] = r, w.Terms
		m.log[r.SequenceNumber] = vault.Applied{SequenceNumber: r.SequenceNumber, ID: r.ID, Revision: r.Revision, Condition: w.Condition, Changed: w.Changed}
	}
	lost, err := s.Put(context.Background(), writes...)
	require.NoError(t, err)
	require.ElementsMatch(t, wantLost, lost)
	require.True(t, slices.IsSorted(lost))
}

func (m *model) term() *rapid.Generator[vault.Term] {
	return rapid.Map(m.name("title", 3), title)
}

func (m *model) list(t *rapid.T, s vault.Store) {
	q := vault.Query{
		Prefix:   m.prefix + rapid.SampledFrom([]string{"", "person", "person 1"}).Draw(t, "prefix"),
		After:    rapid.OneOf(m.id(), rapid.Just("")).Draw(t, "after"),
		Activity: rapid.SampledFrom([]vault.Activity{vault.ActiveOnly, vault.InactiveOnly, vault.AnyActivity}).Draw(t, "activity"),
		With:     rapid.SliceOfN(m.term(), 0, 2).Draw(t, "with"),
		Without:  rapid.SliceOfN(m.term(), 0, 2).Draw(t, "without"),
		Limit:    rapid.IntRange(1, 5).Draw(t, "limit"),
	}
	want := []string{}
	for _, id := range slices.Sorted(maps.Keys(m.records)) {
		if m.selects(q, m.records[id]) && len(want) < q.Limit {
			want = append(want, id)
		}
	}
	require.Equal(t, want, listed(t, s, q))
}

func (m *model) selects(q vault.Query, r vault.Record) bool {
	has := func(term vault.Term) bool { return slices.Contains(m.terms[r.ID], term) }
	switch {
	case r.Deleted(), !strings.HasPrefix(r.ID, q.Prefix), r.ID <= q.After:
		return false
	case q.Activity == vault.ActiveOnly && !r.Active, q.Activity == vault.InactiveOnly && r.Active:
		return false
	}
	for _, term := range q.With {
		if !has(term) {
			return false
		}
	}
	return !slices.ContainsFunc(q.Without, has)
}

func (m *model) get(t *rapid.T, s vault.Store) {
	ids := rapid.SliceOf(m.id()).Draw(t, "ids")
	require.Equal(t, selected(m.records, ids), get(t, s, ids...))
}

func (m *model) applied(t *rapid.T, s vault.Store) {
	numbers := rapid.SliceOf(m.number()).Draw(t, "numbers")
	require.Equal(t, selected(m.log, numbers), applied(t, s, numbers...))
}

func (m *model) find(t *rapid.T, s vault.Store) {
	key, value := rapid.SampledFrom(keys).Draw(t, "key"), m.key().Draw(t, "value")
	var have []vault.Record
	for _, r := range m.records {
		if !r.Deleted() && value != "" && value == map[vault.Key]string{
			vault.KeyUUID: r.UUID, vault.KeyPrimaryEmail: r.PrimaryEmail, vault.KeyPrimaryUsername: r.PrimaryUsername,
		}[key] {
			have = append(have, r)
		}
	}
	slices.SortFunc(have, func(a, b vault.Record) int {
		if a.Active != b.Active {
			if a.Active {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.ID, b.ID)
	})
	r, err := s.Find(context.Background(), key, value, vault.Version{})
	if len(have) == 0 {
		require.ErrorIs(t, err, vault.ErrNotFound)
		return
	}
	require.NoError(t, err)
	require.Equal(t, have[0], r)
}

func selected[V any](all map[string]V, keys []string) map[string]V {
	some := make(map[string]V)
	for _, key := range keys {
		if v, ok := all[key]; ok {
			some[key] = v
		}
	}
	return some
}
