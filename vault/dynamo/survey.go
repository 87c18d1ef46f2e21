package dynamo

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"cis/vault"
)

// survey looks for people who have no head, or one that is not of their newest
// record, as the original had written after it. It reads the whole table, once:
// calls that need to know a part go on where others stopped.
type survey struct {
	busy  chan struct{} // has an element while a call is at it
	left  []string      // those who were found, in that order
	next  item          // the key to go on from, nil at the beginning
	ended bool
}

func (s *Store) lockSurvey(ctx context.Context) (unlock func(), err error) {
	select {
	case s.survey.busy <- struct{}{}:
		return func() { <-s.survey.busy }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// isComplete tells whether everybody is known to have a head.
func (s *Store) isComplete(ctx context.Context) (bool, error) {
	if s.complete.Load() {
		return true, nil
	}
	items, err := s.readItems(ctx, s.index, []item{single(vaultPartition)}, "")
	if err != nil || len(items) == 0 || !flagIn(items[0], attrComplete) {
		return false, err
	}
	s.complete.Store(true)
	return true, nil
}

// setComplete writes down that everybody has a head, which stays so.
func (s *Store) setComplete(ctx context.Context) error {
	i := single(vaultPartition)
	i[attrComplete] = flag(true)
	if _, err := s.db.PutItem(ctx, &dynamodb.PutItemInput{TableName: &s.index, Item: i}); err != nil {
		return err
	}
	s.complete.Store(true)
	return nil
}

// anyLeft tells whether somebody has no head.
func (s *Store) anyLeft(ctx context.Context) (bool, error) {
	unlock, err := s.lockSurvey(ctx)
	if err != nil {
		return false, err
	}
	defer unlock()
	for {
		records, err := s.stillLeft(ctx, 1)
		if err != nil || len(records) > 0 {
			return true, err
		}
		if s.survey.ended {
			return false, s.setComplete(ctx)
		}
		if err := s.lookOn(ctx); err != nil {
			return false, err
		}
	}
}

// Unindexed implements vault.Store. When there is nobody it says so in the
// vault, for all to see.
func (s *Store) Unindexed(ctx context.Context, limit int) (records []vault.Record, total int, err error) {
	if err := s.begin(ctx); err != nil {
		return nil, 0, s.failed(ctx, "look for what is not indexed", err)
	}
	records, total, err = s.unindexed(ctx, limit)
	return records, total, s.failed(ctx, "look for what is not indexed", err)
}

func (s *Store) unindexed(ctx context.Context, limit int) (records []vault.Record, total int, err error) {
	unlock, err := s.lockSurvey(ctx)
	if err != nil {
		return nil, 0, err
	}
	defer unlock()
	if s.survey.ended && len(s.survey.left) == 0 {
		s.survey.next, s.survey.ended = nil, false // whoever asks again wants to know anew
	}
	for !s.survey.ended {
		if err := s.lookOn(ctx); err != nil {
			return nil, 0, err
		}
	}
	if records, err = s.stillLeft(ctx, max(limit, 1)); err != nil {
		return nil, 0, err
	}
	if len(records) == 0 {
		return nil, 0, s.setComplete(ctx)
	}
	return records[:min(len(records), max(limit, 0))], len(s.survey.left), nil
}

// lookOn looks at the next people.
func (s *Store) lookOn(ctx context.Context) error {
	scan := s.scan("id, sequence_number, " + attrWholeID)
	scan.ExclusiveStartKey = s.survey.next
	page, err := s.db.Scan(ctx, scan)
	if err != nil {
		return err
	}
	ids := make([]string, len(page.Items))
	for n, i := range page.Items {
		ids[n] = mainID(i)
	}
	heads, err := s.heads(ctx, ids)
	if err != nil {
		return err
	}
	for n, i := range page.Items {
		if heads[ids[n]].sequence() != textIn(i, "sequence_number") {
			s.survey.left = append(s.survey.left, ids[n])
		}
	}
	s.survey.next, s.survey.ended = page.LastEvaluatedKey, len(page.LastEvaluatedKey) == 0
	return nil
}

// stillLeft returns the records of the first people who were found, up to
// limit, and forgets those who have a head meanwhile. None means that there are
// none.
func (s *Store) stillLeft(ctx context.Context, limit int) (left []vault.Record, err error) {
	for len(left) == 0 && len(s.survey.left) > 0 {
		ids := s.survey.left[:min(limit, len(s.survey.left))]
		records, err := s.records(ctx, ids)
		if err != nil {
			return nil, err
		}
		heads, err := s.heads(ctx, ids)
		if err != nil {
			return nil, err
		}
		rest := s.survey.left[len(ids):]
		var stay []string
		for _, id := range ids {
			if r, ok := records[id]; ok && heads[id].sequence() != r.SequenceNumber {
				left, stay = append(left, r), append(stay, id)
			}
		}
		s.survey.left = append(stay, rest...)
	}
	return left, nil
}
