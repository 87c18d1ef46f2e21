// Package tlsfiles makes TLS configurations of PEM files, which may be replaced
// while they are in use.
package tlsfiles

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"time"
)

// Authorities returns the certificates of a PEM file.
func Authorities(file string) (*x509.CertPool, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s has no certificate: it must be a PEM file", file)
	}
	return pool, nil
}

// Client returns how to connect to a server whose certificate was issued by an
// authority of the file, "" for the system's; for the name serverName, "" for
// that of the address.
func Client(authorities, serverName string) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: serverName}
	if authorities == "" {
		return c, nil
	}
	pool, err := Authorities(authorities)
	c.RootCAs = pool
	return c, err
}

// KeyPair is a certificate and its key in two files. It is safe for concurrent
// use.
type KeyPair struct {
	certFile, keyFile string
	logger            *slog.Logger

	mu      sync.Mutex
	looked  time.Time // when the files were last looked at
	state   [2]stamp
	current *tls.Certificate
}

// stamp tells whether a file was replaced.
type stamp struct {
	modified time.Time
	size     int64
}

// every is how often the files are looked at, at most.
const every = time.Second

// Load reads a key pair.
func Load(certFile, keyFile string, logger *slog.Logger) (*KeyPair, error) {
	k := &KeyPair{certFile: certFile, keyFile: keyFile, logger: logger}
	return k, k.read()
}

// read reads both files.
func (k *KeyPair) read() error {
	state, err := k.stamps()
	if err != nil {
		return err
	}
	pair, err := tls.LoadX509KeyPair(k.certFile, k.keyFile)
	if err != nil {
		return err
	}
	k.looked, k.state, k.current = time.Now(), state, &pair
	return nil
}

func (k *KeyPair) stamps() (state [2]stamp, err error) {
	for i, file := range []string{k.certFile, k.keyFile} {
		var info fs.FileInfo
		if info, err = os.Stat(file); err != nil {
			return state, err
		}
		state[i] = stamp{info.ModTime(), info.Size()}
	}
	return state, nil
}

// certificate returns the certificate that is in the files now. While these do
// not go together, as in the middle of being replaced, it is the last one.
func (k *KeyPair) certificate() *tls.Certificate {
	k.mu.Lock()
	defer k.mu.Unlock()
	if time.Since(k.looked) < every {
		return k.current
	}
	k.looked = time.Now()
	if state, err := k.stamps(); err == nil && state == k.state {
		return k.current
	}
	if err := k.read(); err != nil {
		k.logger.Warn("a certificate that has changed cannot be read, the old one is used", "file", k.certFile, "error", err)
	}
	return k.current
}

// ForServer makes a server's configuration of the key pair.
func (k *KeyPair) ForServer() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return k.certificate(), nil },
	}
}

// ShowTo lets a client prove itself with the key pair.
func (k *KeyPair) ShowTo(c *tls.Config) {
	c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return k.certificate(), nil }
}
