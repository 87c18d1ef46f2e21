package webhook_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"cis/change"
	"cis/webhook"
)

// A receiver is told of a change, first at a bad moment and then again.
func ExampleSender_Deliver() {
	issuer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"access_token":"…","token_type":"Bearer","expires_in":86400}`)
	}))
	defer issuer.Close()

	busy := true
	badges := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Printf("%s got %s\n", r.Header.Get("webhook-id"), body)
		if busy {
			w.Header().Set("Retry-After", "30")
			http.Error(w, "the badge printer is warming up", http.StatusServiceUnavailable)
		}
		busy = false
	}))
	defer badges.Close()

	sender := webhook.NewSender(webhook.Options{
		Tokens: &webhook.ClientCredentials{TokenURL: issuer.URL, ClientID: "cis", ClientSecret: "cis-secret"},
	})
	subscription := webhook.Subscription{Name: "badges", URL: badges.URL, Audience: "hook.sso.mozilla.com"}
	event := webhook.Event{
		Operation: "update", ID: "github|1234", Time: 1772359200,
		SequenceNumber: "2193746192837461", Revision: 2, Attributes: []string{"first_name"},
	}
	for range 2 {
		receipt, err := sender.Deliver(context.Background(), subscription, event)
		if err != nil {
			fmt.Println(change.KindOf(err), "after:", err)
			continue
		}
		fmt.Println("delivered:", receipt.Status)
	}
	// Output:
	// 2193746192837461/badges got {"operation":"update","id":"github|1234","time":1772359200,"sequence_number":"2193746192837461","revision":2,"attributes":["first_name"]}
	// retry after: subscription badges answered 503 Service Unavailable: the badge printer is warming up
	// 2193746192837461/badges got {"operation":"update","id":"github|1234","time":1772359200,"sequence_number":"2193746192837461","revision":2,"attributes":["first_name"]}
	// delivered: 200
}
