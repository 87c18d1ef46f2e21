// Package cluster proves that a whole deployment loses nothing: CIS's processes
// on the servers of production, each of which is killed again and again while
// clients send changes. deploy/test/cluster runs it.
package cluster

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cis/cmd/cis-dev/issuer"
	"cis/internal/freeport"
	"cis/profile"
	"cis/schema"
	"cis/signing"
)

// cluster is a deployment: its servers, CIS's processes, publishers' keys, a
// token issuer and receivers of webhooks.
type cluster struct {
	t         *testing.T
	folder    string
	processes []*process
	signers   map[string]*signing.Signer
	issuer    string // base URL
	apis      []string
	receivers []*receiver

	postgres, frontend, dynamo, ldap string // addresses
}

const (
	environment  = "development"
	audience     = "api.dev.sso.allizom.org"
	hookAudience = "hook.dev.sso.allizom.org"
	namespace    = "cis"
	salt         = "salt"
	baseDN       = "dc=cis,dc=test"
	bindDN       = "cn=cis," + baseDN
	password     = "secret"
	keyBits      = 2048
)

// newCluster starts everything.
func newCluster(t *testing.T, s size) *cluster {
	folder, err := os.MkdirTemp("", "cis-cluster")
	require.NoError(t, err)
	t.Cleanup(func() {
		if !t.Failed() {
			_ = os.RemoveAll(folder)
			return
		}
		t.Logf("the logs are in %s", folder)
	})
	// PostgreSQL's own user must get to its folder.
	require.NoError(t, os.Chmod(folder, 0o711))
	c := &cluster{t: t, folder: folder, signers: map[string]*signing.Signer{}}
	c.makeKeys()
	c.startIssuer(s.clients)
	c.receivers = []*receiver{newReceiver(t, "steady", 0), newReceiver(t, "moody", 0.05)}
	c.startPostgres()
	c.startTemporal()
	c.startDynamoDB()
	c.startLDAP()
	c.initialise()
	for _, role := range []string{"worker", "api"} {
		for i := range 2 {
			c.startCIS(role, i+1)
		}
	}
	return c
}

func (c *cluster) file(name string) string { return filepath.Join(c.folder, name) }

// write makes a file that only its owner reads.
func (c *cluster) write(name string, content []byte) (file string) {
	file = c.file(name)
	require.NoError(c.t, os.WriteFile(file, content, 0o600))
	return file
}

// makeKeys makes the publishers' keys, and the document that lists them.
func (c *cluster) makeKeys() {
	store, keys := signing.FileStore{Dir: c.file("keys")}, signing.StaticKeySets{}
	for _, name := range profile.Publishers {
		signer, err := store.Generate(name, keyBits)
		require.NoError(c.t, err)
		c.signers[name] = signer
		require.NoError(c.t, keys.AddSigner(signer))
	}
	listed, err := keys.JWKS()
	require.NoError(c.t, err)
	c.write("well-known.json", schema.NewWellKnown(schema.Params{PublisherKeys: listed}).JSON())
}

// clientID is the i-th client of the API, and clientSecret everybody's secret.
func clientID(i int) string { return fmt.Sprint("publisher-", i) }

var clientSecret = rand.Text()

// hookClient is who CIS gets the webhooks' tokens as.
const hookClient = "cis"

func (c *cluster) startIssuer(clients int) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(c.t, err)
	c.issuer = "http://" + listener.Addr().String()
	known := []issuer.Client{{ID: hookClient, Secret: clientSecret}}
	for i := range clients {
		known = append(known, issuer.Client{ID: clientID(i), Secret: clientSecret, Scopes: []string{"write"}})
	}
	made, err := issuer.New(issuer.Options{BaseURL: c.issuer, KeyFile: c.file("issuer.jwk"), Clients: known,
		Audiences: []string{audience, hookAudience}, Lifetime: 24 * time.Hour, Now: time.Now})
	require.NoError(c.t, err)
	c.serve(listener, made)
}

func (c *cluster) serve(listener net.Listener, handler http.Handler) {
	server := &http.Server{Handler: handler, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)}
	go func() { _ = server.Serve(listener) }()
	c.t.Cleanup(func() { _ = server.Close() })
}

// freePort is a free address in its two parts.
func freePort(t *testing.T) (host, port string) {
	host, port, err := net.SplitHostPort(freeport.Address(t))
	require.NoError(t, err)
	return host, port
}

// answers tells whether somebody listens at an address.
func answers(ctx context.Context, address string) error {
	connection, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	return connection.Close()
}
