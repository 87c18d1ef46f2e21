package dynamo

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"cis/internal/testdata"
	"cis/vault"
)

// original is an item as the original writes it: nothing of ours in it.
func original(id, number string, active bool) item {
	return item{
		"id": text(id), "user_uuid": text("uuid " + id), "primary_email": text("email " + id), "primary_username": text("name " + id),
		"sequence_number": text(number), "active": flag(active),
		"profile":      text(`{"user_id":{"value":"` + id + `"}}`),
		"flat_profile": object(item{"user_id": text(id)}),
	}
}

// originalVault makes a table as the original does, with items, and then our
// table beside it.
func originalVault(t *testing.T, originals ...item) *Store {
	t.Helper()
	config, environment := newEnvironment(t)
	before := newStore(config, environment)
	defer before.Close()
	_, err := before.create(context.Background(), before.tables()[0])
	require.NoError(t, err)
	for _, i := range originals {
		putItem(t, before, i)
	}
	created, err := Init(context.Background(), config, environment)
	require.NoError(t, err)
	require.Equal(t, []string{before.index}, created)
	return open(t, config, environment)
}

func putItem(t *testing.T, s *Store, i item) {
	t.Helper()
	require.NoError(t, tryPutItem(s, i))
}

func tryPutItem(s *Store, i item) error {
	_, err := s.db.PutItem(context.Background(), &dynamodb.PutItemInput{TableName: &s.main, Item: i})
	return err
}

func TestAVaultOfTheOriginalIsUsedAsItIs(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s := originalVault(t, original("a", "1", true), original("b", "2", false), original("c", "3", true))
	ours := vault.Record{ID: "b", UUID: "uuid b", PrimaryEmail: "email b", PrimaryUsername: "name b",
		Profile: []byte(`{"user_id":{"value":"b"}}`), SequenceNumber: "2"}

	records, err := s.Get(ctx, "a", "b", "nobody")
	require.NoError(t, err)
	require.Len(t, records, 2)
	require.Equal(t, ours, records["b"])
	for key, value := range map[vault.Key]string{
		vault.KeyUserID: "b", vault.KeyUUID: "uuid b", vault.KeyPrimaryEmail: "email b", vault.KeyPrimaryUsername: "name b",
	} {
		r, err := s.Find(ctx, key, value, vault.Version{})
		require.NoError(t, err)
		require.Equal(t, ours, r)
	}
	require.True(t, lists(t, s, vault.Query{}, "a"))
	require.True(t, lists(t, s, vault.Query{Activity: vault.InactiveOnly}, "b"))

	w := creation("b", "4", vault.Term{Attribute: "team", Value: "x"})
	conflicts, err := s.Put(ctx, w)
	require.NoError(t, err)
	require.Equal(t, []int{0}, conflicts, "there is one already")
	w.Read, w.Condition, w.Record.PrimaryEmail = "2", "update", "other"
	put(t, s, w)
	_, err = s.Find(ctx, vault.KeyPrimaryEmail, "email b", vault.Version{})
	require.ErrorIs(t, err, vault.ErrNotFound)
	r, err := s.Find(ctx, vault.KeyPrimaryEmail, "other", vault.Version{})
	require.NoError(t, err)
	require.Equal(t, w.Record, r)
	require.Equal(t, w.Record, must(s.Get(ctx, "b"))["b"])

	_, err = s.List(ctx, vault.Query{With: w.Terms, Limit: 10})
	require.ErrorIs(t, err, vault.ErrNotIndexed)
	require.Equal(t, 2, reindex(t, s))
	requireState(t, s, w)
	require.Zero(t, reindex(t, s))
}

func TestAnItemKeepsWhatTheOriginalHas(t *testing.T) {
	t.Parallel()
	s := newVault(t)
	w := creation("a", "1")
	w.Record.Profile = []byte(`{"schema":"s","first_name":{"signature":{"publisher":{"value":"jws"}},"metadata":{"display":null},"value":"Ann"},
		"access_information":{"ldap":{"signature":{},"metadata":{},"values":{"vpn":null,"":"x","empty":""}}},
		"fun_title":{"metadata":{"verified":false},"value":null},"n":{"values":[1,"",2500,1e400]}}`)
	put(t, s, w)
	want := original("a", "1", true)
	want["profile"], want["revision"] = text(string(w.Record.Profile)), number(1)
	want["flat_profile"] = object(item{
		"schema": text("s"), "first_name": text("Ann"), "fun_title": &types.AttributeValueMemberNULL{Value: true},
		"access_information": object(item{"ldap": object(item{"vpn": &types.AttributeValueMemberNULL{Value: true}})}),
		"n":                  list([]types.AttributeValue{number(1), number(2500)}),
	})
	require.Equal(t, []item{want}, items(t, s, s.main))
}

// TestTheOriginalsOwnItems reads what the original has stored, and makes the
// same of it.
func TestTheOriginalsOwnItems(t *testing.T) {
	t.Parallel()
	var golden struct {
		Items []map[string]json.RawMessage `json:"items"`
	}
	testdata.ReadJSON(t, "golden/store-items.json", &golden)
	var originals []item
	for _, members := range golden.Items {
		originals = append(originals, wire(t, members))
	}
	s := originalVault(t, originals...)
	for _, i := range originals {
		r := recordOf(i)
		require.NotEmpty(t, r.UUID)
		require.Equal(t, r, must(s.Get(context.Background(), r.ID))[r.ID])
		made, size := itemOf(r)
		require.Less(t, size, maxItem)
		delete(made, "revision")
		require.Equal(t, i, made)
	}
}

// wire reads an item as DynamoDB's protocol has it.
func wire(t *testing.T, members map[string]json.RawMessage) item {
	i := item{}
	for name, text := range members {
		i[name] = wireValue(t, text)
	}
	return i
}

func wireValue(t *testing.T, raw json.RawMessage) types.AttributeValue {
	var v struct {
		S    *string
		N    *string
		BOOL *bool
		NULL bool
		L    *[]json.RawMessage
		M    *map[string]json.RawMessage
	}
	require.NoError(t, json.Unmarshal(raw, &v))
	switch {
	case v.S != nil:
		return text(*v.S)
	case v.N != nil:
		return &types.AttributeValueMemberN{Value: *v.N}
	case v.BOOL != nil:
		return flag(*v.BOOL)
	case v.M != nil:
		return object(wire(t, *v.M))
	case v.L != nil:
		all := []types.AttributeValue{}
		for _, e := range *v.L {
			all = append(all, wireValue(t, e))
		}
		return list(all)
	}
	require.True(t, v.NULL, "%s", raw)
	return &types.AttributeValueMemberNULL{Value: true}
}

// TestWhatTheOriginalWritesAfterwards is about an original that goes on after
// CIS has made a person's head: nothing is lost, and reindexing finds it.
func TestWhatTheOriginalWritesAfterwards(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s := newVault(t)
	team := func(name string) []vault.Term { return []vault.Term{{Attribute: "team", Value: name}} }
	first, second, third := creation("a", "1", team("x")...), creation("b", "2", team("x")...), creation("c", "3", team("x")...)
	put(t, s, first, second, third)
	putItem(t, s, original("a", "later a", false))
	putItem(t, s, original("b", "later b", false))
	_, err := s.db.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: &s.main, Key: mainKey("c")})
	require.NoError(t, err)

	require.Equal(t, "later a", must(s.Get(ctx, "a"))["a"].SequenceNumber)
	require.NotContains(t, must(s.Get(ctx, "c")), "c")
	again := creation("c", "4", team("y")...)
	put(t, s, again)
	requireState(t, s, again, third)

	conflicts, err := s.Put(ctx, change(first, "5"))
	require.NoError(t, err)
	require.Equal(t, []int{0}, conflicts, "it is not made from what the original has written")
	w := change(vault.Write{Record: must(s.Get(ctx, "a"))["a"]}, "6", team("z")...)
	put(t, s, w)
	requireState(t, s, w, first)

	require.Equal(t, 1, reindex(t, s), "the other one")
	found := vault.Write{Record: must(s.Get(ctx, "b"))["b"], Terms: team("of b")}
	requireFound(t, s, found, second)
}

// reindex indexes everybody by the team "of <id>" and returns how many it were.
func reindex(t *testing.T, s *Store) (indexed int) {
	t.Helper()
	require.NoError(t, vault.Reindex(context.Background(), s, func(r vault.Record) []vault.Term {
		return []vault.Term{{Attribute: "team", Value: "of " + r.ID}}
	}, func(done, _ int) { indexed = done }))
	return indexed
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
