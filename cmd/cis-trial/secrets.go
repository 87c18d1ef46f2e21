package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"cis/payload"
	"cis/profile"
	"cis/schema"
	"cis/signing"
)

// secretsCommand makes a folder for each service that has secrets, with those
// and no others:
//
//	postgres/password          of the user temporal
//	temporal/database-password the same
//	ldap/password              of cn=cis
//	grafana/password           of the user admin
//	issuer/client-secret       of the client that may do everything
//	cis/salt, cis/cis.jwk      what CIS derives uuids with, and its key
//	cis/ldap-password          that of cn=cis
//	cis/payload-keys.json      what histories are sealed with
//	cis/well-known.json        the publishers' public keys: no secret
//	publishers/NAME.jwk        their private keys
//
// A secret that is there stays as it is.
type secretsCommand struct {
	Into  string         `arg:"" help:"Folder that has a folder for each service."`
	Owner map[string]int `help:"User id that a folder and its files belong to; may be repeated." placeholder:"NAME=UID"`
}

// keyBits is the size of the keys, production's.
const keyBits = 4096

// Run implements the command.
func (c secretsCommand) Run(ctx context.Context) error {
	for _, name := range []string{"postgres/password", "ldap/password", "grafana/password", "issuer/client-secret", "cis/salt"} {
		if err := c.once(name, func() ([]byte, error) { return []byte(rand.Text()), nil }); err != nil {
			return err
		}
	}
	for name, content := range map[string]func() ([]byte, error){
		"temporal/database-password": func() ([]byte, error) { return os.ReadFile(c.file("postgres/password")) },
		"cis/ldap-password":          func() ([]byte, error) { return os.ReadFile(c.file("ldap/password")) },
		"cis/cis.jwk":                func() ([]byte, error) { return c.key(ctx, profile.CIS) },
		"cis/well-known.json":        func() ([]byte, error) { return c.wellKnown(ctx) },
	} {
		if err := c.once(name, content); err != nil {
			return err
		}
	}
	if err := c.payloadKeys(); err != nil {
		return err
	}
	return c.handOver()
}

func (c secretsCommand) file(name string) string {
	return filepath.Join(c.Into, filepath.FromSlash(name))
}

// once writes a file that is not there. It is renamed into place when it is on
// disk, so that half a secret is never taken for one, and none is lost that
// was used.
func (c secretsCommand) once(name string, content func() ([]byte, error)) error {
	file := c.file(name)
	if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	text, err := content()
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	if err := writeToDisk(file+".new", text); err != nil {
		return err
	}
	if err := os.Rename(file+".new", file); err != nil {
		return err
	}
	fmt.Println("made", name)
	return nil
}

func writeToDisk(file string, text []byte) error {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Sync(), f.Close())
}

// payloadKeys makes the key file that histories are encrypted with.
func (c secretsCommand) payloadKeys() error {
	const name = "cis/payload-keys.json"
	err := payload.CreateKeyFile(c.file(name), time.Now())
	switch {
	case errors.Is(err, fs.ErrExist):
		return nil
	case err != nil:
		return fmt.Errorf("%s: %w", name, err)
	}
	fmt.Println("made", name)
	return nil
}

// signer is a publisher's, whose key is made where there is none.
func (c secretsCommand) signer(ctx context.Context, publisher string) (*signing.Signer, error) {
	keys := signing.FileStore{Dir: c.file("publishers")}
	signer, err := keys.Signer(ctx, publisher)
	if !errors.Is(err, signing.ErrNoKey) {
		return signer, err
	}
	if err := os.MkdirAll(keys.Dir, 0o700); err != nil {
		return nil, err
	}
	return keys.Generate(publisher, keyBits)
}

// key is a publisher's private key.
func (c secretsCommand) key(ctx context.Context, publisher string) ([]byte, error) {
	if _, err := c.signer(ctx, publisher); err != nil {
		return nil, err
	}
	return os.ReadFile(c.file("publishers/" + publisher + ".jwk"))
}

// wellKnown is the document that CIS has the publishers' keys from.
func (c secretsCommand) wellKnown(ctx context.Context) ([]byte, error) {
	keys := map[string][]json.RawMessage{}
	for _, publisher := range profile.Publishers {
		signer, err := c.signer(ctx, publisher)
		if err != nil {
			return nil, err
		}
		public, err := signer.Public()
		if err != nil {
			return nil, err
		}
		text, err := json.Marshal(public)
		if err != nil {
			return nil, err
		}
		keys[publisher] = []json.RawMessage{text}
	}
	return json.Marshal(schema.NewWellKnown(schema.Params{PublisherKeys: keys}))
}

// handOver gives each folder to the service whose it is.
func (c secretsCommand) handOver() error {
	for name, uid := range c.Owner {
		err := filepath.WalkDir(c.file(name), func(path string, _ fs.DirEntry, err error) error {
			return errors.Join(err, os.Chown(path, uid, uid))
		})
		if err != nil {
			return err
		}
	}
	return nil
}
