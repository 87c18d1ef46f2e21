package dynamo

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go/middleware"
	"github.com/stretchr/testify/require"

	"cis/vault"
)

// meanwhile is a configuration in which do happens before the n-th request of a
// kind is sent, counted from 1.
func meanwhile(config aws.Config, operation string, n int64, do func()) aws.Config {
	var count atomic.Int64
	return attempts(config, func(o string, send send) (middleware.FinalizeOutput, middleware.Metadata, error) {
		if o == operation && count.Add(1) == n {
			do()
		}
		return send()
	})
}

// twoStores opens the same new vault twice: the first one waits for do as
// meanwhile says, once it is open.
func twoStores(t *testing.T, operation string, n int64, do func()) (slow, other *Store) {
	t.Helper()
	config, environment := newEnvironment(t)
	_, err := Init(context.Background(), config, environment)
	require.NoError(t, err)
	slow = newStore(meanwhile(config, operation, n, do), environment)
	t.Cleanup(func() { require.NoError(t, slow.Close()) })
	slow.complete.Store(true) // so that it needs no request to know
	return slow, open(t, config, environment)
}

func TestAPersonWhoComesBackWhileBeingReadIsNotMissed(t *testing.T) {
	t.Parallel()
	first := creation("a", "1")
	gone := deletion(first, "2")
	again := change(gone, "3")
	var slow, other *Store
	slow, other = twoStores(t, "BatchGetItem", 2, func() { put(t, other, again) }) // the record was read, now its head
	put(t, other, first, gone)
	require.Equal(t, map[string]vault.Record{"a": again.Record}, must(slow.Get(context.Background(), "a")))
}

func TestAKeyThatMovesWhileItIsLookedUpIsFound(t *testing.T) {
	t.Parallel()
	a, b := creation("a", "1"), creation("b", "2")
	taken, dropped := change(b, "3"), change(a, "4")
	taken.Record.PrimaryEmail = a.Record.PrimaryEmail
	dropped.Record.PrimaryEmail = "another"
	var slow, other *Store
	slow, other = twoStores(t, "BatchGetItem", 1, func() { put(t, other, taken, dropped) }) // "a" was said to have it
	put(t, other, a, b)
	r, err := slow.Find(context.Background(), vault.KeyPrimaryEmail, a.Record.PrimaryEmail, vault.Version{})
	require.NoError(t, err)
	require.Equal(t, taken.Record, r)
}

// TestALateRemovalTakesNothingAwayThatIsNeededAgain has a change's stale index
// entries removed only after the next change has added the same terms.
func TestALateRemovalTakesNothingAwayThatIsNeededAgain(t *testing.T) {
	t.Parallel()
	many := groups("many", 50)
	first := creation("a", "1", many...)
	without := change(first, "2")
	again := change(without, "3", many...)
	var slow, other *Store
	slow, other = twoStores(t, "BatchWriteItem", 1, func() { put(t, other, again) })
	put(t, other, first)
	put(t, slow, without)
	requireState(t, other, again)
	requireConsistent(t, other)
}

// TestALoserTakesNothingAwayFromTheWinner has two write the same terms of a
// person at once; the one that loses removes what it has added.
func TestALoserTakesNothingAwayFromTheWinner(t *testing.T) {
	t.Parallel()
	many := groups("many", 50)
	winner, loser := creation("a", "1", many...), creation("a", "2", many...)
	var slow, other *Store
	slow, other = twoStores(t, "TransactWriteItems", 1, func() { put(t, other, winner) })
	conflicts, err := slow.Put(context.Background(), loser)
	require.NoError(t, err)
	require.Equal(t, []int{0}, conflicts)
	requireState(t, other, winner)
	requireConsistent(t, other)
	require.Len(t, items(t, other, other.index), 1+1+1+2+len(many)*2+3,
		"the marker, a change, a head, and the winner's entries: in lists of people, terms and keys")
}

// TestAListMissesNobodyWhoseActivityChanges has everybody become inactive
// between two pages of a list of all.
func TestAListMissesNobodyWhoseActivityChanges(t *testing.T) {
	t.Parallel()
	skipped := vault.Term{Attribute: "team", Value: "of the first page"}
	var on, off []vault.Write
	for i := range smallestPage * 2 {
		w := creation(fmt.Sprintf("%03d", i), fmt.Sprint(i))
		if i < smallestPage {
			w.Terms = []vault.Term{skipped}
		}
		on = append(on, w)
		w = change(w, fmt.Sprint("off ", i), w.Terms...)
		w.Record.Active = false
		off = append(off, w)
	}
	var slow, other *Store
	var happened bool
	slow, other = twoStores(t, "Query", 2, func() { put(t, other, off...); happened = true })
	put(t, other, on...)
	listed := must(slow.List(context.Background(), vault.Query{
		Activity: vault.AnyActivity, Without: []vault.Term{skipped}, Limit: smallestPage,
	}))
	require.Len(t, listed, smallestPage)
	require.True(t, happened)
}

// TestAPersonWhoIsIndexedWhileBeingWritten has a person indexed whom the
// original has written last, between the requests of a change that is made from
// it and has a term that the older head had.
func TestAPersonWhoIsIndexedWhileBeingWritten(t *testing.T) {
	t.Parallel()
	team, room := vault.Term{Attribute: "team", Value: "x"}, vault.Term{Attribute: "room", Value: "y"}
	var slow, other *Store
	slow, other = twoStores(t, "TransactWriteItems", 1, func() { require.Equal(t, 1, reindex(t, other)) })
	first := creation("a", "1", team)
	put(t, other, first)
	putItem(t, other, original("a", "later", true))
	w := change(vault.Write{Record: must(other.Get(context.Background(), "a"))["a"]}, "2", team, room)
	put(t, slow, w)
	requireState(t, other, w)
	requireConsistent(t, other)
}

// TestAPersonWhoIsWrittenWhileBeingIndexed is the other way round: indexing has
// come too late and changes nothing.
func TestAPersonWhoIsWrittenWhileBeingIndexed(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	team := []vault.Term{{Attribute: "team", Value: "x"}}
	first := creation("a", "1", team...)
	var w vault.Write
	var slow, other *Store
	slow, other = twoStores(t, "TransactWriteItems", 1, func() { put(t, other, w) })
	put(t, other, first)
	putItem(t, other, original("a", "later", true))
	later := must(other.Get(ctx, "a"))["a"]
	w = change(vault.Write{Record: later}, "2", team...)
	require.NoError(t, slow.Index(ctx, vault.Indexed{Record: later}))
	requireState(t, other, w)
	requireConsistent(t, other)
}

func TestAChangeThatWasSentIsWaitedForThoughItsCallerGaveUp(t *testing.T) {
	t.Parallel()
	ctx, giveUp := context.WithCancel(context.Background())
	slow, other := twoStores(t, "TransactWriteItems", 1, giveUp)
	w := creation("a", "1")
	conflicts, err := slow.Put(ctx, w)
	require.NoError(t, err)
	require.Empty(t, conflicts)
	requireState(t, other, w)
}
