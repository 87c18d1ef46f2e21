package webhook_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cis/change"
	"cis/webhook"
)

var event = webhook.Event{Operation: "update", ID: "ad|Mozilla-LDAP|canary-person", Time: 1700000000,
	SequenceNumber: "2193746192837461", Revision: 7, Attributes: []string{"first_name"}}

// fixed is a token source with one token for each audience.
type fixed struct{}

func (fixed) Token(_ context.Context, audience string) (string, error) {
	return "canary-token-for-" + audience, nil
}
func (fixed) Invalidate(string, string) {}

// receiver starts a server and returns a subscription that leads to it.
func receiver(t *testing.T, handler http.HandlerFunc) webhook.Subscription {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return webhook.Subscription{Name: "badge-office", URL: server.URL + "/hook?key=1", Audience: "hook.example.com"}
}

func deliver(t *testing.T, sub webhook.Subscription, o webhook.Options) (webhook.Receipt, error) {
	t.Helper()
	if o.Tokens == nil {
		o.Tokens = fixed{}
	}
	return webhook.NewSender(o).Deliver(t.Context(), sub, event)
}

func refused(t *testing.T, err error) *webhook.Refused {
	t.Helper()
	r, ok := errors.AsType[*webhook.Refused](err)
	require.True(t, ok, "%v", err)
	return r
}

func TestADeliveryIsAPostWithTheEventAndAToken(t *testing.T) {
	var got *http.Request
	var body []byte
	sub := receiver(t, func(w http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, "thank you\n")
	})
	receipt, err := deliver(t, sub, webhook.Options{})
	require.NoError(t, err)
	require.Equal(t, webhook.Receipt{ID: "2193746192837461/badge-office", Status: 202, Answer: "thank you"}, receipt)
	require.Equal(t, "POST", got.Method)
	require.Equal(t, "/hook?key=1", got.URL.RequestURI())
	require.Equal(t, "Bearer canary-token-for-hook.example.com", got.Header.Get("Authorization"))
	require.Equal(t, "application/json", got.Header.Get("Content-Type"))
	require.Equal(t, "cis-webhook", got.Header.Get("User-Agent"))
	require.Equal(t, "2193746192837461/badge-office", got.Header.Get("webhook-id"))
	want, err := event.Body()
	require.NoError(t, err)
	require.Equal(t, string(want), string(body))

	_, err = deliver(t, sub, webhook.Options{UserAgent: "other/1.0"})
	require.NoError(t, err)
	require.Equal(t, "other/1.0", got.Header.Get("User-Agent"))
}

func TestARepeatedDeliveryHasTheSameIdAndBody(t *testing.T) {
	var seen []string
	sub := receiver(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		seen = append(seen, r.Header.Get("webhook-id")+" "+string(body))
		if len(seen) < 3 {
			http.Error(w, "not yet", http.StatusServiceUnavailable)
		}
	})
	for attempt := range 3 {
		receipt, err := deliver(t, sub, webhook.Options{}) // a sender of its own each time, as after a restart
		if attempt < 2 {
			require.Equal(t, change.Retry, change.KindOf(err))
			require.Equal(t, 503, receipt.Status)
			continue
		}
		require.NoError(t, err)
	}
	require.Equal(t, []string{seen[0], seen[0], seen[0]}, seen)

	other := sub
	other.Name = "payroll"
	_, err := deliver(t, other, webhook.Options{})
	require.NoError(t, err)
	require.NotEqual(t, seen[0], seen[3], "another subscription has ids of its own")
}

func TestStatuses(t *testing.T) {
	const success = change.Kind("")
	for status, kind := range map[int]change.Kind{
		200: success, 201: success, 202: success, 204: success, 299: success,
		300: change.Park, 301: change.Park, 302: change.Park, 303: change.Park, 304: change.Park, 307: change.Park, 308: change.Park,
		400: change.Park, 401: change.Retry /* from this source comes no other token */, 402: change.Park, 403: change.Park, 404: change.Park, 405: change.Park,
		408: change.Retry, 409: change.Retry, 410: change.Park, 413: change.Park, 418: change.Park, 422: change.Park, 425: change.Retry, 429: change.Retry, 451: change.Park,
		500: change.Retry, 501: change.Retry, 502: change.Retry, 503: change.Retry, 504: change.Retry, 507: change.Retry, 599: change.Retry,
		600: change.Retry,
	} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			sub := receiver(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(status)
				if status != 204 && status != 304 {
					_, _ = io.WriteString(w, "because")
				}
			})
			receipt, err := deliver(t, sub, webhook.Options{})
			require.Equal(t, status, receipt.Status)
			if kind == success {
				require.NoError(t, err)
				return
			}
			require.Equal(t, kind, change.KindOf(err))
			r := refused(t, err)
			require.Equal(t, "badge-office", r.Subscription)
			require.Equal(t, status, r.Status)
			require.ErrorContains(t, err, fmt.Sprintf("subscription badge-office answered %d", status))
			if status != 304 {
				require.Equal(t, "because", r.Answer)
				require.ErrorContains(t, err, ": because")
			}
		})
	}
}

func TestARedirectIsNotFollowed(t *testing.T) {
	var followed atomic.Int32
	target := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { followed.Add(1) }))
	defer target.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		sub := receiver(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, target.URL+"/canary-place", status) })
		_, err := deliver(t, sub, webhook.Options{Client: &http.Client{ // whose own policy is not used
			CheckRedirect: func(*http.Request, []*http.Request) error { return nil },
		}})
		require.Equal(t, change.Park, change.KindOf(err))
		require.ErrorContains(t, err, "redirects are not followed")
	}
	require.Zero(t, followed.Load())
}

func TestAReceiverThatDoesNotAnswerIsTriedAgain(t *testing.T) {
	done := make(chan struct{})
	defer close(done)
	sub := receiver(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // only then does the server see the sender go
		select {
		case <-r.Context().Done():
		case <-done:
		}
	})
	_, err := deliver(t, sub, webhook.Options{Timeout: 20 * time.Millisecond})
	require.Equal(t, change.Retry, change.KindOf(err))
	require.EqualError(t, err, "subscription badge-office: no answer within 20ms")
}

func TestACallThatIsCancelledSaysSo(t *testing.T) {
	arrived := make(chan struct{})
	sub := receiver(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		close(arrived)
		<-r.Context().Done()
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-arrived
		cancel()
	}()
	_, err := webhook.NewSender(webhook.Options{Tokens: fixed{}}).Deliver(ctx, sub, event)
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, change.Retry, change.KindOf(err))
}

func TestAConnectionThatBreaksIsTriedAgain(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, closed.Close())
	for name, sub := range map[string]webhook.Subscription{
		"refused": {Name: "badge-office", URL: "http://" + closed.Addr().String(), Audience: "a"},
		"reset": receiver(t, func(w http.ResponseWriter, r *http.Request) {
			connection := hijack(w)
			_ = connection.(*net.TCPConn).SetLinger(0)
			_ = connection.Close()
		}),
		"closed in the answer's headers": receiver(t, func(w http.ResponseWriter, r *http.Request) {
			connection := hijack(w)
			_, _ = io.WriteString(connection, "HTTP/1.1 200 OK\r\nContent-")
			_ = connection.Close()
		}),
		"not HTTP": receiver(t, func(w http.ResponseWriter, r *http.Request) {
			connection := hijack(w)
			_, _ = io.WriteString(connection, "what is it?\n\x1b[31m\n")
			_ = connection.Close()
		}),
		"headers without measure": receiver(t, func(w http.ResponseWriter, r *http.Request) {
			connection := hijack(w)
			_, _ = io.WriteString(connection, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"+
				strings.Repeat("X-More: "+strings.Repeat("x", 1000)+"\r\n", 100)+"\r\n")
			_ = connection.Close()
		}),
		"not TLS": func() webhook.Subscription {
			s := receiver(t, func(http.ResponseWriter, *http.Request) {})
			s.URL = strings.Replace(s.URL, "http:", "https:", 1)
			return s
		}(),
	} {
		t.Run(name, func(t *testing.T) {
			receipt, err := deliver(t, sub, webhook.Options{})
			require.Equal(t, change.Retry, change.KindOf(err))
			require.Zero(t, receipt)
			require.ErrorContains(t, err, "subscription badge-office: ")
			require.NotContains(t, err.Error(), "/hook", "the URL may hold a secret")
			require.NotContains(t, err.Error(), "\n")
			require.NotContains(t, err.Error(), "\x1b")
		})
	}
}

func hijack(w http.ResponseWriter) net.Conn {
	connection, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		panic(err)
	}
	return connection
}

func TestACertificateThatCannotBeTrustedIsTriedAgain(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	server.Config.ErrorLog = nil
	server.StartTLS()
	defer server.Close()
	sub := webhook.Subscription{Name: "badge-office", URL: server.URL, Audience: "a"}
	_, err := deliver(t, sub, webhook.Options{})
	require.Equal(t, change.Retry, change.KindOf(err))
	require.ErrorContains(t, err, "certificate")
	_, err = deliver(t, sub, webhook.Options{Client: server.Client()})
	require.NoError(t, err)
}

func TestOfAnEndlessAnswerOnlyTheBeginningIsRead(t *testing.T) {
	for _, status := range []int{200, 500} {
		ended := make(chan struct{})
		sub := receiver(t, func(w http.ResponseWriter, _ *http.Request) {
			defer close(ended)
			w.WriteHeader(status)
			for err := error(nil); err == nil; {
				_, err = io.WriteString(w, "é\x00\n"+strings.Repeat("x", 5000))
			}
		})
		receipt, err := deliver(t, sub, webhook.Options{})
		require.Equal(t, status == 200, err == nil)
		require.LessOrEqual(t, len(receipt.Answer), webhook.KeptAnswer)
		require.True(t, strings.HasPrefix(receipt.Answer, "é xxxx"), receipt.Answer[:20])
		<-ended // as the sender hung up
	}
}

func TestAnAnswerWhoseBodyNeverEndsCountsByItsStatus(t *testing.T) {
	sub := receiver(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, "wait")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	receipt, err := deliver(t, sub, webhook.Options{Timeout: 100 * time.Millisecond})
	require.NoError(t, err)
	require.Equal(t, 200, receipt.Status)
}

func TestAnAnswerIsShownInOnePrintableLine(t *testing.T) {
	sub := receiver(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(422)
		_, _ = io.WriteString(w, "\n no\tsuch \x1b[31mplace\u202e\xff\r\nñ ☃ \u00a0!\n")
	})
	_, err := deliver(t, sub, webhook.Options{})
	require.EqualError(t, err, "subscription badge-office answered 422 Unprocessable Entity: no such [31mplace ñ ☃ !")
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name   string
		status int
		header string
		want   time.Duration
	}{
		{"seconds", 429, "120", 2 * time.Minute},
		{"seconds of an overloaded receiver", 503, " 7 ", 7 * time.Second},
		{"none", 429, "", 0},
		{"zero", 429, "0", 0},
		{"a date to come", 503, "Sun, 01 Mar 2026 12:00:30 GMT", 30 * time.Second},
		{"a date gone by", 503, "Sun, 01 Mar 2026 11:00:00 GMT", 0},
		{"a date in years", 503, "Sat, 01 Mar 2036 12:00:00 GMT", webhook.MaxRetryAfter},
		{"seconds of years", 503, "999999999", webhook.MaxRetryAfter},
		{"more seconds than a number has", 503, "99999999999999999999999", webhook.MaxRetryAfter},
		{"a negative number", 429, "-5", 0},
		{"a fraction", 429, "1.5", 0},
		{"nonsense", 429, "soon", 0},
		{"with a status that does not use it", 500, "120", 0},
		{"with a redirect", 301, "120", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			sub := receiver(t, func(w http.ResponseWriter, _ *http.Request) {
				if c.header != "" {
					w.Header().Set("Retry-After", c.header)
				}
				w.WriteHeader(c.status)
			})
			_, err := deliver(t, sub, webhook.Options{Now: func() time.Time { return now }})
			require.Equal(t, c.want, refused(t, err).RetryAfter())
		})
	}
}

func TestWhatCannotBeSentIsParkedWithoutARequest(t *testing.T) {
	valid := receiver(t, func(http.ResponseWriter, *http.Request) { t.Error("a request was made") })
	sender := webhook.NewSender(webhook.Options{Tokens: fixed{}})

	wrong := valid
	wrong.URL = "nowhere"
	_, err := sender.Deliver(t.Context(), wrong, event)
	require.Equal(t, change.Park, change.KindOf(err))

	_, err = sender.Deliver(t.Context(), valid, webhook.Event{Operation: "foxy", ID: "a", SequenceNumber: "1"})
	require.Equal(t, change.Park, change.KindOf(err))
	require.ErrorContains(t, err, "subscription badge-office: event: ")

	_, err = webhook.NewSender(webhook.Options{}).Deliver(t.Context(), valid, event)
	require.Equal(t, change.Park, change.KindOf(err))
	require.ErrorContains(t, err, "no source of tokens")
}

func TestNoSecretIsInAnErrorOrReceipt(t *testing.T) {
	echo := func(status int, before string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			w.WriteHeader(status)
			_, _ = fmt.Fprintf(w, "%s you sent %s with %s by %s", before, body, r.Header.Get("Authorization"), r.Header)
		}
	}
	subs := map[string]webhook.Subscription{
		"a raw echo": receiver(t, func(w http.ResponseWriter, r *http.Request) {
			connection := hijack(w)
			_, _ = fmt.Fprintf(connection, "%s %s\r\n\r\n", r.Header.Get("Authorization"), event.ID)
			_ = connection.Close()
		}),
		"an echo in the redirect": receiver(t, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/?"+r.Header.Get("Authorization"), http.StatusFound)
		}),
		"nobody there": {Name: "badge-office", URL: "http://127.0.0.1:1/canary?canary", Audience: "a"},
	}
	for _, status := range []int{200, 400, 401, 500} {
		subs[fmt.Sprintf("an echo with %d", status)] = receiver(t, echo(status, ""))
		for at := range 60 { // wherever the kept part of the answer ends
			subs[fmt.Sprintf("an echo with %d that is cut off, %d", status, at)] =
				receiver(t, echo(status, strings.Repeat("-", webhook.KeptAnswer-230+at*4)))
		}
	}
	for name, sub := range subs {
		t.Run(name, func(t *testing.T) {
			receipt, err := deliver(t, sub, webhook.Options{})
			for _, text := range []string{fmt.Sprintf("%v %+v", err, err), fmt.Sprintf("%+v", receipt)} {
				for n, secret := range []string{"canary-token", "canary-person", "canary"} {
					require.NotContains(t, text, secret, "secret %d", n)
				}
			}
		})
	}
}
