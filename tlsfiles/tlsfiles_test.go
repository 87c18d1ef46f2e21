package tlsfiles_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cis/tlsfiles"
)

// write makes a certificate for 127.0.0.1 that signs itself, as PEM files.
func write(t *testing.T, name, certFile, keyFile string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), 0o600))
	require.NoError(t, os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600))
}

func TestAKeyPairThatIsReplacedIsUsedFromThenOn(t *testing.T) {
	folder := t.TempDir()
	certFile, keyFile := filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem")
	write(t, "first", certFile, keyFile)
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
			if c.(*tls.Conn).Handshake() == nil { // a client that trusts only the new certificate goes away
				_, _ = io.WriteString(c, c.(*tls.Conn).ConnectionState().PeerCertificates[0].Subject.CommonName)
			}
			_ = c.Close()
		}
	}()
	names := func() (ofServer, ofClient string) {
		client, err := tlsfiles.Client(certFile, "")
		require.NoError(t, err)
		pair.ShowTo(client)
		c, err := tls.Dial("tcp", listener.Addr().String(), client)
		if err != nil {
			return "", ""
		}
		defer c.Close()
		seen, _ := io.ReadAll(c)
		return c.ConnectionState().PeerCertificates[0].Subject.CommonName, string(seen)
	}
	server1, client1 := names()
	require.Equal(t, [2]string{"first", "first"}, [2]string{server1, client1})

	require.NoError(t, os.WriteFile(keyFile, []byte("half a"), 0o600))
	time.Sleep(1100 * time.Millisecond)
	server1, _ = names()
	require.Equal(t, "first", server1, "in the middle of being replaced the old one is used")

	write(t, "second", certFile, keyFile)
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
