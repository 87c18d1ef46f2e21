package metrics

import (
	"context"
	"errors"
	"time"

	"cis/vault"
)

// Vault is the store with its calls counted and timed.
func (m *Metrics) Vault(store vault.Store) vault.Store {
	if m == nil {
		return store
	}
	return &measured{store, m}
}

type measured struct {
	vault.Store
	m *Metrics
}

// took notes a call that began at start.
func (v *measured) took(call string, start time.Time, err error) {
	v.m.vault.WithLabelValues(call, resultOf(err)).Observe(time.Since(start).Seconds())
}

func resultOf(err error) string {
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, vault.ErrNotFound), errors.Is(err, vault.ErrInvalid), errors.Is(err, vault.ErrNotIndexed):
		return "refused"
	case errors.Is(err, context.Canceled):
		return "canceled"
	}
	return "error"
}

func (v *measured) Get(ctx context.Context, ids ...string) (found map[string]vault.Record, err error) {
	defer func(start time.Time) { v.took("get", start, err) }(time.Now())
	return v.Store.Get(ctx, ids...)
}

func (v *measured) Find(ctx context.Context, key vault.Key, value string, known vault.Version) (found vault.Record, err error) {
	defer func(start time.Time) { v.took("find", start, err) }(time.Now())
	return v.Store.Find(ctx, key, value, known)
}

func (v *measured) List(ctx context.Context, q vault.Query) (found []vault.Listed, err error) {
	defer func(start time.Time) { v.took("list", start, err) }(time.Now())
	return v.Store.List(ctx, q)
}

func (v *measured) Put(ctx context.Context, writes ...vault.Write) (conflicts []int, err error) {
	defer func(start time.Time) { v.took("put", start, err) }(time.Now())
	return v.Store.Put(ctx, writes...)
}

func (v *measured) Applied(ctx context.Context, numbers ...string) (found map[string]vault.Applied, err error) {
	defer func(start time.Time) { v.took("applied", start, err) }(time.Now())
	return v.Store.Applied(ctx, numbers...)
}
