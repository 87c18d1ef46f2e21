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

// profileOf is a profile that makes an item of so many bytes without its
// flat_profile, and the write of it.
func profileOf(t *testing.T, size int) vault.Write {
	t.Helper()
	w := creation("large", "1")
	w.Record.Profile = []byte(`{"a":""}`)
	_, without := itemOf(w.Record)
	w.Record.Profile = []byte(`{"a":"` + strings.Repeat("x", size-without+sizeOf(item{"flat_profile": object(item{})})) + `"}`)
	return w
}

func TestAProfileThatDynamoDBCannotHoldIsRefused(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s := newVault(t)
	_, err := s.Put(ctx, creation("other", "2"), profileOf(t, maxItem+1))
	require.ErrorIs(t, err, vault.ErrInvalid)
	require.ErrorContains(t, err, "write 1")
	require.ErrorContains(t, err, "an item of 409601 bytes, and DynamoDB holds at most 409600")
	require.Empty(t, must(s.Get(ctx, "large", "other")))

	w := profileOf(t, maxItem)
	put(t, s, w)
	requireState(t, s, w)
	require.NotContains(t, items(t, s, s.main)[0], "flat_profile", "there is no room for it")

	small := change(w, "3")
	put(t, s, small)
	require.Contains(t, items(t, s, s.main)[0], "flat_profile")

	large := change(small, "4")
	large.Terms = []vault.Term{}
	for i := range 400 {
		large.Terms = append(large.Terms, vault.Term{Attribute: "group", Value: fmt.Sprint(i, strings.Repeat("x", 800))})
	}
	_, err = s.Put(ctx, large)
	require.ErrorIs(t, err, vault.ErrInvalid)
	require.ErrorContains(t, err, "400 search terms make an item of")

	large = change(small, "5")
	large.Record.Profile = []byte("{\"a\":\"\xff\"}")
	_, err = s.Put(ctx, large)
	require.ErrorIs(t, err, vault.ErrInvalid)
	large = change(small, "6")
	large.Changed = slices.Repeat([]string{strings.Repeat("x", 1000)}, 500)
	_, err = s.Put(ctx, large)
	require.ErrorIs(t, err, vault.ErrInvalid)
	requireState(t, s, small)
}

// TestTheSizeOfAnItemIsWhatDynamoDBCounts has DynamoDB refuse items that are a
// little larger than sizeOf allows, and take those that are not.
func TestTheSizeOfAnItemIsWhatDynamoDBCounts(t *testing.T) {
	t.Parallel()
	s := newVault(t)
	for name, i := range map[string]item{
		"a text":  {"id": text("é")},
		"a flag":  {"id": text("b"), "active": flag(true)},
		"objects": {"id": text("c"), "o": object(item{"a": text("1"), "b": object(item{"c": flag(true)})})},
	} {
		i["fill"] = text("")
		i["fill"] = text(strings.Repeat("x", maxItem-sizeOf(i)))
		require.Equal(t, maxItem, sizeOf(i))
		putItem(t, s, i)
		i["fill"] = text(textIn(i, "fill") + "x")
		require.ErrorContains(t, tryPutItem(s, i), "Item size", name)
	}
}

// TestLongIdsAreInOrder lists people whose ids are too long for DynamoDB's keys,
// differ only at their end, and are as many as need several pages.
func TestLongIdsAreInOrder(t *testing.T) {
	t.Parallel()
	s := newVault(t)
	var ids []string
	var writes []vault.Write
	for i := range 40 {
		for _, begin := range []string{strings.Repeat("x", longestID+100), strings.Repeat("é\x00", 400), strings.Repeat("x", longestID), "y"} {
			ids = append(ids, fmt.Sprintf("%s%02d", begin, i))
		}
	}
	ids = append(ids, strings.Repeat("x", longestID), strings.Repeat("x", longestID+100), longID+"1")
	for i, id := range ids {
		writes = append(writes, creation(id, fmt.Sprint(i)))
	}
	put(t, s, writes...)
	slices.Sort(ids)
	for _, limit := range []int{17, 100} {
		var paged []string
		for q := (vault.Query{Limit: limit}); ; q.After = paged[len(paged)-1] {
			page := must(s.List(context.Background(), q))
			if len(page) == 0 {
				break
			}
			for _, l := range page {
				paged = append(paged, l.ID)
			}
		}
		require.Equal(t, ids, paged)
	}
	prefix := strings.Repeat("x", longestID+100) + "1"
	listed := must(s.List(context.Background(), vault.Query{Prefix: prefix, Limit: 100}))
	require.Len(t, listed, 10)
	require.Equal(t, prefix+"0", listed[0].ID)
	unindex(t, s)
	require.Equal(t, len(ids), reindex(t, s))
	for _, id := range []string{longID + "1", prefix + "0"} {
		require.Equal(t, id, must(s.Find(context.Background(), vault.KeyUUID, "uuid "+id, vault.Version{})).ID)
	}
}
