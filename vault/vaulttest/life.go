package vaulttest

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cis/vault"
)

var lifeRules = []rule{
	{"a store that can serve answers a ping", func(t *testing.T, s vault.Store) {
		require.NoError(t, s.Ping(context.Background()))
	}},
	{"a call whose context has ended fails with the context's error and stores nothing", func(t *testing.T, s vault.Store) {
		mustPut(t, s, creation("a", "1"))
		cancelled, cancel := context.WithCancel(context.Background())
		cancel()
		late, cancelLate := context.WithDeadline(context.Background(), time.Unix(0, 0))
		defer cancelLate()
		for ctx, want := range map[context.Context]error{cancelled: context.Canceled, late: context.DeadlineExceeded} {
			for name, call := range calls(ctx, s) {
				require.ErrorIs(t, call(), want, name)
			}
		}
		require.Equal(t, record("a", "1", 1), get(t, s, "a")["a"])
		require.Empty(t, applied(t, s, "2"))
	}},
	{"a store serves on after calls were cancelled in the middle", func(t *testing.T, s vault.Store) {
		const n = 200
		writes := make([]vault.Write, n)
		ids, numbers := make([]string, n), make([]string, n)
		for i := range writes {
			writes[i] = creation(string(rune('A'+i)), string(rune('A'+i)))
			ids[i], numbers[i] = writes[i].Record.ID, writes[i].Record.SequenceNumber
		}
		for delay := 50 * time.Microsecond; delay < 20*time.Millisecond; delay *= 2 {
			ctx, cancel := context.WithTimeout(context.Background(), delay)
			if _, err := s.Put(ctx, writes...); err != nil {
				require.ErrorIs(t, err, context.DeadlineExceeded)
			}
			if _, err := s.Get(ctx, ids...); err != nil {
				require.ErrorIs(t, err, context.DeadlineExceeded)
			}
			cancel()
		}
		// Whatever was stored of the cancelled calls is stored as a whole, and
		// the rest can be stored now.
		records, log := get(t, s, ids...), applied(t, s, numbers...)
		require.Len(t, log, len(records))
		for id := range records {
			require.Contains(t, log, id)
		}
		_, err := s.Put(context.Background(), writes...)
		require.NoError(t, err)
		require.Len(t, get(t, s, ids...), n)
		require.Len(t, applied(t, s, numbers...), n)
	}},
	{"after Close every call fails, and Close may be called again", func(t *testing.T, s vault.Store) {
		mustPut(t, s, creation("a", "1"))
		require.NoError(t, s.Close())
		for name, call := range calls(context.Background(), s) {
			require.Error(t, call(), name)
		}
		require.NoError(t, s.Close())
	}},
}

// calls are a call of each method that goes to the store, for a store that has
// the person "a" with the sequence number "1".
func calls(ctx context.Context, s vault.Store) map[string]func() error {
	return map[string]func() error{
		"get":         func() error { _, err := s.Get(ctx, "a"); return err },
		"find":        func() error { _, err := s.Find(ctx, vault.KeyUUID, "uuid of a", vault.Version{}); return err },
		"find nobody": func() error { _, err := s.Find(ctx, vault.KeyUUID, "nobody", vault.Version{}); return err },
		"put":         func() error { _, err := s.Put(ctx, update(record("a", "1", 1), "2")); return err },
		"lose":        func() error { _, err := s.Put(ctx, creation("a", "3")); return err },
		"applied":     func() error { _, err := s.Applied(ctx, "1"); return err },
		"ping":        func() error { return s.Ping(ctx) },
	}
}
