// Package awskms makes the keys that payloads are encrypted with by AWS KMS:
// data keys, each of which encrypts for a while and travels with its payloads,
// encrypted by a KMS key that never leaves KMS.
package awskms

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/singleflight"

	"cis/payload"
)

// Options say which KMS keys there are and how data keys are kept.
type Options struct {
	Client *kms.Client
	// KeyID is the id, ARN or alias of the symmetric KMS key that makes new data
	// keys. This process needs kms:GenerateDataKey and kms:Decrypt for it. With
	// none, the keys only decrypt.
	KeyID string
	// Older are the ARNs of other KMS keys that there may be payloads of; this
	// process needs kms:Decrypt for them. The rotation that KMS does by itself
	// needs nothing here.
	Older []string
	// Context is the encryption context, which KMS binds to data keys and writes
	// to its log. It is in the clear, and must stay the same.
	Context map[string]string
	// Period is how long a data key encrypts until there is another. While KMS is
	// away it goes on for a second one; after that nothing is encrypted.
	Period time.Duration
	// Kept and Age bound how many decrypted data keys are in memory, and how long.
	Kept int
	Age  time.Duration
	// Timeout bounds each call of KMS.
	Timeout time.Duration
	Now     func() time.Time
	Logger  *slog.Logger
}

func (o Options) validate() error {
	var wrong []error
	if o.KeyID == "" && len(o.Older) == 0 {
		wrong = append(wrong, errors.New("no KMS key is named"))
	}
	for name, value := range map[string]time.Duration{"the period of data keys": o.Period, "their age": o.Age, "the timeout": o.Timeout} {
		if value <= 0 {
			wrong = append(wrong, fmt.Errorf("%s is %s, it must be more than nothing", name, value))
		}
	}
	if o.Kept <= 0 {
		wrong = append(wrong, fmt.Errorf("%d data keys can be kept, it must be one at least", o.Kept))
	}
	return errors.Join(wrong...)
}

// Keys are payload.Keys that KMS makes and opens.
type Keys struct {
	options Options
	trusted []string // ARNs
	kept    *lru.Cache[string, opened]
	calls   singleflight.Group // of KMS: each question is asked once at a time

	mu     sync.Mutex
	active *payload.Key
	since  time.Time
	next   time.Time // when another active key is to be asked for
}

var _ payload.Keys = (*Keys)(nil)

// opened is a decrypted data key.
type opened struct {
	key   *payload.Key
	until time.Time
}

// New asks KMS for the first data key: what is wrong with the set-up is an error
// at once.
func New(o Options) (*Keys, error) {
	if err := o.validate(); err != nil {
		return nil, fmt.Errorf("keys of AWS KMS: %w", err)
	}
	kept, err := lru.New[string, opened](o.Kept)
	if err != nil {
		return nil, err
	}
	k := &Keys{options: o, trusted: slices.Clone(o.Older), kept: kept}
	if o.KeyID == "" {
		return k, nil
	}
	if _, err := k.renew(); err != nil {
		return nil, err
	}
	return k, nil
}

// Active implements payload.Keys.
func (k *Keys) Active() (*payload.Key, error) {
	if k.options.KeyID == "" {
		return nil, errors.New("no KMS key is named that makes data keys")
	}
	key, due, worn := k.state()
	if worn {
		made, err, _ := k.calls.Do("", k.renew)
		if err != nil {
			return nil, err
		}
		return made.(*payload.Key), nil
	}
	if due {
		k.calls.DoChan("", k.renew) // nobody waits for it, and it logs its failure
	}
	return key, nil
}

// state is the active key, whether it is time to ask for another, and whether
// it must not be used any more.
func (k *Keys) state() (key *payload.Key, due, worn bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.options.Now()
	return k.active, !now.Before(k.next), k.active == nil || now.Sub(k.since) >= 2*k.options.Period
}

// renew makes another data key the active one, unless somebody just has.
func (k *Keys) renew() (any, error) {
	if key, due, worn := k.state(); !due && !worn {
		return key, nil
	}
	key, err := k.generate()
	now := k.options.Now()
	k.mu.Lock()
	defer k.mu.Unlock()
	if err != nil {
		k.next = now.Add(k.options.Period / 20)
		k.options.Logger.Warn("no new data key for histories", "error", err)
		return nil, err
	}
	if !slices.Contains(k.trusted, key.ID) { // an alias may lead to another key by now
		k.trusted = append(slices.Clone(k.trusted), key.ID)
	}
	k.active, k.since, k.next = key, now, now.Add(k.options.Period)
	k.kept.Add(name(key.ID, key.Wrapped), opened{key, now.Add(k.options.Age)})
	return key, nil
}

func (k *Keys) generate() (*payload.Key, error) {
	ctx, cancel := context.WithTimeout(context.Background(), k.options.Timeout)
	defer cancel()
	made, err := k.options.Client.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{
		KeyId: &k.options.KeyID, KeySpec: types.DataKeySpecAes256, EncryptionContext: k.options.Context,
	})
	if err != nil {
		return nil, fmt.Errorf("%w: making a data key with the KMS key %s: %w", payload.ErrUnavailable, k.options.KeyID, err)
	}
	return dataKey(made.KeyId, made.Plaintext, made.CiphertextBlob)
}

// dataKey is a data key by the name of the KMS key that has encrypted it.
func dataKey(arn *string, secret, wrapped []byte) (*payload.Key, error) {
	defer clear(secret)
	if arn == nil || *arn == "" || len(wrapped) == 0 {
		return nil, errors.New("KMS gave a data key without its name or its encrypted form")
	}
	key, err := payload.NewKey(*arn, secret)
	if err != nil {
		return nil, err
	}
	key.Wrapped = wrapped
	return key, nil
}

// Find implements payload.Keys. A KMS key that is not one of ours is not asked:
// whoever writes a payload must not choose whose key it is opened with.
func (k *Keys) Find(id string, wrapped []byte) (*payload.Key, error) {
	k.mu.Lock()
	trusted := k.trusted
	k.mu.Unlock()
	if !slices.Contains(trusted, id) || len(wrapped) == 0 {
		return nil, &payload.UnknownKeyError{ID: id}
	}
	if kept, ok := k.kept.Get(name(id, wrapped)); ok && k.options.Now().Before(kept.until) {
		return kept.key, nil
	}
	found, err, _ := k.calls.Do(name(id, wrapped), func() (any, error) { return k.open(id, wrapped) })
	if err != nil {
		return nil, err
	}
	return found.(*payload.Key), nil
}

func (k *Keys) open(id string, wrapped []byte) (*payload.Key, error) {
	ctx, cancel := context.WithTimeout(context.Background(), k.options.Timeout)
	defer cancel()
	decrypted, err := k.options.Client.Decrypt(ctx, &kms.DecryptInput{
		KeyId: &id, CiphertextBlob: wrapped, EncryptionContext: k.options.Context,
	})
	if err != nil {
		return nil, failure(id, err)
	}
	key, err := dataKey(decrypted.KeyId, decrypted.Plaintext, slices.Clone(wrapped))
	if err != nil {
		return nil, err
	}
	k.kept.Add(name(id, wrapped), opened{key, k.options.Now().Add(k.options.Age)})
	return key, nil
}

// failure is why a data key could not be opened: it is none of this KMS key and
// encryption context, for good, or KMS does not open it now.
func failure(id string, err error) error {
	_, invalid := errors.AsType[*types.InvalidCiphertextException](err)
	_, incorrect := errors.AsType[*types.IncorrectKeyException](err)
	if invalid || incorrect {
		return fmt.Errorf("the payload's data key was not made by the KMS key %s with this encryption context: %w", id, err)
	}
	return fmt.Errorf("%w: opening a data key with the KMS key %s: %w", payload.ErrUnavailable, id, err)
}

// name is what an encrypted data key is remembered by.
func name(id string, wrapped []byte) string {
	sum := sha256.Sum256(wrapped)
	return id + " " + string(sum[:])
}
