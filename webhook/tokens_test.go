package webhook_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"cis/change"
	"cis/webhook"
)

const clientSecret = "canary secret&+%"

// issuer gives out token-1, token-2, … for an hour each. Before, if it is set,
// may answer in its place.
type issuer struct {
	*httptest.Server
	fetches atomic.Int32
	before  func(w http.ResponseWriter, r *http.Request) (answered bool)
	answer  map[string]any // added to the token's
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	i := &issuer{}
	i.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := i.fetches.Add(1)
		if i.before != nil && i.before(w, r) {
			return
		}
		answer := map[string]any{"access_token": fmt.Sprintf("token-%d", n), "token_type": "Bearer", "expires_in": 3600}
		for name, value := range i.answer {
			answer[name] = value
			if value == nil {
				delete(answer, name)
			}
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(answer)
	}))
	t.Cleanup(i.Close)
	return i
}

func (i *issuer) credentials(c *clock) *webhook.ClientCredentials {
	return &webhook.ClientCredentials{TokenURL: i.URL + "/oauth/token", ClientID: "cis", ClientSecret: clientSecret, Now: c.Now}
}

// clock stands still until it is moved.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.Unix(1_700_000_000, 0)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

func token(t *testing.T, s webhook.TokenSource, audience string) string {
	t.Helper()
	token, err := s.Token(t.Context(), audience)
	require.NoError(t, err)
	return token
}

func TestATokenIsFetchedByTheClientCredentialsGrant(t *testing.T) {
	i := newIssuer(t)
	var form url.Values
	var basic bool
	i.before = func(_ http.ResponseWriter, r *http.Request) bool {
		_ = r.ParseForm()
		form = r.PostForm
		_, _, basic = r.BasicAuth()
		return false
	}
	require.Equal(t, "token-1", token(t, i.credentials(newClock()), "hook.example.com"))
	require.False(t, basic)
	require.Equal(t, url.Values{"grant_type": {"client_credentials"}, "client_id": {"cis"},
		"client_secret": {clientSecret}, "audience": {"hook.example.com"}}, form)

	inHeader := i.credentials(newClock())
	inHeader.AuthStyle = oauth2.AuthStyleInHeader
	require.Equal(t, "token-2", token(t, inHeader, "hook.example.com"))
	require.True(t, basic)
	require.NotContains(t, form, "client_secret")
}

func TestATokenIsKeptUntilShortlyBeforeItEnds(t *testing.T) {
	i, c := newIssuer(t), newClock()
	s := i.credentials(c)
	require.Equal(t, "token-1", token(t, s, "a"))
	c.move(54 * time.Minute)
	require.Equal(t, "token-1", token(t, s, "a"))
	c.move(time.Minute) // five minutes are left
	require.Equal(t, "token-2", token(t, s, "a"))
	require.Equal(t, "token-2", token(t, s, "a"))

	require.Equal(t, "token-3", token(t, s, "b"), "each audience has a token of its own")
	require.Equal(t, "token-2", token(t, s, "a"))
}

func TestATokenOfShortLifeIsKeptForHalfOfIt(t *testing.T) {
	i, c := newIssuer(t), newClock()
	i.answer = map[string]any{"expires_in": 60}
	s := i.credentials(c)
	require.Equal(t, "token-1", token(t, s, "a"))
	c.move(29 * time.Second)
	require.Equal(t, "token-1", token(t, s, "a"))
	c.move(time.Second)
	require.Equal(t, "token-2", token(t, s, "a"))
}

func TestATokenOfUnknownLifeIsNotKeptForLong(t *testing.T) {
	i, c := newIssuer(t), newClock()
	i.answer = map[string]any{"expires_in": nil}
	s := i.credentials(c)
	require.Equal(t, "token-1", token(t, s, "a"))
	require.Equal(t, "token-1", token(t, s, "a"))
	c.move(time.Minute)
	require.Equal(t, "token-2", token(t, s, "a"))
}

func TestManyDeliveriesAtOnceFetchOneToken(t *testing.T) {
	i := newIssuer(t)
	var delivered atomic.Int32
	sub := receiver(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "Bearer token-1" {
			delivered.Add(1)
		}
	})
	started := make(chan struct{}, 50)
	i.before = func(http.ResponseWriter, *http.Request) bool {
		for range 50 {
			<-started
		}
		return false
	}
	sender := webhook.NewSender(webhook.Options{Tokens: i.credentials(newClock())})
	errs := make(chan error)
	for range 50 {
		go func() {
			started <- struct{}{}
			_, err := sender.Deliver(t.Context(), sub, event)
			errs <- err
		}()
	}
	for range 50 {
		require.NoError(t, <-errs)
	}
	require.Equal(t, int32(1), i.fetches.Load())
	require.Equal(t, int32(50), delivered.Load())
}

func TestTheFetchGoesOnWhenTheOneWhoAskedFirstGivesUp(t *testing.T) {
	i := newIssuer(t)
	asked, answer := make(chan struct{}), make(chan struct{})
	i.before = func(http.ResponseWriter, *http.Request) bool {
		close(asked)
		<-answer
		return false
	}
	s := i.credentials(newClock())
	ctx, cancel := context.WithCancel(t.Context())
	first := make(chan error)
	go func() {
		_, err := s.Token(ctx, "a")
		first <- err
	}()
	<-asked
	cancel()
	err := <-first
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, change.Retry, change.KindOf(err))
	close(answer)
	require.Equal(t, "token-1", token(t, s, "a"))
	require.Equal(t, int32(1), i.fetches.Load())
}

func TestATokenThatAReceiverRefusesIsRenewedOnce(t *testing.T) {
	i, c := newIssuer(t), newClock()
	sender := webhook.NewSender(webhook.Options{Tokens: i.credentials(c)})
	valid := "token-1"
	var ids []string
	good := receiver(t, func(w http.ResponseWriter, r *http.Request) {
		ids = append(ids, r.Header.Get("webhook-id"))
		if r.Header.Get("Authorization") != "Bearer "+valid {
			http.Error(w, "withdrawn", http.StatusUnauthorized)
		}
	})
	_, err := sender.Deliver(t.Context(), good, event)
	require.NoError(t, err)

	valid = "token-2" // the issuer changed its keys
	receipt, err := sender.Deliver(t.Context(), good, event)
	require.NoError(t, err)
	require.Equal(t, 200, receipt.Status)
	require.Equal(t, []string{ids[0], ids[0], ids[0]}, ids, "asking again is the same delivery")
	require.Equal(t, int32(2), i.fetches.Load())

	bad := receiver(t, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "never", http.StatusUnauthorized) })
	c.move(time.Hour / 2)
	_, err = sender.Deliver(t.Context(), bad, event)
	require.Equal(t, change.Park, change.KindOf(err), "a new token was refused too: %v", err)
	require.Equal(t, int32(3), i.fetches.Load())

	for range 20 { // which does not drive us to the issuer each time
		_, err = sender.Deliver(t.Context(), bad, event)
		require.Equal(t, change.Retry, change.KindOf(err))
		require.ErrorContains(t, err, "401 Unauthorized (the token was renewed only just before): never")
	}
	require.Equal(t, int32(3), i.fetches.Load())
	c.move(30 * time.Second)
	_, err = sender.Deliver(t.Context(), bad, event)
	require.Equal(t, change.Park, change.KindOf(err))
	require.Equal(t, int32(4), i.fetches.Load())
}

func TestManyDeliveriesWhoseTokenIsRefusedFetchOneNewToken(t *testing.T) {
	i := newIssuer(t)
	var once sync.Once
	allThere := make(chan struct{})
	var waiting atomic.Int32
	sub := receiver(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer token-1" {
			return
		}
		if waiting.Add(1) == 20 {
			once.Do(func() { close(allThere) })
		}
		<-allThere
		w.WriteHeader(http.StatusUnauthorized)
	})
	sender := webhook.NewSender(webhook.Options{Tokens: i.credentials(newClock())})
	errs := make(chan error)
	for range 20 {
		go func() {
			_, err := sender.Deliver(t.Context(), sub, event)
			errs <- err
		}()
	}
	for range 20 {
		require.NoError(t, <-errs)
	}
	require.Equal(t, int32(2), i.fetches.Load())
}

func TestInvalidatingAnOlderTokenLeavesTheNewerOne(t *testing.T) {
	i := newIssuer(t)
	s := i.credentials(newClock())
	s.Invalidate("a", "token-0") // also before there is any
	require.Equal(t, "token-1", token(t, s, "a"))
	s.Invalidate("a", "token-0")
	s.Invalidate("b", "token-1")
	require.Equal(t, "token-1", token(t, s, "a"))
	s.Invalidate("a", "token-1")
	require.Equal(t, "token-2", token(t, s, "a"))
}

func TestWhileTheIssuerIsAwayAValidTokenIsUsedToItsEnd(t *testing.T) {
	i, c := newIssuer(t), newClock()
	s := i.credentials(c)
	require.Equal(t, "token-1", token(t, s, "a"))
	i.before = func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(http.StatusServiceUnavailable)
		return true
	}
	c.move(56 * time.Minute)
	require.Equal(t, "token-1", token(t, s, "a"))
	require.Equal(t, int32(2), i.fetches.Load())
	require.Equal(t, "token-1", token(t, s, "a"))
	require.Equal(t, int32(2), i.fetches.Load(), "the issuer is left alone for a while")
	c.move(10 * time.Second)
	require.Equal(t, "token-1", token(t, s, "a"))
	require.Equal(t, int32(3), i.fetches.Load())
	c.move(4 * time.Minute)
	_, err := s.Token(t.Context(), "a")
	require.Equal(t, change.Retry, change.KindOf(err))
	i.before = nil
	require.Equal(t, "token-5", token(t, s, "a"))
}

func TestATokenThatCannotBeFetchedIsTriedAgainAndNoSecretIsShown(t *testing.T) {
	leak := clientSecret + " " + url.QueryEscape(clientSecret)
	write := func(status int, contentType, body string) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Content-Type", contentType)
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
			return true
		}
	}
	denied, _ := json.Marshal(map[string]string{"error": "access_denied", "error_description": "no grant for\n" + leak})
	for name, c := range map[string]struct {
		answer func(http.ResponseWriter, *http.Request) bool
		says   string
	}{
		"refused with a reason": {write(403, "application/json", string(denied)), "the issuer answered 403 Forbidden: access_denied: no grant for [hidden] [hidden]"},
		"refused without one":   {write(500, "text/html", leak), "the issuer answered 500 Internal Server Error"},
		"an error with 200":     {write(200, "application/json", string(denied)), "access_denied"},
		"not JSON":              {write(200, "application/json", leak), "cannot parse json"},
		"no token":              {write(200, "application/json", `{"token":"`+leak+`"}`), "missing access_token"},
		"a redirect": {func(w http.ResponseWriter, r *http.Request) bool {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
			return true
		}, "the issuer answered 307 Temporary Redirect"},
		"not HTTP": {func(w http.ResponseWriter, _ *http.Request) bool {
			connection := hijack(w)
			_, _ = connection.Write([]byte(leak + "\n\n"))
			_ = connection.Close()
			return true
		}, "malformed HTTP"},
	} {
		t.Run(name, func(t *testing.T) {
			i := newIssuer(t)
			i.before = c.answer
			sub := receiver(t, func(http.ResponseWriter, *http.Request) { t.Error("delivered without a token") })
			receipt, err := webhook.NewSender(webhook.Options{Tokens: i.credentials(newClock())}).Deliver(t.Context(), sub, event)
			require.Zero(t, receipt)
			require.Equal(t, change.Retry, change.KindOf(err))
			require.ErrorContains(t, err, "subscription badge-office: getting a token for audience hook.example.com: ")
			require.ErrorContains(t, err, c.says)
			require.NotContains(t, strings.ToLower(err.Error()), "canary")
			require.Equal(t, int32(1), i.fetches.Load())
		})
	}
	t.Run("nobody there", func(t *testing.T) {
		s := &webhook.ClientCredentials{TokenURL: "http://127.0.0.1:1/canary", ClientID: "cis", ClientSecret: clientSecret}
		_, err := s.Token(t.Context(), "a")
		require.Equal(t, change.Retry, change.KindOf(err))
		require.NotContains(t, err.Error(), "canary")
	})
	t.Run("no answer in time", func(t *testing.T) {
		i := newIssuer(t)
		i.before = func(_ http.ResponseWriter, r *http.Request) bool {
			_ = r.ParseForm()
			<-r.Context().Done()
			return true
		}
		s := i.credentials(newClock())
		s.Timeout = 20 * time.Millisecond
		_, err := s.Token(t.Context(), "a")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, change.Retry, change.KindOf(err))
	})
}
