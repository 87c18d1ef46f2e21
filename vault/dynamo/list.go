package dynamo

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cis/vault"
)

const (
	// countLimit is how far the people who have a term are counted to find the
	// rarest of several terms.
	countLimit = 1000
	// The fewest and the most entries that are read at a time.
	smallestPage, largestPage = 25, 1000
	// scanPage is how many people are read at a time where all of them are.
	scanPage = 500
)

// List implements vault.Store: it walks along one partition of the index, that
// of the rarest term or of everybody, and looks at the head of each person there.
// People without a term cost those with it who come between, about a thousand a
// request.
func (s *Store) List(ctx context.Context, q vault.Query) ([]vault.Listed, error) {
	if err := q.Validate(); err != nil {
		return nil, fmt.Errorf("vault %s: list: %w", s.main, err)
	}
	if err := s.begin(ctx); err != nil {
		return nil, s.failed(ctx, "list", err)
	}
	listed, err := s.list(ctx, q)
	return listed, s.failed(ctx, "list", err)
}

func (s *Store) list(ctx context.Context, q vault.Query) ([]vault.Listed, error) {
	complete, err := s.isComplete(ctx)
	if err != nil {
		return nil, err
	}
	if !complete {
		if len(q.With)+len(q.Without) == 0 {
			return s.listAll(ctx, q)
		}
		if left, err := s.anyLeft(ctx); err != nil || left {
			return nil, orNotIndexed(err)
		}
	}
	span := spanOf(q.Prefix, q.After)
	if span.empty() {
		return []vault.Listed{}, nil
	}
	along, err := s.rarest(ctx, q, span)
	if err != nil {
		return nil, err
	}
	listed := []vault.Listed{}
	page := min(max(q.Limit, smallestPage), largestPage)
	err = s.walk(ctx, along, span, page, func(entries []entry) (more bool, err error) {
		ids := make([]string, len(entries))
		for i, e := range entries {
			ids[i] = e.id
		}
		heads, err := s.heads(ctx, possible(ids))
		if err != nil {
			return false, err
		}
		for _, e := range entries {
			if h := heads[e.id]; h != nil && h.entries[along] == e.token && selects(q, h) {
				listed = append(listed, listedOf(h.Record))
			}
		}
		return len(listed) < q.Limit, nil
	})
	return listed[:min(len(listed), q.Limit)], err
}

func orNotIndexed(err error) error {
	if err == nil {
		return vault.ErrNotIndexed
	}
	return err
}

// selects tells whether a query selects a person, but for the activity.
func selects(q vault.Query, h *head) bool {
	lacks := func(t vault.Term) bool { return !h.has(t) }
	return inRange(q, h.ID) && !slices.ContainsFunc(q.With, lacks) && !slices.ContainsFunc(q.Without, h.has)
}

func inRange(q vault.Query, id string) bool { return id > q.After && strings.HasPrefix(id, q.Prefix) }

func listedOf(r vault.Record) vault.Listed {
	return vault.Listed{ID: r.ID, UUID: r.UUID, PrimaryEmail: r.PrimaryEmail, Active: r.Active}
}

// rarest returns the partition to walk along.
func (s *Store) rarest(ctx context.Context, q vault.Query, span span) (string, error) {
	sc := scopes[q.Activity]
	partitions := make([]string, len(q.With))
	for i, t := range q.With {
		partitions[i] = termPartition(sc, t)
	}
	switch len(partitions) {
	case 0:
		return peoplePartition(sc), nil
	case 1:
		return partitions[0], nil
	}
	counts := make([]int32, len(partitions))
	indexes := make([]int, len(partitions))
	for i := range indexes {
		indexes[i] = i
	}
	err := each(ctx, indexes, func(ctx context.Context, i int) error {
		query := s.query(partitions[i], span, countLimit)
		query.Select = types.SelectCount
		out, err := s.db.Query(ctx, query)
		if err != nil {
			return err
		}
		counts[i] = out.Count
		return nil
	})
	return partitions[slices.Index(counts, slices.Min(counts))], err
}

// query asks for a part of a partition of the index.
func (s *Store) query(partition string, span span, limit int) *dynamodb.QueryInput {
	return &dynamodb.QueryInput{
		TableName: &s.index, ConsistentRead: aws.Bool(true), Limit: aws.Int32(int32(limit)),
		KeyConditionExpression:    aws.String("#p = :p AND #at BETWEEN :first AND :last"),
		ExpressionAttributeNames:  map[string]string{"#p": attrPartition, "#at": attrPosition},
		ExpressionAttributeValues: item{":p": text(partition), ":first": raw(span.first), ":last": raw(span.last)},
	}
}

// walk gives page the entries of a span in the order of their ids, about limit
// at a time, until it returns false.
func (s *Store) walk(ctx context.Context, partition string, span span, limit int, page func([]entry) (more bool, err error)) error {
	pages := dynamodb.NewQueryPaginator(s.db, s.query(partition, span, limit))
	var held []entry // long ids that begin alike, of whom more may come
	for pages.HasMorePages() {
		out, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		entries := held
		for _, i := range out.Items {
			entries = append(entries, entryIn(i))
		}
		entries, held = ordered(entries, pages.HasMorePages())
		if more, err := page(entries); err != nil || !more {
			return err
		}
	}
	return nil
}

// ordered puts those ids in order that their positions do not. While there are
// more to come it holds the last of these back.
func ordered(entries []entry, moreToCome bool) (whole, held []entry) {
	for start := 0; start < len(entries); {
		end := start + 1
		if alike := entries[start].alike(); alike != nil {
			for end < len(entries) && bytes.Equal(entries[end].alike(), alike) {
				end++
			}
			if end == len(entries) && moreToCome {
				return entries[:start], slices.Clone(entries[start:])
			}
			slices.SortFunc(entries[start:end], func(a, b entry) int { return strings.Compare(a.id, b.id) })
		}
		start = end
	}
	return entries, nil
}

// listAll lists people from the original's table, all of which it reads.
func (s *Store) listAll(ctx context.Context, q vault.Query) ([]vault.Listed, error) {
	listed := []vault.Listed{}
	pages := dynamodb.NewScanPaginator(s.db, s.scan("id, active, "+attrUUID+", "+attrEmail+", "+attrWholeID))
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, i := range page.Items {
			r := recordOf(i)
			active := q.Activity == vault.AnyActivity || r.Active == (q.Activity == vault.ActiveOnly)
			if active && inRange(q, r.ID) {
				listed = append(listed, listedOf(r))
			}
		}
		slices.SortFunc(listed, func(a, b vault.Listed) int { return strings.Compare(a.ID, b.ID) })
		listed = listed[:min(len(listed), q.Limit)]
	}
	return listed, nil
}

// scan asks for everybody's record, in no order.
func (s *Store) scan(projection string) *dynamodb.ScanInput {
	return &dynamodb.ScanInput{
		TableName: &s.main, ConsistentRead: aws.Bool(true), Limit: aws.Int32(scanPage), ProjectionExpression: &projection,
	}
}
