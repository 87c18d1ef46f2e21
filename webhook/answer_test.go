package webhook_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"cis/logs"
	"cis/webhook"
)

func TestALogHasNothingThatAReceiverHasSaid(t *testing.T) {
	talks := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "who is Lovelace", http.StatusInternalServerError)
	}))
	t.Cleanup(talks.Close)
	babbles := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		connection, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			_, _ = connection.Write([]byte("HTTP/1.1 Lovelace\r\n\r\n"))
			_ = connection.Close()
		}
	}))
	t.Cleanup(babbles.Close)
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	sender := webhook.NewSender(webhook.Options{Tokens: fixed{}})
	for says, address := range map[string]string{
		"subscription payroll answered 500 Internal Server Error": talks.URL, "there was no answer that could be read": babbles.URL,
		"connection refused": gone.URL,
	} {
		_, err := sender.Deliver(t.Context(), webhook.Subscription{Name: "payroll", URL: address, Audience: "hook"},
			webhook.Event{Operation: "update", ID: "email|x", SequenceNumber: "64"})
		if address != gone.URL {
			require.ErrorContains(t, err, "Lovelace", "operators are told")
		}
		var out bytes.Buffer
		logs.New(&out, slog.LevelInfo).Warn("not published", "error", err)
		require.Contains(t, out.String(), says)
		require.NotContains(t, out.String(), "Lovelace")
	}
}
