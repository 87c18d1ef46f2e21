package api

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/stretchr/testify/require"

	"cis/profile"
	"cis/vault"
)

// readers is the API over a vault, for callers with any scopes.
func readers(t *testing.T, v vault.Store) (get func(scope, path, ifNoneMatch string) (*http.Response, string)) {
	base, i := serve(t, v)
	var mu sync.Mutex
	tokens := map[string]string{}
	token := func(scope string) string {
		mu.Lock()
		defer mu.Unlock()
		if tokens[scope] == "" {
			tokens[scope] = sign(t, i.keys["one"], jwa.RS256, "one", claims(time.Now(), map[string]any{"scope": scope}))
		}
		return tokens[scope]
	}
	return func(scope, path, ifNoneMatch string) (*http.Response, string) {
		request, err := http.NewRequest(http.MethodGet, base+path, nil)
		require.NoError(t, err)
		request.Header.Set("Authorization", "Bearer "+token(scope))
		request.Header.Set("If-None-Match", ifNoneMatch)
		response, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		return response, string(body)
	}
}

const (
	seesAll    = "read:fullprofile display:all"
	seesPublic = ""
)

// rewrite stores a person again, changed.
func rewrite(t *testing.T, v vault.Store, number string, person somebody, changed func(*vault.Write)) {
	stored, err := v.Get(context.Background(), person.id)
	require.NoError(t, err)
	w := person.write(t, number)
	w.Condition, w.Read, w.Record.Revision = "update", stored[person.id].SequenceNumber, stored[person.id].Revision+1
	if changed != nil {
		changed(&w)
	}
	lost, err := v.Put(context.Background(), w)
	require.NoError(t, err)
	require.Empty(t, lost)
}

func TestWhatOneCallerSeesAnotherDoesNot(t *testing.T) {
	get := readers(t, store(t))
	const path = "/v2/user/primary_username/ann"
	secret := `"staff_information":{"staff"`
	tags, bodies := map[string]string{}, map[string]string{} // by who asked for what, and by tag
	for range 3 {
		for _, test := range []struct {
			scope, query string
			sees         bool
		}{
			{seesAll, "", true}, {seesPublic, "", false}, {seesAll, "?filterDisplay=public", false},
			{"display:all", "", false}, {seesPublic, "?filterDisplay=ndaed", false},
			{"read:fullprofile display:ndaed", "", true}, {seesAll, "?filterDisplay=ndaed", true},
		} {
			response, body := get(test.scope, path+test.query, "")
			require.Equal(t, http.StatusOK, response.StatusCode)
			require.Equal(t, test.sees, strings.Contains(body, secret), "%q %s: %s", test.scope, test.query, body)
			tag := response.Header.Get("ETag")
			if before, seen := bodies[tag]; seen {
				require.Equal(t, before, body, "one tag, one answer")
			}
			tags[test.scope+test.query], bodies[tag] = tag, body
		}
	}
	require.Len(t, bodies, 4)
	response, body := get(seesPublic, path, tags[seesAll])
	require.Equal(t, http.StatusOK, response.StatusCode, "another caller's tag says nothing about this one's answer")
	require.False(t, strings.Contains(body, secret))
}

func TestAnAnswerIsAsNewAsTheLastWrite(t *testing.T) {
	ann := somebody{"ad|ann", "ann@example.org", "ann", true, true}
	v := storeOf(t, ann)
	get := readers(t, v)
	var written atomic.Int64
	var done atomic.Bool
	var running sync.WaitGroup
	for reader := range 4 {
		running.Go(func() {
			for !done.Load() {
				least := written.Load()
				_, body := get([]string{seesAll, "display:all classification:mozilla_confidential"}[reader%2], "/v2/user/user_id/ad%7Cann", "")
				var shown struct {
					Staff struct{ Title struct{ Value string } } `json:"staff_information"`
				}
				var seen int64
				_ = json.Unmarshal([]byte(body), &shown)
				_, _ = fmt.Sscan(shown.Staff.Title.Value, &seen)
				if seen < least {
					t.Errorf("title %d was answered after %d was written", seen, least)
				}
			}
		})
	}
	for n := range 100 {
		rewrite(t, v, fmt.Sprint("write ", n), ann, func(w *vault.Write) {
			p, err := profile.Parse(w.Record.Profile)
			require.NoError(t, err)
			p, err = p.Set("staff_information.title", fmt.Sprint(n+1), time.Unix(0, 0))
			require.NoError(t, err)
			w.Record.Profile = p.JSON()
		})
		written.Store(int64(n + 1))
	}
	done.Store(true)
	running.Wait()
}
