package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lestrrat-go/jwx/v2/jwk"
)

// keys are the issuer's keys as they were last fetched.
type keys struct {
	current  atomic.Pointer[keySet]
	fetching sync.Mutex
	tried    time.Time // when the last fetch began; under fetching
	failures atomic.Uint64
}

// KeysFetched is when the issuer's keys were fetched last, the zero time if they
// are not there.
func (t *Tokens) KeysFetched() time.Time {
	if set := t.keys.current.Load(); set != nil {
		return set.fetched
	}
	return time.Time{}
}

// KeyFailures is how often they could not be fetched.
func (t *Tokens) KeyFailures() uint64 { return t.keys.failures.Load() }

type keySet struct {
	jwk.Set
	fetched time.Time
}

func (s *keySet) has(kid string) bool {
	_, ok := s.LookupKeyID(kid)
	return ok
}

const (
	// refetch is how long a key set is not fetched again, however many tokens
	// name unknown keys: forged tokens must not become requests to the issuer.
	refetch = 10 * time.Second
	// keySetAge is how old a key set becomes before it is fetched again, and so
	// how long a key counts that the issuer has withdrawn. While the issuer is
	// away the key set stays as it is, for keySetLife.
	keySetAge  = 5 * time.Minute
	keySetLife = 24 * time.Hour
	// maxKeySet bounds the key set's size.
	maxKeySet = 1 << 20
)

// key finds the issuer's key with this id, and the key set that it is in.
func (t *Tokens) key(ctx context.Context, kid string) (jwk.Key, *keySet, *Error) {
	unknown := unauthorized("invalid_header", "Unable to find appropriate key")
	if kid == "" {
		return nil, nil, unknown
	}
	set := t.keys.current.Load()
	if set == nil || !set.has(kid) {
		t.keys.fetching.Lock()
		set = t.renew(ctx, set)
		t.keys.fetching.Unlock()
	}
	if set == nil {
		return nil, nil, unavailable("the token issuer's keys cannot be had, try again later")
	}
	if key, ok := set.LookupKeyID(kid); ok {
		return key, set, nil
	}
	return nil, nil, unknown
}

// Ready tells whether tokens can be checked: the issuer's keys are there.
func (t *Tokens) Ready(ctx context.Context) error {
	t.keys.fetching.Lock()
	defer t.keys.fetching.Unlock()
	if set := t.keys.current.Load(); set != nil || t.renew(ctx, nil) != nil {
		return nil
	}
	return fmt.Errorf("the token issuer's keys cannot be had from %s", t.JWKS)
}

// recentKeys returns the current key set, after it was fetched again if it has
// become old; nil if none was ever fetched. Only one request waits for that:
// the others go on with the old one.
func (t *Tokens) recentKeys(ctx context.Context) *keySet {
	set := t.keys.current.Load()
	if set == nil || t.Now().Sub(set.fetched) < keySetAge || !t.keys.fetching.TryLock() {
		return set
	}
	defer t.keys.fetching.Unlock()
	return t.renew(ctx, set)
}

// renew fetches the key set, unless another request has since set was looked
// at, or has tried just now. It returns the one that is then current.
func (t *Tokens) renew(ctx context.Context, set *keySet) *keySet {
	now := t.Now()
	if current := t.keys.current.Load(); current != set || set != nil && now.Sub(t.keys.tried) < refetch {
		return current
	}
	t.keys.tried = now
	fetched, err := t.fetch(ctx)
	if err != nil {
		t.keys.failures.Add(1)
	}
	switch {
	case err == nil:
	case set != nil && now.Sub(set.fetched) > keySetLife:
		t.keys.current.Store(nil)
		return nil
	default:
		return set
	}
	set = &keySet{fetched, now}
	t.keys.current.Store(set)
	return set
}

func (t *Tokens) fetch(ctx context.Context) (jwk.Set, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, t.JWKS, nil)
	if err != nil {
		return nil, err
	}
	response, err := t.Client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answered %s", t.JWKS, response.Status)
	}
	var document struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(nil, response.Body, maxKeySet)).Decode(&document); err != nil {
		return nil, fmt.Errorf("%s: %w", t.JWKS, err)
	}
	set := jwk.NewSet()
	for _, raw := range document.Keys {
		// A key of a kind that is not known here must not cost the others.
		if key, err := jwk.ParseKey(raw); err == nil {
			_ = set.AddKey(key)
		}
	}
	return set, nil
}
