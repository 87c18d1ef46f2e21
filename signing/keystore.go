package signing

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/lestrrat-go/jwx/v2/jwk"
)

// ErrNoKey says that a key store has no key of that name.
var ErrNoKey = errors.New("no such key")

// KeyStore holds private keys, one a publisher.
type KeyStore interface {
	// Signer returns the signer of a publisher, ErrNoKey when the store has
	// no key of that publisher.
	Signer(ctx context.Context, publisher string) (*Signer, error)
}

// FileStore keeps keys as JSON Web Keys in a directory, in files
// <publisher>.jwk that only their owner may read.
type FileStore struct{ Dir string }

// file names the file of a publisher's key. A name that would be a path is
// refused, so that no name leads to another publisher's key.
func (s FileStore) file(publisher string) (string, error) {
	if publisher == "" || publisher != filepath.Base(publisher) || publisher[0] == '.' {
		return "", fmt.Errorf("%.60q cannot be a publisher's name", publisher)
	}
	return filepath.Join(s.Dir, publisher+".jwk"), nil
}

// Signer implements KeyStore. A file that others may read is refused.
func (s FileStore) Signer(_ context.Context, publisher string) (*Signer, error) {
	file, err := s.file(publisher)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", file, ErrNoKey)
	}
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s can be read or written by others (mode %o): chmod 600 it", file, info.Mode().Perm())
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	signer, err := ParseSigner(publisher, text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return signer, nil
}

// ParseSigner makes a publisher's signer of its private key, a JSON Web Key.
func ParseSigner(publisher string, text []byte) (*Signer, error) {
	// What could not be read may be the key itself: no error repeats it.
	key, err := jwk.ParseKey(text)
	if err != nil {
		return nil, errors.New("not a JSON Web Key of a kind that is known")
	}
	var private any
	if err := key.Raw(&private); err != nil {
		return nil, errors.New("the key is damaged")
	}
	signer, ok := private.(crypto.Signer)
	if !ok {
		return nil, errors.New("not a private key")
	}
	if key, ok := private.(*rsa.PrivateKey); ok {
		if err := key.Validate(); err != nil {
			return nil, fmt.Errorf("the key is damaged: %w", err)
		}
	}
	return NewSigner(publisher, signer)
}

// Generate makes a new RSA key of that many bits for a publisher, which must
// not have one yet.
func (s FileStore) Generate(publisher string, bits int) (*Signer, error) {
	file, err := s.file(publisher)
	if err != nil {
		return nil, err
	}
	private, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		return nil, err
	}
	key, err := jwk.FromRaw(private)
	if err != nil {
		return nil, err
	}
	if err := jwk.AssignKeyID(key); err != nil {
		return nil, err
	}
	text, err := json.Marshal(key)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(s.Dir, 0o700); err != nil {
		return nil, err
	}
	if err := writeNew(file, text); err != nil {
		return nil, err
	}
	return NewSigner(publisher, private)
}

// writeNew creates a file with its whole content, or none at all: a crash
// never leaves half a key.
func writeNew(file string, content []byte) error {
	partial, err := os.CreateTemp(filepath.Dir(file), ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(partial.Name())
	_, err = partial.Write(content)
	if err = errors.Join(err, partial.Sync(), partial.Close()); err != nil {
		return err
	}
	return os.Link(partial.Name(), file) // fails where the file exists
}
