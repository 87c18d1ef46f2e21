package vaulttest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"cis/vault"
)

var concurrencyRules = []rule{
	{"two writers racing on one profile lose no update", func(t *testing.T, s vault.Store) {
		race(t, s, 2, 40)
	}},
	{"sixteen writers racing on one profile lose no update", func(t *testing.T, s vault.Store) {
		race(t, s, 16, 8)
	}},
	{"of several creates of one person exactly one wins", func(t *testing.T, s vault.Store) {
		const writers = 16
		for round := range 5 {
			id := fmt.Sprintf("person %d", round)
			number := func(i int) string { return fmt.Sprintf("%d-%d", round, i) }
			lost := make([]bool, writers)
			together(t, writers, func(i int) error {
				conflicts, err := s.Put(context.Background(), creation(id, number(i)))
				lost[i] = len(conflicts) > 0
				return err
			})
			var winners []string
			for i := range writers {
				if !lost[i] {
					winners = append(winners, number(i))
				}
				require.Equal(t, !lost[i], len(applied(t, s, number(i))) == 1, "the log must have the winner only")
			}
			require.Len(t, winners, 1)
			require.Equal(t, record(id, winners[0], 1), get(t, s, id)[id])
		}
	}},
	{"a change that is put by several at once is stored once", func(t *testing.T, s vault.Store) {
		const writers = 8
		mustPut(t, s, creation("a", "0"))
		won := make([]int, writers)
		together(t, writers, func(i int) error {
			conflicts, err := s.Put(context.Background(), update(record("a", "0", 1), "1"))
			won[i] = 1 - len(conflicts)
			return err
		})
		total := 0
		for _, n := range won {
			total += n
		}
		require.Equal(t, 1, total)
		require.Equal(t, record("a", "1", 2), get(t, s, "a")["a"])
	}},
	{"a reader sees whole records and never an older one than before while they are being written", func(t *testing.T, s vault.Store) {
		const updates, readers = 100, 4
		mustPut(t, s, creation("a", "1"))
		written := make(chan struct{})
		together(t, readers+1, func(i int) error {
			if i == readers {
				defer close(written)
				for r := int64(1); r <= updates; r++ {
					w := update(record("a", fmt.Sprint(r), r), fmt.Sprint(r+1))
					if conflicts, err := s.Put(context.Background(), w); err != nil || len(conflicts) > 0 {
						return fmt.Errorf("update %d: conflicts %v, error %w", r, conflicts, err)
					}
				}
				return nil
			}
			for seen := int64(0); ; {
				last := false
				select {
				case <-written:
					last = true
				default:
				}
				r, err := readSomehow(s, i)
				if err != nil {
					return err
				}
				if want := record("a", fmt.Sprint(r.Revision), r.Revision); string(want.Profile) != string(r.Profile) || want.SequenceNumber != r.SequenceNumber {
					return fmt.Errorf("the record is half of one write and half of another: %+v", r)
				}
				if r.Revision < seen {
					return fmt.Errorf("revision %d was read after %d", r.Revision, seen)
				}
				if log, err := s.Applied(context.Background(), r.SequenceNumber); err != nil || len(log) != 1 {
					return fmt.Errorf("a record was read that is not in the change log: %v, error %w", log, err)
				}
				seen = r.Revision
				if last {
					if seen != updates+1 {
						return fmt.Errorf("after the last write revision %d was read", seen)
					}
					return nil
				}
			}
		})
	}},
	{"many goroutines may use all methods at once", func(t *testing.T, s vault.Store) {
		const users, rounds = 32, 6
		together(t, users, func(i int) error {
			ctx := context.Background()
			id := fmt.Sprintf("person %d", i)
			current := vault.Record{ID: id}
			for round := range rounds {
				w := update(current, fmt.Sprintf("%d-%d", i, round))
				if conflicts, err := s.Put(ctx, w); err != nil || len(conflicts) > 0 {
					return fmt.Errorf("put: conflicts %v, error %w", conflicts, err)
				}
				current = w.Record
				records, err := s.Get(ctx, id, fmt.Sprintf("person %d", (i+1)%users))
				if err != nil || string(records[id].Profile) != string(current.Profile) {
					return fmt.Errorf("get does not see what was put before: %w", err)
				}
				r, err := s.Find(ctx, vault.KeyPrimaryEmail, "email of "+id, vault.Version{})
				if err != nil || r.SequenceNumber != current.SequenceNumber {
					return fmt.Errorf("find does not see what was put before: %w", err)
				}
				log, err := s.Applied(ctx, current.SequenceNumber)
				if err != nil || len(log) != 1 {
					return fmt.Errorf("applied does not see what was put before: %w", err)
				}
				if err := s.Ping(ctx); err != nil {
					return err
				}
			}
			return nil
		})
		for i := range users {
			id := fmt.Sprintf("person %d", i)
			check(t, get(t, s, id)[id])
			require.Equal(t, int64(rounds), get(t, s, id)[id].Revision)
		}
	}},
	{"calls for several people at once never wait for each other in a circle", func(t *testing.T, s vault.Store) {
		const writers, people = 8, 6
		together(t, writers, func(i int) error {
			writes := make([]vault.Write, people)
			for p := range people { // every writer in an order of its own
				writes[p] = creation(fmt.Sprintf("person %d", (p*(i%2*2-1)+i+people*2)%people), fmt.Sprintf("%d-%d", i, p))
			}
			_, err := s.Put(context.Background(), writes...)
			return err
		})
		for p := range people {
			id := fmt.Sprintf("person %d", p)
			check(t, get(t, s, id)[id])
		}
	}},
}

// race has writers make updates of one person each, by reading, changing and
// writing until it is stored, and checks that every update counts.
func race(t *testing.T, s vault.Store, writers, updates int) {
	mustPut(t, s, creation("a", "0"))
	var mu sync.Mutex
	acknowledged := map[string]int64{"0": 1}
	together(t, writers, func(i int) error {
		for n := range updates {
			number := fmt.Sprintf("%d-%d", i, n)
			revision, err := readModifyWrite(s, "a", number)
			if err != nil {
				return err
			}
			mu.Lock()
			acknowledged[number] = revision
			mu.Unlock()
		}
		return nil
	})

	total := int64(writers*updates + 1)
	last := get(t, s, "a")["a"]
	check(t, last)
	require.Equal(t, total, last.Revision)

	numbers := make([]string, 0, total)
	for number := range acknowledged {
		numbers = append(numbers, number)
	}
	log := applied(t, s, numbers...)
	revisions := make(map[int64]bool)
	for number, revision := range acknowledged {
		require.Equal(t, revision, log[number].Revision, "change %s", number)
		revisions[revision] = true
	}
	for r := int64(1); r <= total; r++ {
		require.True(t, revisions[r], "revision %d is missing", r)
	}
}

// readModifyWrite makes the next update of a person and returns its revision.
func readModifyWrite(s vault.Store, id, number string) (int64, error) {
	for {
		records, err := s.Get(context.Background(), id)
		if err != nil {
			return 0, err
		}
		w := update(records[id], number)
		conflicts, err := s.Put(context.Background(), w)
		if err != nil {
			return 0, err
		}
		if len(conflicts) == 0 {
			return w.Record.Revision, nil
		}
	}
}

// readSomehow reads the person "a" by id or by a key, as i says.
func readSomehow(s vault.Store, i int) (vault.Record, error) {
	if i%2 == 0 {
		return s.Find(context.Background(), vault.KeyUUID, "uuid of a", vault.Version{})
	}
	records, err := s.Get(context.Background(), "a")
	if err == nil && len(records) != 1 {
		err = errors.New("the record was away for a moment")
	}
	return records["a"], err
}
