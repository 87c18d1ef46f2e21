package stack

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sync/errgroup"

	"cis/profile"
	"cis/signing"
)

// secrets are made once, on first start, and kept in the data folder.
type secrets struct {
	Salt         string `json:"salt"`
	LDAPPassword string `json:"ldap_password"`
}

// lock takes the data folder for this process alone.
func lock(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("the data folder cannot be made: %w", err)
	}
	file, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("the data folder cannot be written: %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("the data folder %s is in use by another cis-dev: stop that one or choose another --data-dir", dir)
	}
	return file, nil
}

func loadSecrets(dir string) (secrets, error) {
	file := filepath.Join(dir, "secrets.json")
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return makeSecrets(file)
	}
	if err != nil {
		return secrets{}, err
	}
	var s secrets
	if err := json.Unmarshal(text, &s); err != nil {
		return secrets{}, fmt.Errorf("%s: %w", file, err)
	}
	return s, nil
}

func makeSecrets(file string) (secrets, error) {
	s := secrets{Salt: rand.Text(), LDAPPassword: rand.Text()}
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return secrets{}, err
	}
	// Renamed into place: half a file must never be taken for the secrets.
	if err := os.WriteFile(file+".new", append(text, '\n'), 0o600); err != nil {
		return secrets{}, err
	}
	return s, os.Rename(file+".new", file)
}

// keyBits is the size of generated keys: half of production's, because a
// first start should not take long.
const keyBits = 2048

// loadKeys returns the signers of every publisher, generated where there is
// none yet.
func loadKeys(ctx context.Context, store signing.FileStore) (map[string]*signing.Signer, error) {
	signers := make([]*signing.Signer, len(profile.Publishers))
	var group errgroup.Group
	for i, name := range profile.Publishers {
		group.Go(func() (err error) {
			signers[i], err = store.Signer(ctx, name)
			if errors.Is(err, signing.ErrNoKey) {
				signers[i], err = store.Generate(name, keyBits)
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	byName := map[string]*signing.Signer{}
	for i, name := range profile.Publishers {
		byName[name] = signers[i]
	}
	return byName, nil
}
