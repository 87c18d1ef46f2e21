package dynamo

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"cis/vault"
)

// TestAProcessMayDieAtAnyRequest lets a process die at each of the requests
// that it makes for a Put, before or after DynamoDB has done what it says, and
// has another look at what is there and do it again.
func TestAProcessMayDieAtAnyRequest(t *testing.T) {
	t.Parallel()
	config, environment := newEnvironment(t)
	_, err := Init(context.Background(), config, environment)
	require.NoError(t, err)
	few, many := groups("few", 3), groups("many", 50)
	for name, scenario := range map[string]func(id, number string) (before, writes []vault.Write){
		"a creation": func(id, number string) (_, _ []vault.Write) {
			return nil, []vault.Write{creation(id, number, few...)}
		},
		"a creation with many groups": func(id, number string) (_, _ []vault.Write) {
			return nil, []vault.Write{creation(id, number, many...)}
		},
		"a change of groups and activity": func(id, number string) (_, _ []vault.Write) {
			first := creation(id, number+" first", few...)
			w := change(first, number, append(groups("new", 2), few[0])...)
			w.Record.Active, w.Record.PrimaryEmail = false, "other email of "+id
			return []vault.Write{first}, []vault.Write{w}
		},
		"a change of many groups": func(id, number string) (_, _ []vault.Write) {
			first := creation(id, number+" first", many...)
			return []vault.Write{first}, []vault.Write{change(first, number, append(groups("new", 50), many[:3]...)...)}
		},
		"a deletion": func(id, number string) (_, _ []vault.Write) {
			first := creation(id, number+" first", few...)
			return []vault.Write{first}, []vault.Write{deletion(first, number)}
		},
		"the deletion of somebody with many groups": func(id, number string) (_, _ []vault.Write) {
			first := creation(id, number+" first", many...)
			return []vault.Write{first}, []vault.Write{deletion(first, number)}
		},
		"a person who comes back": func(id, number string) (_, _ []vault.Write) {
			first := creation(id, number+" first", few...)
			gone := deletion(first, number+" second")
			again := change(gone, number, few[1:]...)
			return []vault.Write{first, gone}, []vault.Write{again}
		},
		"several people, one of them twice": func(id, number string) (_, _ []vault.Write) {
			first := creation(id, number+" first", few...)
			return nil, []vault.Write{first, creation(id+" too", number+" too", few...), change(first, number, few[:1]...)}
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, sent := range []bool{false, true} {
				for n, died := int64(0), true; died; n++ {
					id := fmt.Sprintf("%s, %d, %t", name, n, sent)
					died = dieAt(t, func(at int64) (alive, mortal *Store, died func() bool) {
						dead, flag := dying(config, at, sent)
						return open(t, config, environment), newStore(dead, environment), flag.Load
					}, n, id, scenario)
				}
			}
		})
	}
	requireConsistent(t, open(t, config, environment))
}

func dieAt(t *testing.T, stores func(int64) (*Store, *Store, func() bool), n int64, id string,
	scenario func(id, number string) (before, writes []vault.Write)) bool {
	ctx := context.Background()
	alive, mortal, died := stores(n)
	defer mortal.Close()
	before, writes := scenario(id, "number of "+id)
	put(t, alive, before...)
	if _, err := mortal.Put(ctx, writes...); died() {
		// What comes after the transaction may fail without harm.
		require.True(t, err == nil || errors.Is(err, errDied), "%v", err)
	} else {
		require.NoError(t, err)
	}

	last := map[string]vault.Write{}
	for _, w := range before {
		last[w.Record.ID] = w
	}
	var numbers []string
	for _, w := range writes {
		numbers = append(numbers, w.Record.SequenceNumber)
	}
	log, err := alive.Applied(ctx, numbers...)
	require.NoError(t, err)
	var stored []int
	for i, w := range writes {
		if _, ok := log[w.Record.SequenceNumber]; ok {
			stored = append(stored, i)
			last[w.Record.ID] = w
		}
	}
	all := append(before, writes...)
	for id, w := range last {
		requireState(t, alive, w, of(id, all)...)
	}
	for _, w := range writes {
		if _, ok := last[w.Record.ID]; !ok {
			records, err := alive.Get(ctx, w.Record.ID)
			require.NoError(t, err)
			require.Empty(t, records, "nothing is there of what was not applied")
			require.False(t, lists(t, alive, vault.Query{Activity: vault.AnyActivity}, w.Record.ID))
		}
	}

	conflicts, err := alive.Put(ctx, writes...)
	require.NoError(t, err)
	require.Equal(t, stored, conflicts, "done again, what was stored is stored already, and the rest now")
	for _, w := range writes {
		last[w.Record.ID] = w
	}
	for id, w := range last {
		requireState(t, alive, w, of(id, all)...)
	}
	return died()
}

// of returns those of the writes that are a person's.
func of(id string, writes []vault.Write) (some []vault.Write) {
	for _, w := range writes {
		if w.Record.ID == id {
			some = append(some, w)
		}
	}
	return some
}
