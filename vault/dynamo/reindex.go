package dynamo

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cis/vault"
)

// transactionSize is how many bytes Index puts into one transaction: DynamoDB
// takes 4 MiB.
const transactionSize = 3 << 20

// Index implements vault.Store. What fits into one transaction is made at once:
// 100 records, or fewer where they have thousands of terms.
func (s *Store) Index(ctx context.Context, records ...vault.Indexed) error {
	err := s.begin(ctx)
	for start, end := 0, 0; err == nil && start < len(records); start = end {
		for size := 0; end < len(records) && end-start < maxActions; end++ {
			h, _, _ := headOf(records[end].Record, records[end].Terms, nil, newToken())
			if size += sizeOf(h.item()); size > transactionSize && end > start {
				break
			}
		}
		err = s.indexAtOnce(ctx, records[start:end])
	}
	return s.failed(ctx, "index", err)
}

// indexAtOnce writes the heads of those records that are still the newest and
// have none, after their index entries.
func (s *Store) indexAtOnce(ctx context.Context, records []vault.Indexed) error {
	for {
		pending, olds, err := s.toIndex(ctx, records)
		if err != nil || len(pending) == 0 {
			return err
		}
		var added, removed []entry
		actions := make([]types.TransactWriteItem, len(pending))
		token := newToken()
		for n, r := range pending {
			h, more, stale := headOf(r.Record, r.Terms, olds[n], token)
			c := absent(attrPartition)
			if olds[n] != nil {
				c = unchanged(olds[n].SequenceNumber)
			}
			actions[n] = putIf(s.index, h.item(), c)
			added, removed = append(added, more...), append(removed, stale...)
		}
		if err := s.writeItems(ctx, additions(added)); err != nil {
			return err
		}
		refused, err := s.transact(ctx, actions)
		if err != nil {
			return err
		}
		if len(refused) == 0 {
			_ = s.writeItems(ctx, removals(removed)) // no reader believes them
			return nil
		}
		_ = s.writeItems(ctx, removals(added))
	}
}

// toIndex returns those records that are still the newest and have no head of
// theirs, each with the head that there is, nil for none.
func (s *Store) toIndex(ctx context.Context, records []vault.Indexed) (pending []vault.Indexed, olds []*head, err error) {
	ids := make([]string, len(records))
	keys := make([]item, len(records))
	for i, r := range records {
		ids[i], keys[i] = r.Record.ID, mainKey(r.Record.ID)
	}
	heads, err := s.heads(ctx, ids)
	if err != nil {
		return nil, nil, err
	}
	items, err := s.readItems(ctx, s.main, keys, "id, sequence_number, "+attrWholeID)
	if err != nil {
		return nil, nil, err
	}
	newest := map[string]string{}
	for _, i := range items {
		newest[mainID(i)] = textIn(i, "sequence_number")
	}
	for _, r := range records {
		old := heads[r.Record.ID]
		if newest[r.Record.ID] == r.Record.SequenceNumber && old.sequence() != r.Record.SequenceNumber {
			pending, olds = append(pending, r), append(olds, old)
		}
	}
	return pending, olds, nil
}
