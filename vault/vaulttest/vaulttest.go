// Package vaulttest is the contract of vault.Store as tests.
//
// A driver's own test calls Run, and the driver is right when it passes: each
// rule of the interface's comments is a subtest with that rule as its name.
package vaulttest

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"cis/vault"
)

// Run tests the stores that open returns. Each call must return a store with
// nothing in it; Run closes them. unindex takes all index entries out of a
// store, as if its records had come from an older version.
func Run(t *testing.T, open func(t *testing.T) vault.Store, unindex func(t *testing.T, s vault.Store)) {
	for _, group := range []struct {
		name  string
		rules []rule
	}{
		{"Get", getRules},
		{"Find", findRules},
		{"Put", putRules},
		{"Delete", deleteRules},
		{"List", listRules},
		{"Index", indexRules(unindex)},
		{"Applied", appliedRules},
		{"Values", valueRules},
		{"Concurrency", concurrencyRules},
		{"Life", lifeRules},
		{"Model", modelRules},
	} {
		t.Run(group.name, func(t *testing.T) {
			for _, r := range group.rules {
				t.Run(r.name, func(t *testing.T) {
					store := open(t)
					t.Cleanup(func() { require.NoError(t, store.Close()) })
					r.test(t, store)
				})
			}
		})
	}
}

// rule is a sentence of the contract and its proof on an empty store.
type rule struct {
	name string
	test func(*testing.T, vault.Store)
}

// record returns a record that has something in every field.
func record(id, number string, revision int64) vault.Record {
	return vault.Record{
		ID:              id,
		UUID:            "uuid of " + id,
		PrimaryEmail:    "email of " + id,
		PrimaryUsername: "username of " + id,
		Active:          true,
		Profile:         fmt.Appendf(nil, `{"user_id":{"value":%q},"revision":%d,"number":%q}`, id, revision, number),
		SequenceNumber:  number,
		Revision:        revision,
	}
}

func creation(id, number string) vault.Write {
	return vault.Write{Record: record(id, number, 1), Condition: "create"}
}

// update makes the write that follows previous.
func update(previous vault.Record, number string) vault.Write {
	return vault.Write{
		Record:    record(previous.ID, number, previous.Revision+1),
		Read:      previous.SequenceNumber,
		Condition: "update",
	}
}

// mustPut stores writes of which none may lose.
func mustPut(t require.TestingT, s vault.Store, writes ...vault.Write) {
	conflicts, err := s.Put(context.Background(), writes...)
	require.NoError(t, err)
	require.Empty(t, conflicts)
}

// mustLose puts one write that must lose, and checks that it left nothing.
func mustLose(t *testing.T, s vault.Store, w vault.Write) {
	t.Helper()
	before := get(t, s, w.Record.ID)
	logged := applied(t, s, w.Record.SequenceNumber)
	conflicts, err := s.Put(context.Background(), w)
	require.NoError(t, err)
	require.Equal(t, []int{0}, conflicts)
	require.Equal(t, before, get(t, s, w.Record.ID))
	require.Equal(t, logged, applied(t, s, w.Record.SequenceNumber))
}

func get(t require.TestingT, s vault.Store, ids ...string) map[string]vault.Record {
	records, err := s.Get(context.Background(), ids...)
	require.NoError(t, err)
	require.NotNil(t, records)
	return records
}

func applied(t require.TestingT, s vault.Store, numbers ...string) map[string]vault.Applied {
	entries, err := s.Applied(context.Background(), numbers...)
	require.NoError(t, err)
	require.NotNil(t, entries)
	return entries
}

// found returns the id of the record that Find returns, "" for none.
func found(t require.TestingT, s vault.Store, key vault.Key, value string) string {
	r, err := s.Find(context.Background(), key, value, vault.Version{})
	if err != nil {
		require.ErrorIs(t, err, vault.ErrNotFound)
		return ""
	}
	return r.ID
}

// check fails unless the parts of a record are of the same write.
func check(t require.TestingT, r vault.Record) {
	want := record(r.ID, r.SequenceNumber, r.Revision)
	require.True(t, bytes.Equal(want.Profile, r.Profile), "revision %d has the profile of another", r.Revision)
	require.Equal(t, want, r)
}

// together runs f n times at once and returns when all have returned. A panic
// or failure in one of them must be reported by f through errs.
func together(t *testing.T, n int, f func(i int) error) {
	t.Helper()
	errs := make([]error, n)
	start := make(chan struct{})
	var running sync.WaitGroup
	for i := range n {
		running.Go(func() {
			<-start
			errs[i] = f(i)
		})
	}
	close(start)
	running.Wait()
	for i, err := range errs {
		require.NoError(t, err, "in goroutine %d", i)
	}
}
