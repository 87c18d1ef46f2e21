package payload

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// keyFile is a key file's content:
//
//	{"active": "2026-11", "keys": {"2026-11": "<32 bytes in base64>", "2026-05": "…"}}
type keyFile struct {
	Active string            `json:"active"`
	Keys   map[string]string `json:"keys"`
}

// maxKeyFile is more than a thousand keys need, in bytes.
const maxKeyFile = 1 << 20

// ReadKeyFile reads keys from a JSON file, such as
//
//	{"active": "2026-11", "keys": {"2026-11": "<32 bytes in base64>", "2026-05": "…"}}
//
// in which "active" names the key that is encrypted with; "openssl rand -base64
// 32" makes one. Its owner's group may read the file, nobody else may.
//
// The file is read once. To rotate, add the new key to the file of every
// process and restart them all; then make it active, and restart them again.
// Remove the old key when Temporal keeps no history any more that was written
// with it: none is open, and the namespace's retention has passed.
func ReadKeyFile(path string) (*Keyring, error) {
	text, err := readSecret(path)
	if err != nil {
		return nil, fmt.Errorf("key file %s: %w", path, err)
	}
	ring, err := parseKeys(text)
	if err != nil {
		return nil, fmt.Errorf("key file %s: %w", path, err)
	}
	return ring, nil
}

// readSecret reads a file that its owner can, and the group at most: that is how
// Kubernetes gives secrets to processes that are not root's.
func readSecret(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, cause(err)
	}
	defer file.Close()
	info, err := file.Stat()
	switch {
	case err != nil:
		return nil, cause(err)
	case !info.Mode().IsRegular():
		return nil, errors.New("is not a file")
	case info.Mode().Perm()&0o037 != 0:
		return nil, fmt.Errorf("others than its owner may use it (mode %#o): chmod 600 it, or 640 for a group that is to read it, and replace keys that somebody may have read", info.Mode().Perm())
	case info.Size() > maxKeyFile:
		return nil, fmt.Errorf("has %d bytes, more than the %d that are read", info.Size(), maxKeyFile)
	}
	return io.ReadAll(file)
}

// cause is an error of a file without its path.
func cause(err error) error {
	if failed, ok := errors.AsType[*os.PathError](err); ok {
		return failed.Err
	}
	return err
}

func parseKeys(text []byte) (*Keyring, error) {
	var file keyFile
	if err := json.Unmarshal(text, &file, json.RejectUnknownMembers(true)); err != nil {
		return nil, fmt.Errorf(`is not {"active": "ID", "keys": {"ID": "BASE64", …}}: %w`, withoutText(err))
	}
	switch {
	case len(file.Keys) == 0:
		return nil, errors.New(`has no "keys"`)
	case file.Active == "":
		return nil, errors.New(`does not say which key is "active"`)
	}
	secrets := map[string][]byte{}
	for id, encoded := range file.Keys {
		secret, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil {
			return nil, fmt.Errorf("key %.140q is not in base64", id)
		}
		secrets[id] = secret
	}
	return NewKeyring(file.Active, secrets)
}

// withoutText is where and what is wrong with JSON, without any of the text.
func withoutText(err error) error {
	if semantic, ok := errors.AsType[*json.SemanticError](err); ok {
		return fmt.Errorf("at %q, byte %d: a JSON %v is not expected there", semantic.JSONPointer, semantic.ByteOffset, semantic.JSONKind)
	}
	if syntactic, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		return fmt.Errorf("at %q, byte %d: %w", syntactic.JSONPointer, syntactic.ByteOffset, syntactic.Err)
	}
	return errors.New("it cannot be read as JSON")
}

// CreateKeyFile writes a key file with one new key. The day names it, and six
// letters that keep files of one day apart, should their keys have to come
// together. The file is there whole, on disk, or not at all; one that is there is
// an error (fs.ErrExist).
func CreateKeyFile(path string, now time.Time) error {
	secret := make([]byte, KeySize)
	_, _ = rand.Read(secret) // never fails
	id := now.UTC().Format(time.DateOnly) + "-" + strings.ToLower(rand.Text()[:6])
	text, err := json.Marshal(keyFile{id, map[string]string{id: base64.StdEncoding.EncodeToString(secret)}}, jsontext.Multiline(true))
	if err != nil {
		return err
	}
	// A temporary file has mode 0600. Linking, unlike renaming, replaces nothing.
	draft, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(draft.Name())
	if _, err = draft.Write(append(text, '\n')); err == nil {
		err = draft.Sync()
	}
	if err = errors.Join(err, draft.Close()); err != nil {
		return err
	}
	if err := os.Link(draft.Name(), path); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

// syncFolder makes sure that the folder's names are on disk.
func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
