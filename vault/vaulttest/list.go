package vaulttest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"cis/vault"
)

// title and group are terms, as profiles have them.
func title(value string) vault.Term {
	return vault.Term{Attribute: "staff_information.title", Value: value}
}
func group(value string) vault.Term {
	return vault.Term{Attribute: "access_information.ldap", Value: value}
}

// person makes the write of a new person with these terms.
func person(id string, active bool, terms ...vault.Term) vault.Write {
	w := creation(id, "created "+id)
	w.Record.Active, w.Terms = active, terms
	return w
}

// deletion makes the write that deletes the person.
func deletion(previous vault.Record, number string) vault.Write {
	return vault.Write{
		Record:    vault.Record{ID: previous.ID, SequenceNumber: number, Revision: previous.Revision + 1},
		Read:      previous.SequenceNumber,
		Condition: "delete",
	}
}

func list(t require.TestingT, s vault.Store, q vault.Query) []vault.Listed {
	if q.Limit == 0 {
		q.Limit = 1000
	}
	listed, err := s.List(context.Background(), q)
	require.NoError(t, err)
	return listed
}

// listed returns the ids that the query selects.
func listed(t require.TestingT, s vault.Store, q vault.Query) []string {
	ids := []string{}
	for _, l := range list(t, s, q) {
		ids = append(ids, l.ID)
	}
	return ids
}

var listRules = []rule{
	{"an empty store lists nobody", func(t *testing.T, s vault.Store) {
		require.Empty(t, listed(t, s, vault.Query{Activity: vault.AnyActivity}))
		require.Empty(t, listed(t, s, vault.Query{With: []vault.Term{title("a")}}))
		require.Empty(t, listed(t, s, vault.Query{Without: []vault.Term{title("a")}}))
	}},
	{"people come in the order of their ids' bytes, with what the list shows", func(t *testing.T, s vault.Store) {
		mustPut(t, s, person("b", true), person("a", true), person("Z", true), person("é", true), person("a|1", true), person("a\x00", true))
		require.Equal(t, []string{"Z", "a", "a\x00", "a|1", "b", "é"}, listed(t, s, vault.Query{}))
		require.Equal(t, vault.Listed{ID: "b", UUID: "uuid of b", PrimaryEmail: "email of b", Active: true},
			list(t, s, vault.Query{Prefix: "b"})[0])
	}},
	{"activity selects active, inactive or all people", func(t *testing.T, s vault.Store) {
		mustPut(t, s, person("a", true, title("x")), person("b", false, title("x")), person("c", true, title("y")))
		for _, with := range [][]vault.Term{nil, {title("x")}} {
			require.NotContains(t, listed(t, s, vault.Query{With: with}), "b")
			require.Equal(t, []string{"b"}, listed(t, s, vault.Query{With: with, Activity: vault.InactiveOnly}))
			require.Subset(t, listed(t, s, vault.Query{With: with, Activity: vault.AnyActivity}), []string{"a", "b"})
		}
	}},
	{"a prefix is one of bytes, and may be any text", func(t *testing.T, s vault.Store) {
		mustPut(t, s, person("ad|1", true), person("ad|2", false), person("ad", true), person("ae", true), person("AD|3", true),
			person("ad\U0010FFFF", true), person("é|1", true), person("%|1", true), person("\U0010FFFF", true))
		require.Equal(t, []string{"ad", "ad|1", "ad|2", "ad\U0010FFFF"}, listed(t, s, vault.Query{Prefix: "ad", Activity: vault.AnyActivity}))
		require.Equal(t, []string{"ad|1"}, listed(t, s, vault.Query{Prefix: "ad|"}))
		require.Equal(t, []string{"é|1"}, listed(t, s, vault.Query{Prefix: "é"}))
		require.Equal(t, []string{"%|1"}, listed(t, s, vault.Query{Prefix: "%"}))
		require.Equal(t, []string{"\U0010FFFF"}, listed(t, s, vault.Query{Prefix: "\U0010FFFF"}))
		require.Empty(t, listed(t, s, vault.Query{Prefix: "ad|1|"}))
	}},
	{"a page begins after a position, which need not be a person", func(t *testing.T, s vault.Store) {
		for _, id := range []string{"a", "b", "c", "d", "e"} {
			mustPut(t, s, person(id, id != "c", title("x")))
		}
		for _, with := range [][]vault.Term{nil, {title("x")}} {
			for _, activity := range []vault.Activity{vault.ActiveOnly, vault.AnyActivity} {
				q := vault.Query{With: with, Activity: activity}
				all := listed(t, s, q)
				var paged []string
				for q.Limit = 2; ; {
					page := listed(t, s, q)
					require.LessOrEqual(t, len(page), 2)
					if len(page) == 0 {
						break
					}
					paged = append(paged, page...)
					q.After = page[len(page)-1]
				}
				require.Equal(t, all, paged)
			}
			require.Equal(t, []string{"d", "e"}, listed(t, s, vault.Query{With: with, After: "bb"}))
			require.Empty(t, listed(t, s, vault.Query{With: with, After: "zzz"}))
			require.Empty(t, listed(t, s, vault.Query{With: with, Prefix: "a", After: "zzz"}))
			require.Equal(t, []string{"d"}, listed(t, s, vault.Query{With: with, Prefix: "d", After: "a"}))
		}
	}},
	{"people are found by all of the terms that they must have and none that they must not", func(t *testing.T, s vault.Store) {
		mustPut(t, s,
			person("a", true, title("Engineer"), group("vpn"), group("team")),
			person("b", true, title("Engineer"), group("vpn")),
			person("c", true, title("Manager"), group("team")),
			person("d", true),
			person("e", false, title("Engineer"), group("vpn"), group("team")),
		)
		for want, q := range map[string]vault.Query{
			"a b":     {With: []vault.Term{title("Engineer")}},
			"a":       {With: []vault.Term{title("Engineer"), group("team")}},
			"a e":     {With: []vault.Term{title("Engineer"), group("team"), group("vpn")}, Activity: vault.AnyActivity},
			"":        {With: []vault.Term{title("Engine")}},
			"b d":     {Without: []vault.Term{group("team")}},
			"d":       {Without: []vault.Term{group("team"), group("vpn")}},
			"b":       {With: []vault.Term{title("Engineer")}, Without: []vault.Term{group("team")}},
			"e":       {With: []vault.Term{group("vpn")}, Activity: vault.InactiveOnly},
			"a c":     {With: []vault.Term{group("team")}},
			"a b c d": {Without: []vault.Term{title("nobody's")}},
			" ":       {With: []vault.Term{group("Engineer")}},
			"  ":      {With: []vault.Term{group("vpn")}, Without: []vault.Term{group("vpn")}},
		} {
			require.Equal(t, strings.Fields(want), append([]string{}, listed(t, s, q)...), "%+v", q)
		}
	}},
	{"a term may be any text, and one given twice counts once", func(t *testing.T, s vault.Store) {
		for i, text := range []string{"a.b", "a b", " ", "\x00", "'; --", "%", "é", "\U0001F600", strings.Repeat("x", vault.MaxKey)} {
			id := fmt.Sprint(i)
			mustPut(t, s, person(id, true, group(text), group(text)))
			require.Equal(t, []string{id}, listed(t, s, vault.Query{With: []vault.Term{group(text), group(text)}}), "%q", text)
		}
	}},
	{"a change moves a person to the new terms and activity, and from the old", func(t *testing.T, s vault.Store) {
		w := person("a", true, title("Engineer"), group("vpn"))
		mustPut(t, s, w)
		next := update(w.Record, "2")
		next.Record.Active, next.Terms = false, []vault.Term{title("Manager"), group("vpn")}
		mustPut(t, s, next)
		require.Empty(t, listed(t, s, vault.Query{With: []vault.Term{group("vpn")}}))
		require.Empty(t, listed(t, s, vault.Query{With: []vault.Term{title("Engineer")}, Activity: vault.AnyActivity}))
		for _, term := range next.Terms {
			require.Equal(t, []string{"a"}, listed(t, s, vault.Query{With: []vault.Term{term}, Activity: vault.InactiveOnly}))
		}
	}},
	{"a write that lost leaves no terms", func(t *testing.T, s vault.Store) {
		mustPut(t, s, person("a", true, title("Engineer")))
		late := person("a", true, title("Late"))
		late.Record.SequenceNumber = "2"
		mustLose(t, s, late)
		require.Empty(t, listed(t, s, vault.Query{With: []vault.Term{title("Late")}}))
		require.Equal(t, []string{"a"}, listed(t, s, vault.Query{With: []vault.Term{title("Engineer")}}))
	}},
	{"a query that cannot be answered is invalid", func(t *testing.T, s vault.Store) {
		long := strings.Repeat("x", vault.MaxKey+1)
		for _, q := range []vault.Query{
			{}, {Limit: -1}, {Limit: vault.MaxLimit + 1}, {Limit: 1, Activity: 3}, {Limit: 1, Activity: -1},
			{Limit: 1, Prefix: long}, {Limit: 1, After: long}, {Limit: 1, After: "\xff"}, {Limit: 1, Prefix: "a\xff"},
			{Limit: 1, With: []vault.Term{title(long)}}, {Limit: 1, Without: []vault.Term{title("\xff")}}, {Limit: 1, With: []vault.Term{{Value: "x"}}},
		} {
			_, err := s.List(context.Background(), q)
			require.ErrorIs(t, err, vault.ErrInvalid, "%+v", q)
		}
	}},
	{"whoever pages while others write misses and repeats nobody who stays", func(t *testing.T, s vault.Store) {
		var stay []string
		for i := range 60 {
			id := fmt.Sprintf("stays %02d", i)
			stay = append(stay, id)
			mustPut(t, s, person(id, true, title("x")))
		}
		stop := make(chan struct{})
		var writing sync.WaitGroup
		writing.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				w := person(fmt.Sprintf("stays %02d, and comes %d", i%60, i), true, title("x"))
				mustPut(t, s, w)
				touched := get(t, s, stay[i%60])[stay[i%60]]
				again := update(touched, fmt.Sprint("touch ", i))
				again.Terms = []vault.Term{title("x")}
				mustPut(t, s, again)
				mustPut(t, s, deletion(w.Record, fmt.Sprint("goes ", i)))
			}
		})
		for range 5 {
			q := vault.Query{With: []vault.Term{title("x")}, Limit: 7}
			var seen []string
			for {
				page := listed(t, s, q)
				if len(page) == 0 {
					break
				}
				for _, id := range page {
					if slices.Contains(stay, id) {
						seen = append(seen, id)
					}
				}
				q.After = page[len(page)-1]
			}
			require.Equal(t, stay, seen)
		}
		close(stop)
		writing.Wait()
	}},
}

var deleteRules = []rule{
	{"a deleted person is found by nothing, and a tombstone stays", func(t *testing.T, s vault.Store) {
		w := person("a", true, title("x"))
		mustPut(t, s, w, person("b", true, title("x")))
		mustPut(t, s, deletion(w.Record, "2"))
		tombstone := get(t, s, "a")["a"]
		require.Equal(t, vault.Record{ID: "a", SequenceNumber: "2", Revision: 2}, tombstone)
		require.True(t, tombstone.Deleted())
		for _, key := range keys {
			for _, value := range []string{w.Record.UUID, w.Record.PrimaryEmail, w.Record.PrimaryUsername} {
				require.Empty(t, found(t, s, key, value))
			}
		}
		require.Equal(t, []string{"b"}, listed(t, s, vault.Query{Activity: vault.AnyActivity}))
		require.Equal(t, []string{"b"}, listed(t, s, vault.Query{Activity: vault.AnyActivity, With: []vault.Term{title("x")}}))
		require.Equal(t, vault.Applied{SequenceNumber: "2", ID: "a", Revision: 2, Condition: "delete"}, applied(t, s, "2")["2"])
		require.Len(t, applied(t, s, w.Record.SequenceNumber), 1, "the log keeps what was before")
	}},
	{"a deletion of what has moved on loses", func(t *testing.T, s vault.Store) {
		mustPut(t, s, creation("a", "1"))
		mustPut(t, s, update(record("a", "1", 1), "2"))
		mustLose(t, s, deletion(record("a", "1", 1), "3"))
		mustLose(t, s, deletion(record("nobody", "1", 1), "4"))
	}},
	{"a deleted person comes back only from the tombstone", func(t *testing.T, s vault.Store) {
		mustPut(t, s, person("a", true, title("x")))
		before := get(t, s, "a")["a"]
		mustPut(t, s, deletion(before, "2"))
		mustLose(t, s, creation("a", "3"))
		mustLose(t, s, update(before, "4"))
		again := creation("a", "5")
		again.Read, again.Record.Revision, again.Terms = "2", 3, []vault.Term{title("y")}
		mustPut(t, s, again)
		require.Equal(t, again.Record, get(t, s, "a")["a"])
		require.Equal(t, []string{"a"}, listed(t, s, vault.Query{With: []vault.Term{title("y")}}))
		require.Empty(t, listed(t, s, vault.Query{With: []vault.Term{title("x")}}))
		mustPut(t, s, update(again.Record, "6"))
	}},
	{"a person cannot be deleted twice, nor by a record that is no tombstone", func(t *testing.T, s vault.Store) {
		mustPut(t, s, creation("a", "1"))
		for _, spoil := range []func(*vault.Write){
			func(w *vault.Write) { w.Read = "" },
			func(w *vault.Write) { w.Record.Profile = []byte(`{}`) },
			func(w *vault.Write) { w.Record.UUID = "u" },
			func(w *vault.Write) { w.Record.Active = true },
			func(w *vault.Write) { w.Terms = []vault.Term{title("x")} },
		} {
			w := deletion(record("a", "1", 1), "2")
			spoil(&w)
			_, err := s.Put(context.Background(), w)
			require.ErrorIs(t, err, vault.ErrInvalid)
		}
		mustPut(t, s, deletion(record("a", "1", 1), "2"))
		mustLose(t, s, deletion(vault.Record{ID: "a", SequenceNumber: "2", Revision: 2}, "3"))
	}},
}

// indexRules are about records without index entries, which unindex makes.
func indexRules(unindex func(*testing.T, vault.Store)) []rule {
	terms := func(r vault.Record) []vault.Term { return []vault.Term{title("of " + r.ID), title("everyone's")} }
	return []rule{
		{"a vault without index entries refuses to search, and still lists", func(t *testing.T, s vault.Store) {
			mustPut(t, s, person("a", true, title("x")))
			unindex(t, s)
			require.Equal(t, []string{"a"}, listed(t, s, vault.Query{}))
			for _, q := range []vault.Query{{Limit: 1, With: []vault.Term{title("x")}}, {Limit: 1, Without: []vault.Term{title("x")}}} {
				_, err := s.List(context.Background(), q)
				require.ErrorIs(t, err, vault.ErrNotIndexed)
			}
		}},
		{"a write indexes its own record", func(t *testing.T, s vault.Store) {
			mustPut(t, s, person("a", true, title("x")), person("b", true))
			unindex(t, s)
			w := update(record("a", "created a", 1), "2")
			w.Terms = []vault.Term{title("y")}
			mustPut(t, s, w, deletion(record("b", "created b", 1), "3"))
			require.Equal(t, []string{"a"}, listed(t, s, vault.Query{With: []vault.Term{title("y")}}))
			require.Empty(t, listed(t, s, vault.Query{With: []vault.Term{title("x")}}))
		}},
		{"reindexing makes all entries, in steps that can be stopped", func(t *testing.T, s vault.Store) {
			var writes []vault.Write
			for i := range 250 {
				writes = append(writes, person(fmt.Sprintf("%03d", i), i%2 == 0, title("old")))
			}
			mustPut(t, s, writes...)
			unindex(t, s)
			ctx, stop := context.WithCancel(context.Background())
			err := vault.Reindex(ctx, s, terms, func(done, total int) {
				require.Equal(t, 250, total)
				if done == 100 {
					stop()
				}
			})
			require.ErrorIs(t, err, context.Canceled)
			last := 0
			require.NoError(t, vault.Reindex(context.Background(), s, terms, func(done, total int) {
				require.Equal(t, 150, total, "what was done is done")
				last = done
			}))
			require.Equal(t, 150, last)
			require.Len(t, listed(t, s, vault.Query{With: []vault.Term{title("everyone's")}, Activity: vault.AnyActivity}), 250)
			require.Equal(t, []string{"042"}, listed(t, s, vault.Query{With: []vault.Term{title("of 042")}}))
			require.Empty(t, listed(t, s, vault.Query{With: []vault.Term{title("old")}}), "no stale entries")
		}},
		{"indexing a record that was written since changes nothing", func(t *testing.T, s vault.Store) {
			mustPut(t, s, person("a", true, title("x")))
			unindex(t, s)
			records, total, err := s.Unindexed(context.Background(), 10)
			require.NoError(t, err)
			require.Equal(t, 1, total)
			w := update(records[0], "2")
			w.Terms = []vault.Term{title("y")}
			mustPut(t, s, w)
			require.NoError(t, s.Index(context.Background(), vault.Indexed{Record: records[0], Terms: []vault.Term{title("x")}}))
			require.Empty(t, listed(t, s, vault.Query{With: []vault.Term{title("x")}}))
			require.Equal(t, []string{"a"}, listed(t, s, vault.Query{With: []vault.Term{title("y")}}))
		}},
	}
}
