// Package tlstest gives tests certificates, and TLS in front of servers that
// have none of their own.
package tlstest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Authority issues certificates.
type Authority struct {
	// File has the authority's own certificate.
	File string

	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// NewAuthority makes an authority.
func NewAuthority(t *testing.T) *Authority {
	a := &Authority{File: filepath.Join(t.TempDir(), "ca.pem"), t: t}
	var der []byte
	a.key, der = a.sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: "authority"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	})
	var err error
	a.cert, err = x509.ParseCertificate(der)
	require.NoError(t, err)
	write(t, a.File, "CERTIFICATE", der)
	return a
}

// sign makes a key and its certificate, which the authority signs; the first is
// its own.
func (a *Authority) sign(template *x509.Certificate) (*ecdsa.PrivateKey, []byte) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(a.t, err)
	template.SerialNumber, template.NotAfter = big.NewInt(time.Now().UnixNano()), time.Now().Add(time.Hour)
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	require.NoError(a.t, err)
	return key, der
}

// Issue writes a certificate of this name, for 127.0.0.1 and localhost, and its
// key into files.
func (a *Authority) Issue(name, certFile, keyFile string) {
	key, der := a.sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	})
	private, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(a.t, err)
	write(a.t, keyFile, "PRIVATE KEY", private)
	write(a.t, certFile, "CERTIFICATE", der)
}

// Files issues a certificate into files of its own.
func (a *Authority) Files(name string) (certFile, keyFile string) {
	folder := a.t.TempDir()
	certFile, keyFile = filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem")
	a.Issue(name, certFile, keyFile)
	return certFile, keyFile
}

func write(t *testing.T, file, kind string, der []byte) {
	require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
}

// Pool has the authority's certificate.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// Server is how a server with a certificate of the authority is configured.
func (a *Authority) Server() *tls.Config {
	pair, err := tls.LoadX509KeyPair(a.Files("server"))
	require.NoError(a.t, err)
	return &tls.Config{Certificates: []tls.Certificate{pair}}
}

// Front takes TLS connections for a server that takes plain ones, and returns
// its address.
func Front(t *testing.T, server string, c *tls.Config) string {
	return front(t, server, c, func(net.Conn) error { return nil })
}

// StartTLSFront is a Front for an LDAP server whose clients first ask for TLS.
// One that asks for anything else is sent away.
func StartTLSFront(t *testing.T, server string, c *tls.Config) string {
	return front(t, server, c, startTLS)
}

func front(t *testing.T, server string, c *tls.Config, begin func(net.Conn) error) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer client.Close()
				if begin(client) == nil {
					pass(tls.Server(client, c), server)
				}
			}()
		}
	}()
	return listener.Addr().String()
}

// pass hands on what both sides say, until one of them ends.
func pass(client *tls.Conn, server string) {
	if client.Handshake() != nil {
		return
	}
	behind, err := net.Dial("tcp", server)
	if err != nil {
		return
	}
	go func() {
		_, _ = io.Copy(behind, client)
		_ = behind.Close()
	}()
	_, _ = io.Copy(client, behind)
	_ = client.Close()
}

// startTLS answers the extended request of RFC 4511, section 4.14.
func startTLS(client net.Conn) error {
	request := make([]byte, 256)
	n, err := client.Read(request)
	if err != nil {
		return err
	}
	if !bytes.Contains(request[:n], []byte("1.3.6.1.4.1.1466.20037")) {
		return io.ErrUnexpectedEOF
	}
	const success = "\x78\x07\x0a\x01\x00\x04\x00\x04\x00" // an extended response without texts
	id := request[2:5]                                     // as an integer of one byte
	_, err = client.Write(append(append([]byte{0x30, byte(len(id) + len(success))}, id...), success...))
	return err
}
