package payload

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
)

// KeySize is the size of a key's secret in bytes: AES-256.
const KeySize = 32

// Key is a named AES-256-GCM key. Its nonces are random, so no more than 2^32
// payloads should be encrypted with one key: about ten million changes a day
// for a month. Rotate long before that.
type Key struct {
	// ID is written beside whatever the key encrypts, in the clear.
	ID string
	// Wrapped, where it is not nil, is the key itself, encrypted by a key
	// management service. It travels with the payload.
	Wrapped []byte

	aead cipher.AEAD
}

// NewKey makes a key of a secret of KeySize bytes. The errors do not hold it.
func NewKey(id string, secret []byte) (*Key, error) {
	if len(secret) != KeySize {
		return nil, fmt.Errorf("key %q has %d bytes, it needs %d", id, len(secret), KeySize)
	}
	block, err := aes.NewCipher(secret)
	if err != nil {
		return nil, fmt.Errorf("key %q: %w", id, err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("key %q: %w", id, err)
	}
	return &Key{ID: id, aead: aead}, nil
}

// Keys are what payloads are encrypted and decrypted with.
type Keys interface {
	// Active is the key that new payloads are encrypted with. ErrUnavailable
	// when it cannot be had now.
	Active() (*Key, error)
	// Find is the key that a payload was encrypted with, by its ID and, where
	// the payload has one, its Wrapped. UnknownKeyError when there is no such
	// key here, ErrUnavailable when it cannot be had now.
	Find(id string, wrapped []byte) (*Key, error)
}

// ErrUnavailable: the key cannot be had now, but may be later.
var ErrUnavailable = errors.New("the key service cannot be reached")

// UnknownKeyError says that a payload was encrypted with a key that this
// process does not have.
type UnknownKeyError struct{ ID string }

func (e *UnknownKeyError) Error() string {
	return fmt.Sprintf("the payload was encrypted with key %q, which is not among the keys of this process: add it to them", e.ID)
}

// Keyring is a fixed set of keys, one of which is active.
type Keyring struct {
	active *Key
	byID   map[string]*Key
}

// validID keeps ids readable in errors, in one word.
var validID = regexp.MustCompile(`^[A-Za-z0-9._:/-]{1,128}$`)

// NewKeyring makes keys of their ids and secrets. The errors name every key
// that is wrong and hold no secrets.
func NewKeyring(active string, secrets map[string][]byte) (*Keyring, error) {
	ring := &Keyring{byID: map[string]*Key{}}
	var wrong []error
	ids := slices.Sorted(maps.Keys(secrets))
	for i, id := range ids {
		if !validID.MatchString(id) {
			wrong = append(wrong, fmt.Errorf("%.140q is no id of a key: it must be 1 to 128 letters, digits and ._:/-", id))
			continue
		}
		for _, other := range ids[:i] {
			if bytes.Equal(secrets[id], secrets[other]) {
				wrong = append(wrong, fmt.Errorf("keys %q and %q are the same: each needs a secret of its own", other, id))
			}
		}
		key, err := NewKey(id, secrets[id])
		if err != nil {
			wrong = append(wrong, err)
			continue
		}
		ring.byID[id] = key
	}
	if ring.active = ring.byID[active]; ring.active == nil && len(wrong) == 0 {
		wrong = append(wrong, fmt.Errorf("the active key %q is not among the keys", active))
	}
	if len(wrong) > 0 {
		return nil, errors.Join(wrong...)
	}
	return ring, nil
}

// Active implements Keys.
func (r *Keyring) Active() (*Key, error) { return r.active, nil }

// Find implements Keys.
func (r *Keyring) Find(id string, _ []byte) (*Key, error) {
	if key, ok := r.byID[id]; ok {
		return key, nil
	}
	return nil, &UnknownKeyError{id}
}

// NoKeys are the keys of a process that has none. Decoding with them lets what
// is encrypted wait for the key, where no codec would let a workflow fail.
type NoKeys struct{}

// Active implements Keys.
func (NoKeys) Active() (*Key, error) { return nil, errors.New("this process has no keys") }

// Find implements Keys.
func (NoKeys) Find(id string, _ []byte) (*Key, error) { return nil, &UnknownKeyError{id} }

// withOlder has the active key of the first.
type withOlder struct {
	Keys
	older []Keys
}

// WithOlder adds keys that are only decrypted with, so that a change from a key
// file to a key management service, or back, leaves nothing unreadable.
func WithOlder(keys Keys, older ...Keys) Keys { return &withOlder{keys, older} }

// Find implements Keys.
func (w *withOlder) Find(id string, wrapped []byte) (*Key, error) {
	key, err := w.Keys.Find(id, wrapped)
	for _, keys := range w.older {
		if _, unknown := errors.AsType[*UnknownKeyError](err); !unknown {
			break
		}
		key, err = keys.Find(id, wrapped)
	}
	return key, err
}
