package service

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lestrrat-go/jwx/v2/jwk"

	"cis/config"
	"cis/schema"
	"cis/signing"
)

// documentKeys are the publishers' keys of well-known documents, which are read
// again now and then. While a document cannot be had, the keys that it had last
// count, for as long as the configuration says; then nobody's do.
type documentKeys struct {
	config config.Publishers
	own    *signing.Signer // trusted in any case; nil where the process has none
	client *http.Client
	logger *slog.Logger

	failures atomic.Uint64

	mu        sync.Mutex
	documents map[string]document // by where they are from
	sets      signing.StaticKeySets
}

// document is a document as it was last read.
type document struct {
	keys schema.PublisherKeys
	read time.Time
}

const (
	// fetchTimeout bounds the reading of a document, maxDocument its size.
	fetchTimeout = 10 * time.Second
	maxDocument  = 4 << 20
	// soon is how long a document is left alone that could not be had.
	soon = 5 * time.Second
)

// newDocumentKeys begins to read the documents, which it does again and again
// until ctx ends. It waits for none: a process must live to tell that it is not
// ready.
func newDocumentKeys(ctx context.Context, c config.Publishers, own *signing.Signer, logger *slog.Logger) *documentKeys {
	k := &documentKeys{config: c, own: own, client: &http.Client{Timeout: fetchTimeout}, logger: logger, documents: map[string]document{}}
	go k.watch(ctx)
	return k
}

// watch reads the documents again and again; sooner where not all were had.
func (k *documentKeys) watch(ctx context.Context) {
	for ctx.Err() == nil {
		wait := k.config.Refresh
		if !k.refresh(ctx) {
			wait = min(soon, wait)
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

// refresh reads every document, and tells whether all could be had.
func (k *documentKeys) refresh(ctx context.Context) bool {
	fresh := map[string]document{}
	for _, from := range k.config.WellKnown {
		keys, err := k.read(ctx, from)
		if err != nil {
			k.failures.Add(1)
			k.logger.Warn("the publishers' keys cannot be had", "from", from, "error", err)
			continue
		}
		fresh[from] = document{keys, time.Now()}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	documents := map[string]document{}
	for _, from := range k.config.WellKnown {
		documents[from] = k.documents[from]
		if read, ok := fresh[from]; ok {
			documents[from] = read
		}
	}
	sets, err := k.combine(documents)
	if err != nil {
		k.failures.Add(1)
		k.logger.Warn("the publishers' keys cannot be used, those from before are", "error", err)
		return false
	}
	k.documents, k.sets = documents, sets
	return len(fresh) == len(documents)
}

// combine adds the documents' keys up.
func (k *documentKeys) combine(documents map[string]document) (signing.StaticKeySets, error) {
	sets := signing.StaticKeySets{}
	for from, d := range documents {
		for publisher, set := range d.keys {
			if err := sets.Add(publisher, set.Keys...); err != nil {
				return nil, fmt.Errorf("%s: %w", from, err)
			}
		}
	}
	if k.own == nil {
		return sets, nil
	}
	return sets, sets.AddSigner(k.own)
}

func (k *documentKeys) read(ctx context.Context, from string) (schema.PublisherKeys, error) {
	text, err := k.text(ctx, from)
	if err != nil {
		return nil, err
	}
	parsed, err := schema.ParseWellKnown(text)
	if err != nil {
		return nil, err
	}
	return parsed.API.PublishersJWKS, nil
}

func (k *documentKeys) text(ctx context.Context, from string) ([]byte, error) {
	if !config.IsURL(from) {
		return os.ReadFile(from)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, from, nil)
	if err != nil {
		return nil, err
	}
	response, err := k.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the answer is %s", response.Status)
	}
	return io.ReadAll(http.MaxBytesReader(nil, response.Body, maxDocument))
}

// Ready tells whether there are keys that count.
func (k *documentKeys) Ready(context.Context) error {
	_, err := k.current()
	return err
}

// fetched is when the document was read that was not for the longest time; the
// zero time while one never was.
func (k *documentKeys) fetched() time.Time {
	k.mu.Lock()
	defer k.mu.Unlock()
	var oldest time.Time
	for _, d := range k.documents {
		if oldest.IsZero() || d.read.Before(oldest) {
			oldest = d.read
		}
		if d.read.IsZero() {
			return time.Time{}
		}
	}
	return oldest
}

// current returns the keys, as long as every document was read not too long
// ago.
func (k *documentKeys) current() (signing.StaticKeySets, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.sets == nil {
		return nil, errors.New("the publishers' keys have not been had yet")
	}
	for from, d := range k.documents {
		if time.Since(d.read) > k.config.KeepFor {
			return nil, fmt.Errorf("the publishers' keys cannot be had from %s", from)
		}
	}
	return k.sets, nil
}

// KeySet implements signing.KeySets.
func (k *documentKeys) KeySet(ctx context.Context, publisher string) (jwk.Set, error) {
	sets, err := k.current()
	if err != nil {
		return nil, err
	}
	return sets.KeySet(ctx, publisher)
}

// JWKS implements KeySets.
func (k *documentKeys) JWKS() (map[string][]json.RawMessage, error) {
	sets, err := k.current()
	if err != nil {
		return nil, err
	}
	return sets.JWKS()
}
