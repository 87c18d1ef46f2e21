package samples

import (
	"encoding/json"
	"net"
	"net/http"
	"sync"

	"cis/webhook"
)

// Receivers are two services that are told of changes: the badge office, which
// fails twice before it works, and payroll, which cannot cope with one person.
type Receivers struct {
	server   *http.Server
	listener net.Listener

	mu       sync.Mutex
	refusals int // how often the badge office has failed
}

// The receivers' subscriptions.
const (
	badgeOffice = "badge-office"
	payroll     = "payroll"
)

// StartReceivers starts both on a port of their own.
func StartReceivers() (*Receivers, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &Receivers{listener: listener}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /"+badgeOffice, r.badgeOffice)
	mux.HandleFunc("POST /"+payroll, r.payroll)
	r.server = &http.Server{Handler: mux}
	go func() { _ = r.server.Serve(listener) }()
	return r, nil
}

// Stop closes the receivers.
func (r *Receivers) Stop() { _ = r.server.Close() }

// Subscriptions are what the receivers want to be told, for tokens of this
// audience.
func (r *Receivers) Subscriptions(audience string) []webhook.Subscription {
	base := "http://" + r.listener.Addr().String() + "/"
	return []webhook.Subscription{
		{Name: badgeOffice, URL: base + badgeOffice, Audience: audience},
		{Name: payroll, URL: base + payroll, Audience: audience, Operations: []string{"update"}},
	}
}

func (r *Receivers) badgeOffice(w http.ResponseWriter, _ *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.refusals < 2 {
		r.refusals++
		http.Error(w, "the badge printer is warming up", http.StatusServiceUnavailable)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (r *Receivers) payroll(w http.ResponseWriter, request *http.Request) {
	var event struct {
		ID string `json:"id"`
	}
	if json.NewDecoder(request.Body).Decode(&event) == nil && event.ID == promoted.userID() {
		http.Error(w, "no cost center for this person's new title", http.StatusInternalServerError)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
