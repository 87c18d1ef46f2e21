package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cis/profile"
	"cis/vault"
)

func TestAnAnswerIsAsNewAsTheRecord(t *testing.T) {
	v := store(t)
	g := newGraph(t, v)
	look := func(scopes, query string) map[string]any {
		request, err := http.NewRequest(http.MethodGet, g.base+"/v2/user/primary_email/shared%40example.org"+query, nil)
		require.NoError(t, err)
		status, text := g.send(request, scopes)
		require.Equal(t, http.StatusOK, status)
		var p map[string]any
		require.NoError(t, json.Unmarshal([]byte(text), &p))
		return p
	}
	const ann, other = "ad|Mozilla-LDAP|ann", "email|ann+1"
	for range 2 {
		require.Contains(t, look(everything, ""), "primary_email")
		require.NotContains(t, look("", ""), "primary_email", "nobody gets the answer to a token with more scopes")
		require.NotContains(t, look(everything, "?filterDisplay=public"), "primary_email", "nor that to a wider question")
		require.Empty(t, look(everything, "?active=false"))
	}
	put := func(w vault.Write) {
		conflicts, err := v.Put(context.Background(), w)
		require.NoError(t, err)
		require.Empty(t, conflicts)
	}
	record, err := v.Find(context.Background(), vault.KeyUserID, ann, vault.Version{})
	require.NoError(t, err)
	p, err := profile.Parse(record.Profile)
	require.NoError(t, err)
	for i := range 3 {
		read := record.SequenceNumber
		p, err = p.Set("first_name", fmt.Sprint("Ann ", i), time.Unix(0, 0))
		require.NoError(t, err)
		record.Profile, record.SequenceNumber, record.Revision = p.JSON(), fmt.Sprint("new ", i), record.Revision+1
		put(vault.Write{Record: record, Read: read, Condition: "update"})
		for range 2 {
			require.Equal(t, fmt.Sprint("Ann ", i), look(everything, "")["first_name"].(map[string]any)["value"])
		}
	}
	put(vault.Write{Record: vault.Record{ID: ann, SequenceNumber: "gone", Revision: record.Revision + 1}, Read: record.SequenceNumber, Condition: "delete"})
	require.Equal(t, other, look(everything, "")["user_id"].(map[string]any)["value"], "the address is now another's")
}

func TestTheAnswersThatAreKeptAreBounded(t *testing.T) {
	const most = 1000
	a := newAnswers(most)
	body := make([]byte, most/10)
	for i := range 25 {
		q := question{value: fmt.Sprint(i)}
		a.keep(q, shown{body: body})
		a.keep(q, shown{body: body})
		require.LessOrEqual(t, a.size, most)
		require.NotNil(t, a.find(q).body)
	}
	require.Equal(t, 10, a.kept.Len())
	require.Equal(t, 10*len(body), a.size)
	require.Nil(t, a.find(question{value: "0"}).body)

	none := newAnswers(0)
	none.keep(question{value: "a"}, shown{body: body})
	require.Zero(t, none.kept.Len())
}
