package vaulttest

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"cis/vault"
)

var valueRules = []rule{
	{"any text is an id and a key", func(t *testing.T, s vault.Store) {
		texts := []string{
			"with \x00 inside", "\x00", "with \x00 inside too", " ", "ends with a space ", "new\nline\ttab\r",
			`single ' double " backslash \`, "'; DROP TABLE identity_vault; --", "?1", "%", "_", "NULL", "0", "0.0", "1e3",
			"Zoë", "Zoe\u0308", "日本語", "\U0001F600", "\u202Eright to left", "\ufeffmark", "\uffff", "\ufffd", "ad|Mozilla-LDAP|jdoe", "AD|mozilla-ldap|JDOE",
			strings.Repeat("x", vault.MaxKey-1), strings.Repeat("x", vault.MaxKey),
			strings.Repeat("é", vault.MaxKey/2), strings.Repeat("\U0001F600", vault.MaxKey/4),
		}
		var writes []vault.Write
		for _, text := range texts {
			w := creation(text, "number "+text)
			if len(w.Record.SequenceNumber) > vault.MaxKey {
				w.Record.SequenceNumber = text
			}
			share(&w.Record, text, true)
			writes = append(writes, w)
		}
		mustPut(t, s, writes...)
		require.Len(t, get(t, s, texts...), len(texts))
		for _, w := range writes {
			id := w.Record.ID
			require.Equal(t, map[string]vault.Record{id: w.Record}, get(t, s, id), "%.40q", id)
			for _, key := range keys {
				require.Equal(t, id, found(t, s, key, id), "%.40q by %s", id, key)
			}
			number := w.Record.SequenceNumber
			require.Equal(t, vault.Applied{SequenceNumber: number, ID: id, Revision: 1, Condition: "create"},
				applied(t, s, number)[number], "%.40q", id)
		}
	}},
	{"a profile comes back byte for byte", func(t *testing.T, s vault.Store) {
		for name, profile := range map[string]string{
			"spaces and order": "{ \"b\" : 1,\n\t\"a\":\t2 }\n",
			"numbers":          `{"n":1.0,"m":1e2,"big":123456789012345678901234567890}`,
			"escapes":          `{"s":"\u00e9\u0000\/é` + "\u2028" + `"}`,
			"a name twice":     `{"a":1,"a":2}`,
			"a NUL byte":       "{\"a\":\"\x00\"}",
		} {
			w := creation(name, name)
			w.Record.Profile = []byte(profile)
			mustPut(t, s, w)
			require.Equal(t, profile, string(get(t, s, name)[name].Profile), name)
		}
	}},
	{"a profile of 256 KiB is kept", func(t *testing.T, s vault.Store) {
		w := creation("large", "1")
		w.Record.Profile = largeProfile(256<<10, 0)
		mustPut(t, s, w)
		require.True(t, bytes.Equal(w.Record.Profile, get(t, s, "large")["large"].Profile))
		next := update(w.Record, "2")
		next.Record.Profile = largeProfile(256<<10, 1)
		mustPut(t, s, next, creation("small", "3"))
		require.True(t, bytes.Equal(next.Record.Profile, get(t, s, "large", "small")["large"].Profile))
	}},
	{"a profile of 1 MiB is kept whole, or refused as invalid with nothing stored", func(t *testing.T, s vault.Store) {
		w := creation("large", "1")
		w.Record.Profile = largeProfile(1<<20, 0)
		_, err := s.Put(context.Background(), w)
		if errors.Is(err, vault.ErrInvalid) {
			require.Empty(t, get(t, s, "large"))
			require.Empty(t, applied(t, s, "1"))
			return
		}
		require.NoError(t, err)
		require.True(t, bytes.Equal(w.Record.Profile, get(t, s, "large")["large"].Profile))
	}},
	{"a revision may be large", func(t *testing.T, s vault.Store) {
		w := creation("a", "1")
		w.Record.Revision = 1<<53 + 1
		mustPut(t, s, w)
		require.Equal(t, w.Record.Revision, get(t, s, "a")["a"].Revision)
		require.Equal(t, w.Record.Revision, applied(t, s, "1")["1"].Revision)
	}},
}

// largeProfile is JSON of that many bytes which does not compress to nothing;
// kind makes it differ.
func largeProfile(size int, kind uint32) []byte {
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789"
	profile := append(make([]byte, 0, size), `{"a":"`...)
	for x := kind*2 + 1; len(profile) < size-2; x = x*1664525 + 1013904223 {
		profile = append(profile, letters[(x>>16)%uint32(len(letters))])
	}
	return append(profile, `"}`...)
}
