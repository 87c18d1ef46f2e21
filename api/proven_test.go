package api

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/stretchr/testify/require"
)

// proving are tokens of an issuer, checked by a clock that can be set.
type proving struct {
	*issuer
	tokens *Tokens
	clock  time.Time
}

func newProving(t *testing.T) *proving {
	p := &proving{issuer: newIssuer(t), clock: time.Now()}
	p.tokens = p.issuer.tokens(func() time.Time { return p.clock })
	return p
}

func (p *proving) token(t *testing.T, kid string, changes map[string]any) string {
	return "Bearer " + sign(t, p.keys[kid], jwa.RS256, kid, claims(p.clock, changes))
}

// code is that of the refusal, "" where the token is good.
func (p *proving) code(header string) string {
	if _, problem := p.tokens.check(context.Background(), header); problem != nil {
		return problem.Code
	}
	return ""
}

func TestATokenThatWasProvenIsJudgedAsANewOneAtAnyLaterTime(t *testing.T) {
	p := newProving(t)
	start := p.clock
	token := p.token(t, "one", map[string]any{"nbf": start.Add(-time.Minute).Unix(), "exp": start.Add(10 * time.Minute).Unix()})
	require.Empty(t, p.code(token))
	for offset, want := range map[time.Duration]string{
		0: "", time.Minute: "", 9 * time.Minute: "", 10*time.Minute + clockSkew/2: "",
		11 * time.Minute: "token_expired", 24 * time.Hour: "token_expired",
	} {
		p.clock = start.Add(offset)
		require.Equal(t, want, p.code(token), "at %s", offset)
		fresh := p.issuer.tokens(func() time.Time { return p.clock })
		_, problem := fresh.check(context.Background(), token)
		require.Equal(t, want == "", problem == nil, "at %s: %v", offset, problem)
	}
}

func TestATokenIsRefusedAfterItsKeyIsGone(t *testing.T) {
	t.Run("when another key is asked for", func(t *testing.T) {
		p := newProving(t)
		old := p.token(t, "one", nil)
		require.Empty(t, p.code(old))
		delete(p.keys, "one")
		p.keys["two"] = newRSA(t)
		require.Empty(t, p.code(old), "nobody has looked yet")
		p.clock = p.clock.Add(refetch + time.Second)
		require.Empty(t, p.code(p.token(t, "two", nil)))
		require.Equal(t, "invalid_header", p.code(old))
	})
	t.Run("when the key set has grown old", func(t *testing.T) {
		p := newProving(t)
		old := p.token(t, "one", nil)
		require.Empty(t, p.code(old))
		delete(p.keys, "one")
		p.clock = p.clock.Add(keySetAge + time.Second)
		require.Equal(t, "invalid_header", p.code(old))
	})
	t.Run("when another key has its id", func(t *testing.T) {
		p := newProving(t)
		old := p.token(t, "one", nil)
		require.Empty(t, p.code(old))
		p.keys["one"] = newRSA(t)
		p.clock = p.clock.Add(keySetAge + time.Second)
		require.Equal(t, "invalid_header", p.code(old))
		require.Empty(t, p.code(p.token(t, "one", nil)))
	})
}

func TestAnIssuerThatIsAwayIsNotAskedByEachRequest(t *testing.T) {
	p := newProving(t)
	token := p.token(t, "one", nil)
	require.Empty(t, p.code(token))
	p.keys["forger's"] = newRSA(t)
	forged := p.token(t, "forger's", nil)
	delete(p.keys, "forger's")
	p.down.Store(true)
	p.clock = p.clock.Add(keySetAge + time.Second)
	before := p.fetches.Load()
	for range 20 {
		require.Empty(t, p.code(token), "the keys that are known stay good")
		require.Equal(t, "invalid_header", p.code(forged))
	}
	require.EqualValues(t, 1, p.fetches.Load()-before)
	p.clock = p.clock.Add(refetch + time.Second)
	require.Empty(t, p.code(token))
	require.EqualValues(t, 2, p.fetches.Load()-before, "it is asked again after a while")
}

func TestEachTokenKeepsItsOwnScopes(t *testing.T) {
	p := newProving(t)
	headers := map[string]string{}
	for _, scope := range []string{"", "write", "search:all", "read:fullprofile display:all"} {
		headers[scope] = p.token(t, "one", map[string]any{"scope": scope, "azp": "client with " + scope})
	}
	for range 3 {
		for scope, header := range headers {
			who, problem := p.tokens.check(context.Background(), header)
			require.Nil(t, problem)
			require.Equal(t, scope, who.scope)
			require.Equal(t, "client with "+scope, who.client)
			require.Equal(t, scope == "write", who.may("write"))
			require.Equal(t, scope == "search:all", who.may("search:all"))
		}
	}
}

func TestARefusedTokenIsNotRemembered(t *testing.T) {
	p := newProving(t)
	require.Empty(t, p.code(p.token(t, "one", nil)))
	for _, header := range []string{
		p.token(t, "one", map[string]any{"aud": "other"}), p.token(t, "one", map[string]any{"exp": 1}), "Bearer garbage", "", "Basic x",
	} {
		require.NotEmpty(t, p.code(header))
	}
	require.Equal(t, 1, p.tokens.proven.cache().Len())
}

func TestNotEveryTokenThereEverWasIsRemembered(t *testing.T) {
	var p provenTokens
	keys, now := &keySet{}, time.Now()
	for i := range maxProven + 10 {
		p.add(fmt.Sprint(i), &provenToken{by: keys, until: now.Add(time.Hour)})
	}
	require.Equal(t, maxProven, p.cache().Len())
	for header, test := range map[string]struct {
		keys *keySet
		now  time.Time
		want bool
	}{
		"0": {keys, now, false}, fmt.Sprint(maxProven): {keys, now, true}, fmt.Sprint(maxProven + 1): {&keySet{}, now, false},
		fmt.Sprint(maxProven + 2): {keys, now.Add(time.Hour), false},
	} {
		_, ok := p.find(header, test.keys, test.now)
		require.Equal(t, test.want, ok, header)
	}
}

func TestTokensAreCheckedByManyAtOnce(t *testing.T) {
	i := newIssuer(t)
	tokens := i.tokens(time.Now)
	var headers []string
	for n := range 4 {
		headers = append(headers, "Bearer "+sign(t, i.keys["one"], jwa.RS256, "one", claims(time.Now(), map[string]any{"azp": fmt.Sprint(n)})))
	}
	var running sync.WaitGroup
	for n := range 32 {
		running.Go(func() {
			for range 50 {
				who, problem := tokens.check(context.Background(), headers[n%4])
				if problem != nil || who.client != fmt.Sprint(n%4) {
					t.Errorf("%s: %v", who.client, problem)
				}
			}
		})
	}
	running.Wait()
	require.EqualValues(t, 1, i.fetches.Load())
	_, problem := tokens.check(context.Background(), "Bearer "+headers[0][len("Bearer "):]+"x")
	require.Equal(t, http.StatusUnauthorized, problem.status)
}
