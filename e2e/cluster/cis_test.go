package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"cis/internal/freeport"
	"cis/webhook"
)

// settings are what every process of CIS is told.
func (c *cluster) settings() map[string]any {
	subscriptions := []string{}
	for _, r := range c.receivers {
		subscriptions = append(subscriptions, r.name+"="+r.address)
	}
	// An outage lasts seconds here, not hours.
	retries := []string{"200ms", "500ms", "1s", "2s", "5s", "10s", "10s", "10s", "10s", "10s", "10s", "10s"}
	return map[string]any{
		"environment": environment, "drain-delay": "0s", "salt": salt,
		"api":        map[string]any{"url": "http://127.0.0.1", "rate-limit": 1000},
		"tokens":     map[string]any{"issuer": c.issuer + "/"},
		"publishers": map[string]any{"well-known": []string{c.file("well-known.json")}},
		"signing":    map[string]any{"key-file": c.file("keys/cis.jwk")},
		"vault":      map[string]any{"driver": "dynamodb", "dynamodb-endpoint": "http://" + c.dynamo},
		"temporal":   map[string]any{"address": c.frontend, "namespace": namespace},
		"directory": map[string]any{"url": "ldap://" + c.ldap, "bind-dn": bindDN, "base-dn": baseDN, "password": password,
			"retries": retries},
		"webhooks": map[string]any{"client-id": hookClient, "client-secret": clientSecret, "subscriptions": subscriptions, "retries": retries},
	}
}

// cis is a command with these settings.
func (c *cluster) cis(args ...string) *exec.Cmd {
	command := exec.Command("cis", append(args, "--config", c.file("cis.yaml"))...)
	command.Env = append(os.Environ(), "AWS_REGION=eu-central-1", "AWS_ACCESS_KEY_ID=local", "AWS_SECRET_ACCESS_KEY=local")
	return command
}

// initialise makes the servers ready for CIS.
func (c *cluster) initialise() {
	text, err := yaml.Marshal(c.settings())
	require.NoError(c.t, err)
	c.write("cis.yaml", text)
	require.NoError(c.t, run(c.t.Context(), c.cis("vault", "init")))
	require.NoError(c.t, run(c.t.Context(), c.cis("temporal", "init")))
}

func (c *cluster) startCIS(role string, number int) {
	admin, at := freeport.Address(c.t), freeport.Address(c.t)
	if role == "api" {
		c.apis = append(c.apis, "http://"+at)
	}
	c.start(&process{
		name: fmt.Sprint(role, "-", number),
		command: func() *exec.Cmd {
			return c.cis(role, "--admin-listen", admin, "--api-listen", at)
		},
		ready: func(ctx context.Context) error {
			return run(ctx, c.cis("ready", "--admin-listen", admin))
		},
	})
}

// receiver is told of changes.
type receiver struct {
	name, address string

	mu         sync.Mutex
	newest     map[string]int64 // revision, by user_id
	deliveries int
}

// newReceiver starts a receiver that refuses some of the deliveries.
func newReceiver(t *testing.T, name string, refuses float64) *receiver {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	r := &receiver{name: name, address: "http://" + listener.Addr().String(), newest: map[string]int64{}}
	(&cluster{t: t}).serve(listener, http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		var event webhook.Event
		if err := json.NewDecoder(request.Body).Decode(&event); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		if refuses > 0 && rand.Float64() < refuses {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.deliveries++
		r.newest[event.ID] = max(r.newest[event.ID], event.Revision)
	}))
	return r
}
