package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"cis/vault"
)

// List implements vault.Store. Terms are answered from search_index alone.
func (s *Store) List(ctx context.Context, q vault.Query) ([]vault.Listed, error) {
	if err := q.Validate(); err != nil {
		return nil, fmt.Errorf("vault %s: list: %w", s.path, err)
	}
	listed, err := s.list(ctx, q)
	return listed, s.failed(ctx, "list", err)
}

func (s *Store) list(ctx context.Context, q vault.Query) ([]vault.Listed, error) {
	if len(q.With)+len(q.Without) > 0 {
		var incomplete bool
		if err := s.read.incomplete.QueryRowContext(ctx).Scan(&incomplete); err != nil {
			return nil, err
		}
		if incomplete {
			return nil, vault.ErrNotIndexed
		}
	}
	with, err := s.rarestFirst(ctx, q.With)
	if err != nil {
		return nil, err
	}
	q.With = with
	text, args := selection(q)
	rows, err := s.readers.QueryContext(ctx, text, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // Err below has what it could say
	listed := []vault.Listed{}
	for rows.Next() {
		var l vault.Listed
		if err := rows.Scan(&l.ID, &l.UUID, &l.PrimaryEmail, &l.Active); err != nil {
			return nil, err
		}
		listed = append(listed, l)
	}
	return listed, rows.Err()
}

// rarestFirst puts the term that the fewest people have first, as far as
// counting two hundred tells.
func (s *Store) rarestFirst(ctx context.Context, terms []vault.Term) ([]vault.Term, error) {
	if len(terms) < 2 {
		return terms, nil
	}
	counts := map[vault.Term]int{}
	for _, t := range terms {
		var n int
		if err := s.read.count.QueryRowContext(ctx, t.Attribute, t.Value).Scan(&n); err != nil {
			return nil, err
		}
		counts[t] = n
	}
	return slices.SortedStableFunc(slices.Values(terms), func(a, b vault.Term) int { return counts[a] - counts[b] }), nil
}

// Unindexed implements vault.Store.
func (s *Store) Unindexed(ctx context.Context, limit int) (records []vault.Record, total int, err error) {
	if err := s.read.unindexedCount.QueryRowContext(ctx).Scan(&total); err != nil {
		return nil, 0, s.failed(ctx, "look for what is not indexed", err)
	}
	err = eachRow(ctx, s.read.unindexed, []any{limit}, func(rows *sql.Rows) error {
		r, err := scanRecord(rows)
		records = append(records, r)
		return err
	})
	return records, total, s.failed(ctx, "look for what is not indexed", err)
}
