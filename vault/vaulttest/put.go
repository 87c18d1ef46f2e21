package vaulttest

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"cis/vault"
)

var putRules = []rule{
	{"no writes are no error", func(t *testing.T, s vault.Store) { mustPut(t, s) }},
	{"an update of what is stored is stored", func(t *testing.T, s vault.Store) {
		mustPut(t, s, creation("a", "1"))
		mustPut(t, s, update(record("a", "1", 1), "2"))
		require.Equal(t, record("a", "2", 2), get(t, s, "a")["a"])
	}},
	{"a create loses when there is a record", func(t *testing.T, s vault.Store) {
		mustPut(t, s, creation("a", "1"))
		mustLose(t, s, creation("a", "2"))
	}},
	{"an update loses when the record has moved on", func(t *testing.T, s vault.Store) {
		mustPut(t, s, creation("a", "1"))
		mustPut(t, s, update(record("a", "1", 1), "2"))
		mustLose(t, s, update(record("a", "1", 1), "3"))
	}},
	{"an update loses when there is no record", func(t *testing.T, s vault.Store) {
		mustLose(t, s, update(record("a", "1", 1), "2"))
	}},
	{"an update loses when what was read is another person's", func(t *testing.T, s vault.Store) {
		mustPut(t, s, creation("a", "1"), creation("b", "2"))
		mustLose(t, s, update(record("a", "2", 1), "3"))
	}},
	{"a write that lost is found under none of its keys", func(t *testing.T, s vault.Store) {
		mustPut(t, s, creation("a", "1"))
		late := creation("a", "2")
		share(&late.Record, "late", true)
		mustLose(t, s, late)
		for _, key := range keys {
			require.Empty(t, found(t, s, key, "late"))
		}
		require.Equal(t, "a", found(t, s, vault.KeyPrimaryEmail, "email of a"))
	}},
	{"writes that lose are named in order and do not keep the others back", func(t *testing.T, s vault.Store) {
		mustPut(t, s, creation("b", "1"), creation("d", "2"), creation("e", "3"))
		conflicts, err := s.Put(context.Background(),
			creation("a", "10"),
			creation("b", "11"), // is there
			creation("c", "12"),
			update(record("d", "old", 1), "13"), // has moved on
			update(record("e", "3", 1), "14"),
			update(record("f", "4", 1), "15"), // is not there
		)
		require.NoError(t, err)
		require.Equal(t, []int{1, 3, 5}, conflicts)
		require.Equal(t, map[string]vault.Record{
			"a": record("a", "10", 1), "b": record("b", "1", 1), "c": record("c", "12", 1),
			"d": record("d", "2", 1), "e": record("e", "14", 2),
		}, get(t, s, "a", "b", "c", "d", "e", "f"))
		log := applied(t, s, "10", "11", "12", "13", "14", "15")
		require.Len(t, log, 3)
		for _, number := range []string{"10", "12", "14"} {
			require.Contains(t, log, number)
		}
	}},
	{"writes for one person apply in order when each was made from the one before", func(t *testing.T, s vault.Store) {
		mustPut(t, s, creation("a", "1"), creation("b", "2"),
			update(record("a", "1", 1), "3"), update(record("a", "3", 2), "4"))
		require.Equal(t, record("a", "4", 3), get(t, s, "a")["a"])
		require.Len(t, applied(t, s, "1", "3", "4"), 3)
	}},
	{"a write made from the same state as an earlier one of the call loses", func(t *testing.T, s vault.Store) {
		mustPut(t, s, creation("a", "1"))
		conflicts, err := s.Put(context.Background(), update(record("a", "1", 1), "2"), update(record("a", "1", 1), "3"))
		require.NoError(t, err)
		require.Equal(t, []int{1}, conflicts)
		require.Equal(t, record("a", "2", 2), get(t, s, "a")["a"])

		conflicts, err = s.Put(context.Background(), creation("b", "4"), creation("b", "5"))
		require.NoError(t, err)
		require.Equal(t, []int{1}, conflicts)
		require.Equal(t, record("b", "4", 1), get(t, s, "b")["b"])
	}},
	{"a write made from one that lost loses too", func(t *testing.T, s vault.Store) {
		mustPut(t, s, creation("a", "1"))
		conflicts, err := s.Put(context.Background(), creation("a", "2"), update(record("a", "2", 1), "3"))
		require.NoError(t, err)
		require.Equal(t, []int{0, 1}, conflicts)
		require.Equal(t, record("a", "1", 1), get(t, s, "a")["a"])
	}},
	{"the order of the call counts, not that of the sequence numbers", func(t *testing.T, s vault.Store) {
		conflicts, err := s.Put(context.Background(), update(record("a", "1", 1), "2"), creation("a", "1"))
		require.NoError(t, err)
		require.Equal(t, []int{0}, conflicts)
		require.Equal(t, record("a", "1", 1), get(t, s, "a")["a"])
	}},
	{"a write that is stored already loses when it is put again", func(t *testing.T, s vault.Store) {
		first := creation("a", "1")
		mustPut(t, s, first)
		mustLose(t, s, first)
		second := update(first.Record, "2")
		mustPut(t, s, second)
		mustLose(t, s, second)
	}},
	{"a sequence number is stored once, also when it is made from the newest record", func(t *testing.T, s vault.Store) {
		mustPut(t, s, creation("a", "1"))
		mustPut(t, s, update(record("a", "1", 1), "2"))
		mustLose(t, s, update(record("a", "2", 2), "1"))
		mustLose(t, s, update(record("a", "2", 2), "2"))
	}},
	{"a sequence number is stored once, also when it is for someone else", func(t *testing.T, s vault.Store) {
		mustPut(t, s, creation("a", "1"), creation("b", "2"))
		mustLose(t, s, creation("c", "1"))
		mustLose(t, s, update(record("b", "2", 1), "1"))
		conflicts, err := s.Put(context.Background(), creation("d", "3"), creation("e", "3"))
		require.NoError(t, err)
		require.Equal(t, []int{1}, conflicts)
		require.Equal(t, "d", applied(t, s, "3")["3"].ID)
	}},
	{"a write that is not valid is refused with all of its call", func(t *testing.T, s vault.Store) {
		for name, spoil := range map[string]func(*vault.Write){
			"no id":                  func(w *vault.Write) { w.Record.ID = "" },
			"no sequence number":     func(w *vault.Write) { w.Record.SequenceNumber = "" },
			"no profile":             func(w *vault.Write) { w.Record.Profile = nil },
			"a negative revision":    func(w *vault.Write) { w.Record.Revision = -1 },
			"no condition":           func(w *vault.Write) { w.Condition = "" },
			"a condition of its own": func(w *vault.Write) { w.Condition = "noop" },
			"a long id":              func(w *vault.Write) { w.Record.ID = strings.Repeat("x", vault.MaxKey+1) },
			"a long sequence number": func(w *vault.Write) { w.Record.SequenceNumber = strings.Repeat("1", vault.MaxKey+1) },
			"a long uuid":            func(w *vault.Write) { w.Record.UUID = strings.Repeat("x", vault.MaxKey+1) },
			"a long email":           func(w *vault.Write) { w.Record.PrimaryEmail = strings.Repeat("x", vault.MaxKey+1) },
			"a long username":        func(w *vault.Write) { w.Record.PrimaryUsername = strings.Repeat("x", vault.MaxKey+1) },
			"an id not in UTF-8":     func(w *vault.Write) { w.Record.ID = "github|\xff" },
		} {
			t.Run(name, func(t *testing.T) {
				wrong := creation("wrong", "2")
				spoil(&wrong)
				_, err := s.Put(context.Background(), creation("right", "1"), wrong)
				require.ErrorIs(t, err, vault.ErrInvalid)
				require.Empty(t, get(t, s, "right", "wrong"))
				require.Empty(t, applied(t, s, "1", "2"))
			})
		}
	}},
	{"a thousand writes are stored in one call", func(t *testing.T, s vault.Store) {
		const n = 1_000
		writes := make([]vault.Write, n)
		ids, numbers := make([]string, n), make([]string, n)
		for i := range writes {
			ids[i], numbers[i] = fmt.Sprintf("github|%d", i), fmt.Sprint(i)
			writes[i] = creation(ids[i], numbers[i])
		}
		mustPut(t, s, writes[n/2]) // so that one of them loses
		writes[n/2].Record.SequenceNumber = "late"
		conflicts, err := s.Put(context.Background(), writes...)
		require.NoError(t, err)
		require.Equal(t, []int{n / 2}, conflicts)
		require.Len(t, applied(t, s, numbers...), n)
		records := get(t, s, ids...)
		require.Len(t, records, n)
		for _, r := range records {
			check(t, r)
		}
	}},
}
