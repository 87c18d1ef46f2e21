package dynamo

import (
	"context"
	"slices"
	"sync"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"golang.org/x/sync/errgroup"

	"cis/vault"
)

// How many items DynamoDB takes in one request.
const (
	readBatch  = 100
	writeBatch = 25
	maxActions = 100 // of a transaction
)

// each calls do for every element, several at once, and returns the first
// error.
func each[E any](ctx context.Context, all []E, do func(context.Context, E) error) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for _, e := range all {
		g.Go(func() error { return do(ctx, e) })
	}
	return g.Wait()
}

// readItems reads the items of a table that have these keys, which must differ,
// and only the attributes named in projection unless it is empty.
func (s *Store) readItems(ctx context.Context, table string, keys []item, projection string) ([]item, error) {
	var mu sync.Mutex
	var items []item
	err := each(ctx, slices.Collect(slices.Chunk(keys, readBatch)), func(ctx context.Context, keys []item) error {
		request := types.KeysAndAttributes{Keys: keys, ConsistentRead: aws.Bool(true)}
		if projection != "" {
			request.ProjectionExpression = aws.String(projection)
		}
		left := map[string]types.KeysAndAttributes{table: request}
		for attempt := 1; ; attempt++ {
			out, err := s.db.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{RequestItems: left})
			if err != nil {
				return err
			}
			mu.Lock()
			items = append(items, out.Responses[table]...)
			mu.Unlock()
			if left = out.UnprocessedKeys; len(left) == 0 {
				return nil
			}
			if len(out.Responses[table]) > 0 {
				attempt = 0 // the answer was only too large
			}
			if err := pause(ctx, attempt); err != nil {
				return err
			}
		}
	})
	return items, err
}

// writeItems makes requests, which must be for different items, of our table.
func (s *Store) writeItems(ctx context.Context, requests []types.WriteRequest) error {
	return each(ctx, slices.Collect(slices.Chunk(requests, writeBatch)), func(ctx context.Context, requests []types.WriteRequest) error {
		left := map[string][]types.WriteRequest{s.index: requests}
		for attempt := 1; ; attempt++ {
			out, err := s.db.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{RequestItems: left})
			if err != nil {
				return err
			}
			if left = out.UnprocessedItems; len(left) == 0 {
				return nil
			}
			if err := pause(ctx, attempt); err != nil {
				return err
			}
		}
	})
}

// heads reads people's heads, by id.
func (s *Store) heads(ctx context.Context, ids []string) (map[string]*head, error) {
	keys := make([]item, len(ids))
	for i, id := range ids {
		keys[i] = single(personPartition(id))
	}
	items, err := s.readItems(ctx, s.index, keys, "")
	if err != nil {
		return nil, err
	}
	heads := make(map[string]*head, len(items))
	for _, i := range items {
		h := headIn(i)
		heads[h.ID] = h
	}
	return heads, nil
}

// records reads people's records, by id, from the original's table.
func (s *Store) records(ctx context.Context, ids []string) (map[string]vault.Record, error) {
	keys := make([]item, len(ids))
	for i, id := range ids {
		keys[i] = mainKey(id)
	}
	items, err := s.readItems(ctx, s.main, keys, recordAttributes)
	if err != nil {
		return nil, err
	}
	records := make(map[string]vault.Record, len(items))
	for _, i := range items {
		r := recordOf(i)
		records[r.ID] = r
	}
	return records, nil
}

// recordAttributes are all that a record is made of.
const recordAttributes = `id, profile, sequence_number, revision, active, ` +
	attrUUID + `, ` + attrEmail + `, ` + attrUsername + `, ` + attrWholeID

// possible returns those texts, each once, that DynamoDB can have as keys: it
// refuses to be asked for others.
func possible(keys []string) []string {
	seen := make(map[string]bool, len(keys))
	var some []string
	for _, key := range keys {
		if key != "" && len(key) <= vault.MaxKey && utf8.ValidString(key) && !seen[key] {
			seen[key] = true
			some = append(some, key)
		}
	}
	return some
}
