package dynamo

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"golang.org/x/sync/errgroup"

	"cis/vault"
)

// Get implements vault.Store.
func (s *Store) Get(ctx context.Context, ids ...string) (map[string]vault.Record, error) {
	err := s.begin(ctx)
	if err != nil {
		return nil, s.failed(ctx, "get", err)
	}
	records, err := s.get(ctx, possible(ids))
	return records, s.failed(ctx, "get", err)
}

func (s *Store) get(ctx context.Context, ids []string) (map[string]vault.Record, error) {
	records, err := s.records(ctx, ids)
	if err != nil {
		return nil, err
	}
	missing := slices.DeleteFunc(slices.Clone(ids), func(id string) bool { _, ok := records[id]; return ok })
	heads, err := s.heads(ctx, missing)
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	err = each(ctx, slices.Collect(maps.Values(heads)), func(ctx context.Context, h *head) error {
		r, found := h.Record, h.deleted
		if !h.deleted {
			// It came back since its record was read, or is going.
			if r, found, err = s.getAtomically(ctx, h.ID); err != nil {
				return err
			}
		}
		if found {
			mu.Lock()
			defer mu.Unlock()
			records[h.ID] = r
		}
		return nil
	})
	return records, err
}

// getAtomically reads a person's record and head as they are at one moment.
func (s *Store) getAtomically(ctx context.Context, id string) (r vault.Record, found bool, err error) {
	out, err := s.db.TransactGetItems(ctx, &dynamodb.TransactGetItemsInput{TransactItems: []types.TransactGetItem{
		{Get: &types.Get{TableName: &s.main, Key: mainKey(id)}},
		{Get: &types.Get{TableName: &s.index, Key: single(personPartition(id))}},
	}})
	if err != nil {
		return r, false, err
	}
	if record := out.Responses[0].Item; record != nil {
		return recordOf(record), true, nil
	}
	h := headIn(out.Responses[1].Item)
	return h.Record, h.deleted, nil // a head alone is of a person whom the original has deleted
}

var keyAttributes = map[vault.Key]string{
	vault.KeyUserID:          "id",
	vault.KeyUUID:            attrUUID,
	vault.KeyPrimaryEmail:    attrEmail,
	vault.KeyPrimaryUsername: attrUsername,
}

// Find implements vault.Store.
func (s *Store) Find(ctx context.Context, key vault.Key, value string, known vault.Version) (vault.Record, error) {
	name, ok := keyAttributes[key]
	if !ok {
		return vault.Record{}, fmt.Errorf("vault %s: find: %w: there is no key %.20q", s.main, vault.ErrInvalid, key)
	}
	if err := s.begin(ctx); err != nil {
		return vault.Record{}, s.failed(ctx, "find", err)
	}
	if len(possible([]string{value})) == 0 {
		return vault.Record{}, vault.ErrNotFound
	}
	r, found, err := s.find(ctx, name, value, known)
	switch {
	case err != nil:
		return vault.Record{}, s.failed(ctx, "find", err)
	case !found:
		return vault.Record{}, vault.ErrNotFound
	}
	return r, nil
}

// find looks for who has a key, and again when somebody was said to have it who
// has given it away since: then another may have taken it.
func (s *Store) find(ctx context.Context, name, value string, known vault.Version) (r vault.Record, found bool, err error) {
	var before []string
	for {
		ids, err := s.candidates(ctx, name, value)
		if err != nil || len(ids) == 0 || slices.Equal(ids, before) {
			return r, false, err
		}
		if r, found, err = s.choose(ctx, ids, name, value, known); err != nil || found {
			return r, found, err
		}
		before = ids
	}
}

// choose returns the one of these people whom a key finds.
func (s *Store) choose(ctx context.Context, ids []string, name, value string, known vault.Version) (r vault.Record, found bool, err error) {
	if len(ids) == 1 && ids[0] == known.ID {
		heads, err := s.heads(ctx, ids)
		if err != nil {
			return r, false, err
		}
		if h := heads[known.ID]; h != nil && !h.deleted && h.Version() == known && keyOf(h.Record, name) == value {
			return h.Record, true, nil
		}
	}
	records, err := s.records(ctx, ids)
	if err != nil {
		return r, false, err
	}
	matching := slices.DeleteFunc(slices.Collect(maps.Values(records)), func(r vault.Record) bool { return keyOf(r, name) != value })
	if len(matching) == 0 {
		return r, false, nil
	}
	r = slices.MinFunc(matching, func(a, b vault.Record) int {
		if a.Active != b.Active {
			if a.Active {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.ID, b.ID)
	})
	if r.Version() == known {
		r.Profile = nil
	}
	return r, true, nil
}

func keyOf(r vault.Record, name string) string {
	return map[string]string{"id": r.ID, attrUUID: r.UUID, attrEmail: r.PrimaryEmail, attrUsername: r.PrimaryUsername}[name]
}

// candidates returns the ids of all who have a key, and maybe of some who have
// not, in order.
func (s *Store) candidates(ctx context.Context, name, value string) ([]string, error) {
	if name == "id" {
		return []string{value}, nil
	}
	var ours, originals []string
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		return s.walk(ctx, keyPartition(name, value), spanOf("", ""), readBatch, func(entries []entry) (bool, error) {
			for _, e := range entries {
				ours = append(ours, e.id)
			}
			return true, nil
		})
	})
	g.Go(func() error {
		complete, err := s.isComplete(ctx)
		if err != nil || complete {
			return err
		}
		originals, err = s.originals(ctx, name, value)
		return err
	})
	err := g.Wait()
	ids := append(ours, originals...)
	slices.Sort(ids)
	return slices.Compact(ids), err
}

// originals asks the original's secondary index for the ids of who has a key.
func (s *Store) originals(ctx context.Context, name, value string) (ids []string, err error) {
	pages := dynamodb.NewQueryPaginator(s.db, &dynamodb.QueryInput{
		TableName: &s.main, IndexName: aws.String(s.main + "-" + name),
		KeyConditionExpression:    aws.String(name + " = :value"),
		ExpressionAttributeValues: item{":value": text(value)},
		ProjectionExpression:      aws.String("id, " + attrWholeID),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, i := range page.Items {
			ids = append(ids, mainID(i))
		}
	}
	return ids, nil
}

// Applied implements vault.Store.
func (s *Store) Applied(ctx context.Context, sequenceNumbers ...string) (map[string]vault.Applied, error) {
	if err := s.begin(ctx); err != nil {
		return nil, s.failed(ctx, "look into the change log", err)
	}
	numbers := possible(sequenceNumbers)
	keys := make([]item, len(numbers))
	for i, n := range numbers {
		keys[i] = single(changePartition(n))
	}
	items, err := s.readItems(ctx, s.index, keys, "")
	if err != nil {
		return nil, s.failed(ctx, "look into the change log", err)
	}
	applied := make(map[string]vault.Applied, len(items))
	for _, i := range items {
		a := changeIn(i)
		applied[a.SequenceNumber] = a
	}
	return applied, nil
}
