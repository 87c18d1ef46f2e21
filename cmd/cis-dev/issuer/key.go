package issuer

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwk"
)

// loadKey reads the signing key, or makes and keeps a new one.
func loadKey(file string) (jwk.Key, error) {
	text, err := os.ReadFile(file)
	if err == nil {
		return jwk.ParseKey(text)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	private, err := rsa.GenerateKey(rand.Reader, 2048)
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
	if err := errors.Join(key.Set(jwk.AlgorithmKey, jwa.RS256), key.Set(jwk.KeyUsageKey, jwk.ForSignature)); err != nil {
		return nil, err
	}
	if text, err = json.Marshal(key); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return nil, err
	}
	// Renamed into place, so that a crash never leaves half a key.
	if err := os.WriteFile(file+".new", text, 0o600); err != nil {
		return nil, err
	}
	return key, os.Rename(file+".new", file)
}
