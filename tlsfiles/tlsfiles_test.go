package tlsfiles_test

import (
	"crypto/tls"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cis/internal/tlstest"
	"cis/tlsfiles"
)

func TestAKeyPairThatIsReplacedIsUsedFromThenOn(t *testing.T) {
	folder := t.TempDir()
	certFile, keyFile := filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem")
	authority := tlstest.NewAuthority(t)
	authority.Issue("first", certFile, keyFile)
	logger := slog.New(slog.NewTextHandler(io.Discard, nil))
	pair, err := tlsfiles.Load(certFile, keyFile, logger)
	require.NoError(t, err)
	server := pair.ForServer()
	server.ClientAuth = tls.RequireAnyClientCert
	listener, err := tls.Listen("tcp", "127.0.0.1:0", server)
	require.NoError(t, err)
	defer listener.Close()
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			if c.(*tls.Conn).Handshake() == nil {
				_, _ = io.WriteString(c, c.(*tls.Conn).ConnectionState().PeerCertificates[0].Subject.CommonName)
			}
			_ = c.Close()
		}
	}()
	names := func() (ofServer, ofClient string) {
		client, err := tlsfiles.Client(authority.File, "")
		require.NoError(t, err)
		pair.ShowTo(client)
		c, err := tls.Dial("tcp", listener.Addr().String(), client)
		require.NoError(t, err)
		defer c.Close()
		seen, err := io.ReadAll(c)
		require.NoError(t, err)
		return c.ConnectionState().PeerCertificates[0].Subject.CommonName, string(seen)
	}
	server1, client1 := names()
	require.Equal(t, [2]string{"first", "first"}, [2]string{server1, client1})

	require.NoError(t, os.WriteFile(keyFile, []byte("half a"), 0o600))
	time.Sleep(1100 * time.Millisecond)
	server1, _ = names()
	require.Equal(t, "first", server1, "in the middle of being replaced the old one is used")

	authority.Issue("second", certFile, keyFile)
	require.Eventually(t, func() bool {
		s, c := names()
		return s == "second" && c == "second"
	}, 5*time.Second, 50*time.Millisecond)
}

func TestFilesThatAreNoCertificatesAreClearErrors(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(file, []byte("nonsense"), 0o600))
	_, err := tlsfiles.Client(file, "")
	require.EqualError(t, err, file+" has no certificate: it must be a PEM file")
	_, err = tlsfiles.Client(file+"x", "")
	require.ErrorIs(t, err, os.ErrNotExist)
}
