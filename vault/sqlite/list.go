package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"cis/vault"
)

// List implements vault.Store. Terms are answered from search_index alone: the
// rarest term's people are walked in order, and the index is probed for each
// of the other terms.
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
	statement, args := selection(q)
	rows, err := s.readers.QueryContext(ctx, statement, args...)
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
// counting a thousand tells.
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

// selection writes the query as SQL. Active and inactive people are two walks
// along an index, merged by id: each stops at the limit.
func selection(q vault.Query) (statement string, args []any) {
	var walks []string
	for _, active := range map[vault.Activity][]bool{
		vault.ActiveOnly: {true}, vault.InactiveOnly: {false}, vault.AnyActivity: {false, true},
	}[q.Activity] {
		walk, more := walk(q, active)
		walks, args = append(walks, walk), append(args, more...)
	}
	return `SELECT v.id, v.user_uuid, v.primary_email, v.active
		FROM (` + strings.Join(walks, ` UNION ALL `) + ` ORDER BY id LIMIT ?) AS found
		CROSS JOIN identity_vault AS v ON v.id = found.id ORDER BY found.id`, append(args, q.Limit)
}

// walk selects ids of active or inactive people.
func walk(q vault.Query, active bool) (statement string, args []any) {
	var where []string
	add := func(condition string, more ...any) {
		where, args = append(where, condition), append(args, more...)
	}
	table, probe := `identity_vault`, q.With
	if len(q.With) > 0 {
		table, probe = `search_index`, q.With[1:]
		add(`t.attribute = ? AND t.value = ?`, q.With[0].Attribute, q.With[0].Value)
	}
	add(`t.active = ?`, active)
	if q.After >= q.Prefix {
		add(`t.id > ?`, q.After)
	} else {
		add(`t.id >= ?`, q.Prefix)
	}
	if end := prefixEnd(q.Prefix); end != "" {
		add(`t.id < ?`, end)
	}
	const has = `EXISTS (SELECT 1 FROM search_index AS p WHERE p.attribute = ? AND p.value = ? AND p.active = ? AND p.id = t.id)`
	for _, term := range probe {
		add(has, term.Attribute, term.Value, active)
	}
	for _, term := range q.Without {
		add(`NOT `+has, term.Attribute, term.Value, active)
	}
	return `SELECT t.id AS id FROM ` + table + ` AS t WHERE ` + strings.Join(where, ` AND `), args
}

// prefixEnd is the smallest text above all that begin with the prefix; "" if
// there is none. No UTF-8 has the byte 0xff, so that the last can be raised.
func prefixEnd(prefix string) string {
	if prefix == "" {
		return ""
	}
	end := []byte(prefix)
	end[len(end)-1]++
	return string(end)
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
